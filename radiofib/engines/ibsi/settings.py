"""What a configuration of profile `ibsi` can say, typed and checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from radiofib._checks import nearest
from radiofib.config import StrictModel
from radiofib.engines.settings import Count, Number, Positive, Switch
from radiofib.errors import ConfigError
from radiofib.filters.ibsi import Filter, FilterSettings, column_tokens
from radiofib.registry import IBSI_FEATURES, FeatureSpec

__all__ = ["UNFILTERED", "Bins", "IbsiSettings"]

#: Families that describe the outline, or intensities at their place: not measured on filters.
UNFILTERED = ("morph",)
_AGGREGATIONS = tuple(dict.fromkeys(s.aggregation for s in IBSI_FEATURES if s.aggregation))


class Bins(StrictModel):
    """Grey levels by the width or by the number of bins; exactly one of them.

    Parameters
    ----------
    bin_width : float, optional
        Width of a bin in the unit of the image (IBSI's fixed bin size). Bins start at the lower
        bound of `resegment_range`, else at the smallest intensity of the region.
    bin_count : int, optional
        Number of bins between the extremes of the region (fixed bin number).

    Examples
    --------
    >>> Bins(bin_width=25).bin_count is None
    True
    """

    bin_width: Positive | None = None
    bin_count: Count | None = None

    @model_validator(mode="after")
    def _one(self) -> Bins:
        if (self.bin_width is None) == (self.bin_count is None):
            raise ValueError("give either bin_width or bin_count")
        return self


def _tags(spec: FeatureSpec) -> tuple[str, str, str]:
    """Return the names that select a feature: its family, its tag without and with how."""
    bare = spec.key.removesuffix(f"_{spec.aggregation}") if spec.aggregation else spec.key
    return spec.family, bare, spec.key


class IbsiSettings(StrictModel):
    """Everything between an image and IBSI's features.

    Parameters
    ----------
    dimension : {"3d", "2d"}
        Interpolate, filter and aggregate in the volume or slice by slice.
    spacing_mm : tuple of float, optional
        New spacing (x, y, z), or (x, y) by slice; without it the image keeps its grid.
    image_interpolation : {"linear", "cubic", "nearest"}
        Of the image; cubic is the tricubic spline.
    mask_interpolation : {"linear", "nearest"}
        Of the mask.
    partial_volume : float
        Share of a new voxel that has to be in the region.
    round_intensities : bool
        Round to whole numbers after interpolation: for images in whole units such as HU.
    resegment_range : tuple of (float or None), optional
        Smallest and largest intensity that counts; None is open.
    resegment_sigma : float, optional
        Leave out what is further than this many standard deviations from the mean.
    discretisation : Bins
        Grey levels of the histogram and of texture.
    volume_histogram : Bins, optional
        Grey levels of the intensity-volume histogram. Without it the intensities themselves
        where they are whole numbers, else 1000 bins.
    features : tuple of str, optional
        Families (``cm``), features (``cm_joint_max``) or one way of it
        (``cm_joint_max_3d_comb``). Default: all.
    aggregations : tuple of str, optional
        Which ways to aggregate. Default: those of `dimension`.
    filters : tuple of FilterSettings
        IBSI 2 filters; on each response map all families but `morph` are measured.
    filtered_discretisation : Bins
        Grey levels of response maps, whose values have no unit that a width could mean.
    original : bool
        Whether the unfiltered image is measured too.

    Examples
    --------
    >>> settings = IbsiSettings.parse({"dimension": "2d", "features": ["cm_joint_max"]}, where="")
    >>> [spec.key for spec in settings.specs(ndim=3)]  # doctest: +NORMALIZE_WHITESPACE
    ['cm_joint_max_2d_avg', 'cm_joint_max_2d_comb', 'cm_joint_max_2_5d_avg',
     'cm_joint_max_2_5d_comb']
    >>> [spec.key for spec in settings.specs(ndim=2)]
    ['cm_joint_max_2d_avg', 'cm_joint_max_2d_comb']
    """

    dimension: Literal["3d", "2d"] = "3d"
    spacing_mm: tuple[Positive, ...] | None = Field(None, min_length=2, max_length=3)
    image_interpolation: Literal["linear", "cubic", "nearest"] = "linear"
    mask_interpolation: Literal["linear", "nearest"] = "linear"
    partial_volume: Annotated[Number, Field(gt=0, le=1)] = 0.5
    round_intensities: Switch = False
    resegment_range: tuple[Number | None, Number | None] | None = None
    resegment_sigma: Positive | None = None
    discretisation: Bins = Bins(bin_count=32)
    volume_histogram: Bins | None = None
    features: tuple[str, ...] | None = None
    aggregations: tuple[str, ...] | None = None
    filters: tuple[FilterSettings, ...] = ()
    filtered_discretisation: Bins = Bins(bin_count=32)
    original: Switch = True

    @field_validator("resegment_range")
    @classmethod
    def _ascending(cls, value: Any) -> Any:
        if value and None not in value and value[0] >= value[1]:
            raise ValueError("the first number must be smaller than the second")
        return value

    @field_validator("features", "aggregations", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError("expected a list of names")
        return value or None

    @field_validator("features")
    @classmethod
    def _features(cls, value: Any) -> Any:
        known = {tag for spec in IBSI_FEATURES for tag in _tags(spec)}
        for name in value or ():
            _refuse_unknown(name, tuple(known), "IBSI family or feature")
        return value

    @field_validator("aggregations")
    @classmethod
    def _aggregations(cls, value: Any) -> Any:
        for name in value or ():
            _refuse_unknown(name, _AGGREGATIONS, "aggregation")
        return value

    @model_validator(mode="before")
    @classmethod
    def _filters_follow(cls, data: Any) -> Any:
        # A filter without a dimension of its own works in that of the rest.
        if not isinstance(data, dict) or not isinstance(data.get("filters"), list | tuple):
            return data
        where = data.get("dimension", "3d")
        filters = [
            {"dimension": where, **one} if isinstance(one, dict) else one for one in data["filters"]
        ]
        return {**data, "filters": filters}

    @model_validator(mode="after")
    def _together(self) -> IbsiSettings:
        try:
            column_tokens(self.filters)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        if not self.original and not self.filters:
            raise ValueError("nothing to measure: no filters, and original is false")
        numbers = len(self.spacing_mm or ())
        if self.dimension == "3d" and numbers == 2:
            raise ValueError("spacing_mm needs three numbers (x, y, z) in 3-D")
        if self.dimension == "2d" and numbers == 3:
            raise ValueError(
                "spacing_mm needs two numbers (x, y) by slice: slices stay as they are"
            )
        return self

    def specs(self, ndim: int) -> list[FeatureSpec]:
        """Return the features of a region with `ndim` axes, in registry order."""
        ways = self.aggregations or tuple(
            way for way in _AGGREGATIONS if way.startswith("3d") == (self.dimension == "3d")
        )
        if ndim == 2 and self.aggregations is None:
            ways = tuple(way for way in _AGGREGATIONS if way.startswith("2d"))
        return [
            spec
            for spec in IBSI_FEATURES
            if spec.applies_to(ndim)
            and (not spec.aggregation or spec.aggregation in ways)
            and (self.features is None or any(tag in self.features for tag in _tags(spec)))
        ]

    @property
    def tokens(self) -> tuple[str, ...]:
        """Tokens of the images, the unfiltered one first."""
        own = ("original",) if self.original else ()
        return (*own, *column_tokens(self.filters))

    @property
    def named_filters(self) -> tuple[tuple[str, Filter], ...]:
        """Token and settings of each filter."""
        return tuple(zip(column_tokens(self.filters), self.filters, strict=True))


def _refuse_unknown(name: str, known: tuple[str, ...], what: str) -> None:
    if name not in known:
        close = nearest(name, known)
        hint = f"; did you mean {close!r}?" if close else ""
        raise ValueError(f"unknown {what} {name!r}{hint}")
