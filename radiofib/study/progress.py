"""How long work tells where it is."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "silent"]

#: Called with the name of a step, pieces done and pieces in all.
Progress = Callable[[str, int, int], None]


def silent(_step: str, _done: int, _total: int) -> None:
    """Tell nobody.

    Examples
    --------
    >>> silent("features", 1, 2)
    """
