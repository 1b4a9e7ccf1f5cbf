"""Examples for a pixel classifier: pixels of annotated slides whose class is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import SlideError
from radiofib.provenance import hash_bytes, hash_object
from radiofib.slides.pixels.classifier import PixelReader
from radiofib.slides.pixels.features import PixelSettings
from radiofib.slides.qupath.annotated import WRITTEN, Annotated, annotate, role_of
from radiofib.slides.qupath.files import AnnotatedSlide
from radiofib.slides.qupath.rasterise import cover, on_grid, paint
from radiofib.slides.qupath.read import Drawn, parse_geojson
from radiofib.slides.reader import Grid, open_slide
from radiofib.slides.segmentation import Segmentation, SlideClass, compartments_of
from radiofib.slides.settings import SlideSettings
from radiofib.slides.tissue.artefacts import Artefacts
from radiofib.slides.tissue.clean import CleanTissue, clean_tissue, fit_to_measure
from radiofib.slides.tissue.find import TissueMask

__all__ = ["UNKNOWN", "PixelExamples", "read_examples"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
#: Mark of pixels whose class no one has given.
UNKNOWN = -1
#: Name that outlines of tissue have; it is no example of anything.
_TISSUE = "Tissue"
_REST_COLOR = (86, 180, 233)


@dataclass(frozen=True, eq=False)
class PixelExamples:
    """Pixels of one slide whose class is known.

    Parameters
    ----------
    pair : AnnotatedSlide
        The files.
    digest : str
        Hash of the content of both.
    classes : tuple of SlideClass
        Those that have a pixel.
    known : ndarray of int16
        Position of the class in `classes`, or :data:`UNKNOWN`, for each pixel of the classifier.
    tissue, tissue_grid : TissueMask, Grid
        As found on the slide, without artefacts.
    grid : Grid
        Of `known`.
    features : dict
        Name of a class -> features of the pixels drawn of it.
    left_out : int
        Pixels of a class that are no examples because an artefact lies there.
    own_mpp : tuple of float, optional
        um per pixel, across and down, of a slide that says so itself.
    """

    pair: AnnotatedSlide
    digest: str
    classes: tuple[SlideClass, ...]
    known: NDArray[np.int16]
    tissue: TissueMask
    tissue_grid: Grid
    grid: Grid
    features: dict[str, Floats]
    left_out: int = 0
    own_mpp: tuple[float, float] | None = None

    def numbers(self, classes: Sequence[SlideClass]) -> NDArray[np.int16]:
        """Return `known` with positions in another list of classes, matched by name."""
        places = {c.name: i for i, c in enumerate(classes)}
        table = np.array([*(places[c.name] for c in self.classes), UNKNOWN], dtype=np.int16)
        result: NDArray[np.int16] = table[self.known]
        return result


def read_examples(
    pair: AnnotatedSlide,
    settings: PixelSettings,
    *,
    rest: str | None = None,
    mpp: float | None = None,
) -> PixelExamples:
    """Read one annotated slide.

    Parameters
    ----------
    pair : AnnotatedSlide
        Slide and annotations.
    settings : PixelSettings
        Of the classifier.
    rest : str, optional
        Class of all tissue, within the regions, that carries no other annotation.
    mpp : float, optional
        um per pixel of slides that do not say.

    Raises
    ------
    SlideError
        When slide or annotations cannot be read, or nothing is annotated on the tissue.

    Notes
    -----
    Pen, dust, folds, bubbles and blur are no examples of any class. They are those that are found
    on the slide; where the file has outlines of tissue that a run wrote, those of the file: what
    was deleted there is an example again.
    """
    content = pair.annotations.read_bytes()
    objects = parse_geojson(content, pair.annotations.name)
    slide_settings = SlideSettings()
    with open_slide(pair.slide, mpp=mpp or pair.mpp) as slide:
        look = clean_tissue(slide, slide_settings)
        tissue_grid = look.grid
        grid = slide.grid(settings.um, exact=True)
        found = annotate(objects, grid, tissue_grid=tissue_grid, found=look.whole)
        tissue = fit_to_measure(look, look.whole, _artefacts(objects, look, found)).tissue
        everywhere = on_grid(look.whole, tissue_grid, grid)
        fit = on_grid(tissue.mask, tissue_grid, grid)
        classes, known = _known(found.segmentation, objects, fit, rest)
        all_known = _known(found.segmentation, objects, everywhere, rest)[1]
        left_out = int(((all_known != UNKNOWN) & (known == UNKNOWN)).sum())
        if not classes:
            raise SlideError(
                "nothing is annotated on the tissue",
                where=pair.annotations.name,
                expected="objects with classes such as 'Portal tract' and 'Lobule'",
                hint="classes Tissue, ROI, Region*, Ignore* and Artefact are no examples, nor is "
                "what lies under an artefact",
            )
        digest = hash_object([slide.content_hash(), hash_bytes(content)])
        reader = PixelReader.of(slide, grid, tissue, tissue_grid, settings)
        features = _draw(classes, known, reader, settings, int(digest[:8], 16))
        own = slide.mpp if slide.mpp_source == "slide" else None
    return PixelExamples(
        pair, digest, classes, known, tissue, tissue_grid, grid, features, left_out, own
    )


def _artefacts(objects: Sequence[Drawn], look: CleanTissue, found: Annotated) -> Artefacts:
    outlines = [one for one in objects if role_of(one) == "tissue"]
    if any(WRITTEN in one.measured for one in outlines):
        return found.artefacts
    return look.artefacts.over(found.artefacts)


def _known(
    labelled: Segmentation, objects: Sequence[Drawn], inside: Bools, rest: str | None
) -> tuple[tuple[SlideClass, ...], NDArray[np.int16]]:
    grid, labels = labelled.grid, labelled.labels
    known = np.full(labels.shape, UNKNOWN, dtype=np.int16)
    found: dict[str, SlideClass] = {}
    named = {c.name: c for c in labelled.classes}
    drawn = paint((cover(o, grid) for o in objects if role_of(o) == "background"), grid)
    for number, one in enumerate(labelled.classes):
        chosen = (labels == number) & inside
        if number == 0:
            chosen &= drawn
        elif one.name == _TISSUE:
            if rest is None:
                continue
            compartment = compartments_of(["", rest])[1]
            one = named.get(rest, SlideClass(rest, _REST_COLOR, compartment))
        if chosen.any():
            found.setdefault(one.name, one)
            known[chosen] = list(found).index(one.name)
    return tuple(found.values()), known


def _draw(
    classes: Sequence[SlideClass],
    known: NDArray[np.int16],
    reader: PixelReader,
    settings: PixelSettings,
    seed: int,
) -> dict[str, Floats]:
    """Return the features of some pixels of each class, drawn with the slide's own seed."""
    rng = np.random.default_rng([settings.seed, seed])
    flat = np.full(known.size, UNKNOWN, dtype=np.int16)
    for number in range(len(classes)):
        places = np.flatnonzero(known == number)
        if places.size > settings.pixels_per_class:
            places = np.sort(rng.choice(places, settings.pixels_per_class, replace=False))
        flat[places] = number
    chosen = flat.reshape(known.shape)
    parts: list[list[Floats]] = [[] for _ in classes]
    for top, left, bottom, right in reader.blocks_with(chosen != UNKNOWN):
        features = reader.features(top, left, bottom, right)
        for number, part in enumerate(parts):
            part.append(features[chosen[top:bottom, left:right] == number])
    return {one.name: np.concatenate(part) for one, part in zip(classes, parts, strict=True)}
