"""An ONNX model opened so that a run can be repeated and a fallback does not stay silent."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_known, list_some
from radiofib._extras import require
from radiofib.deep.graph import check_external, model_hash, read_graph
from radiofib.deep.ports import Port
from radiofib.deep.providers import CPU, PROVIDERS, cause_of_absence, device_of, provider_name
from radiofib.errors import ModelError

__all__ = ["CPU", "BoundResult", "OnnxSession", "OutOfMemoryError", "Port", "open_session"]

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


_NO_MEMORY = re.compile(
    r"out of memory|failed to allocate memory|bad_alloc|available memory of \d+ is smaller|"
    r"OUT_OF_MEMORY|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
_NEWEST_OPSET = re.compile(r"Opset (\d+) is under development.*till opset (\d+)")
_NEWEST_IR = re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)")


class OutOfMemoryError(ModelError):
    """A device has not enough memory for a batch; a smaller one may fit."""


class BoundResult(NamedTuple):
    """Outputs of :meth:`OnnxSession.run_bound`.

    Parameters
    ----------
    values : dict
        Output to array.
    transfer_s, compute_s : float
        Seconds spent on copies to and from the device, and on the network.
    """

    values: dict[str, NDArray[Any]]
    transfer_s: float
    compute_s: float


@dataclass(frozen=True, eq=False)
class OnnxSession:
    """An opened model; made by :func:`open_session`.

    Parameters
    ----------
    name, source_hash : str
        File name and SHA-256 of the model, external data included.
    opset : int or None
        Version of ONNX's operator set.
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
    opset: int | None
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
        feed = self.fitted(arrays)
        try:
            [found] = self._session.run([output], feed)
        except Exception as error:
            raise self._failed(error) from error
        result: NDArray[Any] = np.asarray(found)
        if result.dtype.kind == "f" and not np.isfinite(result).all():
            raise ModelError(
                "the model returns values that are not finite",
                where=self.name,
                found=f"{int(np.count_nonzero(~np.isfinite(result)))} of {result.size}",
                hint="check that the stated normalisation is that of the training",
            )
        return result

    def run_bound(
        self, arrays: Mapping[str, NDArray[Any]], *, outputs: Sequence[str]
    ) -> BoundResult:
        """Return several outputs; inputs and outputs are bound to the device of the session.

        On a GPU the input is copied once, the outputs stay there until all are ready and are
        copied back once; on a CPU nothing is copied. The output is not looked at: values that
        are not finite come back as they are.

        Raises
        ------
        OutOfMemoryError
            When the device has not enough memory for this input.
        ModelError
            When names, shapes or types do not fit the model, or the model fails.
        """
        ort = require("onnxruntime", purpose="an ONNX model")
        feed = self.fitted(arrays)
        device = device_of(self.providers)
        start = time.perf_counter()
        try:
            binding = self._session.io_binding()
            for name, array in feed.items():
                value = ort.OrtValue.ortvalue_from_numpy(array, device, 0)
                binding.bind_ortvalue_input(name, value)
            for name in outputs:
                binding.bind_output(name, device)
            binding.synchronize_inputs()
            given = time.perf_counter()
            self._session.run_with_iobinding(binding)
            binding.synchronize_outputs()
            computed = time.perf_counter()
            found = binding.copy_outputs_to_cpu()
        except Exception as error:
            raise self._failed(error) from error
        end = time.perf_counter()
        values = {n: np.asarray(v) for n, v in zip(outputs, found, strict=True)}
        return BoundResult(values, (given - start) + (end - computed), computed - given)

    def fitted(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the inputs in the type of the model.

        Raises
        ------
        ModelError
            When names, shapes or types do not fit the model.
        """
        wanted = {port.name: port for port in self.inputs}
        if set(arrays) != set(wanted):
            raise ModelError(
                "the model's inputs are others",
                where=self.name,
                expected=list_some(wanted),
                found=list_some(arrays),
            )
        return {name: self._fitted(wanted[name], array) for name, array in arrays.items()}

    def _failed(self, error: Exception) -> ModelError:
        """Return what an exception of onnxruntime means; others are raised as they are."""
        known = ("onnxruntime", "builtins")
        if isinstance(error, ModelError) or type(error).__module__.partition(".")[0] not in known:
            raise error
        text = " ".join(str(error).split())
        if isinstance(error, MemoryError) or _NO_MEMORY.search(text):
            return OutOfMemoryError(
                "the device has not enough memory for this input",
                where=self.name,
                found=text[:300],
                hint="use smaller batches or smaller images",
            )
        return ModelError(
            "the model fails on this input",
            where=self.name,
            found=text[:300],
            hint="check the model with the tool it came from",
        )

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
    path: str | Path,
    *,
    providers: Sequence[str] = (CPU,),
    threads: int = 1,
    gpu_memory_mb: float | None = None,
) -> OnnxSession:
    """Open an ONNX model with the providers named and no others.

    The number of threads is fixed and operators run one after the other, so that the same input
    gives the same output on one machine. onnxruntime falls back to the CPU in silence; here a
    provider that was asked for and is not in use is a warning and a note with the cause.

    The file is judged before it is loaded: what is no ONNX model, or wants files outside its
    folder (also by ``..`` or a link), is refused.

    Parameters
    ----------
    path : path
        The ``.onnx`` file.
    providers : sequence of str
        In order of preference: ``tensorrt``, ``cuda``, ``coreml``, ``openvino``, ``cpu``, or as
        onnxruntime names them (``CUDAExecutionProvider``).
    threads : int
        Threads inside an operator.
    gpu_memory_mb : float, optional
        Most memory on a GPU; more than this is an error of the run, never of the machine.

    Raises
    ------
    MissingExtraError
        Without onnxruntime.
    ModelError
        When the file is missing, damaged, of an operator set or format that is too new, wants
        files outside its folder, or is no model that onnxruntime can run.
    """
    path = Path(path)
    ort = require("onnxruntime", purpose="an ONNX model")
    facts = read_graph(path)
    check_external(path, facts)
    known = list(ort.get_all_providers())
    wanted = [provider_name(name, where=path.name) for name in providers]
    for name in wanted:
        check_known(name, known, what="execution provider", where=path.name, error=ModelError)
    available = list(ort.get_available_providers())
    usable = [name for name in wanted if name in available]
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    chosen = [_with_options(name, gpu_memory_mb) for name in usable or [CPU]]
    try:
        session = ort.InferenceSession(str(path), options, providers=chosen)
    except Exception as error:
        raise _refused(error, str(path), ort.__version__) from error
    in_use = tuple(session.get_providers())
    notes = tuple(
        cause_of_absence(name, available, in_use, ort.__version__)
        for name in wanted
        if name not in in_use
    )
    for note in notes:
        warnings.warn(f"{path.name}: {note}", RuntimeWarning, stacklevel=2)
    return OnnxSession(
        name=path.name,
        source_hash=model_hash(path, facts),
        opset=facts.opset,
        inputs=tuple(_port(p) for p in session.get_inputs()),
        outputs=tuple(_port(p) for p in session.get_outputs()),
        metadata=dict(session.get_modelmeta().custom_metadata_map),
        providers=in_use,
        notes=notes,
        _session=session,
    )


def _with_options(name: str, gpu_memory_mb: float | None) -> Any:
    """Return a provider with what makes it repeatable and keeps it within its memory."""
    if name != PROVIDERS["cuda"]:
        return name
    # Searching for the fastest convolution picks another one each time; TF32 drops 13 bits.
    options = {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
    options["arena_extend_strategy"] = "kSameAsRequested"
    if gpu_memory_mb is not None:
        options["gpu_mem_limit"] = str(int(gpu_memory_mb * 1e6))
    return (name, options)


def _refused(error: Exception, where: str, version: str) -> ModelError:
    """Return why onnxruntime does not take a model."""
    text = " ".join(str(error).split())
    for what, pattern in (("operator set", _NEWEST_OPSET), ("file format", _NEWEST_IR)):
        if match := pattern.search(text):
            return ModelError(
                f"the model's {what} is too new for onnxruntime {version}",
                where=where,
                expected=f"{match.group(2)} or older",
                found=match.group(1),
                hint="update onnxruntime, or export the model for an older one",
            )
    return ModelError(
        "not a model that onnxruntime can run",
        where=where,
        found=text[:300],
        hint="export it to ONNX again, or update onnxruntime",
    )


def _port(node: Any) -> Port:
    lengths = tuple(n if isinstance(n, int) and n > 0 else None for n in node.shape)
    return Port(str(node.name), lengths, str(node.type))
