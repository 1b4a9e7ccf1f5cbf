"""How stage acts on a patient: one latent trait, the same law in every modality.

A patient of stage level j (0, 1, 2 ... in the order of the scheme) has the latent trait
``z = step * j + e``, with e standard normal. Every simulated finding is a stated function of z
(or of z plus further noise of its own), so what any method can reach has a ceiling that is
known before anything is measured: :func:`auc_ceiling`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field
from scipy.stats import norm

from radiofib.config import StrictModel

__all__ = ["StageLaw", "auc_ceiling"]


class StageLaw(StrictModel):
    """Latent trait as a function of stage.

    Parameters
    ----------
    step : float
        Distance between neighbouring stages, in standard deviations of the trait within a
        stage. The default 0.6 is a moderate effect, chosen before any model was run: two
        neighbouring stages can be told apart with an AUC of at most 0.66. 0 gives a cohort in
        which stage changes nothing.

    Examples
    --------
    >>> StageLaw().mean(0), round(StageLaw().mean(4), 6)
    (0.0, 2.4)
    >>> StageLaw(step=0).mean(4)
    0.0
    """

    step: float = Field(default=0.6, ge=0)

    def mean(self, level: int) -> float:
        """Return the mean trait of a stage level."""
        return self.step * level

    def draw(self, level: int, rng: np.random.Generator) -> float:
        """Return the trait of one patient of a stage level."""
        return self.mean(level) + float(rng.standard_normal())


def auc_ceiling(
    law: StageLaw, weights: Sequence[float], positive: Sequence[int], *, noise: float = 0.0
) -> float:
    """Return the best AUC that anything made from the trait can reach for a binary target.

    With levels j drawn by weight, ``AUC = sum_ij p_i q_j Phi(step (i - j) / sqrt(2 (1 + s^2)))``
    over positive levels i and negative levels j, where s is the noise a finding adds to the
    trait. It holds for targets "at least level k", whose likelihood ratio rises with z.

    Parameters
    ----------
    law : StageLaw
        The law of the trait.
    weights : sequence of float
        Shares of the levels, in order.
    positive : sequence of int
        Levels that count as positive.
    noise : float
        Standard deviation of noise added to the trait.

    Returns
    -------
    float
        Area under the curve of z itself.

    Examples
    --------
    >>> round(auc_ceiling(StageLaw(), [1, 1], [1]), 3)
    0.664
    >>> round(auc_ceiling(StageLaw(), [1, 1, 1, 1, 1], [2, 3, 4]), 3)
    0.837
    >>> auc_ceiling(StageLaw(step=0), [1, 1, 1], [2])
    0.5
    """
    share = np.asarray(weights, dtype=float)
    chosen = np.zeros(len(share), dtype=bool)
    chosen[list(positive)] = True
    level = np.arange(len(share))
    p = share[chosen] / share[chosen].sum()
    q = share[~chosen] / share[~chosen].sum()
    gap = law.step * (level[chosen][:, None] - level[~chosen][None, :])
    wins = norm.cdf(gap / np.sqrt(2 * (1 + noise**2)))
    return float(p @ wins @ q)
