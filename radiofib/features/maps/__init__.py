"""Feature maps: all first-order and texture features of a moving window, compiled with numba."""

from radiofib.features.maps.names import FAMILIES, NAMES
from radiofib.features.maps.windows import WindowSettings, window_features

__all__ = ["FAMILIES", "NAMES", "WindowSettings", "window_features"]
