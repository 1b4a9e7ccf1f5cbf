"""Columns among the features that name a case rather than describe it."""

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
_NAME = re.compile(
    r"(^|[_.\s-])(id|ids|uid|uuid|pid|mrn|accession|serial|"
    r"(case|patient|subject|sample|study|series|record|row|image|file|exam|slide)"
    r"[_.\s-]?(id|no|nr|num|number|index|idx|name)?)($|[_.\s-])",
    re.IGNORECASE,
)


def find_identifiers(patients: Patients) -> pd.DataFrame:
    """Return the columns that look like identifiers, and why.

    Three rules, each on the values of patients:

    - ``numbers given out``: whole numbers, all different, that fill at least a third of their
      range once their common step is taken out (7001, 7008, 7015 ... are such numbers; voxel
      counts, all different too, are far apart);
    - ``in order``: a rank correlation of at least .98 with the order of the rows or with the
      numbers in the case names, all values different;
    - ``name``: a name such as ``patient_id`` or ``case_number`` over values of which at least
      nine in ten are different whole numbers.

    Returns
    -------
    DataFrame
        :data:`IDENTIFIER_EVIDENCE`, one row for each column and rule.

    Examples
    --------
    See :func:`radiofib.evaluation.audit.audit`.
    """
    rows: list[dict[str, Any]] = []
    if patients.count < _FEWEST:
        return pd.DataFrame(rows, columns=list(IDENTIFIER_EVIDENCE))
    values = _per_patient(patients)
    places = [(rankdata(p), word) for p, word in zip(patients.numbers().T, _PLACES, strict=False)]
    for name, column in zip(map(str, patients.table.X.columns), values.T, strict=True):
        for rule, detail in _rules(name, column, places):
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
