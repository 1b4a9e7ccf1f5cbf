"""Ultrasound screens: where the image is, and what was burned in."""
