"""The native engine: pyradiomics' numbers on numpy and numba, many times faster."""

from radiofib.engines.native.engine import NativeEngine

__all__ = ["NativeEngine"]
