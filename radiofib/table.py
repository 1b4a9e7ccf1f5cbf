"""The feature table: numbers, who they belong to, what they mean, why some are missing."""

from __future__ import annotations

import csv
import io
import json
import numbers
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat

from radiofib._checks import check_no_duplicates, list_some
from radiofib.errors import TableError
from radiofib.provenance import canonical_json

__all__ = [
    "CODEBOOK_COLUMNS",
    "MISSING_COLUMNS",
    "OBS_COLUMNS",
    "FeatureTable",
    "join_tables",
    "read_frame",
]

#: Columns that describe a row and are never features.
OBS_COLUMNS = (
    "case",
    "patient",
    "instance",
    "stage",
    "scanner",
    "vendor",
    "field_t",
    "site",
    "split",
    "reference_method",
    "interval_days",
    "hbp_minutes",
    "quality",
)
CODEBOOK_COLUMNS = (
    "column",
    "label",
    "unit",
    "channel",
    "image",
    "family",
    "feature",
    "pyradiomics_name",
    "ibsi_code",
    "alias",
    "formula",
    "citation",
)
MISSING_COLUMNS = ("case", "instance", "column", "reason")
_METADATA_KEY = b"radiofib"
# Before 3.1 the parser of pandas is off by an ulp unless told otherwise.
_EXACT: dict[str, Any] = (
    {"float_precision": "round_trip"}
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
    else {}
)
_NA = ["", "NA", "NaN", "nan"]
_TEXT_COLUMNS = ("case", "patient", "instance", "scanner")
_SCHEMA = 1


def _empty(columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame({c: pd.Series(dtype="str") for c in columns})


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of a cohort: one row per case (or per case and instance).

    Parameters
    ----------
    X : DataFrame of float
        One column per feature, in registry order.
    obs : DataFrame
        Same rows: ``case``, ``patient``, ``stage`` (ordered categorical), ``scanner`` ...
        and covariates.
    codebook : DataFrame
        One row per column of `X`, with :data:`CODEBOOK_COLUMNS`.
    missing : DataFrame
        Why a value is missing: ``case, instance, column, reason``.
    provenance : mapping
        Configuration, versions and hashes; no times and no paths.

    Raises
    ------
    TableError
        When rows differ, columns repeat, or a feature is not numeric.

    Examples
    --------
    >>> table = FeatureTable(pd.DataFrame({"us_original_firstorder_mean": [1.0, 2.0]}),
    ...                      pd.DataFrame({"case": ["a", "b"], "patient": ["p", "p"]}))
    >>> table.n_rows, table.n_features, table.patients
    (2, 1, 1)
    """

    X: pd.DataFrame
    obs: pd.DataFrame
    codebook: pd.DataFrame = field(default_factory=lambda: _empty(CODEBOOK_COLUMNS))
    missing: pd.DataFrame = field(default_factory=lambda: _empty(MISSING_COLUMNS))
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.X) != len(self.obs):
            raise TableError(
                "X and obs must have the same rows", found=f"{len(self.X)} and {len(self.obs)}"
            )
        if "case" not in self.obs:
            raise TableError("obs needs a column 'case'", found=list_some(self.obs.columns))
        check_no_duplicates(
            [*map(str, self.X.columns), *map(str, self.obs.columns)],
            what="column",
            error=TableError,
        )
        wrong = [c for c in self.X if not pd.api.types.is_numeric_dtype(self.X[c])]
        if wrong:
            raise TableError("features must be numeric", found=list_some(wrong))

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.X)

    @property
    def n_features(self) -> int:
        """Number of feature columns."""
        return self.X.shape[1]

    @property
    def patients(self) -> int:
        """Number of different patients."""
        return int(self.obs["patient" if "patient" in self.obs else "case"].nunique())

    def subset(self, rows: np.ndarray) -> FeatureTable:
        """Return the rows of a boolean or integer index; missing reasons follow their cases."""
        obs = self.obs.iloc[rows].reset_index(drop=True)
        missing = self.missing[self.missing["case"].isin(obs["case"])].reset_index(drop=True)
        X = self.X.iloc[rows].reset_index(drop=True)
        return FeatureTable(X, obs, self.codebook, missing, self.provenance)

    def to_parquet(self, path: str | Path) -> None:
        """Write one Parquet file; codebook, reasons and provenance go into its metadata.

        The file is written under a temporary name and renamed, so that a reader never sees
        half of it. Equal tables give equal bytes.
        """
        path = Path(path)
        frame = pd.concat([self.obs.reset_index(drop=True), self.X.reset_index(drop=True)], axis=1)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        extra = {
            "schema": _SCHEMA,
            "obs": [str(c) for c in self.obs.columns],
            "codebook": self.codebook.to_dict(orient="records"),
            "missing": self.missing.to_dict(orient="list"),
            "provenance": dict(self.provenance),
        }
        metadata = {**(table.schema.metadata or {}), _METADATA_KEY: canonical_json(extra).encode()}
        temporary = path.with_name(f".{path.name}.part")
        pq.write_table(table.replace_schema_metadata(metadata), temporary, compression="zstd")
        temporary.replace(path)

    @classmethod
    def from_parquet(cls, path: str | Path) -> FeatureTable:
        """Read a file written by :meth:`to_parquet`.

        Raises
        ------
        TableError
            When the file is not Parquet or was not written by radiofib.
        """
        path = Path(path)
        table = _open_parquet(path)
        raw = (table.schema.metadata or {}).get(_METADATA_KEY)
        if raw is None:
            raise TableError("Parquet file has no radiofib metadata", where=path.name)
        extra = json.loads(raw)
        if extra.get("schema") != _SCHEMA:
            raise TableError(
                "feature table of another version",
                where=path.name,
                expected=f"schema {_SCHEMA}",
                found=str(extra.get("schema")),
                hint="extract again with this version",
            )
        frame = table.to_pandas()
        obs = frame[extra["obs"]]
        return cls(
            frame.drop(columns=extra["obs"]).astype(np.float64),
            obs,
            pd.DataFrame(extra["codebook"], columns=list(CODEBOOK_COLUMNS)),
            pd.DataFrame(extra["missing"], columns=list(MISSING_COLUMNS)),
            extra["provenance"],
        )

    @classmethod
    def read(cls, path: str | Path, *, label: str = "stage", case: str = "case") -> FeatureTable:
        """Read our Parquet, or any CSV, XLSX, SAV or Parquet with numeric columns.

        Parameters
        ----------
        path : path
            The table.
        label : str
            Column with the stage or any other label; it, the columns of :data:`OBS_COLUMNS`,
            facts of image files (``geom_*``), identifiers (``ID``, ``patient_id``) and row
            numbers describe rows, text columns and columns without any number become
            covariates, and the remaining numeric columns are features.
        case : str
            Column that names the case. Row numbers stand in when there is none.

        Raises
        ------
        TableError
            When the file cannot be read, a column mixes numbers and text, or no feature has a
            value.
        """
        path = Path(path)
        if path.suffix.lower() == ".parquet" and _METADATA_KEY in (
            _open_parquet(path).schema.metadata or {}
        ):
            return cls.from_parquet(path)
        frame = read_frame(path, text=(case,)).rename(columns=str)
        if case in frame and case != "case":
            frame = frame.rename(columns={case: "case"})
        if "case" not in frame:
            frame.insert(0, "case", [f"row{i + 1}" for i in range(len(frame))])
        frame["case"] = frame["case"].astype(str)
        frame = frame.drop(
            columns=[c for c in frame if _nameless(str(c)) and frame[c].isna().all()]
        )
        check_no_duplicates(list(frame.columns), what="column", where=path.name, error=TableError)
        kinds = {str(c): _kind(frame[c], label) for c in frame}
        for name in [c for c, kind in kinds.items() if kind == "text"]:
            number = _numbers(frame[name], path)
            if number is not None:
                frame[name], kinds[name] = number, "feature"
        features = [c for c, kind in kinds.items() if kind == "feature"]
        if not features:
            raise TableError(
                "no numeric feature column with a value",
                where=path.name,
                found="; ".join(
                    f"{kind}: {list_some(c for c in kinds if kinds[c] == kind)}"
                    for kind in dict.fromkeys(kinds.values())
                ),
            )
        return cls(frame[features].astype(np.float64), frame.drop(columns=features))


_IDENTIFIER = re.compile(
    r"id|pid|uid|(case|patient|subject|sample|image|row|record|study|series|exam)id|case|patient"
)
_INDEX = re.compile(
    r"|#|n|i|index|idx|no|nr|num|number|sn|row|rows|rownames?|record|obs|level0"
    r"|(row|case|patient|subject|sample|image|record|serial)(no|nr|num|number|index|idx)"
)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?", re.I)
_CODE = re.compile(r"0[0-9]+")
#: Decimal commas, and groups of thousands.
_COMMA = re.compile(
    r"[+-]?([0-9]*,[0-9]+(e[+-]?[0-9]+)?|[0-9]{1,3}([., '][0-9]{3})+([.,][0-9]+)?)", re.I
)
#: What programs write for a missing number (but "NA" and "NaN", which reading knows).
_ABSENT = re.compile(r"#.*|n\.?/?a\.?|nan|<na>|null|none|nil|missing|unknown|-+|\.+|\?+|", re.I)


def _nameless(column: str) -> bool:
    return not column.strip() or re.fullmatch(r"Unnamed: [0-9]+", column) is not None


def _kind(column: pd.Series, label: str) -> str:
    """Return what a column of somebody else's table is: text, or a feature, or why neither."""
    name = str(column.name)
    if name in OBS_COLUMNS or name == label:
        return "description"
    if name.startswith("geom_"):
        return "fact of the image file"
    plain = re.sub(r"[\W_]+", "", name.casefold().replace("#", "no"))
    if _nameless(name) or _IDENTIFIER.fullmatch(plain):
        return "identifier"
    if not column.notna().any():
        return "without a number"
    if not pd.api.types.is_numeric_dtype(column):
        return "text"
    return "row number" if _INDEX.fullmatch(plain) and _counts(column) else "feature"


def _counts(column: pd.Series) -> bool:
    """Tell whether a column is 0, 1, 2 ... or 1, 2, 3 ..."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    steps = np.arange(len(values))
    return bool(np.array_equal(values, steps) or np.array_equal(values, steps + 1))


def _numbers(column: pd.Series, path: Path) -> pd.Series | None:
    """Return a text column as numbers when each cell is one, or None when it is a covariate.

    Raises
    ------
    TableError
        When at least half of the cells are numbers and others are not, so that a feature would
        be lost. Cells such as ``#DIV/0!`` and ``n/a`` do not count in that, and a column
        of codes such as ``007`` is text.
    """
    if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
        return None
    if isinstance(column.dtype, pd.CategoricalDtype):
        return None
    cells = column[column.notna()]
    plain = np.array([_is_number(v) for v in cells], dtype=bool)
    texts = [v.strip() if isinstance(v, str) else "" for v in cells]
    comma = np.array([_COMMA.fullmatch(t) is not None for t in texts], dtype=bool)
    absent = np.array(
        [isinstance(v, str) and _ABSENT.fullmatch(v.strip()) is not None for v in cells], dtype=bool
    )
    if plain.all():
        return column.map(float, na_action="ignore").astype(np.float64)
    numeric = int((plain | comma).sum())
    codes = all(p or _CODE.fullmatch(t) for p, t in zip(plain, texts, strict=True))
    if numeric == 0 or codes or 2 * numeric < int((~absent).sum()):
        return None
    first = int(np.flatnonzero(~plain)[0])
    position = int(np.flatnonzero(column.notna())[first])
    raise TableError(
        "column mixes numbers and text",
        where=f"{path.name}, {_place(column, position, path)}, column {column.name!r}",
        expected="a number with a decimal point, or nothing",
        found=f"{str(cells.iloc[first])[:60]!r} ({int((~plain).sum())} such cell(s) in all)",
        hint="correct the cells, or empty those without a value; a covariate needs words instead "
        "of numbers",
    )


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        text = value.strip()
        return _NUMBER.fullmatch(text) is not None and _CODE.fullmatch(text) is None
    return isinstance(value, numbers.Real | Decimal) and not isinstance(value, bool)


def _place(column: pd.Series, position: int, path: Path) -> str:
    """Return the row of a cell as a person sees it in the file, whose blank lines count."""
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        whole = read_frame(path, text=(str(column.name),), keep_blank_rows=True)
        cells = whole[str(column.name)].fillna("").str.strip()
        position = int(np.flatnonzero(cells == str(column.iloc[position]).strip())[0])
    elif path.suffix.lower() != ".xlsx":
        return f"row {position + 1}"
    return f"row {position + 2}"


def _open_parquet(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except FileNotFoundError as error:
        raise TableError("no such file", where=str(path), hint="check the path") from error
    except (pa.ArrowInvalid, OSError) as error:
        found = str(error)
        raise TableError("not a readable Parquet file", where=path.name, found=found) from error


def read_frame(
    path: str | Path, *, text: Sequence[str] = (), keep_blank_rows: bool = False
) -> pd.DataFrame:
    """Read a CSV (comma, semicolon or tab), XLSX, SAV or Parquet file as a frame.

    Text stays text: a case called ``007`` keeps its zeros, an empty cell is missing, and
    nothing is taken for a date. SAV value labels are applied as ordered categories.

    Parameters
    ----------
    path : path
        The table.
    text : sequence of str
        Further columns of a CSV or XLSX file to keep as text; ``case``, ``patient``,
        ``instance`` and ``scanner`` always are.
    keep_blank_rows : bool
        Keep the blank lines of a CSV file as empty rows, so that positions stay those a person
        sees in the file.

    Raises
    ------
    TableError
        When the file is missing, of another kind, empty or unreadable.
    """
    path = Path(path)
    readers = {
        ".csv": _read_csv,
        ".tsv": _read_csv,
        ".txt": _read_csv,
        ".xlsx": _read_xlsx,
        ".sav": _read_sav,
        ".zsav": _read_sav,
        ".parquet": _read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise TableError(
            "unknown kind of table",
            where=path.name,
            expected=", ".join(readers),
            found=path.suffix or "no suffix",
        )
    if not path.is_file():
        raise TableError("no such file", where=str(path), hint="check the path")
    try:
        frame = reader(path, dict.fromkeys((*_TEXT_COLUMNS, *text), str), keep_blank_rows)
    except TableError:
        raise
    except Exception as error:
        raise TableError(
            "table cannot be read", where=path.name, found=f"{type(error).__name__}: {error}"
        ) from error
    if len(frame) == 0:
        raise TableError("table has no rows", where=path.name)
    return frame


def _read_parquet(path: Path, _text: dict[str, type], _keep: bool) -> pd.DataFrame:
    return pd.DataFrame(_open_parquet(path).to_pandas())


def _read_csv(path: Path, text_columns: dict[str, type], keep: bool) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        text = stream.read()
    head = text.split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    frame: pd.DataFrame = pd.read_csv(
        io.StringIO(_without_surplus(text, separator, path.name), newline=""),
        sep=separator,
        **_EXACT,
        dtype=text_columns,
        index_col=False,
        skip_blank_lines=not keep,
        keep_default_na=False,
        na_values=_NA,
    )
    return frame


def _without_surplus(text: str, separator: str, name: str) -> str:
    """Return a CSV text whose rows are no longer than its header; refuse cells that say more.

    pandas would take the first cells of a longer row for an index and shift the others.
    """
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    width = len(next((r for r in rows if any(r)), []))
    if all(len(r) <= width for r in rows):
        return text
    for number, row in enumerate(rows, start=1):
        if any(cell.strip() for cell in row[width:]):
            raise TableError(
                f"row {number} has {len(row)} cells, header has {width}",
                where=name,
                hint="name every column, put cells that hold a separator in quotes, and write "
                "decimals with a point",
            )
    short = io.StringIO(newline="")
    csv.writer(short, delimiter=separator).writerows(r[:width] for r in rows)
    return short.getvalue()


def _read_xlsx(path: Path, text_columns: dict[str, type], _keep: bool) -> pd.DataFrame:
    frame: pd.DataFrame = pd.read_excel(
        path, dtype=text_columns, engine="openpyxl", keep_default_na=False, na_values=_NA
    )
    return frame


def _read_sav(path: Path, _text: dict[str, type], _keep: bool) -> pd.DataFrame:
    frame, metadata = pyreadstat.read_sav(str(path))
    for name, labels in metadata.variable_value_labels.items():
        # Not through pyreadstat, which fails on a missing value. A number without a label stays
        # a number, and so do its neighbours: the labels then only name special codes.
        if frame[name].dropna().isin(list(labels)).all():
            levels = dict.fromkeys(labels[code] for code in sorted(labels))
            named = frame[name].map(labels)
            frame[name] = pd.Categorical(named, categories=list(levels), ordered=True)
    return pd.DataFrame(frame)


def join_tables(tables: Sequence[FeatureTable]) -> FeatureTable:
    """Put tables of different channels side by side, one row per case (and instance).

    A row that one table lacks has missing values there. Descriptions of rows must agree.

    Raises
    ------
    TableError
        When two tables share a feature column.

    Examples
    --------
    >>> us = FeatureTable(pd.DataFrame({"us_mean": [1.0]}), pd.DataFrame({"case": ["a"]}))
    >>> mr = FeatureTable(pd.DataFrame({"t1_mean": [2.0]}), pd.DataFrame({"case": ["b"]}))
    >>> join_tables([us, mr]).X.isna().sum().tolist()
    [1, 1]
    """
    keys = [c for c in ("case", "instance") if any(c in t.obs for t in tables)]
    obs = tables[0].obs
    features = pd.concat([_keys(tables[0], keys), tables[0].X], axis=1)
    for table in tables[1:]:
        shared = sorted(set(features.columns) & set(table.X.columns))
        if shared:
            raise TableError("tables share a feature column", found=list_some(shared))
        right = pd.concat([_keys(table, keys), table.X], axis=1)
        features = features.merge(right, on=keys, how="outer", sort=False)
        obs = pd.concat([obs, table.obs], ignore_index=True).groupby(keys, sort=False).first()
        obs = obs.reset_index()
    order = _keys_of(obs, keys).merge(features, on=keys, how="left")
    return FeatureTable(
        order.drop(columns=keys),
        obs,
        pd.concat([t.codebook for t in tables], ignore_index=True),
        pd.concat([t.missing for t in tables], ignore_index=True),
        {"parts": [dict(t.provenance) for t in tables]},
    )


def _keys(table: FeatureTable, keys: list[str]) -> pd.DataFrame:
    return _keys_of(table.obs.reset_index(drop=True), keys)


def _keys_of(obs: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return pd.DataFrame({k: obs.get(k, "") for k in keys})
