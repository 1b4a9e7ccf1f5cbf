"""Compile the kernels before they are needed, so that a caller can say what takes so long."""

from __future__ import annotations

import numpy as np

from radiofib.features.matrices._numba import cache_folder
from radiofib.features.matrices.levels import Layout, Levels
from radiofib.features.matrices.texture import Matrices

__all__ = ["needs_compilation", "warm_up"]


def needs_compilation() -> bool:
    """Tell whether no compiled kernel is on disk yet (the first use takes about 10 s).

    Examples
    --------
    >>> warm_up()
    >>> needs_compilation()
    False
    """
    return next(cache_folder().rglob("_kernels.*.nbi"), None) is None


def warm_up() -> None:
    """Compile every kernel for both label types, or load it from the cache folder."""
    levels = np.arange(1, 13, dtype=np.int64).reshape(2, 2, 3)
    for stretch in (1, 1000):
        for distances in ((1,), (1, 2)):
            matrices = Matrices(Levels.of(levels * stretch, distances=distances))
            counts = np.bincount(levels.reshape(-1) * stretch)[1:]
            kind: type[np.integer] = np.uint8 if stretch == 1 else np.int32
            found = (levels * stretch).reshape(-1).astype(kind)
            Layout.of(levels > 0, distances=distances).levels(found, counts)
            matrices.glrlm()
            matrices.glcm()
            matrices.glszm()
            matrices.gldm()
            matrices.gldm(1)
            matrices.ngtdm()
