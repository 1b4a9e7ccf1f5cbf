"""An ONNX model opened so that a run can be repeated and a fallback does not stay silent."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_known, list_some
from radiofib._extras import require
from radiofib.errors import ModelError
from radiofib.provenance import hash_file

__all__ = ["CPU", "OnnxSession", "Port", "open_session"]

CPU = "CPUExecutionProvider"
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


@dataclass(frozen=True)
class Port:
    """An input or output of a model.

    Parameters
    ----------
    name : str
        As in the model.
    shape : tuple of int or None
        None where the model leaves the length open.
    type : str
        ONNX type, such as ``tensor(float)``.

    Examples
    --------
    >>> Port("image", (1, 1, None, 64, 64), "tensor(float)").describe()
    "'image' 1 x 1 x ? x 64 x 64 tensor(float)"
    """

    name: str
    shape: tuple[int | None, ...]
    type: str

    def describe(self) -> str:
        """Return name, shape and type as text; ``?`` is an open length."""
        lengths = " x ".join("?" if n is None else str(n) for n in self.shape)
        return f"{self.name!r} {lengths} {self.type}"

    def fits(self, shape: Sequence[int]) -> bool:
        """Tell whether an array of this shape can be given.

        Examples
        --------
        >>> Port("image", (1, None), "tensor(float)").fits((1, 7))
        True
        >>> Port("image", (1, None), "tensor(float)").fits((2, 7))
        False
        """
        return len(shape) == len(self.shape) and all(
            wanted is None or wanted == n for wanted, n in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True, eq=False)
class OnnxSession:
    """An opened model; made by :func:`open_session`.

    Parameters
    ----------
    name, source_hash : str
        File name and SHA-256 of the model.
    inputs, outputs : tuple of Port
        What goes in and comes out.
    metadata : mapping of str
        Metadata properties stored in the model.
    providers : tuple of str
        Execution providers in use.
    notes : tuple of str
        Providers that were asked for and are not in use, with the cause.
    """

    name: str
    source_hash: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: Mapping[str, str]
    providers: tuple[str, ...]
    notes: tuple[str, ...]
    _session: Any = field(repr=False)

    def run(self, arrays: Mapping[str, NDArray[Any]], *, output: str) -> NDArray[Any]:
        """Return one output for the given inputs.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            By input name; floats are brought to the type of the input, nothing else is changed.
        output : str
            Name of the output.

        Raises
        ------
        ModelError
            When names, shapes or types do not fit the model, the model fails, or the output is
            not finite.
        """
        check_known(
            output,
            [p.name for p in self.outputs],
            what="output",
            where=self.name,
            error=ModelError,
        )
        wanted = {port.name: port for port in self.inputs}
        if set(arrays) != set(wanted):
            raise ModelError(
                "the model's inputs are others",
                where=self.name,
                expected=list_some(wanted),
                found=list_some(arrays),
            )
        feed = {name: self._fitted(wanted[name], array) for name, array in arrays.items()}
        try:
            [found] = self._session.run([output], feed)
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in ("onnxruntime", "builtins"):
                raise
            raise ModelError(
                "the model fails on this input",
                where=self.name,
                found=" ".join(str(error).split())[:300],
                hint="check the model with the tool it came from",
            ) from error
        result: NDArray[Any] = np.asarray(found)
        if result.dtype.kind == "f" and not np.isfinite(result).all():
            raise ModelError(
                "the model returns values that are not finite",
                where=self.name,
                found=f"{int(np.count_nonzero(~np.isfinite(result)))} of {result.size}",
                hint="check that the stated normalisation is that of the training",
            )
        return result

    def _fitted(self, port: Port, array: NDArray[Any]) -> NDArray[Any]:
        if not port.fits(array.shape):
            raise ModelError(
                "array does not fit the model's input",
                where=self.name,
                expected=port.describe(),
                found=" x ".join(map(str, array.shape)),
            )
        wanted = _TYPES.get(port.type)
        if wanted is None:
            raise ModelError("input type is not supported", where=self.name, found=port.describe())
        if array.dtype != wanted and not (array.dtype.kind == "f" and np.dtype(wanted).kind == "f"):
            raise ModelError(
                "array has another type than the model's input",
                where=self.name,
                expected=port.describe(),
                found=str(array.dtype),
            )
        return np.ascontiguousarray(array, dtype=wanted)


def open_session(
    path: str | Path, *, providers: Sequence[str] = (CPU,), threads: int = 1
) -> OnnxSession:
    """Open an ONNX model with the providers named and no others.

    The number of threads is fixed and operators run one after the other, so that the same input
    gives the same output on one machine. onnxruntime falls back to the CPU in silence; here a
    provider that was asked for and is not in use is a warning and a note with the cause.

    Parameters
    ----------
    path : path
        The ``.onnx`` file.
    providers : sequence of str
        In order of preference, as onnxruntime names them (``CUDAExecutionProvider``).
    threads : int
        Threads inside an operator.

    Raises
    ------
    MissingExtraError
        Without onnxruntime.
    ModelError
        When the file is missing or no model that onnxruntime can run.
    """
    path = Path(path)
    ort = require("onnxruntime", purpose="an ONNX model")
    if not path.is_file():
        raise ModelError("no such model file", where=str(path), hint="check the path")
    known = list(ort.get_all_providers())
    for name in providers:
        check_known(name, known, what="execution provider", where=path.name, error=ModelError)
    available = list(ort.get_available_providers())
    usable = [name for name in providers if name in available]
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(str(path), options, providers=usable or [CPU])
    except Exception as error:
        raise ModelError(
            "not a model that onnxruntime can run",
            where=str(path),
            found=" ".join(str(error).split())[:300],
            hint="export it to ONNX again, or update onnxruntime",
        ) from error
    in_use = tuple(session.get_providers())
    notes = tuple(
        _cause(name, available, in_use, ort.__version__) for name in providers if name not in in_use
    )
    for note in notes:
        warnings.warn(f"{path.name}: {note}", RuntimeWarning, stacklevel=2)
    return OnnxSession(
        name=path.name,
        source_hash=hash_file(path),
        inputs=tuple(_port(p) for p in session.get_inputs()),
        outputs=tuple(_port(p) for p in session.get_outputs()),
        metadata=dict(session.get_modelmeta().custom_metadata_map),
        providers=in_use,
        notes=notes,
        _session=session,
    )


def _port(node: Any) -> Port:
    lengths = tuple(n if isinstance(n, int) and n > 0 else None for n in node.shape)
    return Port(str(node.name), lengths, str(node.type))


def _cause(name: str, available: list[str], in_use: tuple[str, ...], version: str) -> str:
    if name not in available:
        cause = (
            f"the installed onnxruntime {version} is built without it (it has "
            f"{list_some(available)}); for CUDA install 'radiofib[gpu]' instead of 'radiofib[onnx]'"
        )
    else:
        cause = (
            "onnxruntime has it but could not start it on this machine: its libraries or its "
            "device are missing (see the output of 'nvidia-smi' and the versions of CUDA and cuDNN "
            f"that onnxruntime {version} needs)"
        )
    return f"{name} was asked for and is not in use, {list_some(in_use)} is: {cause}"
