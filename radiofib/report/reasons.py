"""What messages about many cases have in common, so that equal troubles count together."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["general_reason", "shared_reason"]

_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_PATH = re.compile(
    r"(?:[A-Za-z]:)?(?:[\\/][^\s:;,)]+){2,}|[^\s:;,()']+\.(?:nii(?:\.gz)?|nrrd|mha|"
    r"dcm|png|jpe?g|bmp|tiff?|svs|ndpi|csv|xlsx|sav)\b"
)
_NUMBER = re.compile(r"(?<![A-Za-z_])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_HINT = re.compile(r"\s*Next: .*$", re.DOTALL)


def general_reason(reason: str, names: frozenset[str] = frozenset()) -> str:
    """Strip from a message what differs from case to case, so that equal troubles count together.

    Parameters
    ----------
    reason : str
        Message of an error.
    names : frozenset of str
        Case names, replaced where they stand as a word.

    Examples
    --------
    >>> general_reason("c07_t1.nii.gz: mask is empty (expected label 5; found 1, 2). Next: check.")
    '…: mask is empty (expected label …; found …, …).'
    """
    short = _HINT.sub("", reason)
    short = _PATH.sub("…", _QUOTED.sub("…", short))
    if names:
        short = " ".join(_without(word, names) for word in short.split())
    return _NUMBER.sub("…", short).strip()


def shared_reason(reasons: Sequence[str], names: frozenset[str] = frozenset()) -> str:
    """Return what messages of one kind share: what is the same in all of them stays.

    Parameters
    ----------
    reasons : sequence of str
        Messages for which :func:`general_reason` is the same.
    names : frozenset of str
        Case names.

    Examples
    --------
    >>> shared_reason(["greys to 255, not 4095: 8 and 12 bits", "greys to 200, not 4095: 8 and 12 "
    ...                "bits"])
    'greys to …, not 4095: 8 and 12 bits'
    """
    general = general_reason(reasons[0], names)
    columns = list(zip(*(_HINT.sub("", reason).split() for reason in reasons), strict=False))
    if any(len(_HINT.sub("", reason).split()) != len(columns) for reason in reasons):
        return general
    words = []
    for column in columns:
        if len(set(column)) == 1:
            words.append(column[0])
            continue
        left = {general_reason(word, names) for word in column}
        if len(left) > 1:  # such as a part of a quoted name of several words
            return general
        words.append(left.pop())
    return " ".join(words)


def _without(word: str, names: frozenset[str]) -> str:
    core = word.strip(":;,.()")
    return word.replace(core, "…") if core and core in names else word
