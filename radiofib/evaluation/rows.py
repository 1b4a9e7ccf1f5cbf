"""Rows of the metrics table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.evaluation.intervals import SPARSE, nothing
from radiofib.evaluation.units import BinaryView, Unit
from radiofib.stats import Estimate

__all__ = [
    "COLLAPSE",
    "NOT_PROBABILITY",
    "Collector",
    "Row",
    "as_patient",
    "rank_collapse",
    "sparse_notes",
]

Row = dict[str, Any]

#: One decision, or one score, for at least this share of cases is a collapse.
COLLAPSE = 0.99
#: Why a measure of probabilities is refused.
NOT_PROBABILITY = (
    "refused: the score is not a probability; calibrate it on training data and give it as p"
)


@dataclass(frozen=True)
class Collector:
    """Rows of the metrics table for one unit and target.

    Parameters
    ----------
    unit : Unit
    target : str
    n_pos : int or None
        Positive rows; None for all stages together.
    notes : tuple of str
        What is said in every row.
    rows : list
        What was added.
    """

    unit: Unit
    target: str
    n_pos: int | None
    notes: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)

    def add(
        self, metric: str, found: Estimate, *, notes: Iterable[str] = (), subset: str = ""
    ) -> None:
        """Add one measure."""
        prefix = _per_patient(self.unit.is_score) if self.unit.name == "patient" else ""
        said = [*notes, *self.notes, found.note, self.unit.note]
        self.rows.append(
            {
                "unit": self.unit.name,
                "target": self.target,
                "metric": metric,
                "estimate": found.value,
                "ci_low": found.low,
                "ci_high": found.high,
                "n": self.unit.codes.size,
                "n_pos": self.n_pos,
                "n_patients": self.unit.n_patients,
                "method": prefix + found.method,
                "is_score": self.unit.is_score,
                "note": "; ".join(dict.fromkeys(n for n in said if n)),
                "subset": subset,
            }
        )

    def refuse(self, metrics: Sequence[str], reason: str = NOT_PROBABILITY) -> None:
        """Add measures that cannot be given, with the reason."""
        for metric in metrics:
            self.add(metric, nothing(reason))


def _per_patient(is_score: bool) -> str:
    return f"mean {'score' if is_score else 'probability'} per patient; "


def as_patient(row: Row) -> Row:
    """Return a row of a unit in which each row is a patient under the patients' name."""
    return {**row, "unit": "patient", "method": _per_patient(row["is_score"]) + row["method"]}


def sparse_notes(view: BinaryView) -> tuple[str, ...]:
    """Say how many patients the smaller class has when they are few."""
    count = min(view.class_patients)
    return (f"sparse: {count} patients in the smaller class",) if count < SPARSE else ()


def rank_collapse(found: Estimate, score: NDArray[np.float64]) -> list[str]:
    """Say that a score does not rank: it is constant, or its interval covers one half."""
    commonest = np.unique(score, return_counts=True)[1].max() / score.size
    if commonest >= COLLAPSE or float(np.ptp(score)) < 1e-9:
        return ["rank collapse: scores are (nearly) constant"]
    if found.low <= 0.5 <= found.high:
        return ["rank collapse: the interval covers 0.5"]
    return []
