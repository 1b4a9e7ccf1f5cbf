"""The largest even organ on the patient's right: its intensity, its region, its edge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.segment.body import WorkingImage
from radiofib.segment.localiser_settings import LocaliserSettings
from radiofib.segment.morphology import closed, depth_mm, grown, opened
from radiofib.segment.regions import fill_holes, largest_piece

__all__ = ["Organ", "find_organ"]

Mask = NDArray[np.bool_]
_BIN = 0.02
_SMOOTH_BINS = 2.0
_PEAK_BINS, _PEAK_SHARE = 8, 0.1
_FIRST_TOLERANCE = 2.2
_FULL_RADIUS_MM = 35.0


@dataclass(frozen=True, eq=False)
class Organ:
    """What was found.

    Parameters
    ----------
    region : ndarray of bool
        On the working grid.
    mode, sd : float
        Its intensity on the working scale.
    radius_mm : float
        Radius of the largest ball inside.
    rival : float
        Score of the second-best intensity over that of the best, 0 when there was none.
    clear_edge : float
        Share of its surface with another intensity behind it; the rest may be a leak.
    """

    region: Mask
    mode: float
    sd: float
    radius_mm: float
    rival: float
    clear_edge: float


def find_organ(work: WorkingImage, settings: LocaliserSettings) -> Organ | None:
    """Find the organ, None when nothing even is where the liver should be.

    1. A histogram of the soft tissue, each voxel weighted by its place and by
       ``1 / (local deviation + 0.05)^2``, gives candidate intensities.
    2. For each, voxels within 2.2 deviations, opened by a ball, give pieces; a piece scores the
       sum of the place prior over it, times its largest inscribed radius over 35 mm (at most 1).
       The best score wins.
    3. Mode and deviation are measured anew deep inside it, and pieces taken with them.
    4. A watershed of the gradient between its inside and what lies well outside finds the edge;
       closing and hole filling bring back vessels.
    """
    step = settings.spacing_mm
    scored = sorted(
        (c for mode, sd in _modes(work, settings) if (c := _score(work, mode, sd, settings))),
        key=lambda c: -c[0],
    )
    if not scored:
        return None
    best, piece = scored[0]
    deep = depth_mm(piece, step) > step * 2
    values = work.scale[deep if deep.any() else piece]
    mode = float(np.median(values))
    sd = max(float(1.4826 * np.median(np.abs(values - mode))), settings.smallest_sd)
    even = np.abs(work.scale - mode) < settings.tolerance * sd
    near = work.body & closed(even, step, step)
    core = _likeliest(opened(near, settings.opening_mm, step), work)
    if core is None:
        return None
    region = _to_edge(work, core, grown(core, settings.edge_mm, step) & near, settings)
    if not region.any():
        return None
    return Organ(
        region,
        mode,
        sd,
        radius_mm=_radius(region, step),
        rival=scored[1][0] / best if len(scored) > 1 else 0.0,
        clear_edge=_clear_edge(work, region, mode, sd, settings),
    )


def _modes(work: WorkingImage, settings: LocaliserSettings) -> Iterator[tuple[float, float]]:
    """Yield peaks of the weighted histogram with their deviation from the width at half height."""
    if not work.soft.any():
        return
    mean = ndimage.uniform_filter(work.scale, 5)
    square = ndimage.uniform_filter(work.scale**2, 5)
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    weights = (work.prior / (spread + 0.05) ** 2)[work.soft]
    values = work.scale[work.soft]
    edges = np.arange(float(values.min()), float(values.max()) + 2 * _BIN, _BIN)
    counts = np.histogram(values, edges, weights=weights)[0]
    height = ndimage.gaussian_filter1d(counts, _SMOOTH_BINS)
    for k in range(len(height)):
        around = height[max(0, k - _PEAK_BINS) : k + _PEAK_BINS + 1]
        if height[k] < around.max() or height[k] <= _PEAK_SHARE * height.max():
            continue
        low = high = k
        while low > 0 and height[low] > height[k] / 2:
            low -= 1
        while high < len(height) - 1 and height[high] > height[k] / 2:
            high += 1
        sd = max((high - low) * _BIN / 2.355, settings.smallest_sd)
        yield float(edges[k] + edges[k + 1]) / 2, sd


def _score(
    work: WorkingImage, mode: float, sd: float, settings: LocaliserSettings
) -> tuple[float, Mask] | None:
    step = settings.spacing_mm
    even = work.body & (np.abs(work.scale - mode) < _FIRST_TOLERANCE * sd)
    piece = _likeliest(opened(even, settings.opening_mm, step), work)
    if piece is None:
        return None
    share = min(1.0, _radius(piece, step) / _FULL_RADIUS_MM)
    return float(work.prior[piece].sum(dtype=np.float64)) * share, piece


def _likeliest(region: Mask, work: WorkingImage) -> Mask | None:
    """Return the piece with the largest sum of the place prior."""
    labels, count = ndimage.label(region)
    if count == 0:
        return None
    sums = ndimage.sum_labels(work.prior.astype(np.float64), labels, np.arange(1, count + 1))
    return np.asarray(labels == int(np.argmax(sums)) + 1)


def _radius(region: Mask, step: float) -> float:
    depth = depth_mm(region, step)
    return float(min(depth.max(), max(region.shape) * step))


def _to_edge(work: WorkingImage, core: Mask, region: Mask, settings: LocaliserSettings) -> Mask:
    from skimage.segmentation import watershed  # half a second that no other mask needs

    step = settings.spacing_mm
    region, _ = largest_piece(region | core)
    inside = depth_mm(core, step) > step
    outside = ~grown(region, settings.edge_mm, step) | ~work.body
    slope = ndimage.gaussian_gradient_magnitude(work.scale, 0.7)
    markers = np.zeros(core.shape, dtype=np.int32)
    markers[outside], markers[inside] = 1, 2
    found = watershed(slope, markers) == 2
    found, _ = largest_piece(opened(found, step, step))
    return fill_holes(closed(found, settings.closing_mm, step) & work.body)


def _clear_edge(
    work: WorkingImage, region: Mask, mode: float, sd: float, settings: LocaliserSettings
) -> float:
    step = settings.spacing_mm
    behind = grown(region, 2 * step, step) & ~grown(region, step, step)
    if not behind.any():
        return 0.0
    other = np.abs(work.scale[behind] - mode) > settings.tolerance * sd
    return float(np.mean(other | ~work.body[behind]))
