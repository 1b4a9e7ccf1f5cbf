"""How sure the stager may be taken to be: sets of stages, the grey zone, unfamiliar cases."""

from __future__ import annotations

from radiofib.report.blocks import Paragraph, Section
from radiofib.report.context import Context
from radiofib.report.familiarity import familiarity_blocks
from radiofib.report.prediction_sets import set_blocks
from radiofib.report.undecided import undecided_blocks

__all__ = ["certainty_section"]


def certainty_section(context: Context) -> Section | None:
    """Build the section on certainty; None when the run did not look at it."""
    blocks = [*set_blocks(context), *undecided_blocks(context), *familiarity_blocks(context)]
    if not blocks:
        return None
    first = Paragraph(
        "A stage alone says too little about a single patient. Here is how far the stager's "
        "answer can be relied on: which stages it cannot exclude, whom it would leave undecided, "
        "and which cases it should not be asked about."
    )
    return Section("certainty", "How sure is it?", (first, *blocks))
