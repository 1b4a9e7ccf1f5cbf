"""Boosted trees as XGBoost's own JSON, in a form that old and new versions read the same way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib.errors import UsageError
from radiofib.export.dissect import base_margin
from radiofib.export.portable import PortableModel
from radiofib.staging import BaseStager, XGBoostStager
from radiofib.table import guard_frame

__all__ = ["portable_json", "write_xgboost"]


def write_xgboost(stager: BaseStager, model: PortableModel, folder: Path) -> None:
    """Write ``model.json`` for XGBoost in Python, R and elsewhere, and ``inputs.csv``.

    ``inputs.csv`` says which column stands at which place of the matrix that XGBoost takes.

    Raises
    ------
    UsageError
        When the stager is not XGBoost.
    """
    if not isinstance(stager, XGBoostStager):
        raise UsageError(
            "only an XGBoost stager can be written as XGBoost JSON",
            found=type(stager).__name__,
            hint="ask for r or onnx, or csv for a linear stager",
        )
    (folder / "model.json").write_text(portable_json(stager), encoding="utf-8", newline="\n")
    names = [*model.features, *model.flags]
    frame = pd.DataFrame(
        {
            "place": range(1, len(names) + 1),
            "column": [*model.features, *([model.scanner_column or ""] * len(model.scanners))],
            "is": [""] * len(model.features) + [str(scanner) for scanner in model.scanners],
        }
    )
    text = guard_frame(frame).to_csv(index=False, lineterminator="\n")
    (folder / "inputs.csv").write_text(text, encoding="utf-8", newline="\n")


def portable_json(stager: XGBoostStager) -> str:
    """Return the booster as JSON with its base score moved into the first tree of each class.

    Since version 3.1 XGBoost stores a base score for each class. Older ones, R's among them,
    read such a file without a word and give other probabilities (up to .6 apart). With the base
    score in the leaves every version from 1.7 gives the same, within single precision.

    Examples
    --------
    >>> import xgboost
    >>> X = np.array([[0.0], [1.0], [2.0], [9.0], [8.0], [9.0]] * 5)
    >>> stager = XGBoostStager(20).fit(X, ["s1", "s1", "s1", "s4", "s4", "s1"] * 5)
    >>> booster = xgboost.Booster()
    >>> booster.load_model(bytearray(portable_json(stager).encode()))
    >>> bool(np.allclose(booster.predict(xgboost.DMatrix(X)), stager.predict_proba(X)[:, 1]))
    True
    """
    whole: dict[str, Any] = json.loads(bytes(stager.booster_.save_raw("json")))
    learner = whole["learner"]
    settings = learner["learner_model_param"]
    count = stager.classes_.size if stager.classes_.size > 2 else 1
    stored = learner["gradient_booster"]["model"]
    for number, margin in enumerate(base_margin(settings["base_score"], count)):
        tree = stored["trees"][stored["tree_info"].index(number)]
        for node, child in enumerate(tree["left_children"]):
            if child < 0:
                value = np.float32(tree["split_conditions"][node] + margin)
                tree["split_conditions"][node] = float(str(value))
                tree["base_weights"][node] = float(str(value))
    # One half is no margin for two classes, and the same margin for each of several.
    settings["base_score"] = "5E-1"
    return json.dumps(whole, separators=(",", ":"), allow_nan=False)
