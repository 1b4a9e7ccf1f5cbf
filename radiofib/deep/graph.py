"""What an ONNX file says about itself, read from its bytes without running or loading it.

An ONNX file is a Protocol Buffers message [1]_ [2]_. Only the fields that are needed here are
read and weights are skipped over, so that a file can be judged before any library loads it: its
operator set, its ports, its metadata, and which files it wants loaded besides.

.. [1] ONNX, ``onnx.proto``, https://onnx.ai/onnx/api/classes.html
.. [2] Protocol Buffers, Encoding, https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from radiofib._checks import check_regular, list_some
from radiofib.deep.ports import Port
from radiofib.errors import MissingModelError, ModelError
from radiofib.provenance import hash_file, hash_object

__all__ = [
    "ExternalTensor",
    "GraphFacts",
    "check_external",
    "describe_external",
    "model_hash",
    "read_graph",
]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
#: Element types of ONNX by number.
_ELEMENTS = {
    1: "float",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "double",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}
#: A graph inside a graph inside a graph: deeper than any exporter writes.
_DEEPEST = 64


class ExternalTensor(NamedTuple):
    """A tensor whose values lie in another file.

    Parameters
    ----------
    name : str
        Of the tensor.
    location : str
        Path as the model states it, relative to the model's folder.
    """

    name: str
    location: str


@dataclass(frozen=True)
class GraphFacts:
    """What a model file states.

    Parameters
    ----------
    ir_version : int
        Version of the file format.
    producer : str
        Program that wrote it, with its version.
    opsets : mapping
        Domain ("" is ONNX's own) to version of the operator set.
    inputs, outputs : tuple of Port
        Of the main graph; inputs that are initialised by weights are left out.
    metadata : mapping
        Metadata properties.
    external : tuple of ExternalTensor
        Tensors that lie in other files, of the main graph and all graphs inside it.
    operators : mapping
        Operator to how often it occurs in the main graph, by name.
    """

    ir_version: int
    producer: str
    opsets: Mapping[str, int]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: Mapping[str, str]
    external: tuple[ExternalTensor, ...]
    operators: Mapping[str, int]

    @property
    def opset(self) -> int | None:
        """Version of ONNX's own operator set."""
        return self.opsets.get("")

    @property
    def files(self) -> tuple[str, ...]:
        """Other files the model wants, each once, in order of their names."""
        return tuple(sorted({tensor.location for tensor in self.external}))


class _DamagedError(ValueError):
    """The bytes are no Protocol Buffers message."""


class _View:
    """A stretch of bytes, read without copying."""

    def __init__(self, data: memoryview, start: int, stop: int) -> None:
        self.data, self.start, self.stop = data, start, stop

    def fields(self) -> Iterator[tuple[int, int | _View]]:
        """Yield the number and the content of each field: a number, or a stretch of bytes."""
        at = self.start
        while at < self.stop:
            key, at = self._varint(at)
            number, wire = key >> 3, key & 7
            if number == 0:
                raise _DamagedError("field number 0")
            if wire == _VARINT:
                value, at = self._varint(at)
                yield number, value
                continue
            if wire == _BYTES:
                length, at = self._varint(at)
            elif wire == _FIXED64:
                length = 8
            elif wire == _FIXED32:
                length = 4
            else:
                raise _DamagedError(f"wire type {wire}")
            if length > self.stop - at:
                raise _DamagedError(f"a field of {length} bytes where {self.stop - at} are left")
            yield number, _View(self.data, at, at + length)
            at += length

    def _varint(self, at: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= self.stop:
                raise _DamagedError("it ends inside a number")
            byte = self.data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise _DamagedError("a number without end")

    def all(self, number: int) -> Iterator[_View]:
        """Yield the stretches of bytes of one field."""
        for found, value in self.fields():
            if found == number and isinstance(value, _View):
                yield value

    def text(self, number: int) -> str:
        """Return the last text of one field, "" where there is none."""
        found = ""
        for value in self.all(number):
            found = bytes(self.data[value.start : value.stop]).decode("utf-8", errors="replace")
        return found

    def number(self, number: int) -> int:
        """Return the last number of one field, 0 where there is none."""
        found = 0
        for at, value in self.fields():
            if at == number and isinstance(value, int):
                # 64 bits in two's complement.
                found = value - (1 << 64) if value >= 1 << 63 else value
        return found


def read_graph(path: str | Path) -> GraphFacts:
    """Return what an ONNX file states, without loading its weights.

    Raises
    ------
    ModelError
        When the file is missing, empty, cut short or no ONNX model.
    """
    path = Path(path)
    check_regular(path, error=MissingModelError)
    if not path.is_file():
        raise MissingModelError("no such model file", where=str(path), hint="check the path")
    try:
        if path.stat().st_size == 0:
            raise _DamagedError("the file is empty")
        with (
            path.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as data,
        ):
            return _facts(_View(data, 0, len(data)))
    except (_DamagedError, RecursionError) as error:
        raise ModelError(
            "not an ONNX model, or damaged",
            where=str(path),
            found=str(error) or type(error).__name__,
            hint="copy or export it again",
        ) from error


def _facts(model: _View) -> GraphFacts:
    graphs = list(model.all(7))
    if len(graphs) != 1:
        raise _DamagedError("no graph" if not graphs else f"{len(graphs)} graphs")
    [graph] = graphs
    opsets = {}
    for entry in model.all(8):
        domain = entry.text(1)
        opsets["" if domain == "ai.onnx" else domain] = entry.number(2)
    weights: set[str] = set()
    external: list[ExternalTensor] = []
    for tensor in graph.all(5):
        weights.add(tensor.text(8))
    _walk(graph, external, 0)
    for training in model.all(20):
        for number in (1, 2):
            for inner in training.all(number):
                _walk(inner, external, 0)
    for function in model.all(25):
        for node in function.all(7):
            _walk_node(node, external, 0)
    operators: dict[str, int] = {}
    for node in graph.all(1):
        name = node.text(4)
        operators[name] = operators.get(name, 0) + 1
    inputs = tuple(p for p in map(_port, graph.all(11)) if p.name not in weights)
    outputs = tuple(map(_port, graph.all(12)))
    if not outputs:
        raise _DamagedError("a graph without outputs")
    return GraphFacts(
        ir_version=model.number(1),
        producer=" ".join(filter(None, (model.text(2), model.text(3)))),
        opsets=opsets,
        inputs=inputs,
        outputs=outputs,
        metadata={entry.text(1): entry.text(2) for entry in model.all(14)},
        external=tuple(external),
        operators=dict(sorted(operators.items())),
    )


def _port(info: _View) -> Port:
    """Return an input or output (ValueInfoProto)."""
    kind, lengths = "other", []
    for type_ in info.all(2):
        for tensor in type_.all(1):
            kind = f"tensor({_ELEMENTS.get(tensor.number(1), 'other')})"
            for shape in tensor.all(2):
                for dimension in shape.all(1):
                    length = dimension.number(1)
                    lengths.append(length if length > 0 else None)
    return Port(info.text(1), tuple(lengths), kind)


def _walk(graph: _View, external: list[ExternalTensor], depth: int) -> None:
    """Gather the external tensors of a graph: initialisers and attributes of its nodes."""
    if depth > _DEEPEST:
        raise _DamagedError("graphs inside graphs without end")
    for number, value in graph.fields():
        if not isinstance(value, _View):
            continue
        if number == 5:
            _look(value, external)
        elif number == 15:
            _look_sparse(value, external)
        elif number == 1:
            _walk_node(value, external, depth)


def _walk_node(node: _View, external: list[ExternalTensor], depth: int) -> None:
    """Gather the external tensors of the attributes of a node."""
    for attribute in node.all(5):
        for number, value in attribute.fields():
            if not isinstance(value, _View):
                continue
            if number in (5, 10):
                _look(value, external)
            elif number in (22, 23):
                _look_sparse(value, external)
            elif number in (6, 11):
                _walk(value, external, depth + 1)


def _look_sparse(sparse: _View, external: list[ExternalTensor]) -> None:
    """Look at the values and the indices of a sparse tensor."""
    for number in (1, 2):
        for tensor in sparse.all(number):
            _look(tensor, external)


def _look(tensor: _View, external: list[ExternalTensor]) -> None:
    """Take a tensor down when its values lie elsewhere: by its flag, or by its entries."""
    entries = {e.text(1): e.text(2) for e in tensor.all(13)}
    if entries or tensor.number(14) == 1:
        external.append(ExternalTensor(tensor.text(8), entries.get("location", "")))


def check_external(path: str | Path, facts: GraphFacts) -> tuple[Path, ...]:
    """Return the other files of a model; refuse those that lie outside the model's folder.

    A model is a file from elsewhere: by ``../``, an absolute path or a link it could have any
    file of this machine read. Links are followed before the folder is compared.

    Raises
    ------
    ModelError
        When a file lies outside the folder, is missing or no file, or has no name.
    """
    path = Path(path)
    folder = path.parent.resolve()
    found = []
    for tensor in facts.external:
        location = tensor.location.replace("\\", "/")
        where = f"{path.name}, tensor {tensor.name!r}"
        if not location or "\0" in location:
            raise ModelError("external data without a file name", where=where)
        file = (path.parent / location).resolve()
        if Path(location).is_absolute() or not file.is_relative_to(folder):
            raise ModelError(
                "external data lies outside the model's folder",
                where=where,
                expected="a file beside the model",
                found=repr(tensor.location),
                hint="export the model again with its data inside or beside it",
            )
        if not file.is_file():
            raise ModelError(
                "external data is missing",
                where=where,
                found=repr(tensor.location),
                hint="copy the data files of the model beside it",
            )
        found.append(file)
    return tuple(dict.fromkeys(found))


def model_hash(path: str | Path, facts: GraphFacts) -> str:
    """Return the SHA-256 of a model: of its file, and of its other files where it has any."""
    own = hash_file(path)
    if not facts.external:
        return own
    files = zip(facts.files, map(Path(path).parent.joinpath, facts.files), strict=True)
    return hash_object({"model": own, "files": {name: hash_file(file) for name, file in files}})


def describe_external(facts: GraphFacts) -> str:
    """Return the external data in words.

    Examples
    --------
    >>> describe_external(GraphFacts(8, "", {}, (), (), {}, (), {}))
    'none'
    """
    if not facts.external:
        return "none"
    return f"{len(facts.external)} tensors in {list_some(facts.files, 3)}"
