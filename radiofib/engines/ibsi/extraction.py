"""One region under profile `ibsi`: prepared, filtered, measured, every gap with its reason."""

from __future__ import annotations

from functools import partial

import numpy as np

from radiofib.engines.base import RoiFeatures
from radiofib.engines.columns import ibsi_columns
from radiofib.engines.config import ExtractionConfig
from radiofib.engines.conventions import IN_PIXELS
from radiofib.engines.extraction import NOT_DEFINED, one_line
from radiofib.engines.ibsi.measure import Picture, measure
from radiofib.engines.ibsi.settings import IbsiSettings
from radiofib.errors import EngineError, MaskError, RadiofibError
from radiofib.features.ibsi.texture import Result
from radiofib.filters.ibsi import Filter, respond, support
from radiofib.parallel import Crew
from radiofib.preprocess.ibsi import PEAK_RADIUS_MM, IbsiRegion, prepare_ibsi
from radiofib.registry import FeatureSpec
from radiofib.roi import Roi

__all__ = ["extract_ibsi", "prepare"]


def prepare(roi: Roi, settings: IbsiSettings, *, whole: bool = False) -> IbsiRegion:
    """Interpolate, round and resegment a region as the settings say.

    Parameters
    ----------
    roi : Roi
        The region.
    settings : IbsiSettings
        What to do.
    whole : bool
        Keep the whole image, and not only what filters and features reach.

    Raises
    ------
    EngineError
        When the image cannot be interpolated.
    MaskError
        When nothing is left of the region.
    """
    if settings.spacing_mm is not None and not roi.spacing_known:
        raise EngineError(
            "the image cannot be interpolated, because it does not say how large a pixel is",
            hint="remove spacing_mm",
        )
    return prepare_ibsi(
        roi.pixels,
        roi.mask,
        roi.spacing_mm,
        spacing_out=_spacing_out(roi, settings),
        dimension=settings.dimension,
        image_interpolation=settings.image_interpolation,
        mask_interpolation=settings.mask_interpolation,
        partial_volume=settings.partial_volume,
        round_intensities=settings.round_intensities,
        resegment_range=settings.resegment_range,
        resegment_sigma=settings.resegment_sigma,
        margin_mm=None if whole else _margin(roi, settings),
    )


def _margin(roi: Roi, settings: IbsiSettings) -> float | None:
    """Return how far around the region filters and features look; None for the whole image."""
    spacing = _spacing_out(roi, settings) or roi.spacing_mm
    farthest: float = 0.0
    for one in settings.filters:
        reach: tuple[int, ...] | None = support(one, spacing)
        if reach is None:
            return None
        steps = [n * step for n, step in zip(reach, spacing, strict=True)]
        farthest = max(farthest, *steps)
    # Local intensity looks around the region on response maps too.
    return farthest + float(PEAK_RADIUS_MM)


def _spacing_out(roi: Roi, settings: IbsiSettings) -> tuple[float, ...] | None:
    """Return the new spacing along the axes of the array."""
    if settings.spacing_mm is None:
        return None
    wanted = tuple(reversed(settings.spacing_mm))
    if roi.ndim == 2:
        return wanted[-2:]
    if settings.dimension == "2d":
        return (roi.spacing_mm[0], *wanted[-2:])
    return wanted


def extract_ibsi(roi: Roi, config: ExtractionConfig, *, threads: int = 1) -> RoiFeatures:
    """Compute IBSI's features of a region.

    Parameters
    ----------
    roi : Roi
        The region.
    config : ExtractionConfig
        A configuration of profile ``ibsi``.
    threads : int
        Threads that filter and measure images at the same time; values are the same for any.

    Returns
    -------
    RoiFeatures
        Undefined features are NaN, each with its reason.

    Raises
    ------
    EngineError
        When the region holds NaN or infinite intensities, or cannot be interpolated.

    Examples
    --------
    >>> roi = Roi(np.arange(27.0).reshape(3, 3, 3), np.ones((3, 3, 3), bool), (1.0,) * 3, "ct")
    >>> config = ExtractionConfig.parse(
    ...     {"profile": "ibsi", "ibsi": {"features": ["stat_mean"]}}, where="example")
    >>> extract_ibsi(roi, config).values
    {'ct_original_stat_mean': 13.0}
    """
    _refuse_not_finite(roi)
    settings = config.ibsi_settings
    wanted: dict[str, list[FeatureSpec]] = {}
    for token, spec in ibsi_columns(config, roi.ndim):
        wanted.setdefault(token, []).append(spec)
    in_mm = [t for t, one in settings.named_filters if _has_lengths(one)]
    result = _Result(roi, wanted, in_mm)
    try:
        region = prepare(roi, settings)
    except MaskError as error:
        for token, specs in wanted.items():
            result.skip(token, specs, error.problem)
        return result.finished()
    with Crew(threads) as crew:
        if settings.original:
            picture = Picture(region, region.pixels, settings, filtered=False)
            crew.add(partial(_measure_all, picture, "original", result))
        for token, one in settings.named_filters:
            crew.add(partial(_filter_and_measure, region, settings, token, one, result))
    return result.finished()


def _refuse_not_finite(roi: Roi) -> None:
    finite = np.isfinite(roi.pixels)
    if bool(finite.all()):
        return
    raise EngineError(
        "the image holds intensities that are NaN or infinite",
        expected="numbers in every voxel",
        found=f"{np.count_nonzero(~finite)} of {finite.size} voxels",
        hint="replace them, for example by 0",
    )


def _filter_and_measure(
    region: IbsiRegion, settings: IbsiSettings, token: str, one: Filter, result: _Result
) -> None:
    """Measure one response map; a filter that fails leaves the others alone."""
    try:
        response = respond(region.pixels, region.spacing_mm, one)
    except (ValueError, MemoryError, FloatingPointError, RadiofibError) as error:
        result.skip(token, result.wanted[token], f"{one.label}: {one_line(error)}")
        return
    _measure_all(Picture(region, response, settings, filtered=True), token, result)


def _measure_all(picture: Picture, token: str, result: _Result) -> None:
    for family, specs in _by_family(result.wanted[token]).items():
        try:
            result.keep(token, specs, measure(picture, family, specs))
        except (ValueError, MemoryError, FloatingPointError, RadiofibError) as error:
            result.skip(token, specs, f"{family} failed: {one_line(error)}")


def _has_lengths(one: Filter) -> bool:
    """Tell whether a filter has a length in mm."""
    return any(n.endswith("_mm") and getattr(one, n) is not None for n in type(one).model_fields)


def _by_family(specs: list[FeatureSpec]) -> dict[str, list[FeatureSpec]]:
    families: dict[str, list[FeatureSpec]] = {}
    for spec in specs:
        families.setdefault(spec.family, []).append(spec)
    return families


class _Result:
    """Values, reasons and remarks by column."""

    def __init__(self, roi: Roi, wanted: dict[str, list[FeatureSpec]], in_mm: list[str]) -> None:
        self.roi = roi
        self.in_mm = in_mm
        self.wanted = wanted
        columns = [s.column(roi.channel, t) for t, specs in wanted.items() for s in specs]
        self.values = dict.fromkeys(columns, float("nan"))
        self.missing: dict[str, str] = {}
        self.flags: dict[str, str] = {}

    def skip(self, token: str, specs: list[FeatureSpec], reason: str) -> None:
        for spec in specs:
            self.missing[spec.column(self.roi.channel, token)] = reason

    def keep(self, token: str, specs: list[FeatureSpec], found: Result) -> None:
        values, reasons = found
        for spec in specs:
            column = spec.column(self.roi.channel, token)
            value = values.get(spec.name, float("nan"))
            if not np.isfinite(value):
                self.missing[column] = reasons.get(spec.name, NOT_DEFINED)
                continue
            self.values[column] = float(value)
            if not self.roi.spacing_known and self._counts_mm(spec, token):
                self.flags[column] = IN_PIXELS

    def _counts_mm(self, spec: FeatureSpec, token: str) -> bool:
        return spec.unit.startswith("mm") or spec.family == "loc" or token in self.in_mm

    def finished(self) -> RoiFeatures:
        missing = {c: self.missing[c] for c, v in self.values.items() if np.isnan(v)}
        flags = {c: self.flags[c] for c in self.values if c in self.flags}
        return RoiFeatures(self.values, missing, flags)
