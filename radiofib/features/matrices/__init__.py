"""Texture matrices of a discretised region, compiled with numba."""

from radiofib.features.matrices.angles import cooccurrence_weights, directions, run_weights
from radiofib.features.matrices.levels import Layout, Levels
from radiofib.features.matrices.texture import Matrices, ZoneMatrix
from radiofib.features.matrices.warm import needs_compilation, warm_up

__all__ = [
    "Layout",
    "Levels",
    "Matrices",
    "ZoneMatrix",
    "cooccurrence_weights",
    "directions",
    "needs_compilation",
    "run_weights",
    "warm_up",
]
