"""Columns that an elastic net takes up again and again from half of the patients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from radiofib.parallel import one_thread
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.linear import median_imputer
from radiofib.staging.selector import Choice, Selector, stage_codes
from radiofib.stats.regression import stability_selection

__all__ = ["StabilityFilter"]


class StabilityFilter(Selector):
    r"""Keeps the columns that an elastic net chooses from most halves of the patients.

    Training patients are parted at random into two halves, ``pairs`` times; on each half the
    penalty of a proportional odds model (two stages: logistic) falls until ``per_half`` columns
    have a slope. A column stays when that happens to it in at least ``threshold`` of the
    halves. The expected number of columns that stay by chance is at most
    :math:`q^2 / ((2 \pi - 1) p)`, with q = ``per_half``, the threshold :math:`\pi > 1/2` and p
    columns (exchangeable under the null). Stages are taken in their sorted order; missing values
    take the median of the training rows.

    Parameters
    ----------
    threshold : float
        Share of halves, above 0.5, up to 1.
    per_half : int
        Columns taken from a half; of a small table at most half of its columns, since a choice
        of nearly all says nothing.
    pairs : int
        Number of partitions into halves.
    l1_ratio : float
        Below 1, correlated columns enter together.
    at_least : int
        Where fewer columns reach the threshold, so many of the most frequent stay.
    patient_column : str, optional
        Context column that names the patient; a patient is in one half only. Without it each
        row is a patient of its own.
    random_state : int
        Seed of the halves.

    Attributes
    ----------
    kept_ : ndarray of int
        Positions of the columns that stay, ascending.
    value_ : ndarray of float
        Share of the halves in which a column was chosen.
    below_ : bool
        Whether ``at_least`` had to let columns in that did not reach the threshold.
    reason_ : ndarray of str

    References
    ----------
    Meinshausen N, Buehlmann P. J R Stat Soc B 2010;72:417-473. Shah RD, Samworth RJ. J R Stat
    Soc B 2013;75:55-80 (complementary halves).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 6)), columns=list("abcdef"))
    >>> y = np.where(2 * X["c"] + rng.logistic(size=80) > 0, "s4", "s1")
    >>> step = StabilityFilter(per_half=1, pairs=5).fit(X, y)
    >>> step.get_feature_names_out().tolist()
    ['c']
    """

    def __init__(
        self,
        threshold: float = 0.6,
        *,
        per_half: int = 20,
        pairs: int = 25,
        l1_ratio: float = 0.5,
        at_least: int = 1,
        patient_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.threshold = threshold
        self.per_half = per_half
        self.pairs = pairs
        self.l1_ratio = l1_ratio
        self.at_least = at_least
        self.patient_column = patient_column
        self.random_state = random_state

    def _choose(self, frame: pd.DataFrame, y: NDArray[Any] | None, context: pd.DataFrame) -> Choice:
        if not (0.5 < self.threshold <= 1 and 0 < self.l1_ratio <= 1):
            raise StagerInputError(
                "threshold must lie above 0.5 and l1_ratio above 0, both up to 1",
                found=f"{self.threshold:g} and {self.l1_ratio:g}",
            )
        if min(self.per_half, self.pairs, self.at_least) < 1:
            raise StagerInputError(
                "per_half, pairs and at_least must be at least 1",
                found=f"{self.per_half}, {self.pairs}, {self.at_least}",
            )
        codes, stages = stage_codes(y, type(self).__name__)
        who = None
        if self.patient_column is not None:
            who = context[self.patient_column].to_numpy(dtype=str)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        with one_thread():
            filled = median_imputer().fit_transform(frame.to_numpy())
            found = stability_selection(
                filled,
                codes,
                [str(k) for k in range(stages)],
                names=[str(i) for i in range(frame.shape[1])],
                per_subsample=min(self.per_half, max(1, frame.shape[1] // 2)),
                pairs=self.pairs,
                l1_ratio=self.l1_ratio,
                groups=who,
                seed=int(seed),
            )
        place = found["term"].astype(int).to_numpy()
        value = np.empty(frame.shape[1])
        value[place] = found["frequency"].to_numpy()
        # A frequency of 3/5 is not below 0.6.
        kept = value >= self.threshold - 1e-9
        chosen = int(kept.sum())
        self.below_ = chosen < self.at_least
        if self.below_:
            kept[place[: self.at_least]] = True
        reason = [
            "" if stays else f"chosen from {part:.0%} of the halves"
            for stays, part in zip(kept.tolist(), value.tolist(), strict=True)
        ]
        return Choice(kept, value, reason)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
