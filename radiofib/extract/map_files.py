"""Maps on disk: images without a trace of when or where."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.errors import EngineError
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
    image = grid.image(values)
    temporary = path.with_name(f".{os.getpid()}.part.{path.name}")
    try:
        sitk.WriteImage(image, str(temporary), useCompression=True)
        temporary.replace(path)
    except RuntimeError as error:
        raise EngineError(
            "the map cannot be written",
            where=path.name,
            found=str(error).strip().splitlines()[-1],
            hint="free disk space, or write NRRD (--maps-format nrrd)",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
