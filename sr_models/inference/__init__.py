"""Weights files, upscalers made from them, and other formats to read and write."""
