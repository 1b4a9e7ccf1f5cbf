"""From one image of a region to the features of one family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from radiofib.engines.ibsi.settings import Bins, IbsiSettings
from radiofib.features.ibsi import (
    IbsiTexture,
    histogram,
    intensity,
    local_intensity,
    morphology,
    volume_histogram,
)
from radiofib.features.ibsi.texture import Result
from radiofib.preprocess import bounding_box
from radiofib.preprocess.ibsi import IbsiRegion, fixed_bin_number, fixed_bin_size
from radiofib.registry import FeatureSpec

__all__ = ["Picture", "measure"]

#: Bins of the intensity-volume histogram of intensities that are not whole numbers (IBSI's
#: advice for arbitrary units).
FINE = Bins(bin_count=1000)


@dataclass(frozen=True, eq=False)
class Picture:
    """One image of a region, the unfiltered one or a response map; discretised once.

    Parameters
    ----------
    region : IbsiRegion
        The region.
    pixels : ndarray
        The image, on the region's grid.
    settings : IbsiSettings
        What to measure.
    filtered : bool
        Whether `pixels` is a response map, whose values have no unit.
    """

    region: IbsiRegion
    pixels: NDArray[np.float64]
    settings: IbsiSettings
    filtered: bool

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Intensities of the region."""
        return self.pixels[self.region.intensity_mask]

    @cached_property
    def grey(self) -> tuple[NDArray[np.int64], int]:
        """Grey levels of histogram and texture, and how many there can be."""
        settings = self.settings
        bins = settings.filtered_discretisation if self.filtered else settings.discretisation
        return self.discretised(bins)

    def discretised(self, bins: Bins) -> tuple[NDArray[np.int64], int]:
        """Return the grey levels of the region under given bins, and their number."""
        if bins.bin_count is not None:
            return fixed_bin_number(self.values, bins.bin_count), bins.bin_count
        assert bins.bin_width is not None
        levels = fixed_bin_size(self.values, bins.bin_width, self.lower)
        return levels, int(levels.max())

    @property
    def lower(self) -> float | None:
        """Where bins of a fixed size start; None for the smallest intensity."""
        limits = self.region.resegment_range
        return None if self.filtered or limits is None else limits[0]

    @cached_property
    def texture(self) -> IbsiTexture:
        """Texture of the region, cut to the box of its outline."""
        region = self.region
        levels = np.zeros(region.intensity_mask.shape, dtype=np.int64)
        levels[region.intensity_mask], n_levels = self.grey
        box = bounding_box(region.morphology_mask)
        return IbsiTexture(levels[box], n_levels, region.morphology_mask[box])


def measure(picture: Picture, family: str, specs: list[FeatureSpec]) -> Result:
    """Return the features of one family, by registry name.

    Parameters
    ----------
    picture : Picture
        What to measure.
    family : str
        IBSI's tag of the family.
    specs : list of FeatureSpec
        Features of the family that are asked for.
    """
    if family in _PLAIN:
        return _PLAIN[family](picture)
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for way in dict.fromkeys(spec.aggregation for spec in specs):
        found, why = picture.texture.compute(family, way)
        values |= {f"{name}_{way}": value for name, value in found.items()}
        reasons |= {f"{name}_{way}": reason for name, reason in why.items()}
    return values, reasons


def _morphology(picture: Picture) -> Result:
    region = picture.region
    return morphology.compute(
        picture.pixels, region.intensity_mask, region.morphology_mask, region.spacing_mm
    )


def _local_intensity(picture: Picture) -> Result:
    region = picture.region
    return local_intensity.compute(picture.pixels, region.intensity_mask, region.spacing_mm)


def _intensity(picture: Picture) -> Result:
    return intensity.compute(picture.values)


def _histogram(picture: Picture) -> Result:
    return histogram.compute(picture.grey[0])


def _volume_histogram(picture: Picture) -> Result:
    values, limits = picture.values, picture.region.resegment_range
    bins = None if picture.filtered else picture.settings.volume_histogram
    if bins is None:
        if not picture.filtered and np.array_equal(values, np.rint(values)):
            return volume_histogram.compute(values, limits=limits)
        bins = FINE
    if bins.bin_count is not None:
        return volume_histogram.compute(
            values, method="fixed_bin_number", bin_number=bins.bin_count
        )
    return volume_histogram.compute(
        values, method="fixed_bin_size", bin_width=bins.bin_width, limits=limits
    )


_PLAIN: dict[str, Callable[[Picture], Result]] = {
    "morph": _morphology,
    "loc": _local_intensity,
    "stat": _intensity,
    "ih": _histogram,
    "ivh": _volume_histogram,
}
