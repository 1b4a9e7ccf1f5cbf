"""From stored results to the tables of an ablation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib.evaluation import Split
from radiofib.evaluation.apply import domains
from radiofib.evaluation.factors import (
    DOMAIN_OF,
    factor_effects,
    factor_order,
    factor_table,
    run_scores,
    score_folds,
)
from radiofib.staging import Target
from radiofib.study.ablate_config import AblationConfig
from radiofib.study.ablate_design import Design
from radiofib.study.ablate_pieces import Leaf, read_leaf
from radiofib.study.ablate_tables import Cases
from radiofib.study.folder import RunFolder

__all__ = ["TABLES", "Collected", "collect", "fold_overlap", "write_results"]

#: Tables that are always written, beside ``predictions.csv`` on demand.
TABLES = ("design", "balance", "folds", "runs", "factors", "effects", "order", "warnings")


@dataclass(frozen=True, eq=False)
class Collected:
    """What the folds found.

    Parameters
    ----------
    predictions : DataFrame
        Of every combination and setting in which no fold is missing.
    warnings : DataFrame
        ``run, setting, fold, warning``.
    incomplete : DataFrame
        ``run, setting, missing``: combinations that lack folds, and so have no score there.
    """

    predictions: pd.DataFrame
    warnings: pd.DataFrame
    incomplete: pd.DataFrame

    @property
    def n_runs(self) -> int:
        """Combinations with predictions."""
        return int(self.predictions["model"].nunique()) if len(self.predictions) else 0


def collect(leaves: Sequence[Leaf], cases: Cases, folder: Path) -> Collected:
    """Read the results of all folds; combinations that lack one are left out of its setting."""
    groups: dict[tuple[str, str], list[Leaf]] = {}
    for leaf in leaves:
        groups.setdefault((leaf.run, leaf.setting), []).append(leaf)
    rows: dict[str, pd.DataFrame] = {}
    proba: list[np.ndarray] = []
    frames: list[pd.DataFrame] = []
    said: list[dict[str, Any]] = []
    incomplete: list[dict[str, Any]] = []
    for (run, setting), group in groups.items():
        found = [read_leaf(folder, leaf.key, len(leaf.split.test)) for leaf in group]
        done = [result for result in found if result is not None]
        if len(done) < len(found):
            pairs = zip(group, found, strict=True)
            lost = [leaf.split.name for leaf, result in pairs if result is None]
            incomplete.append({"run": run, "setting": setting, "missing": ", ".join(lost)})
            continue
        if setting not in rows:
            rows[setting] = _tested(setting, [leaf.split for leaf in group], cases)
        frames.append(rows[setting].assign(model=run))
        proba += [result.proba for result in done]
        for leaf, result in zip(group, done, strict=True):
            fold = {"run": run, "setting": setting, "fold": leaf.split.name}
            texts = list(result.warnings)
            if result.prior.any():
                texts.append(f"{int(result.prior.sum())} cases without any feature: class shares")
            said += [{**fold, "warning": text} for text in texts]
    columns = [f"p_{level}" for level in cases.scheme.levels]
    if frames:
        predictions = pd.concat(frames, ignore_index=True)
        chances = pd.DataFrame(np.concatenate(proba), columns=columns)
        predictions = pd.concat([predictions, chances], axis=1)
    else:
        predictions = pd.DataFrame(columns=["model"])
    order = ["case", "patient", "y_true", *columns]
    order += ["scanner", "domain", "setting", "fold", "model"]
    return Collected(
        predictions.reindex(columns=order),
        pd.DataFrame(said, columns=["run", "setting", "fold", "warning"]),
        pd.DataFrame(incomplete, columns=["run", "setting", "missing"]),
    )


def _tested(setting: str, splits: Sequence[Split], cases: Cases) -> pd.DataFrame:
    """Return the test cases of all folds, in the order of the folds."""
    frame = cases.frame.iloc[np.concatenate([s.test for s in splits])].reset_index(drop=True)
    parts = []
    for split in splits:
        known = set(cases.frame["scanner"].iloc[split.train]) - {None}
        parts.append(domains(cases.frame["scanner"].iloc[split.test], known))
    frame["domain"] = pd.concat(parts, ignore_index=True)
    frame["setting"] = setting
    frame["fold"] = np.repeat([s.name for s in splits], [len(s.test) for s in splits])
    return frame


def fold_overlap(splits: Mapping[str, Sequence[Split]]) -> dict[str, float]:
    """Return the mean number of test cases for each training case, by domain.

    Examples
    --------
    >>> split = Split("1", np.arange(8), np.arange(8, 10))
    >>> fold_overlap({"cv": [split]})
    {'ID': 0.25}
    """
    return {
        DOMAIN_OF[setting]: float(np.mean([len(s.test) / len(s.train) for s in found]))
        for setting, found in splits.items()
    }


def write_results(
    folder: RunFolder,
    config: AblationConfig,
    design: Design,
    evenness: pd.DataFrame,
    found: Collected,
    targets: Sequence[Target],
    splits: Mapping[str, Sequence[Split]],
    facts: Mapping[str, Any],
) -> None:
    """Compute and write the tables of ``ablation/``."""
    levels = [str(v) for v in facts["scheme"]["levels"]]
    folds = score_folds(found.predictions, levels=levels, targets=targets)
    scores = run_scores(folds)
    frame = design.frame()
    effects = factor_effects(folds, frame, design.factors, overlap=fold_overlap(splits))
    tables = {
        "design": frame,
        "balance": evenness,
        "folds": folds,
        "runs": frame.merge(_noted(scores, found, frame), on="run", how="right"),
        "factors": factor_table(scores, frame, design.factors),
        "effects": effects,
        "order": factor_order(effects),
        "warnings": found.warnings,
    }
    for name in TABLES:
        folder.write_frame(f"ablation/{name}.csv", tables[name])
    if config.predictions:
        folder.write_frame("ablation/predictions.csv", found.predictions)
    else:
        folder.discard("ablation/predictions.csv")
    folder.write_json("ablation/ablation.json", dict(facts))


def _noted(scores: pd.DataFrame, found: Collected, design: pd.DataFrame) -> pd.DataFrame:
    """Add a row that says why for each combination without a score in a domain."""
    rows = [
        {
            "run": row["run"],
            "domain": DOMAIN_OF[str(row["setting"])],
            "note": f"no score: without {row['missing']}",
        }
        for row in found.incomplete.to_dict(orient="records")
    ]
    order = {run: k for k, run in enumerate(design["run"])}
    whole = pd.concat([scores.assign(note=""), pd.DataFrame(rows)], ignore_index=True)
    return whole.sort_values("run", key=lambda c: c.map(order), kind="stable").reset_index(
        drop=True
    )
