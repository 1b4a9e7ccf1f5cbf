"""From arrays to numbers: one family of features per module, each with one `compute`."""
