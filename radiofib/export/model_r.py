"""A stager for R: ``predict_stage.R`` (base R) and ``model.rds``, which holds all numbers."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import numpy as np

from radiofib.export import rds
from radiofib.export.portable import Linear, PortableModel, Trees

__all__ = ["write_r_model"]


def write_r_model(model: PortableModel, folder: Path) -> None:
    """Write ``predict_stage.R`` and ``model.rds``; equal models, equal bytes.

    The script is the same for every model: names of columns, scanners and stages are data in
    ``model.rds``, so that none of them can become code. Doubles keep every bit.
    """
    script = resources.files("radiofib.export").joinpath("templates/predict_stage.R")
    (folder / "predict_stage.R").write_bytes(script.read_bytes())
    (folder / "model.rds").write_bytes(rds.rds_bytes(_named(_parts(model))))


def _parts(model: PortableModel) -> dict[str, rds.RObject]:
    numbers = all(isinstance(s, int | float) for s in model.scanners)
    scanners = (
        rds.doubles(model.scanners)
        if numbers and model.scanners
        else rds.strings(map(str, model.scanners))
    )
    named = [] if model.scanner_column is None else [model.scanner_column]
    parts = {
        "kind": rds.strings(["linear" if isinstance(model.body, Linear) else "trees"]),
        "link": rds.strings([model.link]),
        "classes": rds.strings(model.classes),
        "features": rds.strings(model.features),
        "scanner_column": rds.strings(named),
        "scanners": scanners,
        "medians": rds.doubles([] if model.medians is None else model.medians),
    }
    body = model.body
    return parts | (_linear(body) if isinstance(body, Linear) else _trees(body))


def _linear(body: Linear) -> dict[str, rds.RObject]:
    return {
        "centre": rds.doubles(body.centre),
        "scale": rds.doubles(body.scale),
        "coefficients": rds.doubles(body.coefficients.ravel(order="F")),
        "intercepts": rds.doubles(body.intercepts),
    }


def _trees(body: Trees) -> dict[str, rds.RObject]:
    """Count from 1, as R does; 0 says that there is none."""
    nodes = {
        "tree": rds.integers(body.tree + 1),
        "column": rds.integers(body.column + 1),
        "threshold": rds.doubles(body.threshold),
        "left": rds.integers(body.left + 1),
        "right": rds.integers(body.right + 1),
        "missing_left": rds.logicals(body.missing_left.astype(np.float64)),
    }
    return {
        "trees": rds.data_frame(nodes),
        "values": rds.doubles(body.values.ravel(order="F")),
        "strict": rds.logicals([float(body.strict)]),
        "base": rds.doubles(body.base),
    }


def _named(parts: Mapping[str, rds.RObject]) -> rds.RObject:
    return rds.RObject("list", tuple(parts.values()), {"names": rds.strings(parts)})
