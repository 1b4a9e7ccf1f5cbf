"""What labels the slides of a run, and the tables it ends with; needs nothing of a study."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from radiofib.errors import ModelError, UsageError
from radiofib.export.build import build_sheet
from radiofib.export.folder import staged
from radiofib.export.text import write_codebook, write_frame
from radiofib.slides import ClassicalLabeller, Labeller, SegmentSettings
from radiofib.slides.labels.classical import AnyLabeller
from radiofib.study.folder import RunFolder
from radiofib.table import FeatureTable

__all__ = ["slide_labeller", "write_slide_tables"]

#: Files of a table: the whole, a quick look, what the columns are, why values are missing.
_ENDINGS = (".parquet", ".csv", ".codebook.csv", ".missing.csv")


def slide_labeller(
    model: Path | None, card: Path | None, settings: SegmentSettings | None
) -> AnyLabeller | None:
    """Open what labels slides: a pixel classifier (``.skops``), a network, or nothing.

    Raises
    ------
    UsageError
        When facts or settings of a network are given without one, or the model cannot be used.
    """
    classical = model is not None and model.suffix.lower() == ".skops"
    if (model is None or classical) and (
        card is not None or settings not in (None, SegmentSettings())
    ):
        raise UsageError("facts or options of a network without one", hint="name a .onnx model")
    if model is None:
        return None
    if not model.is_file():
        raise UsageError(
            "no such model",
            where=str(model),
            expected="a network (.onnx) or a pixel classifier (.skops)",
            hint="check the path (--model)",
        )
    try:
        if classical:
            return ClassicalLabeller.of(model)
        return Labeller.of(model, card=card, settings=settings)
    except ModelError as error:  # what was named is wrong, before any slide is read
        raise UsageError(
            error.problem,
            where=error.where,
            expected=error.expected,
            found=error.found,
            hint=error.hint or "name a network (.onnx) or a pixel classifier (.skops)",
        ) from error


def write_slide_tables(
    table: FeatureTable, out: str | Path, tracts: FeatureTable | None = None
) -> list[Path]:
    """Write slides, and their tracts where they were labelled, each with its codebook.

    Parameters
    ----------
    table : FeatureTable
        One row for each slide.
    out : path
        Folder. What an earlier run left of these files is replaced or removed.
    tracts : FeatureTable, optional
        One row for each tract, see :func:`~radiofib.slides.tract_features`.

    Returns
    -------
    list of Path
        For each table ``<name>.parquet``, ``<name>.csv`` and, with rows, ``<name>.codebook.csv``
        and ``<name>.missing.csv`` as ``radiofib export`` writes them.
    """
    folder = RunFolder(out)
    written = _write_table(folder, "slides", table)
    if tracts is None:
        folder.discard(*(f"tracts{ending}" for ending in _ENDINGS))
        return written
    return written + _write_table(folder, "tracts", tracts)


def _write_table(folder: RunFolder, name: str, table: FeatureTable) -> list[Path]:
    names = [name + ending for ending in _ENDINGS]
    table.to_parquet(folder.path(names[0]))
    folder.write_frame(names[1], pd.concat([table.obs, table.X], axis=1))
    if not table.n_rows:  # nothing to describe
        folder.discard(*names[2:])
        return [folder.path(n) for n in names[:2]]
    sheet = build_sheet(table)
    with staged(folder.root) as (place, _):
        write_codebook(sheet, place / names[2])
        write_frame(sheet.missing, place / names[3])
    return [folder.path(n) for n in names]
