"""What people see: the rater's way through a study, and the researcher's view of it."""
