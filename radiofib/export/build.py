"""From a feature table to the sheet that the writers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.errors import ExportError
from radiofib.export.columns import (
    check_text,
    clean_frame,
    describing_column,
    feature_column,
    level_text,
)
from radiofib.export.names import level_codes, short_names, spss_names
from radiofib.export.sheet import Kind, Sheet, Variable
from radiofib.table import CODEBOOK_COLUMNS, FeatureTable

__all__ = ["build_sheet"]

_OBS_LABELS = {
    "case": "case",
    "patient": "patient",
    "instance": "slice, window, patch or frame of the case",
    "stage": "stage",
    "scanner": "scanner",
    "vendor": "vendor of the scanner",
    "field_t": "field strength [T]",
    "site": "site",
    "split": "part of the split",
    "reference_method": "reference method (biopsy, resection)",
    "interval_days": "days between imaging and reference",
    "hbp_minutes": "minutes from injection to the hepatobiliary phase",
    "quality": "image quality",
    "mask_source": "where the liver mask is from",
    "mpp_x_um": "width of a pixel of the slide [um]",
    "mpp_y_um": "height of a pixel of the slide [um]",
    "mpp_source": "who says the pixel size: slide, or given",
    "tissue_px_um": "pixel size of the tissue mask [um]",
    "segmentation_source": "who labelled the slide: model, classical or annotations",
    "segmentation_maker": "network, classifier or file that labelled the slide",
    "warnings": "what to look at before these values are used",
    "tract": "number of the portal tract",
}

#: What ``geom_<channel>_<fact>`` says of an image file.
_GEOMETRY_LABELS = {
    "nx": "columns of the image",
    "ny": "rows of the image",
    "nz": "slices of the image",
    "sx": "pixel width [mm]",
    "sy": "pixel height [mm]",
    "sz": "distance of slices [mm]",
    "bytes": "size of the image file [bytes]",
    "blanked_share": "share of the image that was text and graphics",
    "mpp_um": "pixel size of the slide [um]",
    "tissue_px_um": "pixel size of the tissue mask [um]",
}


def _obs_label(name: str) -> str:
    if name.startswith("geom_"):
        _, channel, fact = name.split("_", 2)
        return f"{channel}: {_GEOMETRY_LABELS.get(fact, fact)}"
    return _OBS_LABELS.get(name, name)


def build_sheet(table: FeatureTable, stage_labels: Mapping[str, str] | None = None) -> Sheet:
    """Turn a feature table into variables.

    Parameters
    ----------
    table : FeatureTable
        What to export.
    stage_labels : mapping of str to str, optional
        Level of column ``stage`` -> label to show, in order. A ``stage`` that is not yet
        categorical becomes ordered in this order.

    Returns
    -------
    Sheet
        Describing columns in the order of ``obs``, then features in the order of ``X``.

    Raises
    ------
    ExportError
        When the table is empty, a text cannot be stored, or a stage has no label.

    Examples
    --------
    >>> table = FeatureTable(pd.DataFrame({"us_original_firstorder_mean": [1.0, 2.0]}),
    ...                      pd.DataFrame({"case": ["a", "b"], "stage": ["f1", "f0"]}))
    >>> sheet = build_sheet(table, {"f0": "F0", "f1": "F1"})
    >>> [(v.name, v.kind, v.measure) for v in sheet.variables]
    [('case', 'text', 'nominal'), ('stage', 'ordered', 'ordinal'),
     ('us_original_firstorder_mean', 'double', 'scale')]
    >>> sheet.variables[1].coded()
    array([1., 0.])
    """
    if table.n_rows == 0:
        raise ExportError("the table has no rows", hint="check which cases were left out and why")
    rows = _row_names(table.obs)
    obs = {str(name): table.obs[name] for name in table.obs}
    features = {str(name): table.X[name] for name in table.X}
    columns = [*obs, *features]
    for column in columns:
        check_text(column, "column name")
    book = clean_frame(table.codebook)
    known: dict[str, Mapping[Any, Any]] = {
        row["column"]: row for row in book.to_dict(orient="records")
    }
    sav, short = spss_names(columns), short_names(columns)
    variables = []
    for name, series in (obs | features).items():
        feature = name in features
        typed = feature_column if feature else describing_column
        kind, values, levels = typed(series, rows)
        labels: Sequence[str] = levels
        if name == "stage" and stage_labels:
            kind, values, levels, labels = _staged(kind, values, levels, stage_labels, rows)
        variables.append(
            Variable(
                name,
                _label(name, known.get(name, {})),
                kind,
                values,
                "feature" if feature else "description",
                sav[name],
                short[name],
                tuple(levels),
                tuple(labels),
                level_codes(levels) if levels else (),
            )
        )
    codebook = _codebook(variables, known)
    return Sheet(tuple(variables), rows, codebook, clean_frame(table.missing), table.provenance)


def _row_names(obs: pd.DataFrame) -> tuple[str, ...]:
    names = [f"case {case!r}" for case in map(str, obs["case"])]
    if "instance" not in obs:
        return tuple(names)
    parts = ["" if pd.isna(part) else str(part) for part in obs["instance"]]
    return tuple(
        f"{name}, instance {part!r}" if part else name
        for name, part in zip(names, parts, strict=True)
    )


def _label(name: str, entry: Mapping[Any, Any]) -> str:
    label, unit = str(entry.get("label", "")), str(entry.get("unit", ""))
    if not label:
        return _obs_label(name)
    return f"{label} [{unit}]" if unit not in ("", "1") else label


def _staged(
    kind: Kind,
    values: NDArray[Any],
    levels: Sequence[str],
    shown: Mapping[str, str],
    rows: Sequence[str],
) -> tuple[Kind, NDArray[Any], tuple[str, ...], tuple[str, ...]]:
    """Apply display labels to the stage, ordering it when it is not yet."""
    if len(set(shown.values())) != len(shown):
        raise ExportError("two stages share one label", found=list_some(shown.values()))
    if kind == "ordered":
        _require_labels(levels, shown, "column 'stage'")
        return kind, values, tuple(levels), tuple(shown[level] for level in levels)
    order = list(shown)
    positions = np.full(len(values), np.nan)
    for i, (value, row) in enumerate(zip(values, rows, strict=True)):
        if value is None or value != value:
            continue
        level = levels[int(value)] if kind == "factor" else level_text(value)
        _require_labels([level], shown, f"column 'stage', {row}")
        positions[i] = order.index(level)
    return "ordered", positions, tuple(order), tuple(shown.values())


def _require_labels(levels: Sequence[str], shown: Mapping[str, str], where: str) -> None:
    unlabelled = [level for level in levels if level not in shown]
    if unlabelled:
        raise ExportError(
            "stage has no label",
            where=where,
            expected=list_some(shown, 20),
            found=list_some(unlabelled),
        )


def _codebook(variables: Sequence[Variable], known: Mapping[str, Any]) -> pd.DataFrame:
    records = []
    for variable in variables:
        entry = known.get(variable.name, {})
        record = {column: str(entry.get(column, "")) for column in CODEBOOK_COLUMNS}
        record |= {
            "column": variable.name,
            "label": record["label"] or _obs_label(variable.name),
            "alias": variable.alias,
            "sav_name": variable.sav_name,
            "role": variable.role,
            "type": variable.kind,
            "measure": variable.measure,
            "levels": "|".join(variable.levels),
            "codes": "|".join(map(str, variable.codes)),
            "level_labels": "|".join(variable.level_labels),
            "n_missing": str(int(variable.missing.sum())),
        }
        records.append(record)
    return pd.DataFrame(records)
