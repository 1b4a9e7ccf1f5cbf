"""Labels of slides against those of someone else: pictures of labels, or outlines of QuPath."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from radiofib._checks import list_some
from radiofib.errors import Failure, SlideError, UsageError
from radiofib.slides.agreement.measures import AGREEMENT_COLUMNS
from radiofib.slides.labels.files import read_labels
from radiofib.slides.qupath.annotated import role_of
from radiofib.slides.qupath.rasterise import cover
from radiofib.slides.qupath.read import Drawn, read_geojson
from radiofib.slides.reader import Grid
from radiofib.slides.segmentation import compartments_of
from radiofib.stats import label_overlap

__all__ = ["LabelPairs", "label_agreement", "pair_labels"]

Labels = NDArray[np.uint8]
#: What outlines are compared as, in the order in which they are painted.
_KINDS = ("background", "lobule", "other", "portal tract")
#: Slides of 100,000 pixels at 1 um per pixel and more; Pillow's own limit is for web pages.
_MOST_PIXELS = 4_000_000_000
_AVERAGES = {
    "per_slide": "mean over pictures in which the class occurs",
    "pooled": "pixels of all pictures together",
    "per_batch": "mean over batches of consecutive pictures, each pooled",
}


@dataclass(frozen=True)
class LabelPairs:
    """Files of labels of the same cases in two folders.

    Parameters
    ----------
    files : dict
        Case to its two files.
    outlines : bool
        Whether they are GeoJSON rather than pictures.
    unmatched : tuple of str
        Cases that only one of the folders has.
    """

    files: dict[str, tuple[Path, Path]]
    outlines: bool
    unmatched: tuple[str, ...] = ()


def pair_labels(labels: str | Path, reference: str | Path) -> LabelPairs:
    """Find the files of the same cases in two folders.

    Parameters
    ----------
    labels, reference : path
        Folders of ``<case>.geojson``, or without any of ``<case>.png``, in both the same.

    Raises
    ------
    UsageError
        When a folder is missing, they hold different kinds of files, or share no case.

    Examples
    --------
    >>> pair_labels("no-such", "folders")
    Traceback (most recent call last):
    radiofib.errors.UsageError: no-such: no such folder. Next: check the path.
    """
    (first, outlines), (second, others) = _files(Path(labels)), _files(Path(reference))
    if outlines != others:
        raise UsageError(
            "labels of two kinds cannot be compared",
            where=f"{labels} and {reference}",
            expected="GeoJSON in both, or pictures of labels in both",
            found="GeoJSON in one",
            hint="name the folder labels/ of a run for its pictures, or the run for its GeoJSON",
        )
    both = sorted(first.keys() & second.keys())
    if not both:
        raise UsageError(
            "the folders share no case",
            where=f"{labels} and {reference}",
            expected=list_some(sorted(first), 3),
            found=list_some(sorted(second), 3),
            hint="name files as the slides are named",
        )
    return LabelPairs(
        {case: (first[case], second[case]) for case in both},
        outlines,
        tuple(sorted(first.keys() ^ second.keys())),
    )


def _files(folder: Path) -> tuple[dict[str, Path], bool]:
    if not folder.is_dir():
        raise UsageError("no such folder", where=str(folder), hint="check the path")
    for ending in (".geojson", ".png"):
        found = {p.stem: p for p in sorted(folder.iterdir()) if p.suffix.lower() == ending}
        found = {case: path for case, path in found.items() if ".kept-" not in case}
        if found:
            return found, ending == ".geojson"
    raise UsageError(
        "no labels in this folder",
        where=str(folder),
        expected="<case>.geojson or <case>.png",
        hint="name the folder of a run, or its labels/",
    )


def label_agreement(
    pairs: LabelPairs,
    *,
    names: Sequence[str] = (),
    mpp: Mapping[str, float] | None = None,
    um: float = 1.0,
    batch: int | None = None,
) -> tuple[pd.DataFrame, list[Failure]]:
    """Return Dice and intersection over union of each class, averaged in the published ways.

    Parameters
    ----------
    pairs : LabelPairs
        Of :func:`pair_labels`; the second folder is the reference.
    names : sequence of str
        Names of the classes of pictures, in their order; without them they are numbers.
    mpp : mapping, optional
        um per level-0 pixel of each case, for GeoJSON.
    um : float
        Side of a cell in which outlines are compared.
    batch : int, optional
        Pictures in a batch, in the order of cases; without it there is no average per batch.

    Returns
    -------
    DataFrame
        :data:`~radiofib.slides.agreement.measures.AGREEMENT_COLUMNS`. Outlines are compared as
        lobule (tissue in no other class), portal tract and other, as far as both folders have
        outlines of it; what lies outside all is no agreement that counts, so there is no
        background. No rows when no case can be compared.
    list of Failure
        Cases with a damaged file, two pictures that differ in size, or outlines without a known
        pixel size; they are in no average.

    Raises
    ------
    UsageError
        When the two folders have outlines of no class in common.
    """
    known = mpp or {}
    if pairs.outlines:
        drawn: list[set[str]] = [set(), set()]
        good, failures = _good(pairs, lambda case: _look_at_outlines(pairs, case, known, drawn))
    else:
        highest = {0}
        good, failures = _good(pairs, lambda case: _look_at_pictures(pairs, case, highest))
    if not good.files:
        return pd.DataFrame(columns=list(AGREEMENT_COLUMNS)), failures
    if pairs.outlines:
        found = label_overlap(_outline_pairs(good, known, um), _KINDS, batch=batch)
        found = found[found["class"].isin(_drawn_in_both(drawn))]
        note = f"outlines in cells of {um:g} um"
    else:
        shown = names or [f"class {i}" for i in range(1 + max(highest))]
        found, note = label_overlap(_picture_pairs(good), shown, batch=batch), ""
    rows = pd.DataFrame(
        {
            "first": "labels",
            "second": "reference",
            "measure": found["class"],
            "metric": found["metric"] + "_" + found["average"],
            "estimate": found["value"],
            "n": found["n"].where(found["average"] != "pooled", len(good.files)),
            "method": found["average"].map(_AVERAGES),
            "note": note,
        }
    )
    return rows.reindex(columns=list(AGREEMENT_COLUMNS)), failures


def _good(pairs: LabelPairs, look: Callable[[str], None]) -> tuple[LabelPairs, list[Failure]]:
    """Return the cases that can be compared, and why the others cannot."""
    files, failures = {}, []
    for case, own in pairs.files.items():
        try:
            look(case)
            files[case] = own
        except (SlideError, OSError, MemoryError) as error:
            failures.append(Failure.from_error(error, case=case, step="agreement"))
    return replace(pairs, files=files), failures


def _look_at_outlines(
    pairs: LabelPairs, case: str, mpp: Mapping[str, float], drawn: Sequence[set[str]]
) -> None:
    """Note what the two files of a case have outlines of."""
    _size(case, mpp)
    found = [{_kind(one) for one in read_geojson(path)} for path in pairs.files[case]]
    for kinds, more in zip(drawn, found, strict=True):
        kinds |= {kind for kind in more if kind is not None}


def _look_at_pictures(pairs: LabelPairs, case: str, highest: set[int]) -> None:
    """Note the highest label of the two pictures of a case."""
    highest |= {int(labels.max()) for labels in _picture_pair(case, pairs.files[case])}


def _drawn_in_both(drawn: Sequence[set[str]]) -> list[str]:
    """Return what both folders have outlines of: nobody has said where the others are."""
    both = [kind for kind in _KINDS if kind in drawn[0] & drawn[1]]
    if not both:
        raise UsageError(
            "the two folders have no class in common",
            expected=list_some(sorted(drawn[0])) or "classes",
            found=list_some(sorted(drawn[1])) or "none",
            hint="give the annotations their class in QuPath",
        )
    return both


def _picture_pairs(pairs: LabelPairs) -> Iterator[tuple[Labels, Labels]]:
    return (_picture_pair(case, files) for case, files in pairs.files.items())


def _picture_pair(case: str, files: tuple[Path, Path]) -> tuple[Labels, Labels]:
    first, second = map(_picture, files)
    if first.shape != second.shape:
        raise SlideError(
            "labels of one slide differ in size",
            where=f"case {case!r}",
            expected=" x ".join(map(str, second.shape[::-1])),
            found=" x ".join(map(str, first.shape[::-1])),
            hint="compare labels of the same um per pixel, or GeoJSON",
        )
    return first, second


def _picture(path: Path) -> Labels:
    try:
        return read_labels(path)
    except SlideError:  # another program's: one channel of numbers
        pass
    most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, _MOST_PIXELS
    try:
        with Image.open(path) as picture:
            if picture.mode not in ("L", "P", "1"):
                raise SlideError(
                    "not a picture of labels",
                    where=path.name,
                    expected="one channel, whose values are the numbers of the classes",
                    found=f"mode {picture.mode}",
                    hint="name the folder labels/ of a run, not the pictures with outlines",
                )
            return np.array(picture, dtype=np.uint8)
    except OSError as error:
        raise SlideError(
            "not a picture, or damaged", where=path.name, hint="write it again"
        ) from error
    finally:
        Image.MAX_IMAGE_PIXELS = most


def _size(case: str, mpp: Mapping[str, float]) -> float:
    size = mpp.get(case, math.nan)
    if not math.isfinite(size):
        raise SlideError(
            "the pixel size of this slide is not known",
            where=f"case {case!r}",
            expected="mpp_x_um in the table of slides",
            hint="name slides.csv or the run with this slide",
        )
    return size


def _outline_pairs(
    pairs: LabelPairs, mpp: Mapping[str, float], um: float
) -> Iterator[tuple[Labels, Labels]]:
    for case, files in pairs.files.items():
        size = _size(case, mpp)
        drawn = [[d for d in read_geojson(path) if _kind(d) is not None] for path in files]
        step = um / size
        far = [ring.max(axis=0) for one in drawn for d in one for part in d.parts for ring in part]
        width, height = (np.max(far, axis=0) if far else np.zeros(2)) / step
        grid = Grid(math.ceil(width) + 1, math.ceil(height) + 1, step, step, um, um)
        yield _painted(drawn[0], grid), _painted(drawn[1], grid)


def _kind(drawn: Drawn) -> str | None:
    role = role_of(drawn)
    if role == "tissue":
        return "lobule"
    if role != "label":
        return None
    kind = compartments_of(["background", drawn.classification or ""])[1]
    return "portal tract" if kind == "portal" else kind


def _painted(objects: Sequence[Drawn], grid: Grid) -> Labels:
    labels = np.zeros((grid.height, grid.width), dtype=np.uint8)
    for number, kind in enumerate(_KINDS):
        for one in (d for d in objects if _kind(d) == kind):
            found = cover(one, grid)
            height, width = found.mask.shape
            there = labels[found.top : found.top + height, found.left : found.left + width]
            there[found.mask] = number
    return labels
