"""The error for a folder that is not the one a card describes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from radiofib._checks import list_some
from radiofib.errors import DataCardError

if TYPE_CHECKING:
    from radiofib.datacard.card import DataCard
    from radiofib.datacard.layout import Scan

__all__ = ["refuse_empty"]


def refuse_empty(card: DataCard, root: Path, found: Scan) -> None:
    """Refuse a folder in which no file fits a layout of the card.

    Parameters
    ----------
    card : DataCard
        A card with layouts.
    root : Path
        Folder in which its patterns begin.
    found : Scan
        What was seen there.

    Raises
    ------
    DataCardError
        With the layouts that were expected.
    """
    if found.images or found.failures:
        return
    raise DataCardError(
        f"no case was found under the folder: no file fits the card {card.name!r}",
        where=str(root),
        expected=list_some((repr(la.images) for la in card.layouts), 3),
        found=list_some((path for path, _ in found.extra), 3) or "no files there",
        hint="root is the folder in which the patterns begin",
    )
