"""Scanner, vendor and field strength among the features: centred flags and interactions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import check_no_duplicates, list_some
from radiofib.staging.batches import scanner_texts
from radiofib.staging.columns import column_means
from radiofib.staging.flags import ScannerFlags
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.steps import Step

__all__ = ["ContextFlags", "ScannerInteraction"]

FloatArray = NDArray[np.float64]


class _Flagged(Step):
    """Base of the steps that turn context columns into centred flags.

    A row of a known value has 1 minus the value's share of the training rows in that value's
    flag and minus the other shares in the others; of the training rows every flag has mean 0. A
    row of an unknown or missing value has 0 in every flag: it is treated as the average training
    row, and in a linear model nothing is added to it.
    """

    def _columns(self) -> tuple[str, ...]:
        """Return the context columns that become flags."""
        raise NotImplementedError

    @property
    def context_columns(self) -> tuple[str, ...]:
        """Columns that the step reads from the context."""
        return tuple(dict.fromkeys(self._columns()))

    def _learn(
        self,
        frame: pd.DataFrame,
        y: NDArray[Any] | None,  # noqa: ARG002  flags have nothing to do with the stage
        context: pd.DataFrame,
    ) -> None:
        self.flag_names_: list[str] = []
        self.flags_ = None
        self.shares_ = np.zeros(0)
        if not self.context_columns:
            return
        self.flags_ = ScannerFlags().fit(self._texts(context))
        self.flag_names_ = self.flags_.get_feature_names_out().tolist()
        raw, known = self._raw_flags(context)
        self.shares_ = raw.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        names = [*map(str, frame.columns), *self._added()]
        check_no_duplicates(names, what="feature column after flags", error=StagerInputError)

    def _texts(self, context: pd.DataFrame) -> pd.DataFrame:
        wanted = self.context_columns
        return pd.DataFrame({name: scanner_texts(context[name]) for name in wanted}, dtype=object)

    def _raw_flags(self, context: pd.DataFrame) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return flags of 0 and 1, and whether a row's value is known, for each flag."""
        assert self.flags_ is not None
        raw = self.flags_.transform(self._texts(context))
        ends = np.cumsum([0, *(len(names) for names in self.flags_.categories_)]).tolist()
        known = np.zeros(raw.shape, dtype=np.bool_)
        for start, end in pairwise(ends):
            known[:, start:end] = raw[:, start:end].any(axis=1, keepdims=True)
        return raw, known

    def _centred(self, context: pd.DataFrame) -> FloatArray:
        if self.flags_ is None:
            return np.zeros((len(context), 0))
        raw, known = self._raw_flags(context)
        flags: FloatArray = np.where(known, raw - self.shares_, 0.0)
        return flags

    def _added(self) -> list[str]:
        """Return the names of the columns that are appended."""
        raise NotImplementedError

    def _names_out(self) -> list[str]:
        return [*self._names_in(), *self._added()]


class ContextFlags(_Flagged):
    """Scanner, vendor, field strength ... as centred flags behind the features.

    Each value of a context column that was seen in training gets a column
    ``<column>_is_<value>``: 1 minus the value's share of the training rows that name one for rows
    of it, minus that share for rows of another known value, 0 for rows of an unknown or missing
    one. An unknown scanner is so the average of the known ones, and adds nothing in a linear
    model.

    A penalty on slopes weighs on flags as on any other column: where scanner and stage go
    together, a ridge model spreads their association over the many features that tell scanners
    apart rather than over a few flags, and these features mislead it on another scanner. A flag
    that stands k times is penalised k times less: slopes of features are then learnt within
    scanners. With the default :class:`LogisticStager` and a scanner in three, `weight` 20 lets
    the log odds of a scanner differ by a standard deviation of about 1 beforehand. For trees one
    flag is enough, and mostly one too many: they split on it, and an unknown scanner then falls
    on a side by chance.

    Parameters
    ----------
    columns : sequence of str
        Context columns, such as ``("vendor", "field_t")``.
    weight : int
        How many times each flag stands; copies are called ``<column>_is_<value>__2`` and so on.

    Attributes
    ----------
    flags_ : ScannerFlags or None
        Known values of each column.
    flag_names_ : list of str
    shares_ : ndarray of shape (n_flags,)
        Share of each value among the training rows that name one.

    Raises
    ------
    StagerInputError
        When a column is not in the context, or a flag would be called like a feature.

    Examples
    --------
    >>> X = pd.DataFrame({"t1_f": [1.0, 2.0, 3.0, 4.0]})
    >>> context = pd.DataFrame({"vendor": ["A", "A", "A", "B"]})
    >>> step = ContextFlags(["vendor"]).fit(X, context=context)
    >>> step.transform(X[2:], context=context[2:])["vendor_is_a"].tolist()
    [0.25, -0.75]
    >>> step.transform(X[:1], context=pd.DataFrame({"vendor": ["C"]})).to_dict("list")
    {'t1_f': [1.0], 'vendor_is_a': [0.0], 'vendor_is_b': [0.0]}
    """

    def __init__(self, columns: Sequence[str] = (), *, weight: int = 1) -> None:
        self.columns = columns
        self.weight = weight

    def _columns(self) -> tuple[str, ...]:
        if isinstance(self.columns, str):
            return (self.columns,)
        return tuple(self.columns)

    def _learn(self, frame: pd.DataFrame, y: NDArray[Any] | None, context: pd.DataFrame) -> None:
        if self.weight < 1:
            raise StagerInputError("a flag stands once at least", found=f"weight {self.weight}")
        super()._learn(frame, y, context)

    def _added(self) -> list[str]:
        copies = [f"__{k + 1}" if k else "" for k in range(self.weight)]
        return [f"{name}{copy}" for copy in copies for name in self.flag_names_]

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:
        values = np.hstack([frame.to_numpy(), *[self._centred(context)] * self.weight])
        return pd.DataFrame(values, columns=self._names_out())


class ScannerInteraction(_Flagged):
    """Features times scanner: a deviation of each scanner's slope from the common one.

    Behind the features stand the centred flags (as in :class:`ContextFlags`) and, for each
    feature and known scanner, the product of the feature, centred by the mean of the training
    rows, and the centred flag, called ``<feature>_at_<scanner>``. A row of an unknown scanner has
    0 there and so the common slope; a missing feature has 0 there too. A table of p features and
    s scanners grows to p + s + p s columns: select first, or name the features.

    Parameters
    ----------
    scanner_column : str, optional
        Column of the context that names the scanner; without one nothing is appended.
    features : sequence of str, optional
        Columns that get products; all by default.

    Attributes
    ----------
    flags_ : ScannerFlags or None
    flag_names_ : list of str
    shares_ : ndarray of shape (n_scanners,)
    places_ : ndarray of int
        Positions of the features that get products.
    centre_ : ndarray
        Their means.

    Raises
    ------
    StagerInputError
        When a feature named is not in the table.

    Examples
    --------
    >>> X = pd.DataFrame({"t1_f": [1.0, 3.0]})
    >>> context = pd.DataFrame({"scanner": ["A", "B"]})
    >>> step = ScannerInteraction("scanner").fit(X, context=context)
    >>> step.transform(X, context=context)["t1_f_at_a"].tolist()
    [-0.5, -0.5]
    >>> step.transform(X[:1], context=pd.DataFrame({"scanner": ["C"]})).iloc[0].tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0]
    """

    def __init__(
        self, scanner_column: str | None = None, *, features: Sequence[str] | None = None
    ) -> None:
        self.scanner_column = scanner_column
        self.features = features

    def _columns(self) -> tuple[str, ...]:
        return () if self.scanner_column is None else (self.scanner_column,)

    def _learn(self, frame: pd.DataFrame, y: NDArray[Any] | None, context: pd.DataFrame) -> None:
        names = [str(c) for c in frame.columns]
        wanted = names if self.features is None else [str(f) for f in self.features]
        unknown = sorted(set(wanted) - set(names))
        if unknown:
            raise StagerInputError(
                "features that are to get a slope for each scanner are not in the table",
                expected=list_some(names),
                found=list_some(unknown),
            )
        place = {name: k for k, name in enumerate(names)}
        self.places_ = np.array([place[name] for name in wanted], dtype=np.intp)
        self.centre_ = column_means(frame.to_numpy()[:, self.places_], 0.0)
        super()._learn(frame, y, context)

    def _added(self) -> list[str]:
        names = self._names_in()
        known = [] if self.flags_ is None else self.flags_.get_feature_names_out(["x"]).tolist()
        products = [
            f"{names[place]}_at_{flag.removeprefix('x_is_')}"
            for flag in known
            for place in self.places_.tolist()
        ]
        return [*self.flag_names_, *products]

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:
        values = frame.to_numpy()
        flags = self._centred(context)
        left = values[:, self.places_] - self.centre_
        left = np.where(np.isnan(left), 0.0, left)
        # Adding 0 turns a product of -0 into 0.
        products = [left * flag[:, None] + 0.0 for flag in flags.T]
        return pd.DataFrame(np.hstack([values, flags, *products]), columns=self._names_out())
