"""Where data cards are: beside the package in a source tree, inside it when installed."""

from __future__ import annotations

from pathlib import Path

from radiofib._checks import check_regular, list_some, nearest
from radiofib.errors import DataCardError

__all__ = ["find_card", "list_cards"]

_PACKAGE = Path(__file__).resolve().parent.parent


def _folders() -> list[Path]:
    source = _PACKAGE.parent
    found = [source / "data_cards"] if (source / "setup.cfg").is_file() else []
    return [f for f in (*found, _PACKAGE / "data_cards") if f.is_dir()]


def list_cards() -> dict[str, Path]:
    """Return the cards that radiofib brings: name -> file.

    Examples
    --------
    >>> "lifs" in list_cards()
    True
    """
    found: dict[str, Path] = {}
    for folder in _folders():
        for path in sorted(folder.glob("*.md")):
            found.setdefault(path.stem, path)
    return found


def find_card(card: str | Path) -> Path:
    """Return the file of a card, given its path or the name of one that radiofib brings.

    Raises
    ------
    DataCardError
        When there is no such file or name.

    Examples
    --------
    >>> find_card("lifs").name
    'lifs.md'
    >>> find_card("livs")
    Traceback (most recent call last):
    radiofib.errors.DataCardError: no data card 'livs' (expected ...). Next: did you mean 'lifs'?
    """
    path = Path(card)
    if path.suffix.lower() == ".md":
        check_regular(path, error=DataCardError, where=path.name)
        if path.is_file():
            return path
        raise DataCardError("no such file", where=path.name, hint="check the path")
    known = list_cards()
    if str(card) in known:
        return known[str(card)]
    close = nearest(str(card), known)
    raise DataCardError(
        f"no data card {str(card)!r}",
        expected=f"{list_some(known, 20)}, or the path of a .md file",
        hint=f"did you mean {close!r}?" if close else None,
    )
