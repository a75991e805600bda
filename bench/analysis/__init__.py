"""From rows to what can be said: averages, comparisons, and the paper's numbers."""
