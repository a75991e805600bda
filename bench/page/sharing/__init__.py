"""Runs for others to read, and others' runs beside one's own."""
