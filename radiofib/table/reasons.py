"""Many columns, one reason: fold reasons into patterns and unfold them again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from radiofib._checks import list_some
from radiofib.errors import ConfigError

__all__ = ["fold_reasons", "matching_columns", "unfold_reasons"]

# <channel>_*, <channel>_<image>_*, <channel>_<image>_<family>_*
_LEVELS = (1, 2, 3)


def fold_reasons(reasons: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    """Replace groups of columns that share a reason by one pattern that ends in ``*``.

    Parameters
    ----------
    reasons : mapping
        Column to reason.
    columns : sequence of str
        All columns the reasons are about; a pattern is used only where every column it matches
        has the reason.

    Returns
    -------
    dict
        Column or pattern (``us_log5mm_*``, ``us_original_shape2d_*``, ``dwi_*``) to reason, in
        column order. No column is named twice.

    Examples
    --------
    >>> columns = ["us_original_glcm_id", "us_wll_glcm_id", "us_wll_glcm_idm"]
    >>> fold_reasons({"us_wll_glcm_id": "too small", "us_wll_glcm_idm": "too small"}, columns)
    {'us_wll_*': 'too small'}
    """
    left = dict(reasons)
    if not left:
        return {}
    first: dict[str, tuple[int, str]] = {}
    position = {column: i for i, column in enumerate(columns)}
    for level in _LEVELS:
        groups: dict[str, list[str]] = defaultdict(list)
        for column in columns:
            groups["_".join(column.split("_", level)[:level])].append(column)
        for prefix, members in groups.items():
            said = {left.get(member) for member in members}
            if len(members) < 2 or len(said) > 1 or None in said:
                continue
            first[f"{prefix}_*"] = (position[members[0]], left[members[0]])
            for member in members:
                del left[member]
    for column, reason in left.items():
        first[column] = (position[column], reason)
    return {name: reason for name, (_, reason) in sorted(first.items(), key=lambda x: x[1][0])}


def matching_columns(pattern: str, columns: Iterable[str]) -> list[str]:
    """Return the columns a name or pattern stands for.

    Examples
    --------
    >>> matching_columns("t1_*", ["t1_original_glcm_id", "t10_original_glcm_id"])
    ['t1_original_glcm_id']
    """
    if pattern.endswith("*"):
        return [column for column in columns if column.startswith(pattern[:-1])]
    return [column for column in columns if column == pattern]


def unfold_reasons(folded: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    """Give every column its reason again: the inverse of :func:`fold_reasons`.

    Raises
    ------
    ConfigError
        When a name or pattern matches none of the columns.

    Examples
    --------
    >>> unfold_reasons({"us_wll_*": "too small"}, ["us_original_glcm_id", "us_wll_glcm_id"])
    {'us_wll_glcm_id': 'too small'}
    """
    found: dict[str, str] = {}
    for pattern, reason in folded.items():
        members = matching_columns(pattern, columns)
        if not members:
            raise ConfigError(f"no column matches {pattern!r}", found=list_some(columns))
        found |= dict.fromkeys(members, reason)
    return {column: found[column] for column in columns if column in found}
