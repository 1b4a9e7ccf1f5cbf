"""The model behind ``interpret:``: its question, its terms, its fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import check_known, list_some
from radiofib.errors import ConfigError, ModelError
from radiofib.staging import Target, targets_for
from radiofib.stats.regression import (
    Fit,
    RandomIntercept,
    firth,
    logistic,
    proportional_odds,
    random_intercept,
    stability_selection,
)
from radiofib.study.interpret_checks import Model
from radiofib.study.interpret_config import InterpretConfig
from radiofib.study.interpret_data import Design, Patients, complete, design_of, halves
from radiofib.table import FeatureTable

__all__ = ["Chosen", "both_sides", "fit_model", "outcome_of", "question_of", "terms_of"]

CHOSEN = "terms chosen on these patients: p would mean nothing"


@dataclass(frozen=True, eq=False)
class Chosen:
    """What selection did.

    Parameters
    ----------
    frequency : DataFrame, optional
        Chosen terms.
    no_p : str
        Why p must stay empty.
    candidates : int
        Parameters that were in play on the patients of the fit.
    notes : tuple of str
    """

    frequency: pd.DataFrame | None = None
    no_p: str = ""
    candidates: int = 0
    notes: tuple[str, ...] = ()


def question_of(
    settings: InterpretConfig,
    levels: tuple[Sequence[str], list[str]],
    ordered: bool,
    target: str | None,
) -> Target | None:
    """Return the comparison of a binary model; None for all stages in order."""
    every, present = levels
    if settings.model == "proportional_odds":
        if not ordered and len(present) > 2:
            raise ConfigError(
                "proportional odds need stages with an order",
                where="interpret",
                hint="use model: logistic with a target",
            )
        return None
    known = {t.name: t for t in targets_for(every, ordered=ordered)}
    if target is not None:
        check_known(target, known, what="target of 'interpret'", error=ConfigError)
        return known[target]
    usable = [t for t in known.values() if both_sides(t, present)]
    return usable[0] if usable else next(iter(known.values()))


def both_sides(target: Target, present: Sequence[str]) -> bool:
    """Tell whether both sides of a comparison have a stage among those present."""
    return bool(target.positive & set(present)) and bool(target.negative & set(present))


def outcome_of(
    patients: Patients, levels: Sequence[str], question: Target | None
) -> tuple[Patients, NDArray[np.intp], list[str]]:
    """Return the patients concerned, their codes and the names of the codes."""
    if question is None:
        place = {level: k for k, level in enumerate(levels)}
        return patients, np.array([place[s] for s in patients.stage]), list(levels)
    concerned = patients.rows(question.concerns(patients.stage))
    return concerned, question.labels(concerned.stage).astype(np.intp), ["0", "1"]


def terms_of(
    settings: InterpretConfig,
    table: FeatureTable,
    patients: Patients,
    codes: NDArray[np.intp],
    names: list[str],
    seed: int,
) -> tuple[list[str], Patients, NDArray[np.intp], Chosen]:
    """Return the terms, and the patients they are fitted to."""
    named = list(settings.terms)
    if settings.select is None:
        return named, patients, codes, Chosen()
    choosing = np.ones(len(codes), dtype=bool)
    if settings.split:
        choosing = halves(patients.stage, seed)
    features = [str(c) for c in table.X.columns if str(c) not in named]
    frame = patients.frame.loc[choosing, features]
    usable = frame.notna().all() & (frame.max() > frame.min())
    candidates = [c for c in features if usable[c]]
    if not candidates:
        raise ModelError("no feature to choose from: each is constant or missing somewhere")
    frequency = stability_selection(
        frame[candidates],
        codes[choosing],
        names,
        per_subsample=settings.select.terms,
        pairs=settings.select.pairs,
        seed=seed,
    )
    best = frequency.head(settings.select.terms)
    notes = [f"{len(best)} terms chosen from {len(candidates)} features by stability selection"]
    if len(candidates) < len(features):
        notes.append(
            f"{len(features) - len(candidates)} features, constant or missing somewhere, not "
            "among the candidates"
        )
    if settings.split:
        notes.append(
            f"chosen on {int(choosing.sum())} patients, fitted on the other "
            f"{int((~choosing).sum())}"
        )
        patients, codes = patients.rows(~choosing), codes[~choosing]
    no_p = "" if settings.split else CHOSEN
    count = len(named) + (0 if settings.split else len(candidates))
    chosen = Chosen(best, no_p, count, tuple(notes))
    return [*named, *best["term"].astype(str)], patients, codes, chosen


def fit_model(
    settings: InterpretConfig,
    table: FeatureTable,
    patients: Patients,
    codes: NDArray[np.intp],
    wanted: tuple[list[str], list[str]],
    notes: list[str],
) -> Model:
    """Fit the levels and terms `wanted` to the complete cases."""
    levels, terms = wanted
    design = design_of(patients, terms, table, scanner=settings.scanner == "covariate")
    random = settings.scanner == "random"
    keep, sentence = complete(design)
    if random:
        known = np.array([s is not None for s in patients.scanner])
        if not known.all():
            sentence += f"; {int((~known).sum())} patients of unknown scanner left out"
        keep = keep & known
    X, codes = design.X[keep], codes[keep]
    constant = [str(c) for c in X if X[c].nunique() < 2]
    if constant:
        notes = [*notes, f"left out, the same in all patients: {list_some(constant)}"]
        X = X.drop(columns=constant)
    if X.shape[1] == 0:
        raise ModelError("no term varies among the complete cases", found=sentence)
    units, shown = dict(design.units), X
    if settings.standardised:
        shown = X.copy()
        for name in design.labels:
            if name not in X or set(X[name].unique()) == {0.0, 1.0}:
                continue
            spread = float(X[name].std())
            shown[name] = (X[name] - X[name].mean()) / spread
            unit = "" if units[name] == "1" else units[name]
            units[name] = f"SD = {spread:.6g} {unit}".strip()
    groups = patients.scanner[keep]
    fit = _fitted(settings, shown, codes, levels, groups)
    # Points are read off a patient's own numbers, not off standardised ones.
    raw = fit[0] if shown is X else _fitted(settings, X, codes, levels, groups, "wald")[0]
    labelled = Design(X, design.labels, units)
    return Model(fit[0], raw, labelled, shown, codes, levels, (*notes, sentence), random=fit[1])


def _fitted(
    settings: InterpretConfig,
    X: pd.DataFrame,
    codes: NDArray[np.intp],
    levels: list[str],
    groups: NDArray[np.object_],
    interval: str = "profile",
) -> tuple[Fit, RandomIntercept | None]:
    if settings.scanner == "random":
        mixed = random_intercept(X, codes, levels, groups)
        return mixed.fit, mixed
    if settings.model == "proportional_odds":
        return proportional_odds(X, codes, levels), None
    if settings.model == "firth":
        return firth(X, codes, interval=interval), None
    return logistic(X, codes), None
