"""The benchmark: protocols that turn pairs of pictures into numbers that can be compared."""
