"""Which file of annotations belongs to which slide."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radiofib._checks import list_some
from radiofib.errors import Failure, SlideError, UsageError
from radiofib.provenance import hash_bytes, hash_file
from radiofib.slides.cases import has_slide_suffix
from radiofib.slides.morphometry.portal import NOT_COUNTABLE

__all__ = ["AnnotatedSlide", "match_annotations", "set_corrections_aside"]

_ANNOTATIONS = re.compile(r"(?P<label>.+)\.geojson(\.gz)?", re.IGNORECASE)
_SET_ASIDE = re.compile(r"(?P<label>.+)\.kept-[0-9a-f]+\.geojson")
#: Files that lie beside results and slides, and are no slides.
_NO_SLIDES = {".geojson", ".gz", ".json", ".csv", ".parquet", ".html", ".txt", ".md", ".groovy"}
_STEP = "remeasure"


@dataclass(frozen=True)
class AnnotatedSlide:
    """A slide and its annotations.

    Parameters
    ----------
    case : str
        As the file of annotations names it.
    slide, annotations : Path
        The two files.
    mpp : float, optional
        um per pixel that was given when the slide was measured first.
    counted : bool
        Whether tracts were counted then: if so, a file without any says that there are none.
    withheld : bool
        Whether counts were withheld then because of the stage.
    set_aside : tuple of str
        Names of corrected files that a later run has set aside and that are not used.
    """

    case: str
    slide: Path
    annotations: Path
    mpp: float | None = None
    counted: bool = False
    withheld: bool = False
    set_aside: tuple[str, ...] = ()


def match_annotations(
    folder: str | Path, slides: Iterable[str | Path] = ()
) -> tuple[list[AnnotatedSlide], list[Failure]]:
    """Find the slide of each file of annotations in a folder.

    Parameters
    ----------
    folder : path
        Holds ``<case>.geojson`` (or ``.geojson.gz``), as ``radiofib slides run`` writes it and
        QuPath exports it; ``<slide file>.geojson`` is understood too.
    slides : iterable of path
        Slides, or folders in which to look for them. Without any, slides are looked for in
        `folder` and beside it.

    Returns
    -------
    found : list of AnnotatedSlide
        Sorted by case.
    failures : list of Failure
        Slides without annotations, annotations without a slide, what fits twice, and what the
        last run of the folder failed on (its ``failures.csv``) while an earlier one did not.

    Raises
    ------
    UsageError
        When `folder` is no folder or holds no annotations, or none of the slides exists.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     (folder := Path(name) / "slides").mkdir()
    ...     for file in ("a.geojson", "a.svs", "b.geojson"):
    ...         _ = (folder / file).write_text("")
    ...     pairs, failures = match_annotations(folder)
    >>> [(p.case, p.slide.name) for p in pairs], [f.case for f in failures]
    ([('a', 'a.svs')], ['b'])
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError("no such folder", where=str(folder), hint="name the folder of a run")
    files, set_aside = _annotations(folder)
    if not files:
        raise UsageError(
            "no annotations in the folder",
            where=str(folder),
            expected="<case>.geojson",
            hint="name the folder of a run, or to which QuPath exported",
        )
    paths = [Path(p) for p in slides]
    if paths and not any(p.exists() for p in paths):
        raise UsageError("no such slide or folder", where=str(paths[0]), hint="check the path")
    named = [p for p in paths if not p.is_dir()]
    places = [p for p in paths if p.is_dir()] if paths else [folder, folder.absolute().parent]
    looked_up = _looked_up(places, files, folder)
    candidates = list({p.absolute(): p for p in (*named, *looked_up)}.values())
    fits = {slide: sorted(set(files) & _names(slide)) for slide in candidates}
    owners = {label: [s for s, own in fits.items() if label in own] for label in files}
    recorded, failed = _pieces(folder), _failed(folder)
    pairs, failures = [], []
    for slide, labels in fits.items():
        texts = [path for label in labels for path in files[label]]
        if not slide.exists():
            gone = SlideError("no such file", where=slide.name, hint="check the path")
            failures.append(Failure.from_error(gone, case=slide.stem, step=_STEP))
        elif not texts:
            failures.append(_failure(slide.stem, "no annotations for this slide", slide.name))
        elif len(texts) > 1:
            found = list_some(path.name for path in texts)
            problem = "several files of annotations fit this slide"
            failures.append(_failure(slide.stem, problem, slide.name, found))
        elif len(owners[labels[0]]) == 1:
            case = slide.stem if labels[0] == slide.name else labels[0]
            if case in failed and case in recorded:
                failures.append(_outdated(case, slide.name, folder))
                continue
            kept = tuple(set_aside.get(labels[0], ()))
            own = _present(recorded.get(case, []), folder / f"{case}.png")
            known = (_given_mpp(own), _has_tracts(own), _withheld(own))
            pairs.append(AnnotatedSlide(case, slide, texts[0], *known, kept))
    for label, fitting in owners.items():
        if len(fitting) > 1:
            problem = "several slides fit these annotations"
            found = list_some(slide.name for slide in fitting)
            failures.append(_failure(label, problem, files[label][0].name, found))
        elif not fitting and not named:
            problem = "the slide of these annotations is not found"
            failures.append(_failure(label, problem, files[label][0].name))
    return sorted(pairs, key=lambda p: p.case), sorted(failures, key=lambda f: f.case)


def set_corrections_aside(path: Path, new: bytes, written: Collection[str]) -> None:
    """Keep a GeoJSON under another name before it is replaced: someone's work may be in it.

    Parameters
    ----------
    path : path
        ``<case>.geojson``; becomes ``<case>.kept-<hash>.geojson``.
    new : bytes
        What is to be written; the same content stays where it is.
    written : collection of str
        Hashes of the contents that radiofib wrote: nobody has corrected those.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     path = Path(name) / "a.geojson"
    ...     _ = path.write_text("corrected")
    ...     set_corrections_aside(path, b"new", ())
    ...     [p.name for p in Path(name).iterdir()]
    ['a.kept-3def73f1.geojson']
    """
    if not path.is_file():
        return
    digest = hash_bytes(path.read_bytes())
    if digest == hash_bytes(new) or digest in written:
        return
    path.replace(path.with_name(f"{path.stem}.kept-{digest[:8]}.geojson"))


def _annotations(folder: Path) -> tuple[dict[str, list[Path]], dict[str, list[str]]]:
    files: dict[str, list[Path]] = {}
    set_aside: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        if kept := _SET_ASIDE.fullmatch(path.name):
            set_aside.setdefault(kept["label"], []).append(path.name)
        elif found := _ANNOTATIONS.fullmatch(path.name):
            files.setdefault(found["label"], []).append(path)
    return files, set_aside


def _looked_up(places: Sequence[Path], labels: Iterable[str], results: Path) -> list[Path]:
    """Return files of some folders that carry the name of annotations."""
    wanted = set(labels)
    found = []
    for place in places:
        for path in sorted(place.iterdir()):
            # A run writes <case>.png beside <case>.geojson: a picture there is no slide.
            drawn = path.suffix.lower() == ".png" and place.absolute() == results.absolute()
            if path.suffix.lower() in _NO_SLIDES or drawn or not path.is_file():
                continue
            if wanted & _names(path):
                found.append(path)
    # What other programs keep under the name of a slide (.xml, .qpdata) is none beside it.
    sure = {name for p in found if has_slide_suffix(p) for name in wanted & _names(p)}
    return [p for p in found if has_slide_suffix(p) or not sure & _names(p)]


def _names(slide: Path) -> set[str]:
    """Return the names that annotations of a slide can have (see ``name_cases``)."""
    stems = {slide.stem, slide.name.replace(".", "_")}
    parents = [part for part in slide.absolute().parent.parts if part.strip("/\\:")]
    fronts = ["__".join(parents[-depth:]) for depth in range(1, len(parents) + 1)]
    return {slide.name, *stems, *(f"{front}__{stem}" for front in fronts for stem in stems)}


def _pieces(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return what was recorded of each case when the slides were measured."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((folder / "pieces").glob("*.json")):
        try:
            piece = json.loads(path.read_text(encoding="utf-8"))
            piece = piece.get("content", piece)
            found.setdefault(str(piece["obs"]["case"]), []).append(piece)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # what a killed run left half-written says nothing
    return found


def _failed(folder: Path) -> set[str]:
    """Return the cases that the last run of a folder failed on."""
    try:
        with (folder / "failures.csv").open(encoding="utf-8", newline="") as lines:
            return {str(row.get("case")) for row in csv.DictReader(lines)}
    except (OSError, UnicodeDecodeError, csv.Error):
        return set()


def _outdated(case: str, slide: str, folder: Path) -> Failure:
    error = SlideError(
        "the last run failed on this slide: its outlines and labels are of an earlier one",
        where=slide,
        found=f"{case} in {folder.name}/failures.csv",
        hint="put right what failed and run again, or copy the corrected GeoJSON to another folder",
    )
    return Failure.from_error(error, case=case, step=_STEP)


def _present(pieces: list[dict[str, Any]], picture: Path) -> list[dict[str, Any]]:
    """Return the records of the run that made the present picture of a case, else all."""
    if not picture.is_file():
        return pieces
    digest = hash_file(picture)
    made = [p for p in pieces if isinstance(o := p.get("outputs"), dict) and o.get("png") == digest]
    return made or pieces


def _withheld(pieces: Sequence[dict[str, Any]]) -> bool:
    reasons = (piece.get("missing") for piece in pieces)
    told = (r.get("portal_tract_count", "") for r in reasons if isinstance(r, dict))
    return any(str(reason).startswith(NOT_COUNTABLE) for reason in told)


def _given_mpp(pieces: Sequence[dict[str, Any]]) -> float | None:
    """Return the pixel size that was given by hand, where all records agree on it."""
    sizes = {p["obs"].get("mpp_x_um") for p in pieces if p["obs"].get("mpp_source") == "given"}
    size = sizes.pop() if len(sizes) == 1 else None
    return float(size) if isinstance(size, int | float) and math.isfinite(size) else None


def _has_tracts(pieces: Sequence[dict[str, Any]]) -> bool:
    values = (piece.get("values") for piece in pieces)
    return any(isinstance(v, dict) and v.get("portal_area_mm2") is not None for v in values)


def _failure(case: str, problem: str, where: str, found: str | None = None) -> Failure:
    error = SlideError(
        problem,
        where=where,
        expected="one <case>.geojson for each slide",
        found=found,
        hint="name the slides as they were measured, and leave one file for each",
    )
    return Failure.from_error(error, case=case, step=_STEP)
