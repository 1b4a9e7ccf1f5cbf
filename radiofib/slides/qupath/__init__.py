"""QuPath's GeoJSON, written and read; annotations as labels; scripts for a project."""
