"""Missing channels as blocks: which are missing, how they are filled, and dropped on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from radiofib._checks import check_known
from radiofib.staging.columns import column_medians
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.rows import Rows, block_of
from radiofib.staging.steps import RowStep, Step

__all__ = ["STRATEGIES", "BlockDropout", "BlockFill", "Blocks", "fill_scattered"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: strategy of :class:`BlockFill` -> what takes the place of a missing block
STRATEGIES = {
    "zero": "the number 0",
    "median": "medians of the columns",
    "indicator": "medians, and a column that says the block was missing",
    "native": "nothing: left to a stager that takes missing values",
}


@dataclass(frozen=True, eq=False)
class Blocks:
    """Columns of a table by channel.

    Parameters
    ----------
    names : tuple of str
        Channels in order of their first column.
    places : tuple of ndarray of int
        Positions of each channel's columns.

    Examples
    --------
    >>> blocks = Blocks.of(["t1_a", "dwi_a", "t1_b"])
    >>> blocks.names, [p.tolist() for p in blocks.places]
    (('t1', 'dwi'), [[0, 2], [1]])
    >>> blocks.present(np.array([[1.0, np.nan, np.nan], [np.nan, 2.0, np.nan]])).tolist()
    [[True, False], [False, True]]
    """

    names: tuple[str, ...]
    places: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, columns: Sequence[str]) -> Self:
        """Sort columns into channels by the text before their first underscore."""
        found: dict[str, list[int]] = {}
        for place, column in enumerate(columns):
            found.setdefault(block_of(str(column)), []).append(place)
        return cls(tuple(found), tuple(np.array(p, dtype=np.intp) for p in found.values()))

    def present(self, values: FloatArray) -> BoolArray:
        """Return which channels each row has a value of, shape (n_rows, n_channels)."""
        seen = ~np.isnan(values)
        here: BoolArray = np.zeros((len(values), len(self.names)), dtype=np.bool_)
        for k, place in enumerate(self.places):
            here[:, k] = seen[:, place].any(axis=1)
        return here

    def ever_missing(self, present: BoolArray) -> list[str]:
        """Return the channels that some row does not have."""
        return [self.names[k] for k in np.flatnonzero(~np.all(present, axis=0)).tolist()]

    def spread(self, rows: BoolArray) -> BoolArray:
        """Return what is said of each row's channels for each of its columns."""
        of_column = np.empty(sum(map(len, self.places)), dtype=np.intp)
        for k, place in enumerate(self.places):
            of_column[place] = k
        wide: BoolArray = rows[:, of_column]
        return wide


def fill_scattered(values: FloatArray, gone: BoolArray, medians: FloatArray) -> FloatArray:
    """Return values with medians where one is missing but its block is not.

    Parameters
    ----------
    values : ndarray of shape (n, p)
    gone : ndarray of bool, shape (n, p)
        Where the block is missing; these cells stay as they are.
    medians : ndarray of shape (p,)

    Examples
    --------
    >>> x = np.array([[1.0, np.nan], [np.nan, np.nan]])
    >>> fill_scattered(x, np.array([[False, False], [True, True]]), np.array([5.0, 6.0])).tolist()
    [[1.0, 6.0], [nan, nan]]
    """
    return np.where(np.isnan(values) & ~gone, medians, values)


class BlockFill(Step):
    """What takes the place of a channel that a row does not have.

    A channel of which a row has no value at all is a missing block and filled by the strategy. A
    value that is missing in a block that is there takes the median of its column, whatever the
    strategy. Medians are those of the training rows; a column without any value has 0.

    Parameters
    ----------
    strategy : {"median", "zero", "indicator", "native"}
        Medians of the columns; the number 0 (as volumes are zero-filled for networks; far from
        every value in a column of large numbers); medians and, for each channel that was missing
        in training, a column ``<channel>_all_block_missing`` of 0 and 1; nothing, for a stager
        that takes missing values itself.

    Attributes
    ----------
    median_ : ndarray of shape (n_features,)
    told_ : list of str
        Channels that have an indicator.

    Examples
    --------
    >>> X = pd.DataFrame({"t1_a": [1.0, 2.0, 3.0], "t1_b": [5.0, np.nan, 7.0],
    ...                   "dwi_a": [np.nan, 8.0, 10.0]})
    >>> BlockFill("indicator").fit_transform(X).to_numpy().tolist()
    [[1.0, 5.0, 9.0, 1.0], [2.0, 6.0, 8.0, 0.0], [3.0, 7.0, 10.0, 0.0]]
    >>> BlockFill("native").fit_transform(X).iloc[0].tolist()
    [1.0, 5.0, nan]
    """

    def __init__(self, strategy: str = "median") -> None:
        self.strategy = strategy

    def _learn(
        self,
        frame: pd.DataFrame,
        y: NDArray[Any] | None,  # noqa: ARG002  not looked at
        context: pd.DataFrame,  # noqa: ARG002
    ) -> None:
        what = "strategy for missing blocks"
        check_known(self.strategy, STRATEGIES, what=what, error=StagerInputError)
        values = frame.to_numpy()
        self.median_ = column_medians(values, 0.0)
        self.told_: list[str] = []
        if self.strategy == "indicator":
            blocks = Blocks.of(list(frame.columns))
            self.told_ = blocks.ever_missing(blocks.present(values))

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG002
        values = frame.to_numpy()
        if self.strategy != "indicator" and not np.isnan(values).any():
            return frame
        blocks = Blocks.of(list(frame.columns))
        missing = ~blocks.present(values)
        gone = blocks.spread(missing)
        filled = fill_scattered(values, gone, self.median_)
        if self.strategy == "zero":
            filled[gone] = 0.0
        elif self.strategy != "native":
            filled = np.where(gone, self.median_, filled)
        told = [blocks.names.index(name) for name in self.told_]
        filled = np.hstack([filled, missing[:, told].astype(np.float64)])
        return pd.DataFrame(filled, columns=self._names_out())

    def _names_out(self) -> list[str]:
        return [*self._names_in(), *(f"{name}_all_block_missing" for name in self.told_)]


class BlockDropout(RowStep):
    """Training rows once more, with channels taken away at random, so that none is relied on.

    Each copy of a row loses each channel it has with probability `rate`, and keeps one at random
    when it would lose all. A row and its copies share the row's weight equally, so that every row
    and every patient counts as before; stage and context are those of the row. Rows that are
    predicted pass unchanged: what takes the place of a missing block is said by a step after
    this one, or by the stager.

    Inner folds after this step must be dealt by patient (``patient_column``), or copies of a row
    would stand on both sides.

    Parameters
    ----------
    rate : float
        Between 0 and 1.
    copies : int
        Of each row, beside the row itself.
    random_state : int
        Seed.

    Raises
    ------
    StagerInputError
        When `rate` or `copies` is out of range.

    References
    ----------
    Modality dropout: Neverova N et al. IEEE TPAMI 2016;38:1692-1706.

    Examples
    --------
    >>> rows = Rows(pd.DataFrame({"t1_a": [1.0], "dwi_a": [2.0]}), np.array(["s1"]),
    ...             pd.DataFrame({"patient": ["p"]}))
    >>> found = BlockDropout(copies=3).train_rows(rows)
    >>> found.weight.tolist(), found.context["patient"].tolist()
    ([0.25, 0.25, 0.25, 0.25], ['p', 'p', 'p', 'p'])
    >>> bool(found.X.notna().any(axis=1).all())
    True
    """

    def __init__(self, rate: float = 0.5, *, copies: int = 1, random_state: Any = 0) -> None:
        self.rate = rate
        self.copies = copies
        self.random_state = random_state

    def train_rows(self, rows: Rows) -> Rows:
        """Return the rows and their copies."""
        if not 0 <= self.rate <= 1:
            raise StagerInputError("rate lies between 0 and 1", found=f"{self.rate:g}")
        if self.copies < 1:
            raise StagerInputError("copies must be 1 or more", found=str(self.copies))
        rng = check_random_state(self.random_state)
        blocks = Blocks.of(list(rows.X.columns))
        values = rows.X.to_numpy()
        present = blocks.present(values)
        parts = [values]
        for _ in range(self.copies):
            kept = _thinned(present, self.rate, rng)
            parts.append(np.where(blocks.spread(kept), values, np.nan))
        often = self.copies + 1
        weight = np.ones(len(values)) if rows.weight is None else rows.weight
        return Rows(
            pd.DataFrame(np.concatenate(parts), columns=rows.X.columns),
            np.tile(rows.y, often),
            pd.concat([rows.context] * often, ignore_index=True),
            np.tile(weight / often, often),
        )


def _thinned(present: BoolArray, rate: float, rng: np.random.RandomState) -> BoolArray:
    """Return which of the present channels a copy keeps; at least one of a row that has any."""
    draws = rng.random_sample(present.shape)
    kept: BoolArray = present & (draws >= rate)
    # The draws decide here too: given that all are below the rate, their order is uniform.
    last = np.argmax(np.where(present, draws, -1.0), axis=1)
    empty = np.flatnonzero(present.any(axis=1) & ~kept.any(axis=1))
    kept[empty, last[empty]] = True
    return kept
