"""Names of the networks that can be converted, and which family each belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radiofib._checks import check_known
from radiofib.deep.convert.common import ConvertSettings, Made
from radiofib.deep.convert.facts import merge_facts
from radiofib.deep.convert.family_generic import make_generic
from radiofib.deep.convert.family_resnet import make_resnet
from radiofib.deep.convert.family_segformer import make_segformer
from radiofib.deep.convert.resnet import RESNETS
from radiofib.deep.convert.segformer import SEGFORMERS
from radiofib.deep.convert.weights import WeightSource
from radiofib.errors import UsageError

__all__ = ["ARCHITECTURES", "make"]

_VOLUMES = tuple(f"{name}-3d" for name in RESNETS)
#: Names that :func:`radiofib.deep.convert.convert_model` takes.
ARCHITECTURES = (*RESNETS, *_VOLUMES, *SEGFORMERS, "hotspot", "generic")


def make(
    architecture: str,
    source: WeightSource,
    stated: Mapping[str, Any],
    settings: ConvertSettings,
    plain: Path,
) -> Made:
    """Write the graph to `plain` and return what is known about it.

    Raises
    ------
    UsageError, ModelError
        When source and architecture do not fit, or something must be stated.
    """
    check_known(architecture, ARCHITECTURES, what="architecture", error=UsageError)
    base: dict[str, Any] = {"source": {"name": source.path.name, "sha256": source.sha256}}
    if source.form == "onnx" and "source" in stated:
        base = {}  # the file the weights came from, which a model with a card knows better
    if architecture == "generic":
        made = make_generic(source, stated, plain)
    elif source.form == "onnx":
        raise UsageError(
            "an ONNX model is converted already",
            where=source.path.name,
            hint="use 'generic' to give it a card",
        )
    elif architecture == "hotspot" or architecture in SEGFORMERS:
        made = make_segformer(architecture, source, stated, settings, plain)
    else:
        made = make_resnet(architecture, source, stated, settings, plain)
    return Made(merge_facts(made.known, base), made.reference, made.against)
