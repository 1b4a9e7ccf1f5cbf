"""The interpretable models of a run that another program can fit again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.errors import ExportError, RadiofibError
from radiofib.export.refit_rows import NUMBERS, patient_rows
from radiofib.export.sheet import Variable
from radiofib.staging import ScannerFlags, targets_for
from radiofib.stats.regression import firth, logistic, proportional_odds

__all__ = ["RefitModel", "RefitTerm", "design", "read_models"]

_COLUMNS = ("model", "target", "kind", "term", "unit", "estimate", "note")
_STANDARDISED = re.compile(r"SD = ")
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class RefitTerm:
    """One term: a number, or a flag for one value of a text.

    Parameters
    ----------
    name, column : str
        Name of the term, and the column it is from.
    value : str or None
        The value that the flag stands for; None for a number.
    standardised : bool
        Whether the coefficient is by standard deviation.
    """

    name: str
    column: str
    value: str | None = None
    standardised: bool = False


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
    terms : tuple of RefitTerm
    cuts : tuple of str
        Names of intercept or thresholds.
    estimates : tuple of float
        Of cuts, then terms.
    """

    model: str
    target: str
    kind: str
    groups: Mapping[str, int]
    terms: tuple[RefitTerm, ...]
    cuts: tuple[str, ...]
    estimates: tuple[float, ...]

    @property
    def title(self) -> str:
        """Model and target in one line."""
        return f"{self.model}, {self.target}"


def read_models(
    coefficients: pd.DataFrame,
    variables: Mapping[str, Variable],
    levels: Sequence[str],
    *,
    ordered: bool = True,
) -> tuple[list[RefitModel], dict[str, str]]:
    """Return the models of ``interpret/coefficients.csv`` that other programs can fit again.

    Each is fitted here first, from the exported variables alone; one whose coefficients do not
    come back is left out.

    Parameters
    ----------
    coefficients : DataFrame
        ``model, target, kind (term, threshold), term, unit, estimate, note``.
    variables : mapping of str to Variable
        The exported variables, by name.
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
        When a column of the coefficients is absent.
    """
    absent = [c for c in _COLUMNS if c not in coefficients]
    if absent:
        raise ExportError(
            "coefficients cannot be read", expected=", ".join(_COLUMNS), found=f"no {absent[0]}"
        )
    models, left_out = [], {}
    for (name, target), rows in coefficients.groupby(["model", "target"], sort=False):
        found = _model(str(name), str(target), rows, variables, (levels, ordered))
        if isinstance(found, RefitModel):
            models.append(found)
        else:
            left_out[f"{name}, {target}"] = found
    return models, left_out


def _model(
    name: str,
    target: str,
    rows: pd.DataFrame,
    variables: Mapping[str, Variable],
    scheme: tuple[Sequence[str], bool],
) -> RefitModel | str:
    """Return the model, or why it cannot be fitted again."""
    levels, ordered = scheme
    terms, cuts = rows[rows["kind"] == "term"], rows[rows["kind"] == "threshold"]
    kind = _kind(name, rows)
    groups: dict[str, int] = {}
    if kind in ("logistic", "firth"):
        question = {t.name: t for t in targets_for(levels, ordered=ordered)}.get(target)
        if question is not None:
            groups = {v: int(v in question.positive) for v in levels if question.concerns([v])[0]}
    elif kind == "proportional_odds":
        groups = _order(list(cuts["term"]), levels)
    if not groups or terms.empty or cuts.empty or "stage" not in variables:
        return "no counterpart of it is known"
    notes = _notes(rows)
    if "ridge" in notes or "penalised estimates" in notes:
        return "its estimates are penalised"
    if rows["estimate"].isna().any():
        return "it has no complete estimates"
    by_name = _known_terms(variables)
    unknown = [t for t in terms["term"] if t not in by_name]
    if unknown:
        return f"no column of the table: {list_some(unknown)}"
    pieces = zip(terms["term"], terms["unit"].fillna("").astype(str), strict=True)
    model = RefitModel(
        name,
        target,
        kind,
        groups,
        tuple(
            RefitTerm(term, *by_name[term], standardised=bool(_STANDARDISED.match(unit)))
            for term, unit in pieces
        ),
        tuple(map(str, cuts["term"])),
        tuple(map(float, [*cuts["estimate"], *terms["estimate"]])),
    )
    return _why_not(model, variables) or model


def _notes(rows: pd.DataFrame) -> str:
    return " ".join(map(str, rows["note"].dropna()))


def _kind(name: str, rows: pd.DataFrame) -> str:
    """Return what was maximised; separated classes turn a logistic model into Firth's."""
    if name in ("logistic", "firth"):
        return "firth" if "Firth" in _notes(rows) else name
    return name if name == "proportional_odds" else ""


def _order(cuts: Sequence[str], levels: Sequence[str]) -> dict[str, int]:
    """Return the place of each level in thresholds ``s1|s2, s2|s3``; levels may be left out."""
    pairs = {f"{a}|{b}": (a, b) for i, a in enumerate(levels) for b in levels[i + 1 :]}
    if not cuts or any(cut not in pairs for cut in cuts):
        return {}
    chain = [pairs[cuts[0]][0], *(pairs[cut][1] for cut in cuts)]
    if [pairs[cut][0] for cut in cuts] != chain[:-1]:
        return {}
    return {level: place for place, level in enumerate(chain, start=1)}


def _known_terms(variables: Mapping[str, Variable]) -> dict[str, tuple[str, str | None]]:
    """Return what each possible term is: a number, or a flag of a value of a text column."""
    known: dict[str, tuple[str, str | None]] = {}
    texts = []
    for name, variable in variables.items():
        if name in ("case", "patient", "stage", "instance"):
            continue
        if variable.kind in NUMBERS:
            known[name] = (name, None)
        elif variable.kind in ("text", "factor", "ordered"):
            texts.append(name)
    rows = patient_rows(variables, texts)
    for name in texts:
        flags = ScannerFlags().fit(rows[[name]].to_numpy(dtype=object))
        values = [str(v) for v in flags.categories_[0]]
        for term, value in zip(flags.get_feature_names_out([name]), values, strict=True):
            known.setdefault(str(term), (name, value))
    return known


def design(
    model: RefitModel, variables: Mapping[str, Variable]
) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """Return terms as measured (one column each) and groups of the patients that are complete."""
    rows = patient_rows(variables, [term.column for term in model.terms])
    rows = rows[rows["stage"].isin(list(model.groups))]
    columns = {}
    for term in model.terms:
        column = rows[term.column]
        if term.value is not None:
            flag = (column == term.value).astype(np.float64)
            column = flag.where(column.notna(), np.nan)
        columns[term.name] = column.to_numpy(dtype=np.float64)
    terms = pd.DataFrame(columns, index=rows.index)
    whole = terms.notna().all(axis=1).to_numpy()
    groups = np.array([model.groups[stage] for stage in rows["stage"]], dtype=np.intp)
    return terms[whole], groups[whole]


def _why_not(model: RefitModel, variables: Mapping[str, Variable]) -> str:
    """Fit the model again; return why that does not give its coefficients, or an empty text."""
    terms, groups = design(model, variables)
    for term in model.terms:
        if term.standardised:
            terms[term.name] = (terms[term.name] - terms[term.name].mean()) / terms[term.name].std()
    try:
        if model.kind == "proportional_odds":
            fit = proportional_odds(terms, groups - 1, list(model.groups))
        elif model.kind == "firth":
            fit = firth(terms, groups, interval="wald")
        else:
            fit = logistic(terms, groups)
    except (RadiofibError, ValueError) as error:
        return f"the exported table does not give it: {error}"
    due = np.array(model.estimates)
    if not np.allclose(fit.estimates, due, rtol=_TOLERANCE, atol=_TOLERANCE):
        return (
            "the exported table alone gives other coefficients: part of the patients, or the "
            "scanner as a random effect"
        )
    return ""
