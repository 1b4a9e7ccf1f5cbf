"""Names of filtered images in columns: one token for every filter of a configuration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from radiofib.errors import ConfigError
from radiofib.filters.ibsi.settings import Filter

__all__ = ["column_tokens"]


def column_tokens(filters: Sequence[Filter]) -> tuple[str, ...]:
    """Return the tokens of the filters of one configuration, all different.

    Raises
    ------
    ConfigError
        When a filter is given twice.

    Examples
    --------
    >>> from radiofib.filters.ibsi import LogFilter, MeanFilter
    >>> column_tokens([MeanFilter(size=5), LogFilter(sigma_mm=1.5)])
    ('mean5', 'slog1p5')
    """
    tokens = [settings.token for settings in filters]
    counts = Counter(tokens)
    tokens = [
        settings.hashed_token if counts[token] > 1 else token
        for settings, token in zip(filters, tokens, strict=True)
    ]
    for token, count in Counter(tokens).items():
        if count > 1:
            same = [f.label for f, t in zip(filters, tokens, strict=True) if t == token]
            raise ConfigError(
                "a filter is given twice"
                if same[0] == same[1]
                else "filters share a name by bad luck; change a setting a little",
                found="; ".join(same),
                hint="remove one of them",
            )
    return tuple(tokens)
