"""Types of the parameters of parts and stagers, checked before anything is fitted."""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from radiofib.errors import ConfigError

__all__ = ["check_types"]

_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    type(None): "null",
}


def check_types(kind: type, params: Mapping[str, Any], *, what: str) -> None:
    """Refuse parameters whose type is not the one that the constructor declares.

    Whole numbers may stand for numbers; text is never read as a number and ``true`` never as 1.
    What is declared as `Any` is not looked at, and values stay as they are.

    Parameters
    ----------
    kind : type
        Class with an annotated ``__init__``.
    params : mapping
        Given parameters, all of them known.
    what : str
        What the message calls the class, such as ``select 'mrmr'``.

    Raises
    ------
    ConfigError
        Naming the parameter, what was expected and what was found.

    Examples
    --------
    >>> from radiofib.staging.relevance import RelevanceFilter
    >>> check_types(RelevanceFilter, {"n_features": 20}, what="select 'mrmr'")
    >>> check_types(RelevanceFilter, {"n_features": "many"}, what="select 'mrmr'")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: parameter 'n_features' of select 'mrmr' has the wrong type
    (expected a whole number; found text 'many').
    """
    declared = _declared(kind)
    for name, value in params.items():
        annotation = declared.get(name, Any)
        if annotation is Any:
            continue
        plain = value.item() if isinstance(value, np.generic) else value
        try:
            _adapter(kind, name).validate_python(plain)
        except ValidationError:
            raise ConfigError(
                f"parameter {name!r} of {what} has the wrong type",
                expected=_expected(annotation),
                found=_found(plain),
                hint=_hint(annotation, plain),
            ) from None


@cache
def _declared(kind: type) -> dict[str, Any]:
    return get_type_hints(kind.__init__)  # type: ignore[misc]  # the constructor of this very class


@cache
def _adapter(kind: type, name: str) -> TypeAdapter[Any]:
    config = ConfigDict(strict=True, arbitrary_types_allowed=True)
    return TypeAdapter(_declared(kind)[name], config=config)


def _expected(annotation: Any) -> str:
    """Say a type in words."""
    if annotation in _WORDS:
        return _WORDS[annotation]
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        kinds = [a for a in inside if not (a is int and float in inside)]
        return " or ".join(_expected(a) for a in kinds)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"names, each with {_expected(inside[-1])}"
    if inside:
        return f"a list, each of it {_expected(inside[0])}"
    return str(getattr(annotation, "__name__", annotation))


def _found(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return f"text {value!r}" if isinstance(value, str) else repr(value)


def _hint(annotation: Any, value: Any) -> str | None:
    """Return what to do about a number that was read as text (``5``, 1e-3)."""
    if not isinstance(value, str) or str in (annotation, *get_args(annotation)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return f"write the number without quotes, as {number!r}"
