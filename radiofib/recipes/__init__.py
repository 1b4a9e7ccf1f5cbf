"""Study recipes, one YAML file each."""
