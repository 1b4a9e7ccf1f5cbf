"""Prediction sets over stages: calibrated on other patients, judged inside and outside scanners."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib import stats
from radiofib._checks import check_known
from radiofib.errors import UsageError
from radiofib.evaluation.conformal_cases import Cases, cases_of
from radiofib.evaluation.intervals import SPARSE
from radiofib.evaluation.predictions import check_predictions
from radiofib.staging import check_levels
from radiofib.stats.conformal import (
    SCORES,
    set_ends,
    set_members,
    smallest_calibration,
)

__all__ = [
    "CALIBRATIONS",
    "COVERAGE_COLUMNS",
    "SET_COLUMNS",
    "PredictionSets",
    "prediction_sets",
]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: calibration -> whose scores the threshold is from
CALIBRATIONS = {
    "other folds": "patients of the other folds, each predicted without having been trained on",
    "same scanner": "those of them who are from the scanner of the case",
    "training scanners": "cross-validated predictions of patients of the training scanners",
    "other unseen scanners": "patients of the other scanners, each predicted as an unseen one",
    "given": "calibration predictions that were given",
}
COVERAGE_COLUMNS = (
    *("model", "setting", "unit", "calibration", "group", "subset", "nominal"),
    *("coverage", "ci_low", "ci_high", "mean_size", "singletons", "all_stages"),
    *("n", "n_patients", "n_calibration", "fallback", "verdict", "method", "note"),
)
SET_COLUMNS = (
    *("model", "setting", "unit", "calibration", "case", "patient", "instance", "scanner"),
    *("fold", "y_true", "low", "high", "stages", "size", "covered"),
    *("threshold", "n_calibration", "fallback"),
)
#: What the column ``verdict`` says of a coverage whose interval lies below what was promised.
TOO_LOW = "below nominal"


@dataclass(frozen=True, eq=False)
class PredictionSets:
    """Sets and how often they hold the true stage.

    Parameters
    ----------
    coverage : DataFrame
        :data:`COVERAGE_COLUMNS`, one row for each model, setting, unit, calibration and group
        (``all``, ``scanner``, ``stage``).
    sets : DataFrame
        :data:`SET_COLUMNS`, one row for each case and calibration.
    """

    coverage: pd.DataFrame
    sets: pd.DataFrame


def prediction_sets(
    predictions: pd.DataFrame,
    *,
    levels: Sequence[str],
    ordered: bool | None = None,
    alpha: float = 0.1,
    score: str = "greedy",
    level: float = 0.95,
    calibration: pd.DataFrame | None = None,
) -> PredictionSets:
    r"""Return prediction sets of cases that no model was trained on, and their coverage.

    Sets come from thresholds (:func:`radiofib.stats.conformal.conformal_quantile`) on the scores
    of other patients, whose stage is known and whose prediction came from a model that had not
    seen them; :data:`CALIBRATIONS` names them:

    - setting ``cv``: ``other folds``; and ``same scanner`` (Mondrian), where at least
      :func:`radiofib.stats.conformal.smallest_calibration` patients of the case's scanner are
      there, else the threshold of all (``fallback``);
    - setting ``loso``: ``training scanners``, the cross-validated predictions of the same model
      for the scanners that were not left out: what a deployment would do that does not know of
      the new scanner; and ``other unseen scanners``, predictions of those scanners when they
      were left out in turn: what one can do that does;
    - other settings: ``given`` and ``same scanner`` of `calibration`; the split-conformal case.

    By patient (mean probability of the rows), a patient is one case. By row, patients count the
    same whatever their number of rows, and the promise is for one row, drawn at random, of a new
    patient.

    What is promised: with `calibration`, coverage of new patients drawn like those of it is at
    least 1 - alpha. With folds, thresholds of some models serve another: theory promises
    1 - 2 alpha for models kept together (CV+), practice is near 1 - alpha, and over all cases of
    a cross-validation coverage is near it by construction; it is by stage and by scanner that it
    tells something. For a scanner that none of the calibration patients is from, nothing is
    promised: the coverage that was seen is all there is.

    Parameters
    ----------
    predictions : DataFrame
        As :func:`radiofib.evaluation.cross_validate` returns; of several models and settings.
    levels : sequence of str
        Stages in order.
    ordered : bool, optional
        Whether the order means anything: sets without gaps. Default: as the column ``ordered``
        says, else yes. Without, the score is ``sorted``.
    alpha : float
        Share of cases that may be missed.
    score : {"greedy", "tails"}
    level : float
        Of the intervals of coverage (Clopper and Pearson's, on the effective number of rows when
        patients have several).
    calibration : DataFrame, optional
        Predictions of the same models for cases they were not trained on.

    Raises
    ------
    TableError
        When predictions are not usable.
    UsageError
        When `alpha` or `score` is not possible.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> y = np.tile(["f0", "f1"], 20)
    >>> p = np.clip(0.5 + 0.3 * (y == "f1") - 0.15 + rng.normal(0, 0.2, 40), 0.01, 0.99)
    >>> rows = pd.DataFrame({"case": range(40), "y_true": y, "p_f0": 1 - p, "p_f1": p,
    ...                      "setting": "cv", "fold": np.arange(40) // 2 % 4})
    >>> found = prediction_sets(rows, levels=["f0", "f1"], alpha=0.2)
    >>> found.coverage[["calibration", "coverage", "mean_size", "n"]].head(1)
       calibration  coverage  mean_size   n
    0  other folds     0.825      1.025  40
    """
    names = check_levels(levels)
    check_known(score, SCORES, what="score")
    if not 0 < alpha < 1:
        raise UsageError("alpha must lie between 0 and 1", found=f"{alpha:g}")
    frame = check_predictions(predictions, levels=names)
    if ordered is None:
        ordered = bool(frame["ordered"].iloc[0]) if "ordered" in frame else True
    score = score if ordered else "sorted"
    given = None if calibration is None else check_predictions(calibration, levels=names)
    coverage: list[dict[str, object]] = []
    sets: list[pd.DataFrame] = []
    for model, of_model in frame.groupby("model", sort=False):
        by_setting = {
            str(name): cases_of(part, names, score)
            for name, part in of_model.groupby("setting", sort=False)
        }
        own = None if given is None else given[given["model"] == model]
        known = None if own is None or own.empty else cases_of(own, names, score)
        for setting, units in by_setting.items():
            for which, cases in enumerate(units):
                if cases.codes.size == 0 or (
                    which == 0 and len(cases.codes) == len(units[1].codes)
                ):
                    continue  # no case; or rows that are patients
                others = {k: u[which] for k, u in by_setting.items()}
                extra = None if known is None else known[which]
                head = {"model": model, "setting": setting, "unit": cases.unit}
                for way, limits in _ways(setting, cases, others, extra, alpha):
                    found = _sets(cases, limits, names, ordered=ordered)
                    found = found.assign(**head, calibration=way)
                    sets.append(found)
                    rows = _coverage(found, names, 1 - alpha, level, limits)
                    coverage += [{**head, "calibration": way, **row} for row in rows]
    table = pd.DataFrame(coverage, columns=list(COVERAGE_COLUMNS))
    whole = pd.concat(sets, ignore_index=True) if sets else pd.DataFrame(columns=list(SET_COLUMNS))
    return PredictionSets(table, whole[list(SET_COLUMNS)])


@dataclass(frozen=True, eq=False)
class _Limits:
    """Threshold of each case, the patients it is from, and whether it is a stand-in."""

    threshold: FloatArray
    patients: NDArray[np.intp]
    fallback: BoolArray
    notes: tuple[str, ...] = ()


def _ways(
    setting: str,
    cases: Cases,
    others: dict[str, Cases],
    given: Cases | None,
    alpha: float,
) -> Iterator[tuple[str, _Limits]]:
    """Yield each way of calibration that is possible, with its thresholds."""
    folds = cases.frame["fold"].to_numpy(dtype=str)
    scanners = cases.frame["scanner"].to_numpy(dtype=str)
    if given is not None:
        where = np.zeros(folds.size, dtype=np.intp)
        yield "given", _limits(where, [given], alpha)
        if np.unique(scanners).size > 1:
            yield "same scanner", _by_scanner(cases, where, [given], alpha)
        return
    if setting == "loso":
        left_out, where = np.unique(folds, return_inverse=True)
        for way, source in (("training scanners", "cv"), ("other unseen scanners", "loso")):
            pool = others.get(source)
            if pool is None:
                continue
            parts = [
                _elsewhere(pool, name, cases.take(where == k)) for k, name in enumerate(left_out)
            ]
            if any(part.codes.size for part in parts):
                yield way, _limits(where, parts, alpha)
        return
    names, where = np.unique(folds, return_inverse=True)
    if names.size < 2:
        return
    parts = [cases.take(folds != name) for name in names]
    yield "other folds", _limits(where, parts, alpha)
    if np.unique(scanners).size > 1:
        yield "same scanner", _by_scanner(cases, where, parts, alpha)


def _elsewhere(pool: Cases, scanner: str, tested: Cases) -> Cases:
    """Return cases of other known scanners, without patients who are tested too."""
    own = pool.frame["scanner"].to_numpy(dtype=str)
    twice = pool.frame["patient"].astype(str).isin(tested.frame["patient"].astype(str)).to_numpy()
    return pool.take((own != scanner) & (own != "") & ~twice)


def _limits(where: NDArray[np.intp], parts: Sequence[Cases], alpha: float) -> _Limits:
    """Return the threshold of the part that each case is calibrated on."""
    found = [part.threshold(alpha) for part in parts]
    limits, sizes = np.array([q for q, _ in found]), np.array([n for _, n in found])
    return _Limits(limits[where], sizes[where], np.zeros(where.size, dtype=np.bool_))


def _by_scanner(
    cases: Cases, where: NDArray[np.intp], parts: Sequence[Cases], alpha: float
) -> _Limits:
    """Return thresholds from patients of the same scanner, where there are enough."""
    everyone = _limits(where, parts, alpha)
    threshold, sizes = everyone.threshold.copy(), everyone.patients.copy()
    scanners = cases.frame["scanner"].to_numpy(dtype=str)
    fallback = np.ones(where.size, dtype=np.bool_)
    least, few = smallest_calibration(alpha), dict[str, None]()
    for place, part in enumerate(parts):
        own = part.frame["scanner"].to_numpy(dtype=str)
        for name in np.unique(scanners[where == place]):
            limit, count = part.take(own == name).threshold(alpha) if name else (math.inf, 0)
            if count < least:
                few[str(name) or "not recorded"] = None
                continue
            rows = (where == place) & (scanners == name)
            threshold[rows], sizes[rows], fallback[rows] = limit, count, False
    notes = [f"threshold of all for {', '.join(few)}: fewer than {least} patients"] if few else []
    return _Limits(threshold, sizes, fallback, tuple(notes))


def _sets(cases: Cases, limits: _Limits, levels: Sequence[str], *, ordered: bool) -> pd.DataFrame:
    """Return the set of each case."""
    members = set_members(cases.scores, limits.threshold)
    low, high = set_ends(members)
    names = np.array(levels, dtype=object)
    found = cases.frame.copy()
    found["low"] = names[low] if ordered else ""
    found["high"] = names[high] if ordered else ""
    found["stages"] = ["|".join(names[row]) for row in members]
    found["size"] = members.sum(axis=1)
    found["covered"] = members[np.arange(cases.codes.size), cases.codes]
    found["threshold"] = limits.threshold
    found["n_calibration"] = limits.patients
    found["fallback"] = limits.fallback
    return found


def _coverage(
    sets: pd.DataFrame, levels: Sequence[str], nominal: float, level: float, limits: _Limits
) -> list[dict[str, object]]:
    """Return coverage and size of sets: of all, by scanner, by stage."""
    groups: list[tuple[str, str, pd.DataFrame]] = [("all", "", sets)]
    by_scanner = sets.groupby("scanner", sort=True)
    groups += [("scanner", str(name), part) for name, part in by_scanner if name != ""]
    groups += [("stage", v, part) for v in levels if len(part := sets[sets["y_true"] == v])]
    rows: list[dict[str, object]] = []
    for group, subset, part in groups:
        patients = part["patient"].to_numpy(dtype=str)
        count = int(np.unique(patients).size)
        clusters = None if count == len(part) else patients
        found = stats.proportion(part["covered"], clusters, interval="exact", level=level)
        notes = [found.note, *(limits.notes if group == "all" else ())]
        notes += [f"sparse: {count} patients"] if count < SPARSE else []
        notes += [
            "too few calibration patients: every set holds all stages"
            for _ in range(bool(np.isinf(part["threshold"]).all()))
        ]
        rows.append(
            {
                "group": group,
                "subset": subset,
                "nominal": round(nominal, 12),
                "coverage": found.value,
                "ci_low": found.low,
                "ci_high": found.high,
                "mean_size": float(part["size"].mean()),
                "singletons": float((part["size"] == 1).mean()),
                "all_stages": float((part["size"] == len(levels)).mean()),
                "n": len(part),
                "n_patients": count,
                "n_calibration": float(part["n_calibration"].median()),
                "fallback": float(part["fallback"].mean()),
                "verdict": TOO_LOW if found.high < nominal - 1e-9 else "",
                "method": f"share of cases; {level:.0%} {found.method} interval",
                "note": "; ".join(n for n in notes if n),
            }
        )
    return rows
