"""What an analysis looks like: sentences, tables, figures, one page."""
