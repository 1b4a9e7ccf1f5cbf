"""Execution providers: short names, and why one that was asked for is not in use."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from radiofib._checks import check_known, list_some
from radiofib.errors import ModelError

__all__ = ["CPU", "PROVIDERS", "cause_of_absence", "device_of", "provider_name", "short_name"]

CPU = "CPUExecutionProvider"

#: Short name to the name onnxruntime uses, the fastest first.
PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": CPU,
}
_NVIDIA = (PROVIDERS["tensorrt"], PROVIDERS["cuda"])
_NVIDIA_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/proc/driver/nvidia")
_INSTALL = {
    PROVIDERS["tensorrt"]: "install 'radiofib[gpu]' instead of 'radiofib[onnx]', and TensorRT",
    PROVIDERS["cuda"]: "for CUDA install 'radiofib[gpu]' instead of 'radiofib[onnx]'",
    PROVIDERS["coreml"]: "it is part of onnxruntime for macOS alone",
    PROVIDERS["openvino"]: "install 'onnxruntime-openvino' instead of 'onnxruntime'",
}


def provider_name(name: str, *, where: str | None = None) -> str:
    """Return onnxruntime's name of a provider, from its short name or its own.

    Raises
    ------
    ModelError
        When there is no such provider.

    Examples
    --------
    >>> provider_name("cuda"), provider_name("CPUExecutionProvider")
    ('CUDAExecutionProvider', 'CPUExecutionProvider')
    """
    if name in PROVIDERS.values():
        return name
    if name.endswith("ExecutionProvider"):
        return name
    known = check_known(
        name.lower(), PROVIDERS, what="execution provider", where=where, error=ModelError
    )
    return PROVIDERS[known]


def short_name(provider: str) -> str:
    """Return the short name of a provider.

    Examples
    --------
    >>> short_name("CoreMLExecutionProvider"), short_name("QNNExecutionProvider")
    ('coreml', 'qnn')
    """
    found = {name: short for short, name in PROVIDERS.items()}
    return found.get(provider, provider.removesuffix("ExecutionProvider").lower())


def device_of(providers: Sequence[str]) -> str:
    """Return where tensors of a session are kept: ``cuda`` or ``cpu``.

    Examples
    --------
    >>> device_of(["CUDAExecutionProvider", "CPUExecutionProvider"]), device_of([CPU])
    ('cuda', 'cpu')
    """
    return "cuda" if providers and providers[0] in _NVIDIA else "cpu"


def cause_of_absence(
    name: str, available: Sequence[str], in_use: Sequence[str], version: str
) -> str:
    """Say why a provider that was asked for is not in use.

    Three causes are told apart: this build of onnxruntime does not have it, the machine has no
    device for it, or onnxruntime has it and the machine too, and it fell back without a word.

    Parameters
    ----------
    name : str
        The provider.
    available, in_use : sequence of str
        What this build of onnxruntime has, and what the session uses.
    version : str
        Of onnxruntime.

    Examples
    --------
    >>> cause_of_absence("CoreMLExecutionProvider", [CPU], [CPU], "1.20")
    'CoreMLExecutionProvider was asked for and is not in use, CPUExecutionProvider is: the installed
    onnxruntime 1.20 is built without it (it has CPUExecutionProvider); it is part of onnxruntime
    for macOS alone'
    """
    if name not in available:
        cause = (
            f"the installed onnxruntime {version} is built without it (it has "
            f"{list_some(available)}); {_INSTALL.get(name, 'install a build that has it')}"
        )
    elif name in _NVIDIA and not _nvidia_device():
        cause = (
            "no NVIDIA device is to be seen on this machine (no /dev/nvidia*, no nvidia-smi): "
            "run on a machine with one, or ask for cpu"
        )
    else:
        cause = (
            "onnxruntime has it but could not start it on this machine and fell back: its "
            "libraries are missing or of another version (for CUDA see the output of "
            f"'nvidia-smi' and the versions of CUDA and cuDNN that onnxruntime {version} needs)"
        )
    return f"{name} was asked for and is not in use, {list_some(in_use)} is: {cause}"


def _nvidia_device() -> bool:
    return any(Path(f).exists() for f in _NVIDIA_FILES) or shutil.which("nvidia-smi") is not None
