"""The interpretable models of a run that another program can fit again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from radiofib._checks import list_some
from radiofib.errors import ExportError
from radiofib.staging import targets_for

__all__ = ["RefitModel", "read_models"]

_COLUMNS = ("model", "target", "kind", "term", "estimate")


@dataclass(frozen=True)
class RefitModel:
    """One interpretable model, with what a program needs to fit it again.

    Parameters
    ----------
    model, target : str
        Names in ``coefficients.csv``.
    kind : {"logistic", "firth", "proportional_odds"}
    groups : mapping of str to int
        Level of the stage -> 0 or 1, or its place in the order from 1. Other levels are left out.
    columns : tuple of str
        Columns that are the terms.
    cuts : tuple of str
        Names of intercept or thresholds.
    estimates : tuple of float
        Of cuts, then columns.
    """

    model: str
    target: str
    kind: str
    groups: Mapping[str, int]
    columns: tuple[str, ...]
    cuts: tuple[str, ...]
    estimates: tuple[float, ...]

    @property
    def title(self) -> str:
        """Model and target in one line."""
        return f"{self.model}, {self.target}"


def read_models(
    coefficients: pd.DataFrame,
    columns: Sequence[str],
    levels: Sequence[str],
    *,
    ordered: bool = True,
) -> tuple[list[RefitModel], dict[str, str]]:
    """Return the models of ``interpret/coefficients.csv`` that other programs can fit again.

    Parameters
    ----------
    coefficients : DataFrame
        ``model, target, kind (term, threshold), term, estimate`` and, if there, ``note``.
    columns : sequence of str
        Columns of the exported table.
    levels : sequence of str
        Levels of the stage, in order.
    ordered : bool
        Whether their order means anything.

    Returns
    -------
    models : list of RefitModel
    left_out : dict
        Model and target -> why it is not refitted.

    Raises
    ------
    ExportError
        When a column of the table is absent.

    Examples
    --------
    >>> frame = pd.DataFrame({"model": "logistic", "target": "s4_vs_s1-3",
    ...     "kind": ["threshold", "term"], "term": ["intercept", "age"], "estimate": [-1.0, 0.5]})
    >>> models, left_out = read_models(frame, ["age"], ["s1", "s2", "s3", "s4"])
    >>> models[0].groups, models[0].columns, left_out
    ({'s1': 0, 's2': 0, 's3': 0, 's4': 1}, ('age',), {})
    """
    absent = [c for c in _COLUMNS if c not in coefficients]
    if absent:
        raise ExportError(
            "coefficients cannot be read", expected=", ".join(_COLUMNS), found=f"no {absent[0]}"
        )
    questions = {t.name: t for t in targets_for(levels, ordered=ordered)}
    models, left_out = [], {}
    for (name, target), rows in coefficients.groupby(["model", "target"], sort=False):
        terms = rows[rows["kind"] == "term"]
        cuts = rows[rows["kind"] == "threshold"]
        kind = _kind(str(name), rows)
        groups: dict[str, int] = {}
        if kind in ("logistic", "firth") and target in questions:
            question = questions[target]
            groups = {v: int(v in question.positive) for v in levels if question.concerns([v])[0]}
        elif kind == "proportional_odds":
            groups = _order(list(cuts["term"]), levels)
        reason = _reason(rows, groups, set(columns))
        if reason:
            left_out[f"{name}, {target}"] = reason
            continue
        models.append(
            RefitModel(
                str(name),
                str(target),
                kind,
                groups,
                tuple(map(str, terms["term"])),
                tuple(map(str, cuts["term"])),
                tuple(map(float, [*cuts["estimate"], *terms["estimate"]])),
            )
        )
    return models, left_out


def _notes(rows: pd.DataFrame) -> str:
    return " ".join(map(str, rows["note"].dropna())) if "note" in rows else ""


def _kind(name: str, rows: pd.DataFrame) -> str:
    """Return what was maximised; separated classes turn a logistic model into Firth's."""
    if "partial" in name:
        return ""
    if "proportional_odds" in name:
        return "proportional_odds"
    if "firth" in name or "Firth" in _notes(rows):
        return "firth"
    return "logistic" if "logistic" in name else ""


def _order(cuts: Sequence[str], levels: Sequence[str]) -> dict[str, int]:
    """Return the place of each level in thresholds ``s1|s2, s2|s3``; levels may be left out."""
    pairs = {f"{a}|{b}": (a, b) for i, a in enumerate(levels) for b in levels[i + 1 :]}
    if not cuts or any(cut not in pairs for cut in cuts):
        return {}
    chain = [pairs[cuts[0]][0], *(pairs[cut][1] for cut in cuts)]
    if [pairs[cut][0] for cut in cuts] != chain[:-1]:
        return {}
    return {level: place for place, level in enumerate(chain, start=1)}


def _reason(rows: pd.DataFrame, groups: Mapping[str, int], columns: set[str]) -> str:
    """Return why other programs cannot fit the model again, or an empty text."""
    notes = _notes(rows)
    unknown = [t for t in rows.loc[rows["kind"] == "term", "term"] if t not in columns]
    if not groups or not (rows["kind"] == "term").any():
        return "no counterpart of it is known"
    if "ridge" in notes or "penalised estimates" in notes:
        return "its estimates are penalised"
    if unknown:
        return f"no numeric column of the table: {list_some(unknown)}"
    return "it has no complete estimates" if rows["estimate"].isna().any() else ""
