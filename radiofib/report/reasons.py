"""What messages about many cases have in common, so that equal troubles count together."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["general_reason", "shared_reason", "without_file_names"]

_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_PATH = re.compile(
    r"(?:[A-Za-z]:)?(?:[\\/][^\s:;,)]+){2,}|[^\s:;,()']+\.(?:nii(?:\.gz)?|nrrd|mha|"
    r"dcm|png|jpe?g|bmp|tiff?|svs|ndpi|csv|xlsx|sav)\b"
)
_SUFFIX = re.compile(
    r"\.(?:nii(?:\.gz)?|nrrd|nhdr|mha|mhd|dcm|dicom|png|jpe?g|bmp|gif|tiff?|webp|svs|ndpi|json|xml)$",
    re.IGNORECASE,
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


def without_file_names(reason: str) -> str:
    """Leave of the names of files their suffix alone: patients may be called by them.

    What stands before the first colon is a name when it ends in a suffix or is one word; a row of
    the cohort stays, as it tells which file is meant.

    Examples
    --------
    >>> without_file_names("us/MARIA ROSSI.png: file is empty (found 0 bytes).")
    'a .png file: file is empty (found 0 bytes).'
    >>> without_file_names("cohort.csv, row 3, column 'image': no such file (found 'M ROSSI.dcm').")
    "cohort.csv, row 3, column 'image': no such file (found a .dcm file)."
    """
    head, colon, rest = reason.partition(": ")
    if ", row " in head:
        return f"{head}{colon}{_nameless(rest)}"
    if colon and (_SUFFIX.search(head) or " " not in head.strip()):
        return f"{_kind(head)}{colon}{_nameless(rest)}"
    return _nameless(reason)


def _nameless(words: str) -> str:
    quoted = _QUOTED.sub(lambda m: _kind(m[0][1:-1]) if _SUFFIX.search(m[0][1:-1]) else m[0], words)
    return _PATH.sub(lambda m: _kind(m[0]), quoted)


def _kind(name: str) -> str:
    suffix = _SUFFIX.search(name)
    return f"a {suffix[0].lower()} file" if suffix else "a file"


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
    told = [_HINT.sub("", reason).split() for reason in reasons]
    if len({len(one) for one in told}) > 1:
        return general
    words = []
    for column in zip(*told, strict=True):
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
