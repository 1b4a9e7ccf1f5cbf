"""Fill the checklists: every rule asks the run folder, every line gets a status."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from radiofib.report.checklists import (
    cohort_rules,
    evaluation_rules,
    feature_rules,
    model_rules,
)
from radiofib.report.checklists.evidence import Evidence
from radiofib.report.checklists.finding import Finding, Status
from radiofib.report.context import Context

__all__ = [
    "CHECKLIST_NAMES",
    "RULES",
    "Checklist",
    "Line",
    "Rule",
    "Score",
    "fill_checklists",
    "load_rules",
    "score",
]

#: Name in the tables of rules -> function; a name that is not here is an error, never run.
RULES: Mapping[str, Callable[[Evidence, str], Finding]] = {
    **cohort_rules.RULES,
    **feature_rules.RULES,
    **model_rules.RULES,
    **evaluation_rules.RULES,
}


@dataclass(frozen=True)
class Rule:
    """One row of a table of rules.

    Parameters
    ----------
    item : str
        The item's number in the checklist.
    section, short : str
        Where it belongs and what it asks, in our own words.
    rule, argument : str
        Name of the function that answers, and what it is given.
    weight : float
        The item's weight; 0 in lists without weights.
    """

    item: str
    section: str
    short: str
    rule: str
    argument: str
    weight: float


@dataclass(frozen=True)
class Line:
    """A filled line."""

    rule: Rule
    finding: Finding


@dataclass(frozen=True)
class Checklist:
    """A filled checklist."""

    name: str
    title: str
    citation: str
    lines: tuple[Line, ...]

    def count(self, status: Status) -> int:
        """Return the number of lines with a status."""
        return sum(line.finding.status == status for line in self.lines)


@dataclass(frozen=True)
class Score:
    """Share of the weights that the run proves, and with what it proves in part."""

    proven: float
    begun: float


def _table(name: str) -> list[dict[str, str]]:
    path = resources.files("radiofib.report.checklists") / f"{name}.csv"
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


#: Name -> title of every checklist, in the order in which they are shown.
CHECKLIST_NAMES: Mapping[str, str] = {row["name"]: row["title"] for row in _table("sources")}


@cache
def load_rules(name: str) -> tuple[Rule, ...]:
    """Return the rules of a checklist.

    Parameters
    ----------
    name : str
        A key of :data:`CHECKLIST_NAMES`.

    Examples
    --------
    >>> {name: len(load_rules(name)) for name in ("clear", "metrics")}
    {'clear': 58, 'metrics': 30}
    """
    return tuple(
        Rule(
            row["item"],
            row["section"],
            row["short"],
            row["rule"],
            row["argument"] or "",
            float(row.get("weight") or 0),
        )
        for row in _table(name)
    )


def fill_checklists(context: Context) -> tuple[Checklist, ...]:
    """Fill every checklist from a run.

    Parameters
    ----------
    context : Context
        The run; only its files are read.

    Returns
    -------
    tuple of Checklist
        In the order of :data:`CHECKLIST_NAMES`. A line is met or partly met only where a file of
        the run says so; what only a person can say is open.
    """
    evidence = Evidence(context)
    filled = []
    for row in _table("sources"):
        lines = tuple(
            Line(rule, RULES[rule.rule](evidence, rule.argument))
            for rule in load_rules(row["name"])
        )
        filled.append(Checklist(row["name"], row["title"], row["citation"], lines))
    return tuple(filled)


def score(lines: Sequence[Line]) -> Score | None:
    """Return the score of a weighted checklist, None for one without weights.

    ``sum(weight of items met) / sum(weight of items that apply)``, and the same with items that
    are partly met counted as met.

    Parameters
    ----------
    lines : sequence of Line
        Filled lines.

    Examples
    --------
    >>> from radiofib.report.checklists.finding import met, opened, partly
    >>> found = (met("a", "b"), partly("a", "b"), opened(), opened())
    >>> score([Line(Rule("1", "", "", "", "", 0.5), f) for f in found])
    Score(proven=0.25, begun=0.5)
    """
    applies = [line for line in lines if line.finding.status != "not applicable"]
    whole = sum(line.rule.weight for line in applies)
    if not whole:
        return None
    proven = sum(line.rule.weight for line in applies if line.finding.status == "met")
    begun = sum(line.rule.weight for line in applies if line.finding.status == "partly")
    return Score(proven / whole, (proven + begun) / whole)
