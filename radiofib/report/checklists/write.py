"""Write filled checklists as CSV and as one plain HTML page that word processors open."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from markupsafe import Markup

from radiofib.report.checklists.fill import Checklist, Score, score
from radiofib.report.format import clean
from radiofib.report.svg import element
from radiofib.report.writing import write_text

__all__ = ["score_sentence", "write_checklists"]

COLUMNS = ("item", "section", "short", "status", "evidence", "pointer")
#: Cells that a spreadsheet would take for a formula begin with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_checklists(checklists: Sequence[Checklist], folder: Path) -> list[Path]:
    """Write each checklist as CSV, and all of them as ``checklists.html``.

    Parameters
    ----------
    checklists : sequence of Checklist
        Filled.
    folder : path
        Made when absent.

    Returns
    -------
    list of Path
        The files; equal runs give equal bytes.

    Raises
    ------
    ExportError
        When the folder cannot be written; no file is left half-written.
    """
    written = [write_text(folder / f"{c.name}.csv", _csv(c), make=True) for c in checklists]
    return [*written, write_text(folder / "checklists.html", _page(checklists), make=True)]


def score_sentence(found: Score) -> str:
    """Say what a score is, and what it is not.

    Examples
    --------
    >>> score_sentence(Score(0.251, 0.5))[:59]
    'The run alone proves 25.1 % of the weights that apply; with'
    """
    return (
        f"The run alone proves {100 * found.proven:.1f} % of the weights that apply; with the "
        f"items that are partly met it would be {100 * found.begun:.1f} %. The final score is a "
        "person's to give."
    )


def _cell(value: str) -> str:
    value = clean(value)
    return f"'{value}" if value.startswith(_FORMULA) else value


def _csv(checklist: Checklist) -> str:
    weighted = any(line.rule.weight for line in checklist.lines)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow((*COLUMNS, "weight") if weighted else COLUMNS)
    for line in checklist.lines:
        rule, found = line.rule, line.finding
        cells = (rule.item, rule.section, rule.short, found.status, found.evidence, found.pointer)
        row = [_cell(cell) for cell in cells]
        writer.writerow([*row, f"{rule.weight:.4f}"] if weighted else row)
    return stream.getvalue()


def _page(checklists: Sequence[Checklist]) -> str:
    """Return a page without style sheet: headings and bordered tables, nothing else."""
    parts = [element("h1", "Reporting checklists, filled from the run")]
    said = (
        "Short words are ours; the checklists themselves are in the publications named. A line is "
        "met or partly met only where a file of the run proves it; the others are for a person."
    )
    parts.append(element("p", said))
    for checklist in checklists:
        parts += [element("h2", checklist.title), element("p", checklist.citation)]
        found = score(checklist.lines)
        if found is not None:
            parts.append(
                element(
                    "p", f"Score that the run proves: {100 * found.proven:.1f} % of the weights."
                )
            )
        parts.append(_table(checklist))
    head = Markup(
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<title>Reporting checklists</title>\n</head>\n<body>\n"
    )
    return str(head + Markup("\n").join(parts) + Markup("\n</body>\n</html>\n"))


def _table(checklist: Checklist) -> Markup:
    names = ("Item", "Section", "What it asks", "Status", "Evidence", "Where")
    rows = [_row(element("th", name, scope="col") for name in names)]
    for line in checklist.lines:
        rule, found = line.rule, line.finding
        cells = (rule.item, rule.section, rule.short, found.status, found.evidence, found.pointer)
        # A cell without text must not become a self-closing tag, which HTML does not know.
        rows.append(_row(element("td", cell or "\u00a0") for cell in cells))
    return element("table", Markup("\n").join(rows), border="1", cellpadding="4", cellspacing="0")


def _row(cells: Iterable[Markup]) -> Markup:
    return element("tr", Markup("").join(cells))
