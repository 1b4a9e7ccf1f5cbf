"""What a rule says of one line of a checklist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from radiofib.report.format import clean, shorten

__all__ = ["OPEN", "Finding", "Status", "met", "not_applicable", "opened", "partly"]

Status = Literal["met", "partly", "open", "not applicable"]


@dataclass(frozen=True)
class Finding:
    """A status with its evidence, and where in the run folder the evidence is.

    Nothing is met or partly met without a pointer.
    """

    status: Status
    evidence: str = ""
    pointer: str = ""

    def __post_init__(self) -> None:
        if self.status != "open" and not (self.evidence and self.pointer):
            raise ValueError(f"a line that is {self.status} needs evidence and a pointer")


def _finding(status: Status, evidence: object, pointer: str) -> Finding:
    # Names from outside may be in it: one line, of a bearable length.
    return Finding(status, shorten(" ".join(clean(evidence).split()), 400), pointer)


def met(evidence: str, pointer: str) -> Finding:
    """Return a finding that the run itself proves.

    Examples
    --------
    >>> met("5 folds", "study.yaml: evaluation.folds").status
    'met'
    """
    return _finding("met", evidence, pointer)


def partly(evidence: str, pointer: str) -> Finding:
    """Return a finding that a person must complete.

    Examples
    --------
    >>> partly("scheme metavir", "run.json: scheme").status
    'partly'
    """
    return _finding("partly", evidence, pointer)


def not_applicable(evidence: str, pointer: str) -> Finding:
    """Return why a line does not concern this run.

    Examples
    --------
    >>> not_applicable("no PET among the channels", "run.json: channels").status
    'not applicable'
    """
    return _finding("not applicable", evidence, pointer)


def opened(evidence: str = "") -> Finding:
    """Return a line that the run does not answer, with what was looked for.

    Examples
    --------
    >>> opened("cohort.csv has no column interval_days").status
    'open'
    """
    return _finding("open", evidence, "")


#: What no file of the run says.
OPEN = opened()
