"""Errors that say where, what was expected, what was found and what to do.

Every error radiofib raises on purpose derives from :class:`RadiofibError`, so that a caller
can tell "your input needs attention" from a defect in the code.
"""

from __future__ import annotations

import errno
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

__all__ = [
    "NO_ROOM",
    "CohortError",
    "ConfigError",
    "DataCardError",
    "EngineError",
    "ExportError",
    "Failure",
    "ImageError",
    "MaskError",
    "MissingExtraError",
    "MissingModelError",
    "ModelError",
    "RadiofibError",
    "SlideError",
    "SplitError",
    "TableError",
    "UsageError",
]

#: What the system says when a disk is full, or a user's share of it.
NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class RadiofibError(Exception):
    """Base class: one sentence of fact, then where, what was expected, found, and what to do.

    Parameters
    ----------
    problem : str
        What is wrong, without a closing full stop.
    where : str, optional
        File, row, column or case.
    expected, found : str, optional
        What would have been right, and what was there.
    hint : str, optional
        What the reader can do next.

    Examples
    --------
    >>> print(CohortError("stage is outside the scheme", where="cohort.csv, row 12, column 'stage'",
    ...                   expected="0, 1, 2, 3 or 4", found="'7'", hint="correct the cell"))
    cohort.csv, row 12, column 'stage': stage is outside the scheme (expected 0, 1, 2, 3 or 4;
    found '7'). Next: correct the cell.
    """

    def __init__(
        self,
        problem: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.expected = expected
        self.found = found
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.problem}" if self.where else self.problem
        # What was found may be another error's text: its advice is given once, at the end, and its
        # own facts need no second bracket around them.
        found, _, inner = (self.found or "").partition(" Next: ")
        told = " (expected " in found or " (found " in found
        facts = [
            f"{word} {fact.rstrip('.')}" if inner or fact.endswith(").") else f"{word} {fact}"
            for word, fact in (("expected", self.expected), ("found", "" if told else found))
            if fact
        ]
        if facts:
            text += f" ({'; '.join(facts)})"
        if told:
            text += f": {found}"
        text = _closed(text)
        hint = self.hint or inner
        return f"{text} Next: {_closed(hint)}" if hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross process borders; the default would lose the keyword arguments.
        keywords = {k: getattr(self, k) for k in ("where", "expected", "found", "hint")}
        return (_rebuild, (type(self), self.problem, keywords))


def _closed(text: str) -> str:
    """End a sentence with one stop.

    >>> _closed("check the path"), _closed("did you mean 'cpu'?")
    ('check the path.', "did you mean 'cpu'?")
    """
    bare = text.rstrip(".")
    return bare if bare.endswith(("?", "!")) else f"{bare}."


def _rebuild(kind: type[RadiofibError], problem: str, keywords: dict[str, Any]) -> RadiofibError:
    return kind(problem, **keywords)


class UsageError(RadiofibError):
    """The command or call itself is wrong (exit status 2)."""


class ConfigError(UsageError):
    """A configuration file or setting is not understood."""


class DataCardError(UsageError):
    """A data card cannot be read or does not describe the folder."""


class CohortError(UsageError):
    """A cohort table cannot be used."""


class TableError(UsageError):
    """A feature or prediction table cannot be used."""


class MissingExtraError(UsageError):
    """An optional part of radiofib is not installed."""


class ImageError(RadiofibError):
    """An image cannot be read or used."""


class MaskError(RadiofibError):
    """A mask cannot be read, is empty, or does not fit its image."""


class EngineError(RadiofibError):
    """A feature engine failed on a region of interest."""


class SlideError(RadiofibError):
    """A whole-slide image cannot be opened or measured."""


class SplitError(RadiofibError):
    """The cases cannot be divided as asked."""


class ModelError(RadiofibError):
    """A stager cannot be trained, stored, read or applied."""


class MissingModelError(ModelError, UsageError):
    """A model that a command or a configuration names is not there (exit status 2)."""


class ExportError(RadiofibError):
    """A table cannot be written in the asked format."""


@dataclass(frozen=True)
class Failure:
    """One thing that could not be done, for ``failures.csv``.

    Parameters
    ----------
    case : str
        Case as the cohort names it.
    step : str
        What was being done: ``read``, ``extract``, ``slide``, ``train`` ...
    reason : str
        The full message of the error.
    channel, instance : str
        Empty when the failure concerns the whole case.
    error : str
        Class name of the error.

    Examples
    --------
    >>> Failure("c01", "read", "no such file", channel="t1").as_row()["channel"]
    't1'
    """

    case: str
    step: str
    reason: str
    channel: str = ""
    instance: str = ""
    error: str = "RadiofibError"

    @classmethod
    def from_error(
        cls, error: Exception, *, case: str, step: str, channel: str = "", instance: str = ""
    ) -> Failure:
        """Describe an exception; unexpected ones keep their class name as evidence.

        Examples
        --------
        >>> Failure.from_error(ImageError("unreadable"), case="c01", step="read").reason
        'unreadable.'
        """
        name = type(error).__name__
        reason = str(error) if isinstance(error, RadiofibError) else f"{name}: {error}"
        return cls(case, step, reason, channel=channel, instance=instance, error=name)

    def below(self, root: Path | None) -> Failure:
        """Say nothing about the machine: paths in the reason start from a folder.

        Examples
        --------
        >>> failure = Failure("c01", "read", "/data/c01/t1.nii.gz: file is empty")
        >>> failure.below(Path("/data")).reason
        'c01/t1.nii.gz: file is empty'
        """
        if root is None:
            return self
        reason = self.reason.replace(f"{root}/", "").replace(f"{root}\\", "")
        return replace(self, reason=reason)

    def as_row(self) -> dict[str, str]:
        """Return the fields as a dict, in column order of ``failures.csv``."""
        row = asdict(self)
        order = ("case", "channel", "instance", "step", "error", "reason")
        return {name: row[name] for name in order}
