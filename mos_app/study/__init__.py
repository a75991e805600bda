"""What a study is and shows, in which order and words: no database, no web."""
