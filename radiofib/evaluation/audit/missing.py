"""Does it tell the stage whether a channel is missing? Exact tests within scanners."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import hypergeom

from radiofib._checks import check_same_length
from radiofib.evaluation.audit.patients import Patients
from radiofib.stats import Estimate
from radiofib.stats.estimate import z_value

__all__ = ["MISSING_EVIDENCE", "exact_within_strata", "mantel_haenszel", "missing_tests"]

MISSING_EVIDENCE = (
    "block",
    "columns",
    "target",
    "scanner",
    "missing_pos",
    "n_pos",
    "missing_neg",
    "n_neg",
    "odds_ratio",
    "ci_low",
    "ci_high",
    "p",
    "p_adjusted",
)
#: A pattern that fewer patients have, or lack, cannot be significant.
_FEWEST = 3
#: Different patterns tested, those with most columns first.
_MOST = 60
BoolArray = NDArray[np.bool_]


def exact_within_strata(a: BoolArray, b: BoolArray, strata: Sequence[object]) -> float:
    """Return the exact two-sided p value of "a and b are unrelated within strata".

    Given the margins of each stratum, the number of rows with both is a sum of hypergeometric
    variables; the p value adds up all sums that are at most as probable as the one found. With
    one stratum this is Fisher's exact test.

    Parameters
    ----------
    a, b : ndarray of bool, shape (n,)
    strata : sequence of length n

    References
    ----------
    Cox DR. Analysis of Binary Data, Methuen 1970. Mehta CR et al. J Am Stat Assoc
    1985;80:969-973.

    Examples
    --------
    >>> a = np.array([1, 1, 1, 1, 0, 0, 0, 0], bool)
    >>> round(exact_within_strata(a, a, ["x"] * 8), 6)  # 2 / choose(8, 4)
    0.028571
    """
    check_same_length(a=a, b=b, strata=strata)
    total = np.ones(1)
    found = 0
    for rows in _strata(strata):
        n, n_a, n_b = rows.size, int(a[rows].sum()), int(b[rows].sum())
        least, most = max(0, n_a + n_b - n), min(n_a, n_b)
        total = np.convolve(total, hypergeom.pmf(np.arange(least, most + 1), n, n_a, n_b))
        found += int((a & b)[rows].sum()) - least
    as_extreme = total[total <= total[found] * (1 + 1e-7)]
    return float(min(1.0, as_extreme.sum()))


def mantel_haenszel(a: BoolArray, b: BoolArray, strata: Sequence[object]) -> Estimate:
    r"""Return the Mantel-Haenszel odds ratio of a and b over strata, with its interval.

    .. math:: OR = \frac{\sum_s R_s}{\sum_s S_s}, \quad R = \frac{n_{11} n_{00}}{n},
              S = \frac{n_{10} n_{01}}{n}

    and the Robins-Breslow-Greenland variance of its logarithm. Undefined (NaN, or no interval)
    where R or S vanish.

    References
    ----------
    Mantel N, Haenszel W. J Natl Cancer Inst 1959;22:719-748. Robins J, Breslow N, Greenland S.
    Biometrics 1986;42:311-323.

    Examples
    --------
    >>> a = np.repeat([True, True, False, False], [10, 20, 30, 40])
    >>> b = np.repeat([True, False, True, False], [10, 20, 30, 40])
    >>> found = mantel_haenszel(a, b, ["x"] * 100)
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.6667, 0.2725, 1.6309)
    """
    R = S = PR = mixed = QS = 0.0
    for rows in _strata(strata):
        n = rows.size
        one, two = a[rows], b[rows]
        n11, n10 = int((one & two).sum()), int((one & ~two).sum())
        n01, n00 = int((~one & two).sum()), int((~one & ~two).sum())
        r, s, p, q = n11 * n00 / n, n10 * n01 / n, (n11 + n00) / n, (n10 + n01) / n
        R, S, PR, QS = R + r, S + s, PR + p * r, QS + q * s
        mixed += p * s + q * r
    label = "Mantel-Haenszel odds ratio within scanners"
    if R == 0 or S == 0:
        value = math.nan if R == S else (0.0 if R == 0 else math.inf)
        return Estimate(value, math.nan, math.nan, label)
    variance = PR / (2 * R * R) + mixed / (2 * R * S) + QS / (2 * S * S)
    centre, half = math.log(R / S), z_value(0.95) * math.sqrt(variance)
    return Estimate(R / S, math.exp(centre - half), math.exp(centre + half), label)


def _strata(strata: Sequence[object]) -> Iterator[NDArray[np.intp]]:
    _, codes = np.unique([str(s) for s in strata], return_inverse=True)
    for k in range(codes.max() + 1):
        yield np.flatnonzero(codes == k)


def missing_tests(patients: Patients) -> pd.DataFrame:
    """Return one row for each block of missing columns, question and place.

    Columns that are missing in the same patients are one block, named after its channel when it
    is the whole channel. A patient counts as missing when all of their rows are. Each block is
    tested over all scanners together, within each (``scanner`` is ``all``), and on each scanner
    by itself where a few patients lack it: a protocol belongs to one scanner, and the others
    would hide it.

    Returns
    -------
    DataFrame
        :data:`MISSING_EVIDENCE` without ``p_adjusted``.
    """
    gone = np.isnan(patients.means(patients.table.X))
    rows: list[dict[str, Any]] = []
    scanners = np.array(["" if s is None else str(s) for s in patients.scanners], dtype=object)
    for name, count, missing in _blocks(patients, gone):
        for target in patients.questions:
            asked = target.concerns(patients.stages)
            positive = target.labels(patients.stages)
            for place in _places(scanners, missing):
                here = asked if place == _ALL else asked & (scanners == place)
                if min(positive[here].sum(), (~positive[here]).sum()) == 0:
                    continue
                tested = _test(missing[here], positive[here], scanners[here].tolist())
                about = {"block": name, "columns": count, "target": target.name}
                rows.append({**about, "scanner": place, **tested})
    return pd.DataFrame(rows, columns=list(MISSING_EVIDENCE[:-1]))


_ALL = "all"


def _places(scanners: NDArray[np.object_], missing: BoolArray) -> list[str]:
    """Return "all", and the scanners with enough patients on either side, if there are several."""
    names = sorted(set(scanners.tolist()) - {""})
    if len(names) < 2:
        return [_ALL]
    here = {name: missing[scanners == name] for name in names}
    return [_ALL, *(n for n, m in here.items() if min(m.sum(), (~m).sum()) >= _FEWEST)]


def _test(missing: BoolArray, positive: BoolArray, strata: list[str]) -> dict[str, Any]:
    odds = mantel_haenszel(missing, positive, strata)
    return {
        "missing_pos": int((missing & positive).sum()),
        "n_pos": int(positive.sum()),
        "missing_neg": int((missing & ~positive).sum()),
        "n_neg": int((~positive).sum()),
        "odds_ratio": odds.value,
        "ci_low": odds.low,
        "ci_high": odds.high,
        "p": exact_within_strata(missing, positive, strata),
    }


def _blocks(patients: Patients, gone: BoolArray) -> Iterator[tuple[str, int, BoolArray]]:
    counts = gone.sum(axis=0)
    usable = np.flatnonzero((counts >= _FEWEST) & (counts <= len(gone) - _FEWEST))
    if usable.size == 0:
        return
    patterns, index = np.unique(gone[:, usable], axis=1, return_inverse=True)
    index = index.ravel()
    order = sorted(range(patterns.shape[1]), key=lambda k: (-(index == k).sum(), k))
    names = [str(c) for c in patients.table.X.columns]
    channel = [n.partition("_")[0] for n in names]
    for k in order[:_MOST]:
        members = usable[index == k]
        first = channel[members[0]]
        whole = [i for i, c in enumerate(channel) if c == first]
        is_channel = members.size > 1 and set(whole) <= set(members.tolist())
        more = f" and {members.size - 1} more" if members.size > 1 else ""
        label = first if is_channel else f"{names[members[0]]}{more}"
        if is_channel and members.size > len(whole):
            others = dict.fromkeys(channel[i] for i in members if channel[i] != first)
            label = ", ".join([first, *others])
        yield label, int(members.size), patterns[:, k]
