"""What is kept of each measured slide, and the tables made of it."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib.provenance import canonical_json, environment, hash_file
from radiofib.slides.labels.labeller import LABELS, PIECES
from radiofib.slides.measure import SlideMeasures
from radiofib.slides.morphometry.portal import TRACT
from radiofib.slides.picture import outline_png
from radiofib.slides.qupath.files import set_corrections_aside
from radiofib.slides.qupath.geojson import Annotation, to_geojson
from radiofib.slides.reader import Slide
from radiofib.slides.specs import SLIDE_REGISTRY, codebook, column
from radiofib.slides.specs.tracts import TRACT_REGISTRY
from radiofib.table import MISSING_COLUMNS, FeatureTable

__all__ = [
    "MAKER",
    "METHOD",
    "earlier_cases",
    "finished_piece",
    "measured_content",
    "measures_png",
    "replace_file",
    "slide_table",
    "tract_table",
    "tracts_of",
    "write_piece",
]

#: Raised when the way of measuring changes, so that nothing older is taken for finished.
METHOD = 6
#: Columns that say who labelled a slide: ``model``, ``classical`` or ``annotations``, and which.
MAKER = ("segmentation_source", "segmentation_maker")
_OBS = (
    *("case", "patient", "vendor", "mpp_x_um", "mpp_y_um", "mpp_source", "tissue_px_um"),
    *(*MAKER, "warnings"),
)
#: How a picture says who labelled the tissue.
_CAPTIONS = {
    "classical": "Portal tracts by a classical pixel classifier: {maker}",
    "model": "Portal tracts by a network: {maker}",
}


def finished_piece(out: Path, case: str, key: str) -> dict[str, Any] | None:
    """Return the piece of a finished slide, or None when anything of it is missing or changed."""
    piece = _read_piece(out / PIECES / f"{key}.json")
    if piece is None or piece["key"] != key:
        return None
    for kind, path in _outputs(out, case, labelled="labels" in piece["outputs"]).items():
        if not path.is_file() or hash_file(path) != piece["outputs"][kind]:
            return None
    return piece


def write_piece(
    out: Path,
    case: str,
    key: str,
    slide: Slide,
    measures: SlideMeasures,
    *,
    maker: tuple[str, str] | None = None,
    tiles: int | None = None,
) -> dict[str, Any]:
    """Write picture and outlines of a slide, then the piece that says they are whole.

    Parameters
    ----------
    maker : tuple of str, optional
        Source and maker of the labels, see :class:`~radiofib.slides.Segmentation`; None without a
        segmentation.
    tiles : int, optional
        Of how many tiles the labels are.
    """
    source, name = maker or ("", "")
    caption = _CAPTIONS.get(source, "").format(maker=name)
    contents = {
        "geojson": to_geojson(_named(measures.annotations, source), key=key).encode(),
        "png": measures_png(measures, caption=caption),
    }
    paths = _outputs(out, case, labelled=maker is not None)
    if maker is None:  # labels of an earlier run are not those of this one
        _outputs(out, case, labelled=True)["labels"].unlink(missing_ok=True)
    set_corrections_aside(paths["geojson"], contents["geojson"], _written(out, case))
    for kind, content in contents.items():
        replace_file(paths[kind], content)
    piece = {
        "key": key,
        "case": case,
        **measured_content(case, slide, measures, maker=(source, name)),
        "outputs": {kind: hash_file(path) for kind, path in paths.items()},
        **({} if tiles is None else {"tiles": tiles}),
    }
    replace_file(out / PIECES / f"{key}.json", canonical_json(piece).encode())
    return piece


def _named(annotations: Iterable[Annotation], source: str) -> Iterable[Annotation]:
    """Say in the name of each tract that no network has found it: QuPath lists the names."""
    for one in annotations:
        told = source == "classical" and one.classification == TRACT
        yield replace(one, name=f"{one.name} (classical)") if told else one


def measures_png(measures: SlideMeasures, *, caption: str = "") -> bytes:
    """Return the picture of a slide with the outlines of its tissue, artefacts and tracts."""
    step = (measures.grid.step_x, measures.grid.step_y)
    return outline_png(measures.overview, measures.annotations, step=step, caption=caption)


def measured_content(
    case: str,
    slide: Slide,
    measures: SlideMeasures,
    *,
    maker: tuple[str, str] = ("", ""),
) -> dict[str, Any]:
    """Return what a piece keeps of the measures of a slide, in plain values."""
    return {
        "obs": {
            "case": case,
            "patient": case,
            "vendor": slide.vendor,
            "mpp_x_um": slide.mpp[0],
            "mpp_y_um": slide.mpp[1],
            "mpp_source": slide.mpp_source,
            "tissue_px_um": math.sqrt(measures.grid.cell_um2),
            "segmentation_source": maker[0],
            "segmentation_maker": maker[1],
            "warnings": "; ".join(measures.warnings),
        },
        "values": {spec.key: _plain(measures.measured[spec.key]) for spec in SLIDE_REGISTRY},
        "missing": measures.missing,
        "tracts": [[_plain(row[c]) for c in _tract_columns()] for row in measures.tracts],
    }


def slide_table(
    pieces: Sequence[Mapping[str, Any]], provenance: Mapping[str, Any], *, more: Sequence[str] = ()
) -> FeatureTable:
    """Return one row per slide.

    Parameters
    ----------
    pieces : sequence of mapping
        Of the slides, in order.
    provenance : mapping
        Method, settings and pieces; kind and versions are added.
    more : sequence of str
        Columns of ``obs`` besides the usual.
    """
    keys = [spec.key for spec in SLIDE_REGISTRY]
    X = pd.DataFrame(
        {column(key): [_float(piece["values"][key]) for piece in pieces] for key in keys},
        dtype="float64",
    )
    columns = list(dict.fromkeys([*_OBS, *more]))
    obs = pd.DataFrame([piece["obs"] for piece in pieces], columns=columns)
    missing = [
        {"case": piece["case"], "instance": "", "column": column(k), "reason": piece["missing"][k]}
        for piece in pieces
        for k in keys  # a piece read again has lost the order of its keys
        if k in piece["missing"]
    ]
    facts = {
        "kind": "slides",
        "versions": environment(("openslide-python", "openslide-bin", "scikit-image", "numpy")),
        **provenance,
    }
    labels = provenance.get("segmentation", {})
    book = codebook(classical=labels.get("source") == "classical")
    return FeatureTable(X, obs, book, pd.DataFrame(missing, columns=list(MISSING_COLUMNS)), facts)


def tract_table(table: FeatureTable, out: str | Path) -> pd.DataFrame:
    """Return one row per portal tract of the slides of a run.

    Parameters
    ----------
    table : FeatureTable
        As :func:`~radiofib.slides.run_slides` returned it.
    out : path
        The folder it wrote.

    Returns
    -------
    DataFrame
        ``case``, the columns of :data:`~radiofib.slides.TRACT_REGISTRY`, and who labelled the
        slide (``segmentation_source``, ``segmentation_maker``); no rows without a segmentation.
    """
    keys = table.provenance["pieces"].items()
    return tracts_of(
        (case, _read_piece(Path(out) / PIECES / f"{k}.json") or {}) for case, k in keys
    )


def tracts_of(pieces: Iterable[tuple[str, Mapping[str, Any]]]) -> pd.DataFrame:
    """Return one row per portal tract of pieces, each given with its case."""
    rows = [
        [case, *row, *(piece["obs"][name] for name in MAKER)]
        for case, piece in pieces
        for row in piece.get("tracts", ())
    ]
    return pd.DataFrame(rows, columns=["case", *_tract_columns(), *MAKER])


def _tract_columns() -> list[str]:
    return [spec.name for spec in TRACT_REGISTRY]


def earlier_cases(out: str | Path, cases: Collection[str]) -> list[str]:
    """Return the slides of earlier runs whose files lie in a folder and that are none of `cases`.

    Examples
    --------
    >>> earlier_cases("no-such-folder", [])
    []
    """
    out = Path(out)
    pieces = (_read_piece(path) for path in (out / PIECES).glob("*.json"))
    known = {str(piece["case"]) for piece in pieces if piece is not None}
    return sorted(c for c in known - set(cases) if (out / f"{c}.geojson").is_file())


def _outputs(out: Path, case: str, *, labelled: bool) -> dict[str, Path]:
    paths = {kind: out / f"{case}.{kind}" for kind in ("geojson", "png")}
    return paths | {"labels": out / LABELS / f"{case}.png"} if labelled else paths


def _read_piece(path: Path) -> dict[str, Any] | None:
    try:
        piece = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(piece, dict) and {"key", "obs", "outputs", "values", "missing"} <= set(piece)
    return piece if known else None


def _written(out: Path, case: str) -> set[str]:
    """Return the hashes of the GeoJSON that runs have written of a case."""
    pieces = (_read_piece(p) for p in (out / PIECES).glob("*.json"))
    return {p["outputs"]["geojson"] for p in pieces if p is not None and p.get("case") == case}


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(content)
    temporary.replace(path)


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and math.isnan(value) else value


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)
