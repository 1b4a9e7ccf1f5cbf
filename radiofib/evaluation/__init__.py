"""Splits that keep patients and scanners apart, and what they show."""
