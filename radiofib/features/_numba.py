"""How kernels are compiled and kept; see :mod:`radiofib.preprocess._numba`."""

from radiofib.preprocess._numba import cache_folder, kernel

__all__ = ["cache_folder", "kernel"]
