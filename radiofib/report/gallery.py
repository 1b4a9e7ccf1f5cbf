"""What was measured, shown: example images with their regions, and slides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from radiofib.deep.cam import NO_ACTIVATION
from radiofib.errors import RadiofibError
from radiofib.report.blocks import (
    Block,
    Column,
    Gallery,
    Group,
    Note,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.context import Context
from radiofib.report.format import count, pluralise, shorten, significant
from radiofib.report.pictures import BUDGET, pictures
from radiofib.table import read_frame

__all__ = ["examples_section", "maps_section", "slides_section"]

MOST_EXAMPLES = 12
MOST_OUTLINES = 6
MOST_SLIDES = 30
MOST_MAPS = 8
#: Endings of slide columns worth showing first, in this order.
_SLIDE_COLUMNS = (
    "tissue_area_mm2",
    "core_length_mm",
    "longest_core_mm",
    "core_width_mm",
    "fragment_count",
    "wedge_count",
    "edge_contact_mm",
)
#: Measures of slides; other columns describe the row.
_MEASURE = re.compile(r"wsi_")
_SEGMENTED = {
    "classical": "Portal tracts are those of a classical pixel classifier, not of a network: "
    "{maker}.",
    "model": "Portal tracts are those of a network: {maker}.",
    "annotations": "Portal tracts are those that someone drew or corrected: {maker}.",
}


def examples_section(context: Context) -> Section | None:
    """Build the section of example images; None when the run has slides instead."""
    files = sorted((context.folder.root / "examples").glob("*.png"))
    if not files and (context.folder.root / "slides").is_dir():
        return None
    if not files:
        return Section(
            "examples",
            "Example images",
            (Note("examples/ holds no PNG: no image is shown."),),
        )
    wanted = [(p, _caption(p.stem), _alt(p.stem)) for p in _spread(files, MOST_EXAMPLES * 2)]
    made, broken = pictures(wanted, most=MOST_EXAMPLES, budget=int(BUDGET * context.share * 2 / 3))
    blocks: list[Block] = []
    if made:
        caption = "Examples with the region of interest drawn on the image, as it was measured."
        if len(files) > len(made):
            caption += f" {pluralise(len(files) - len(made), 'more picture')} in examples/."
        blocks.append(Gallery(caption, made))
    blocks += [Note(f"Not shown: {b}") for b in broken[:5]]
    return Section("examples", "Example images", tuple(blocks))


def _spread(files: list[Path], most: int) -> list[Path]:
    """Take pictures of different cases before a second one of the same case."""
    seen: dict[str, int] = {}
    ranked = []
    for path in files:
        case = path.stem.split("__")[0]
        seen[case] = seen.get(case, 0) + 1
        ranked.append((seen[case], path.name, path))
    chosen = sorted(sorted(ranked)[:most], key=lambda r: r[:2])
    return [path for _, _, path in chosen]


def _caption(stem: str) -> str:
    first, *rest = [part for part in stem.split("__") if part]
    name = f"Example {int(first)}" if first.isdecimal() and len(first) < 5 else first
    return " · ".join([name, *rest])


def _alt(stem: str) -> str:
    shown = _caption(stem).replace(" · ", ", ")
    return f"{shown}: image with the outline of the region of interest"


def maps_section(context: Context) -> Section | None:
    """Build the section of class activation maps; None when a run drew none."""
    frame = context.folder.table("cam")
    if frame is None or not len(frame):
        return None
    home = context.folder.root / "cam"
    rows = frame.to_dict(orient="records")
    inside = [r for r in rows if r["file"] and _stays_inside(r["file"])]
    named = [(home / r["file"], _map_caption(context, r, i)) for i, r in enumerate(inside, 1)]
    wanted = [(p, said, f"Class activation map laid over the image: {said}") for p, said in named]
    made, broken = pictures(wanted, most=MOST_MAPS, budget=int(BUDGET * context.share / 3))
    blocks: list[Block] = []
    if made:
        caption = (
            "Class activation maps: where in the picture the stager's answer comes from. "
            f"{_colours_of(frame)}A map that shows an edge, a label or the background is a warning."
        )
        if len(rows) > len(made):
            caption += f" {pluralise(len(rows) - len(made), 'more map')} in cam/."
        blocks.append(Gallery(caption, made))
    notes = [n for n in dict.fromkeys(frame["note"]) if n]
    blocks += [Note(f"{shorten(n, 600)}.") for n in notes[:4]]
    blocks += [Note(f"Not shown: {b}") for b in broken[:5]]
    return Section("maps", "Class activation maps", tuple(blocks)) if blocks else None


def _colours_of(frame: pd.DataFrame) -> str:
    """Say what colours, 0 and offset of maps are; nothing of maps that do not say what 0 is."""
    zeros = [z for z in dict.fromkeys(frame["zero"]) if z]
    if not zeros or not (frame["zero"] != "").all():
        return ""
    said = (
        "Orange raises the score of the stage named and violet lowers it, the stronger the more; "
        f"where the picture is not coloured the map is 0, which stands for {' or '.join(zeros)}. "
    )
    if NO_ACTIVATION in zeros:
        said += (
            "The sign of such a map says nothing by itself, for the offset may outweigh it: "
            "compare places within one map. "
        )
    return said


def _stays_inside(name: str) -> bool:
    """Tell whether a recorded file is a plain path below its folder."""
    return not Path(name).is_absolute() and ".." not in re.split(r"[\\/]", name)


def _map_caption(context: Context, row: Mapping[Any, Any], place: int) -> str:
    """Name a map by the number of its file, as examples are: a report leaves the house."""
    first = Path(str(row["file"])).stem.split("__")[0]
    name = f"Map {int(first) if first.isdecimal() and len(first) < 5 else place}"
    stage, predicted = (str(row[c]) for c in ("stage", "predicted"))
    told = [f"stage {context.stage_name(stage)}"] if stage else []
    told += [f"predicted {context.stage_name(predicted)}"] if predicted else []
    if not told or row["target"] != predicted:
        told.append(context.target_name(str(row["target"])))
    parts = [name, str(row["channel"]), *told, str(row["kind"])]
    return " · ".join(shorten(p, 40) for p in parts if p)


def slides_section(context: Context) -> Section | None:
    """Build the section on slides; None when the run has no ``slides/`` folder."""
    folder = context.folder.root / "slides"
    if not folder.is_dir():
        return None
    blocks: list[Block] = []
    tables = [folder / name for name in ("slides.csv", "slides.parquet")]
    tables = [path for path in tables if path.is_file()]
    if tables:
        blocks += _slide_table(tables[0])
    else:
        blocks.append(Note("slides/ holds no table: nothing was measured on slides."))
    files = sorted(folder.glob("*.png"))
    wanted = [
        (p, _caption(p.stem), f"Slide {p.stem.split('__')[0]} with the outline of its tissue")
        for p in files
    ]
    made, broken = pictures(wanted, most=MOST_OUTLINES, budget=int(BUDGET * context.share / 3))
    if made:
        more = f" {len(files) - len(made)} more in slides/." if len(files) > len(made) else ""
        blocks.append(Gallery(f"Slides with the outline of the tissue found.{more}", made))
    blocks += [Note(f"Not shown: {b}") for b in broken[:5]]
    return Section("slides", "Slides", tuple(blocks))


def _slide_table(path: Path) -> list[Block]:
    try:
        frame = read_frame(path)
    except RadiofibError as error:
        return [Note(f"slides/{path.name} cannot be used: {error.problem}.")]
    name = "case" if "case" in frame else str(frame.columns[0])
    # Beside the measures stands what is known of the case and the file.
    numeric = [c for c in map(str, frame.columns) if _MEASURE.match(c)]
    numeric = [c for c in numeric if pd.api.types.is_numeric_dtype(frame[c])]
    numeric.sort(key=lambda c: _rank(c))
    shown = numeric[:7]
    rows = tuple(
        (
            text(shorten(row[name], 60)),
            *(number(significant(float(row[c])), float(row[c])) for c in shown),
        )
        for row in frame.head(MOST_SLIDES).to_dict(orient="records")
    )
    notes = []
    if len(frame) > MOST_SLIDES:
        notes.append(f"{count(len(frame) - MOST_SLIDES)} more slides in slides/{path.name}.")
    if len(numeric) > len(shown):
        notes.append(f"{len(numeric) - len(shown)} more measures in slides/{path.name}.")
    columns = (Column("Slide"), *(Column(_plain(c), numeric=True) for c in shown))
    title = f"Measures of {pluralise(len(frame), 'slide')}."
    table = Table(title, columns, (Group("", rows),), tuple(notes))
    return [*_segmented_by(frame), table]


def _segmented_by(frame: pd.DataFrame) -> list[Block]:
    """Say who labelled the slides; a pixel classifier is not to pass for a network."""
    if not {"segmentation_source", "segmentation_maker"} <= set(frame):
        return []
    made = frame[["segmentation_source", "segmentation_maker"]].dropna().drop_duplicates()
    return [
        Note(_SEGMENTED[source].format(maker=maker))
        for source, maker in made.itertuples(index=False)
        if source in _SEGMENTED
    ]


def _rank(column: str) -> float:
    if re.search(r"portal|tract", column):
        return 1.5  # what a biopsy is judged by comes after its area and length
    for i, ending in enumerate(_SLIDE_COLUMNS):
        if column.endswith(ending):
            return i
    return len(_SLIDE_COLUMNS)


def _plain(column: str) -> str:
    """Turn ``wsi_original_morphometry_tissue_area_mm2`` into ``tissue area (mm²)``."""
    words = column.removeprefix("wsi_original_").removeprefix("morphometry_").split("_")
    units = {"mm2": "mm²", "mm": "mm", "um": "µm"}
    if len(words) > 1 and words[-1] in units:
        return f"{shorten(' '.join(words[:-1]), 40)} ({units[words[-1]]})"
    return shorten(" ".join(words), 40)
