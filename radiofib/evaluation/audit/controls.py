"""Negative controls: what knows nothing of the liver, through the same folds as a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.evaluation.audit.patients import Patients, stratified_folds
from radiofib.evaluation.audit.smoother import FoldSmoother, FoldTest, against_shuffles
from radiofib.evaluation.crossval import control_tables
from radiofib.evaluation.splits import Split
from radiofib.staging import ScannerFlags

__all__ = ["CONTROLS", "CONTROL_EVIDENCE", "control_tests", "scanner_test"]

CONTROL_EVIDENCE = (
    "check",
    "target",
    "columns",
    "auc",
    "ci_low",
    "ci_high",
    "null_mean",
    "null_low",
    "null_high",
    "p",
    "p_adjusted",
    "n",
    "n_pos",
)
#: check -> what it sees
CONTROLS = {
    "geometry": "facts of the image file (matrix, spacing, share that was blanked)",
    "scanner": "the name of the scanner",
    "missingness": "which features are missing",
    "case_order": "order and number of the cases (and the scanner, where named)",
}
#: Fewer patients than this on one side of a question: not tested.
_FEWEST = 5
#: Patients used at most; a random part of larger tables, the same for every control.
MOST_PATIENTS = 2000
FloatArray = NDArray[np.float64]


def control_tests(
    patients: Patients,
    *,
    scanner: str,
    folds: int = 5,
    shuffles: int = 400,
    random_state: int = 0,
) -> pd.DataFrame:
    """Run all negative controls through the same folds.

    Beside :data:`CONTROLS` there are two rows for each question that set the scale:
    ``shuffled_labels``, the features with labels shuffled between patients (mean and the middle
    95 % of the shuffles), and ``features``, the features with the labels as they are. All use
    one learner, kernel ridge regression on patients' means
    (:class:`~radiofib.evaluation.audit.smoother.FoldSmoother`). Labels are shuffled between all
    patients; for ``case_order`` only within scanners, so that it does not repeat what the
    scanner tells.

    Returns
    -------
    DataFrame
        :data:`CONTROL_EVIDENCE` without ``p_adjusted``; empty where nothing varies.

    Raises
    ------
    SplitError
        When there are too few patients for folds.
    """
    used = chosen(patients.count, random_state)
    stages = patients.stages[used]
    splits = stratified_folds(
        stages, folds=folds, random_state=random_state, linked=patients.linked[used]
    )
    rows: list[dict[str, Any]] = []
    for check, X in _sights(patients, scanner):
        smoother = FoldSmoother(X[used], splits)
        for target in patients.questions:
            positive = target.labels(stages)
            if (
                not target.concerns(stages).all()
                or min(positive.sum(), (~positive).sum()) < _FEWEST
            ):
                continue
            found = against_shuffles(
                smoother,
                positive,
                strata=patients.scanners[used].tolist() if check == "case_order" else None,
                shuffles=shuffles,
                random_state=random_state,
            )
            about = {"target": target.name, "columns": X.shape[1]}
            about |= {"n": len(used), "n_pos": int(positive.sum())}
            rows.append({"check": check, **about, **_numbers(found)})
            if check == "features":
                rows.append({"check": "shuffled_labels", **about, **_shuffled(found)})
    return pd.DataFrame(rows, columns=[c for c in CONTROL_EVIDENCE if c != "p_adjusted"])


def chosen(count: int, random_state: int) -> NDArray[np.intp]:
    """Return the patients used: all, or a random part of a large table, in order."""
    if count <= MOST_PATIENTS:
        return np.arange(count)
    rng = np.random.default_rng(random_state)
    return np.sort(rng.permutation(count)[:MOST_PATIENTS])


def _sights(patients: Patients, scanner: str) -> Iterator[tuple[str, FloatArray]]:
    """Yield what each control sees, one row for each patient."""
    controls = control_tables(patients.table, scanner_column=scanner)
    for check in ("geometry", "scanner", "missingness"):
        if check in controls:
            X = patients.means(controls[check].X)
            yield check, _beside_scanner(X, patients) if check == "geometry" else X
    machines = pd.DataFrame({"scanner": patients.scanners})
    flags = ScannerFlags().fit_transform(machines)
    yield "case_order", np.hstack([patients.numbers(), flags])
    yield "features", patients.means(patients.table.X)


def _beside_scanner(X: FloatArray, patients: Patients) -> FloatArray:
    """Add the deviation of each column from its scanner's mean: steps may hide a slope."""
    names = np.array(["" if s is None else str(s) for s in patients.scanners])
    if len(set(names)) < 2:
        return X
    within = X.copy()
    for name in set(names):
        rows = X[names == name]
        known = ~np.isnan(rows).all(axis=0)  # a column that this scanner lacks has no mean
        within[np.ix_(names == name, known)] -= np.nanmean(rows[:, known], axis=0)
    return np.hstack([X, within])


def _numbers(found: FoldTest) -> dict[str, float]:
    return {
        "auc": found.estimate.value,
        "ci_low": found.estimate.low,
        "ci_high": found.estimate.high,
        "null_mean": found.null_mean,
        "null_low": found.null_low,
        "null_high": found.null_high,
        "p": found.p,
    }


def _shuffled(found: FoldTest) -> dict[str, float]:
    """Describe the shuffles themselves."""
    limits = {"ci_low": found.null_low, "ci_high": found.null_high}
    null = {"null_mean": 0.5, "null_low": found.null_low, "null_high": found.null_high}
    return {"auc": found.null_mean, **limits, **null, "p": np.nan}


def scanner_test(
    patients: Patients,
    without: set[str],
    *,
    folds: int = 5,
    shuffles: int = 400,
    random_state: int = 0,
) -> pd.DataFrame:
    """Test how well the features tell each scanner from the others.

    Scanners are shuffled within stages, so that features which know the stage do not count as
    knowing the scanner where stages are uneven between scanners.

    Parameters
    ----------
    patients : Patients
    without : set of str
        Columns to leave out.

    Returns
    -------
    DataFrame
        :data:`CONTROL_EVIDENCE` without ``p_adjusted``; ``target`` names the scanner.
    """
    known = np.flatnonzero([s is not None for s in patients.scanners])
    known = known[chosen(known.size, random_state)] if known.size else known
    names = patients.scanners[known].astype(str)
    machines = [
        m for m in sorted(set(names)) if _FEWEST <= (names == m).sum() <= len(names) - _FEWEST
    ]
    kept = [c for c in patients.table.X.columns if str(c) not in without]
    empty = pd.DataFrame(columns=[c for c in CONTROL_EVIDENCE if c != "p_adjusted"])
    if not machines or not kept:
        return empty
    splits: Sequence[Split] = stratified_folds(
        names, folds=folds, random_state=random_state, linked=patients.linked[known]
    )
    smoother = FoldSmoother(patients.means(patients.table.X[kept])[known], splits)
    strata = patients.stages[known].tolist()
    rows = []
    for machine in machines[:1] if len(set(names)) == 2 else machines:
        here = names == machine
        found = against_shuffles(
            smoother, here, strata=strata, shuffles=shuffles, random_state=random_state
        )
        about = {"check": "scanner_from_features", "target": machine, "columns": len(kept)}
        rows.append({**about, **_numbers(found), "n": len(names), "n_pos": int(here.sum())})
    return pd.DataFrame(rows, columns=list(empty.columns))
