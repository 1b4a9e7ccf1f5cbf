"""Biopsy slides: open, find tissue, measure, hand over to QuPath."""
