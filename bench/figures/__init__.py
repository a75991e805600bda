"""Figures that answer one question each, sized for a paper's column."""
