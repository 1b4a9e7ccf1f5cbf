"""Steps that were learnt before on the same rows: remembered while many stagers are compared."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.staging.rows import Rows
from radiofib.staging.steps import Step

__all__ = ["StepMemo", "current_memo", "remembered_steps"]

_CURRENT: ContextVar[StepMemo | None] = ContextVar("radiofib_step_memo", default=None)
_MOST_BYTES = 256_000_000


@dataclass
class StepMemo:
    """Fitted steps and what they made of their training rows, the latest used kept.

    A step is found again by what it is, and by a hash of the features (with their layout in
    memory, on which the last bit of a sum may depend), stages and context it learns from. What
    it made is known by its name from then on, so that a chain of steps hashes its table once.

    Parameters
    ----------
    describe : callable
        Turns an untrained step into text: equal texts behave equally.
    most_bytes : int
        Features that are kept at most.

    Examples
    --------
    >>> from radiofib.staging.selection import NearConstant
    >>> def learn(step, rows):
    ...     X = step.fit_transform(rows.X, rows.y, context=rows.context)
    ...     return step, Rows(X, rows.y, rows.context)
    >>> rows = Rows(pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 1.0, 1.0]}),
    ...             np.array(["s1", "s1", "s4"]), pd.DataFrame(index=range(3)))
    >>> memo = StepMemo(repr)
    >>> first, again = (memo.train(NearConstant(), rows, learn) for _ in range(2))
    >>> first[0] is again[0], memo.hits, memo.misses
    (True, 1, 1)
    """

    describe: Callable[[Any], str]
    most_bytes: int = _MOST_BYTES
    hits: int = 0
    misses: int = 0
    _kept: OrderedDict[str, tuple[Step, pd.DataFrame, int]] = field(default_factory=OrderedDict)
    _names: dict[int, str] = field(default_factory=dict)

    def train(
        self, step: Step, rows: Rows, learn: Callable[[Step, Rows], tuple[Step, Rows]]
    ) -> tuple[Step, Rows]:
        """Return the fitted step and the rows after it, learnt now or before."""
        key = self._key(step, rows)
        if key in self._kept:
            self.hits += 1
            self._kept.move_to_end(key)
            fitted, X, _ = self._kept[key]
            return fitted, Rows(X, rows.y, rows.context, rows.weight)
        self.misses += 1
        fitted, after = learn(step, rows)
        self._keep(key, fitted, after.X)
        return fitted, after

    def _key(self, step: Step, rows: Rows) -> str:
        context = rows.context[list(step.context_columns)]
        parts = [
            self.describe(step),
            self._names.get(id(rows.X)) or _hash_frame(rows.X),
            _hash_array(np.asarray(rows.y).astype(str)),
            _hash_text(context.astype(str).to_numpy().tolist()),
        ]
        return _hash_text(parts)

    def _keep(self, key: str, fitted: Step, X: pd.DataFrame) -> None:
        size = int(X.memory_usage(index=False).sum())
        self._kept[key] = (fitted, X, size)
        self._names[id(X)] = key
        while sum(one for _, _, one in self._kept.values()) > self.most_bytes:
            _, (_, old, _) = self._kept.popitem(last=False)
            # The name of an object that is gone could become that of another.
            self._names.pop(id(old), None)


@contextmanager
def remembered_steps(
    describe: Callable[[Any], str], most_bytes: int = _MOST_BYTES
) -> Iterator[StepMemo]:
    """Let chains of steps that are fitted inside share what they learn from the same rows.

    Examples
    --------
    >>> with remembered_steps(repr) as memo:
    ...     current_memo() is memo
    True
    >>> current_memo() is None
    True
    """
    memo = StepMemo(describe, most_bytes)
    token = _CURRENT.set(memo)
    try:
        yield memo
    finally:
        _CURRENT.reset(token)


def current_memo() -> StepMemo | None:
    """Return the memory that steps share at the moment, if any."""
    return _CURRENT.get()


def _hash_frame(frame: pd.DataFrame) -> str:
    return _hash_text([_hash_array(frame.to_numpy()), [str(c) for c in frame.columns]])


def _hash_array(values: NDArray[Any]) -> str:
    straight = values if values.flags.c_contiguous else values.T
    digest = hashlib.sha256(f"{values.dtype.str} {values.shape} {straight is values}".encode())
    digest.update(np.ascontiguousarray(straight).data)
    return digest.hexdigest()


def _hash_text(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()
