"""What features add to covariates and serum scores: one tidy table, and published cut-offs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib import stats
from radiofib.evaluation.apply import describe_rows
from radiofib.evaluation.clinical import FEATURES, ClinicalRun, stage_score, with_features
from radiofib.evaluation.clinical_models import ClinicalModel
from radiofib.evaluation.comparisons import adjust, align
from radiofib.evaluation.paired import paired_areas
from radiofib.evaluation.rows import Row
from radiofib.evaluation.units import BinaryView, patient_unit, row_unit
from radiofib.staging import Target
from radiofib.stats.added_value import added_likelihood_ratio, brier_difference
from radiofib.stats.serum import CUTOFFS
from radiofib.table import FeatureTable

__all__ = ["ADDED_COLUMNS", "ALPHA", "CUTOFF_COLUMNS", "added_value", "cutoff_rows"]

FloatArray = NDArray[np.float64]
ADDED_COLUMNS = (
    *("setting", "base", "model", "target", "measure", "threshold", "estimate"),
    *("ci_low", "ci_high", "p", "p_adjusted", "adjustment", "verdict", "n", "n_pos"),
    *("method", "note"),
)
CUTOFF_COLUMNS = (
    *("score", "cutoff", "rule", "published_for", "citation", "target", "measure", "estimate"),
    *("ci_low", "ci_high", "hits", "n", "method"),
)
#: Chance of a claim of added value where there is none, over the bases of a setting together.
ALPHA = 0.05


def added_value(
    run: ClinicalRun,
    models: Sequence[ClinicalModel],
    targets: Sequence[Target],
    *,
    thresholds: Sequence[float] = (0.25, 0.5, 0.75),
    level: float = 0.95,
) -> pd.DataFrame:
    """Return what the features add to each clinical model, by patient.

    For each base (``clinical``, ``fib4``, ``apri``):

    - ``likelihood_ratio``: whether the features' score, predicted for patients that the stager
      had not seen, tells the stage beside the base's columns
      (:func:`~radiofib.stats.added_value.added_likelihood_ratio`). This is the one test of
      added value; ``verdict`` says ``added`` where its p value, adjusted by Holm over the
      bases, is below .05 and the score points the right way, else ``not shown``;
    - for each binary question, ``<base> + features`` against the base, and ``features`` against
      the base: ``auc_difference`` (DeLong's paired test within folds, by patient),
      ``brier_difference`` (negative is better) and ``net_benefit_difference`` at each
      threshold. They say how much, with intervals. p values of AUCs of nested models are
      known to be too large.

    The improvement of net reclassification and of integrated discrimination are left out on
    purpose: :data:`radiofib.stats.added_value.NOT_GIVEN` says why.

    Parameters
    ----------
    run : ClinicalRun
        Of :func:`clinical_predictions`.
    models : sequence of ClinicalModel
        The same as there.
    targets : sequence of Target
    thresholds : sequence of float
        Probabilities at which a patient would be treated.
    level : float

    Returns
    -------
    DataFrame
        :data:`ADDED_COLUMNS`.

    Examples
    --------
    >>> from radiofib.evaluation.clinical import clinical_predictions, setting_splits
    >>> from radiofib.evaluation.clinical_models import covariate_model
    >>> from radiofib.staging import make_stager, targets_for
    >>> rng = np.random.default_rng(0)
    >>> age, x = rng.normal(size=(2, 200))
    >>> stage = np.where(age + 2 * x + rng.logistic(size=200) > 0, "s4", "s1")
    >>> obs = pd.DataFrame({"case": [f"c{i}" for i in range(200)], "stage": stage, "age": age})
    >>> table = FeatureTable(pd.DataFrame({"t1_x": x}), obs)
    >>> models = [covariate_model(table, ["age"])]
    >>> run = clinical_predictions(table, make_stager("logistic"), models,
    ...                            setting_splits(table, "cv"), levels=["s1", "s4"])
    >>> found = added_value(run, models, targets_for(["s1", "s4"]))
    >>> found.loc[found["measure"] == "likelihood_ratio", ["base", "verdict"]].values.tolist()
    [['clinical', 'added']]
    """
    rows: list[Row] = []
    frame = run.predictions
    for setting in frame["setting"].unique():
        inside = frame[frame["setting"] == setting]
        parts = {str(m): p for m, p in inside.groupby("model", sort=False)}
        for model in models:
            if model.name not in parts or FEATURES not in parts:
                continue
            both = with_features(model)
            tested = _likelihood_row(parts[FEATURES], model, run.levels)
            if len(targets) == 1:
                tested["target"] = targets[0].name
            notes = [*model.notes, *run.notes.get(model.name, ()), *run.notes.get(both, ())]
            note = "; ".join(n for n in (tested["note"], *notes) if n)
            head = {"setting": setting, "base": model.name}
            rows.append({**head, "model": both, **tested, "note": note})
            for other in (both, FEATURES):
                if other not in parts:
                    continue
                pair = align(parts[other], parts[model.name])
                found = _pair_rows(pair, run.levels, targets, thresholds, level)
                rows += [{**head, "model": other, **row} for row in found]
    adjust(rows, ("setting", "measure", "model_kind"))
    for row in rows:
        if row["measure"] == "likelihood_ratio":
            p = float(row.get("p_adjusted", math.nan))
            adds = p < ALPHA and float(row["slope"]) > 0
            row["verdict"] = "no test" if math.isnan(p) else ("added" if adds else "not shown")
    result = pd.DataFrame(rows).reindex(columns=list(ADDED_COLUMNS))
    texts = ("adjustment", "verdict", "method", "note", "target")
    return result.fillna(dict.fromkeys(texts, ""))


def _likelihood_row(features: pd.DataFrame, model: ClinicalModel, levels: tuple[str, ...]) -> Row:
    """Test the features' score beside the base's columns; one row for each patient."""
    columns = model.columns.iloc[features.index.to_numpy()]
    filled = columns.fillna(columns.median()).fillna(0.0).to_numpy(dtype=np.float64)
    proba = features[[f"p_{level}" for level in levels]].to_numpy(dtype=np.float64)
    place = {level: code for code, level in enumerate(levels)}
    codes = features["y_true"].map(place).to_numpy(dtype=np.intp)
    owner = pd.factorize(features["patient"].astype(str))[0]
    size = np.bincount(owner).astype(np.float64)

    def mean(values: FloatArray) -> FloatArray:
        result: FloatArray = np.bincount(owner, weights=values) / size
        return result

    highest = np.zeros(size.size, dtype=np.intp)
    np.maximum.at(highest, owner, codes)
    first = np.unique(owner, return_index=True)[1]
    # Stages of the scheme that no patient has are no levels of the model.
    present, highest = np.unique(highest, return_inverse=True)
    found = added_likelihood_ratio(
        np.column_stack([mean(c) for c in filled.T]),
        stage_score(np.column_stack([mean(p) for p in proba.T])),
        highest,
        present.size,
        folds=features["fold"].to_numpy(dtype=str)[first],
    )
    said = f"log odds by a standard deviation of the score {found.slope:+.2f}"
    return {
        "target": "stages",
        "measure": "likelihood_ratio",
        "model_kind": "test",
        "estimate": found.statistic,
        "p": found.p,
        "slope": found.slope,
        "n": found.n,
        "method": found.method,
        "note": "; ".join(n for n in (said if math.isfinite(found.slope) else "", found.note) if n),
    }


def _pair_rows(
    pair: tuple[pd.DataFrame, pd.DataFrame, str],
    levels: tuple[str, ...],
    targets: Sequence[Target],
    thresholds: Sequence[float],
    level: float,
) -> Iterator[Row]:
    """Yield the differences of two models, by patient."""
    first, second, lost = pair
    one, two = (patient_unit(row_unit(frame, levels)) for frame in (first, second))
    for target in targets:
        a, b = one.binary(target), two.binary(target)
        about: Row = {"target": target.name, "n": a.positive.size, "n_pos": int(a.positive.sum())}
        if not a.both or a.score is None or b.score is None:
            note = "only one class"
            yield {**about, "measure": "auc_difference", "method": "none", "note": note}
            continue
        test = paired_areas(a.positive, a.score, b.score, a.unit.clusters, a.unit.folds, level)
        kind = {"model_kind": str(first["model"].iloc[0]).partition(" ")[2] or "alone"}
        yield {
            **about,
            **kind,
            "measure": "auc_difference",
            "estimate": test.difference,
            "ci_low": test.low,
            "ci_high": test.high,
            "p": test.p,
            "method": test.method,
            "note": "; ".join(n for n in (test.note, lost) if n),
        }
        yield from ({**about, **row} for row in _probability_rows(a, b, thresholds, level))


def _probability_rows(
    a: BinaryView, b: BinaryView, thresholds: Sequence[float], level: float
) -> Iterator[Row]:
    assert a.score is not None
    assert b.score is not None
    first, second = a.score, b.score
    brier = brier_difference(a.positive, first, second, clusters=a.unit.clusters, level=level)
    yield {
        "measure": "brier_difference",
        "estimate": brier.value,
        "ci_low": brier.low,
        "ci_high": brier.high,
        "method": brier.method,
        "note": brier.note,
    }
    found = stats.net_benefit_difference(
        a.positive, first, second, list(thresholds), clusters=a.unit.clusters, level=level
    )
    for row in found.to_dict(orient="records"):
        yield {
            "measure": "net_benefit_difference",
            "threshold": row["threshold"],
            "estimate": row["difference"],
            "ci_low": row["ci_low"],
            "ci_high": row["ci_high"],
            "method": "normal, mean over patients",
            "note": row.get("note", ""),
        }


def cutoff_rows(
    table: FeatureTable,
    models: Sequence[ClinicalModel],
    targets: Sequence[Target],
    *,
    levels: Sequence[str],
    columns: dict[str, str] | None = None,
    label: str = "stage",
) -> pd.DataFrame:
    """Return how the published cut-offs of the serum scores do in this cohort, by patient.

    A cut-off was published for its own question (``published_for``); it is shown for every
    question of the cohort, and which of them is the same is for the reader to say. Rows of a
    patient are averaged; patients without the score are left out.

    Parameters
    ----------
    table : FeatureTable
    models : sequence of ClinicalModel
        Those with ``scores`` are used.
    targets : sequence of Target
    levels : sequence of str
        Stages in order; a patient whose rows differ counts as the highest.
    columns : dict, optional
        As in :func:`score_model`; ``age`` is used where a cut-off is for an age.
    label : str

    Returns
    -------
    DataFrame
        :data:`CUTOFF_COLUMNS`: sensitivity and specificity of each cut-off, with Wilson's
        intervals, and the share of patients on its side.

    Examples
    --------
    >>> from radiofib.evaluation.clinical_models import score_model
    >>> from radiofib.staging import targets_for
    >>> obs = pd.DataFrame({"case": list("abcd"), "stage": ["f0", "f0", "f1", "f1"],
    ...                     "ast": [20, 40, 90, 120], "platelets": [200, 200, 100, 100]})
    >>> table = FeatureTable(pd.DataFrame({"us_x": [1.0, 2, 3, 4]}), obs)
    >>> found = cutoff_rows(table, [score_model(table, "apri")], targets_for(["f0", "f1"]),
    ...                     levels=["f0", "f1"])
    >>> found.loc[found["cutoff"] == 1.5, ["measure", "estimate"]].values.tolist()
    [['sensitivity', 1.0], ['specificity', 1.0], ['share', 0.5]]
    """
    rows: list[Row] = []
    described = describe_rows(table, label=label)
    owner = pd.Series(pd.factorize(described["patient"].astype(str))[0])
    place = {name: code for code, name in enumerate(levels)}
    codes = described["y_true"].map(place).groupby(owner).max().to_numpy(dtype=np.intp)
    stages = np.array(levels, dtype=str)[codes]
    ages = _ages(table, columns, owner)
    for model in models:
        if model.scores is None:
            continue
        value = pd.Series(model.scores).groupby(owner).mean().to_numpy(dtype=np.float64)
        for cutoff in (c for c in CUTOFFS if c.score == model.name):
            known = np.isfinite(value)
            if cutoff.from_age:
                known &= ages >= cutoff.from_age
            for target in targets:
                used = known & target.concerns(stages)
                positive, given = target.labels(stages)[used], value[used]
                above = given > cutoff.value if cutoff.rule == "in" else given >= cutoff.value
                head: Row = {
                    "score": model.name,
                    "cutoff": cutoff.value,
                    "rule": cutoff.rule,
                    "published_for": cutoff.question,
                    "citation": cutoff.citation,
                    "target": target.name,
                }
                rows += [{**head, **row} for row in _shares(positive, above, cutoff.rule)]
    return pd.DataFrame(rows, columns=list(CUTOFF_COLUMNS))


def _ages(table: FeatureTable, columns: dict[str, str] | None, owner: pd.Series) -> FloatArray:
    """Return the age of each patient, NaN where it is not known."""
    name = (columns or {}).get("age", "age")
    if name not in table.obs:
        return np.full(int(owner.max()) + 1, np.nan)
    numbers = pd.to_numeric(table.obs[name].reset_index(drop=True), errors="coerce")
    result: FloatArray = numbers.groupby(owner).mean().to_numpy(dtype=np.float64, na_value=np.nan)
    return result


def _shares(
    positive: NDArray[np.bool_], above: NDArray[np.bool_], rule: str
) -> Iterator[dict[str, Any]]:
    side = above if rule == "in" else ~above
    counts = {
        "sensitivity": (int((above & positive).sum()), int(positive.sum())),
        "specificity": (int((~above & ~positive).sum()), int((~positive).sum())),
        "share": (int(side.sum()), int(side.size)),
    }
    for measure, (hits, n) in counts.items():
        if n == 0:
            continue
        found = stats.wilson(hits, n)
        yield {
            "measure": measure,
            "estimate": found.value,
            "ci_low": found.low,
            "ci_high": found.high,
            "hits": hits,
            "n": n,
            "method": found.method,
        }
