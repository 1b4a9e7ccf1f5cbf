"""What is said of an acquisition that could not be used: the same words in every step."""

from __future__ import annotations

from radiofib.cohort.model import Acquisition
from radiofib.errors import EngineError, Failure

__all__ = ["died_on", "failure_of"]


def failure_of(acquisition: Acquisition, error: Exception, step: str) -> Failure:
    """Return the failure of an acquisition in a step.

    Examples
    --------
    >>> from pathlib import Path
    >>> acquisition = Acquisition("c1", "p1", "us", Path("c1.png"))
    >>> failure_of(acquisition, EngineError("no region"), "extract").reason
    'no region.'
    """
    return Failure.from_error(
        error,
        case=acquisition.case,
        step=step,
        channel=acquisition.channel,
        instance=acquisition.instance,
    )


def died_on(what: str, error: Exception, hint: str = "use fewer workers") -> EngineError:
    """Return the error of a piece of work whose process died.

    Examples
    --------
    >>> print(died_on("made maps of this region", MemoryError()))
    the process that made maps of this region died (found MemoryError). Next: it may have run out
    of memory: use fewer workers.
    """
    return EngineError(
        f"the process that {what} died",
        found=type(error).__name__,
        hint=f"it may have run out of memory: {hint}",
    )
