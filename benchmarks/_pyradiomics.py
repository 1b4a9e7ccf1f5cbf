"""pyradiomics' voxel-based mode without a word."""

from __future__ import annotations

import logging
from typing import Any

__all__ = ["silence"]


class _Silent:
    """The fork's own progress reporter does not take the arguments its base class gives it."""

    def __init__(self, *args: Any, **keywords: Any) -> None: ...
    def __enter__(self) -> _Silent:
        return self

    def __exit__(self, *args: Any) -> None: ...
    def update(self, *args: Any) -> None: ...


def silence() -> None:
    """Put a reporter of progress that works in place of pyradiomics' own, and stop its log."""
    from radiomics import base

    base.getProgressReporter = _Silent
    logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)
