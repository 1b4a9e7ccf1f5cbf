"""A slide as someone corrected it: the objects of a file, and what a run kept beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from radiofib.errors import SlideError
from radiofib.slides.labels.hidden import without_hidden
from radiofib.slides.labels.kept import LABELS, kept_labels
from radiofib.slides.morphometry.tracts import find_tracts
from radiofib.slides.qupath.annotated import COUNTED, WRITTEN, Annotated, annotate, role_of
from radiofib.slides.qupath.read import Drawn, parse_geojson
from radiofib.slides.qupath.relabel import RunLabels
from radiofib.slides.reader import Slide
from radiofib.slides.segmentation import Segmentation
from radiofib.slides.settings import SlideSettings
from radiofib.slides.tissue.artefacts import Artefacts
from radiofib.slides.tissue.clean import CleanTissue, clean_tissue, fit_to_measure
from radiofib.slides.tissue.find import TissueMask, check_brightfield, white_level
from radiofib.slides.tissue.map import map_tissue

__all__ = ["Corrected", "labels_beside", "read_corrected"]


@dataclass(frozen=True, eq=False)
class Corrected:
    """What is measured of a slide after corrections.

    Parameters
    ----------
    annotated : Annotated
        What the file says, with the labels of the run where there are some.
    tissue : CleanTissue
        Tissue and artefacts as outlined; as found where nobody has outlined tissue.
    segmentation : Segmentation, optional
        Labels without what artefacts cover; None when nothing says whether there are tracts.
    from_run : bool
        Whether the labels are those of a run.
    notes : tuple of str
        What the reader of the results should look at.
    """

    annotated: Annotated
    tissue: CleanTissue
    segmentation: Segmentation | None
    from_run: bool
    notes: tuple[str, ...]


def labels_beside(annotations: Path, case: str) -> Path:
    """Return where a run keeps the labels of a slide whose annotations are there.

    Examples
    --------
    >>> labels_beside(Path("slides/a.geojson"), "a").as_posix()
    'slides/labels/a.png'
    """
    return annotations.parent / LABELS / f"{case}.png"


def read_corrected(
    slide: Slide,
    content: bytes,
    where: str,
    labels: Path,
    *,
    counted: bool,
    um: float,
    maker: str,
    settings: SlideSettings,
) -> Corrected:
    """Read the annotations of a slide.

    Parameters
    ----------
    slide : Slide
        Open.
    content : bytes
        Of the file of annotations.
    where : str
        Its name.
    labels : Path
        Where a run may have kept labels; without them all tissue that is not annotated otherwise
        is lobule.
    counted : bool
        Whether tracts were counted before.
    um : float
        Side of a cell of the labels where no run has kept any.
    maker : str
        Name of the file and short hash.
    settings : SlideSettings
        As of the run.

    Raises
    ------
    SlideError
        When the file is damaged or of another slide, or nothing is left to measure.
    """
    objects = parse_geojson(content, where)
    outlines = [one for one in objects if role_of(one) == "tissue"]
    look = _look(slide, settings, outlined=bool(outlines))
    run = _of_run(slide, labels, look, settings)
    grid = slide.grid(um, exact=True) if run is None else run.segmentation.grid
    if run is not None:  # a classifier's labels stay a classifier's, whoever corrected some
        maker += f", labels of {run.segmentation.source} {run.segmentation.maker}"
    found = annotate(
        objects,
        grid,
        tissue_grid=look.grid,
        found=look.whole,
        run=run,
        maker=maker,
        smallest_um2=settings.tracts.min_tract_um2,
    )
    artefacts = found.artefacts if outlines else look.artefacts.over(found.artefacts)
    tissue = fit_to_measure(look, found.tissue, artefacts)
    if not tissue.tissue.mask.any():
        raise SlideError(
            "nothing is left to measure",
            where=where,
            expected="tissue inside the regions that no artefact covers",
            hint="check the classes Tissue, Artefact, ROI, Region* and Ignore*",
        )
    segmentation = None
    if run is not None or counted or found.says_tracts:
        segmentation = without_hidden(found.segmentation, artefacts.any, look.grid)
    notes = (*found.notes, *_notes(outlines, labels, run, segmentation, counted=counted))
    return Corrected(found, tissue, segmentation, run is not None, notes)


def _look(slide: Slide, settings: SlideSettings, *, outlined: bool) -> CleanTissue:
    """Find tissue; of a slide on which someone has outlined it, none need be found."""
    try:
        return clean_tissue(slide, settings)
    except SlideError:
        if not outlined:
            raise
    grid = slide.grid(settings.tissue_um)
    overview = slide.read_all(grid)
    check_brightfield(overview, where=slide.name)
    none = np.zeros((grid.height, grid.width), dtype=bool)
    tissue = TissueMask(none, white_level(overview), math.nan)
    return CleanTissue(grid, overview, tissue, none, Artefacts.none(none))


def _of_run(
    slide: Slide, path: Path, look: CleanTissue, settings: SlideSettings
) -> RunLabels | None:
    """Read the labels of a run, and tell again which tracts it wrote as objects."""
    found = kept_labels(path, slide)
    if found is None:
        return None
    hidden = look.artefacts.any
    pieces, _ = ndi.label(look.whole)
    numbers, first = np.unique(pieces, return_index=True)
    rows, columns = np.unravel_index(first[numbers > 0], pieces.shape)
    cells = list(zip(rows.tolist(), columns.tolist(), strict=True))
    where = map_tissue(look.whole, cells, look.grid, hidden)
    tracts = find_tracts(without_hidden(found, hidden, look.grid), where, settings.tracts)
    return RunLabels(found, tracts.regions, look.tissue.mask)


def _notes(
    outlines: Sequence[Drawn],
    labels: Path,
    run: RunLabels | None,
    segmentation: Segmentation | None,
    *,
    counted: bool,
) -> Iterator[str]:
    if run is None and labels.is_file():
        place = f"{labels.parent.name}/{labels.name}"
        yield f"{place}: no labels of this slide that a run kept; not used"
    had_labels = counted or any(COUNTED in one.measured for one in outlines)
    if run is None and segmentation is not None and had_labels:
        yield (
            "the labels of the run are not beside the file: all tissue that is not annotated "
            "counts as lobule, veins and vacuoles too"
        )
    ours = any(WRITTEN in one.measured for one in outlines)
    if segmentation is None and not ours:
        yield (
            "no tract, and nothing says that tracts were looked for: their number is missing, "
            "not 0; annotate the lobule where there are none"
        )
