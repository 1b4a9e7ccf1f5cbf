"""Features across the channels of a case: one case is one piece of work."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.cohort import Acquisition, Cohort
from radiofib.cohort.failures import died_on
from radiofib.engines import ExtractionConfig
from radiofib.errors import Failure
from radiofib.extract.doubts import Doubt, doubts_entry
from radiofib.extract.outcome import lost_in_alignment
from radiofib.extract.prepared import mask_label, organ_masks, segment_masks
from radiofib.features.functional import (
    CaseFeatures,
    ChannelInput,
    FunctionalSettings,
    delta_features,
    functional_columns,
    measure_case,
)
from radiofib.images import Image, hash_source, load_roi
from radiofib.parallel import map_pieces
from radiofib.preprocess.hygiene import clean_region
from radiofib.provenance import hash_object, radiofib_version
from radiofib.registry import codebook_rows
from radiofib.roi import Roi
from radiofib.store import read_record, tidy, write_record
from radiofib.table import MISSING_COLUMNS, FeatureTable

__all__ = ["functional_features", "looks_normalised"]

#: Changes when the content of a finished case changes its meaning.
CASE_SCHEMA = 1
#: Share of negative voxels in a magnitude image from which on something was subtracted.
_MOST_NEGATIVE = 0.01
#: What counts as negative, as a share of the largest intensities.
_NEGATIVE = 0.02
#: How a note on a Philips series with a scale slope of its own begins.
_PHILIPS = "Philips scale slope"
_ALIGNED = ("good", "look", "failed")


@dataclass(frozen=True)
class _Work:
    config: ExtractionConfig
    settings: FunctionalSettings
    folder: Path
    delta: bool


@dataclass(frozen=True)
class _Task:
    """One row of the cohort, with the features of its channels."""

    number: int
    group: list[Acquisition]
    texture: Mapping[str, float]


@dataclass(frozen=True)
class _Done:
    case: CaseFeatures | None = None
    key: str = ""
    failure: Failure | None = None


def functional_features(
    cohort: Cohort,
    config: ExtractionConfig,
    texture: FeatureTable | None = None,
    *,
    pieces_dir: str | Path,
    workers: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[FeatureTable, list[Failure]]:
    """Compute the functional indices of every case of a cohort, from intensities as they are.

    Parameters
    ----------
    cohort : Cohort
        Channels of cases, on one grid where they were aligned.
    config : ExtractionConfig
        Its section ``liver.functional`` says what is computed.
    texture : FeatureTable, optional
        Features of the channels, for their changes between phases (``liver.delta``).
    pieces_dir, workers, progress
        As in :func:`radiofib.extract.extract_features`.

    Returns
    -------
    FeatureTable
        One row per case (and instance).
    list of Failure
        Cases that could not be measured.
    """
    settings = config.liver.functional if config.liver else None
    assert settings is not None  # asked for by extract_features alone
    folder = Path(pieces_dir)
    tidy(folder)
    assert config.liver is not None
    work = _Work(config, settings, folder, config.liver.delta)
    tasks = _tasks(cohort, texture if config.liver.delta else None, settings)
    done: dict[int, _Done] = {}
    results = map_pieces(partial(_do_case, work=work), tasks, workers=workers, on_crash=_crashed)
    for task, result in results:
        done[task.number] = result
        if progress is not None:
            progress(len(done), len(tasks), f"{task.group[0].case}: functional")
    ordered = [done[task.number] for task in tasks]
    names = tuple(texture.X.columns) if texture is not None and config.liver.delta else None
    table = _table(cohort, functional_columns(settings, texture=names), settings, ordered)
    return table, [one.failure for one in ordered if one.failure is not None]


def _tasks(
    cohort: Cohort, texture: FeatureTable | None, settings: FunctionalSettings
) -> list[_Task]:
    wanted = _wanted(settings)
    rows: dict[tuple[str, str], dict[str, float]] = {}
    if texture is not None:
        instances = texture.obs["instance"] if "instance" in texture.obs else [""] * texture.n_rows
        columns = [c for c in map(str, texture.X) if c.partition("_")[0] in wanted]
        values = texture.X[columns].to_numpy()
        rows = {
            (str(case), str(instance)): dict(zip(columns, map(float, row), strict=True))
            for case, instance, row in zip(texture.obs["case"], instances, values, strict=True)
        }
    return [
        _Task(number, group, rows.get(key, {})) for number, (key, group) in enumerate(cohort.rows)
    ]


def looks_normalised(pixels: NDArray[Any]) -> bool:
    """Tell whether a magnitude image has had something subtracted: it has negative voxels.

    More than 1 % of the voxels lie below zero by more than 2 % of the 99th percentile of the
    absolute values; a spline that overshoots at edges stays above that.

    Examples
    --------
    >>> looks_normalised(np.array([0.0, 5.0, 9.0])), looks_normalised(np.array([-1.0, 0.0, 1.0]))
    (False, True)
    """
    if pixels.dtype.kind == "u":
        return False
    # Every seventh voxel tells a share of 1 % well enough.
    some = pixels.ravel()[::7] if pixels.size > 70_000 else pixels.ravel()
    limit = _NEGATIVE * float(np.percentile(np.abs(some), 99))
    return float(np.count_nonzero(some < -limit)) > _MOST_NEGATIVE * some.size


def _do_case(task: _Task, *, work: _Work) -> _Done:
    """Measure one case unless it is there; never raise."""
    group = [a for a in task.group if a.channel in _wanted(work.settings)]
    try:
        key = _key(group, task.texture, work)
        found = read_record(work.folder, key)
        if found is not None:
            return _Done(_restored(found), key)
        lost = {a.channel: f.reason for a in group if (f := lost_in_alignment(a)) is not None}
        inputs = {a.channel: _input(a, work) for a in group if a.channel not in lost}
        case = _with_reasons(measure_case(inputs, settings=work.settings), lost)
        if work.delta:
            case = _joined(case, _deltas(task.texture, inputs, work))
        write_record(work.folder, key, _stored(case))
        return _Done(case, key)
    except Exception as error:  # one bad case never stops the others
        return _Done(failure=_failure(task, error))


def _with_reasons(case: CaseFeatures, lost: Mapping[str, str]) -> CaseFeatures:
    """Say of a channel that was lost why, and not that it is missing."""
    said = {f"channel {channel} is missing": reason for channel, reason in lost.items()}
    return replace(case, missing={c: said.get(r, r) for c, r in case.missing.items()})


def _deltas(
    texture: Mapping[str, float], inputs: Mapping[str, ChannelInput], work: _Work
) -> CaseFeatures:
    """Compare texture between phases: what counts is what texture was measured on."""
    liver = work.config.liver
    prepared = liver.preprocessing if liver else None
    kept = prepared is None or (prepared.normalise is None and prepared.bias is None)
    measured_on = {c: replace(one, raw=one.raw and kept) for c, one in inputs.items()}
    return delta_features(texture, measured_on, settings=work.settings)


def _joined(one: CaseFeatures, other: CaseFeatures) -> CaseFeatures:
    return CaseFeatures(
        dict(one.values) | dict(other.values),
        {**one.missing, **other.missing},
        {**one.flags, **other.flags},
        (*one.warnings, *other.warnings),
    )


def _wanted(settings: FunctionalSettings) -> set[str]:
    maps = {settings.t1_map_pre, settings.t1_map_post}
    return {settings.pre, *settings.phases, *(settings.volume_channels or ()), *maps}


def _key(group: list[Acquisition], texture: Mapping[str, float], work: _Work) -> str:
    def content(a: Acquisition) -> dict[str, Any]:
        files = {"image": a.image, "mask": a.mask, "spleen": a.extra.get("spleen_mask")}
        files |= {"muscle": a.extra.get("muscle_mask"), "lesion": a.extra.get("lesion_mask")}
        files["lobes"] = a.extra.get("lobe_mask")
        facts = {k: a.extra.get(k) for k in ("registration", "intensities", "hbp_minutes")}
        hashes = {k: None if p is None else hash_source(p) for k, p in files.items()}
        return {**hashes, **facts, "label": mask_label(a, work.config)}

    return hash_object(
        {
            "schema": CASE_SCHEMA,
            "channels": {a.channel: content(a) for a in group},
            "settings": work.settings.model_dump(mode="json"),
            "config": work.config.digest if work.delta else None,
            "hygiene": _hygiene(work),
            "texture": {c: repr(v) for c, v in texture.items()},
            "versions": radiofib_version(),
        }
    )


def _hygiene(work: _Work) -> Any:
    hygiene = work.config.liver.hygiene if work.config.liver else None
    return None if hygiene is None else hygiene.model_dump(mode="json")


def _input(a: Acquisition, work: _Work) -> ChannelInput:
    roi = load_roi(a.image, a.mask, mask_label=mask_label(a, work.config), channel=a.channel)
    tissues: dict[str, NDArray[np.bool_]] = {}
    if roi.origin_mm is not None:
        image = Image(roi.pixels, roi.spacing_mm, roi.origin_mm, roi.direction)
        named = dict(organ_masks(a, image))
        tissues = {
            name: named[f"{name}_mask"] for name in ("spleen", "muscle") if f"{name}_mask" in named
        }
        tissues["liver"] = roi.mask
        tissues |= segment_masks(a, image)
        roi = _cleaned(roi, image, named.get("lesion_mask"), work)
    said = str(a.extra.get("registration") or "")
    verdict, _, why = said.partition(": ")
    raw = a.extra.get("intensities") != "normalised"
    return ChannelInput(
        roi,
        raw=raw and not looks_normalised(np.asarray(roi.pixels)),
        # Values of two series with scale slopes of their own are not in one unit.
        commensurable=False if any(n.startswith(_PHILIPS) for n in roi.notes) else None,
        minutes=a.extra.get("hbp_minutes") if a.channel == work.settings.hbp else None,
        tissues=tissues,
        registered="failed" if verdict == "native" else verdict if verdict in _ALIGNED else None,  # type: ignore[arg-type]
        registered_reason=why,
    )


def _cleaned(roi: Roi, image: Image, lesion: NDArray[np.bool_] | None, work: _Work) -> Roi:
    """Take lesions and the capsule out; vessels stay, which differ from channel to channel."""
    hygiene = work.config.liver.hygiene if work.config.liver else None
    if hygiene is None:
        return roi
    alike = hygiene.model_copy(update={"vessels": None, "bile_ducts": None})
    return replace(roi, mask=clean_region(image, roi.mask, alike, lesion=lesion).mask)


def _crashed(task: _Task, error: Exception) -> _Done:
    return _Done(failure=_failure(task, died_on("measured this case", error)))


def _failure(task: _Task, error: Exception) -> Failure:
    first = task.group[0]
    return Failure.from_error(error, case=first.case, step="functional", instance=first.instance)


def _stored(case: CaseFeatures) -> dict[str, Any]:
    values = {c: None if math.isnan(v) else v for c, v in dict(case.values).items()}
    return {
        "order": list(case.values),
        "values": values,
        "missing": case.missing,
        "flags": case.flags,
        "warnings": list(case.warnings),
    }


def _restored(found: Mapping[str, Any]) -> CaseFeatures:
    values = {c: found["values"][c] for c in found["order"]}
    return CaseFeatures(
        {c: math.nan if v is None else v for c, v in values.items()},
        dict(found["missing"]),
        dict(found["flags"]),
        tuple(found["warnings"]),
    )


def _table(
    cohort: Cohort, columns: list[str], settings: FunctionalSettings, done: list[_Done]
) -> FeatureTable:
    obs = cohort.obs()
    kept = [n for n, one in enumerate(done) if one.case is not None]
    cases = [one.case for one in done if one.case is not None]
    found = [dict(case.values) for case in cases]
    rows = [[values.get(c, math.nan) for c in columns] for values in found]
    instances = obs["instance"] if "instance" in obs else [""] * len(obs)
    keys = [(str(obs["case"][n]), str(instances[n])) for n in kept]
    gaps = [
        (*key, column, reason)
        for key, case in zip(keys, cases, strict=True)
        for column, reason in case.missing.items()
    ]
    warnings = [w for case in cases for w in case.warnings]
    doubts = [
        Doubt(*key, "", w) for key, case in zip(keys, cases, strict=True) for w in case.warnings
    ]
    flags = Counter(item for case in cases for item in case.flags.items())
    return FeatureTable(
        pd.DataFrame(rows, columns=columns, dtype=np.float64),
        obs.iloc[kept].reset_index(drop=True),
        codebook_rows(columns),
        pd.DataFrame(gaps, columns=list(MISSING_COLUMNS), dtype="str"),
        {
            "step": "functional",
            "radiofib": radiofib_version(),
            "settings": settings.model_dump(mode="json"),
            "cases_hash": hash_object(sorted(one.key for one in done if one.key)),
            "notes": {w: warnings.count(w) for w in sorted(set(warnings))},
            **doubts_entry(doubts),
            "flags": [
                {"column": column, "remark": remark, "regions": n}
                for (column, remark), n in sorted(flags.items())
            ],
        },
    )
