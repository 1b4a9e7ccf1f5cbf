"""The working image of the localiser: LPS, isotropic, one scale for CT and MR, and the body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.errors import MaskError
from radiofib.images.grids import Grid
from radiofib.images.image import Image
from radiofib.segment.grids import on_grid, oriented_grid, to_itk
from radiofib.segment.localiser_settings import LocaliserSettings
from radiofib.segment.morphology import opened
from radiofib.segment.regions import largest_piece

__all__ = ["WorkingImage", "working_image"]

#: CT: skin is well above -300 HU, and soft tissue lies between -50 and 250.
_CT_BODY, _CT_SOFT, _CT_CLIP = -300.0, (-0.5, 2.5), (-200.0, 400.0)
#: MR: body is above this share of the 95th percentile of the smoothed volume; below the second
#: share of the body's median there is no soft tissue (air, cortical bone).
_MR_BODY, _MR_SOFT, _MR_FLOOR = 0.12, 0.06, 0.03
_SKIN_OPENING_MM = 6.0


@dataclass(frozen=True, eq=False)
class WorkingImage:
    """What the localiser works on; arrays are (z, y, x) with x to the left, y back, z up.

    Parameters
    ----------
    scale : ndarray of float32
        Smoothed intensity: HU / 100, or log of signal over the body's median.
    body, soft : ndarray of bool
        Inside the skin; of it what may be an organ.
    prior : ndarray of float32
        Expectation of the right lobe by place, 1 at its middle.
    box : tuple of float
        Body's left-right and front-back extent in mm.
    grid : Grid
        Of the arrays.
    is_ct : bool
        Which scale it is.
    """

    scale: NDArray[np.float32]
    body: NDArray[np.bool_]
    soft: NDArray[np.bool_]
    prior: NDArray[np.float32]
    box: tuple[float, float]
    grid: Grid
    is_ct: bool


def working_image(image: Image, settings: LocaliserSettings, where: str | None) -> WorkingImage:
    """Bring a volume to the working grid and find the body.

    Raises
    ------
    MaskError
        When there is no body large enough to hold a liver.
    """
    source = Grid.of(image)
    assert source is not None
    step = settings.spacing_mm
    grid = oriented_grid(source, "LPS", (step, step, step))
    values = _resampled(image, source, grid)
    is_ct = settings.modality == "ct" or (settings.modality == "auto" and values.min() < -500)
    body = _body(values, step, is_ct)
    if not body.any():
        raise MaskError("no body is found in the volume", where=where)
    (x0, x1), (y0, y1) = _extent(body, 2), _extent(body, 1)
    box = (x1 - x0) * step, (y1 - y0) * step
    if box[0] < settings.body_mm[0] or box[1] < settings.body_mm[1]:
        raise MaskError(
            "the volume shows no abdomen",
            where=where,
            expected=f"a body of {settings.body_mm[0]:g} x {settings.body_mm[1]:g} mm or more",
            found=f"{box[0]:.0f} x {box[1]:.0f} mm",
            hint="give a mask, or lower body_mm of the localiser for a child",
        )
    scale: NDArray[np.float32]
    if is_ct:
        scale = np.clip(values, *_CT_CLIP) / np.float32(100)
    else:
        scale = _log_signal(values, body)
        if settings.bias_field:
            scale = scale - _log_bias(scale, body, grid)
    scale = ndimage.gaussian_filter(ndimage.median_filter(scale, 3), 0.6)
    low, high = _CT_SOFT if is_ct else (float(np.log(_MR_SOFT)), np.inf)
    soft = body & (scale > low) & (scale < high)
    x = (np.arange(body.shape[2]) - x0) / (x1 - x0)
    y = (np.arange(body.shape[1]) - y0) / (y1 - y0)
    away_x = (x - settings.place[0]) / settings.place_sd[0]
    away_y = (y - settings.place[1]) / settings.place_sd[1]
    prior = np.exp(-(away_x[None, :] ** 2 + away_y[:, None] ** 2) / 2)[None] * body
    return WorkingImage(scale, body, soft, prior.astype(np.float32), box, grid, is_ct)


def _resampled(image: Image, source: Grid, grid: Grid) -> NDArray[np.float32]:
    """Resample linearly, after a Gaussian as wide as what the coarser voxels average over."""
    given = to_itk(image.pixels.astype(np.float32), source)
    pairs = zip(grid.spacing_mm, source.spacing_mm, strict=True)
    widths = [max(new**2 - old**2, 0.0) / 12 for new, old in pairs]
    if max(widths) > 0:
        given = sitk.DiscreteGaussian(given, widths)
    found: NDArray[np.float32] = sitk.GetArrayFromImage(
        on_grid(given, grid, sitk.sitkLinear, edge=True)
    )
    return found


def _body(values: NDArray[np.float32], step: float, is_ct: bool) -> NDArray[np.bool_]:
    if is_ct:
        above = values > _CT_BODY
    else:
        smooth = ndimage.gaussian_filter(values, 1)
        above = smooth > _MR_BODY * float(np.percentile(smooth, 95))
    piece, _ = largest_piece(opened(above, _SKIN_OPENING_MM, step))
    return np.stack([ndimage.binary_fill_holes(plane) for plane in piece])


def _extent(body: NDArray[np.bool_], axis: int) -> tuple[float, float]:
    """Return where the body begins and ends, but for its outermost half per cent."""
    counts = body.sum(axis=tuple(a for a in range(3) if a != axis))
    share = np.cumsum(counts) / counts.sum()
    return float(np.searchsorted(share, 0.005)), float(np.searchsorted(share, 0.995))


def _log_signal(values: NDArray[np.float32], body: NDArray[np.bool_]) -> NDArray[np.float32]:
    middle = float(np.median(values[body]))
    if middle <= 0:
        middle = float(np.abs(values[body]).mean()) or 1.0
    found: NDArray[np.float32] = np.log(np.maximum(values / middle, _MR_FLOOR))
    return found


def _log_bias(
    scale: NDArray[np.float32], body: NDArray[np.bool_], grid: Grid
) -> NDArray[np.float32]:
    """Return the logarithm of the bias field by N4 (Tustison 2010, 10.1109/TMI.2010.2046908)."""
    image = to_itk(np.exp(scale), grid)
    mask = to_itk(body.astype(np.uint8), grid)
    # A bias field is smooth: 9 mm voxels are fine enough.
    factors = [3 if n >= 24 else 1 for n in grid.size]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetNumberOfThreads(1)  # sums of threads differ in the last digit
    n4.SetMaximumNumberOfIterations([20, 15])
    n4.Execute(sitk.Shrink(image, factors), sitk.Shrink(mask, factors))
    found: NDArray[np.float32] = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(image))
    return found
