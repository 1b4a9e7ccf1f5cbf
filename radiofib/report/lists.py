"""The reporting checklists on the page: how many lines each, and what is left to a person."""

from __future__ import annotations

from radiofib.report.blocks import (
    Block,
    Column,
    Definitions,
    Group,
    Heading,
    Note,
    Paragraph,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.checklists import (
    Checklist,
    fill_checklists,
    score,
    score_sentence,
)
from radiofib.report.checklists.finding import Status
from radiofib.report.context import Context
from radiofib.report.format import count

__all__ = ["checklists_section"]

_STATUSES: tuple[Status, ...] = ("met", "partly", "open", "not applicable")


def checklists_section(context: Context) -> Section:
    """Build the section on reporting checklists."""
    filled = fill_checklists(context)
    said = (
        "Filled from the files of this run alone. A line is met or partly met only where a file "
        "proves it, with a pointer to file and key; everything else is open. Each list is in "
        "checklists/ as a table, and all of them in checklists/checklists.html, which word "
        "processors open. Short words are ours; the lists themselves are in the publications "
        "named there."
    )
    blocks: list[Block] = [Paragraph(said), _counts(filled)]
    for checklist in filled:
        found = score(checklist.lines)
        if found is not None:
            blocks.append(Note(f"{checklist.title}: {score_sentence(found)}"))
    terms = tuple((c.title, _left(c)) for c in filled)
    blocks += [Heading("Left for a person to say"), Definitions(terms, small=True)]
    return Section("checklists", "Reporting checklists", tuple(blocks))


def _counts(filled: tuple[Checklist, ...]) -> Table:
    rows = tuple(
        (
            text(checklist.title),
            number(count(len(checklist.lines)), float(len(checklist.lines))),
            *(number(count(n), float(n)) for n in map(checklist.count, _STATUSES)),
            text(f"checklists/{checklist.name}.csv"),
        )
        for checklist in filled
    )
    columns = (
        Column("Checklist"),
        Column("Lines", numeric=True),
        *(Column(status.capitalize(), numeric=True) for status in _STATUSES),
        Column("File", mono=True),
    )
    return Table("Reporting checklists filled from this run.", columns, (Group("", rows),))


def _left(checklist: Checklist) -> tuple[str, ...]:
    """List the open lines of each section, those with one reason together."""
    by_section: dict[str, dict[str, list[str]]] = {}
    for line in checklist.lines:
        if line.finding.status == "open":
            reasons = by_section.setdefault(line.rule.section, {})
            said = f"{line.rule.item} {line.rule.short}"
            reasons.setdefault(line.finding.evidence, []).append(said)
    return tuple(
        f"{section}: "
        + "; ".join(", ".join(said) + (f" ({why})" if why else "") for why, said in reasons.items())
        + "."
        for section, reasons in by_section.items()
    )
