"""The indices of a case, one function each: facts checked first, then one formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import MaskError
from radiofib.features.functional import indices, morphometry
from radiofib.features.functional.curve import enhancement_area, enhancement_slope
from radiofib.features.functional.inputs import ChannelInput
from radiofib.features.functional.rules import (
    Undefined,
    check_raw,
    check_registered,
    check_same_scale,
    check_same_sequence,
    present,
)
from radiofib.features.functional.settings import NOMINAL_MINUTES, FunctionalSettings

__all__ = ["Case", "Measure", "level", "plan"]

#: Time of the hepatobiliary phase for which the uptake index was published, and how far from it
#: a known time goes unremarked.
_PUBLISHED_HBP_MINUTES, _HBP_TOLERANCE = 20.0, 5.0
#: Most of a region that may lie outside the image (not a number).
_MOST_OUTSIDE = 0.1


@dataclass(frozen=True, eq=False)
class Case:
    """Channels and settings, and what is noted while one index is measured: remarks, channels.

    `levels` may be shared between indices: a region then becomes one intensity only once.
    """

    channels: Mapping[str, ChannelInput]
    settings: FunctionalSettings
    remarks: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    levels: dict[tuple[str, str], tuple[float, list[str]]] = field(default_factory=dict)

    def channel(self, name: str) -> ChannelInput:
        """Return a channel for its intensities, if its registration did not fail."""
        channel = present(self.channels, name)
        self.used.add(name)
        self.remarks.extend(check_registered(name, channel))
        return channel

    def pair(self, first: str, second: str) -> tuple[ChannelInput, ChannelInput]:
        """Return two raw channels."""
        pair = self.channel(first), self.channel(second)
        check_raw(first, pair[0])
        check_raw(second, pair[1])
        return pair


@dataclass(frozen=True)
class Measure:
    """One index: the channel and feature of its column, and how it is measured."""

    channel: str
    feature: str
    run: Callable[[Case], float]


def plan(settings: FunctionalSettings) -> Iterator[Measure]:
    """Yield the indices that the settings ask for, in the order of columns."""
    last, hbp = settings.last, settings.hbp
    groups = settings.groups
    if "enhancement" in groups:
        for phase in settings.phases:
            yield Measure(phase, "relative_enhancement", partial(_enhancement, phase=phase))
    if "spleen" in groups and hbp:
        yield Measure(hbp, "liver_spleen_ratio", partial(_liver_spleen, hbp=hbp))
        yield Measure(hbp, "uptake_index_ml", partial(_uptake, hbp=hbp))
    if "muscle" in groups and hbp:
        yield Measure(hbp, "contrast_enhancement_index", partial(_contrast_index, hbp=hbp))
    if "variation" in groups and hbp:
        yield Measure(hbp, "cv_whole_liver", partial(_variation, hbp=hbp))
    if "four_regions" in groups and hbp:
        for name, corrected in (("cv_four_rois", False), ("cv_four_rois_corrected", True)):
            yield Measure(hbp, name, partial(_four_regions, hbp=hbp, corrected=corrected))
    if "t1_map" in groups:
        yield Measure(settings.t1_map_post, "t1_reduction_rate", _t1_reduction)
    if "curve" in groups:
        yield from _curve(settings)
    if "volume" in groups:
        for name in settings.volume_channels or (last,):
            yield Measure(name, "liver_volume_ml", partial(_volume, name=name))
    if "lobes" in groups:
        for author in ("harbin", "awaya"):
            run = partial(_lobes, name=last, author=author)
            yield Measure(last, f"caudate_right_ratio_{author}", run)
    if "segments" in groups:
        yield Measure(last, "segmental_volume_ratio", partial(_segments, name=last))


def _curve(settings: FunctionalSettings) -> Iterator[Measure]:
    portal, delayed = settings.portal, settings.delayed
    if portal:
        run = partial(_slope, start=None, end=portal)
        yield Measure(portal, "wash_in_slope", run)
    if portal and delayed:
        yield Measure(delayed, "wash_out_slope", partial(_slope, start=portal, end=delayed))
    if settings.hbp:
        run = partial(_area, hbp=settings.hbp)
        yield Measure(settings.hbp, "enhancement_area_min", run)


def _values(
    case: Case, name: str, channel: ChannelInput, mask: NDArray[np.bool_], what: str
) -> NDArray[np.float64]:
    values = channel.roi.pixels[mask].astype(np.float64)
    finite = values[np.isfinite(values)]
    fewest = case.settings.min_voxels
    if len(values) < fewest:
        raise Undefined(f"{what} has {len(values)} voxels on {name}, and {fewest} are needed")
    if len(finite) < max(fewest, (1 - _MOST_OUTSIDE) * len(values)):
        share = 1 - len(finite) / len(values)
        raise Undefined(f"{share:.0%} of the {what} lie outside the image of {name}")
    if len(finite) < len(values):
        case.remarks.append(f"{len(values) - len(finite)} voxels of the {what} outside {name}")
    return finite


def _tissue(name: str, channel: ChannelInput, tissue: str) -> NDArray[np.bool_]:
    mask = channel.tissues.get(tissue)
    what = tissue.replace("_", " ")
    if mask is None:
        raise Undefined(f"no mask of {what} on {name}")
    if not mask.any():
        raise Undefined(f"mask of {what} on {name} is empty")
    return mask


def level(case: Case, name: str, channel: ChannelInput, tissue: str = "") -> float:
    """Return the one intensity of the liver, or of a tissue, which must be above 0."""
    if (name, tissue) not in case.levels:
        before = len(case.remarks)
        value = _level(case, name, channel, tissue)
        case.levels[name, tissue] = value, case.remarks[before:]
        return value
    value, remarks = case.levels[name, tissue]
    case.remarks.extend(remarks)
    return value


def _level(case: Case, name: str, channel: ChannelInput, tissue: str) -> float:
    mask = _tissue(name, channel, tissue) if tissue else channel.roi.mask
    what = tissue or "liver"
    values = _values(case, name, channel, mask, what)
    value = float(np.median(values) if case.settings.statistic == "median" else values.mean())
    if value <= 0:
        raise Undefined(f"{case.settings.statistic} of {what} on {name} is not above 0 ({value:g})")
    return value


def _enhancement(case: Case, *, phase: str) -> float:
    pre = case.settings.pre
    pair = case.pair(pre, phase)
    check_same_scale((pre, phase), pair, case.settings.commensurable)
    return indices.relative_enhancement(level(case, pre, pair[0]), level(case, phase, pair[1]))


def _liver_spleen(case: Case, *, hbp: str) -> float:
    channel = case.channel(hbp)
    check_raw(hbp, channel)
    spleen = level(case, hbp, channel, "spleen")
    return indices.ratio(level(case, hbp, channel), spleen)


def _uptake(case: Case, *, hbp: str) -> float:
    channel = case.channel(hbp)
    check_raw(hbp, channel)
    spleen = level(case, hbp, channel, "spleen")
    liver = level(case, hbp, channel)
    minutes = _known_minutes(case, hbp)
    if minutes is None:
        case.remarks.append(
            f"time of {hbp} unknown; the index is published at {_PUBLISHED_HBP_MINUTES:g} min"
        )
    elif abs(minutes - _PUBLISHED_HBP_MINUTES) > _HBP_TOLERANCE:
        case.remarks.append(
            f"{hbp} at {minutes:g} min; the index is published at {_PUBLISHED_HBP_MINUTES:g} min"
        )
    return indices.hepatocellular_uptake_index(liver, spleen, _volume(case, name=hbp))


def _contrast_index(case: Case, *, hbp: str) -> float:
    pre = case.settings.pre
    pair = case.pair(pre, hbp)
    check_same_sequence((pre, hbp), pair, case.settings.commensurable)
    found = [
        level(case, name, channel, tissue)
        for name, channel in zip((pre, hbp), pair, strict=True)
        for tissue in ("", "muscle")
    ]
    return indices.contrast_enhancement_index(*found)


def _variation(case: Case, *, hbp: str) -> float:
    channel = case.channel(hbp)
    check_raw(hbp, channel)
    values = _values(case, hbp, channel, channel.roi.mask, "liver")
    if values.mean() <= 0:
        raise Undefined(f"mean of liver on {hbp} is not above 0 ({values.mean():g})")
    return indices.coefficient_of_variation(values)


def _four_regions(case: Case, *, hbp: str, corrected: bool) -> float:
    channel = case.channel(hbp)
    check_raw(hbp, channel)
    names = [f"region_{k}" for k in range(1, 5)]
    masks = [_tissue(hbp, channel, name) for name in names]
    regions = [_values(case, hbp, channel, m, n) for n, m in zip(names, masks, strict=True)]
    for name, region in zip(names, regions, strict=True):
        if region.mean() <= 0:
            raise Undefined(f"mean of {name} on {hbp} is not above 0 ({region.mean():g})")
    if not corrected:
        return indices.four_region_variation(regions)
    air = _values(case, hbp, channel, _tissue(hbp, channel, "background"), "background")
    noise = indices.noise_from_background(air)
    if any(region.std() < noise for region in regions):
        case.remarks.append("a region varies less than the noise and counts as 0")
    return indices.four_region_variation(regions, noise_sd=noise)


def _t1_reduction(case: Case) -> float:
    before, after = case.settings.t1_map_pre, case.settings.t1_map_post
    pair = case.channel(before), case.channel(after)
    for name, channel in zip((before, after), pair, strict=True):
        if not channel.raw:
            raise Undefined(f"{name} is normalised, and the rate needs T1 itself")
    return indices.t1_reduction_rate(level(case, before, pair[0]), level(case, after, pair[1]))


def _known_minutes(case: Case, phase: str) -> float | None:
    known = present(case.channels, phase).minutes
    return known if known is not None else case.settings.minutes_of(phase)


def _minutes(case: Case, phases: tuple[str, ...]) -> list[float]:
    """Return the times of phases, nominal where unknown, with a remark; refuse falling ones."""
    role = {channel: name for name, channel in case.settings.roles.items()}
    times: list[float] = []
    nominal: list[str] = []
    for phase in phases:
        minutes = _known_minutes(case, phase)
        if minutes is None:
            if phase not in role:
                raise Undefined(f"time of {phase} unknown: give minutes")
            minutes = NOMINAL_MINUTES[role[phase]]
            nominal.append(f"{phase} {minutes:g} min")
        times.append(minutes)
    if nominal:
        case.remarks.append(f"nominal times: {', '.join(nominal)}")
    if not all(a < b for a, b in pairwise(times)):
        found = ", ".join(f"{p} {t:g}" for p, t in zip(phases, times, strict=True))
        raise Undefined(f"times of the phases do not rise ({found} min)")
    return times


def _slope(case: Case, *, start: str | None, end: str) -> float:
    before = _enhancement(case, phase=start) if start else 0.0
    after = _enhancement(case, phase=end)
    times = _minutes(case, (start, end) if start else (end,))
    return enhancement_slope(before, after, times[0] if start else 0.0, times[-1])


def _area(case: Case, *, hbp: str) -> float:
    phases = case.settings.phases[: case.settings.phases.index(hbp) + 1]
    found = [_enhancement(case, phase=phase) for phase in phases]
    return enhancement_area([0.0, *found], [0.0, *_minutes(case, phases)])


def _volume(case: Case, *, name: str) -> float:
    channel = present(case.channels, name)
    _check_metric(name, channel)
    mask = _tissue(name, channel, "liver") if "liver" in channel.tissues else channel.roi.mask
    return morphometry.volume_ml(mask, channel.roi.spacing_mm)


def _check_metric(name: str, channel: ChannelInput) -> None:
    if channel.roi.ndim != 3:
        raise Undefined(f"{name} is not a volume but a slice")
    if not channel.roi.spacing_known:
        raise Undefined(f"size of a voxel of {name} unknown")


def _lobes(case: Case, *, name: str, author: str) -> float:
    channel = present(case.channels, name)
    caudate = _tissue(name, channel, f"caudate_{author}")
    right = _tissue(name, channel, f"right_lobe_{author}")
    if channel.roi.ndim != 3:
        raise Undefined(f"{name} is not a volume but a slice")
    transverse, axial = _axes(channel.roi.direction)
    try:
        return morphometry.caudate_right_lobe_ratio(
            caudate, right, transverse_axis=transverse, axial_axis=axial
        )
    except MaskError as error:
        raise Undefined(str(error).rstrip(".")) from error


def _axes(direction: tuple[float, ...] | None) -> tuple[int, int]:
    """Return the array axes closest to right-left and foot-head; x and z without a direction."""
    if direction is None:
        return 2, 0
    cosines = np.abs(np.asarray(direction, dtype=np.float64).reshape(3, 3))
    transverse = int(cosines[0].argmax())
    axial = max((i for i in range(3) if i != transverse), key=lambda i: cosines[2, i])
    return 2 - transverse, 2 - axial


def _segments(case: Case, *, name: str) -> float:
    channel = present(case.channels, name)
    try:
        return morphometry.segmental_volume_ratio(
            _tissue(name, channel, "segments_1_3"), _tissue(name, channel, "segments_4_8")
        )
    except MaskError as error:
        raise Undefined(str(error).rstrip(".")) from error
