"""Statistics: arrays in, tidy frames out."""
