"""Maps on disk: images without a trace of when or where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import EngineError, ImageError
from radiofib.images import write_volume
from radiofib.preprocess import Grid

__all__ = ["MAP_FORMATS", "write_map"]

#: Formats of maps, which are the endings of the files.
MAP_FORMATS = ("nii.gz", "nrrd")


def write_map(values: NDArray[np.float64], grid: Grid, path: Path) -> None:
    """Write a map as compressed NIfTI or NRRD, by the ending of `path`; whole or not at all.

    Doubles, with spacing, position and direction of the grid (NIfTI keeps these in single
    precision). The same map gives the same bytes.

    Raises
    ------
    EngineError
        When the format cannot hold the geometry.
    """
    try:
        write_volume(path, grid.image(values))
    except ImageError as error:
        raise EngineError(
            "the map cannot be written",
            where=error.where,
            found=error.found,
            hint="free disk space, or write NRRD (--maps-format nrrd)",
        ) from error
