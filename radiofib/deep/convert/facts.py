"""The model card of a converted network: what the graph tells, and what must be stated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radiofib.deep.card import ModelCard
from radiofib.deep.card_fields import complete_card
from radiofib.errors import ConfigError

__all__ = ["HOTSPOT", "card_of", "class_names", "merge_facts"]

#: What is published about HOTSPoT (npj Digit Med 2025, doi 10.1038/s41746-025-01870-1, and the
#: licence in its repository); colours are ours.
HOTSPOT: dict[str, Any] = {
    "licence": "Limited Use License for Scientific Research (HOTSPoT)",
    "citation": "Cazzaniga G et al. npj Digit Med 2025;8:455. doi:10.1038/s41746-025-01870-1",
    "classes": [
        {"name": "background", "colour": "#808080"},
        {"name": "lobule", "colour": "#56b4e9"},
        {"name": "portal tract", "colour": "#d55e00"},
    ],
    "preprocessing": {"um_per_px": 1.0},
}


def merge_facts(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """Merge facts key by key, inside mappings too; later ones win.

    Examples
    --------
    >>> merge_facts({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}, "b": 4})
    {'a': {'x': 1, 'y': 3}, 'b': 4}
    """
    merged: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            mine = merged.get(key)
            both = isinstance(mine, Mapping) and isinstance(value, Mapping)
            merged[key] = merge_facts(mine, value) if both else value  # type: ignore[arg-type]
    return merged


def class_names(classes: int, stated: Mapping[str, Any], *, where: str) -> None:
    """Raise when classes are stated and are not as many as the network has.

    Raises
    ------
    ConfigError
    """
    names = stated.get("classes")
    if isinstance(names, list | tuple) and len(names) != classes:
        raise ConfigError(
            "the card names another number of classes than the network has",
            where=where,
            expected=f"{classes} classes",
            found=f"{len(names)} classes",
            hint="name them in the order of the outputs",
        )


def card_of(known: Mapping[str, Any], stated: Mapping[str, Any], *, where: str) -> ModelCard:
    """Return the card from facts of the graph and stated ones.

    A fact of the graph cannot be stated otherwise.

    Raises
    ------
    ConfigError
        When facts are absent, naming all of them, or contradict the graph.

    Examples
    --------
    >>> card_of({"opset": 17}, {"opset": 18}, where="facts.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: facts.yaml: the card contradicts the network (expected opset: 17;
    found opset: 18)...
    """
    for key, mine, other in _contradictions(known, stated):
        raise ConfigError(
            "the card contradicts the network",
            where=where,
            expected=f"{key}: {mine}",
            found=f"{key}: {other}",
            hint="leave it out or correct it",
        )
    return complete_card(merge_facts(known, stated), where=where)


def _contradictions(
    known: Mapping[str, Any], stated: Mapping[str, Any], prefix: str = ""
) -> list[tuple[str, Any, Any]]:
    found: list[tuple[str, Any, Any]] = []
    for key, value in known.items():
        if key not in stated:
            continue
        other = stated[key]
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            found += _contradictions(value, other, f"{prefix}{key}.")
        elif _plain(other) != _plain(value):
            found.append((f"{prefix}{key}", value, other))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
