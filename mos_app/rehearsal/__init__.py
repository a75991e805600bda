"""A study tried on simulated raters, on a scratch database."""
