"""A feature table as the writers see it: variables with a kind, a label and plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.errors import ExportError

__all__ = ["Kind", "Sheet", "Variable", "require_short_texts"]

Kind = Literal["double", "integer", "logical", "ordered", "factor", "text", "date", "datetime"]


@dataclass(frozen=True, eq=False)
class Variable:
    """One column, ready to write.

    Parameters
    ----------
    name, label : str
        Column name and human label.
    kind : str
        ``double``, ``integer``, ``logical``, ``ordered``, ``factor``, ``text``, ``date`` or
        ``datetime``.
    data : ndarray
        float64 with NaN for missing; dates are days and times seconds since 1970-01-01 (UTC);
        ``ordered`` and ``factor`` hold positions in `levels`. ``text`` is an object array of str
        and None.
    role : {"feature", "description"}
        Whether the column is a feature or describes the row.
    sav_name, alias : str
        Names in SPSS, and in Stata and SAS.
    levels, level_labels, codes : tuple
        Levels of ``ordered`` and ``factor`` in order, how they are shown, and their integer codes.
    """

    name: str
    label: str
    kind: Kind
    data: NDArray[Any]
    role: Literal["feature", "description"]
    sav_name: str
    alias: str
    levels: tuple[str, ...] = ()
    level_labels: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()

    @property
    def measure(self) -> str:
        """Level of measurement as SPSS calls it: nominal, ordinal or scale."""
        if self.kind == "ordered":
            return "ordinal"
        return "nominal" if self.kind in ("factor", "text", "logical") else "scale"

    @property
    def has_levels(self) -> bool:
        """Whether the values are positions in `levels`."""
        return self.kind in ("ordered", "factor")

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which values are missing."""
        if self.kind == "text":
            return np.array([value is None for value in self.data], dtype=bool)
        return np.asarray(np.isnan(self.data), dtype=np.bool_)

    def coded(self) -> NDArray[np.float64]:
        """Return numeric values; levels as their integer codes."""
        if not self.has_levels:
            return np.asarray(self.data, dtype=np.float64)
        result = np.full(len(self.data), np.nan)
        known = ~self.missing
        result[known] = np.array(self.codes, dtype=np.float64)[self.data[known].astype(int)]
        return result

    def texts(self, *, missing: str = "") -> list[str]:
        """Return a ``text`` variable, or the labels of levels, with `missing` where none is."""
        if not self.has_levels:
            return [missing if value is None else value for value in self.data]
        return [missing if v != v else self.level_labels[int(v)] for v in self.data]


@dataclass(frozen=True, eq=False)
class Sheet:
    """All variables of a table in order, and what belongs to the table as a whole.

    Parameters
    ----------
    variables : tuple of Variable
        Describing columns, then features.
    rows : tuple of str
        How each row is called in a message.
    codebook, missing : DataFrame
        One row per variable; why values are missing.
    provenance : mapping
        As in the table.
    """

    variables: tuple[Variable, ...]
    rows: tuple[str, ...]
    codebook: pd.DataFrame
    missing: pd.DataFrame
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def require_range(self, program: str, *, most: float, least: float = 0.0) -> None:
        """Raise when a number cannot be stored by a program.

        Parameters
        ----------
        program : str
            Name for the message.
        most, least : float
            Largest and smallest storable magnitude; zero is always storable.

        Raises
        ------
        ExportError
            Naming column and case of the first such value.
        """
        for variable in self.variables:
            if variable.kind == "text" or variable.has_levels:
                continue
            size = np.abs(variable.data)
            bad = np.flatnonzero((size > most) | ((size < least) & (size > 0)))
            if bad.size:
                value = float(variable.data[bad[0]])
                limits = f"at most {most:.4g}" + (f", at least {least:.4g}" if least else "")
                raise ExportError(
                    "infinity cannot be stored" if np.isinf(value) else "number out of range",
                    where=f"{program}, column {variable.name!r}, {self.rows[bad[0]]}",
                    expected=f"finite numbers of magnitude {limits}, or missing",
                    found=f"{value!r} ({bad.size} in this column)",
                    hint="make the value missing, or export to csv, rds or parquet",
                )


def require_short_texts(sheet: Sheet, program: str, most: int) -> None:
    """Raise when a text is longer, in bytes of UTF-8, than a program can store.

    Raises
    ------
    ExportError
        Naming column and case of the first such text.
    """
    for variable in sheet.variables:
        if variable.kind not in ("text", "factor"):
            continue
        for text, row in zip(variable.texts(), sheet.rows, strict=True):
            if len(text) * 4 > most and (size := len(text.encode("utf-8"))) > most:
                raise ExportError(
                    "text too long",
                    where=f"{program}, column {variable.name!r}, {row}",
                    expected=f"at most {most} bytes",
                    found=str(size),
                    hint="shorten the cell, or export to csv, rds or parquet",
                )
