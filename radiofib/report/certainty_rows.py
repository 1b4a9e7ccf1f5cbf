"""What the parts of the section on certainty share."""

from __future__ import annotations

from typing import Any

import pandas as pd

from radiofib.report.context import Context
from radiofib.report.shares import percents

__all__ = ["MARKS", "MOST_SCANNERS", "interval_of", "main_rows", "settings_of"]

MOST_SCANNERS = 12
#: How a setting is drawn.
MARKS = {"cv": "filled circle", "loso": "open diamond"}


def main_rows(context: Context, name: str) -> pd.DataFrame | None:
    """Return the rows of the main model, by patient where units are told apart."""
    frame = context.folder.table(name)
    if frame is None or not len(frame):
        return None
    models = list(dict.fromkeys(frame["model"]))
    model = context.main_model if context.main_model in models else models[0]
    part = frame[frame["model"] == model]
    if "unit" in part:
        units = list(dict.fromkeys(part["unit"]))
        part = part[part["unit"] == ("patient" if "patient" in units else units[0])]
    return part.reset_index(drop=True)


def settings_of(frame: pd.DataFrame) -> list[str]:
    """Return the settings of a table: known scanners first."""
    present = list(dict.fromkeys(frame["setting"]))
    return [s for s in ("cv", "loso") if s in present] + [
        s for s in present if s not in ("cv", "loso")
    ]


def interval_of(row: dict[Any, Any], value: str = "coverage") -> str:
    """Return a share of a row with its interval, in percent."""
    return percents(float(row[value]), float(row["ci_low"]), float(row["ci_high"]))
