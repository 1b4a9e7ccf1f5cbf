"""A model file looked at: ports, operator set, providers, card, metadata, external data."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from radiofib._checks import list_some
from radiofib._extras import is_available, require
from radiofib.deep.card import (
    CARD_KEY,
    MissingFactsError,
    ModelCard,
    card_of_file,
)
from radiofib.deep.graph import GraphFacts, check_external, describe_external, read_graph
from radiofib.deep.providers import CPU, short_name
from radiofib.deep.range_doubts import range_doubts
from radiofib.deep.session import open_session
from radiofib.errors import ConfigError, ModelError, RadiofibError
from radiofib.provenance import hash_file

__all__ = ["Inspection", "inspect_model"]

_LABEL = 14


@dataclass(frozen=True)
class Inspection:
    """What was found in a model file; see :func:`inspect_model`.

    Parameters
    ----------
    name : str
        File name.
    size_bytes : int
        Of the file, without external data.
    sha256 : str
        Of the file.
    facts : GraphFacts
        What the file states.
    card : ModelCard or None
        Its card, when complete and that of the graph.
    providers : mapping
        Provider of this onnxruntime to "" where it runs the model, else to the reason.
    problems : tuple of str
        What must be put right before the model can be used.
    unstated : bool
        Whether facts of the card are stated nowhere.
    doubts : tuple of str
        What a person should look at; the model can be used.
    """

    name: str
    size_bytes: int
    sha256: str
    facts: GraphFacts
    card: ModelCard | None
    providers: Mapping[str, str]
    problems: tuple[str, ...]
    unstated: bool = False
    doubts: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data, for JSON."""
        facts = asdict(self.facts)
        facts["external"] = [
            {"tensor": t.name, "location": t.location} for t in self.facts.external
        ]
        return {
            "name": self.name,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            **facts,
            "card": None if self.card is None else self.card.model_dump(mode="json"),
            "providers": dict(self.providers),
            "problems": list(self.problems),
            "doubts": list(self.doubts),
        }

    def render(self, width: int = 80) -> str:
        """Return everything as text that fits a terminal.

        Parameters
        ----------
        width : int
            Longest line.
        """
        lines: list[str] = []
        for label, text in self._rows():
            lines += _wrapped(label, text, width)
        return "\n".join(lines)

    def _rows(self) -> Iterator[tuple[str, str]]:
        facts = self.facts
        yield "model", f"{self.name}, {self.size_bytes / 1e6:.1f} MB"
        yield "sha256", self.sha256
        sets = ", ".join(f"{domain or 'ai.onnx'} {n}" for domain, n in facts.opsets.items())
        yield "operator sets", f"{sets}; file format {facts.ir_version}"
        if facts.producer:
            yield "written by", facts.producer
        yield from _labelled("input", (p.describe() for p in facts.inputs))
        yield from _labelled("output", (p.describe() for p in facts.outputs))
        operators = sorted(facts.operators.items(), key=lambda item: (-item[1], item[0]))
        text = list_some((f"{name} {n}" for name, n in operators), 6)
        yield "operators", f"{sum(facts.operators.values())}: {text}"
        yield "external data", describe_external(facts)
        runs = [short_name(p) for p, reason in self.providers.items() if not reason]
        yield "runs on", ", ".join(runs) or "nothing here"
        for provider, reason in self.providers.items():
            if reason:
                yield "", f"not on {short_name(provider)}: {reason}"
        others = {k: v for k, v in facts.metadata.items() if k != CARD_KEY}
        yield from _labelled("metadata", (f"{k}: {v}" for k, v in others.items()))
        if self.card is not None:
            yield from _card_rows(self.card)
        yield from _labelled("problem", self.problems)
        yield from _labelled("to look at", self.doubts)


def _labelled(label: str, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Label the first line alone."""
    for number, text in enumerate(texts):
        yield ("" if number else label), text


def _card_rows(card: ModelCard) -> Iterator[tuple[str, str]]:
    how = card.preprocessing
    yield "card", f"{card.kind}, {card.architecture}, {card.precision}"
    yield "source", f"{card.source.name}, sha256 {card.source.sha256}"
    yield "licence", card.licence
    if card.training_data:
        yield "trained on", card.training_data
    if card.citation:
        yield "cite", card.citation
    size = "any size" if how.size is None else " x ".join(map(str, how.size))
    text = f"{how.colour}, {size}, {how.resize} ({how.interpolation}), {how.layout} {how.dtype}"
    yield "given", text
    if how.normalisation is not None:
        stated = how.normalisation.model_dump(mode="json")
        yield "", ", ".join(f"{k} {v}" for k, v in stated.items())
    else:
        low, high = how.value_range
        mean, sd = (" ".join(f"{v:g}" for v in values) for values in (how.mean, how.sd))
        yield "", f"range {low:g} to {high:g}, mean {mean}, sd {sd}"
    if how.spacing_mm is not None:
        spacing = " x ".join(f"{v:g}" for v in how.spacing_mm)
        yield "", f"{spacing} mm along x, y, z, {how.orientation}"
    if how.um_per_px is not None:
        tile = f", tiles of {how.tile} px" if how.tile else ""
        yield "", f"{how.um_per_px:g} um a pixel{tile}"
    yield "gives", ", ".join(f"{o.role} ({o.name})" for o in card.outputs)
    if card.classes:
        named = (f"{c.name} {c.colour}" if c.colour else c.name for c in card.classes)
        yield "classes", ", ".join(named)
    if card.parity is not None:
        numbers = card.parity.model_dump(mode="json", exclude_none=True)
        yield "parity", ", ".join(f"{k} {_number(v)}" for k, v in numbers.items())
    if card.variant is not None:
        numbers = card.variant.model_dump(mode="json", exclude_none=True)
        yield "variant", ", ".join(f"{k} {_number(v)}" for k, v in numbers.items())


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _wrapped(label: str, text: str, width: int) -> list[str]:
    """Return `label` and `text` in lines no longer than `width`."""
    clean = " ".join(text.split()) or "-"
    start = f"{label:<{_LABEL}}"
    return textwrap.wrap(
        clean,
        width,
        initial_indent=start,
        subsequent_indent=" " * _LABEL,
        break_long_words=True,
        break_on_hyphens=False,
    )


def inspect_model(path: str | Path, stated: Mapping[str, Any] | None = None) -> Inspection:
    """Look at a model file without using it on anything.

    Its bytes are read first; onnxruntime opens it only when its external data lies where it may,
    once with each provider this onnxruntime has.

    Parameters
    ----------
    path : path
        The ``.onnx`` file.
    stated : mapping, optional
        Facts the model's card does not state.

    Raises
    ------
    ModelError
        When the file is missing, damaged or no ONNX model.
    """
    path = Path(path)
    facts = read_graph(path)
    problems: list[str] = []
    providers: dict[str, str] = {}
    try:
        check_external(path, facts)
    except ModelError as error:
        problems.append(str(error))
    else:
        providers = _providers(path, problems)
    unusable = bool(problems) and is_available("onnxruntime")
    card, unstated = None, False
    try:
        card = card_of_file(path, facts, stated)
    except (ConfigError, ModelError) as error:
        absent = isinstance(error, MissingFactsError)
        if not (absent and unusable):  # facts do not help a model that cannot be used
            unstated = absent
            problems.append(str(error))
    return Inspection(
        name=path.name,
        size_bytes=path.stat().st_size,
        sha256=hash_file(path),
        facts=facts,
        card=card,
        providers=providers,
        problems=tuple(problems),
        unstated=unstated,
        doubts=() if card is None else range_doubts(card.preprocessing),
    )


def _providers(path: Path, problems: list[str]) -> dict[str, str]:
    """Open a model with each provider there is; say of each whether it is in use."""
    if not is_available("onnxruntime"):
        problems.append("onnxruntime is not installed: pip install 'radiofib[onnx]'")
        return {}
    ort = require("onnxruntime", purpose="an ONNX model")
    found: dict[str, str] = {}
    for provider in ort.get_available_providers():
        if provider == "AzureExecutionProvider":  # hands a model to a service elsewhere
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                session = open_session(path, providers=[provider])
        except RadiofibError as error:
            found[provider] = error.found or error.problem
            if provider == CPU:
                problems.append(str(error))
            continue
        found[provider] = "" if provider in session.providers else session.notes[0]
    return found
