"""Weights read from a file without running anything that the file says."""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib._extras import require
from radiofib.deep.convert.graph import Weights
from radiofib.errors import ModelError, UsageError
from radiofib.provenance import hash_file

__all__ = ["WeightSource", "arrays_of", "read_safetensors", "read_source", "sniff"]

Form = Literal["onnx", "torchscript", "safetensors", "torch"]

_TRUST = (
    "TorchScript is a program: opening it runs code that its author wrote. If you trust where the "
    "file comes from, add --trust-torchscript"
)
_GLOBAL = re.compile(r"(?:GLOBAL|global) ([A-Za-z_][\w.]{0,80}\w)")
#: Where training scripts put the weights in a checkpoint.
_INSIDE = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
_NUMBERS = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
    "I8": "i1", "U8": "u1", "BOOL": "?",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class WeightSource:
    """A file that holds a network, opened.

    Parameters
    ----------
    path : Path
    form : {"onnx", "torchscript", "safetensors", "torch"}
        What kind of file it is.
    sha256 : str
        Of the file.
    weights : dict of str to ndarray
        By name, floats as float32; empty for an ONNX model.
    module : optional
        The scripted module, when it is one.
    """

    path: Path
    form: Form
    sha256: str
    weights: Weights = field(repr=False)
    module: Any = field(default=None, repr=False)


def sniff(path: str | Path) -> Form:
    """Tell what kind of file holds a network, by its content.

    Raises
    ------
    ModelError
        When it is none that is known.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError("no such file", where=str(path), hint="check the path")
    with path.open("rb") as file:
        start = file.read(16)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            parts = [name.split("/", 1)[-1] for name in archive.namelist()]
        if any(part.startswith("code/") for part in parts):
            return "torchscript"
        if "data.pkl" in parts:
            return "torch"
    elif start[8:9] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        return "safetensors"
    elif start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04"):
        return "torch"
    elif path.suffix.lower() == ".onnx" and start[:1] in (b"\x08", b"\x12", b"\x1a", b":"):
        return "onnx"
    raise ModelError(
        "not a file with a network",
        where=path.name,
        expected="a state dict (.pt, .pth), TorchScript, .safetensors or .onnx",
        found=f"{path.stat().st_size} bytes that begin with {start[:4]!r}",
        hint="copy the file again, which may be cut short"
        if not start or start[:2] == b"PK"
        else "give the file that the training wrote",
    )


def read_source(path: str | Path, *, trust_torchscript: bool = False) -> WeightSource:
    """Open a file with a network.

    State dicts are read with ``torch.load(weights_only=True)``, which builds tensors and nothing
    else. TorchScript is opened only when the caller says that it is trusted.

    Raises
    ------
    UsageError
        When there is no such file, or TorchScript is not said to be trusted.
    ModelError
        When the file is damaged, holds no weights, or weights that are not finite.
    """
    path = Path(path)
    form = sniff(path)
    module = None
    weights: Weights = {}
    if form == "safetensors":
        weights = read_safetensors(path)
    elif form == "torchscript":
        if not trust_torchscript:
            raise UsageError("TorchScript is not opened unasked", where=path.name, hint=_TRUST)
        module = _scripted(path)
        weights = arrays_of(module.state_dict(), where=path.name)
    elif form == "torch":
        weights = arrays_of(_unpickled(path), where=path.name)
    _check_finite(weights, path.name)
    return WeightSource(path, form, hash_file(path), weights, module)


def _unpickled(path: Path) -> Any:
    torch = require("torch", purpose="reading a PyTorch file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols: what matters is the outcome
            return torch.load(str(path), map_location="cpu", weights_only=True)
    except Exception as error:
        text = " ".join(str(error).split())
        whole = "magic number" not in text and "failed finding central directory" not in text
        if whole and ("weights_only" in text or "Unsupported" in text or "global" in text):
            raise ModelError(
                "holds more than weights, and that is not opened",
                where=path.name,
                expected="tensors by name (a state dict) and nothing else",
                found=_named_part(text),
                hint="save only the weights where the model was made: "
                "torch.save(model.state_dict(), 'weights.pt')",
            ) from error
        raise ModelError(
            "cannot be read as a PyTorch file",
            where=path.name,
            expected="a state dict written by torch.save, whole",
            found=f"{path.stat().st_size} bytes that begin like one",
            hint="copy the file again; it may be cut short, or be another kind of file",
        ) from error


def _named_part(text: str) -> str:
    """Return the class or function that a file wants built, out of torch's message.

    >>> _named_part("Unsupported global: GLOBAL nets.MyNet was not an allowed global by default.")
    'an object of nets.MyNet'
    >>> _named_part("Unsupported operand 149")
    'an object that is no tensor'
    """
    match = _GLOBAL.search(text)
    return f"an object of {match[1]}" if match else "an object that is no tensor"


def _scripted(path: Path) -> Any:
    torch = require("torch", purpose="opening TorchScript")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer versions of torch call TorchScript old
            return torch.jit.load(str(path), map_location="cpu").eval()
    except Exception as error:
        raise ModelError(
            "TorchScript cannot be opened",
            where=path.name,
            found=f"torch {torch.__version__} does not take it",
            hint="copy the file again, or export it with the installed version of torch",
        ) from error


def arrays_of(state: Any, *, where: str) -> Weights:
    """Return tensors as arrays, floats as float32, from a state dict or a checkpoint around one.

    Raises
    ------
    ModelError
        When there are no tensors.
    """
    for _ in range(3):
        if isinstance(state, Mapping) and not any(hasattr(v, "detach") for v in state.values()):
            inner = next((state[k] for k in _INSIDE if isinstance(state.get(k), Mapping)), None)
            state = inner if inner is not None else state
    tensors = (
        {str(k): v for k, v in state.items() if hasattr(v, "detach")}
        if isinstance(state, Mapping)
        else {}
    )
    if not tensors:
        found = list_some(state) if isinstance(state, Mapping) else type(state).__name__
        raise ModelError(
            "no weights in the file",
            where=where,
            expected="a state dict, or a checkpoint with one under 'state_dict'",
            found=found,
        )
    found_arrays: Weights = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu()
        if getattr(tensor, "is_quantized", False):
            raise ModelError(
                "quantised weights cannot be converted",
                where=f"{where}, {name}",
                hint="give the weights in float",
            )
        floats = tensor.is_floating_point()
        found_arrays[name] = np.array(tensor.float().numpy() if floats else tensor.numpy())
    return found_arrays


def read_safetensors(path: str | Path) -> Weights:
    """Read a .safetensors file: a JSON header with name, type, shape and place, then raw numbers.

    References
    ----------
    https://github.com/huggingface/safetensors, section Format.

    Raises
    ------
    ModelError
        When header and content do not fit.

    Examples
    --------
    >>> import tempfile
    >>> head = b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "w.safetensors"
    ...     _ = path.write_bytes(len(head).to_bytes(8, "little") + head
    ...                          + np.array([1, 2], "<f4").tobytes())
    ...     read_safetensors(path)["w"].tolist()
    [1.0, 2.0]
    """
    path = Path(path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    weights: Weights = {}
    try:
        header = json.loads(data[8 : 8 + length])
        body = memoryview(data)[8 + length :]
        for name, facts in header.items():
            if name == "__metadata__":
                continue
            begin, end = facts["data_offsets"]
            if not 0 <= begin <= end <= len(body):
                raise ValueError(f"{name} lies outside the file")
            weights[name] = _numbers(body[begin:end], facts["dtype"], facts["shape"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            "not a whole .safetensors file",
            where=path.name,
            found=f"{type(error).__name__}: {error}"[:200],
            hint="copy the file again; it may be cut short",
        ) from error
    return weights


def _numbers(data: memoryview, kind: str, shape: list[int]) -> NDArray[Any]:
    if kind == "BF16":  # the upper half of a float32
        wide = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return wide.view(np.float32).reshape(shape)
    array = np.frombuffer(data, _NUMBERS[kind]).reshape(shape)
    return array.astype(np.float32) if array.dtype.kind == "f" else array.copy()


def _check_finite(weights: Weights, where: str) -> None:
    bad = [n for n, a in weights.items() if a.dtype.kind == "f" and not np.isfinite(a).all()]
    if bad:
        raise ModelError(
            "weights are not finite",
            where=where,
            found=list_some(bad),
            hint="the training broke off or diverged: take another checkpoint",
        )
