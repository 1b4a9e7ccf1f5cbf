"""The files of an ablation, as its page reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from radiofib.errors import UsageError
from radiofib.report.folder import read_csv
from radiofib.report.format import target_label
from radiofib.report.layouts import TableLayout

__all__ = ["DOMAINS", "SETTINGS", "Ablation", "read_ablation"]

_MEASURE = ("domain", "target", "metric")
_LAYOUTS = {
    "factors": TableLayout(
        "ablation/factors.csv",
        (*_MEASURE, "factor", "level", "mean", "sd"),
        ("n", "mean", "sd", "difference"),
    ),
    "effects": TableLayout(
        "ablation/effects.csv",
        (*_MEASURE, "factor", "level", "reference", "estimate"),
        (
            *("estimate", "se", "ci_low", "ci_high", "df", "p", "p_adjusted", "fold_sd"),
            *("n_runs", "n_folds", "explained"),
        ),
        optional=("method", "note"),
    ),
    "order": TableLayout(
        "ablation/order.csv", (*_MEASURE, "factor", "span"), ("span", "p_adjusted")
    ),
    "balance": TableLayout(
        "ablation/balance.csv", ("factor",), ("levels", "fewest", "most", "worst_association")
    ),
    "runs": TableLayout(
        "ablation/runs.csv", ("run", *_MEASURE, "value"), ("value",), optional=("note",)
    ),
    "failures": TableLayout("failures.csv", ("case", "step", "reason")),
    "warnings": TableLayout("ablation/warnings.csv", ("run", "warning")),
}
DOMAINS = {"ID": "known scanners", "OOD": "unseen scanners"}
SETTINGS = {"ID": "cv", "OOD": "loso"}


@dataclass(frozen=True, eq=False)
class Ablation:
    """The files of an ablation."""

    root: Path
    facts: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]

    @property
    def key(self) -> tuple[str, str]:
        """Target and metric of the main measure."""
        main = self.facts.get("main")
        return (str(main), "auc") if main else ("all", "score")

    @property
    def measure(self) -> str:
        """The main measure in words."""
        target, _ = self.key
        if target == "all":
            return "Mean of AUC and accuracy"
        scheme = self.facts["scheme"]
        return f"AUC, {target_label(target, scheme['levels'], scheme['labels'])}"

    @property
    def factors(self) -> dict[str, list[str]]:
        """Levels of each factor, the reference first."""
        return {str(factor): levels for factor, levels in self.facts["design"]["factors"]}

    def main(self, name: str) -> pd.DataFrame:
        """Return the rows of a table that are about the main measure."""
        frame = self.tables[name]
        target, metric = self.key
        return frame[(frame["target"] == target) & (frame["metric"] == metric)]

    @property
    def domains(self) -> list[str]:
        """Domains that were tested."""
        there = set(self.main("effects")["domain"])
        return [d for d in DOMAINS if d in there]


def read_ablation(root: Path) -> Ablation:
    """Read the files of an ablation.

    Raises
    ------
    UsageError
        When the folder holds none, or a file cannot be used.
    """
    path = root / "ablation" / "ablation.json"
    if not path.is_file():
        raise UsageError(
            "this is not the folder of an ablation",
            where=str(root),
            expected="a folder with ablation/ablation.json",
            hint="name the output folder of 'radiofib ablate'",
        )
    facts = json.loads(path.read_text(encoding="utf-8"))
    try:
        tables = {name: read_csv(root / one.path, one) for name, one in _LAYOUTS.items()}
    except (OSError, ValueError) as error:
        raise UsageError("a file of the ablation cannot be used", found=str(error)) from error
    return Ablation(root, facts, tables)
