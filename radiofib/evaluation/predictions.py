"""Predictions as a table: one row per case (or instance), one probability for each stage."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib._checks import list_some, nearest
from radiofib.errors import TableError
from radiofib.evaluation.labels import as_text, label_texts, labels_as_text
from radiofib.staging import check_levels
from radiofib.table import read_frame

__all__ = [
    "PredictionsWarning",
    "check_predictions",
    "prediction_levels",
    "read_predictions",
]


class PredictionsWarning(UserWarning):
    """Something about a table of predictions that a reader should know."""


#: Memory that a row of predictions takes at most while it is measured.
_BYTES = 1200
#: Mark of a table whose repeats were warned about.
_SAID = "radiofib: repeats were warned about"
#: How far a probability may be from its value in a file with two decimals.
_ROUNDING = 0.005


def prediction_levels(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the stage levels of a prediction table, in the order of its ``p_`` columns.

    Examples
    --------
    >>> prediction_levels(pd.DataFrame(columns=["case", "p_s1", "p_s2"]))
    ('s1', 's2')
    """
    return tuple(str(c)[2:] for c in frame.columns if str(c).startswith("p_"))


def read_predictions(path: str | Path, *, levels: Sequence[str] | None = None) -> pd.DataFrame:
    """Read anyone's predictions: CSV, XLSX, SAV or Parquet.

    Needs ``case``, ``y_true`` and one probability column ``p_<level>`` for each stage, or a
    single ``p`` for a binary question, or a single ``score``: any number that is higher for
    higher stages, when there are no probabilities (a model may have the one, another the
    other). ``patient`` (else each case is a patient), ``instance``, ``scanner``, ``domain``,
    ``setting``, ``fold``, ``model`` and ``ordered`` (0 or false in every row where the order of
    the stages means nothing) are optional.

    Parameters
    ----------
    path : path
    levels : sequence of str, optional
        Stages in order; by default the order of the ``p_`` columns. With a single ``p``: the
        negative and the positive level; by default ``0`` and ``1``. With a ``score`` alone: by
        default the sorted values of ``y_true``.

    Returns
    -------
    DataFrame
        As :func:`check_predictions` returns it.

    Raises
    ------
    TableError
        When a column is missing, a stage is unknown, a probability is missing or impossible, or
        a case is given twice with different stages: naming file and row (the header is row 1).

    Warns
    -----
    PredictionsWarning
        When rows repeat a case.
    """
    path = Path(path)
    frame = read_frame(path)
    if "p" in frame and not prediction_levels(frame):
        _check_needed(frame, path.name)
        pair = check_levels([str(n).lower() for n in (levels or ("0", "1"))])
        if len(pair) != 2:
            raise TableError(
                "a single column 'p' fits two levels only", where=path.name, found=list_some(pair)
            )
        if levels is None:
            option = "name the negative and the positive level: --levels NEGATIVE,POSITIVE"
            _true_levels(frame, pair, path.name, hint=option)
        place = list(frame.columns).index("p")
        chance = _numbers(frame, "p", path.name, blank=_scored(frame))
        frame = frame.drop(columns="p")
        frame.insert(place, f"p_{pair[1]}", chance)
        frame.insert(place, f"p_{pair[0]}", 1.0 - chance)
    return check_predictions(frame, levels=levels, where=path.name)


def check_predictions(
    frame: pd.DataFrame,
    *,
    levels: Sequence[str] | None = None,
    where: str = "predictions",
) -> pd.DataFrame:
    """Return predictions with all columns, checked.

    Absent optional columns are filled: ``patient`` with the case, ``model`` with ``model``,
    ``setting`` with ``given``, ``fold`` with ``1``, the others with missing values. Rows whose
    probabilities sum to one but for rounding (0.005) are scaled to one.

    Raises
    ------
    TableError
        As :func:`read_predictions`.
    """
    _check_memory(len(frame), where)
    frame = _lower_levels(frame)
    found = prediction_levels(frame)
    _check_needed(frame, where)
    if not found and "score" in frame:
        found = labels_as_text(frame["y_true"])[1] if levels is None else tuple(levels)
        frame = frame.assign(**{f"p_{str(n).lower()}": np.nan for n in found})
    names = check_levels([str(n).lower() for n in (found if levels is None else levels)])
    _check_probability_columns(names, [str(n).lower() for n in found], frame, where)
    if len(frame) == 0:
        raise TableError("table has no rows", where=where)
    columns = [f"p_{n}" for n in names]
    scored = _scored(frame) & frame[columns].isna().all(axis=1).to_numpy()
    proba = np.column_stack([_numbers(frame, c, where, blank=scored) for c in columns])
    total = np.where(scored, 1.0, proba.sum(axis=1))
    off = np.flatnonzero(np.abs(total - 1) > _ROUNDING * len(columns) + 1e-9)
    if off.size:
        raise TableError(
            "probabilities do not sum to one",
            where=f"{where}, row {off[0] + 2}",
            expected=f"1, within {_ROUNDING * len(columns):g}",
            found=f"{total[off[0]]:.6g} ({off.size} rows)",
            hint="give a probability for every stage; a number that is none goes into 'score'",
        )
    rounded = np.abs(total - 1) > 1e-9
    proba[rounded] /= total[rounded, None]
    result = _identifiers(frame, where)
    result["y_true"] = _true_levels(frame, names, where)
    for place, column in enumerate(columns):
        result[column] = proba[:, place]
    if "score" in frame:
        result["score"] = np.where(scored, _scores(frame, where), np.nan)
    for name, default in (
        ("scanner", None),
        ("domain", None),
        ("setting", "given"),
        ("fold", "1"),
        ("model", "model"),
    ):
        result[name] = _optional(frame, name, default)
    if "ordered" in frame:
        result["ordered"] = _is_ordered(frame["ordered"], where)
    _check_kinds(result, scored, where)
    _check_repeats(result, where, patients_given="patient" in frame, warn=_SAID not in frame.attrs)
    result.attrs[_SAID] = True
    return result


def _check_memory(rows: int, where: str) -> None:
    """Refuse what would not fit into the memory that is free, before it fills it."""
    free, needed = _free_memory(), rows * _BYTES
    if free is not None and needed > free:
        raise TableError(
            "table is too large for the free memory",
            where=where,
            expected=f"at most about {free // _BYTES:,} rows (of {free / 2**30:.1f} GiB)",
            found=f"{rows:,} rows, for which about {needed / 2**30:.1f} GiB are needed",
            hint="evaluate one model and setting at a time, or one row for each patient",
        )


def _free_memory() -> int | None:
    """Return the bytes that are free, or None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(v.split()[1]) * 1024 for v in lines if v.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None


def _scored(frame: pd.DataFrame) -> np.ndarray:
    """Tell which rows have a score."""
    if "score" not in frame:
        return np.zeros(len(frame), dtype=np.bool_)
    return frame["score"].notna().to_numpy()


def _scores(frame: pd.DataFrame, where: str) -> np.ndarray:
    values = pd.to_numeric(frame["score"], errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values) & _scored(frame))
    if wrong.size:
        raise TableError(
            "not a score",
            where=f"{where}, row {wrong[0] + 2}, column 'score'",
            expected="a finite number",
            found=f"{_plain(frame['score'].iloc[wrong[0]])} ({wrong.size} rows)",
        )
    return values


def _check_kinds(result: pd.DataFrame, scored: np.ndarray, where: str) -> None:
    """Refuse a model that has probabilities in some rows and scores in others."""
    kinds = pd.Series(scored).groupby([result["model"], result["setting"]], sort=False).nunique()
    mixed = kinds[kinds > 1]
    if len(mixed):
        raise TableError(
            "some rows of a model have probabilities, others a score",
            where=f"{where}, model {mixed.index[0][0]!r}",
            hint="give one or the other for all cases of a model",
        )


def _is_ordered(column: pd.Series, where: str) -> bool:
    """Read whether the order of the stages means anything: one answer for the whole table."""
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    texts = [as_text(v).lower() for v in column]
    found = {words.get(t) for t in texts}
    if len(found) != 1 or None in found:
        raise TableError(
            "not one answer for all rows",
            where=f"{where}, column 'ordered'",
            expected="true or false, the same in every row",
            found=list_some(dict.fromkeys(map(repr, texts))),
        )
    return bool(found.pop())


def _check_needed(frame: pd.DataFrame, where: str) -> None:
    for needed in ("case", "y_true"):
        if needed not in frame:
            close = nearest(needed, map(str, frame.columns))
            raise TableError(
                f"column {needed!r} is missing",
                where=where,
                found=list_some(frame.columns),
                hint=f"rename {close!r}" if close else None,
            )


def _lower_levels(frame: pd.DataFrame) -> pd.DataFrame:
    """Write the levels in lower case, in the columns and in ``y_true`` (``p_F1`` is ``p_f1``)."""
    names = [f"p_{c[2:].lower()}" if str(c).startswith("p_") else c for c in frame.columns]
    frame = frame.set_axis(names, axis=1)
    if "y_true" in frame:
        texts, _ = labels_as_text(frame["y_true"])
        frame["y_true"] = texts.map(lambda v: None if v is None else v.lower()).astype(object)
    return frame


def _check_probability_columns(
    names: Sequence[str], found: Sequence[str], frame: pd.DataFrame, where: str
) -> None:
    missing = [f"p_{n}" for n in names if n not in found]
    spare = [f"p_{n}" for n in found if n not in names]
    if missing or spare:
        raise TableError(
            "probability columns do not fit the stage levels",
            where=where,
            expected=list_some(f"p_{n}" for n in names),
            found=list_some(f"p_{n}" for n in found) or list_some(frame.columns),
        )


def _numbers(frame: pd.DataFrame, column: str, where: str, *, blank: np.ndarray) -> np.ndarray:
    """Return probabilities; missing where a row is `blank` because it has a score instead."""
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~((values >= 0) & (values <= 1)) & ~blank)
    if wrong.size:
        beyond = np.isfinite(values[wrong]).any()
        raise TableError(
            "not a probability",
            where=f"{where}, row {wrong[0] + 2}, column {column!r}",
            expected="a number from 0 to 1",
            found=f"{_plain(frame[column].iloc[wrong[0]])} ({wrong.size} rows)",
            hint="a score that is not a probability goes into a column 'score'" if beyond else None,
        )
    return values


def _plain(value: Any) -> str:
    """Return a value for a message: text in quotes, numbers as they are."""
    return repr(str(value)) if isinstance(value, str) else str(value)


def _identifiers(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    result = pd.DataFrame(index=pd.RangeIndex(len(frame)))
    for name in ("case", "patient", "instance"):
        if name not in frame:
            if name == "patient":
                result["patient"] = result["case"]
            continue
        values = label_texts(frame[name])
        empty = np.flatnonzero(~values.astype(np.bool_))
        if empty.size and name != "instance":
            raise TableError(
                f"{name} is missing", where=f"{where}, row {empty[0] + 2}, column {name!r}"
            )
        result[name] = pd.Series(values, dtype=object)
    return result


def _optional(frame: pd.DataFrame, name: str, default: str | None) -> pd.Series:
    if name not in frame:
        return pd.Series([default] * len(frame), dtype=object)
    values = label_texts(frame[name])
    values[~values.astype(np.bool_)] = default
    return pd.Series(values, dtype=object)


def _true_levels(
    frame: pd.DataFrame, names: Sequence[str], where: str, hint: str | None = None
) -> pd.Series:
    texts, _ = labels_as_text(frame["y_true"])
    wrong = np.flatnonzero(~texts.isin([*names, None]).to_numpy())
    if wrong.size:
        value = texts.iloc[wrong[0]]
        close = nearest(value, names)
        raise TableError(
            "unknown stage",
            where=f"{where}, row {wrong[0] + 2}, column 'y_true'",
            expected=list_some(names),
            found=f"{value!r} ({len(wrong)} rows)",
            hint=hint or (f"write {close!r}" if close else None),
        )
    return texts.reset_index(drop=True)


def _check_repeats(result: pd.DataFrame, where: str, *, patients_given: bool, warn: bool) -> None:
    """Warn when rows repeat a case; refuse it when they tell different stages of it."""
    key = [c for c in ("model", "setting", "case", "instance") if c in result]
    repeated = result.duplicated(key, keep=False).to_numpy()
    if repeated.any():
        some = result[repeated]
        group = some.groupby(key, dropna=False, sort=False).ngroup()
        stages = some["y_true"].fillna("").groupby(group).nunique()
        wrong = stages[stages > 1]
        if len(wrong):
            same = some.index[(group == wrong.index[0]).to_numpy()].to_numpy()
            raise TableError(
                "a case is predicted more than once, with different stages",
                where=f"{where}, rows {list_some(same + 2)}",
                found=f"case {result['case'].iloc[same[0]]!r}",
                hint="add a column 'instance' when a case has several images, or 'model' or "
                "'setting' when there are several sets of predictions",
            )
    several = result.duplicated([c for c in key if c != "instance"], keep=False).to_numpy()
    if warn and (repeated.any() or (several.any() and not patients_given)):
        first = result["case"].iloc[int(np.flatnonzero(repeated if repeated.any() else several)[0])]
        count = result.loc[repeated if repeated.any() else several, "case"].nunique()
        held = (
            "intervals count patients, so repeats do not narrow them"
            if patients_given
            else "no column 'patient': each case is taken for one patient"
        )
        warnings.warn(
            f"{where}: {count} case(s) have several rows of one model, case {first!r} for one; "
            f"{held}",
            PredictionsWarning,
            stacklevel=3,
        )
