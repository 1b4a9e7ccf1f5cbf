"""The coefficients of a linear stager as one tidy CSV."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from radiofib.errors import UsageError
from radiofib.export.portable import Linear, PortableModel
from radiofib.table import guard_frame

__all__ = ["coefficient_rows", "write_coefficients"]


def write_coefficients(model: PortableModel, folder: Path) -> None:
    """Write ``coefficients.csv``: texts guarded against spreadsheets, numbers exact."""
    text = guard_frame(coefficient_rows(model)).to_csv(index=False, lineterminator="\n")
    (folder / "coefficients.csv").write_text(text, encoding="utf-8", newline="\n")


def coefficient_rows(model: PortableModel) -> pd.DataFrame:
    """Return one row for each class and term.

    Returns
    -------
    DataFrame
        ``class``: whose linear predictor it is; for two classes the second; for a model with
        thresholds the lower stage of each cut, and empty in terms. ``role``: ``intercept`` or
        ``threshold``, ``feature``, ``scanner``. ``term``. ``raw``: for inputs as measured.
        ``standardised``: for ``(x - mean) / scale``. ``median``: takes the place of a missing
        value. ``mean``, ``scale``.

    Raises
    ------
    UsageError
        When the stager is not linear.

    Examples
    --------
    >>> import numpy as np
    >>> line = Linear(np.array([2.0]), np.array([4.0]), np.array([[8.0]]), np.array([1.0]))
    >>> model = PortableModel(("s1", "s4"), ("f",), None, (), np.array([2.5]), "logit", line)
    >>> coefficient_rows(model)[["class", "role", "term", "raw", "median"]].values.tolist()
    [['s4', 'intercept', '(intercept)', -3.0, nan], ['s4', 'feature', 'f', 2.0, 2.5]]
    """
    body = model.body
    if not isinstance(body, Linear):
        raise UsageError(
            "only a linear stager has coefficients",
            found="decision trees",
            hint="ask for r, xgboost or onnx",
        )
    slopes, intercepts = body.raw()
    head = "threshold" if model.has_thresholds else "intercept"
    rows: list[dict[str, object]] = []
    cuts = model.classes if model.link == "softmax" else model.classes[1:]
    cuts = model.classes[:-1] if model.has_thresholds else cuts
    raws = body.intercepts + body.centre @ slopes[:, 0] if head == "threshold" else intercepts
    for name, raw, standardised in zip(cuts, raws, body.intercepts, strict=True):
        row = {"class": name, "role": head, "term": f"({head})"}
        rows.append(row | {"raw": raw, "standardised": standardised})
    medians = [] if model.medians is None else model.medians.tolist()
    for k, name in enumerate(cuts if model.link == "softmax" else cuts[:1]):
        for j, term in enumerate((*model.features, *model.flags)):
            rows.append(
                {
                    "class": "" if model.has_thresholds else name,
                    "role": "feature" if j < len(model.features) else "scanner",
                    "term": term,
                    "raw": slopes[j, k],
                    "standardised": body.coefficients[j, k],
                    "median": medians[j] if j < len(medians) else None,
                    "mean": body.centre[j],
                    "scale": body.scale[j],
                }
            )
    columns = ["class", "role", "term", "raw", "standardised", "median", "mean", "scale"]
    return pd.DataFrame(rows, columns=columns)
