"""Columns that tell the stages apart and repeat each other least (mRMR)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import check_known
from radiofib.parallel import one_thread
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.pairwise import PairwiseColumns, column_ranks
from radiofib.staging.selector import Choice, Selector, patient_means, stage_codes

__all__ = [
    "RELEVANCE",
    "SCHEMES",
    "RelevanceFilter",
    "explained_share",
    "f_statistics",
    "least_redundant",
    "mutual_information",
    "rank_statistics",
]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

#: relevance -> what it is; those of ranks take redundancy from rank correlations too
RELEVANCE = {
    "f": "F statistic of one-way analysis of variance",
    "kruskal": "Kruskal-Wallis H over its degrees of freedom",
    "rank": "statistic of the rank correlation with the stage, for ordered stages",
    "mutual": "mutual information of the stage and the column in three states",
}
SCHEMES = ("quotient", "difference")
#: Columns with fewer values than this (or than there are rows) have no relevance.
_FEWEST = 10
#: Largest F statistic: one that is infinite still has to be weighed against others.
_LARGEST = 1e12


class RelevanceFilter(Selector):
    r"""Keeps the columns of largest relevance and least redundancy (mRMR).

    One after another the column j with the largest

    .. math:: \frac{V_j}{\max(\bar r_j, r_0)} \; \text{(quotient, FCQ)} \quad \text{or} \quad
              \sqrt{\eta^2_j} - \bar r_j \; \text{(difference, FCD)}, \quad
              \bar r_j = \frac{1}{|S|} \sum_{s \in S} |r_{js}|

    joins the set S of those chosen, beginning with the largest relevance V. Values that are
    missing are left out of both V and r (rows in which both columns have one). Two things are
    not as published. The mean correlation counts as at least what chance gives in n rows,
    :math:`r_0 = \sqrt{2 / (\pi n)}`: without it the quotient runs after noise that happens not
    to go with the first columns. The difference takes the relevance on the scale of
    correlations (root of the share of variance between stages; for mutual information
    :math:`\sqrt{1 - e^{-2I}}`): F itself, which grows with n, would decide alone.

    Parameters
    ----------
    n_features : int
        Columns to keep; all when there are no more.
    relevance : {"f", "kruskal", "rank", "mutual"}
        ``kruskal`` and ``rank`` look at ranks only; ``rank`` takes the sorted stages for their
        order.
    scheme : {"quotient", "difference"}
    patient_column : str, optional
        Context column that names the patient: rows of a patient are averaged before anything is
        computed, so that ten images of a patient say as much as one.

    Attributes
    ----------
    kept_ : ndarray of int
        Positions of the columns that stay, ascending.
    order_ : ndarray of int
        The same positions, first chosen first.
    value_ : ndarray of float
        Relevance of each column.
    score_ : ndarray of float
        Score at which each column was chosen; NaN for the others.
    reason_ : ndarray of str

    References
    ----------
    Ding C, Peng H. J Bioinform Comput Biol 2005;3:185-205 (F statistic and correlation,
    quotient and difference). Peng H, Long F, Ding C. IEEE Trans Pattern Anal Mach Intell
    2005;27:1226-1238 (mutual information in three states).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["s1", "s4"], 20)
    >>> a, b = (rng.normal(size=40) + 2 * (y == "s4") for _ in range(2))
    >>> X = pd.DataFrame({"a": a, "twin": a + 0.1 * rng.normal(size=40), "b": b + (y == "s4")})
    >>> RelevanceFilter(2).fit(X, y).get_feature_names_out().tolist()
    ['a', 'b']
    """

    def __init__(
        self,
        n_features: int = 50,
        *,
        relevance: str = "f",
        scheme: str = "quotient",
        patient_column: str | None = None,
    ) -> None:
        self.n_features = n_features
        self.relevance = relevance
        self.scheme = scheme
        self.patient_column = patient_column

    def _choose(self, frame: pd.DataFrame, y: NDArray[Any] | None, context: pd.DataFrame) -> Choice:
        check_known(self.relevance, RELEVANCE, what="relevance", error=StagerInputError)
        check_known(self.scheme, SCHEMES, what="scheme", error=StagerInputError)
        if self.n_features < 1:
            raise StagerInputError("n_features must be at least 1", found=str(self.n_features))
        codes, stages = stage_codes(y, type(self).__name__)
        who = None if self.patient_column is None else context[self.patient_column].to_numpy()
        values, codes = patient_means(frame.to_numpy(), codes, who)
        ranked = self.relevance in ("kruskal", "rank")
        with one_thread():
            used = column_ranks(values) if ranked else values
            value, strength = _relevance(self.relevance, used, codes, stages)
            self.order_, score = least_redundant(
                value if self.scheme == "quotient" else strength,
                PairwiseColumns(used),
                self.n_features,
                scheme=self.scheme,
            )
        kept = np.zeros(len(value), dtype=np.bool_)
        kept[self.order_] = True
        self.score_ = np.full(len(value), np.nan)
        self.score_[self.order_] = score
        why = f"not among the {len(self.order_)} of most relevance and least redundancy"
        return Choice(kept, value, ["" if stays else why for stays in kept.tolist()])

    def table(self) -> pd.DataFrame:
        """Return what became of each column.

        Returns
        -------
        DataFrame
            ``column, kept, value`` (relevance), ``reason, place`` (1 for the first chosen, 0
            for none), ``score``.
        """
        place = np.zeros(len(self.reason_), dtype=np.intp)
        place[self.order_] = np.arange(1, len(self.order_) + 1)
        return super().table().assign(place=place, score=self.score_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def least_redundant(
    relevance: FloatArray, columns: PairwiseColumns, most: int, *, scheme: str = "quotient"
) -> tuple[IndexArray, FloatArray]:
    """Return the columns in the order in which mRMR takes them, and their scores.

    Parameters
    ----------
    relevance : ndarray of shape (n_columns,)
        At least 0; for ``difference`` on the scale of correlations.
    columns : PairwiseColumns
    most : int
        Columns to take.
    scheme : {"quotient", "difference"}

    Returns
    -------
    order : ndarray of int
        Of equal scores the first column is taken.
    score : ndarray of float
        The relevance for the first.

    Examples
    --------
    >>> values = np.array([[1.0, 1.0, 4.0], [2.0, 2.0, 1.0], [3.0, 3.0, 3.0], [4.0, 4.0, 2.0]])
    >>> order, _ = least_redundant(np.array([5.0, 4.9, 3.5]), PairwiseColumns(values), 2)
    >>> order.tolist()
    [0, 2]
    """
    wanted = min(most, len(relevance))
    order = np.empty(wanted, dtype=np.intp)
    scores = np.empty(wanted)
    total = np.zeros(len(relevance))
    chance = np.sqrt(2.0 / (np.pi * len(columns.columns)))
    score = relevance.astype(np.float64, copy=True)
    open_ = np.ones(len(relevance), dtype=np.bool_)
    for taken in range(wanted):
        best = int(np.argmax(np.where(open_, score, -np.inf)))
        order[taken], scores[taken] = best, score[best]
        open_[best] = False
        total += np.abs(columns.one(best))
        mean = total / (taken + 1)
        score = relevance / np.maximum(mean, chance) if scheme == "quotient" else relevance - mean
    return order, scores


def _relevance(
    name: str, values: FloatArray, codes: IndexArray, stages: int
) -> tuple[FloatArray, FloatArray]:
    """Return the relevance of each column, and the same as a correlation; 0 where undefined."""
    n = (~np.isnan(values)).sum(axis=0)
    if name == "mutual":
        value = mutual_information(values, codes, stages)
        square = 1.0 - np.exp(-2.0 * value)
    elif name == "rank":
        value = rank_statistics(values, codes, stages, trend=True)
        square = value / np.maximum(n - 1, 1)
    else:
        square = explained_share(values, codes, stages)[0]
        found = f_statistics if name == "f" else rank_statistics
        value = found(values, codes, stages)
    usable = (n >= min(_FEWEST, len(values))) & np.isfinite(value)
    return (
        np.where(usable, np.maximum(value, 0.0), 0.0),
        np.sqrt(np.where(usable, np.clip(square, 0.0, 1.0), 0.0)),
    )


def _class_sums(
    values: FloatArray, codes: IndexArray, stages: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return centred values (0 where missing), and counts and sums by stage."""
    present = ~np.isnan(values)
    count = np.maximum(present.sum(axis=0), 1)
    filled = np.where(present, values, 0.0)
    filled = np.where(present, filled - filled.sum(axis=0) / count, 0.0)
    one_hot = (codes[:, None] == np.arange(stages)).astype(np.float64)
    return filled, one_hot.T @ present.astype(np.float64), one_hot.T @ filled


def explained_share(
    values: FloatArray, codes: IndexArray, stages: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the share of each column's sum of squares that lies between stages (eta squared).

    Missing values are left out; NaN where a column has values in one stage only, or no spread.

    Returns
    -------
    share, n, seen : ndarray of shape (n_columns,)
        ``n`` values, in ``seen`` stages.

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [5.0], [6.0]])
    >>> explained_share(x, np.array([0, 0, 1, 1]), 2)[0].round(4).tolist()
    [0.9412]
    """
    filled, count, sums = _class_sums(values, codes, stages)
    between = (sums**2 / np.maximum(count, 1)).sum(axis=0)
    whole = (filled**2).sum(axis=0)
    n, seen = count.sum(axis=0), (count > 0).sum(axis=0)
    share = np.full(len(whole), np.nan)
    np.divide(between, whole, out=share, where=(whole > 0) & (seen > 1))
    return np.minimum(share, 1.0), n, seen


def f_statistics(values: FloatArray, codes: IndexArray, stages: int) -> FloatArray:
    r"""Return the F statistic of each column over the stages, missing values left out.

    .. math:: F = \frac{\sum_k n_k (\bar x_k - \bar x)^2 / (K - 1)}
              {\sum_k \sum_i (x_{ki} - \bar x_k)^2 / (n - K)}

    K counts the stages in which the column has values; NaN where F is not defined, and 1e12 at
    most where nothing varies within the stages.

    Examples
    --------
    >>> f_statistics(np.array([[1.0], [2.0], [5.0], [6.0]]), np.array([0, 0, 1, 1]), 2).round(6)
    array([32.])
    """
    share, n, seen = explained_share(values, codes, stages)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: FloatArray = share / (1.0 - share) * (n - seen) / (seen - 1)
    return np.where(n > seen, np.minimum(found, _LARGEST), np.nan)


def rank_statistics(
    ranks: FloatArray, codes: IndexArray, stages: int, *, trend: bool = False
) -> FloatArray:
    r"""Return what ranks say of the stages, missing values left out.

    Kruskal and Wallis' H, corrected for ties, over its K - 1 degrees of freedom, or, with
    ``trend``, the statistic of Spearman's correlation with the stage, which has one:

    .. math:: \frac{H}{K - 1} = \frac{n - 1}{K - 1} \,
              \frac{\sum_k n_k (\bar r_k - \bar r)^2}{\sum_i (r_i - \bar r)^2},
              \qquad (n - 1) \rho^2

    Parameters
    ----------
    ranks : ndarray of shape (n_rows, n_columns)
        :func:`~radiofib.staging.pairwise.column_ranks`.
    codes : ndarray of int
    stages : int
    trend : bool

    References
    ----------
    Kruskal WH, Wallis WA. J Am Stat Assoc 1952;47:583-621.

    Examples
    --------
    >>> ranks = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> rank_statistics(ranks, np.array([0, 0, 1, 1]), 2).round(4).tolist()
    [2.4]
    >>> rank_statistics(ranks, np.array([0, 0, 1, 1]), 2, trend=True).round(4).tolist()
    [2.4]
    """
    if not trend:
        share, n, seen = explained_share(ranks, codes, stages)
        found: FloatArray = np.full_like(n, np.nan)
        np.divide((n - 1) * share, seen - 1, out=found, where=seen > 1)
        return found
    filled, count, sums = _class_sums(ranks, codes, stages)
    n, whole = count.sum(axis=0), (filled**2).sum(axis=0)
    # Midranks of the stages among the rows in which the column has a value, centred.
    place = np.cumsum(count, axis=0) - (count - 1) / 2 - (n + 1) / 2
    below = whole * (count * place**2).sum(axis=0)
    square = np.full_like(n, np.nan)
    np.divide((sums * place).sum(axis=0) ** 2, below, out=square, where=below > 0)
    statistic: FloatArray = (n - 1) * square
    return statistic


def mutual_information(values: FloatArray, codes: IndexArray, stages: int) -> FloatArray:
    r"""Return the mutual information of stage and column in nats, missing values left out.

    A column is in one of three states: at or below its mean minus one standard deviation, at
    or above its mean plus one, or between:

    .. math:: I = \sum_{a, k} p_{ak} \ln \frac{p_{ak}}{p_a p_k}

    References
    ----------
    Peng H, Long F, Ding C. IEEE Trans Pattern Anal Mach Intell 2005;27:1226-1238.

    Examples
    --------
    >>> x = np.array([[0.0], [5.0], [5.0], [5.0], [5.0], [10.0]])
    >>> mutual_information(x, np.array([0, 1, 1, 1, 1, 0]), 2).round(4).tolist()
    [0.6365]
    """
    present = ~np.isnan(values)
    count = np.maximum(present.sum(axis=0), 1).astype(np.float64)
    filled, _, _ = _class_sums(values, codes, stages)
    spread = np.sqrt((filled**2).sum(axis=0) / count)
    # A value on the border, as those of a column of zeros and ones, is outside whatever rounding.
    border = spread * (1 - 1e-9)
    states = (present & (filled <= -border), present & (filled >= border))
    one_hot = (codes[:, None] == np.arange(stages)).astype(np.float64)
    joint = np.stack([one_hot.T @ state.astype(np.float64) for state in states])
    among = one_hot.T @ present.astype(np.float64) - joint.sum(axis=0)
    joint = np.concatenate([joint, among[None]]) / count
    with np.errstate(divide="ignore", invalid="ignore"):
        each = joint * np.log(joint / joint.sum(axis=0) / joint.sum(axis=1, keepdims=True))
    found: FloatArray = np.where(joint > 0, each, 0.0).sum(axis=(0, 1))
    return np.where(spread > 0, found, np.nan)
