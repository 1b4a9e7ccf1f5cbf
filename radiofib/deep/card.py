"""The card inside an ONNX model: read, write, and check against the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from radiofib._checks import list_some
from radiofib._extras import require
from radiofib.config import load_yaml
from radiofib.deep.card_fields import (
    CARD_KEY,
    ClassLabel,
    Kind,
    MissingFactsError,
    ModelCard,
    Output,
    Parity,
    Precision,
    Preprocessing,
    Role,
    Source,
    VariantParity,
    card_json,
    complete_card,
)
from radiofib.deep.notes import clear_notes
from radiofib.deep.ports import Port
from radiofib.deep.session import open_session
from radiofib.errors import ConfigError, ModelError
from radiofib.provenance import hash_file

__all__ = [
    "CARD_KEY",
    "ClassLabel",
    "Kind",
    "MissingFactsError",
    "ModelCard",
    "Output",
    "Parity",
    "Precision",
    "Preprocessing",
    "Role",
    "Source",
    "VariantParity",
    "card_from_metadata",
    "card_of_file",
    "check_card",
    "port_facts",
    "read_card",
    "read_sidecar",
    "with_card",
]

_TYPES = {"float32": "tensor(float)", "float16": "tensor(float16)", "uint8": "tensor(uint8)"}
_RANKS: dict[str, tuple[int, ...]] = {
    "logits": (2,),
    "embedding": (2,),
    "feature_map": (4,),
    "label_map": (3, 4),
}


def card_from_metadata(
    metadata: Mapping[str, str], stated: Mapping[str, Any] | None = None, *, where: str
) -> ModelCard:
    """Return the card in a model's metadata; facts stated elsewhere take the place of its own.

    `stated` is merged key by key, inside ``source`` and ``preprocessing`` too; lists are
    replaced whole.

    Raises
    ------
    ConfigError
        When the metadata cannot be understood, or facts are stated nowhere: the error names
        every one.

    Examples
    --------
    >>> card_from_metadata({}, {"kind": "extractor", "opset": 17}, where="net.onnx")
    Traceback (most recent call last):
    radiofib.deep.card_fields.MissingFactsError: net.onnx: the model does not state what must be
    known to use it (expected architecture (name of the network, such as resnet34); source (...
    """
    return complete_card(_merged(metadata, stated, where), where=where)


def _merged(
    metadata: Mapping[str, str], stated: Mapping[str, Any] | None, where: str
) -> dict[str, Any]:
    own: dict[str, Any] = {}
    if CARD_KEY in metadata:
        own = card_json(metadata[CARD_KEY], where=f"{where}, metadata property {CARD_KEY!r}")
    merged = dict(own)
    for key, value in (stated or {}).items():
        mine = own.get(key)
        if isinstance(mine, dict) and isinstance(value, Mapping):
            merged[key] = {**mine, **value}
        else:
            merged[key] = value
    return merged


class OpenGraph(Protocol):
    """What a card is checked against, whoever has read the file."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Of the model."""

    @property
    def inputs(self) -> Sequence[Port]:
        """Of the graph."""

    @property
    def outputs(self) -> Sequence[Port]:
        """Of the graph."""

    @property
    def opset(self) -> int | None:
        """Operator set, where it is known."""


def card_of_file(
    path: str | Path, graph: OpenGraph, stated: Mapping[str, Any] | None = None
) -> ModelCard:
    """Return the card of an open file, checked against its graph.

    What the file itself tells is not asked for: operator set, what :func:`port_facts` finds, and,
    where nothing names another source of the weights, its own name and SHA-256.

    Parameters
    ----------
    path : path
        The ``.onnx`` file.
    graph : OpenGraph
        An open session, or what :func:`~radiofib.deep.graph.read_graph` read.
    stated : mapping, optional
        Facts the model does not state, or states otherwise.

    Raises
    ------
    ConfigError
        When facts are missing or not understood.
    ModelError
        When the card is not that of the graph.
    """
    path = Path(path)
    if len(graph.inputs) != 1:  # no card helps: said before any fact is asked for
        raise ModelError(
            "a network with this number of inputs cannot be used",
            where=path.name,
            expected="one input",
            found=list_some(p.describe() for p in graph.inputs),
            hint="export the network with the picture as its only input",
        )
    merged = _merged(graph.metadata, stated, path.name)
    if graph.opset is not None:
        merged.setdefault("opset", graph.opset)
    source = merged.setdefault("source", {"name": path.name})
    own = isinstance(source, Mapping) and source.get("name", path.name) == path.name
    if own and "sha256" not in source:
        merged["source"] = {"name": path.name, **source, "sha256": hash_file(path)}
    how = merged.get("preprocessing", {})
    if isinstance(how, Mapping):
        merged["preprocessing"] = {**port_facts(graph.inputs, how.get("layout")), **how}
    card = complete_card(merged, where=path.name)
    check_card(card, graph.inputs, graph.outputs, opset=graph.opset, where=path.name)
    return card


def port_facts(inputs: Sequence[Port], layout: Any = None) -> dict[str, Any]:
    """Return what an only input tells: dtype, and where its layout is clear colour and fixed size.

    Parameters
    ----------
    inputs : sequence of Port
        Of the graph; several tell nothing.
    layout : str, optional
        As stated; else five axes are NCDHW, and of four the one of length 1 or 3 is the channels
        when there is only one such.

    Examples
    --------
    >>> port_facts([Port("x", (None, 3, 224, 224), "tensor(float)")])
    {'dtype': 'float32', 'layout': 'NCHW', 'colour': 'rgb', 'size': [224, 224]}
    >>> port_facts([Port("x", (1, 3, None, 3), "tensor(uint8)")])
    {'dtype': 'uint8'}
    """
    if len(inputs) != 1:
        return {}
    [port] = inputs
    types = {name: dtype for dtype, name in _TYPES.items()}
    found: dict[str, Any] = {"dtype": types[port.type]} if port.type in types else {}
    shape = port.shape
    if layout is None:
        layout = _layout(shape)
        found |= {"layout": layout} if layout else {}
    places = {"NCHW": (2, 3), "NHWC": (1, 2), "NCDHW": (2, 3, 4)}.get(str(layout))
    if places is not None and len(shape) == len(str(layout)):
        channels = shape[-1] if layout == "NHWC" else shape[1]
        if channels in (1, 3):
            found["colour"] = "grey" if channels == 1 else "rgb"
        size = [shape[place] for place in places]
        if None not in size:
            found["size"] = size
    return found


def _layout(shape: Sequence[int | None]) -> str | None:
    """Return the layout that a shape can only have."""
    if len(shape) == len("NCDHW"):
        return "NCDHW"
    if len(shape) != len("NCHW"):
        return None
    first, last = (shape[place] in (1, 3) for place in (1, 3))
    return None if first == last else "NCHW" if first else "NHWC"


def read_sidecar(path: str | Path) -> dict[str, Any]:
    """Read facts from a YAML or JSON file; they need not be complete.

    Raises
    ------
    ConfigError
        When the file cannot be read, holds no mapping, or states what cannot be.
    """
    path = Path(path)
    # JSON is read by the YAML loader too: every JSON card is plain YAML, and repeated keys show.
    data = load_yaml(path)
    if not isinstance(data, dict):
        raise ConfigError("the card is no mapping", where=path.name, found=type(data).__name__)
    ModelCard.check_stated(data, where=path.name)
    return data


def read_card(path: str | Path, stated: Mapping[str, Any] | None = None) -> ModelCard:
    """Return the card of a model file, checked against its graph.

    Parameters
    ----------
    path : path
        The ``.onnx`` file.
    stated : mapping, optional
        Facts the model does not state, or states otherwise (:func:`read_sidecar`).

    Raises
    ------
    MissingExtraError
        Without onnxruntime.
    ConfigError
        When facts are missing or not understood.
    ModelError
        When the file is no model, or the card is not that of the graph.
    """
    return card_of_file(path, open_session(path), stated)


def check_card(
    card: ModelCard,
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    *,
    opset: int | None = None,
    where: str,
) -> None:
    """Raise when a card is not that of a graph.

    Looked at: one input of the stated type, layout, channels and size; each output there, with
    as many axes as its role has; as many logits as classes; labels are whole numbers; the
    operator set. A length the graph leaves open fits.

    Raises
    ------
    ModelError
        With what the card says and what the graph has.
    """
    problems = [*_input_problems(card.preprocessing, inputs)]
    ports = {p.name: p for p in outputs}
    for output in card.outputs:
        port = ports.get(output.name)
        if port is None:
            problems.append(
                ("output is not in the graph", f"{output.role} {output.name!r}", list_some(ports))
            )
        else:
            problems += _output_problems(card, output, port)
    if opset is not None and opset != card.opset:
        problems.append(("operator set differs", str(card.opset), str(opset)))
    if problems:
        more = f" ({len(problems) - 1} more differ)" if len(problems) > 1 else ""
        problem, expected, found = problems[0]
        raise ModelError(
            f"the card is not that of the graph: {problem}{more}",
            where=where,
            expected=f"by the card {expected}",
            found=f"in the graph {found}",
            hint="correct the card, or convert the model again",
        )


def _input_problems(how: Preprocessing, inputs: Sequence[Port]) -> list[tuple[str, str, str]]:
    """Return what of the input differs, as (problem, by the card, in the graph)."""
    found = list_some(p.describe() for p in inputs)
    if len(inputs) != 1:
        return [("number of inputs", "one", found)]
    [port] = inputs
    problems: list[tuple[str, str, str]] = []
    if port.type != _TYPES[how.dtype]:
        problems.append(("type of the input", how.dtype, found))
    wanted = list(how.size) if how.size else [None] * (3 if how.layout == "NCDHW" else 2)
    at = -1 if how.layout == "NHWC" else 1
    if len(port.shape) != len(how.layout):
        problems.append(("axes of the input", f"{len(how.layout)} ({how.layout})", found))
        return problems
    if port.shape[at] not in (None, how.channels):
        problems.append(("channels of the input", f"{how.channels} ({how.colour})", found))
    spatial = port.shape[1:-1] if at == -1 else port.shape[2:]
    for length, stated in zip(spatial, wanted, strict=True):
        if length is not None and length != stated:
            text = " x ".join("any" if n is None else str(n) for n in wanted)
            problems.append(("size of the input", text, found))
            break
    return problems


def _output_problems(card: ModelCard, output: Output, port: Port) -> list[tuple[str, str, str]]:
    """Return what of one output differs, as (problem, by the card, in the graph)."""
    ranks = _RANKS[output.role]
    if output.role == "logits" and card.kind == "segmenter":
        ranks = (4,)
    if output.role == "feature_map" and card.kind == "volume":
        ranks = (5,)
    found = port.describe()
    problems: list[tuple[str, str, str]] = []
    if len(port.shape) not in ranks:
        problems.append(
            ("axes of an output", f"{' or '.join(map(str, ranks))} for {output.role}", found)
        )
    elif (
        output.role == "logits" and card.classes and port.shape[1] not in (None, len(card.classes))
    ):
        problems.append(("number of classes", str(len(card.classes)), found))
    whole = port.type in ("tensor(uint8)", "tensor(int8)", "tensor(int32)", "tensor(int64)")
    if (output.role == "label_map") != whole:
        kind = "whole numbers" if output.role == "label_map" else "floats"
        problems.append(("type of an output", f"{kind} for {output.role}", found))
    return problems


def with_card(path: str | Path, card: ModelCard, out: str | Path) -> Path:
    """Write a copy of a model that carries a card, after checking that it is that of the graph.

    Other metadata properties stay, descriptions that exporters left do not
    (:func:`~radiofib.deep.notes.clear_notes`). External data is taken into the file.

    Raises
    ------
    MissingExtraError
        Without the package ``onnx``.
    ModelError
        When the file is no model, the card is not that of the graph, or the result is too large
        for one file (2 GB).
    """
    onnx = require("onnx", purpose="writing a card into a model")
    path, out = Path(path), Path(out)
    session = open_session(path)
    model = onnx.load(str(path))
    check_card(card, session.inputs, session.outputs, opset=session.opset, where=path.name)
    clear_notes(model)
    kept = {p.key: p.value for p in model.metadata_props}
    onnx.helper.set_model_props(model, kept | {CARD_KEY: card.to_json()})
    try:
        data = model.SerializeToString()
    except ValueError as error:
        raise ModelError(
            "the model is too large for one file with its card",
            where=path.name,
            expected="less than 2 GB",
        ) from error
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data)
    return out
