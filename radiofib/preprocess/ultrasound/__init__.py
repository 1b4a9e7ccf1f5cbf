"""Ultrasound screens: where the image is, what was burned in, and patches of parenchyma."""

from radiofib.preprocess.ultrasound.burned_in import shows_burned_in
from radiofib.preprocess.ultrasound.clean import CleanImage, clean_screen
from radiofib.preprocess.ultrasound.fill import fill_blanked
from radiofib.preprocess.ultrasound.geometry import Fan, Quad, WholePicture
from radiofib.preprocess.ultrasound.patches import Patches, find_patches
from radiofib.preprocess.ultrasound.settings import CleanSettings, PatchSettings

__all__ = [
    "CleanImage",
    "CleanSettings",
    "Fan",
    "PatchSettings",
    "Patches",
    "Quad",
    "WholePicture",
    "clean_screen",
    "fill_blanked",
    "find_patches",
    "shows_burned_in",
]
