"""One file a chapter of the report: its numbers, its sentences and its figures.

A new statistic goes into the chapter that it belongs to, and nowhere else.
"""
