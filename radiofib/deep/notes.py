"""Words that exporters leave in a model: paths, names of people and machines, lines of source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["clear_notes"]

#: Fields of the model that say who and what wrote it, in words of their choosing.
_MODEL_FIELDS = ("doc_string", "producer_name", "producer_version", "domain")


def clear_notes(model: Any) -> None:
    """Clear what was written into a model for readers only; what it computes stays the same.

    That is descriptions of the model, its graphs, nodes, values and functions, properties of nodes
    (torch notes the lines of source and their paths there), the name of the graph and the producer.
    Properties of the model as a whole stay.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place.

    Examples
    --------
    >>> import onnx
    >>> node = onnx.helper.make_node("Relu", ["x"], ["y"], doc_string="by somebody")
    >>> graph = onnx.helper.make_graph([node], "net of somebody", [], [])
    >>> model = onnx.helper.make_model(graph, producer_name="somebody")
    >>> clear_notes(model)
    >>> b"somebody" in model.SerializeToString()
    False
    """
    for field in _MODEL_FIELDS:
        model.ClearField(field)
    _clear_graph(model.graph)
    for function in model.functions:
        _clear([function])
        _clear_nodes(function.node)


def _clear_graph(graph: Any) -> None:
    _clear([graph, *graph.initializer, *graph.input, *graph.output, *graph.value_info])
    graph.name = "graph"  # a graph must have a name
    _clear_nodes(graph.node)


def _clear_nodes(nodes: Iterable[Any]) -> None:
    for node in nodes:
        _clear([node, *node.attribute])
        for attribute in node.attribute:
            for graph in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                _clear_graph(graph)


def _clear(parts: Iterable[Any]) -> None:
    for part in parts:
        for field in ("doc_string", "metadata_props"):
            if field in part.DESCRIPTOR.fields_by_name:
                part.ClearField(field)
