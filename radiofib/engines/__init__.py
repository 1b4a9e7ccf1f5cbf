"""Who computes features: one small interface, several engines."""
