"""From the channels of a case to its functional columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite, nan

from radiofib.features.functional.curve import phase_order_warnings
from radiofib.features.functional.deltas import delta_columns, delta_features
from radiofib.features.functional.inputs import CaseFeatures, ChannelInput
from radiofib.features.functional.measure import Case, Measure, level, plan
from radiofib.features.functional.rules import (
    Undefined,
    check_raw,
    check_same_sequence,
    shown_to_differ,
)
from radiofib.features.functional.settings import FunctionalSettings
from radiofib.registry import FUNCTIONAL_FEATURES

__all__ = ["functional_columns", "measure_case"]

_IMAGE = "original"


def functional_columns(
    settings: FunctionalSettings, *, texture: Iterable[str] | None = None
) -> list[str]:
    """Return the columns that :func:`measure_case` fills, in table order.

    Parameters
    ----------
    settings : FunctionalSettings
        Which indices and phases.
    texture : iterable of str, optional
        Feature columns of the table, for delta features.

    Examples
    --------
    >>> functional_columns(FunctionalSettings(groups=("spleen", "volume")))
    ['ged4_original_functional_liver_spleen_ratio', 'ged4_original_functional_uptake_index_ml',
    'ged4_original_functional_liver_volume_ml']
    """
    columns = [_column(measure) for measure in plan(settings)]
    return columns + (delta_columns(texture, settings) if texture is not None else [])


def _column(measure: Measure) -> str:
    spec = FUNCTIONAL_FEATURES[f"functional_{measure.feature}"]
    return spec.column(measure.channel, _IMAGE)


def measure_case(
    channels: Mapping[str, ChannelInput],
    *,
    settings: FunctionalSettings,
    texture: Mapping[str, float] | None = None,
) -> CaseFeatures:
    """Measure everything that needs more than one channel, or organs beside the liver.

    Parameters
    ----------
    channels : mapping
        Channel name in lower case to what it offers. Channels the case does not have are left
        out.
    settings : FunctionalSettings
        Phases, times, rule of comparison and wanted indices.
    texture : mapping, optional
        Feature column to value of all channels, for delta features; without it there are none.

    Returns
    -------
    CaseFeatures
        Every column of :func:`functional_columns`, NaN with a reason where the case does not
        allow the index, and warnings about the case.

    Examples
    --------
    >>> import numpy as np
    >>> from radiofib.roi import Roi
    >>> def channel(name, value):
    ...     pixels = np.full((5, 10, 10), value)
    ...     return ChannelInput(Roi(pixels, pixels > 0, (4.0, 2.0, 2.0), name), raw=True)
    >>> case = {"t1": channel("t1", 500.0), "ged4": channel("ged4", 900.0)}
    >>> settings = FunctionalSettings(groups=("enhancement", "volume"), commensurable="declared")
    >>> found = measure_case(case, settings=settings)
    >>> found.values["ged4_original_functional_relative_enhancement"]
    0.8
    >>> found.values["ged4_original_functional_liver_volume_ml"]
    8.0
    >>> found.missing["ged1_original_functional_relative_enhancement"]
    'channel ged1 is missing'
    """
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    flags: dict[str, str] = {}
    levels: dict[tuple[str, str], tuple[float, list[str]]] = {}
    suspects = _order_warnings(channels, settings)
    for measure in plan(settings):
        column = _column(measure)
        case = Case(channels, settings, levels=levels)
        try:
            values[column] = measure.run(case)
            if not isfinite(values[column]):
                raise Undefined("the formula gives no finite number")
        except Undefined as reason:
            values[column], missing[column] = nan, str(reason)
            continue
        remarks = case.remarks + [text for names, text in suspects if names & case.used]
        if remarks:
            flags[column] = "; ".join(dict.fromkeys(remarks))
    if texture is not None:
        deltas = delta_features(texture, channels, settings=settings)
        values |= deltas.values
        missing |= deltas.missing
        flags |= deltas.flags
    return CaseFeatures(values, missing, flags, tuple(w for _, w in suspects))


def _order_warnings(
    channels: Mapping[str, ChannelInput], settings: FunctionalSettings
) -> list[tuple[frozenset[str], str]]:
    """Return warnings about the order of phases, each with the channels it is about.

    A pair that is known not to be comparable is not looked at; one of unknown scale is, because
    a warning asks a person to look and fills no column.
    """
    pairs = (
        ("arterial", "portal", settings.arterial, settings.portal),
        ("before", "hepatobiliary", settings.pre, settings.hbp),
    )
    found: list[tuple[frozenset[str], str]] = []
    for first_role, second_role, first, second in pairs:
        if first is None or second is None:
            continue
        try:
            levels = _levels(channels, settings, (first, second))
        except Undefined:
            continue
        named = dict(zip((first_role, second_role), levels, strict=True))
        about = frozenset((first, second))
        found += [(about, f"{first}, {second}: {w}") for w in phase_order_warnings(**named)]
    return found


def _levels(
    channels: Mapping[str, ChannelInput], settings: FunctionalSettings, names: tuple[str, str]
) -> tuple[float, float]:
    case = Case(channels, settings)
    pair = case.pair(*names)
    for name, channel in zip(names, pair, strict=True):
        check_raw(name, channel)
    check_same_sequence(names, pair, "declared")
    if reason := shown_to_differ(names, pair, settings.commensurable):
        raise Undefined(reason)
    return level(case, names[0], pair[0]), level(case, names[1], pair[1])
