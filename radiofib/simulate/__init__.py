"""Phantoms and cohorts with known truth."""
