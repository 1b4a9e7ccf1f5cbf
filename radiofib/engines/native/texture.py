"""From one image of a region to all families: discretised once, matrices shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.engines.extraction import Measured, one_line
from radiofib.engines.native import conventions
from radiofib.engines.rules import glcm_too_large
from radiofib.engines.settings import Settings
from radiofib.errors import EngineError
from radiofib.features import firstorder, glcm, gldm, glrlm, glszm, ngtdm
from radiofib.features.matrices import Layout, Matrices, cooccurrence_weights, run_weights
from radiofib.preprocess import Discretised, check_memory, grey_levels

__all__ = ["Layouts", "measure_texture"]


class Layouts:
    """The layouts of a region, made once for each choice of neighbours.

    Parameters
    ----------
    mask : ndarray of bool, 2-D or 3-D
        The region, cropped to its bounding box.

    Examples
    --------
    >>> layouts = Layouts(np.ones((2, 3), dtype=bool))
    >>> layouts.under(Settings()) is layouts.under(Settings(bin_count=9))
    True
    """

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self.mask = mask
        self._made: dict[Any, Layout] = {}
        self._lock = Lock()

    def under(self, settings: Settings) -> Layout:
        """Return the layout under the settings of an image."""
        flat = settings.force_2d and self.mask.ndim == 3
        forced = settings.force_2d_dimension if flat else None
        key = (tuple(settings.distances), forced)
        with self._lock:
            if key not in self._made:
                self._made[key] = Layout.of(
                    self.mask, distances=settings.distances, force_2d_dimension=forced
                )
            return self._made[key]


#: Bytes for a pair of grey levels and a direction at the peak, measured.
_GLCM_BYTES = 75


def measure_texture(
    values: NDArray[np.generic],
    layouts: Layouts,
    spacing_mm: tuple[float, ...],
    settings: Settings,
    families: list[str],
    *,
    guard_memory: bool = True,
) -> Iterator[tuple[str, Measured | str]]:
    """Yield each family of an image with its values and remarks, or why it has none.

    Parameters
    ----------
    values : ndarray, 1-D
        Intensities of the region's voxels in C order.
    layouts : Layouts
        Where these voxels are.
    spacing_mm : tuple of float
        Spacing along the axes of the image.
    settings : Settings
        Settings that hold for this image.
    families : list of str
        ``firstorder, glcm, glrlm, glszm, gldm, ngtdm``, any of them.
    guard_memory : bool
        Leave out a co-occurrence matrix beyond the limit of the region rules.
    """
    too_large = None
    if guard_memory and "glcm" in families:
        too_large = glcm_too_large(values, settings, layouts.mask.ndim)
    try:
        grey = grey_levels(values, bin_width=settings.bin_width, bin_count=settings.bin_count)
    except EngineError as error:  # of this image; another band of the same filter may do
        yield from ((family, str(error)) for family in families)
        return
    texture = _Texture(values, grey, layouts.under(settings), spacing_mm, settings)
    del values, grey  # not needed beside the matrices
    for family in families:
        if family == "glcm" and too_large is not None:
            yield family, too_large
            continue
        if (reason := texture.why_none(family)) is not None:
            yield family, reason
            continue
        try:
            yield family, texture.family(family)
        except EngineError as error:
            yield family, str(error)
        except (ValueError, MemoryError, FloatingPointError) as error:
            yield family, f"{family} failed: {one_line(error)}"


class _Texture:
    """The families of one discretised image."""

    def __init__(
        self,
        values: NDArray[np.generic],
        grey: Discretised,
        layout: Layout,
        spacing_mm: tuple[float, ...],
        settings: Settings,
    ) -> None:
        self.values = values
        self.counts = grey.counts
        self.spacing_mm = spacing_mm
        self.settings = settings
        self.levels = layout.levels(grey.levels, grey.counts)
        self.matrices = Matrices(self.levels)

    def why_none(self, name: str) -> str | None:
        """Return why a family has no value: no two voxels of the box are neighbours."""
        if name == "firstorder":
            return None
        along_runs = name in ("glrlm", "glszm")
        matrices = self.matrices
        if len(matrices.run_directions if along_runs else matrices.pair_directions):
            return None
        distances = "1" if along_runs else " or ".join(map(str, self.settings.distances))
        return f"no two voxels of the region can be neighbours at distance {distances}"

    def check_glcm_memory(self) -> None:
        """Refuse a co-occurrence matrix that memory does not hold; `glcm_too_large` is a limit."""
        levels, directions = len(self.levels.present), len(self.matrices.pair_directions)
        check_memory(
            levels**2 * directions * _GLCM_BYTES,
            what="the co-occurrence matrix",
            found=f"{levels:,} grey levels in {directions} directions",
            hint="use a larger binWidth, or binCount",
        )

    def family(self, name: str) -> Measured:
        with np.errstate(all="ignore"):
            return _FAMILIES[name](self)

    def firstorder(self) -> Measured:
        values, self.values = self.values, self.values[:0]  # let go of them: no other needs them
        found = firstorder.compute(
            values,
            self.counts,
            self.spacing_mm,
            voxel_array_shift=self.settings.voxel_array_shift,
        )
        return found, conventions.firstorder(found)

    def glcm(self) -> Measured:
        self.check_glcm_memory()
        counts = self.matrices.glcm()
        found = glcm.compute(
            counts,
            self.levels.grey_levels,
            symmetrical=self.settings.symmetrical_glcm,
            weights=cooccurrence_weights(
                self.matrices.pair_directions, self.spacing_mm, self.settings.weighting_norm
            ),
        )
        remarks = conventions.glcm(
            counts,
            symmetrical=self.settings.symmetrical_glcm,
            merged=self.settings.weighting_norm is not None,
        )
        return found, remarks

    def glrlm(self) -> Measured:
        weights = run_weights(
            self.matrices.run_directions, self.spacing_mm, self.settings.weighting_norm
        )
        counts = self.matrices.glrlm()
        return glrlm.compute(counts, self.levels.grey_levels, weights=weights), {}

    def glszm(self) -> Measured:
        zones = self.matrices.glszm()
        return glszm.compute(zones.counts, self.levels.grey_levels, zones.sizes), {}

    def gldm(self) -> Measured:
        counts = self.matrices.gldm(self.settings.gldm_a)
        return gldm.compute(counts, self.levels.grey_levels), {}

    def ngtdm(self) -> Measured:
        matrix = self.matrices.ngtdm()
        return ngtdm.compute(matrix), conventions.ngtdm(matrix)


_FAMILIES: dict[str, Callable[[_Texture], Measured]] = {
    name: getattr(_Texture, name)
    for name in ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
}
