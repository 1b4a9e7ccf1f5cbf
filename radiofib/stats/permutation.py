"""Permutation tests of an AUC and of a difference of AUCs, by patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from radiofib._checks import check_1d, check_known, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import HypothesisTest, check_binary, check_clusters

__all__ = ["permutation_labels", "permutation_paired"]

FloatArray = NDArray[np.float64]
_CHUNK = 2_000_000


def permutation_labels(
    y: ArrayLike,
    score: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    n_permutations: int = 9999,
    alternative: str = "two-sided",
    random_state: int = 0,
) -> HypothesisTest:
    r"""Test whether an AUC differs from one half by permuting the labels of patients.

    .. math:: p = \frac{1 + \#\{T^* \ge T\}}{B + 1}

    with T the AUC, or its distance from one half when two-sided. All rows of a patient keep one
    label, so that ten images of a patient are not ten cases.

    Parameters
    ----------
    y : array-like of 0 and 1
        One label for each patient.
    score : array-like
    clusters : array-like, optional
        Patient of each case.
    strata : array-like, optional
        Labels move only between patients of the same stratum (scanner, fold).
    n_permutations : int
    alternative : {"two-sided", "greater"}
    random_state : int
        Seed.

    Raises
    ------
    UsageError
        When a patient has two labels or is in two strata.

    References
    ----------
    Phipson B, Smyth GK. Stat Appl Genet Mol Biol 2010;9:39 (never a p of 0).

    Examples
    --------
    >>> found = permutation_labels([0] * 8 + [1] * 8, range(16), n_permutations=999)
    >>> found.statistic, found.p
    (1.0, 0.001)
    """
    check_known(alternative, ("two-sided", "greater"), what="alternative")
    positive, values = check_binary(y, both=True), check_1d(score, "score")
    n = check_same_length(y=positive, score=values)
    _check_number(n_permutations)
    patients = np.arange(n) if clusters is None else check_clusters(clusters, n)
    count = int(patients.max()) + 1
    label = _one_each(positive.astype(np.intp), patients, count, "label")
    group = np.zeros(count, dtype=np.intp)
    if strata is not None:
        kinds = np.unique(np.asarray(strata), return_inverse=True)[1]
        check_same_length(y=positive, strata=kinds)
        group = _one_each(kinds, patients, count, "stratum")
    ranks = np.bincount(patients, weights=rankdata(values), minlength=count)
    sizes = np.bincount(patients, minlength=count).astype(np.float64)

    def areas(labels: FloatArray) -> FloatArray:
        m = labels @ sizes
        won = labels @ ranks - m * (m + 1) / 2
        pairs = m * (n - m)
        blank = np.full(len(labels), 0.5)
        found: FloatArray = np.divide(won, pairs, out=blank, where=pairs > 0)
        return found

    observed = float(areas(label[None, :].astype(np.float64))[0])
    rng = np.random.default_rng(random_state)
    members = [np.flatnonzero(group == g) for g in np.unique(group)]
    reached, step = 0, max(1, _CHUNK // count)
    for begin in range(0, n_permutations, step):
        rows = min(step, n_permutations - begin)
        drawn = np.empty((rows, count))
        for inside in members:
            drawn[:, inside] = rng.permuted(np.tile(label[inside], (rows, 1)), axis=1)
        value = areas(drawn)
        if alternative == "greater":
            reached += int((value >= observed - 1e-12).sum())
        else:
            reached += int((np.abs(value - 0.5) >= abs(observed - 0.5) - 1e-12).sum())
    p = (1 + reached) / (n_permutations + 1)
    method = f"{n_permutations} permutations of patients' labels, {alternative}"
    note = "all scores are equal" if np.ptp(values) == 0 else ""
    return HypothesisTest(observed, np.nan, p, method, note)


def permutation_paired(
    y: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    n_permutations: int = 9999,
    random_state: int = 0,
) -> HypothesisTest:
    """Test whether two scores of the same cases have one AUC, by exchanging them.

    Scores become midranks, so that different scales compare; then in each permutation the two
    ranks of every patient (of all rows at once) are exchanged or not, and the difference of the
    AUCs is taken anew. Two-sided; the hypothesis is that the scores are exchangeable, which is
    more than equal AUCs.

    Parameters
    ----------
    y : array-like of 0 and 1
    first, second : array-like
        Scores of the same cases.
    clusters : array-like, optional
        Patient of each case.
    n_permutations : int
    random_state : int
        Seed.

    References
    ----------
    Bandos AI, Rockette HE, Gur D. Stat Med 2005;24:2873-2893.

    Examples
    --------
    >>> y, a = [0] * 6 + [1] * 6, range(12)
    >>> b = [3, 9, 1, 7, 5, 11, 0, 4, 8, 2, 10, 6]
    >>> found = permutation_paired(y, a, b, n_permutations=999)
    >>> round(found.statistic, 4), found.p < 0.05
    (0.5833, True)
    """
    positive = check_binary(y, both=True)
    one, two = check_1d(first, "first"), check_1d(second, "second")
    n = check_same_length(y=positive, first=one, second=two)
    _check_number(n_permutations)
    patients = np.arange(n) if clusters is None else check_clusters(clusters, n)
    count = int(patients.max()) + 1
    a, b = rankdata(one), rankdata(two)
    m = int(positive.sum())

    def areas(ranks: FloatArray) -> FloatArray:
        sums = rankdata(ranks, axis=1)[:, positive].sum(axis=1)
        found: FloatArray = (sums - m * (m + 1) / 2) / (m * (n - m))
        return found

    observed = float(areas(a[None, :])[0] - areas(b[None, :])[0])
    rng = np.random.default_rng(random_state)
    reached, step = 0, max(1, _CHUNK // n)
    for begin in range(0, n_permutations, step):
        rows = min(step, n_permutations - begin)
        swap = rng.integers(0, 2, size=(rows, count), dtype=np.int8)[:, patients] == 1
        gap = areas(np.where(swap, b, a)) - areas(np.where(swap, a, b))
        reached += int((np.abs(gap) >= abs(observed) - 1e-12).sum())
    p = (1 + reached) / (n_permutations + 1)
    method = f"{n_permutations} exchanges of paired scores, by patient, two-sided"
    return HypothesisTest(observed, np.nan, p, method, "equal ranks" if (a == b).all() else "")


def _check_number(n_permutations: int) -> None:
    if n_permutations < 1:
        raise UsageError("the number of permutations must be positive", found=str(n_permutations))


def _one_each(
    values: NDArray[np.intp], patients: NDArray[np.intp], count: int, what: str
) -> NDArray[np.intp]:
    """Return the one value that all rows of a patient have."""
    found = np.empty(count, dtype=np.intp)
    found[patients] = values
    if (found[patients] != values).any():
        mixed = np.unique(patients[found[patients] != values])
        raise UsageError(
            f"each patient needs one {what} for permutations",
            found=f"{mixed.size} patients with several",
        )
    return found
