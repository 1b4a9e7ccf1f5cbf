"""The audit: what a table would teach a model beside the disease."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from radiofib.errors import SplitError
from radiofib.evaluation.audit import verdicts
from radiofib.evaluation.audit.controls import (
    CONTROL_EVIDENCE,
    CONTROLS,
    control_tests,
    scanner_test,
)
from radiofib.evaluation.audit.duplicates import find_duplicates
from radiofib.evaluation.audit.identifiers import find_identifiers
from radiofib.evaluation.audit.missing import missing_tests
from radiofib.evaluation.audit.nesting import scanner_by_stage
from radiofib.evaluation.audit.patients import Patients, patients_of
from radiofib.evaluation.audit.verdicts import CHECKS, VERDICT_COLUMNS
from radiofib.evaluation.files import write_tables
from radiofib.parallel import one_thread
from radiofib.stats import adjust_p
from radiofib.table import FeatureTable

__all__ = ["Audit", "audit"]

#: Checks that run through folds and are judged alike.
_FOLDED = (*CONTROLS, "scanner_from_features")


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Parameters
    ----------
    verdicts : DataFrame
        One row for each of :data:`CHECKS`: ``check, verdict, finding, evidence, statistic,
        ci_low, ci_high, n``. ``verdict`` is ``found``, ``clear``, ``not identifiable`` or
        ``not tested``; ``evidence`` names the file with the figures.
    evidence : dict of DataFrame
        ``controls, missing, duplicates, identifiers, scanner_by_stage``.
    """

    verdicts: pd.DataFrame
    evidence: dict[str, pd.DataFrame]

    @property
    def found(self) -> tuple[str, ...]:
        """Checks that found something or cannot be answered with this table."""
        bad = self.verdicts["verdict"].isin(["found", "not identifiable"])
        return tuple(self.verdicts.loc[bad, "check"])

    def write(self, folder: str | Path) -> list[Path]:
        """Write ``verdicts.csv`` and one CSV for each piece of evidence; return their paths."""
        return write_tables(folder, {"verdicts": self.verdicts, **self.evidence})


def audit(
    table: FeatureTable,
    *,
    label: str = "stage",
    scanner: str = "scanner",
    folds: int = 5,
    shuffles: int = 400,
    random_state: int = 0,
) -> Audit:
    """Look for what a model could learn from a table beside the disease.

    Fourteen checks (:data:`CHECKS`). Negative controls and the test of features against the
    scanner run through the same patient-grouped, stage-stratified folds; missing channels are
    tested exactly within scanners; copies are looked for by value and by distance; identifiers
    by name and by value. All p values of an audit are adjusted together (Holm), and a finding
    needs an adjusted p below 0.001: of a thousand tables without a problem one is accused. What
    is ``clear`` is therefore not shown to be absent; intervals say what could be overlooked.

    Parameters
    ----------
    table : FeatureTable
        ``obs`` has case, the label and, where known, patient, scanner, split and ``geom_*``.
    label, scanner : str
        Columns of ``obs``.
    folds : int
        Number of folds.
    shuffles : int
        Shuffles of the labels behind each p value.
    random_state : int
        Seed of folds, shuffles and bootstraps.

    Returns
    -------
    Audit

    Raises
    ------
    TableError
        When there is no label, one stage only, or an infinite feature.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(60, 4)), columns=["us_a", "us_b", "us_c", "us_d"])
    >>> X["us_case_number"] = np.arange(60.0)
    >>> obs = pd.DataFrame({"case": [f"c{i}" for i in range(60)], "stage": ["f0", "f1"] * 30})
    >>> found = audit(FeatureTable(X, obs), shuffles=100)
    >>> found.found
    ('identifiers',)
    >>> found.verdicts.set_index("check").loc["identifiers", "finding"]
    'us_case_number: 60 different whole numbers that fill 100% of their range; take it out of the
    features'
    """
    with one_thread():
        return _audit(table, label, scanner, folds, shuffles, random_state)


def _audit(
    table: FeatureTable, label: str, scanner: str, folds: int, shuffles: int, random_state: int
) -> Audit:
    patients = patients_of(table, label=label, scanner=scanner)
    identifiers = find_identifiers(patients)
    named = set(identifiers["column"])
    controls, reason = _controls(patients, named, scanner, folds, shuffles, random_state)
    missing = missing_tests(patients)
    # The features are no control: their p value is shown, not judged.
    judged = controls["p"].where(controls["check"] != "features")
    adjusted = adjust_p(np.concatenate([judged, missing["p"]]).astype(np.float64))
    controls["p_adjusted"] = adjusted[: len(controls)]
    missing["p_adjusted"] = adjusted[len(controls) :]
    pairs, columns, dimension = find_duplicates(patients, named)
    nesting = scanner_by_stage(patients)
    rows = [
        verdicts.nesting_verdict(nesting, patients),
        *(verdicts.control_verdict(check, controls, reason) for check in _FOLDED),
        verdicts.shuffled_verdict(controls, shuffles, reason),
        verdicts.missing_verdict(missing, patients.count),
        verdicts.identifier_verdict(identifiers, patients),
        *verdicts.copy_verdicts(pairs, patients, columns, dimension),
        verdicts.split_verdict(patients),
    ]
    frame = pd.DataFrame(rows, columns=list(VERDICT_COLUMNS)).set_index("check")
    frame = frame.loc[list(CHECKS)].reset_index()
    return Audit(
        frame.astype({"n": "Int64"}),
        {
            "controls": controls,
            "missing": missing,
            "duplicates": pairs,
            "identifiers": identifiers,
            "scanner_by_stage": nesting.counts,
        },
    )


def _controls(
    patients: Patients,
    named: set[str],
    scanner: str,
    folds: int,
    shuffles: int,
    random_state: int,
) -> tuple[pd.DataFrame, str]:
    """Return the tests through folds, or why there are none."""
    how: dict[str, int] = {"folds": folds, "shuffles": shuffles, "random_state": random_state}
    parts: list[pd.DataFrame] = []
    reasons: dict[str, None] = {}
    for make in (
        partial(control_tests, patients, scanner=scanner, **how),
        partial(scanner_test, patients, named, **how),
    ):
        try:
            parts.append(make())
        except SplitError as error:
            reasons[f"{error.problem}: {error.found}, {error.expected} needed"] = None
    filled = [p for p in parts if len(p)]
    columns = [c for c in CONTROL_EVIDENCE if c != "p_adjusted"]
    frame = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=columns)
    return frame, "; ".join(reasons)
