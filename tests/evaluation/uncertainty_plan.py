"""Simulated cases for prediction sets, cut-offs and distances, and what has to come out.

Written down before any of the methods existed; neither the cases nor the bounds are changed to
suit them. Wherever a mean over seeds is compared with a bound, ``SIGMAS`` standard errors of that
mean are granted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radiofib.simulate.cohorts import TableScanner, TableSettings

SIGMAS = 3.0

#: Nominal miss rates and numbers of calibration patients of the proofs on exchangeable cases.
ALPHAS = (0.1, 0.2)
CALIBRATION_SIZES = (9, 40, 137)
SEEDS = 1200
TEST_CASES = 30


@dataclass(frozen=True)
class Judge:
    """A made-up stager: what it sees of a stage, and how wrongly it reports it.

    Parameters
    ----------
    levels : int
        Number of stages.
    skill : float
        Distance between neighbouring stages in standard deviations of what is seen.
    believed : float
        Distance that the stager takes for true.
    temper : float
        Power to which its probabilities are raised: above 1 overconfident.
    bias : float
        Constant added to what is seen.
    """

    levels: int = 4
    skill: float = 1.0
    believed: float = 1.0
    temper: float = 1.0
    bias: float = 0.0

    def probabilities(self, seen: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each stage, shape (n, levels)."""
        centres = self.believed * np.arange(self.levels)
        logits = -0.5 * self.temper * (seen[:, None] - centres) ** 2
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def draw(
        self, rng: np.random.Generator, n: int
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return true stages and probabilities of `n` patients."""
        codes = rng.choice(self.levels, size=n, p=self.mix())
        seen = self.skill * codes + rng.normal(size=n) + self.bias
        return codes, self.probabilities(seen)

    def mix(self) -> NDArray[np.float64]:
        """Return the share of each stage: uneven, the middle ones rare."""
        shares = np.array([0.35, 0.2, 0.1, 0.35, 0.2, 0.1])[: self.levels]
        return shares / shares.sum()


#: Stagers of the proofs: fair, overconfident with a wrong idea of its skill, and blind.
JUDGES = {
    "fair": Judge(),
    "overconfident": Judge(skill=0.8, believed=1.3, temper=2.5, bias=0.4),
    "blind": Judge(levels=5, skill=0.0, believed=1.0),
    "two stages": Judge(levels=2, skill=1.5, believed=1.0, temper=3.0),
}

#: Two scanners: at the second, the stager sees little and believes it sees as much.
EASY, HARD = Judge(skill=1.6, believed=1.6), Judge(skill=0.5, believed=1.6, temper=1.0)
#: With one threshold for both, coverage on the hard scanner is at least this far below nominal.
POOLED_SHORTFALL = 0.03

#: Patients with one image are hard, those with many easy: counting images undercovers.
IMAGES = (1, 2, 12)
JUDGE_OF_IMAGES = {1: Judge(skill=0.3), 2: Judge(skill=0.6), 12: Judge(skill=2.0)}
NAIVE_SHORTFALL = 0.02

#: Cross-conformal: patients, folds, seeds; the theory promises 1 - 2 alpha.
CROSS = {"patients": 60, "folds": 5, "seeds": 300, "test": 20}

#: Cut-offs: wanted rates, positives and negatives to choose on; seeds.
WANTED = 0.9
CUT_CASES = ((12, 30), (60, 60))
CUT_SEEDS = 1500
#: Predictive values are no more than this below what was wanted.
PREDICTIVE_SLACK = 0.02
CUT_SKILLS = (0.5, 1.0, 2.0)

#: Chain on tables with a scanner left out.
CHAIN_PATIENTS = 240
CHAIN_SEEDS = tuple(range(8))
CHAIN_ALPHA = 0.1
CHAIN_SHIFTED = TableSettings(shift_sd=1.5, scale_sd=0.3, effect=0.5)
CHAIN_SAME = TableSettings(shift_sd=0.0, scale_sd=0.0, effect=0.5)
#: Mean coverage on known scanners, and on unseen ones that are like them, is at least this ...
CHAIN_INSIDE = 0.88
CHAIN_SAME_OUTSIDE = 0.86
#: ... on shifted unseen ones at most this, and the table says so in so many of the seeds.
CHAIN_OUTSIDE = 0.85
CHAIN_SAID = 6

#: Distance to training: scanners A, B1, B2 train; new patients of them and of C are measured.
DISTANCE_SEEDS = tuple(range(100, 120))
DISTANCE_PATIENTS = 400
KNOWN = ("A", "B1", "B2")
LIMIT = 0.05
#: Share beyond the limit among new patients of known scanners: this far from it at most.
FALSE_ALARM_SLACK = 0.02
#: Share of the unseen scanner's cases beyond the limit, by the shift between scanners.
DETECTED = {0.5: 0.5, 1.0: 0.95}
#: Seeds of 20 in which a warning names the unseen scanner at a shift of 0.5; at most so many
#: name one that is no different.
WARNED, WARNED_FOR_NOTHING = 19, 4


def distance_settings(
    shift: float, *, missing: float = 0.0, rows_per_patient: int = 1
) -> TableSettings:
    """Return a table of four equal scanners; DWI is missing in a share `missing` of patients."""
    rates = {"dwi": (missing,) * 4} if missing else {}
    return TableSettings(
        shift_sd=shift,
        scale_sd=0.1 if shift else 0.0,
        rows_per_patient=rows_per_patient,
        scanners=tuple(TableScanner(name=name, missing=rates) for name in (*KNOWN, "C")),
    )


#: The same with other numbers throughout: fewer, wider and more alike channels, rare stages.
OTHER_SETTINGS = TableSettings(
    channels=("us", "wsi"),
    features_per_channel=60,
    common=0.8,
    effect=0.9,
    informative=0.05,
    shift_sd=0.7,
    scale_sd=0.2,
    scanners=tuple(TableScanner(name=name) for name in (*KNOWN, "C")),
)


def standard_error(values: NDArray[np.float64]) -> float:
    """Return the standard error of a mean over seeds."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def harder(judge: Judge) -> Judge:
    """Return the judge with half its skill and the same belief: a shifted, unseen scanner."""
    return replace(judge, skill=judge.skill / 2)
