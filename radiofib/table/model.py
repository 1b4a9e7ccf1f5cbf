"""The feature table: numbers, who they belong to, what they mean, why some are missing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from radiofib._checks import check_no_duplicates, list_some
from radiofib.errors import TableError
from radiofib.provenance import canonical_json
from radiofib.registry.codebook import CODEBOOK_COLUMNS
from radiofib.table.columns import (
    NAME_COLUMNS,
    is_nameless,
    kind_of_column,
    numbers_of,
    whole_names,
)
from radiofib.table.reading import open_parquet, read_frame

__all__ = ["CODEBOOK_COLUMNS", "MISSING_COLUMNS", "FeatureTable", "join_tables"]

MISSING_COLUMNS = ("case", "instance", "column", "reason")
_METADATA_KEY = b"radiofib"
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
        wrong = [c for c, kind in self.X.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
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
        table = open_parquet(path)
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
            open_parquet(path).schema.metadata or {}
        ):
            return cls.from_parquet(path)
        frame = read_frame(path, text=(case,)).rename(columns=str)
        if case in frame and case != "case":
            frame = frame.rename(columns={case: "case"})
        if "case" not in frame:
            cases = pd.DataFrame({"case": [f"row{i + 1}" for i in range(len(frame))]}, frame.index)
            frame = pd.concat([cases, frame], axis=1)
        for name in NAME_COLUMNS:
            if name in frame and name != label:
                frame[name] = whole_names(frame[name])
        frame["case"] = frame["case"].astype(str)
        frame = frame.drop(
            columns=[c for c in frame if is_nameless(str(c)) and frame[c].isna().all()]
        )
        check_no_duplicates(list(frame.columns), what="column", where=path.name, error=TableError)
        kinds = {str(c): kind_of_column(frame[c], label) for c in frame}
        for name in [c for c, kind in kinds.items() if kind == "text"]:
            number = numbers_of(frame[name], path)
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
