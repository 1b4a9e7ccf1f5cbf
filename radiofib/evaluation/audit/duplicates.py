"""Rows that are the same patient twice: exact copies, near ones, and rows of one image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.evaluation.audit.copies import exact_pairs, shared_values
from radiofib.evaluation.audit.neighbours import near_pairs
from radiofib.evaluation.audit.patients import Patients
from radiofib.evaluation.linked import copy_groups

__all__ = ["DUPLICATE_EVIDENCE", "find_duplicates"]

DUPLICATE_EVIDENCE = (
    "kind",
    "case_a",
    "case_b",
    "same_patient",
    "stage_a",
    "stage_b",
    "split_a",
    "split_b",
    "scanner_a",
    "scanner_b",
    "columns_equal",
    "columns",
    "distance",
    "usual_distance",
    "p",
)
#: Column of ``obs`` that says how a picture repeats another, and when that is sure.
COPY_KIND, SURE_KINDS = "image_copy", ("same file", "same pixels")
IntArray = NDArray[np.intp]


def find_duplicates(patients: Patients, without: set[str]) -> tuple[pd.DataFrame, int, float]:
    """Return all copies in a table, the telling columns, and the dimension of its spread.

    Parameters
    ----------
    patients : Patients
    without : set of str
        Columns to leave out: identifiers differ between copies.

    Returns
    -------
    DataFrame
        :data:`DUPLICATE_EVIDENCE`; ``kind`` is ``exact``, ``near``, ``shared values``, or how
        a picture repeats another (``same file``, ``same pixels``, ``same picture``, ``same
        sweep``); each pair once.
    int
        Columns in which exact copies were looked for; 0 when too few tell rows apart.
    float
        Dimension of :func:`near_pairs`.
    """
    kept = [c for c in patients.table.X.columns if str(c) not in without]
    X = patients.table.X[kept].to_numpy(dtype=np.float64, na_value=np.nan)
    exact, equal, columns = exact_pairs(X)
    pictures = _pictures(patients)
    shown = {(i, j) for i, j, _ in pictures}
    repeats = {j for _, j in shown}
    rows = [{**_facts(patients, i, j), "kind": kind} for i, j, kind in pictures]
    rows += [
        {**_facts(patients, i, j), "kind": "exact", "columns_equal": int(e), "columns": columns}
        for (i, j), e in zip(exact.tolist(), equal, strict=True)
        if j not in repeats
    ]
    same = {tuple(pair) for pair in exact.tolist()} | shown
    once = _once(len(X), exact)
    near = near_pairs(X[once], patients.owner[once])
    for (a, b), d, usual, p in zip(near.pairs, near.distance, near.usual, near.p, strict=True):
        i, j = int(once[a]), int(once[b])
        if (i, j) not in same:
            same.add((i, j))
            found = {"kind": "near", "distance": d, "usual_distance": usual, "p": p}
            rows.append({**_facts(patients, i, j), **found})
    for (a, b), count in zip(*shared_values(X[once], patients.owner[once]), strict=True):
        i, j = int(once[a]), int(once[b])
        if (i, j) not in same:
            found = {"kind": "shared values", "columns_equal": int(count), "columns": columns}
            rows.append({**_facts(patients, i, j), **found})
    frame = pd.DataFrame(rows, columns=list(DUPLICATE_EVIDENCE))
    return frame.astype({"columns_equal": "Int64", "columns": "Int64"}), columns, near.dimension


def _pictures(patients: Patients) -> list[tuple[int, int, str]]:
    """Return rows whose picture repeats that of an earlier row of their group, and how.

    Frames of one patient that only look alike are what a sweep is made of: they are left out.
    """
    obs = patients.table.obs
    groups = copy_groups(obs)
    if groups is None or COPY_KIND not in obs:
        return []
    kinds = obs[COPY_KIND].to_numpy(dtype=object)
    cases = obs["case"].astype(str).to_numpy()
    first: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    found = []
    for k, group in enumerate(groups):
        # Of a case that is cut, the first part speaks for the picture.
        if pd.isna(group) or (group, cases[k]) in seen:
            continue
        seen.add((group, cases[k]))
        i = first.setdefault(group, k)
        kind = kinds[i] if pd.isna(kinds[k]) else kinds[k]
        alike = kind in SURE_KINDS or patients.owner[i] != patients.owner[k]
        if i != k and alike and not pd.isna(kind):
            found.append((i, k, str(kind)))
    return found


def _once(n: int, pairs: IntArray) -> IntArray:
    """Return rows without those that repeat an earlier one."""
    later = set(pairs[:, 1].tolist())
    return np.array([i for i in range(n) if i not in later], dtype=np.intp)


def _facts(patients: Patients, i: int, j: int) -> dict[str, Any]:
    obs = patients.table.obs
    split = obs["split"].astype(object) if "split" in obs else pd.Series([None] * len(obs))
    return {
        "case_a": str(obs["case"].iloc[i]),
        "case_b": str(obs["case"].iloc[j]),
        "same_patient": bool(patients.owner[i] == patients.owner[j]),
        "stage_a": patients.row_stages[i],
        "stage_b": patients.row_stages[j],
        "split_a": "" if pd.isna(split.iloc[i]) else str(split.iloc[i]),
        "split_b": "" if pd.isna(split.iloc[j]) else str(split.iloc[j]),
        "scanner_a": patients.row_scanners[i] or "",
        "scanner_b": patients.row_scanners[j] or "",
    }
