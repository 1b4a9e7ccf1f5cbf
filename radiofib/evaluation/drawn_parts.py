"""Parts of a cohort drawn at random by patient, beside those that are given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_same_length
from radiofib.errors import SplitError
from radiofib.evaluation.linked import Values, copies_apart, is_missing, link_groups, texts

__all__ = ["draw_parts"]


def draw_parts(
    patients: Values,
    stages: Values,
    shares: Mapping[str, float],
    *,
    given: Values | None = None,
    random_state: int = 0,
    copies: Values | None = None,
    cases: Values | None = None,
) -> list[str]:
    """Deal patients into named parts at random, stage by stage, such as 60/20/20.

    Within a stage the parts get the whole numbers of patients nearest to their shares (largest
    remainders; of equals the part with fewest patients so far). A patient whose rows differ in
    stage counts as the commonest of them. What is drawn depends on the set of patients and the
    seed, not on the order of rows.

    Parameters
    ----------
    patients, stages : sequence of shape (n_rows,)
    shares : mapping of str to float
        Part -> share of the patients; together 1.
    given : sequence of shape (n_rows,), optional
        Part of rows that have one already, such as an external set: their patients keep it and
        are not dealt. Other patients who share a picture with them are in no part: in that part
        they would enlarge a set that is given, in any other a picture would be on two sides.
    random_state : int
    copies : sequence of shape (n_rows,), optional
        As in :func:`patient_folds`: patients that share a picture are dealt as one.
    cases : sequence of shape (n_rows,), optional
        What rows are called in messages.

    Returns
    -------
    list of str
        Part of each row, "" for none.

    Raises
    ------
    SplitError
        When shares are not positive or do not add up to 1, or a patient, or copies of a picture,
        are in two given parts.

    Examples
    --------
    >>> shares = {"train": 0.6, "val": 0.2, "test": 0.2}
    >>> parts = draw_parts([str(i) for i in range(20)], [0, 1] * 10, shares)
    >>> [parts.count(name) for name in shares]
    [12, 4, 4]
    >>> draw_parts(list("abc"), [0, 0, 0], {"train": 1.0}, given=["external", None, None],
    ...            copies=["g1", "g1", None])
    ['external', '', 'train']
    """
    own, labels = texts(patients, "patient"), texts(stages, "stage")
    who = link_groups(own, copies)
    check_same_length(patients=who, stages=labels)
    if min(shares.values(), default=0) <= 0 or abs(sum(shares.values()) - 1) > 1e-9:
        raise SplitError("shares must be positive and add up to 1", found=str(dict(shares)))
    part = {} if given is None else _given_parts(own, who, given, copies, cases)
    named = {
        o for o, g in zip(own, () if given is None else given, strict=False) if not is_missing(g)
    }
    alone = {name for name, group in zip(own, who, strict=True) if group in part} - named
    strata: dict[str, list[str]] = {}
    for name in sorted(set(who.tolist()) - set(part)):
        counts = Counter(labels[who == name].tolist())
        strata.setdefault(max(counts, key=lambda s: (counts[s], s)), []).append(name)
    rng = np.random.default_rng(random_state)
    names, wanted = list(shares), np.array(list(shares.values()))
    dealt = np.zeros(len(names))
    for stage in sorted(strata):
        shuffled = [strata[stage][i] for i in rng.permutation(len(strata[stage]))]
        exact = wanted * len(shuffled)
        number = np.floor(exact + 1e-9).astype(np.intp)
        order = np.lexsort((dealt / wanted, -np.round(exact - number, 9)))
        number[order[: len(shuffled) - int(number.sum())]] += 1
        dealt += number
        for place, name in zip(np.repeat(np.arange(len(names)), number), shuffled, strict=True):
            part[name] = names[place]
    return ["" if o in alone else part[name] for o, name in zip(own, who, strict=True)]


def _given_parts(
    patients: NDArray[np.str_],
    linked: NDArray[np.str_],
    given: Values,
    copies: Values | None,
    cases: Values | None,
) -> dict[str, str]:
    """Return the part of each group of patients that has one already."""
    check_same_length(patients=patients, given=given)
    rows: dict[str, dict[str, list[int]]] = {}
    for k, value in enumerate(given):
        if not is_missing(value):
            rows.setdefault(str(linked[k]), {}).setdefault(str(value).strip(), []).append(k)
    for parts in rows.values():
        if len(parts) == 1:
            continue
        (one, first), (two, second) = list(parts.items())[:2]
        both = sorted(set(patients[first]) & set(patients[second]))
        if both:
            raise SplitError("a patient is in two parts", found=f"{both[0]}: {one} and {two}")
        raise copies_apart(patients, copies, (first, second), (one, two), cases=cases)
    return {name: next(iter(parts)) for name, parts in rows.items()}
