"""How many generated examples a property test tries."""

from __future__ import annotations

import os

__all__ = ["examples"]


def examples(plain: int) -> int:
    """Return the number for this run: RADIOFIB_EXAMPLES times as many when it is set."""
    return plain * int(os.environ.get("RADIOFIB_EXAMPLES", "1"))
