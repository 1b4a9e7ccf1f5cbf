"""Steps that treat the rows of each scanner as a batch: known, unseen, rare or unnamed ones."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import check_known, list_some
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.steps import Step

__all__ = ["FEW", "UNSEEN", "ScannerStep", "scanner_texts"]

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]

#: What may become of a row of a scanner that was not seen in training -> what is done.
UNSEEN = {
    "refuse": "an error names the scanner",
    "pass": "the row passes as the step says",
    "own": "the scanner's batch is learnt from its own rows, when they are transformed",
}
#: What may become of a scanner with fewer than `min_rows` training rows -> what is done.
FEW = {"refuse": "an error names the scanner", "pool": "such scanners are one batch"}

_NO_SCANNER = "all"


class ScannerStep(Step):
    """Base of the steps that learn a batch for each scanner.

    A subclass stores ``scanner_column, unseen, min_rows, few`` and defines ``_learn_batches``,
    ``_apply_known`` and ``_apply_own``. Without a scanner column all rows are of one scanner.

    Attributes
    ----------
    scanners_ : list of str
        Names of the batches; a pooled one is called by its scanners, joined by ``+``.
    batch_of_ : dict of str to int
        Number of the batch of each known scanner.
    """

    scanner_column: str | None
    unseen: str
    min_rows: int
    few: str

    def _learn(
        self,
        frame: pd.DataFrame,
        y: NDArray[Any] | None,  # noqa: ARG002  the stage is never looked at
        context: pd.DataFrame,
    ) -> None:
        check_known(self.unseen, UNSEEN, what="choice for unseen scanners", error=StagerInputError)
        check_known(self.few, FEW, what="choice for rare scanners", error=StagerInputError)
        if self.min_rows < 1:
            raise StagerInputError("min_rows must be positive", found=str(self.min_rows))
        names = self._names(context, len(frame))
        unnamed = names == ""
        if unnamed.any() and self.unseen != "pass":
            raise self._unnamed(unnamed)
        if unnamed.all():
            raise StagerInputError(f"no row names its scanner in {self.scanner_column!r}")
        self._learn_names(names[~unnamed])
        codes = np.array([self.batch_of_[n] for n in names[~unnamed]], dtype=np.intp)
        self._learn_batches(frame.to_numpy()[~unnamed], codes)

    def _learn_names(self, names: NDArray[np.str_]) -> None:
        found, counts = np.unique(names, return_counts=True)
        rare = [] if self.scanner_column is None else found[counts < self.min_rows].tolist()
        if rare and (self.few == "refuse" or counts[counts < self.min_rows].sum() < self.min_rows):
            listed = list_some(f"{n}: {c}" for n, c in zip(found, counts, strict=True))
            raise StagerInputError(
                "scanners have too few training rows"
                if self.few == "refuse"
                else "scanners have too few training rows, even when pooled",
                where=f"column {self.scanner_column!r}",
                expected=f"{self.min_rows} rows of each",
                found=listed,
                hint="few='pool' makes one batch of such scanners; or leave them out",
            )
        self.scanners_ = [n for n in found.tolist() if n not in rare]
        if rare:
            self.scanners_.append("+".join(rare))
        place = {name: k for k, name in enumerate(self.scanners_)}
        self.batch_of_ = {
            n: place.get(n, len(self.scanners_) - 1) if n not in rare else len(self.scanners_) - 1
            for n in found.tolist()
        }

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:
        names = self._names(context, len(frame))
        codes = np.array([self.batch_of_.get(n, -1) for n in names.tolist()], dtype=np.intp)
        values = frame.to_numpy()
        unseen = sorted(set(names[codes < 0].tolist()) - {""})
        if self.unseen != "pass" and (codes < 0).any():
            if (names == "").any():
                raise self._unnamed(names == "")
            if self.unseen == "refuse":
                raise StagerInputError(
                    f"scanner {list_some(repr(n) for n in unseen)} was not seen in training",
                    where=f"column {self.scanner_column!r}",
                    expected=list_some(self.batch_of_),
                    hint="train with rows of it, or choose unseen='pass' or unseen='own'",
                )
        result = self._apply_known(values, codes)
        if self.unseen == "own":
            for name in unseen:
                rows = np.flatnonzero(names == name)
                if rows.size < self.min_rows:
                    raise StagerInputError(
                        f"scanner {name!r} was not seen in training and has too few rows to be "
                        "learnt from them",
                        expected=f"{self.min_rows} rows in one table",
                        found=str(rows.size),
                        hint="predict its cases together, or choose unseen='pass'",
                    )
                result[rows] = self._apply_own(values[rows])
        return pd.DataFrame(result, columns=frame.columns)

    def _names(self, context: pd.DataFrame, n_rows: int) -> NDArray[np.str_]:
        if self.scanner_column is None:
            return np.full(n_rows, _NO_SCANNER)
        return scanner_texts(context[self.scanner_column])

    def _unnamed(self, where: NDArray[np.bool_]) -> StagerInputError:
        return StagerInputError(
            "the scanner is missing",
            where=f"row {int(np.flatnonzero(where)[0]) + 1}, column {self.scanner_column!r}",
            found=f"{int(where.sum())} rows without",
            hint="name the scanner, or choose unseen='pass'",
        )

    @abstractmethod
    def _learn_batches(self, values: FloatArray, codes: Codes) -> None:
        """Learn from features, NaN where missing, and the number of each row's batch."""

    @abstractmethod
    def _apply_known(self, values: FloatArray, codes: Codes) -> FloatArray:
        """Return a new array; rows with a negative number pass."""

    @abstractmethod
    def _apply_own(self, values: FloatArray) -> FloatArray:
        """Return the rows of an unseen scanner, learnt from themselves."""


def scanner_texts(column: pd.Series) -> NDArray[np.str_]:
    """Return names of scanners as text, empty where missing; whole numbers without a point.

    Examples
    --------
    >>> scanner_texts(pd.Series(["B1", None, " ", 3.0, 1.5], dtype=object)).tolist()
    ['B1', '', '', '3', '1.5']
    """
    texts = []
    for value, missing in zip(column.tolist(), column.isna().tolist(), strict=True):
        if missing:
            texts.append("")
        elif isinstance(value, float) and value.is_integer():
            texts.append(str(int(value)))
        else:
            texts.append("" if str(value).strip() == "" else str(value))
    return np.array(texts, dtype=str)
