"""Learn from the first and the last stage alone; their score orders all, and cut-offs stage it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from radiofib.staging.base import BaseStager
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.linear import FallbackWarning
from radiofib.staging.meta import MetaStager, fit_on, proba_of
from radiofib.staging.rows import Rows, inner_folds
from radiofib.staging.stagers import LogisticStager
from radiofib.stats.regression import separated
from radiofib.stats.regression.cumulative import level_probabilities, solve
from radiofib.stats.regression.links import cumulative

__all__ = ["ExtremeStager", "deal_extremes", "ordered_cutoffs"]

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]

#: Probabilities are kept this far from 0 and 1, so that their log-odds are finite.
_EDGE = 1e-6
#: Slope of the standardised score where the data ask for none: stages in their training mix,
#: rows still in the order of the score.
_FLATTEST = 1e-3


class ExtremeStager(MetaStager):
    r"""A stager of first against last stage, whose score is cut into all stages.

    The log-odds s of the last stage against the first order every row. Proportional odds of the
    stage given the score, :math:`\mathrm{logit}\, P(y \le k) = \theta_k - b s` with b > 0, give a
    cut-off :math:`\theta_k / b` between each two neighbouring stages, and probabilities that are
    ordered as the score is. Cut-offs are learnt from scores of inner folds: no row's score comes
    from a stager that saw its patient.

    Parameters
    ----------
    stager : BaseStager, optional
        Of two stages; default :class:`LogisticStager`.
    folds : int
        Inner folds for the scores; fewer when the first or last stage has fewer patients.
    scanner_column, patient_column : str, optional
        Columns of X that name scanner and patient. Without a patient each row is one.
    random_state : int
        Seed of the dealing into folds.

    Attributes
    ----------
    classes_ : ndarray
        Stages; sorted, which must be their order.
    stager_ : BaseStager
        Learnt on all rows of the first and the last stage.
    slope_ : float
        b, above 0.
    thresholds_ : ndarray of shape (n_classes - 1,)
        theta, rising.
    cutoffs_ : ndarray of shape (n_classes - 1,)
        theta / b: the score at which a stage beyond k is as likely as not.
    fallback_ : str
        Why slope and thresholds are no maximum likelihood estimates; empty when they are.

    Notes
    -----
    The published system of the LiFS benchmark (arXiv 2605.25595, team UoN) learns from S1 and S4
    and cuts the score twice, once for each question; here the cut-offs are those of one ordered
    regression, one for each step between stages.

    References
    ----------
    McCullagh P. J R Stat Soc B 1980;42:109-142.

    Examples
    --------
    >>> X = pd.DataFrame({"f": [0.0, 1.0, 2.0, 3.0, 1.5, 4.0, 2.8, 6.0, 5.0, 3.9, 7.0, 8.0] * 3})
    >>> y = np.repeat(["s1", "s2", "s4"], 4).tolist() * 3
    >>> stager = ExtremeStager().fit(X, y)
    >>> stager.cutoffs_.size, bool(stager.cutoffs_[0] < stager.cutoffs_[1])
    (2, True)
    >>> stager.predict(pd.DataFrame({"f": [0.0, 9.0]})).tolist()
    ['s1', 's4']
    """

    def __init__(
        self,
        stager: BaseStager | None = None,
        *,
        folds: int = 5,
        scanner_column: str | None = None,
        patient_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.stager = stager
        self.folds = folds
        self.scanner_column = scanner_column
        self.patient_column = patient_column
        self.random_state = random_state

    def _parts(self) -> list[Any]:
        return [] if self.stager is None else [self.stager]

    def _fit_rows(self, rows: Rows) -> None:
        codes = np.searchsorted(self.classes_, rows.y)
        self.stager_ = self._fit_extremes(rows, codes)
        scores = self._held_out_scores(rows, codes)
        if scores is None:
            self.thresholds_, self.slope_ = np.zeros(1), 1.0
            self.fallback_ = "one patient of the first or last stage: log-odds as they are"
            warnings.warn(f"no cut-off learnt: {self.fallback_}", FallbackWarning, stacklevel=5)
        else:
            self.thresholds_, self.slope_, self.fallback_ = ordered_cutoffs(
                scores, codes, int(self.classes_.size), rows.weight
            )
        self.cutoffs_ = self.thresholds_ / self.slope_

    def _rows_proba(self, X: pd.DataFrame, context: pd.DataFrame) -> FloatArray:
        eta = self.slope_ * self._score(self.stager_, X, context)
        return level_probabilities(cumulative(self.thresholds_ - eta[:, None], "logit"))

    def _fit_extremes(self, rows: Rows, codes: Codes) -> BaseStager:
        extreme = np.flatnonzero((codes == 0) | (codes == self.classes_.size - 1))
        return fit_on(self.stager or LogisticStager(), rows.take(extreme))

    def _score(self, stager: BaseStager, X: pd.DataFrame, context: pd.DataFrame) -> FloatArray:
        """Return the log-odds of the last stage against the first."""
        ends = self.classes_[[0, -1]]
        last = proba_of(stager, X, context, ends)[:, 1]
        scores: FloatArray = logit(np.clip(last, _EDGE, 1.0 - _EDGE))
        return scores

    def _held_out_scores(self, rows: Rows, codes: Codes) -> FloatArray | None:
        """Return each row's score from a stager that did not see its patient."""
        last = int(self.classes_.size) - 1
        patients = self._patients(rows)
        holders = np.arange(len(codes)) if patients is None else patients
        for end in (0, last):
            if np.unique(holders[codes == end]).size < 2:
                if last == 1:
                    return None
                raise StagerInputError(
                    f"stage {self.classes_[end]!s} has one training patient: no held-out scores "
                    "for the cut-offs",
                    expected="two patients of the first and of the last stage",
                    hint="join stages, or use a stager that learns from all of them",
                )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        fold = deal_extremes(codes, last, patients, self.folds, seed)
        scores = np.empty(len(codes))
        for number in range(int(fold.max()) + 1):
            train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            stager = self._fit_extremes(rows.take(train), codes[train])
            held = rows.take(test)
            scores[test] = self._score(stager, held.X, held.context)
        return scores


def deal_extremes(
    codes: Codes, last: int, patients: NDArray[Any] | None, folds: int, random_state: int
) -> Codes:
    """Return the inner fold of each row: each without it holds both extreme stages.

    Patients with a row of the first or last stage are dealt with those stages evenly, then the
    others in turn.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Stages 0 to `last`.
    last : int
    patients : ndarray of shape (n,), optional
        No patient is in two folds; None when every row is a patient of its own.
    folds : int
    random_state : int

    Raises
    ------
    StagerInputError
        When the first or the last stage has one patient only, or `folds` is below 2.

    Examples
    --------
    >>> deal_extremes(np.array([0, 0, 1, 1, 2, 2]), 2, None, 5, 0).tolist()
    [1, 0, 1, 0, 0, 1]
    """
    if folds < 2:
        raise StagerInputError("inner folds must be at least 2", found=f"{folds}")
    names = np.arange(len(codes)).astype(str) if patients is None else patients.astype(str)
    rows = np.flatnonzero((codes == 0) | (codes == last))
    place: dict[str, int] = {}
    dealt = inner_folds(codes[rows], names[rows], folds, random_state)
    for number, (_, test) in enumerate(dealt):
        place.update(dict.fromkeys(names[rows[test]].tolist(), number))
    count = max(place.values()) + 1
    order = np.random.default_rng(random_state).permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    waiting = [name for name in dict.fromkeys(names[order].tolist()) if name not in place]
    place.update({name: number % count for number, name in enumerate(waiting)})
    return np.array([place[name] for name in names.tolist()], dtype=np.intp)


def ordered_cutoffs(
    scores: FloatArray, codes: Codes, n_levels: int, weights: FloatArray | None = None
) -> tuple[FloatArray, float, str]:
    r"""Fit :math:`\mathrm{logit}\, P(y \le k) = \theta_k - b s` with b above 0.

    Maximum likelihood; where the score separates the stages, with a ridge penalty of 1 on the
    slope of the standardised score; where the stage does not rise with the score, with a slope
    that is next to nothing. Each of the latter is said in a warning.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    codes : ndarray of int, shape (n,)
        Stages 0 to n_levels - 1, each present.
    n_levels : int
    weights : ndarray of shape (n,), optional

    Returns
    -------
    thresholds : ndarray of shape (n_levels - 1,)
        theta, rising.
    slope : float
        b.
    fallback : str
        Why it is no maximum likelihood estimate; empty when it is.

    Examples
    --------
    >>> scores = np.array([-2.0, 0.5, -1.0, 1.0, 0.0, 2.0])
    >>> theta, b, note = ordered_cutoffs(scores, np.array([0, 0, 1, 1, 2, 2]), 3)
    >>> bool(theta[0] < theta[1]), round(b, 2), note
    (True, 0.92, '')
    """
    w = np.ones(len(scores)) if weights is None else weights
    centre = float(np.average(scores, weights=w))
    spread = float(np.sqrt(np.average((scores - centre) ** 2, weights=w)))
    constant = spread <= 1e-9 * max(1.0, abs(centre))
    scale = 1.0 if constant else spread
    column = ((scores - centre) / scale)[:, None]
    ridge, note = 0.0, ""
    slope = 0.0
    if not constant:
        with threadpool_limits(limits=1):
            if len(scores) <= 2 or separated(column, codes, n_levels):
                ridge, note = 1.0, "the score separates the stages: ridge penalty 1 on its slope"
            found = solve(codes, n_levels, column, weights=w, ridge=ridge)[0]
        thresholds, slope = found[:-1], float(found[-1])
    if slope < _FLATTEST:
        note = "the stage does not rise with the score: its slope is next to nothing"
        share = np.cumsum(np.bincount(codes, w, n_levels))[:-1] / w.sum()
        thresholds, slope = logit(share), _FLATTEST
    if note:
        warnings.warn(f"no maximum likelihood cut-offs: {note}", FallbackWarning, stacklevel=6)
    b = slope / scale
    return thresholds + b * centre, b, note
