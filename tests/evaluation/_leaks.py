"""Cohorts with shuffled stages, what a model may reach on them, and the settings to try."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betaincinv, ndtri
from scipy.stats import rankdata

from radiofib.evaluation import cross_validate
from radiofib.staging.base import BaseStager
from radiofib.staging.chain import ChainStager
from radiofib.stats.roc import auc
from radiofib.table import FeatureTable

LEVELS = ("s1", "s2", "s4")
#: Patients of each stage.
SIZES = (36, 18, 18)
FOLDS = 3
ROWS = 2
CHANNELS = ("t1", "t2", "dwi", "ged4")
PER_CHANNEL = 10
SCANNERS = ("A", "B", "C")
#: Share of patients without a channel.
ABSENT = {"dwi": 0.2, "ged4": 0.1}
SCATTERED = 0.02


def cohort(seed: int) -> FeatureTable:
    """Patients with two rows each; features know stage and scanner, then stages are shuffled."""
    rng = np.random.default_rng(seed)
    n, p = sum(SIZES), len(CHANNELS) * PER_CHANNEL
    stage = rng.permutation(np.repeat(np.arange(len(LEVELS)), SIZES))
    scanner = rng.permutation(np.arange(n) % len(SCANNERS))
    shared = rng.normal(size=(n, len(CHANNELS)))[:, np.repeat(np.arange(4), PER_CHANNEL)]
    values = shared + rng.normal(size=(n, p)) + rng.normal(size=(len(SCANNERS), p))[scanner]
    values[:, ::PER_CHANNEL] += 1.5 * stage[:, None]
    values = values.repeat(ROWS, axis=0) + 0.7 * rng.normal(size=(n * ROWS, p))
    names = [f"{c}_original_glcm_f{i}" for c in CHANNELS for i in range(PER_CHANNEL)]
    X = pd.DataFrame(values, columns=names).mask(rng.random(values.shape) < SCATTERED)
    for channel, share in ABSENT.items():
        without = (rng.random(n) < share).repeat(ROWS)
        X.loc[without, [c for c in names if c.startswith(f"{channel}_")]] = np.nan
    shuffled = np.array(LEVELS)[rng.permutation(stage)].repeat(ROWS)
    patient = np.arange(n).repeat(ROWS)
    obs = pd.DataFrame(
        {
            "case": [f"c{i:03d}" for i in patient],
            "patient": [f"p{i:03d}" for i in patient],
            "instance": np.tile([f"i{k}" for k in range(ROWS)], n),
            "stage": pd.Categorical(shuffled, list(LEVELS), ordered=True),
            "scanner": np.array(SCANNERS)[scanner].repeat(ROWS),
        }
    )
    return FeatureTable(X, obs)


def fold_averaged_auc(predictions: pd.DataFrame) -> float:
    """Return the AUC by patient, averaged over the two cuts of the stages and over folds."""
    each = predictions.groupby(["fold", "patient"], sort=True)
    mean = each[[f"p_{level}" for level in LEVELS]].mean()
    codes = each["y_true"].first().map({level: k for k, level in enumerate(LEVELS)})
    found = []
    for fold in sorted(set(predictions["fold"])):
        p, y = mean.loc[fold].to_numpy(), codes.loc[fold].to_numpy()
        # Equal but for rounding is equal, whichever way the sum was taken.
        above = p[:, ::-1].cumsum(axis=1)[:, ::-1].round(12)
        found += [auc((y >= k).astype(int), above[:, k]) for k in range(1, len(LEVELS))]
    return float(np.mean(found))


def reached(stager: BaseStager, table: FeatureTable, seed: int) -> float:
    """Return what a stager reaches on a table in patient-grouped folds."""
    predictions, failures = cross_validate(table, stager, folds=FOLDS, random_state=seed)
    assert not failures, failures[0].reason
    return fold_averaged_auc(predictions)


# What may be reached by chance

#: Seed of the cohorts on which the null distribution is simulated: none of those tested.
NULL_SEED = 900_000
#: Share of tables of a null cohort set in which any limit may be broken.
LEVEL = 0.05


def null_statistics(tables: int, permutations: int, seed: int = NULL_SEED) -> np.ndarray:
    """Return the statistic of a linear learner with stages shuffled again and again.

    The learner is the covariance of each standardised feature with the number of the stage, in
    the training folds; one score serves both cuts. Folds share training patients and test each
    other's, so that their AUCs go together; a single linear score has the most of that.

    Returns
    -------
    ndarray of shape (tables, permutations)
    """
    n = sum(SIZES)
    # Every fold holds the same number of patients of each stage.
    codes = np.concatenate([np.repeat(np.arange(3), np.array(SIZES) // FOLDS)] * FOLDS)
    fold = np.arange(n) * FOLDS // n
    centred = codes - codes.mean()
    rng = np.random.default_rng(seed)
    found = np.empty((tables, permutations))
    for t in range(tables):
        table = cohort(seed + 1 + t)
        X = table.X.groupby(table.obs["patient"].to_numpy()).mean()
        X = X.fillna(X.median())
        Z = ((X - X.mean()) / X.std()).to_numpy()
        near = Z @ Z.T
        order = rng.permuted(np.tile(np.arange(n), (permutations, 1)), axis=1)
        total = np.zeros(permutations)
        for k in range(FOLDS):
            test, train = fold == k, fold != k
            these, others = order[:, test], order[:, train]
            score = near[these[:, :, None], others[:, None, :]] @ centred[train]
            ranks = rankdata(score, axis=1)
            for cut in range(1, len(LEVELS)):
                up = codes[test] >= cut
                m = int(up.sum())
                won = ranks[:, up].sum(axis=1) - m * (m + 1) / 2
                total += won / (m * (up.size - m))
        found[t] = total / (FOLDS * (len(LEVELS) - 1))
    return found


def limits(spread: float, settings: int, seeds: int) -> tuple[float, float]:
    """Return how far from one half a run may be, and the mean of a setting's runs.

    Bonferroni over all runs, and over all settings, with half of LEVEL for each family. The
    mean of the null distribution is one half: given the training stages, those of the test
    patients are in random order. A run is taken for beta distributed, the mean of 50 for normal.
    (Of 300,000 simulated runs, in families of 1,800, the largest was below 0.337 from one half
    in 97.5 % of the families; the beta limit is 0.348.)

    Parameters
    ----------
    spread : float
        Standard deviation of :func:`null_statistics`.
    settings, seeds : int
    """
    shape = (0.25 / spread**2 - 1) / 2
    run = float(betaincinv(shape, shape, 1 - LEVEL / 4 / (settings * seeds))) - 0.5
    mean = float(ndtri(1 - LEVEL / 4 / settings)) * spread / np.sqrt(seeds)
    return run, mean


# The settings to try


def _of(module: str, name: str, **params: Any) -> Callable[[], Any]:
    """Make something of radiofib.staging when it is asked for."""

    def make() -> Any:
        return getattr(import_module(f"radiofib.staging.{module}"), name)(**params)

    return make


def _nothing() -> None:
    return None


#: factor -> level -> what makes its part of a chain (a step, several, or nothing)
FACTORS: dict[str, dict[str, Callable[[], Any]]] = {
    "stager": {
        "logistic": _of("stagers", "LogisticStager"),
        "elastic_net": _of("elastic_net", "ElasticNetStager"),
        "proportional_odds": _of("proportional_odds", "ProportionalOddsStager", ridge=10.0),
        "random_forest": _of("stagers", "RandomForestStager", n_estimators=25),
        "xgboost": _of("stagers", "XGBoostStager", n_estimators=15),
        "extreme": _of("extreme", "ExtremeStager", folds=2, patient_column="patient"),
    },
    "harmonise": {
        "none": _nothing,
        "flags": _nothing,
        "scale": _of("harmonise", "ScannerScaler", scanner_column="scanner"),
        "combat": _of("harmonise", "ComBatHarmoniser", scanner_column="scanner"),
    },
    "missing": {
        "native": _nothing,
        "median": _of("blocks", "BlockFill", strategy="median"),
        "indicator": _of("blocks", "BlockFill", strategy="indicator"),
        "regress": _of("block_regression", "BlockRegression", n_components=3),
        "dropout": _of("blocks", "BlockDropout", rate=0.3),
    },
    "select": {
        "none": _nothing,
        "unsupervised": lambda: [
            _of("selection", "NearConstant")(),
            _of("selection", "ReliabilityFilter", threshold=0.6, patient_column="patient")(),
            _of("clusters", "CorrelationClusters", threshold=0.7)(),
        ],
        "mrmr": _of("relevance", "RelevanceFilter", n_features=8, patient_column="patient"),
        "stability": _of(
            "stability", "StabilityFilter",
            per_half=4, pairs=2, at_least=4, patient_column="patient",
        ),
        "pca": _of("reduce", "PrincipalComponents", n_components=6),
        "pls": _of("reduce", "PartialLeastSquares", n_components=2),
    },
    "balance": {
        "none": _nothing,
        "class_weight": _of("imbalance", "ClassWeights"),
        "smote": _of("imbalance", "SmoteRows", k_neighbors=3),
        "bags": _of("imbalance", "BagStager", n_bags=2, patient_column="patient"),
    },
}  # fmt: skip


def available() -> tuple[dict[str, list[str]], list[str]]:
    """Return the levels whose parts exist, by factor, and the names of the others."""
    here: dict[str, list[str]] = {}
    gone = []
    for factor, levels in FACTORS.items():
        for level, make in levels.items():
            try:
                make()
            except (ImportError, AttributeError):
                gone.append(f"{factor}: {level}")
            else:
                here.setdefault(factor, []).append(level)
    return here, gone


def build(row: Mapping[str, str]) -> BaseStager:
    """Return the chain of a row of settings."""
    made = {factor: FACTORS[factor][level]() for factor, level in row.items()}
    stager = made["stager"]
    if row["harmonise"] == "flags":
        stager.set_params(scanner_column="scanner")
    steps: list[Any] = []
    for factor in ("harmonise", "missing", "select", "balance"):
        part = made[factor]
        if isinstance(part, BaseStager):
            stager = part.set_params(stager=stager)
        elif part is not None:
            steps += part if isinstance(part, list) else [part]
    return ChainStager(stager, steps, patient_column="patient")
