"""What became of image and masks, under the names of IBSI's reference values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiofib.preprocess.crop import bounding_box
from radiofib.preprocess.ibsi.region import IbsiRegion

__all__ = ["diagnostics"]

_AXES = "zyx"


def diagnostics(
    pixels: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    region: IbsiRegion,
) -> dict[str, float]:
    """Return sizes, counts and intensities before and after interpolation and resegmentation.

    Parameters
    ----------
    pixels, mask, spacing_mm
        Image and region before processing.
    region : IbsiRegion
        What :func:`prepare_ibsi` made of them. Intensities of the interpolated image are NaN
        when the region was cut out of it; ``margin_mm=None`` keeps it whole.

    References
    ----------
    IBSI reference manual, doi 10.48550/arXiv.1612.07003, image processing diagnostics.

    Examples
    --------
    >>> from radiofib.preprocess.ibsi import prepare_ibsi
    >>> pixels = np.arange(8.0).reshape(2, 2, 2)
    >>> region = prepare_ibsi(pixels, pixels > 3, (3.0, 1.0, 1.0), resegment_range=(0, 6))
    >>> found = diagnostics(pixels, pixels > 3, (3.0, 1.0, 1.0), region)
    >>> found["vox_dim_z_init_img"], found["int_mask_vox_count_reseg_roi"]
    (3.0, 3.0)
    >>> found["int_mask_max_int_interp_roi"], found["morph_mask_bb_dim_z_reseg_roi"]
    (7.0, 1.0)
    """
    whole = region.pixels.shape == region.grid_shape
    found = _image("init", pixels.shape, spacing_mm, pixels)
    found |= _image("interp", region.grid_shape, region.spacing_mm, region.pixels if whole else ())
    found |= _masks("init", pixels.shape, pixels, mask, mask)
    before = region.morphology_mask
    found |= _masks("interp", region.grid_shape, region.pixels, before, before)
    found |= _masks("reseg", region.grid_shape, region.pixels, region.intensity_mask, before)
    return found


def _image(
    stage: str,
    shape: tuple[int, ...],
    spacing_mm: Sequence[float],
    pixels: NDArray[np.generic] | tuple[()],
) -> dict[str, float]:
    axes = _AXES[-len(shape) :]
    found = {f"img_dim_{a}_{stage}_img": float(n) for a, n in zip(axes, shape, strict=True)}
    found |= {f"vox_dim_{a}_{stage}_img": float(s) for a, s in zip(axes, spacing_mm, strict=True)}
    return found | _intensities("{}_int_" + f"{stage}_img", np.asarray(pixels, dtype=np.float64))


def _masks(
    stage: str,
    shape: tuple[int, ...],
    pixels: NDArray[np.generic],
    intensity: NDArray[np.bool_],
    morphology: NDArray[np.bool_],
) -> dict[str, float]:
    axes = _AXES[-len(shape) :]
    found = {f"int_mask_dim_{a}_{stage}_roi": float(n) for a, n in zip(axes, shape, strict=True)}
    for name, mask in (("int", intensity), ("morph", morphology)):
        for a, part in zip(axes, bounding_box(mask), strict=True):
            found[f"{name}_mask_bb_dim_{a}_{stage}_roi"] = float(part.stop - part.start)
        found[f"{name}_mask_vox_count_{stage}_roi"] = float(np.count_nonzero(mask))
    values = pixels[intensity].astype(np.float64)
    return found | _intensities("int_mask_{}_int_" + f"{stage}_roi", values)


def _intensities(pattern: str, values: NDArray[np.float64]) -> dict[str, float]:
    if values.size == 0:
        return {pattern.format(name): float("nan") for name in ("mean", "min", "max")}
    return {
        pattern.format("mean"): float(values.mean()),
        pattern.format("min"): float(values.min()),
        pattern.format("max"): float(values.max()),
    }
