"""Arrays to numbers: one family of features in each file."""
