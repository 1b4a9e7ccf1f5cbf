"""The tables of an ablation: the same cases in each, seen whole or in part, and their folds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import check_known, list_some
from radiofib.datacard import StageScheme, derive_scheme
from radiofib.errors import CohortError, ConfigError, Failure, SplitError, TableError
from radiofib.evaluation import Split, leave_one_scanner_out, patient_folds
from radiofib.evaluation.apply import scanner_names
from radiofib.evaluation.linked import copy_groups
from radiofib.provenance import hash_array, hash_object
from radiofib.staging import stager_frame
from radiofib.study.channel_sets import within
from radiofib.table import FeatureTable

__all__ = ["Bench", "Cases", "View", "make_benches", "make_splits", "view_columns"]

IndexArray = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Cases:
    """The cases that every table has, with a stage.

    Parameters
    ----------
    frame : DataFrame
        ``case, patient, y_true, scanner``, one row each.
    scheme : StageScheme
    """

    frame: pd.DataFrame
    scheme: StageScheme


@dataclass(frozen=True, eq=False)
class View:
    """What a stager sees of a table: some of its columns."""

    table: str
    columns: tuple[str, ...]

    @property
    def key(self) -> str:
        """Equal for equal views."""
        return hash_object([self.table, list(self.columns)])


@dataclass(frozen=True, eq=False)
class Bench:
    """A table on the workbench: numbers, whose they are, and where they are from.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features)
    columns : tuple of str
    case_of : ndarray of int, shape (n_rows,)
        Position of each row's case in :class:`Cases`.
    stages : ndarray of str, shape (n_rows,)
    context : DataFrame
        The columns that some stager reads of where a row is from.
    digest : str
        Hash of all of it.
    """

    values: NDArray[np.float64]
    columns: tuple[str, ...]
    case_of: IndexArray
    stages: NDArray[np.str_]
    context: pd.DataFrame
    digest: str = field(default="", repr=False)

    def frame(
        self, columns: Sequence[str], context: Sequence[str], rows: IndexArray
    ) -> pd.DataFrame:
        """Return some rows of some features and context columns."""
        place = {name: k for k, name in enumerate(self.columns)}
        wanted = np.array([place[c] for c in columns], dtype=np.intp)
        picked = self.values[np.ix_(rows, wanted)]
        X = pd.DataFrame(picked, columns=list(columns))
        if not context:
            return X
        beside = self.context[list(context)].iloc[rows].reset_index(drop=True)
        return pd.concat([X, beside], axis=1)


def make_benches(
    tables: Mapping[str, FeatureTable], *, label: str, context: Sequence[str]
) -> tuple[Cases, dict[str, Bench], list[Failure]]:
    """Bring tables to the same cases.

    The first table says patient, stage and scanner. Cases without a stage, without any feature
    in the first table, or absent from another table take no part.

    Parameters
    ----------
    tables : mapping of name to FeatureTable
    label : str
        Column with the stage; ``stage`` where there is none of that name.
    context : sequence of str
        Columns that stagers read beside the features.

    Returns
    -------
    cases : Cases
    benches : dict of name to Bench
    failures : list of Failure
        Cases that take no part, with the reason.

    Raises
    ------
    TableError
        When a column is missing, a case has two stages, or no case is left.
    """
    first, main = next(iter(tables.items()))
    stages = {name: _stage_column(table, label, name) for name, table in tables.items()}
    given = stages[first]
    ordered = isinstance(given.dtype, pd.CategoricalDtype) and given.dtype.ordered
    order = list(given.cat.categories) if ordered else None
    scheme = derive_scheme(given.dropna(), name=label, order=order)
    frame, failures = _cases(main, given, scheme)
    for name, table in tables.items():
        absent = ~frame["case"].isin(set(table.obs["case"].astype(str)))
        error = CohortError(f"not in {name}: left out", hint="measure the case there too")
        failures += [
            Failure.from_error(error, case=case, step="ablate") for case in frame["case"][absent]
        ]
        frame = frame[~absent].reset_index(drop=True)
    if frame.empty:
        raise TableError(
            "no case is in all tables", found=list_some(tables), hint="name cases alike in each"
        )
    cases = Cases(frame, scheme)
    benches = {
        name: _bench(name, table, stages[name], cases, context) for name, table in tables.items()
    }
    return cases, benches, failures


def _stage_column(table: FeatureTable, label: str, name: str) -> pd.Series:
    column = label if label in table.obs else "stage"
    if column not in table.obs:
        raise TableError(
            f"no column {label!r} for the stage",
            where=name,
            found=list_some(table.obs.columns),
            hint="name it with 'label' in the study",
        )
    return table.obs[column].reset_index(drop=True)


def _cases(
    table: FeatureTable, stages: pd.Series, scheme: StageScheme
) -> tuple[pd.DataFrame, list[Failure]]:
    """Return the cases with a stage and a feature, and the others as failures."""
    obs = table.obs.reset_index(drop=True)
    rows = pd.DataFrame({"case": obs["case"].astype(str)})
    patients = obs["patient"] if "patient" in obs else obs["case"]
    rows["patient"] = patients.where(patients.notna(), obs["case"]).astype(str)
    rows["copies"] = copy_groups(obs)
    rows["y_true"] = [None if pd.isna(v) else scheme.parse(v) for v in stages]
    rows["scanner"] = scanner_names(table, "scanner")
    rows["filled"] = table.X.notna().any(axis=1).to_numpy()
    failures = []
    for wanted, problem, hint in (
        (rows["y_true"].notna(), "no stage: left out", "fill in the stage to use the case"),
        (rows["filled"], "no feature has a value: left out", "see why in the extraction"),
    ):
        error = CohortError(problem, hint=hint)
        wanted = wanted.reindex(rows.index)
        lost = dict.fromkeys(rows.loc[~wanted, "case"])
        kept = set(rows.loc[wanted, "case"])
        failures += [
            Failure.from_error(error, case=c, step="ablate") for c in lost if c not in kept
        ]
        rows = rows[wanted]
    for column, what in (("y_true", "stages"), ("patient", "patients")):
        several = rows.groupby("case", sort=False)[column].nunique()
        if (several > 1).any():
            raise TableError(
                f"rows of a case have different {what}",
                found=f"case {several.index[several > 1][0]!r}",
            )
    frame = rows.drop_duplicates("case").drop(columns="filled").reset_index(drop=True)
    return frame, failures


def _bench(
    name: str, table: FeatureTable, stages: pd.Series, cases: Cases, context: Sequence[str]
) -> Bench:
    place = {case: k for k, case in enumerate(cases.frame["case"])}
    rows = table.obs["case"].astype(str).map(place).to_numpy(dtype=np.float64)
    used = np.flatnonzero(~np.isnan(rows))
    # Rows stand in the order of the cases, whatever the order of the file.
    used = used[np.argsort(rows[used], kind="stable")]
    case_of = rows[used].astype(np.intp)
    known = cases.frame["y_true"].to_numpy(dtype=str)[case_of]
    for row, expected in zip(used.tolist(), known.tolist(), strict=True):
        if not pd.isna(stages.iloc[row]) and cases.scheme.parse(stages.iloc[row]) != expected:
            raise TableError(
                "tables disagree on the stage of a case",
                where=name,
                expected=expected,
                found=f"{stages.iloc[row]} (case {table.obs['case'].iloc[row]!r})",
            )
    beside = stager_frame(table, context)[list(context)].iloc[used].reset_index(drop=True)
    values = np.ascontiguousarray(table.X.to_numpy(dtype=np.float64)[used])
    columns = tuple(map(str, table.X.columns))
    facts = [list(columns), case_of.tolist(), known.tolist()]
    facts += [beside.astype(str).to_numpy().tolist(), list(context)]
    digest = hash_object([hash_array(values), hash_object(facts)])
    return Bench(values, columns, case_of, known, beside, digest)


def view_columns(
    table: FeatureTable, *, channels: Sequence[str], families: Sequence[str], where: str
) -> tuple[str, ...]:
    """Return the features of some channels and families (all of them when none is named).

    The codebook says what a column is; where it does not, its name does
    (``<channel>_<image>_<family>_<feature>``).

    Raises
    ------
    ConfigError, TableError
        When a channel or family does not occur, naming the nearest, or nothing is left.

    Examples
    --------
    >>> X = pd.DataFrame({"t1_original_glcm_contrast": [1.0], "t1_original_shape_volume": [2.0]})
    >>> table = FeatureTable(X, pd.DataFrame({"case": ["a"]}))
    >>> view_columns(table, channels=["t1"], families=["shape"], where="run")
    ('t1_original_shape_volume',)
    """
    named = {str(c): _parts(str(c)) for c in table.X}
    book = table.codebook
    for column, channel, family in zip(
        book["column"], book["channel"], book["family"], strict=True
    ):
        if column in named:
            named[column] = (channel or named[column][0], family or named[column][1])
    for wanted, k, what in ((channels, 0, "channel"), (families, 1, "family")):
        # A feature of two channels (an enhancement) names both.
        names = {one for parts in named.values() for one in re.split(r"[^a-z0-9]+", parts[k])}
        known = sorted((names if k == 0 else {parts[k] for parts in named.values()}) - {""})
        for name in wanted:
            check_known(str(name), known, what=what, where=where, error=ConfigError)
    seen = within(table, channels).X.columns if channels else table.X.columns
    kept = tuple(str(c) for c in seen if not families or named[str(c)][1] in set(families))
    if not kept:
        raise TableError(
            "no feature is left",
            where=where,
            found=f"channels {list_some(channels) or 'all'}, families {list_some(families)}",
        )
    return kept


def _parts(column: str) -> tuple[str, str]:
    """Return channel and family as the name of a column says them."""
    parts = column.split("_")
    return parts[0], parts[2] if len(parts) > 3 else ""


def make_splits(
    cases: Cases, setting: str, *, folds: int, random_state: int, repeats: int = 1
) -> tuple[list[Split], list[Failure]]:
    """Return the splits of a setting: positions of cases.

    Folds that are dealt `repeats` times are named by repeat and fold.

    Raises
    ------
    SplitError
        When the cases cannot be divided so.
    """
    frame = cases.frame
    if setting == "cv":
        dealt: list[Split] = []
        for repeat in range(repeats):
            found = patient_folds(
                frame["patient"].tolist(),
                frame["y_true"].tolist(),
                folds=folds,
                random_state=random_state + repeat,
                copies=_copies(frame),
            )
            prefix = f"{repeat + 1}." if repeats > 1 else ""
            dealt += [replace(split, name=f"{prefix}{split.name}") for split in found]
        return dealt, []
    splits, unknown = leave_one_scanner_out(
        frame["patient"].tolist(), frame["scanner"].tolist(), copies=_copies(frame)
    )
    error = SplitError("no scanner: left out of leave-one-scanner-out", hint="name the scanner")
    lost = [
        Failure.from_error(error, case=frame["case"].iloc[row], step="ablate loso")
        for row in unknown
    ]
    return [s for s in splits if len(s.train)], lost


def _copies(frame: pd.DataFrame) -> list[Any] | None:
    """Return the group of copies of each case; None where none is known."""
    return frame["copies"].tolist() if "copies" in frame else None
