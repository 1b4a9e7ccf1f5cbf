"""How the work on one acquisition is done and ends: anew, kept from before, or with a failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from radiofib.cohort import Acquisition
from radiofib.cohort.failures import died_on, failure_of
from radiofib.engines import ExtractionConfig
from radiofib.errors import Failure
from radiofib.extract.pieces import piece_key
from radiofib.extract.prepared import Regions, load_regions, mask_label, used_files
from radiofib.extract.ultrasound import ultrasound_inputs
from radiofib.prepare import LOST

__all__ = ["Outcome", "Work", "crashed", "describe", "do_piece", "lost_in_alignment"]


@dataclass(frozen=True)
class Work:
    """What every piece needs to know.

    Parameters
    ----------
    config : ExtractionConfig
        What to compute.
    config_hash, versions : str
        Of all settings, and of what computes: a finished piece of others is not kept.
    folder : path
        Where results are written.
    """

    config: ExtractionConfig
    config_hash: str
    versions: str
    folder: Path


W = TypeVar("W", bound=Work)
R = TypeVar("R")


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """How a piece ended: with a result, or with a failure.

    Parameters
    ----------
    result : object or None
        What was computed or kept; None when it failed.
    failure : Failure or None
        Why there is no result.
    reused : bool
        Whether the result is that of an earlier run.
    """

    result: R | None = None
    failure: Failure | None = None
    reused: bool = False


def do_piece(
    acquisition: Acquisition,
    *,
    work: W,
    step: str,
    read: Callable[[W, Acquisition, str], R | None],
    make: Callable[[W, Acquisition, Regions, str], R],
) -> Outcome[R]:
    """Do one piece unless it is there; never raise.

    Parameters
    ----------
    acquisition : Acquisition
        Whose piece.
    work : Work
        What to do.
    step : str
        What failures of `make` are called.
    read : callable
        Given work, acquisition and key, returns the finished result, None when there is none.
    make : callable
        Given work, acquisition, regions and key, computes and stores the result.
    """
    lost = lost_in_alignment(acquisition)
    if lost is not None:
        return Outcome(failure=lost)
    at = "read"
    try:
        key = piece_key(
            acquisition,
            mask_label(acquisition, work.config),
            config_hash=work.config_hash,
            versions=work.versions,
            files=used_files(acquisition, work.config)
            | ultrasound_inputs(acquisition, work.config),
        )
        finished = read(work, acquisition, key)
        if finished is not None:
            return Outcome(finished, reused=True)
        regions = load_regions(acquisition, work.config)
        at = step
        return Outcome(make(work, acquisition, regions, key))
    except Exception as error:  # one bad acquisition never stops the others
        return Outcome(failure=failure_of(acquisition, error, at))


def lost_in_alignment(acquisition: Acquisition) -> Failure | None:
    """Return the failure of a channel that must not be measured, because it was not aligned.

    Examples
    --------
    >>> lost = Acquisition("c1", "p1", "t1", Path("t1.nii"), extra={"registration": "failed: why"})
    >>> lost_in_alignment(lost).reason
    'why'
    """
    said = str(acquisition.extra.get("registration") or "")
    if not said.startswith(LOST):
        return None
    return Failure(
        acquisition.case,
        "register",
        said.removeprefix(LOST),
        channel=acquisition.channel,
        instance=acquisition.instance,
        error="EngineError",
    )


def crashed(
    acquisition: Acquisition, error: Exception, *, step: str, doing: str, hint: str
) -> Outcome[Any]:
    """Return the outcome of an acquisition whose process died.

    Examples
    --------
    >>> died = crashed(Acquisition("c1", "p1", "us", Path("c1.png")), MemoryError(),
    ...                step="maps", doing="made maps of", hint="use fewer workers")
    >>> died.failure.reason
    'the process that made maps of this region died (found MemoryError). Next: it may have run
    out of memory: use fewer workers.'
    """
    died = died_on(f"{doing} this region", error, hint)
    return Outcome(failure=failure_of(acquisition, died, step))


def describe(acquisition: Acquisition, outcome: Outcome[Any]) -> str:
    """Return a line on how a piece ended, to show progress.

    Examples
    --------
    >>> describe(Acquisition("c1", "p1", "us", Path("c1.png")), Outcome(1, reused=True))
    'c1 us: kept'
    """
    name = " ".join(part for part in (acquisition.case, acquisition.instance) if part)
    state = "failed" if outcome.failure else "kept" if outcome.reused else "done"
    return f"{name} {acquisition.channel}: {state}"
