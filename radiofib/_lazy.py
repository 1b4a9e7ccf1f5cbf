"""Public names of a package, imported when they are first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, home: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package (PEP 562) that imports names when they are asked for.

    A name is looked up once; afterwards it is an attribute like any other.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    home : mapping
        Public name to the module below the package that has it.

    Raises
    ------
    AttributeError
        By the function returned, for a name that `home` does not list.

    Examples
    --------
    >>> find = lazy_names("radiofib", {"Roi": "roi"})
    >>> find("Roi").__module__
    'radiofib.roi'
    >>> find("Rio")
    Traceback (most recent call last):
    AttributeError: module 'radiofib' has no attribute 'Rio'
    """

    def find(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return find
