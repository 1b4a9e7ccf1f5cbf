"""The interpretable model of a study: coefficients, tests and points, as plain tables.

``interpret/coefficients.csv``, ``tests.csv``, ``points.csv`` and ``total_points.csv``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from radiofib._checks import list_some
from radiofib.datacard import StageScheme
from radiofib.errors import Failure, ModelError, RadiofibError
from radiofib.staging import Target, targets_for
from radiofib.stats.regression import (
    COEFFICIENT_COLUMNS,
    TEST_COLUMNS,
    Fit,
    coefficients,
    points_table,
    total_points,
)
from radiofib.study.config import StudyConfig
from radiofib.study.folder import RunFolder
from radiofib.study.interpret_checks import Model, checks_of
from radiofib.study.interpret_config import InterpretConfig
from radiofib.study.interpret_data import (
    by_patient,
)
from radiofib.study.interpret_fit import both_sides, fit_model, outcome_of, question_of, terms_of
from radiofib.study.progress import Progress
from radiofib.table import FeatureTable

__all__ = ["FILES", "Interpretation", "interpret_step", "interpret_table"]

FILES = tuple(
    f"interpret/{name}.csv" for name in ("coefficients", "tests", "points", "total_points")
)
_CHOSEN = "terms chosen on these patients: p would mean nothing"


@dataclass(frozen=True, eq=False)
class Interpretation:
    """Tables of an interpretable model.

    Parameters
    ----------
    coefficients : DataFrame
        ``model, target`` and the columns of :func:`radiofib.stats.regression.coefficients`.
    tests : DataFrame
        ``model, target, test, term, statistic, df, p, note``.
    points : DataFrame
        ``model, term, value, points``.
    total_points : DataFrame
        ``model, target, total, probability``.
    """

    coefficients: pd.DataFrame
    tests: pd.DataFrame
    points: pd.DataFrame
    total_points: pd.DataFrame


def interpret_table(
    table: FeatureTable,
    settings: InterpretConfig,
    *,
    levels: Sequence[str],
    ordered: bool = True,
    target: str | None = None,
    seed: int = 0,
) -> Interpretation:
    """Fit the interpretable model of `settings` to a feature table.

    Rows become patients (mean over a patient's rows), patients without all terms are left out
    and counted: values are never imputed.

    Parameters
    ----------
    table : FeatureTable
        With a column ``stage``.
    settings : InterpretConfig
    levels : sequence of str
        Stages in order; those without a patient are left out.
    ordered : bool
        Whether the order means anything.
    target : str, optional
        Comparison of a binary model when `settings` names none.
    seed : int
        Of the selection and the split.

    Returns
    -------
    Interpretation

    Raises
    ------
    RadiofibError
        When a term is unknown or constant, or there are too few patients.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"f": rng.normal(size=90)})
    >>> stage = np.where(X["f"] + rng.logistic(size=90) > 0, "s2", "s1")
    >>> table = FeatureTable(X, pd.DataFrame({"case": [f"c{i}" for i in range(90)],
    ...                                       "stage": stage}))
    >>> found = interpret_table(table, InterpretConfig(model="logistic", terms=["f"]),
    ...                         levels=["s1", "s2"])
    >>> found.coefficients[["target", "kind", "term"]].values.tolist()
    [['s2_vs_s1', 'threshold', 'intercept'], ['s2_vs_s1', 'term', 'f']]
    """
    patients = by_patient(table)
    present = [level for level in levels if level in set(patients.stage)]
    if len(present) < 2:
        raise ModelError("an interpretable model needs two stages", found=list_some(present))
    notes = list(patients.notes)
    absent = [level for level in levels if level not in present]
    if absent:
        notes.append(f"no patient of stage {list_some(absent)}")
    question = question_of(settings, (levels, present), ordered, settings.target or target)
    patients, codes, names = outcome_of(patients, present, question)
    with threadpool_limits(limits=1):
        terms, patients, codes, chosen = terms_of(settings, table, patients, codes, names, seed)
        notes += chosen.notes
        model = fit_model(settings, table, patients, codes, (names, terms), notes)
        model = replace(model, chosen=chosen.frequency, no_p=chosen.no_p)
        asked = (question,) if question else targets_for(levels, ordered=ordered)
        return _tables(settings, model, asked, present, chosen.candidates)


def _tables(
    settings: InterpretConfig,
    model: Model,
    asked: Sequence[Target],
    present: Sequence[str],
    candidates: int,
) -> Interpretation:
    binary = settings.model != "proportional_odds"
    head = {"model": settings.model, "target": asked[0].name if binary else "stage"}
    design = model.design
    table = coefficients(model.fit, labels=design.labels, units=design.units, no_p=model.no_p)
    points = points_table(model.raw, design.X)
    totals = total_points(model.raw, design.X)
    if binary:
        totals = totals.assign(target=asked[0].name)
    else:
        useful = [t for t in asked if both_sides(t, present)]
        totals = _by_target(totals, model.raw, present, useful)
    return Interpretation(
        _headed(table, head, COEFFICIENT_COLUMNS),
        _headed(checks_of(model, candidates), head, TEST_COLUMNS),
        _headed(points, {"model": settings.model}, ("term", "value", "points")),
        _headed(totals, {"model": settings.model}, ("target", "total", "probability")),
    )


def _headed(frame: pd.DataFrame, head: dict[str, str], columns: Sequence[str]) -> pd.DataFrame:
    return frame.assign(**head)[[*head, *columns]].reset_index(drop=True)


def _by_target(
    totals: pd.DataFrame, fit: Fit, present: Sequence[str], targets: Sequence[Target]
) -> pd.DataFrame:
    """Turn probabilities above each cut into those of the scheme's comparisons."""
    by_cut = totals.groupby("cut", sort=False)["probability"]
    wide = np.column_stack([by_cut.get_group(cut).to_numpy() for cut in fit.cuts])
    above = np.column_stack([np.ones(len(wide)), wide, np.zeros(len(wide))])
    absent = sorted({v for t in targets for v in t.positive | t.negative} - set(present))
    proba = np.hstack([-np.diff(above, axis=1), np.zeros((len(wide), len(absent)))])
    total = totals["total"].to_numpy()[: len(wide)]
    frames = [
        pd.DataFrame(
            {"target": t.name, "total": total, "probability": t.score(proba, [*present, *absent])}
        )
        for t in targets
    ]
    return pd.concat(frames, ignore_index=True)


def interpret_step(
    study: StudyConfig,
    table: FeatureTable,
    scheme: StageScheme | None,
    folder: RunFolder,
    features_hash: str,
    tell: Progress,
) -> list[Failure]:
    """Write ``interpret/`` when the study asks for it; a model that fails is listed."""
    settings = study.interpret
    if settings is None or scheme is None:
        folder.discard("interpret")
        return []
    key = {
        "features": features_hash,
        "interpret": settings.model_dump(mode="json"),
        "main": study.main,
        "seed": study.seed,
        "levels": list(scheme.levels),
    }

    def work() -> None:
        found = interpret_table(
            table,
            settings,
            levels=scheme.levels,
            ordered=scheme.ordered,
            target=study.main,
            seed=study.seed,
        )
        tables = (found.coefficients, found.tests, found.points, found.total_points)
        for name, frame in zip(FILES, tables, strict=True):
            folder.write_frame(name, frame)

    tell("interpret", 0, 1)
    try:
        folder.step("interpret", key, FILES, work)
    except (RadiofibError, np.linalg.LinAlgError) as error:
        folder.discard("interpret")
        return [Failure.from_error(error, case="", step="interpret")]
    tell("interpret", 1, 1)
    return []
