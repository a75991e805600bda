"""What ratings say: pure functions, one small module per question."""
