"""Feature tables in the formats of statistics programs."""
