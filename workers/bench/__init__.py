"""Measuring the whole pipeline beside the textbook design."""
