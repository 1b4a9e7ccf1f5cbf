"""Terms of an interpretable model: one row for each patient, numbers only, nothing made up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import check_known, list_some
from radiofib.errors import ConfigError, TableError
from radiofib.staging import ScannerFlags
from radiofib.table import FeatureTable

__all__ = ["Design", "Patients", "by_patient", "complete", "design_of", "halves"]

SCANNER = "scanner"


@dataclass(frozen=True, eq=False)
class Patients:
    """A table with one row for each patient.

    Parameters
    ----------
    frame : DataFrame
        Features and covariates, index patient.
    stage : ndarray of str
    scanner : ndarray of object
        None where unknown.
    notes : tuple of str
        What was done to get there.
    """

    frame: pd.DataFrame
    stage: NDArray[np.str_]
    scanner: NDArray[np.object_]
    notes: tuple[str, ...]

    def rows(self, keep: NDArray[np.bool_]) -> Patients:
        """Return some of the patients."""
        return Patients(self.frame[keep], self.stage[keep], self.scanner[keep], self.notes)


@dataclass(frozen=True, eq=False)
class Design:
    """The matrix of a model, with what its columns are called.

    Parameters
    ----------
    X : DataFrame
        Complete numbers, one column for each term, index patient.
    labels, units : dict
        Long name and unit of each term.
    """

    X: pd.DataFrame
    labels: dict[str, str]
    units: dict[str, str]


def by_patient(table: FeatureTable) -> Patients:
    """Return the mean over a patient's rows of every number, and the commonest of every text.

    Rows of one patient are not independent: taken as they are, they would make intervals too
    narrow. A patient whose rows have different stages is left out, and counted.

    Examples
    --------
    >>> table = FeatureTable(
    ...     pd.DataFrame({"f": [1.0, 3.0, 5.0]}),
    ...     pd.DataFrame({"case": list("abc"), "patient": ["p", "p", "q"],
    ...                   "stage": ["s1", "s1", "s2"]}))
    >>> by_patient(table).frame["f"].tolist()
    [2.0, 5.0]
    """
    obs = table.obs.reset_index(drop=True)
    if "stage" not in obs:
        raise TableError("an interpretable model needs a column 'stage'")
    patient = obs["patient" if "patient" in obs else "case"].astype(str)
    known = obs["stage"].notna().to_numpy()
    reserved = {"case", "patient", "stage", "instance"}
    covariates = obs[[c for c in obs.columns if c not in reserved]]
    values = pd.concat([covariates, table.X.reset_index(drop=True)], axis=1)[known]
    patient, stage = patient[known], obs["stage"].astype(object)[known].astype(str)
    groups = values.groupby(patient.to_numpy(), sort=True)
    numeric = [c for c in values if pd.api.types.is_numeric_dtype(values[c])]
    texts = [c for c in values if c not in numeric]
    frame = pd.concat(
        [groups[numeric].mean(), groups[texts].agg(_commonest) if texts else pd.DataFrame()],
        axis=1,
    )
    stages = stage.groupby(patient.to_numpy(), sort=True)
    one = stages.nunique().eq(1).to_numpy()
    notes = []
    if len(frame) < int(known.sum()):
        notes.append(f"mean of the rows of each patient ({int(known.sum())} rows)")
    if not one.all():
        notes.append(f"{int((~one).sum())} patients with rows of different stages left out")
    first = stages.first().to_numpy().astype(str)
    scanner = frame[SCANNER] if SCANNER in frame else pd.Series(None, frame.index, dtype=object)
    scanner = scanner.astype(object).where(scanner.notna(), None)
    return Patients(frame[one], first[one], scanner.to_numpy()[one], tuple(notes))


def _commonest(column: pd.Series) -> object:
    counts = Counter(v for v in column.tolist() if not pd.isna(v))
    return max(counts, key=lambda v: counts[v]) if counts else None


def design_of(
    patients: Patients, terms: Sequence[str], table: FeatureTable, *, scanner: bool
) -> Design:
    """Return the columns of the named terms; text becomes flags against its first value.

    Raises
    ------
    ConfigError
        When a term is no column.
    """
    book = table.codebook.set_index("column") if len(table.codebook) else pd.DataFrame()
    columns: dict[str, NDArray[np.float64]] = {}
    labels: dict[str, str] = {}
    units: dict[str, str] = {}
    names = [str(c) for c in patients.frame.columns]
    for term in [*terms, *([SCANNER] if scanner else [])]:
        if term == SCANNER and not scanner:
            raise ConfigError(
                "the scanner is no plain term",
                where="interpret",
                hint="set scanner: covariate or scanner: random",
            )
        check_known(term, names, what="term of 'interpret'", error=ConfigError)
        column = patients.frame[term]
        if pd.api.types.is_numeric_dtype(column):
            columns[term] = column.to_numpy(dtype=np.float64, na_value=np.nan)
            labels[term] = str(book["label"].get(term, term)) if len(book) else term
            unit = book["unit"].get(term, "") if len(book) else ""
            units[term] = unit if isinstance(unit, str) else ""
            continue
        texts = column.astype(object).where(column.notna(), None)
        flags = ScannerFlags().fit(texts.to_numpy()[:, None])
        known = [str(v) for v in flags.categories_[0]]
        if len(known) < 2:
            # Nothing to compare; the fit says that it leaves a constant out.
            columns[term] = np.where(texts.isna().to_numpy(), np.nan, 0.0)
            labels[term], units[term] = term, ""
            continue
        values = flags.transform(texts.to_numpy()[:, None])
        values[texts.isna().to_numpy()] = np.nan
        for name, value, flag in zip(
            flags.get_feature_names_out([term])[1:], known[1:], values.T[1:], strict=True
        ):
            if name in names or name in columns:
                raise ConfigError(
                    f"the flag of {term} {value!r} has the name of another column",
                    where="interpret",
                    found=str(name),
                    hint="rename one of them",
                )
            columns[str(name)] = flag
            labels[str(name)] = f"{term}: {value} against {known[0]}"
            units[str(name)] = "yes against no"
    return Design(pd.DataFrame(columns, index=patients.frame.index), labels, units)


def halves(stage: NDArray[np.str_], seed: int) -> NDArray[np.bool_]:
    """Return which patients choose the terms: a random half of each stage.

    Examples
    --------
    >>> half = halves(np.array(["a"] * 4 + ["b"] * 2), 0)
    >>> int(half[:4].sum()), int(half[4:].sum())
    (2, 1)
    """
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(stage), dtype=bool)
    for level in np.unique(stage):
        rows = rng.permutation(np.flatnonzero(stage == level))
        chosen[rows[: len(rows) // 2]] = True
    return chosen


def complete(design: Design) -> tuple[NDArray[np.bool_], str]:
    """Return which patients have every term, and the sentence that counts the others."""
    missing = design.X.isna()
    keep = ~missing.any(axis=1).to_numpy()
    if keep.all():
        return keep, f"complete cases: all {len(keep)} patients"
    worst = missing.sum().sort_values(ascending=False, kind="stable")
    named = list_some([f"{c} ({n})" for c, n in worst[worst > 0].items()], 4)
    return keep, (
        f"complete cases: {int((~keep).sum())} of {len(keep)} patients left out, missing {named}; "
        "values are not imputed"
    )
