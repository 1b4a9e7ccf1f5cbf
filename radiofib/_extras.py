"""Optional dependencies: one table of what each extra provides, one way to ask for it."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from importlib import metadata
from types import ModuleType
from typing import Literal

from radiofib.errors import MissingExtraError

__all__ = ["EXTRAS", "Finding", "diagnose", "is_available", "require"]

#: import name -> (extra, distribution)
EXTRAS: dict[str, tuple[str, str]] = {
    "radiomics": ("pyradiomics", "pyradiomics-cuda"),
    "onnxruntime": ("onnx", "onnxruntime"),
    "torch": ("convert", "torch"),
    "onnx": ("onnx-export", "onnx"),
    "onnxscript": ("convert", "onnxscript"),
    "shap": ("models", "shap"),
    "imblearn": ("models", "imbalanced-learn"),
    "interpret": ("models", "interpret-core"),
    "pyvips": ("vips", "pyvips"),
    "dask": ("cluster", "dask"),
    "distributed": ("cluster", "distributed"),
}


def is_available(module: str) -> bool:
    """Tell whether an optional module could be imported, without importing it.

    Examples
    --------
    >>> is_available("a_module_that_does_not_exist")
    False
    """
    return importlib.util.find_spec(module) is not None


def require(module: str, *, purpose: str) -> ModuleType:
    """Import an optional module or say how to install it.

    Parameters
    ----------
    module : str
        Import name; must be listed in :data:`EXTRAS`.
    purpose : str
        What needs it, for the message.

    Raises
    ------
    MissingExtraError
        When the module is not installed.

    Examples
    --------
    >>> require("json", purpose="this example").__name__
    'json'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        extra, distribution = EXTRAS[module]
        raise MissingExtraError(
            f"{purpose} needs the '{distribution}' package, which is not installed",
            hint=f"install it with: pip install 'radiofib[{extra}]'",
        ) from error


@dataclass(frozen=True)
class Finding:
    """One line of :func:`diagnose`.

    Parameters
    ----------
    topic : str
        What was looked at.
    status : {"ok", "note", "problem"}
        ``note`` is an absent optional part, ``problem`` needs action.
    text : str
        What was found and, for a problem, what to do.

    Examples
    --------
    >>> Finding("python", "ok", "3.11.7").status
    'ok'
    """

    topic: str
    status: Literal["ok", "note", "problem"]
    text: str


def _installed(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def diagnose() -> list[Finding]:
    """Look for optional parts and for distributions that overwrite each other.

    ``onnxruntime`` and ``onnxruntime-gpu`` share one folder, as do ``pyradiomics`` and
    ``pyradiomics-cuda``: with both installed the last one wins, and removing one breaks the
    other.

    Examples
    --------
    >>> {finding.status for finding in diagnose()} <= {"ok", "note", "problem"}
    True
    """
    findings = [
        *_extra_findings(),
        _pair_finding(
            "onnxruntime",
            "onnxruntime-gpu",
            "pip uninstall -y onnxruntime onnxruntime-gpu, then install radiofib[gpu] on a machine "
            "with CUDA, else radiofib[onnx]",
        ),
        _pair_finding(
            "pyradiomics",
            "pyradiomics-cuda",
            "pip uninstall -y pyradiomics pyradiomics-cuda, then pip install --no-cache-dir "
            "'radiofib[pyradiomics]'",
        ),
    ]
    return [f for f in findings if f is not None]


def _extra_findings() -> list[Finding]:
    findings = []
    for module, (extra, distribution) in EXTRAS.items():
        names = ("onnxruntime", "onnxruntime-gpu") if module == "onnxruntime" else (distribution,)
        version = next((v for v in map(_installed, names) if v), None)
        if version and is_available(module):
            findings.append(Finding(module, "ok", f"{version} (extra '{extra}')"))
        elif version:
            text = f"{distribution} {version} is registered but '{module}' cannot be found: "
            findings.append(Finding(module, "problem", text + f"reinstall radiofib[{extra}]"))
        else:
            text = f"not installed; pip install 'radiofib[{extra}]' if you need it"
            findings.append(Finding(module, "note", text))
    return findings


def _pair_finding(first: str, second: str, cure: str) -> Finding | None:
    versions = _installed(first), _installed(second)
    if not all(versions):
        return None
    text = f"{first} {versions[0]} and {second} {versions[1]} overwrite each other: {cure}"
    return Finding(f"{first} + {second}", "problem", text)
