"""The step of a study that asks how sure its stager is, and of which cases it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from radiofib.datacard import StageScheme
from radiofib.errors import Failure, RadiofibError
from radiofib.evaluation import read_predictions
from radiofib.evaluation.abstain import ABSTAIN_COLUMNS, AbstainRule, abstain_table
from radiofib.evaluation.companion import companion_path, training_scores
from radiofib.evaluation.conformal import COVERAGE_COLUMNS, SET_COLUMNS, prediction_sets
from radiofib.evaluation.quality import (
    DISTANCE_COLUMNS,
    NO_NAME,
    QUALITY_COLUMNS,
    fold_distances,
    quality_table,
    stage_score,
)
from radiofib.evaluation.stored_thresholds import learn_thresholds
from radiofib.provenance import hash_file
from radiofib.study.channel_sets import channel_sets
from radiofib.study.config import StudyConfig, UncertaintyConfig
from radiofib.study.deployment import write_companion
from radiofib.study.folder import RunFolder
from radiofib.study.model import SCANNER, labelled
from radiofib.study.progress import Progress
from radiofib.table import FeatureTable

__all__ = ["uncertainty_step"]

#: table -> its columns where a stager has no predictions
_BLANK = {
    "conformal": COVERAGE_COLUMNS,
    "prediction_sets": SET_COLUMNS,
    "abstain": ABSTAIN_COLUMNS,
    "distance": ("model", "setting", "fold", "case", "patient", "scanner", *DISTANCE_COLUMNS),
    "quality": ("model", "setting", *QUALITY_COLUMNS),
}
_TABLES = tuple(_BLANK)
_OUTPUTS = tuple(f"evaluation/{name}.csv" for name in _TABLES)


def uncertainty_step(
    study: StudyConfig,
    table: FeatureTable,
    scheme: StageScheme | None,
    folder: RunFolder,
    features_hash: str,
    tell: Progress,
) -> list[Failure]:
    """Judge the certainty of each channel set's stager from its predictions of held-out cases.

    Writes ``evaluation/conformal.csv`` (coverage and size of prediction sets),
    ``prediction_sets.csv``, ``abstain.csv`` (rule-out and rule-in cut-offs, the grey zone),
    ``distance.csv`` and ``quality.csv`` (cases unlike those of training, by scanner), and beside
    each ``model*.skops`` a ``model*_uncertainty.npz``, with which ``radiofib predict`` says as
    much of new cases.
    """
    rows = labelled(table)
    sets = channel_sets(study)
    models = [folder.root / s.model_file for s in sets]
    companions = tuple(companion_path(m).name for m in models)
    old = {p.name for p in folder.root.glob("model*_uncertainty.npz")} - set(companions)
    folder.discard(*sorted(old))
    predicted = folder.root / "predictions.csv"
    asked = study.uncertainty
    # Fixed parts have no predictions of the training cases to learn from.
    fixed = study.evaluation.settings == ("fixed",)
    if asked is None or fixed or scheme is None or rows.n_rows == 0 or not predicted.is_file():
        folder.discard(*_OUTPUTS, *companions)
        return []
    stored = {m.name: hash_file(m) for m in models if m.is_file()}
    folder.discard(*(companion_path(m).name for m in models if m.name not in stored))
    key = {
        "features": features_hash,
        "predictions": hash_file(predicted),
        "models": stored,
        "uncertainty": asked.model_dump(mode="json"),
        "levels": list(scheme.levels),
        "ordered": scheme.ordered,
        "seed": study.seed,
        "channel_sets": {s.name: s.members for s in sets},
    }
    outputs = (*_OUTPUTS, *(companion_path(name).name for name in stored))

    def work() -> None:
        frame = read_predictions(predicted, levels=scheme.levels)
        frame = frame[frame["setting"].isin(("cv", "loso"))]
        found: dict[str, list[pd.DataFrame]] = {name: [] for name in _TABLES}
        for number, channels in enumerate(sets):
            tell("uncertainty", number, len(sets))
            own = frame[frame["model"] == channels.label(study.stager.name)]
            seen = channels.of(rows)
            for name, part in _judge(own, seen, scheme, asked).items():
                found[name].append(part)
            model = folder.root / channels.model_file
            if model.name in stored:
                _companion(model, own, seen, scheme, asked, study.seed)
        tell("uncertainty", len(sets), len(sets))
        for name, parts in found.items():
            folder.write_frame(f"evaluation/{name}.csv", pd.concat(parts, ignore_index=True))

    try:
        folder.step("uncertainty", key, outputs, work)
    except RadiofibError as error:
        folder.discard(*_OUTPUTS, *companions)
        return [Failure.from_error(error, case="", step="uncertainty")]
    return []


def _rule(asked: UncertaintyConfig) -> AbstainRule:
    return AbstainRule(asked.rule_out, asked.rule_in, asked.rule_by)


def _judge(
    predictions: pd.DataFrame,
    rows: FeatureTable,
    scheme: StageScheme,
    asked: UncertaintyConfig,
) -> dict[str, pd.DataFrame]:
    """Return the tables of one stager."""
    if predictions.empty:
        return {name: pd.DataFrame(columns=list(columns)) for name, columns in _BLANK.items()}
    levels, ordered = scheme.levels, scheme.ordered
    sets = prediction_sets(
        predictions, levels=levels, ordered=ordered, alpha=asked.alpha, score=asked.score
    )
    abstain = abstain_table(predictions, levels=levels, ordered=ordered, rule=_rule(asked))
    distance = fold_distances(rows, predictions)
    quality = _quality(predictions, rows, distance, ordered=ordered)
    model = predictions["model"].iloc[0]
    distance.insert(0, "model", model)
    quality.insert(0, "model", model)
    tables = (sets.coverage, sets.sets, abstain, distance, quality)
    return dict(zip(_TABLES, tables, strict=True))


def _quality(
    predictions: pd.DataFrame, rows: FeatureTable, distance: pd.DataFrame, *, ordered: bool
) -> pd.DataFrame:
    """Return the quality control of held-out cases: known scanners, and each as an unseen one."""
    scores = training_scores(predictions, ordered=ordered)
    keys = [c for c in ("case", "instance") if c in distance]
    lacking = _lacking(rows, keys)
    scored = predictions.assign(score=stage_score(predictions, ordered=ordered))
    cases = distance.merge(
        scored[["setting", *keys, "score"]], on=["setting", *keys], how="left"
    ).merge(lacking, on=keys, how="left")
    parts = []
    for setting, part in cases.groupby("setting", sort=False):
        names = part["scanner"].dropna().astype(str).unique()
        known = () if setting == "loso" else (*names, NO_NAME)
        # Scores of a cross-validation are those of training patients: nothing to compare with.
        others = scores if setting == "loso" else None
        found = quality_table(part, training_scores=others, known=known)
        found.insert(0, "setting", setting)
        parts.append(found)
    return pd.concat(parts, ignore_index=True)


def _lacking(rows: FeatureTable, keys: list[str]) -> pd.DataFrame:
    """Tell of each row whether a channel that others have is missing."""
    X = rows.X.reset_index(drop=True)
    blocks = pd.Index([str(c).partition("_")[0] for c in X.columns])
    lacks = np.zeros(len(X), dtype=np.bool_)
    for block in blocks.unique():
        gone = X.loc[:, blocks == block].isna().all(axis=1).to_numpy()
        lacks |= gone & ~gone.all()
    named = rows.obs[keys].reset_index(drop=True).astype(str)
    return named.assign(missing=lacks)


def _companion(
    model: Path,
    predictions: pd.DataFrame,
    rows: FeatureTable,
    scheme: StageScheme,
    asked: UncertaintyConfig,
    seed: int,
) -> None:
    """Write what the stager of a channel set takes along."""
    thresholds = scores = None
    if not predictions.empty:
        thresholds = learn_thresholds(
            predictions,
            levels=scheme.levels,
            ordered=scheme.ordered,
            alpha=asked.alpha,
            score=asked.score,
            rule=_rule(asked),
        )
        scores = training_scores(predictions, ordered=scheme.ordered)
    write_companion(
        model, rows, scanner=SCANNER, scores=scores, thresholds=thresholds, random_state=seed
    )
