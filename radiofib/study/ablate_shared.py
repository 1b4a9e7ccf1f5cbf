"""Several stagers on the same rows: steps that they begin with in common are learnt once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from radiofib.errors import ModelError
from radiofib.provenance import canonical_json
from radiofib.staging.base import BaseStager
from radiofib.staging.chain import ChainStager, train_step
from radiofib.staging.meta import MetaStager, fit_on, proba_of
from radiofib.staging.rows import Rows
from radiofib.staging.stagers import LogisticStager
from radiofib.staging.steps import RowStep, Step

__all__ = ["Branch", "Outcome", "describe_estimator", "grow", "step_key", "unroll"]

FloatArray = NDArray[np.float64]
#: Features and context of rows.
Table = tuple[pd.DataFrame, pd.DataFrame]

_MOST_WARNINGS = 5


@dataclass(frozen=True, eq=False)
class Branch:
    """A stager taken apart: the steps it begins with, and what learns at their end.

    Parameters
    ----------
    name : str
        Name of what comes out of it.
    steps : tuple of Step or RowStep
    step_keys : tuple of str
        What each step is, as text: equal steps are learnt once.
    end : BaseStager
        The learner, with whatever stands around it.
    end_key : str
    chained : bool
        Whether it was a chain; else the whole stager is the end.
    inner_keys : tuple of str
        The steps that the end begins with inside what stands around it (a recalibration, a
        vote): the same rows pass them once for all branches of a piece.
    """

    name: str
    steps: tuple[Step | RowStep, ...]
    step_keys: tuple[str, ...]
    end: BaseStager
    end_key: str
    chained: bool
    inner_keys: tuple[str, ...] = ()

    @property
    def first(self) -> str:
        """The step that comes first, outside or inside; "" when there is none."""
        return next(iter((*self.step_keys, *self.inner_keys)), "")

    @property
    def key(self) -> str:
        """What the whole stager is, as text."""
        return canonical_json([self.chained, *self.step_keys, self.end_key])

    @property
    def context_columns(self) -> tuple[str, ...]:
        """Columns that say where a row is from and that some part of it reads."""
        names = [c for part in (*self.steps, self.end) for c in part.context_columns]
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came out of a branch: probabilities, or the error in their place.

    Parameters
    ----------
    name : str
    proba : ndarray of shape (n_rows, n_classes) or None
    error : Exception or None
    warnings : tuple of str
        What was warned of on the way, each once.
    """

    name: str
    proba: FloatArray | None
    error: Exception | None = None
    warnings: tuple[str, ...] = ()


def describe_estimator(value: Any) -> Any:
    """Return an untrained estimator as plain data: equal descriptions behave equally.

    Class and parameters of estimators, of those inside them, and of lists of them.

    Raises
    ------
    ModelError
        When a parameter is neither a plain value nor an estimator.

    Examples
    --------
    >>> described = describe_estimator(LogisticStager(C=0.5))
    >>> described["class"], described["params"]["C"]
    ('radiofib.staging.stagers.LogisticStager', 0.5)
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"array": value.tolist()}
    if isinstance(value, list | tuple):
        return [describe_estimator(v) for v in value]
    if isinstance(value, dict):
        pairs = [[describe_estimator(k), describe_estimator(v)] for k, v in value.items()]
        return {"mapping": pairs}
    if isinstance(value, BaseEstimator):
        kind = type(value)
        params = value.get_params(deep=False)
        return {
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "params": {k: describe_estimator(v) for k, v in sorted(params.items())},
        }
    raise ModelError(
        "a parameter of a stager cannot be described",
        expected="a number, a text, or an estimator",
        found=type(value).__name__,
    )


def unroll(name: str, stager: BaseStager) -> Branch:
    """Take a chain of steps apart; any other stager stays whole.

    Examples
    --------
    >>> branch = unroll("r1", ChainStager(LogisticStager(C=2.0)))
    >>> branch.steps, branch.end, branch.chained
    ((), LogisticStager(C=2.0), True)
    """
    steps: tuple[Step | RowStep, ...] = ()
    end, chained = stager, type(stager) is ChainStager
    if chained:
        steps, end = tuple(stager.steps), stager.stager or LogisticStager()
    keys, inner = _keys(steps), end
    while not isinstance(inner, ChainStager) and isinstance(
        getattr(inner, "stager", None), BaseStager
    ):
        inner = inner.stager
    inside = _keys(inner.steps) if isinstance(inner, ChainStager) else ()
    described = canonical_json(describe_estimator(end))
    return Branch(name, steps, keys, end, described, chained, inside)


def _keys(steps: Sequence[Step | RowStep]) -> tuple[str, ...]:
    return tuple(map(step_key, steps))


def step_key(step: Step | RowStep) -> str:
    """Return what a step is, as text.

    Examples
    --------
    >>> from radiofib.staging.selection import NearConstant
    >>> step_key(NearConstant()) == step_key(NearConstant())
    True
    """
    return canonical_json(describe_estimator(step))


def grow(
    branches: Sequence[Branch], train: pd.DataFrame, y: NDArray[Any], test: pd.DataFrame
) -> Iterator[Outcome]:
    """Learn from training rows and predict others, as each stager by itself would.

    Branches are followed depth first, so that no more tables are held than there are steps in
    the longest. What fails takes along only the branches that begin with it.

    Parameters
    ----------
    branches : sequence of Branch
    train, test : DataFrame
        Features, and every context column that a branch reads.
    y : ndarray
        Stage of each training row.

    Yields
    ------
    Outcome
        For each branch; the probabilities are those of ``fit`` and ``predict_proba`` of the
        stager that was taken apart, one column for each stage of the training rows, sorted.

    Examples
    --------
    >>> X, y = pd.DataFrame({"f": [0.0, 1.0, 8.0, 9.0]}), np.repeat(["s1", "s4"], 2)
    >>> stager = ChainStager(LogisticStager(C=1.0))
    >>> [found] = grow([unroll("r1", stager)], X, y, X)
    >>> bool((found.proba == stager.fit(X, y).predict_proba(X)).all())
    True
    """
    columns = tuple(dict.fromkeys(c for b in branches for c in b.context_columns))
    # Those with the same steps inside follow one another: these are remembered for a while only.
    whole = sorted((b for b in branches if not b.chained), key=lambda b: b.inner_keys)
    for same in _by(whole, lambda b: b.end_key):
        yield from _each(same, _caught(partial(_alone, same[0].end, columns, train, y, test)), ())
    chained = [b for b in branches if b.chained]
    if not chained:
        return
    opened, error, said = _caught(partial(_open, columns, train, y, test))
    if error is not None:
        yield from _each(chained, (None, error, said), ())
    else:
        rows, unseen, classes = opened
        yield from _grow(chained, 0, rows, unseen, classes, said)


class _Opened(MetaStager):
    """Hands out its rows as a chain would hand them to its first step."""

    def __init__(
        self,
        columns: tuple[str, ...] = (),
        *,
        scanner_column: str | None = None,
        patient_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.columns = columns
        self.scanner_column = scanner_column
        self.patient_column = patient_column
        self.random_state = random_state

    @property
    def context_columns(self) -> tuple[str, ...]:
        return self.columns

    def _fit_rows(self, rows: Rows) -> None:
        self.train_ = rows

    def _rows_proba(self, X: pd.DataFrame, context: pd.DataFrame) -> FloatArray:
        self.test_ = (X, context)
        return np.ones((len(X), self.classes_.size))


def _open(
    columns: tuple[str, ...], train: pd.DataFrame, y: NDArray[Any], test: pd.DataFrame
) -> tuple[Rows, Table, NDArray[Any]]:
    """Return training rows, features and context of the rows to predict, and the stages."""
    opened = _Opened(columns).fit(train, y)
    opened.predict_proba(test)
    return opened.train_, opened.test_, opened.classes_


def _alone(
    stager: BaseStager,
    columns: tuple[str, ...],
    train: pd.DataFrame,
    y: NDArray[Any],
    test: pd.DataFrame,
) -> FloatArray:
    """Return the probabilities of a stager that begins with no step."""
    strange = [c for c in columns if c not in stager.context_columns]
    fitted = clone(stager).fit(train.drop(columns=strange), y)
    proba: FloatArray = fitted.predict_proba(test.drop(columns=strange))
    return proba


def _grow(
    branches: Sequence[Branch],
    depth: int,
    rows: Rows,
    test: Table,
    classes: NDArray[Any],
    said: tuple[str, ...],
) -> Iterator[Outcome]:
    """Yield the outcomes of branches that have the same steps up to a depth."""
    for same in _by([b for b in branches if len(b.steps) == depth], lambda b: b.end_key):
        yield from _each(same, _caught(partial(_finish, same[0].end, rows, test, classes)), said)
    deeper = [b for b in branches if len(b.steps) > depth]
    for same in _by(deeper, lambda b: b.step_keys[depth]):
        moved, error, heard = _caught(partial(_pass, same[0].steps[depth], rows, test))
        if error is not None:
            yield from _each(same, (None, error, heard), said)
        else:
            after, unseen = moved
            yield from _grow(same, depth + 1, after, unseen, classes, _joined(said, heard))


def _by(branches: Sequence[Branch], key: Callable[[Branch], str]) -> list[list[Branch]]:
    """Put branches together that have the same key, in order of their first."""
    found: dict[str, list[Branch]] = {}
    for branch in branches:
        found.setdefault(key(branch), []).append(branch)
    return list(found.values())


def _pass(step: Step | RowStep, rows: Rows, test: Table) -> tuple[Rows, Table]:
    """Return training rows and rows to predict after a step learnt on the former."""
    fitted, after = train_step(step, rows)
    X, context = test
    if isinstance(fitted, Step):
        X = fitted.transform(X, context=context)
    return after, (X, context)


def _finish(end: BaseStager, rows: Rows, test: Table, classes: NDArray[Any]) -> FloatArray:
    """Return the probabilities of the end of a chain, normed as the chain does."""
    proba = proba_of(fit_on(end, rows), *test, classes)
    normed: FloatArray = proba / proba.sum(axis=1, keepdims=True)
    return normed


def _caught(work: Callable[[], Any]) -> tuple[Any, Exception | None, tuple[str, ...]]:
    """Do some work; return its result, or the error, and what was warned of."""
    error: Exception | None = None
    done = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            done = work()
        except Exception as failure:
            # Whatever a learner raises is the failure of its own branches, not of the others.
            error = failure
    heard = [w for w in caught if issubclass(w.category, UserWarning | RuntimeWarning)]
    texts = (f"{w.category.__name__}: {' '.join(str(w.message).split())}" for w in heard)
    return done, error, tuple(dict.fromkeys(text[:300] for text in texts))


def _each(
    same: Sequence[Branch],
    found: tuple[FloatArray | None, Exception | None, tuple[str, ...]],
    said: tuple[str, ...],
) -> Iterator[Outcome]:
    """Yield one result as that of every branch."""
    proba, error, heard = found
    for branch in same:
        yield Outcome(branch.name, proba, error, _joined(said, heard))


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))[:_MOST_WARNINGS]
