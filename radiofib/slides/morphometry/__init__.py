"""What labelled tissue measures: tracts, zones, nuclei, septa, fat, collagen, adequacy."""
