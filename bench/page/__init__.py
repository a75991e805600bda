"""A results folder as one page that opens in any browser."""
