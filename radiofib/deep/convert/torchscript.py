"""A module of torch written as ONNX by torch's own exporter."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib._extras import require
from radiofib.deep.convert.graph import OPSET
from radiofib.errors import ModelError

__all__ = ["export_module", "module_outputs", "tensors_of"]


def tensors_of(result: Any) -> list[Any]:
    """Return the tensors a module returned, in order: one, several, or a mapping's values.

    Examples
    --------
    >>> tensors_of({"logits": 1, "aux": (2, None)})
    [1, 2]
    """
    if result is None:
        return []
    if isinstance(result, Mapping):
        result = tuple(result.values())
    if isinstance(result, list | tuple):
        return [tensor for part in result for tensor in tensors_of(part)]
    return [result]


def module_outputs(
    module: Any, array: NDArray[Any], names: Sequence[str], *, where: str
) -> dict[str, NDArray[Any]]:
    """Return what a module gives for a batch, its tensors called by names in order.

    Raises
    ------
    ModelError
        When the module fails, or gives fewer tensors than there are names.
    """
    torch = require("torch", purpose="running the source of a model")
    try:
        with torch.inference_mode():
            found = tensors_of(module(torch.from_numpy(np.ascontiguousarray(array))))
    except Exception as error:
        raise ModelError(
            "the source fails on its own input",
            where=where,
            found=" ".join(str(error).split())[-300:],
            hint="check size, channels, layout and dtype in the card",
        ) from error
    if len(found) < len(names):
        raise ModelError(
            "the source has fewer outputs than the card names",
            where=where,
            expected=", ".join(names),
            found=f"{len(found)} tensors",
        )
    return {n: np.asarray(t.numpy()) for n, t in zip(names, found, strict=False)}


def export_module(
    module: Any,
    example: NDArray[Any],
    path: Path,
    names: Sequence[str],
    *,
    dynamic: bool = True,
    where: str,
) -> None:
    """Write a module, scripted or not, with the batch left open.

    Parameters
    ----------
    module : torch module
    example : ndarray
        A batch; with `dynamic` it should have more than one input.
    path : Path
        ONNX file to write.
    names : sequence of str
        Of the outputs, in order; the input is called ``image``.
    dynamic : bool
        Leave the length of the batch open.
    where : str
        For messages.

    Raises
    ------
    ModelError
        When torch cannot write it.
    """
    torch = require("torch", purpose="writing a model as ONNX")
    require("onnx", purpose="writing a model as ONNX")
    more: dict[str, Any] = {}
    # The exporter that traces takes scripted modules; the newer one does not.
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        more["dynamo"] = False
    if dynamic:
        more["dynamic_axes"] = {name: {0: "batch"} for name in ("image", *names)}
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            given = torch.from_numpy(np.ascontiguousarray(example))
            if not isinstance(module, torch.jit.ScriptModule):
                # The exporter cannot step into a scripted part of a module; a trace can.
                module = torch.jit.trace(module, given, check_trace=False)
            torch.onnx.export(
                module,
                (given,),
                str(path),
                input_names=["image"],
                output_names=list(names),
                opset_version=OPSET,
                **more,
            )
    except Exception as error:
        raise ModelError(
            "torch cannot write this model as ONNX",
            where=where,
            found=" ".join(str(error).split())[:300],
            hint="export it where it was made, and give the .onnx file to 'generic'",
        ) from error
