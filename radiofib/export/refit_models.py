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
_BINARY = ("logistic", "firth")
_ORDINAL = "proportional_odds"


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
        ``model, target, kind (term, threshold), term, estimate``.
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
        unknown = [t for t in terms["term"] if t not in set(columns)]
        groups: dict[str, int] = {}
        if name in _BINARY and target in questions:
            question = questions[target]
            groups = {v: int(v in question.positive) for v in levels if question.concerns([v])[0]}
        elif name == _ORDINAL and ordered and len(cuts) == len(levels) - 1:
            groups = {level: place for place, level in enumerate(levels, start=1)}
        if not groups:
            left_out[f"{name}, {target}"] = "no program's counterpart is known"
        elif unknown:
            left_out[f"{name}, {target}"] = f"no column of the table: {list_some(unknown)}"
        elif terms["estimate"].isna().any() or cuts["estimate"].isna().any() or cuts.empty:
            left_out[f"{name}, {target}"] = "it has no complete estimates"
        else:
            models.append(
                RefitModel(
                    str(name),
                    str(target),
                    str(name),
                    groups,
                    tuple(map(str, terms["term"])),
                    tuple(map(str, cuts["term"])),
                    tuple(map(float, [*cuts["estimate"], *terms["estimate"]])),
                )
            )
    return models, left_out
