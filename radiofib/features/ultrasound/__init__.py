"""Features of B-mode ultrasound: echo amplitude, depth, local texture, fractals, kidney."""

from typing import TYPE_CHECKING

from radiofib._lazy import lazy_names
from radiofib.features.ultrasound.settings import (
    ULTRASOUND_FAMILIES,
    LogCompression,
    Machine,
    UltrasoundSettings,
)

if TYPE_CHECKING:
    from radiofib.features.ultrasound._common import Found
    from radiofib.features.ultrasound.measure import FAMILY_NAMES, ultrasound_features

__all__ = [
    "FAMILY_NAMES",
    "ULTRASOUND_FAMILIES",
    "Found",
    "LogCompression",
    "Machine",
    "UltrasoundSettings",
    "ultrasound_features",
]

# Configurations name the settings alone: what measures is imported when it is used.
__getattr__ = lazy_names(
    __name__, {"Found": "_common", "FAMILY_NAMES": "measure", "ultrasound_features": "measure"}
)
