"""From files and databases to one checked table of ratings."""
