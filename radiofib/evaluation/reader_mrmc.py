"""Several readers together: Obuchowski and Rockette's analysis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit

from radiofib import stats
from radiofib.evaluation.paired import area_covariance
from radiofib.evaluation.reader_cohorts import ReaderCohort, case_table, turned_scores
from radiofib.evaluation.rows import Row
from radiofib.staging import Target
from radiofib.stats.estimate import z_value

__all__ = ["MRMC_COLUMNS", "mrmc_model_rows", "mrmc_reading_rows"]

FloatArray = NDArray[np.float64]

MRMC_COLUMNS = (
    *("setting", "unit", "target", "reading", "first", "second", "auc_first", "auc_second"),
    *("difference", "ci_low", "ci_high", "se", "df", "statistic", "p"),
    *("readers", "n", "n_pos", "method", "note"),
)
_METHOD = "Obuchowski-Rockette, random readers and cases"


def mrmc_model_rows(cohort: ReaderCohort, level: float) -> list[Row]:
    r"""Return the mean AUC of the readers against each model.

    The differences of the readers from the model are one row of Obuchowski and Rockette's
    table: with mean :math:`\bar d` of r differences, their sample variance :math:`s^2` and the
    mean covariance c of two of them,

    .. math:: var(\bar d) = \frac{s^2 + r \max(c, 0)}{r}, \quad
              df = (r - 1) \left(\frac{s^2 + r \max(c, 0)}{s^2}\right)^2

    Nothing for one reader.

    References
    ----------
    Hillis SL. Stat Med 2014;33:330-360.
    """
    readers = list(cohort.readers)
    head: Row = {
        "setting": cohort.setting, "unit": "case", "target": cohort.target.name,
        "reading": cohort.reading, "readers": len(readers), "n": cohort.positive.size,
        "n_pos": int(cohort.positive.sum()),
    }  # fmt: skip
    if len(readers) < 2 or not 0 < head["n_pos"] < head["n"]:
        return []
    rows: list[Row] = []
    models = list(cohort.models)
    found = area_covariance(
        cohort.positive,
        [*cohort.readers.values(), *cohort.models.values()],
        cohort.clusters,
        cohort.folds,
    )
    r = len(readers)
    for place, model in enumerate(models, start=r):
        areas = found.areas[:r] - found.areas[place]
        contrast = np.zeros((r, len(found.areas)))
        contrast[np.arange(r), np.arange(r)] = 1.0
        contrast[:, place] = -1.0
        covariance = contrast @ found.matrix @ contrast.T
        row = {
            **head, "first": f"mean of {r} readers", "second": model,
            "auc_first": float(found.areas[:r].mean()), "auc_second": float(found.areas[place]),
            "method": _METHOD, "note": "; ".join(n for n in (*found.notes, cohort.note) if n),
        }  # fmt: skip
        rows.append({**row, **_mean_difference(areas, covariance, level)})
    return rows


def _mean_difference(areas: FloatArray, covariance: FloatArray, level: float) -> Row:
    """Return the test of a mean over readers against zero."""
    mean = float(areas.mean())
    if not np.isfinite(covariance).all() or not np.isfinite(areas).all():
        return {"difference": mean}
    r = areas.size
    # The same table twice: one modality is all that is asked.
    twice = np.broadcast_to(covariance[None, :, None, :], (2, r, 2, r))
    one = stats.mrmc_from_areas(np.stack([areas, areas]), twice, level=level).modalities.iloc[0]
    se, df = float(one["se"]), float(one["df"])
    if not se > 0:
        return {"difference": mean, "se": se}
    z_value(level)
    value = mean / se
    wide = z_value(level) if math.isinf(df) else float(stdtrit(df, 0.5 + level / 2))
    p = 2 * float(ndtr(-abs(value)) if math.isinf(df) else stdtr(df, -abs(value)))
    limits = {"ci_low": mean - wide * se, "ci_high": mean + wide * se}
    return {"difference": mean, "se": se, "df": df, "statistic": value, "p": p, **limits}


def mrmc_reading_rows(
    predictions: pd.DataFrame,
    readings: pd.DataFrame,
    levels: tuple[str, ...],
    targets: Sequence[Target],
    level: float,
) -> list[Row]:
    """Return every two readings (sessions) against each other, over the readers of both.

    On the cases that every one of these readers scored in both. Nothing for one reader.
    """
    rows: list[Row] = []
    first_model = predictions[predictions["model"] == predictions["model"].iloc[0]]
    for target in targets:
        cases = case_table(first_model, levels, target)
        if cases is None:
            continue
        mine = readings[readings["target"].isin([target.name, ""])]
        scores = {
            (str(reading), str(reader)): turned_scores(part, levels, target)
            for (reading, reader), part in mine.groupby(["reading", "reader"], sort=False)
        }
        for a, b in combinations(dict.fromkeys(name for name, _ in scores), 2):
            both = [r for name, r in scores if name == a and scores.get((b, r)) is not None]
            both = [r for r in both if scores[a, r] is not None]
            if len(both) < 2:
                continue
            table = [[scores[name, r] for r in both] for name in (a, b)]
            read = [s.index for row in table for s in row if s is not None]
            shared = sorted(set(cases.index).intersection(*read))
            rows += _two_readings(cases.loc[shared], table, (a, b), target, both, level)
    return rows


def _two_readings(
    cases: pd.DataFrame,
    table: Sequence[Sequence[pd.Series | None]],
    names: tuple[str, str],
    target: Target,
    readers: Sequence[str],
    level: float,
) -> list[Row]:
    positive = cases["positive"].to_numpy(dtype=np.bool_)
    head = {
        "setting": "", "unit": "case", "target": target.name, "reading": "",
        "first": names[0], "second": names[1], "readers": len(readers), "n": positive.size,
        "n_pos": int(positive.sum()), "method": _METHOD, "note": "",
    }  # fmt: skip
    if positive.all() or not positive.any():
        return [{**head, "note": "only one class"}]
    values = np.array(
        [[s.loc[cases.index].to_numpy() for s in row if s is not None] for row in table]
    )
    patients = np.unique(cases["patient"].to_numpy(dtype=str), return_inverse=True)[1]
    found = area_covariance(positive, list(values.reshape(-1, positive.size)), patients)
    if not np.isfinite(found.matrix).all():
        return [{**head, "note": "; ".join(found.notes)}]
    r = len(readers)
    result = stats.mrmc_from_areas(
        found.areas.reshape(2, r), found.matrix.reshape(2, r, 2, r), level=level
    )
    gap, areas = result.differences.iloc[0], result.modalities["auc"]
    numbers = ("difference", "ci_low", "ci_high", "se", "df", "statistic", "p")
    return [
        {
            **head, "auc_first": float(areas[0]), "auc_second": float(areas[1]),
            **{name: float(gap[name]) for name in numbers},
        }
    ]  # fmt: skip
