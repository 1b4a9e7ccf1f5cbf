"""Which design choices matter: scores by fold, by combination, by level, and effects of factors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.errors import TableError
from radiofib.evaluation.factor_model import fit_factor_model
from radiofib.evaluation.units import patient_unit, row_unit
from radiofib.staging import Target
from radiofib.stats import adjust_p, placements

__all__ = [
    "ALL_TARGETS",
    "DOMAIN_OF",
    "DROP",
    "factor_effects",
    "factor_order",
    "factor_table",
    "run_scores",
    "score_folds",
]

#: setting -> domain of the LiFS protocol: known scanners and unseen ones
DOMAIN_OF = {"cv": "ID", "loso": "OOD"}
#: The third domain of the factor table: ID minus OOD.
DROP = "drop"
#: Name of the mean over targets.
ALL_TARGETS = "all"
_KEYS = ["run", "domain", "fold", "target", "metric"]
_MEASURE = ["domain", "target", "metric"]
_SIGNIFICANT = 0.05


def score_folds(
    predictions: pd.DataFrame, *, levels: Sequence[str], targets: Sequence[Target]
) -> pd.DataFrame:
    """Score every combination in every fold, by patient.

    AUC, and accuracy at a threshold of one half, of each target on the mean probability of each
    patient; ``all`` is the mean over targets, and the metric ``score`` of ``all`` the mean over
    targets and both metrics, the aggregate of the LiFS protocol.

    Parameters
    ----------
    predictions : DataFrame
        ``case, patient, y_true, p_<level>, setting`` (``cv``, ``loso``), ``fold``, and ``model``
        with the name of the combination.
    levels : sequence of str
        Stages in order.
    targets : sequence of Target

    Returns
    -------
    DataFrame
        ``run, domain, fold, target, metric, value, weight, n, n_pos``. A fold in which one class
        is absent has no AUC. Weights, with which folds are averaged, are pairs of patients for
        the AUC and patients for the accuracy.

    Examples
    --------
    >>> from radiofib.staging import targets_for
    >>> rows = pd.DataFrame({"case": list("abcd"), "patient": list("abcd"),
    ...                      "y_true": ["f0", "f0", "f1", "f1"], "p_f0": [0.9, 0.4, 0.6, 0.1],
    ...                      "p_f1": [0.1, 0.6, 0.4, 0.9], "setting": "cv", "fold": "1",
    ...                      "model": "r001"})
    >>> found = score_folds(rows, levels=["f0", "f1"], targets=targets_for(["f0", "f1"]))
    >>> found.set_index(["target", "metric"])["value"].tolist()
    [0.75, 0.5, 0.75, 0.5, 0.625]
    """
    rows: list[dict[str, Any]] = []
    for (run, setting), part in predictions.groupby(["model", "setting"], sort=False):
        unit = patient_unit(row_unit(part, levels))
        head = {"run": run, "domain": DOMAIN_OF.get(str(setting), str(setting))}
        views = [(target.name, unit.binary(target)) for target in targets]
        for number, fold in enumerate(unit.fold_names):
            here = {**head, "fold": fold}
            found = [
                _score(view.positive[inside], view.score[inside])
                for _, view in views
                if view.score is not None
                for inside in [view.unit.folds == number]
            ]
            for (target, _), one in zip(views, found, strict=True):
                rows += [{**here, "target": target, **measure} for measure in one]
            rows += _overall(here, found)
    columns = [*_KEYS, "value", "weight", "n", "n_pos"]
    return pd.DataFrame(rows, columns=columns)


def _score(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return AUC and accuracy of one target in one fold."""
    n, n_pos = positive.size, int(positive.sum())
    both = 0 < n_pos < n
    area = placements(positive, score).auc if both else math.nan
    right = float(((score >= 0.5) == positive).mean()) if n else math.nan
    facts = {"n": n, "n_pos": n_pos}
    return [
        {"metric": "auc", "value": area, "weight": float(n_pos) * (n - n_pos), **facts},
        {"metric": "accuracy", "value": right, "weight": float(n), **facts},
    ]


def _overall(
    here: Mapping[str, Any], found: Sequence[Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """Return the means over targets; missing where one of them is."""
    n = max(one["n"] for both in found for one in both)
    # One undefined target leaves the mean undefined: folds must stay comparable.
    means = [float(np.mean([both[k]["value"] for both in found])) for k in range(2)]
    weights = [float(np.mean([both[k]["weight"] for both in found])) for k in range(2)]
    rows = [
        {"metric": "auc", "value": means[0], "weight": weights[0]},
        {"metric": "accuracy", "value": means[1], "weight": weights[1]},
        {"metric": "score", "value": (means[0] + means[1]) / 2, "weight": float(n)},
    ]
    return [{**here, "target": ALL_TARGETS, **row, "n": n, "n_pos": None} for row in rows]


def run_scores(folds: pd.DataFrame) -> pd.DataFrame:
    """Average scores over folds, with their weights.

    Returns
    -------
    DataFrame
        ``run, domain, target, metric, value, folds, n``; folds without a value take no part.

    Examples
    --------
    >>> folds = pd.DataFrame({"run": "r001", "domain": "ID", "fold": ["1", "2"], "target": "t",
    ...                       "metric": "auc", "value": [0.6, 0.9], "weight": [2.0, 1.0],
    ...                       "n": [3, 3], "n_pos": [1, 1]})
    >>> run_scores(folds)[["value", "folds", "n"]].round(3).to_numpy().tolist()
    [[0.7, 2.0, 6.0]]
    """
    whole = folds[folds["value"].notna()]
    whole = whole.assign(part=whole["value"] * whole["weight"])
    keys = ["run", *_MEASURE]
    grouped = whole.groupby(keys, sort=False)
    summed = grouped[["part", "weight", "n"]].sum()
    found = pd.DataFrame(
        {
            "value": summed["part"] / summed["weight"],
            "folds": grouped["fold"].nunique(),
            "n": summed["n"],
        }
    )
    every = folds.drop_duplicates(keys)[keys]
    merged = every.merge(found.reset_index(), on=keys, how="left")
    merged["folds"] = merged["folds"].fillna(0).astype(np.int64)
    merged["n"] = merged["n"].fillna(0).astype(np.int64)
    return merged


def factor_table(
    runs: pd.DataFrame, design: pd.DataFrame, factors: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return mean and standard deviation of the scores by level of each factor.

    The tables behind the LiFS paper's factor figure. Standard deviations use n - 1; a level with
    one combination has none. The domain ``drop`` is ID minus OOD of each combination.

    Parameters
    ----------
    runs : DataFrame
        As :func:`run_scores` returns it.
    design : DataFrame
        ``run``, and the level of each factor.
    factors : mapping of factor to levels
        The reference first.

    Returns
    -------
    DataFrame
        ``domain, target, metric, factor, level, reference, n, mean, sd, difference``: the last
        to the mean of the reference level.

    Examples
    --------
    >>> runs = pd.DataFrame({"run": ["a", "b", "c", "d"], "domain": "ID", "target": "t",
    ...                      "metric": "auc", "value": [0.6, 0.7, 0.8, 0.9]})
    >>> design = pd.DataFrame({"run": ["a", "b", "c", "d"], "select": ["no", "no", "yes", "yes"]})
    >>> found = factor_table(runs, design, {"select": ["no", "yes"]})
    >>> found[["level", "n", "mean", "sd", "difference"]].round(3).to_numpy().tolist()
    [['no', 2, 0.65, 0.071, 0.0], ['yes', 2, 0.85, 0.071, 0.2]]
    """
    scores = _with_drop(runs).merge(_checked(design, factors), on="run")
    scores = scores[scores["value"].notna()]
    rows: list[dict[str, Any]] = []
    for key, part in scores.groupby(_MEASURE, sort=False):
        for factor, levels in factors.items():
            base = math.nan
            for place, level in enumerate(levels):
                values = part.loc[part[factor] == level, "value"]
                mean = float(values.mean()) if len(values) else math.nan
                base = mean if place == 0 else base
                row: dict[str, Any] = dict(zip(_MEASURE, key, strict=True))
                row |= {"factor": factor, "level": level, "reference": place == 0}
                row |= {"n": len(values), "mean": mean, "sd": float(values.std(ddof=1))}
                rows.append({**row, "difference": mean - base})
    names = ["factor", "level", "reference", "n", "mean", "sd", "difference"]
    return pd.DataFrame(rows, columns=[*_MEASURE, *names])


def _with_drop(runs: pd.DataFrame) -> pd.DataFrame:
    """Add the domain ``drop`` where a combination has both domains."""
    keys = ["run", "target", "metric"]
    both = [runs.loc[runs["domain"] == d, [*keys, "value"]] for d in DOMAIN_OF.values()]
    pair = both[0].merge(both[1], on=keys, suffixes=("_id", "_ood"))
    drop = pair.assign(domain=DROP, value=pair["value_id"] - pair["value_ood"])
    return pd.concat([runs, drop[[*keys, "domain", "value"]]], ignore_index=True)


def _checked(design: pd.DataFrame, factors: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    missing = [c for c in ("run", *factors) if c not in design]
    if missing:
        raise TableError("the design lacks columns", expected=list_some(missing))
    return design[["run", *factors]]


def factor_effects(
    folds: pd.DataFrame,
    design: pd.DataFrame,
    factors: Mapping[str, Sequence[str]],
    *,
    overlap: Mapping[str, float] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return how much each level changes the scores against the reference, with intervals.

    The mixed model of :func:`~radiofib.evaluation.factor_model.fit_factor_model` for each
    domain, target and metric, folds counting equally. Combinations that lack a fold take no
    part. ``p_adjusted`` is Holm's over all levels of all factors of one model.

    Parameters
    ----------
    folds : DataFrame
        As :func:`score_folds` returns it.
    design : DataFrame
        ``run``, and the level of each factor.
    factors : mapping of factor to levels
        The reference first.
    overlap : mapping of domain to float, optional
        Test cases for each training case, where training sets overlap.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``domain, target, metric, factor, level, reference, estimate, se, ci_low, ci_high, df, p,
        p_adjusted, fold_sd, n_runs, n_folds, explained, method, note``.
    """
    shares = dict(overlap or {})
    known = _checked(design, factors).set_index("run")
    rows: list[dict[str, Any]] = []
    for key, part in folds.groupby(_MEASURE, sort=False):
        wide = part.pivot_table(index="run", columns="fold", values="value", sort=False)
        wide = wide.reindex([run for run in known.index if run in wide.index])
        # A fold without the class is missing for all; a run that failed there, for itself.
        wide = wide.loc[wide.notna().all(axis=1)] if len(wide) else wide
        levels = {factor: known.loc[wide.index, factor].tolist() for factor in factors}
        domain = str(key[0])
        model = fit_factor_model(
            factors, levels, wide.to_numpy(), overlap=shares.get(domain, 0.0), level=level
        )
        head: dict[str, Any] = dict(zip(_MEASURE, key, strict=True))
        adjusted = _holm([term.p for term in model.terms])
        for term, p_adjusted in zip(model.terms, adjusted, strict=True):
            row = {**head, "factor": term.factor, "level": term.level}
            row |= {"reference": str(next(iter(factors[term.factor]))), "estimate": term.estimate}
            row |= {"se": term.se, "ci_low": term.low, "ci_high": term.high, "df": term.df}
            row |= {"p": term.p, "p_adjusted": p_adjusted, "fold_sd": term.fold_sd}
            row |= {"n_runs": len(wide), "n_folds": model.folds, "explained": model.explained}
            rows.append({**row, "method": model.method, "note": term.note})
    names = ["factor", "level", "reference", "estimate", "se", "ci_low", "ci_high", "df", "p"]
    names += ["p_adjusted", "fold_sd", "n_runs", "n_folds", "explained", "method", "note"]
    return pd.DataFrame(rows, columns=[*_MEASURE, *names])


def _holm(values: Sequence[float]) -> list[float]:
    """Adjust the p values that there are."""
    p = np.array(values, dtype=np.float64)
    there = np.isfinite(p)
    p[there] = adjust_p(p[there]) if there.any() else p[there]
    return [float(v) for v in p]


def factor_order(effects: pd.DataFrame) -> pd.DataFrame:
    """Return the factors by how far apart their levels are, the widest first.

    Parameters
    ----------
    effects : DataFrame
        As :func:`factor_effects` returns it.

    Returns
    -------
    DataFrame
        ``domain, target, metric, factor, span, best, worst, p_adjusted, beyond_noise``: the
        difference between the best and the worst level (model means), these levels, the
        smallest adjusted p of the factor, and whether that is below 0.05.

    Examples
    --------
    >>> effects = pd.DataFrame({"domain": "ID", "target": "t", "metric": "auc",
    ...     "factor": ["a", "b", "b"], "level": ["y", "q", "r"], "reference": ["x", "p", "p"],
    ...     "estimate": [0.1, -0.1, 0.2], "p_adjusted": [0.2, 0.9, 0.01]})
    >>> found = factor_order(effects)
    >>> found[["factor", "span", "best", "worst", "beyond_noise"]].round(2).to_numpy().tolist()
    [['b', 0.3, 'r', 'q', True], ['a', 0.1, 'y', 'x', False]]
    """
    rows: list[dict[str, Any]] = []
    for key, part in effects.groupby([*_MEASURE, "factor"], sort=False):
        levels = [str(part["reference"].iloc[0]), *part["level"].astype(str)]
        means = np.array([0.0, *part["estimate"]], dtype=np.float64)
        row: dict[str, Any] = dict(zip([*_MEASURE, "factor"], key, strict=True))
        fine = np.flatnonzero(np.isfinite(means))
        best, worst = fine[np.argmax(means[fine])], fine[np.argmin(means[fine])]
        p = float(part["p_adjusted"].min())
        row |= {"span": float(means[best] - means[worst]), "best": levels[best]}
        row |= {"worst": levels[worst], "p_adjusted": p, "beyond_noise": p < _SIGNIFICANT}
        rows.append(row)
    names = ["factor", "span", "best", "worst", "p_adjusted", "beyond_noise"]
    frame = pd.DataFrame(rows, columns=[*_MEASURE, *names])
    place = {key: k for k, key in enumerate(dict.fromkeys(_measures(frame)))}
    frame["place"] = [place[key] for key in _measures(frame)]
    frame = frame.sort_values(["place", "span"], ascending=[True, False], kind="stable")
    return frame.drop(columns="place").reset_index(drop=True)


def _measures(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    return [tuple(key) for key in frame[_MEASURE].itertuples(index=False)]
