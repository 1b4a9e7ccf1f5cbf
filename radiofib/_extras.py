"""Optional dependencies: one table of what each extra provides, one way to ask for it."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from radiofib.errors import MissingExtraError

__all__ = ["EXTRAS", "is_available", "require"]

#: import name -> (extra, distribution)
EXTRAS: dict[str, tuple[str, str]] = {
    "radiomics": ("pyradiomics", "pyradiomics-cuda"),
    "onnxruntime": ("onnx", "onnxruntime"),
    "torch": ("convert", "torch"),
    "onnx": ("convert", "onnx"),
    "onnxscript": ("convert", "onnxscript"),
    "shap": ("models", "shap"),
    "imblearn": ("models", "imbalanced-learn"),
    "interpret": ("models", "interpret-core"),
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
