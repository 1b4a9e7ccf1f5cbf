"""How far measures and labels of slides agree with those of readers."""
