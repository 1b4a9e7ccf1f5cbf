"""Read a run folder: every file is optional, and one that cannot be used says why.

Nothing but the files of the folder is read, and nothing is computed here: a table that is absent,
empty of columns or damaged becomes a sentence (:meth:`RunFolder.why_not`) instead of an error, so
that a report can always be written of what is there.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from radiofib._checks import list_some
from radiofib.errors import UsageError
from radiofib.report.layouts import TABLES, TableLayout
from radiofib.table import unguard_frame

__all__ = ["FeatureFacts", "RunFolder", "read_csv", "read_run"]

_ABSENT = "is not in the run folder."


@dataclass(frozen=True)
class FeatureFacts:
    """What the feature file says about itself, without its numbers."""

    n_rows: int
    columns: tuple[str, ...]
    obs: pd.DataFrame
    codebook: pd.DataFrame
    missing: pd.DataFrame
    provenance: Mapping[str, Any]


@dataclass(frozen=True)
class RunFolder:
    """The files of a run, read once.

    Parameters
    ----------
    root : Path
        The folder.
    run : mapping
        ``run.json``; empty when absent.
    tables : mapping of str to DataFrame
        The tables of :data:`TABLES` that could be read; text columns hold text, never NaN.
    problems : mapping of str to str
        For every table (and ``run``, ``features``) that could not be read: one sentence.
    features : FeatureFacts or None
        What ``features/features.parquet`` says about itself.
    """

    root: Path
    run: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    problems: Mapping[str, str]
    features: FeatureFacts | None

    def table(self, name: str) -> pd.DataFrame | None:
        """Return a table, or None when it is absent or unusable."""
        return self.tables.get(name)

    def why_not(self, name: str) -> str:
        """Return the sentence that says why a part is absent ("" when it is there)."""
        return self.problems.get(name, "")

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Return a mapping of ``run.json``, empty when absent or of another kind."""
        value = self.run.get(key)
        return value if isinstance(value, dict) else {}

    def strings(self, key: str) -> list[str]:
        """Return a list of ``run.json`` as text, empty when absent."""
        value = self.run.get(key)
        if isinstance(value, str):
            return [value]
        return [str(v) for v in value] if isinstance(value, list) else []

    def text(self, key: str) -> str:
        """Return a text of ``run.json``; a mapping stands for its ``name``."""
        value = self.run.get(key)
        if isinstance(value, dict):
            value = value.get("name")
        return str(value) if isinstance(value, (str, int, float)) else ""

    def study(self) -> Mapping[str, Any]:
        """Return the study file; empty when absent or not readable."""
        path = self.root / "study.yaml"
        try:
            value = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
        except (OSError, ValueError, yaml.YAMLError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def levels(self) -> list[str]:
        """Stages in order: the scheme's, or those found in the tables."""
        known = self.mapping("scheme").get("levels")
        if isinstance(known, list) and known:
            return [str(level) for level in known]
        for name, column in (("predictions", "y_true"), ("cohort", "stage")):
            frame = self.table(name)
            if frame is not None and column in frame:
                return sorted(v for v in frame[column].unique() if v)
        return []

    @property
    def labels(self) -> dict[str, str]:
        """Display label of every stage."""
        known = self.mapping("scheme").get("labels")
        given = {str(k): str(v) for k, v in known.items()} if isinstance(known, dict) else {}
        return {level: given.get(level, level) for level in self.levels}


def read_run(run_dir: str | Path) -> RunFolder:
    """Read what a run folder holds.

    Raises
    ------
    UsageError
        When the folder does not exist or holds nothing that a run writes.
    """
    root = Path(run_dir)
    if not root.is_dir():
        raise UsageError("no such run folder", where=str(root), hint="check the path")
    problems: dict[str, str] = {}
    run = _read_run_json(root / "run.json", problems)
    tables: dict[str, pd.DataFrame] = {}
    for name, layout in TABLES.items():
        path = root / layout.path
        if not path.is_file():
            problems[name] = f"{layout.path} {_ABSENT}"
            continue
        try:
            tables[name] = read_csv(path, layout)
        except ValueError as error:
            problems[name] = f"{layout.path} cannot be used: {error}."
    features = _read_features(root, problems)
    if len(problems) == len(TABLES) + 2 and all(_ABSENT in p for p in problems.values()):
        raise UsageError(
            "not a run folder",
            where=str(root),
            expected="run.json, cohort.csv, evaluation/metrics.csv ...",
            found=list_some(sorted(p.name for p in root.iterdir())) or "an empty folder",
            hint="give the folder that `radiofib run` wrote",
        )
    return RunFolder(root, run, tables, problems, features)


def _read_run_json(path: Path, problems: dict[str, str]) -> Mapping[str, Any]:
    if not path.is_file():
        problems["run"] = f"run.json {_ABSENT}"
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        problems["run"] = f"run.json cannot be used: {error}."
        return {}
    if not isinstance(value, dict):
        problems["run"] = "run.json cannot be used: it does not hold a mapping."
        return {}
    return value


def read_csv(path: Path, layout: TableLayout) -> pd.DataFrame:
    """Read a table of the run folder: all text, except its numeric columns.

    Raises
    ------
    ValueError
        When it is not UTF-8 CSV or a required column is absent.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except pd.errors.EmptyDataError as error:
        raise ValueError("the file is empty") from error
    except (pd.errors.ParserError, csv.Error) as error:
        raise ValueError("it is not comma-separated text") from error
    frame = unguard_frame(frame)
    renamed = {old: new for old, new in layout.also.items() if old in frame and new not in frame}
    frame = frame.rename(columns=renamed)
    absent = [c for c in layout.required if c not in frame]
    if absent:
        raise ValueError(f"it has no column {', '.join(map(repr, absent))}")
    for column in layout.numeric:
        given = frame.get(column, math.nan)
        frame[column] = pd.to_numeric(given, errors="coerce")
        # What is infinite can be neither drawn nor sorted by.
        frame[column] = frame[column].where(np.isfinite(frame[column]))
    return frame.assign(**{c: "" for c in layout.optional if c not in frame})


def _read_features(root: Path, problems: dict[str, str]) -> FeatureFacts | None:
    name = "features/features.parquet"
    path = root / name
    if not path.is_file():
        problems["features"] = f"{name} {_ABSENT}"
        return None
    try:
        schema = pq.read_schema(path)
        extra = json.loads((schema.metadata or {}).get(b"radiofib", b"{}"))
        described = [c for c in extra.get("obs", []) if c in schema.names]
        obs = pq.read_table(path, columns=described).to_pandas()
        rows = pq.read_metadata(path).num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        problems["features"] = f"{name} cannot be used: {type(error).__name__}."
        return None
    for column in obs:
        if isinstance(obs[column].dtype, pd.CategoricalDtype):
            obs[column] = obs[column].astype(object)
    return FeatureFacts(
        rows,
        tuple(c for c in schema.names if c not in set(described)),
        obs,
        pd.DataFrame(extra.get("codebook", [])),
        pd.DataFrame(extra.get("missing", {})),
        extra.get("provenance", {}),
    )
