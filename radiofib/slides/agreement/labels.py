"""Labels of slides against those of someone else: pictures of labels, or outlines of QuPath."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.errors import Failure, SlideError, UsageError
from radiofib.slides.agreement.measures import AGREEMENT_COLUMNS
from radiofib.slides.agreement.outlines import OutlinePairs
from radiofib.slides.agreement.pictures import PicturePairs
from radiofib.stats import overlap_of_counts

__all__ = ["LabelPairs", "label_agreement", "pair_labels"]

_AVERAGES = {
    "per_slide": "mean over pictures in which the class occurs",
    "pooled": "pixels of all pictures together",
    "per_batch": "mean over batches of consecutive pictures, each pooled",
}


class Compared(Protocol):
    """Pairs of files, read one after the other; what they are called is known at the end."""

    def count(self, case: str, files: tuple[Path, Path]) -> NDArray[np.int64]:
        """Read the two files of a case and count their cells by the label in each."""
        ...

    def classes(self) -> list[tuple[str, bool]]:
        """Return the name of each class, and whether it is told."""
        ...

    def note(self) -> str:
        """Return what is to be known of the comparison."""
        ...


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

    Each file is read once, and no more than the two files of one case are held.

    Parameters
    ----------
    pairs : LabelPairs
        Of :func:`pair_labels`; the second folder is the reference.
    names : sequence of str
        Names of the classes of pictures, in their order. Without them they are called as the
        pictures say that a run has written; a class that none names, or that files name
        differently, is called by its number.
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
        lobule (tissue in no other class), portal tract and other (by its name, where all of it
        has the same one), as far as both folders have outlines of it; what lies outside all is
        no agreement that counts, so there is no background. No rows when no case can be compared.
    list of Failure
        Cases with a damaged file, two pictures that differ in size, or outlines without a known
        pixel size; they are in no average.

    Raises
    ------
    UsageError
        When the two folders have outlines of no class in common.
    """
    compared: Compared = OutlinePairs(mpp or {}, um) if pairs.outlines else PicturePairs(names)
    counts, failures = [], []
    for case, files in pairs.files.items():
        try:
            counts.append(compared.count(case, files))
        except (SlideError, OSError, MemoryError) as error:
            failures.append(Failure.from_error(error, case=case, step="agreement"))
    if not counts:
        return pd.DataFrame(columns=list(AGREEMENT_COLUMNS)), failures
    classes = compared.classes()
    found = overlap_of_counts(counts, [name for name, _ in classes], batch=batch)
    found = found[found["class"].isin([name for name, told in classes if told])]
    rows = pd.DataFrame(
        {
            "first": "labels",
            "second": "reference",
            "measure": found["class"],
            "metric": found["metric"] + "_" + found["average"],
            "estimate": found["value"],
            "n": found["n"].where(found["average"] != "pooled", len(counts)),
            "method": found["average"].map(_AVERAGES),
            "note": compared.note(),
        }
    )
    return rows.reindex(columns=list(AGREEMENT_COLUMNS)), failures
