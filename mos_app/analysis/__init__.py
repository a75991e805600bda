"""From ratings to claims that hold: pure functions on tables, one small module per question."""
