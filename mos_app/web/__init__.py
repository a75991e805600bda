"""What a rater's browser talks to."""
