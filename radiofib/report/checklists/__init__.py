"""Reporting checklists filled from a run, each line with its evidence or left open.

The lists are tables of rules (``*.csv`` here): item number, our own short words, and the name of
a small function that looks for evidence in the run folder. Nothing is ticked without a pointer.
"""

from radiofib.report.checklists.fill import (
    CHECKLIST_NAMES,
    Checklist,
    Line,
    Score,
    fill_checklists,
    score,
)
from radiofib.report.checklists.finding import Finding
from radiofib.report.checklists.write import score_sentence, write_checklists

__all__ = [
    "CHECKLIST_NAMES",
    "Checklist",
    "Finding",
    "Line",
    "Score",
    "fill_checklists",
    "score",
    "score_sentence",
    "write_checklists",
]
