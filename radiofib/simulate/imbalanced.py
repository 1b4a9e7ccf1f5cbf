"""Feature tables with a rare stage whose true probabilities are known for every row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from radiofib.config import StrictModel
from radiofib.errors import UsageError
from radiofib.simulate._random import child_rng
from radiofib.table import FeatureTable

__all__ = ["ImbalanceSettings", "SimulatedImbalance", "simulate_imbalanced"]

FloatArray = NDArray[np.float64]


class ImbalanceSettings(StrictModel):
    r"""How a cohort with a rare stage is made.

    A patient's stage k = 0, 1 ... is drawn with the probabilities `mix`. An informative feature
    is ``effect k + e``, any other one ``e``, with e normal of variance 1; rows of one patient
    share the part `within` of that variance. So
    :math:`P(k \mid x) \propto \pi_k \exp(k\,\delta \sum x - k^2 m \delta^2 / 2)` over the m
    informative features of effect delta, whatever the rest are.

    Parameters
    ----------
    stages : tuple of str
        Labels in order.
    mix : tuple of float
        Share of each stage; need not add up to 1.
    features, informative : int
        Width of the table, and how many columns know the stage.
    effect : float
        Difference of an informative feature between neighbouring stages.
    rows_per_patient : int
    within : float
        Correlation of two rows of a patient.
    """

    stages: tuple[str, ...] = ("s1", "s4")
    mix: tuple[float, ...] = (0.9, 0.1)
    features: int = Field(default=20, ge=1)
    informative: int = Field(default=5, ge=0)
    effect: float = 0.5
    rows_per_patient: int = Field(default=1, ge=1)
    within: float = Field(default=0.5, ge=0, lt=1)


@dataclass(frozen=True, eq=False)
class SimulatedImbalance:
    """A feature table and the probabilities it was drawn from.

    Parameters
    ----------
    table : FeatureTable
        ``obs`` has case, patient, instance and stage.
    proba : ndarray of shape (n_rows, n_stages)
        True probability of each stage, given the row's features.
    """

    table: FeatureTable
    proba: FloatArray


def simulate_imbalanced(
    n_patients: int = 360, *, seed: int = 0, settings: ImbalanceSettings | None = None
) -> SimulatedImbalance:
    """Simulate a cohort with a rare stage.

    Parameters
    ----------
    n_patients : int
    seed : int
    settings : ImbalanceSettings, optional

    Raises
    ------
    UsageError
        When there is no share for a stage, or more informative features than features.

    Examples
    --------
    >>> found = simulate_imbalanced(20000, seed=3)
    >>> round(float((found.table.obs["stage"] == "s4").mean()), 2), found.table.n_features
    (0.1, 20)
    >>> round(float(found.proba[:, 1].mean()), 2)
    0.1
    """
    law = settings or ImbalanceSettings()
    if len(law.mix) != len(law.stages) or min(law.mix) <= 0:
        raise UsageError(
            "every stage needs a share above 0",
            expected=f"{len(law.stages)} shares",
            found=str(law.mix),
        )
    if law.informative > law.features:
        raise UsageError(
            "more informative features than features",
            expected=f"at most {law.features}",
            found=str(law.informative),
        )
    rng = child_rng(seed, "imbalanced")
    share = np.array(law.mix) / sum(law.mix)
    patient = np.repeat(np.arange(n_patients), law.rows_per_patient)
    codes = rng.choice(share.size, size=n_patients, p=share)[patient]
    own = rng.standard_normal((n_patients, law.features))[patient]
    noise = rng.standard_normal((patient.size, law.features))
    if law.rows_per_patient == 1:
        X = noise
    else:
        X = np.sqrt(law.within) * own + np.sqrt(1 - law.within) * noise
    X[:, : law.informative] += law.effect * codes[:, None]
    obs = pd.DataFrame(
        {
            "case": [f"c{p:05d}" for p in patient],
            "patient": [f"p{p:05d}" for p in patient],
            "instance": [f"i{r}" for r in np.tile(np.arange(law.rows_per_patient), n_patients)],
            "stage": pd.Categorical(
                np.array(law.stages)[codes], categories=list(law.stages), ordered=True
            ),
        }
    )
    names = [f"us_original_firstorder_f{j}" for j in range(law.features)]
    return SimulatedImbalance(
        FeatureTable(pd.DataFrame(X, columns=names), obs), _true_proba(X, share, law)
    )


def _true_proba(X: FloatArray, share: FloatArray, law: ImbalanceSettings) -> FloatArray:
    """Return Bayes' probabilities of the stages."""
    step = np.arange(share.size)
    total = X[:, : law.informative].sum(axis=1)
    score = np.log(share) + law.effect * np.outer(total, step)
    score -= law.informative * (law.effect * step) ** 2 / 2
    odds = np.exp(score - score.max(axis=1, keepdims=True))
    proba: FloatArray = odds / odds.sum(axis=1, keepdims=True)
    return proba
