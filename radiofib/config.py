"""Strict, frozen configuration: an unknown key is an error that names the nearest known one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from radiofib._checks import list_some, nearest
from radiofib.errors import ConfigError

__all__ = ["StrictModel", "load_yaml", "parse_yaml"]


class _UniqueKeyLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key written twice (YAML would keep the last silently)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(k, deep=True) for k, _ in node.value]
        twice = [k for i, k in enumerate(keys) if k in keys[:i] and k != "<<"]
        if twice:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"key {twice[0]!r} is given twice in the block from line {line}")
        return super().construct_mapping(node, deep=deep)


def parse_yaml(text: str, *, where: str = "YAML") -> Any:
    r"""Parse YAML safely: no tags that build objects, no repeated keys.

    Raises
    ------
    ConfigError
        When the text is not valid YAML, with the line where it breaks.

    Examples
    --------
    >>> parse_yaml("a: [1, 2]")
    {'a': [1, 2]}
    >>> parse_yaml("a: 1\na: 2", where="study.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: study.yaml: not valid YAML (found key 'a' is given twice in the
    block from line 1).
    """
    loader = _UniqueKeyLoader(text)
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        found = " ".join(str(error).split())
        raise ConfigError("not valid YAML", where=where, found=found) from error
    finally:
        loader.dispose()


def load_yaml(path: str | Path) -> Any:
    """Read a YAML file with :func:`parse_yaml`.

    Raises
    ------
    ConfigError
        When the file is missing, not UTF-8, or not valid YAML.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError("no such file", where=str(path), hint="check the path") from error
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise ConfigError("not a UTF-8 text file", where=str(path)) from error
    return parse_yaml(text, where=path.name)


class StrictModel(BaseModel):
    """Base of all configuration: frozen, no unknown keys, helpful errors.

    Use :meth:`parse` on data from outside; the constructor raises pydantic's own error.

    Examples
    --------
    >>> class Bins(StrictModel):
    ...     width: float = 25.0
    >>> Bins.parse({"width": 10}, where="config.yaml").width
    10.0
    >>> Bins.parse({"widht": 10}, where="config.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: config.yaml: 'widht' is not a known key (expected width).
    Next: did you mean 'width'?
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @classmethod
    def parse(cls, data: Any, *, where: str) -> Self:
        """Validate `data`, raising :class:`ConfigError` with place, key and nearest known key."""
        if not isinstance(data, dict):
            raise ConfigError(
                "expected a mapping of settings", where=where, found=type(data).__name__
            )
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            found = error.errors(include_url=False)
            raise _explain(cls, found, where) from error

    @classmethod
    def check_stated(cls, data: dict[str, Any], *, where: str) -> None:
        """Raise for a key of `data` that is not known or not possible; absent ones do not count.

        Examples
        --------
        >>> class Bins(StrictModel):
        ...     width: float
        ...     count: int
        >>> Bins.check_stated({"width": 10}, where="facts.yaml")
        >>> Bins.check_stated({"width": "wide"}, where="facts.yaml")
        Traceback (most recent call last):
        radiofib.errors.ConfigError: facts.yaml: 'width': Input should be a valid number, unable to
        parse string as a number (found 'wide').
        """
        try:
            cls.model_validate(data)
        except ValidationError as error:
            found = [e for e in error.errors(include_url=False) if e["type"] != "missing"]
            if found:
                raise _explain(cls, found, where) from error

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """Read and validate a YAML file."""
        return cls.parse(load_yaml(path) or {}, where=Path(path).name)


def _explain(model: type[BaseModel], found: list[Any], where: str) -> ConfigError:
    # A misspelt required key is also a missing one: the misspelling is what helps.
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, first["loc"][:-1])
        close = nearest(str(first["loc"][-1]), known)
        return ConfigError(
            f"{place!r} is not a known key",
            where=where,
            expected=list_some(known, 30) or None,
            hint=f"did you mean {close!r}?" if close else None,
        )
    more = len(found) - 1
    also = f"; {more} more to correct" if more else ""
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    # A rule that says itself what it found, or is about several keys, needs no more words.
    told = first["type"] == "missing" or "found " in message or isinstance(first["input"], dict)
    return ConfigError(
        f"{place!r}: {message}{also}" if place else f"{message}{also}",
        where=where,
        found=None if told else repr(first["input"])[:80],
    )


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the keys allowed at a place inside nested models (best effort, for messages)."""
    current: Any = model
    choices: list[type[BaseModel]] = []
    for part in path:
        fields = getattr(current, "model_fields", {})
        by_alias = {(f.alias or n): f for n, f in fields.items()} | dict(fields)
        if part in by_alias:
            choices = list(_inner_models(by_alias[part].annotation))
            current = choices[0] if choices else None
        else:  # a position in a list, or the tag that tells models of a union apart
            current = next((m for m in choices if part in _tags(m)), current)
    fields = getattr(current, "model_fields", {})
    return [f.alias or n for n, f in fields.items()]


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    fields = model.model_fields
    field = fields.get("type") or fields.get("kind")
    return get_args(field.annotation) if field else ()


def _inner_models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _inner_models(argument)
