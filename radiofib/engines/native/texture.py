"""From one image of a region to all families: discretised once, matrices shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from radiofib.engines.extraction import Measured, one_line
from radiofib.engines.native import conventions
from radiofib.engines.rules import glcm_too_large
from radiofib.engines.settings import Settings
from radiofib.features import firstorder, glcm, gldm, glrlm, glszm, ngtdm
from radiofib.features.matrices import Levels, Matrices, cooccurrence_weights, run_weights
from radiofib.preprocess import Discretised, discretise

__all__ = ["measure_texture"]


def measure_texture(
    pixels: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, ...],
    settings: Settings,
    families: list[str],
    *,
    guard_memory: bool = True,
) -> Iterator[tuple[str, Measured | str]]:
    """Yield each family of an image with its values and remarks, or why it has none.

    Parameters
    ----------
    pixels, mask : ndarray of one shape, 2-D or 3-D
        Image and region, cropped to the region.
    spacing_mm : tuple of float
        Spacing along the axes of `pixels`.
    settings : Settings
        Settings that hold for this image.
    families : list of str
        ``firstorder, glcm, glrlm, glszm, gldm, ngtdm``, any of them.
    guard_memory : bool
        Leave out a co-occurrence matrix beyond the limit of the region rules.
    """
    values = pixels[mask]
    too_large = None
    if guard_memory and "glcm" in families:
        too_large = glcm_too_large(values, settings, pixels.ndim)
    grey = discretise(pixels, mask, bin_width=settings.bin_width, bin_count=settings.bin_count)
    forced = settings.force_2d_dimension if settings.force_2d and pixels.ndim == 3 else None
    texture = _Texture(values, grey, spacing_mm, settings, forced)
    for family in families:
        if family == "glcm" and too_large is not None:
            yield family, too_large
            continue
        try:
            yield family, texture.family(family)
        except (ValueError, MemoryError, FloatingPointError) as error:
            yield family, f"{family} failed: {one_line(error)}"


class _Texture:
    """The families of one discretised image."""

    def __init__(
        self,
        values: NDArray[np.generic],
        grey: Discretised,
        spacing_mm: tuple[float, ...],
        settings: Settings,
        forced: int | None,
    ) -> None:
        self.values = values
        self.grey = grey
        self.spacing_mm = spacing_mm
        self.settings = settings
        levels = Levels.of(grey.levels, distances=settings.distances, force_2d_dimension=forced)
        self.matrices = Matrices(levels)
        self.levels = levels

    def family(self, name: str) -> Measured:
        with np.errstate(all="ignore"):
            return _FAMILIES[name](self)

    def firstorder(self) -> Measured:
        found = firstorder.compute(
            self.values,
            self.grey.counts,
            self.spacing_mm,
            voxel_array_shift=self.settings.voxel_array_shift,
        )
        return found, conventions.firstorder(self.values)

    def glcm(self) -> Measured:
        counts = self.matrices.glcm()
        found = glcm.compute(
            counts,
            self.levels.grey_levels,
            symmetrical=self.settings.symmetrical_glcm,
            weights=cooccurrence_weights(
                self.matrices.pair_directions, self.spacing_mm, self.settings.weighting_norm
            ),
        )
        return found, conventions.glcm(counts, merged=self.settings.weighting_norm is not None)

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
