"""What people said, kept: the database of a study."""
