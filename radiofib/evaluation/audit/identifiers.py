"""Columns among the features that name a case, are its stage, or were said by a model."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from radiofib.evaluation.audit.patients import Patients

__all__ = ["IDENTIFIER_EVIDENCE", "find_identifiers"]

IDENTIFIER_EVIDENCE = ("column", "rule", "detail")
FloatArray = NDArray[np.float64]
#: Numbers that are all different and fill their range to this share were given out, not measured.
_DENSE = 1 / 3
#: Rank correlation with the order of the rows above which a column stands in that order.
_IN_ORDER = 0.98
_FEWEST = 12
#: Most different values of a column that may be a coding of the stage, and most per stage.
_MOST_CODES, _CODES_PER_STAGE = 12, 2
#: Chance, over all columns, that values fall on stages so purely.
_PURE = 1e-6
#: Columns that radiofib writes beside a case; ``p_<stage>`` come on top.
_OUTPUTS = frozenset(("y_true", "y_pred", "fold", "domain", "setting", "distance_p", "unfamiliar"))
_NAME = re.compile(
    r"(^|[_.\s-])(id|ids|uid|uuid|pid|mrn|accession|serial|"
    r"(case|patient|subject|sample|study|series|record|row|image|file|exam|slide)"
    r"[_.\s-]?(id|no|nr|num|number|index|idx|name)?)($|[_.\s-])",
    re.IGNORECASE,
)


def find_identifiers(patients: Patients) -> pd.DataFrame:
    """Return the columns that look like identifiers, and why.

    Columns that are no identifiers but the answer itself are named with them. The rules:

    - ``numbers given out``: whole numbers, all different, that fill at least a third of their
      range once their common step is taken out (7001, 7008, 7015 ... are such numbers; voxel
      counts, all different too, are far apart);
    - ``in order``: a rank correlation of at least .98 with the order of the rows or with the
      numbers in the case names, all values different;
    - ``name``: a name such as ``patient_id`` or ``case_number`` over values of which at least
      nine in ten are different whole numbers;
    - ``determines the stage``: a column of few values, each of which occurs in one stage only
      (codes of the stage), or, with three stages or more, one that puts all patients in the
      order of their stages without a single exchange;
    - ``an output of radiofib``: a name that a table of predictions uses, ``y_true``, ``fold``,
      ``p_s1`` ..., whatever the values are.

    Returns
    -------
    DataFrame
        :data:`IDENTIFIER_EVIDENCE`, one row for each column and rule.

    Examples
    --------
    See :func:`radiofib.evaluation.audit.audit`.
    """
    rows: list[dict[str, Any]] = []
    names = [str(name) for name in patients.table.X.columns]
    outputs = _OUTPUTS | {f"p_{level}".lower() for level in patients.levels}
    for name in names:
        if name.lower() in outputs:
            detail = "an output of radiofib, by its name"
            rows.append({"column": name, "rule": "an output of radiofib", "detail": detail})
    if patients.count < _FEWEST:
        return pd.DataFrame(rows, columns=list(IDENTIFIER_EVIDENCE))
    values = _per_patient(patients)
    rank = {level: k for k, level in enumerate(patients.levels)}
    stages = np.array([rank[stage] for stage in patients.stages.tolist()], dtype=np.intp)
    places = [(rankdata(p), word) for p, word in zip(patients.numbers().T, _PLACES, strict=False)]
    for name, column in zip(names, values.T, strict=True):
        rules = _rules(name, column, places)
        # Case numbers of cases sorted by stage are no copy of the stage.
        detail = "" if rules else _stage_itself(column, stages, len(names))
        if detail:
            rules = [("determines the stage", detail)]
        for rule, detail in rules:
            rows.append({"column": name, "rule": rule, "detail": detail})
    return pd.DataFrame(rows, columns=list(IDENTIFIER_EVIDENCE))


_PLACES = ("the order of the rows", "the numbers in the case names")


def _per_patient(patients: Patients) -> FloatArray:
    """Return the first row of each patient: an identifier is no mean."""
    first = np.full(patients.count, -1)
    for row, owner in enumerate(patients.owner.tolist()):
        if first[owner] < 0:
            first[owner] = row
    X: FloatArray = patients.table.X.to_numpy(dtype=np.float64, na_value=np.nan)[first]
    return X


def _stage_itself(column: FloatArray, stages: NDArray[np.intp], columns: int) -> str:
    """Return how a column gives the stage away; "" when it does not."""
    known = ~np.isnan(column)
    values, here = column[known], stages[known]
    if values.size < max(_FEWEST, 0.5 * column.size):
        return ""
    counts = np.bincount(here)
    counts = counts[counts > 0]
    if counts.size < 2:
        return ""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(values[order]) > 0])
    low = np.minimum.reduceat(here[order], starts)
    high = np.maximum.reduceat(here[order], starts)
    if (low != high).any():
        return ""
    if starts.size <= min(max(_MOST_CODES, _CODES_PER_STAGE * counts.size), values.size / 3):
        # The chance of each value's rows to share the stage of the first of them.
        shares = counts / values.size
        times = np.diff(np.r_[starts, values.size])
        chance = np.prod([(shares**m).sum() for m in times.tolist()])
        if chance * columns < _PURE:
            return f"determines the stage: {starts.size} different values, each in one stage only"
    turns = np.diff(low)
    if counts.size >= 3 and counts.min() >= 3 and ((turns >= 0).all() or (turns <= 0).all()):
        return "determines the stage: its order is that of the stages, without an exchange"
    return ""


def _rules(
    name: str, column: FloatArray, places: list[tuple[FloatArray, str]]
) -> list[tuple[str, str]]:
    known = ~np.isnan(column)
    values = column[known]
    if values.size < max(_FEWEST, 0.5 * column.size):
        return []
    different = np.unique(values).size
    whole = bool((values == np.floor(values)).all())
    found = []
    if whole and different == values.size:
        share, step = _filled(values)
        if share >= _DENSE:
            detail = f"{different} different whole numbers that fill {share:.0%} of their range"
            found.append(
                ("numbers given out", detail + (f" in steps of {step}" if step > 1 else ""))
            )
    if different == values.size:
        for place, word in places:
            rho = abs(float(np.corrcoef(rankdata(values), place[known])[0, 1]))
            if rho >= _IN_ORDER:
                found.append(("in order", f"rank correlation {rho:.3f} with {word}"))
                break
    if whole and different >= 0.9 * values.size and _NAME.search(name):
        found.append(("name", f"named like an identifier, {different} different whole numbers"))
    return found


def _filled(values: FloatArray) -> tuple[float, int]:
    """Return the share of their range that whole numbers fill, in their common step."""
    low, high = float(values.min()), float(values.max())
    if high - low > 2**53 or max(abs(low), abs(high)) > 2**53:
        return 0.0, 1
    step = int(np.gcd.reduce((values - low).astype(np.int64)))
    return values.size / ((high - low) / max(step, 1) + 1), step
