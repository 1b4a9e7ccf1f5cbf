"""R's ``.rds``: a data frame with ordered factors, labels, real NA and the codebook attached."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from radiofib.export import rds
from radiofib.export.columns import clean_text
from radiofib.export.sheet import Sheet, Variable
from radiofib.provenance import canonical_json

__all__ = ["write_rds"]

_LARGEST_INTEGER = 2**31 - 1


def write_rds(sheet: Sheet, path: Path) -> None:
    """Write a data frame that ``readRDS`` reads; equal tables give equal bytes.

    Each column carries its variable label in the attribute ``label``. The frame carries
    ``codebook`` and ``missing_reasons`` (data frames) and ``provenance`` (JSON text).
    """
    columns = {v.name: _column(v).having(label=rds.strings([v.label])) for v in sheet.variables}
    frame = rds.data_frame(
        columns,
        codebook=_texts(sheet.codebook),
        missing_reasons=_texts(sheet.missing),
        provenance=rds.strings([clean_text(canonical_json(dict(sheet.provenance)))]),
    )
    path.write_bytes(rds.rds_bytes(frame))


def _column(variable: Variable) -> rds.RObject:
    values = variable.data
    match variable.kind:
        case "text":
            return rds.strings(values)
        case "ordered" | "factor":
            positions = np.where(variable.missing, -1, values).astype(np.int64)
            ordered = variable.kind == "ordered"
            return rds.factor(positions, variable.level_labels, ordered=ordered)
        case "logical":
            return rds.logicals(values)
        case "date":
            return rds.dates(values)
        case "datetime":
            return rds.times(values)
        case "integer" if np.nanmax(np.abs(values), initial=0) <= _LARGEST_INTEGER:
            return rds.integers(values)
        case _:
            return rds.doubles(values)


def _texts(frame: pd.DataFrame) -> rds.RObject:
    return rds.data_frame({str(name): rds.strings(frame[name]) for name in frame})
