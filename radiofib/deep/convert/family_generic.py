"""Any TorchScript or ONNX model, with a card that states all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib._extras import require
from radiofib.deep.card import port_facts
from radiofib.deep.convert.common import Made, torch_version
from radiofib.deep.convert.torchscript import export_module, module_outputs
from radiofib.deep.convert.weights import WeightSource
from radiofib.deep.graph import check_external, read_graph
from radiofib.deep.session import open_session
from radiofib.errors import ConfigError, UsageError

__all__ = ["make_generic"]


def make_generic(source: WeightSource, stated: Mapping[str, Any], plain: Path) -> Made:
    """Write any model; see :func:`radiofib.deep.convert.families.make`."""
    where = source.path.name
    if source.form == "onnx":
        facts = read_graph(source.path)
        check_external(source.path, facts)
        if facts.external:
            onnx = require("onnx", purpose="taking external data into the model's file")
            plain.write_bytes(onnx.load(str(source.path)).SerializeToString())
        else:
            plain.write_bytes(source.path.read_bytes())
        # Opened before anything is asked for: facts do not help a model that cannot be used.
        session = open_session(plain)
        known: dict[str, Any] = {"opset": session.opset}
        how = stated.get("preprocessing", {})
        if isinstance(how, Mapping):  # what is stated otherwise is checked against the graph later
            told = port_facts(session.inputs, how.get("layout"))
            known["preprocessing"] = {k: v for k, v in told.items() if k not in how}
        return Made(known, None, "")
    if source.module is None:
        raise UsageError(
            "weights alone are no model",
            where=where,
            expected="TorchScript or ONNX for 'generic'",
            found=source.form,
            hint="name the architecture, or save the model with torch.jit.script",
        )
    how, outputs = stated.get("preprocessing"), stated.get("outputs")
    wanted = ("size", "colour", "layout", "dtype")
    absent = [f"preprocessing.{k}" for k in wanted if not (isinstance(how, Mapping) and how.get(k))]
    if not outputs:
        absent.append("outputs")
    if absent or not isinstance(how, Mapping) or not isinstance(outputs, list | tuple):
        raise ConfigError(
            "the card does not state what is needed to write the model as ONNX",
            where=where,
            expected=", ".join(absent),
            hint="state it in the card file",
        )
    channels = 3 if how["colour"] == "rgb" else 1
    shape = [2, *how["size"]]
    shape.insert(len(shape) if how["layout"] == "NHWC" else 1, channels)
    example = np.zeros(shape, how["dtype"])
    names = [str(o["name"]) for o in outputs]
    module_outputs(source.module, example, names, where=where)
    export_module(source.module, example, plain, names, where=where)

    def reference(array: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return module_outputs(source.module, array, names, where=where)

    return Made({"opset": read_graph(plain).opset}, reference, f"TorchScript, {torch_version()}")
