"""A feature table as the writers see it: variables with a kind, a label and plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.errors import ExportError
from radiofib.export.names import level_codes, short_names, spss_names
from radiofib.table import CODEBOOK_COLUMNS, FeatureTable

__all__ = ["Sheet", "Variable", "build_sheet", "require_short_texts"]

Kind = Literal["double", "integer", "logical", "ordered", "factor", "text", "date", "datetime"]

_LARGEST_WHOLE = 2**53
_OBS_LABELS = {
    "case": "case",
    "patient": "patient",
    "instance": "slice, window, patch or frame of the case",
    "stage": "fibrosis stage",
    "scanner": "scanner",
    "vendor": "vendor of the scanner",
    "field_t": "field strength [T]",
    "site": "site",
    "split": "part of the split",
    "reference_method": "reference method (biopsy, resection)",
    "interval_days": "days between imaging and reference",
    "hbp_minutes": "minutes from injection to the hepatobiliary phase",
    "quality": "image quality",
}


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


def build_sheet(table: FeatureTable, stage_labels: Mapping[str, str] | None = None) -> Sheet:
    """Turn a feature table into variables.

    Parameters
    ----------
    table : FeatureTable
        What to export.
    stage_labels : mapping of str to str, optional
        Level of column ``stage`` -> label to show, in order. A ``stage`` that is not yet
        categorical becomes ordered in this order.

    Returns
    -------
    Sheet
        Describing columns in the order of ``obs``, then features in the order of ``X``.

    Raises
    ------
    ExportError
        When the table is empty, a text cannot be stored, or a stage has no label.

    Examples
    --------
    >>> table = FeatureTable(pd.DataFrame({"us_original_firstorder_mean": [1.0, 2.0]}),
    ...                      pd.DataFrame({"case": ["a", "b"], "stage": ["f1", "f0"]}))
    >>> sheet = build_sheet(table, {"f0": "F0", "f1": "F1"})
    >>> [(v.name, v.kind, v.measure) for v in sheet.variables]
    [('case', 'text', 'nominal'), ('stage', 'ordered', 'ordinal'),
     ('us_original_firstorder_mean', 'double', 'scale')]
    >>> sheet.variables[1].coded()
    array([1., 0.])
    """
    if table.n_rows == 0:
        raise ExportError("the table has no rows", hint="check which cases were left out and why")
    rows = _row_names(table.obs)
    obs = {str(name): table.obs[name] for name in table.obs}
    features = {str(name): table.X[name] for name in table.X}
    columns = [*obs, *features]
    for column in columns:
        _check_text(column, "column name")
    book = table.codebook.astype("object").where(table.codebook.notna(), "")
    known: dict[str, Mapping[Any, Any]] = {
        str(row["column"]): row for row in book.to_dict(orient="records")
    }
    sav, short = spss_names(columns), short_names(columns)
    variables = []
    for name, series in (obs | features).items():
        feature = name in features
        kind, values, levels = _feature(series, rows) if feature else _described(series, rows)
        labels: Sequence[str] = levels
        if name == "stage" and stage_labels:
            kind, values, levels, labels = _staged(kind, values, levels, stage_labels, rows)
        variables.append(
            Variable(
                name,
                _label(name, known.get(name, {})),
                kind,
                values,
                "feature" if feature else "description",
                sav[name],
                short[name],
                tuple(levels),
                tuple(labels),
                level_codes(levels) if levels else (),
            )
        )
    codebook = _codebook(variables, known)
    return Sheet(tuple(variables), rows, codebook, table.missing, table.provenance)


def _row_names(obs: pd.DataFrame) -> tuple[str, ...]:
    names = [f"case {case!r}" for case in map(str, obs["case"])]
    if "instance" not in obs:
        return tuple(names)
    parts = ["" if pd.isna(part) else str(part) for part in obs["instance"]]
    return tuple(
        f"{name}, instance {part!r}" if part else name
        for name, part in zip(names, parts, strict=True)
    )


def _label(name: str, entry: Mapping[Any, Any]) -> str:
    label, unit = str(entry.get("label", "")), str(entry.get("unit", ""))
    if not label:
        return _OBS_LABELS.get(name, name)
    return f"{label} [{unit}]" if unit not in ("", "1") else label


def _feature(series: pd.Series, rows: Sequence[str]) -> tuple[Kind, NDArray[Any], tuple[str, ...]]:
    exact = series.dropna()
    if pd.api.types.is_complex_dtype(series.dtype):
        raise ExportError("a feature must be a real number", where=f"column {series.name!r}")
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    if pd.api.types.is_integer_dtype(series.dtype) and len(exact):
        large = [i for i, v in enumerate(series) if not pd.isna(v) and abs(v) > _LARGEST_WHOLE]
        if large:
            raise ExportError(
                "whole number too large for a double",
                where=f"column {series.name!r}, {rows[large[0]]}",
                expected="at most 2^53",
                found=str(series.iloc[large[0]]),
                hint="move an identifier out of the features",
            )
    return "double", values, ()


def _described(
    series: pd.Series, rows: Sequence[str]
) -> tuple[Kind, NDArray[Any], tuple[str, ...]]:
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        levels = tuple(_level(level) for level in dtype.categories)
        if len(set(levels)) != len(levels):
            raise ExportError(
                "levels repeat", where=f"column {series.name!r}", found=list_some(levels)
            )
        for level in levels:
            _check_text(level, f"column {series.name!r}")
        codes = series.cat.codes.to_numpy()
        values = np.where(codes < 0, np.nan, codes.astype(np.float64))
        return ("ordered" if dtype.ordered else "factor"), values, levels
    if pd.api.types.is_object_dtype(dtype) or pd.api.types.is_string_dtype(dtype):
        series = _settle(series)
        dtype = series.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "logical", series.to_numpy(dtype=np.float64, na_value=np.nan), ()
    if pd.api.types.is_integer_dtype(dtype):
        present = [int(v) for v in series if not pd.isna(v)]
        if all(abs(v) <= _LARGEST_WHOLE for v in present):
            return "integer", series.to_numpy(dtype=np.float64, na_value=np.nan), ()
    elif pd.api.types.is_float_dtype(dtype):
        return "double", series.to_numpy(dtype=np.float64, na_value=np.nan), ()
    elif pd.api.types.is_datetime64_any_dtype(dtype):
        return _moments(series)
    return "text", _texts(series, rows), ()


def _settle(series: pd.Series) -> pd.Series:
    """Give a column of Python objects the type that all its values share, if they do."""
    present = series.dropna()
    inferred = pd.api.types.infer_dtype(present, skipna=True)
    if inferred == "boolean":
        return series.astype("boolean")
    if inferred == "integer":
        if all(abs(int(v)) <= _LARGEST_WHOLE for v in present):
            return series.astype("Int64")
        return series
    if inferred in ("floating", "mixed-integer-float"):
        return series.astype("float64")
    if inferred in ("date", "datetime", "datetime64"):
        return pd.to_datetime(series)
    return series


def _moments(series: pd.Series) -> tuple[Kind, NDArray[Any], tuple[str, ...]]:
    """Return dates as days, or times as seconds, since 1970-01-01 in UTC."""
    if getattr(series.dt, "tz", None) is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    absent = series.isna().to_numpy()
    micro = series.to_numpy().astype("datetime64[us]").astype(np.int64)
    day = 86_400_000_000
    if (micro[~absent] % day == 0).all():
        return "date", np.where(absent, np.nan, micro // day), ()
    return "datetime", np.where(absent, np.nan, micro / 1e6), ()


def _texts(series: pd.Series, rows: Sequence[str]) -> NDArray[Any]:
    result = np.empty(len(series), dtype=object)
    for i, value in enumerate(series):
        if not pd.api.types.is_scalar(value):
            raise ExportError(
                "a cell must hold one value",
                where=f"column {series.name!r}, {rows[i]}",
                found=type(value).__name__,
            )
        if not pd.isna(value):
            text = str(value)
            _check_text(text, f"column {series.name!r}, {rows[i]}")
            result[i] = text
    return result


def _staged(
    kind: Kind,
    values: NDArray[Any],
    levels: Sequence[str],
    shown: Mapping[str, str],
    rows: Sequence[str],
) -> tuple[Kind, NDArray[Any], tuple[str, ...], tuple[str, ...]]:
    """Apply display labels to the stage, ordering it when it is not yet."""
    if len(set(shown.values())) != len(shown):
        raise ExportError("two stages share one label", found=list_some(shown.values()))
    if kind not in ("ordered", "factor"):
        texts = [None if _absent(v) else _level(v) for v in values]
        order = tuple(shown)
        for text, row in zip(texts, rows, strict=True):
            if text is not None and text not in shown:
                raise ExportError(
                    "stage has no label",
                    where=f"column 'stage', {row}",
                    expected=list_some(shown, 20),
                    found=text,
                )
        positions = [np.nan if t is None else float(order.index(t)) for t in texts]
        return "ordered", np.array(positions), order, tuple(shown.values())
    unlabelled = [level for level in levels if level not in shown]
    if unlabelled:
        raise ExportError(
            "stage has no label",
            where="column 'stage'",
            expected=list_some(shown, 20),
            found=list_some(unlabelled),
        )
    return kind, values, tuple(levels), tuple(shown[level] for level in levels)


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _level(value: Any) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _check_text(text: str, where: str) -> None:
    """Raise for what no statistics program can store: NUL, or half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        problem = "text is not valid Unicode"
    else:
        if "\0" not in text:
            return
        problem = "text holds a NUL character"
    raise ExportError(problem, where=where, found=ascii(text)[:80], hint="correct the cell")


def _codebook(variables: Sequence[Variable], known: Mapping[str, Any]) -> pd.DataFrame:
    records = []
    for variable in variables:
        entry = known.get(variable.name, {})
        record = {column: str(entry.get(column, "")) for column in CODEBOOK_COLUMNS}
        record |= {
            "column": variable.name,
            "label": record["label"] or _OBS_LABELS.get(variable.name, variable.name),
            "alias": variable.alias,
            "sav_name": variable.sav_name,
            "role": variable.role,
            "type": variable.kind,
            "measure": variable.measure,
            "levels": "|".join(variable.levels),
            "codes": "|".join(map(str, variable.codes)),
            "level_labels": "|".join(variable.level_labels),
            "n_missing": str(int(variable.missing.sum())),
        }
        records.append(record)
    return pd.DataFrame(records)
