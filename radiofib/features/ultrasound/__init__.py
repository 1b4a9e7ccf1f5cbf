"""Features of B-mode ultrasound: echo amplitude, depth, local texture, fractals, kidney."""

from radiofib.features.ultrasound._common import Found
from radiofib.features.ultrasound.measure import FAMILY_NAMES, ultrasound_features
from radiofib.features.ultrasound.settings import (
    ULTRASOUND_FAMILIES,
    LogCompression,
    Machine,
    UltrasoundSettings,
)

__all__ = [
    "FAMILY_NAMES",
    "ULTRASOUND_FAMILIES",
    "Found",
    "LogCompression",
    "Machine",
    "UltrasoundSettings",
    "ultrasound_features",
]
