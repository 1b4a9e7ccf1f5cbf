"""Change of texture and intensity features from before contrast to a phase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from math import isfinite, nan

from radiofib.errors import ConfigError
from radiofib.features.functional.indices import relative_change
from radiofib.features.functional.inputs import CaseFeatures, ChannelInput
from radiofib.features.functional.rules import (
    Undefined,
    check_raw,
    check_registered,
    check_same_scale,
    present,
)
from radiofib.features.functional.settings import FunctionalSettings
from radiofib.registry import DELTA_FEATURES, Column, column_name, parse_column, parse_scale

__all__ = ["delta_columns", "delta_features"]

#: Filters that do not commute with a change of scale.
_BENT = ("ln", "sqrt", "sq", "exp")
#: Features of intensities themselves that no linear change of scale alters.
_SHAPE_OF_HISTOGRAM = ("firstorder_skewness", "firstorder_kurtosis", "stat_skew", "stat_kurt")


def delta_columns(columns: Iterable[str], settings: FunctionalSettings) -> list[str]:
    """Return the delta columns of the feature columns of a case or table, in their order.

    Every feature of the channel before contrast or of a phase that has a change and fits
    ``delta_features`` gives one column for each of ``delta_phases``; columns of other channels,
    and those not in the registry, give none.

    Raises
    ------
    ConfigError
        When a column would be longer than 63 characters.

    Examples
    --------
    >>> delta_columns(["t1_original_glcm_contrast", "t1_original_shape_sphericity"],
    ...               FunctionalSettings())
    ['ged4_original_dglcm_contrast']
    """
    return [name for name, _, _ in _pairs(columns, settings)]


def _pairs(columns: Iterable[str], settings: FunctionalSettings) -> list[tuple[str, str, Column]]:
    """Return delta column, phase, and the column of the feature before contrast."""
    phases = settings.delta_phases or (settings.last,)
    features: dict[str, Column] = {}
    for name in columns:
        channel, _, feature = name.partition("_")
        wanted = any(fnmatchcase(feature, pattern) for pattern in settings.delta_features)
        if channel not in (settings.pre, *phases) or not wanted or feature in features:
            continue
        try:
            column = parse_column(f"{settings.pre}_{feature}")
        except ConfigError:
            continue  # a column of the user's own: what its change means is not ours to say
        if f"d{column.spec.key}" in DELTA_FEATURES:
            features[feature] = column
    return [
        (column_name(phase, column.image, f"d{column.spec.key}"), phase, column)
        for phase in phases
        for column in features.values()
    ]


def delta_features(
    texture: Mapping[str, float],
    channels: Mapping[str, ChannelInput],
    *,
    settings: FunctionalSettings,
) -> CaseFeatures:
    """Return (f in the phase - f before contrast) / f before contrast of features.

    Both channels must be registered to each other. A feature that depends on the intensity
    scale (an intensity itself, texture in bins of a fixed width, a filter that bends the scale)
    needs raw intensities on one scale as relative enhancement does; any other needs both
    channels prepared alike, both raw or both normalised.

    Parameters
    ----------
    texture : mapping
        Feature column to value, of all channels of the case; NaN when missing.
    channels : mapping
        Channel name to its input.
    settings : FunctionalSettings
        Which phases and features, and how texture was binned.

    Returns
    -------
    CaseFeatures
        The columns of :func:`delta_columns`.

    Examples
    --------
    >>> found = delta_features({"t1_original_glcm_contrast": 2.0}, {},
    ...                        settings=FunctionalSettings())
    >>> found.missing
    {'ged4_original_dglcm_contrast': 'channel t1 is missing'}
    """
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    flags: dict[str, str] = {}
    for name, phase, column in _pairs(texture, settings):
        try:
            values[name], remarks = _change(texture, channels, settings, phase, column)
        except Undefined as reason:
            values[name], missing[name] = nan, str(reason)
            continue
        if remarks:
            flags[name] = "; ".join(remarks)
    return CaseFeatures(values, missing, flags)


def _change(
    texture: Mapping[str, float],
    channels: Mapping[str, ChannelInput],
    settings: FunctionalSettings,
    phase: str,
    column: Column,
) -> tuple[float, list[str]]:
    names = settings.pre, phase
    pair = present(channels, names[0]), present(channels, names[1])
    remarks = [r for n, c in zip(names, pair, strict=True) for r in check_registered(n, c)]
    if all(channel.registered is None for channel in pair):
        raise Undefined(f"{names[0]} and {phase} are not registered to each other")
    if _depends_on_scale(column, settings):
        for name, channel in zip(names, pair, strict=True):
            check_raw(name, channel)
        check_same_scale(names, pair, settings.commensurable)
    elif pair[0].raw != pair[1].raw:
        raise Undefined(f"{names[0]} and {phase} are prepared differently: one is normalised")
    found = []
    for name in (column.name, column.spec.column(phase, column.image)):
        value = texture.get(name, nan)
        if not isfinite(value):
            raise Undefined(f"{name} is missing")
        found.append(value)
    before, after = found
    if before == 0:
        raise Undefined(f"{column.name} is 0, so that it has no relative change")
    if before < 0:
        remarks.append(f"{column.name} is below 0: a rise gives a negative change")
    return relative_change(before, after), remarks


def _depends_on_scale(column: Column, settings: FunctionalSettings) -> bool:
    spec = column.spec
    if column.image in _BENT or "grey" in parse_scale(spec.scale) or "grey" in spec.unit:
        return True
    return settings.delta_binning == "width" and spec.key not in _SHAPE_OF_HISTOGRAM
