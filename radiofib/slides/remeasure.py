"""Slides measured again after someone corrected their annotations in QuPath."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from radiofib.errors import Failure, RadiofibError, SlideError, UsageError
from radiofib.parallel import map_pieces
from radiofib.provenance import canonical_json, environment, hash_bytes, hash_file, hash_object
from radiofib.slides.cases import check_out_folder
from radiofib.slides.corrected import Corrected, labels_beside, read_corrected
from radiofib.slides.labels.kept import LABELS, keep_labels
from radiofib.slides.measure import SlideMeasures, measure_slide
from radiofib.slides.morphometry.regions import find_regions
from radiofib.slides.pieces import (
    measured_content,
    measures_png,
    replace_file,
    slide_table,
    tracts_of,
)
from radiofib.slides.qupath.files import (
    AnnotatedSlide,
    match_annotations,
    set_corrections_aside,
)
from radiofib.slides.qupath.geojson import to_geojson
from radiofib.slides.reader import Slide, open_slide
from radiofib.slides.segmentation import Segmentation
from radiofib.slides.settings import SlideSettings
from radiofib.store import read_record, tidy, write_record
from radiofib.table import FeatureTable

__all__ = ["Remeasured", "remeasure_slides"]

#: Raised when the way of reading annotations changes.
_METHOD = 5
_PIECES = "pieces"
_CORRECTIONS = (
    *("case", "annotations", "sha256", "labels", "tissue", "label", "background", "artefact"),
    *("region", "ignore", "unclassified", "unused", "mended", "empty", "tracts_read"),
    *("portal_mm2", "notes"),
)
_MAKER = ("segmentation_source", "segmentation_maker")


@dataclass(frozen=True, eq=False)
class Remeasured:
    """What the corrected annotations of some slides yield.

    Parameters
    ----------
    table : FeatureTable
        One row per slide, sorted by case.
    corrections : DataFrame
        One row per slide: what was read from its file, and what to look at.
    tracts : DataFrame
        One row per portal tract.
    failures : list of Failure
        Sorted by case.
    """

    table: FeatureTable
    corrections: pd.DataFrame
    tracts: pd.DataFrame
    failures: list[Failure]


def remeasure_slides(
    folder: str | Path,
    slides: Iterable[str | Path] = (),
    *,
    out: str | Path,
    um: float = 1.0,
    mpp: float | None = None,
    workers: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    settings: SlideSettings | None = None,
    stages: Mapping[str, float] | None = None,
) -> Remeasured:
    """Measure slides again by their annotations: what was deleted is gone, what was added counts.

    Parameters
    ----------
    folder : path
        Folder of ``radiofib slides run`` whose GeoJSON was corrected, or to which QuPath
        exported: ``<case>.geojson`` for each slide. Nothing in it is changed.
    slides : iterable of path
        Slides, or folders with them; default: those beside or in `folder`.
    out : path
        Another folder; gets ``<case>.geojson`` and ``<case>.png`` anew.
    um : float
        Side of a cell in which annotations are counted where no run kept labels, um.
    mpp : float, optional
        Side of a level-0 pixel for slides that do not say; default what the run was given.
    workers : int, optional
        Processes; results do not depend on it.
    progress : callable, optional
        Called with slides done, slides in all and the case just done.
    settings : SlideSettings, optional
        Default those of the run, as its ``slides.parquet`` has them.
    stages : mapping, optional
        Case to stage, as of the run.

    Returns
    -------
    Remeasured

    Raises
    ------
    UsageError
        When `folder` holds no annotations, or `out` is the same folder or that of a slide.

    Notes
    -----
    Where the run kept labels (``labels/<case>.png`` beside the file), they stay wherever nobody
    changed an object, on their own grid: a file that was not changed gives the values of the run,
    given its settings. Tracts that the run wrote and that are no longer there become lobule; what
    was drawn is put in; where tissue was added, it is lobule. `out` gets the labels as they are
    then, so that they can be corrected again. In a folder without them, as QuPath exports it,
    all tissue that is not annotated is lobule, veins and vacuoles that the run left out too: the
    notes say so.

    Outlines of class ``Tissue`` replace the tissue that radiofib finds, piece by piece as they
    were drawn; ``Artefact: ...`` lies on it and is left out, so that an artefact deleted is tissue
    again. A file without any outline of tissue leaves both to radiofib. Tracts drawn beyond the
    tissue are cut off at its edge. ``ROI`` and ``Region*`` limit what is measured, ``Ignore*`` is
    left out, and both are written out again. A file without a tract says that there are none
    where tracts were counted before, or where an outline of tissue carries the measurement
    ``Portal area mm2``; elsewhere it says nothing about them.

    Examples
    --------
    >>> remeasure_slides("slides", out="slides")
    Traceback (most recent call last):
    radiofib.errors.UsageError: slides: corrected annotations are never written over. Next: give
    another folder with --out.
    """
    folder, out = Path(folder), Path(out)
    if out.absolute() == folder.absolute() or (out.exists() and out.samefile(folder)):
        raise UsageError(
            "corrected annotations are never written over",
            where=str(out),
            hint="give another folder with --out",
        )
    pairs, failures = match_annotations(folder, slides)
    check_out_folder((pair.slide for pair in pairs), out)
    tidy(out / _PIECES)
    settings = settings or _settings_of(folder)
    work = partial(_finish, out=out, um=um, mpp=mpp, settings=settings, stages=dict(stages or {}))
    done: dict[str, dict[str, Any] | Failure] = {}
    for pair, outcome in map_pieces(work, pairs, workers=workers, on_crash=_crashed):
        done[pair.case] = outcome
        if progress is not None:
            progress(len(done), len(pairs), pair.case)
    ordered = [done[pair.case] for pair in pairs]
    pieces = [d for d in ordered if isinstance(d, dict)]
    failures = [*failures, *(d for d in ordered if isinstance(d, Failure))]
    provenance = {
        "method": f"annotations {_METHOD}",
        "settings": settings.model_dump() | {"um": um},
        "pieces": {p["case"]: p["corrections"]["sha256"] for p in pieces},
    }
    return Remeasured(
        slide_table(pieces, provenance, more=_MAKER),
        pd.DataFrame([p["corrections"] for p in pieces], columns=list(_CORRECTIONS)),
        tracts_of((p["case"], p) for p in pieces),
        sorted(failures, key=lambda f: f.case),
    )


def _settings_of(folder: Path) -> SlideSettings:
    """Return the settings of the run that wrote a folder; the usual ones for a mere export."""
    path = folder / "slides.parquet"
    if not path.is_file():
        return SlideSettings()
    stored = FeatureTable.from_parquet(path).provenance.get("settings", {})
    known = {key: value for key, value in stored.items() if key != "um"}
    return SlideSettings.parse(known, where=str(path))


def _crashed(pair: AnnotatedSlide, error: Exception) -> Failure:
    reason = SlideError(
        "the process measuring the slide died",
        where=pair.slide.name,
        found=type(error).__name__,
        hint="free memory or use fewer workers, then run again",
    )
    return Failure.from_error(reason, case=pair.case, step="remeasure")


def _finish(
    pair: AnnotatedSlide,
    *,
    out: Path,
    um: float,
    mpp: float | None,
    settings: SlideSettings,
    stages: dict[str, float],
) -> dict[str, Any] | Failure:
    try:
        if pair.withheld and pair.case not in stages:
            raise SlideError(
                "the run withheld the counts of this slide because of its stage",
                where=pair.slide.name,
                expected="its stage",
                hint="give the stages of the run (--stages)",
            )
        content = pair.annotations.read_bytes()
        with open_slide(pair.slide, mpp=mpp or pair.mpp) as slide:
            key = hash_object(
                {
                    "annotations": hash_bytes(content),
                    "case": pair.case,
                    "content": slide.content_hash(),
                    "counted": pair.counted,
                    "labels": _hash_of(labels_beside(pair.annotations, pair.case)),
                    "method": _METHOD,
                    "mpp": slide.mpp,
                    "set_aside": pair.set_aside,
                    "settings": settings.model_dump(),
                    "stage": stages.get(pair.case),
                    "um": um,
                    "versions": environment(),
                }
            )
            piece: dict[str, Any] | None = read_record(out / _PIECES, key, home=out)
            if piece is None:
                stage = stages.get(pair.case)
                piece = _measure(pair, slide, content, key, out, um, settings, stage)
        return piece
    except (SlideError, OSError, MemoryError) as error:
        return Failure.from_error(error, case=pair.case, step="remeasure")
    except RadiofibError:
        raise
    except Exception as error:  # a defect on one slide must not cost the others
        return Failure.from_error(error, case=pair.case, step="remeasure")


def _hash_of(path: Path) -> str | None:
    return hash_file(path) if path.is_file() else None


def _measure(
    pair: AnnotatedSlide,
    slide: Slide,
    content: bytes,
    key: str,
    out: Path,
    um: float,
    settings: SlideSettings,
    stage: float | None,
) -> dict[str, Any]:
    name, digest = pair.annotations.name, hash_bytes(content)
    found = read_corrected(
        slide,
        content,
        name,
        labels_beside(pair.annotations, pair.case),
        counted=pair.counted,
        um=um,
        maker=f"{name} {digest[:8]}",
        settings=settings,
    )
    measures = measure_slide(slide, settings, found.segmentation, stage, tissue=found.tissue)
    annotations = (*measures.annotations, *found.annotated.frames)
    contents = {
        f"{pair.case}.geojson": to_geojson(annotations, key=key).encode(),
        f"{pair.case}.png": measures_png(measures, caption=_caption(found.segmentation)),
    }
    geojson = out / f"{pair.case}.geojson"
    set_corrections_aside(geojson, contents[geojson.name], _written(out / _PIECES, geojson.name))
    for file, data in contents.items():
        replace_file(out / file, data)
    files = [*contents]
    if found.segmentation is not None:
        # What was corrected here may be corrected again.
        (out / LABELS).mkdir(exist_ok=True)
        keep_labels(found.annotated.segmentation, out / LABELS / f"{pair.case}.png")
        files.append(f"{LABELS}/{pair.case}.png")
    piece = _piece(pair, slide, digest, found, measures, settings)
    write_record(out / _PIECES, key, piece, home=out, files=files)
    return piece


def _written(pieces: Path, name: str) -> set[str]:
    """Return the hashes of the files of a name that were written here."""
    texts = (path.read_text(encoding="utf-8") for path in pieces.glob("*.json"))
    marks = (text.partition(canonical_json(name) + ':"')[2] for text in texts)
    return {mark.partition('"')[0] for mark in marks if mark}


def _piece(
    pair: AnnotatedSlide,
    slide: Slide,
    digest: str,
    found: Corrected,
    measures: SlideMeasures,
    settings: SlideSettings,
) -> dict[str, Any]:
    notes = list(found.notes)
    notes += [f"{name}: corrections set aside by a later run, not used" for name in pair.set_aside]
    corrections = {
        "case": pair.case,
        "annotations": pair.annotations.name,
        "sha256": digest,
        "labels": "run" if found.from_run else "",
        **found.annotated.counts,
        **_portal(found.segmentation, settings.tracts.min_tract_um2),
        "notes": "; ".join(notes),
    }
    content = measured_content(pair.case, slide, measures)
    made = found.segmentation
    content["obs"] |= {
        "segmentation_source": "" if made is None else made.source,
        "segmentation_maker": "" if made is None else made.maker,
    }
    return {"case": pair.case, "corrections": corrections, **content}


def _caption(found: Segmentation | None) -> str:
    return "" if found is None else f"Portal tracts by {found.source}: {found.maker}"


def _portal(found: Segmentation | None, smallest_um2: float) -> dict[str, float]:
    """Count regions that are large enough for a tract, as found ones are counted."""
    if found is None:
        return {"tracts_read": 0, "portal_mm2": 0.0}
    areas = find_regions(found, "portal").cells * found.grid.cell_um2
    areas = areas[areas >= smallest_um2]
    return {"tracts_read": len(areas), "portal_mm2": float(areas.sum()) / 1e6}
