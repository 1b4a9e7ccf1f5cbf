"""A classical segmentation: a random forest over stain and texture, trained on annotations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import ndimage as ndi
from sklearn.ensemble import RandomForestClassifier

from radiofib._skops import check_versions, read_metadata, read_model, write_model
from radiofib.errors import ModelError, SlideError
from radiofib.provenance import environment, hash_file
from radiofib.slides.pixels.features import (
    PixelSettings,
    feature_names,
    halo_cells,
    pixel_features,
    stain_levels,
)
from radiofib.slides.qupath.rasterise import on_grid
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.segmentation import Segmentation, SlideClass
from radiofib.slides.settings import SlideSettings
from radiofib.slides.tissue.find import TissueMask

__all__ = [
    "PixelClassifier",
    "PixelReader",
    "label_block",
    "load_classifier",
    "save_classifier",
    "segment_classical",
]

Bools = NDArray[np.bool_]
Labels = NDArray[np.uint8]
Floats = NDArray[np.float32]

_FORMAT = 1
_KIND = "pixel classifier"
_VERSIONS = ("radiofib", "scikit-learn", "numpy", "scipy")
_BINDING = ("radiofib", "scikit-learn")
_TRUSTED = ("numpy.dtype", "sklearn.tree._tree.Tree")
#: Sides of a block in pixels of the classifier; labels do not depend on them.
_SMALLEST_BLOCK, _LARGEST_BLOCK = 128, 512


@dataclass(frozen=True, eq=False)
class PixelClassifier:
    """A trained pixel classifier.

    Parameters
    ----------
    forest : RandomForestClassifier
        Its classes are numbers of `classes`.
    classes : tuple of SlideClass
        The first is background.
    settings : PixelSettings
        Resolution and scales of its features.
    name : str
        Name and short hash, as results show them.
    facts : mapping
        Training and validation, in plain values.
    """

    forest: RandomForestClassifier
    classes: tuple[SlideClass, ...]
    settings: PixelSettings
    name: str = "unnamed"
    facts: Mapping[str, Any] = field(default_factory=dict)


def save_classifier(classifier: PixelClassifier, path: str | Path) -> None:
    """Write a classifier as ``.skops`` (never pickle); equal classifiers give equal bytes.

    Raises
    ------
    ModelError
        When its facts are not plain values.
    """
    metadata = {
        "format": _FORMAT,
        "kind": _KIND,
        "classes": [[c.name, list(c.color), c.compartment] for c in classifier.classes],
        "settings": classifier.settings.model_dump(mode="json"),
        "features": feature_names(classifier.settings),
        "facts": dict(classifier.facts),
        "versions": environment(_VERSIONS),
    }
    write_model(classifier.forest, path, metadata)


def load_classifier(path: str | Path) -> PixelClassifier:
    """Read a classifier; types other than those of a random forest are refused.

    Raises
    ------
    ModelError
        When the file is missing, damaged, no pixel classifier, or of another version.

    Examples
    --------
    >>> load_classifier("no-such.skops")
    Traceback (most recent call last):
    radiofib.errors.MissingModelError: no-such.skops: no such file. Next: check the path.
    """
    path = Path(path)
    metadata = read_metadata(path, hint="train with: radiofib slides fit-pixels")
    if metadata.get("kind") != _KIND:
        raise ModelError(
            "not a pixel classifier",
            where=path.name,
            expected=f"a file of kind {_KIND!r}",
            found=repr(metadata.get("kind", metadata.get("estimator"))),
            hint="train with: radiofib slides fit-pixels",
        )
    check_versions(metadata, path, form=_FORMAT, binding=_BINDING)
    try:
        settings = PixelSettings.model_validate(metadata["settings"])
        classes = tuple(SlideClass(n, (c[0], c[1], c[2]), k) for n, c, k in metadata["classes"])
        facts = dict(metadata["facts"])
    except (KeyError, TypeError, ValueError, IndexError, ValidationError) as error:
        raise ModelError("metadata is damaged", where=path.name) from error
    forest = read_model(path, _TRUSTED)
    fits = isinstance(forest, RandomForestClassifier) and (
        getattr(forest, "n_features_in_", None) == len(feature_names(settings))
        and set(np.asarray(forest.classes_).tolist()) <= set(range(len(classes)))
    )
    if not fits:
        raise ModelError("the forest does not fit its metadata", where=path.name)
    return PixelClassifier(forest, classes, settings, f"{path.name} {hash_file(path)[:8]}", facts)


def segment_classical(
    slide: Slide,
    tissue: TissueMask,
    classifier: PixelClassifier,
    *,
    tissue_grid: Grid | None = None,
) -> Segmentation:
    """Label the tissue of a slide with a pixel classifier.

    Parameters
    ----------
    slide : Slide
        The open slide.
    tissue : TissueMask
        Its tissue.
    classifier : PixelClassifier
        From :func:`load_classifier`.
    tissue_grid : Grid, optional
        Grid of the tissue mask; default that of the default settings.

    Returns
    -------
    Segmentation
        Of source ``classical``, at the classifier's um per pixel, background outside the tissue.
        The slide is read in blocks with a halo as wide as the features look, so that blocks do
        not show.

    Raises
    ------
    SlideError
        When the slide cannot be read or is hardly stained, or the mask does not fit its grid.
    """
    tissue_grid = tissue_grid or slide.grid(SlideSettings().tissue_um)
    if tissue.mask.shape != (tissue_grid.height, tissue_grid.width):
        raise SlideError(
            "the tissue mask does not fit its grid",
            where=slide.name,
            expected=f"{tissue_grid.height} x {tissue_grid.width}",
            found=" x ".join(map(str, tissue.mask.shape)),
        )
    grid = slide.grid(classifier.settings.um, exact=True)
    inside = on_grid(tissue.mask, tissue_grid, grid)
    labels = np.zeros((grid.height, grid.width), dtype=np.uint8)
    reader = PixelReader.of(slide, grid, tissue, tissue_grid, classifier.settings)
    for top, left, bottom, right in reader.blocks_with(inside):
        wanted = inside[top:bottom, left:right]
        part = label_block(reader, classifier, inside, (top, left, bottom, right))
        labels[top:bottom, left:right][wanted] = part[wanted]
    return Segmentation(labels, grid, classifier.classes, "classical", classifier.name)


@dataclass(frozen=True, eq=False)
class PixelReader:
    """Features of any part of one slide."""

    slide: Slide
    grid: Grid
    white: tuple[float, float, float]
    levels: tuple[float, float, float]
    settings: PixelSettings

    @classmethod
    def of(
        cls,
        slide: Slide,
        grid: Grid,
        tissue: TissueMask,
        tissue_grid: Grid,
        settings: PixelSettings,
    ) -> PixelReader:
        """Measure what features are scaled by."""
        levels = stain_levels(slide, tissue_grid, tissue)
        return cls(slide, grid, tissue.white, levels, settings)

    @property
    def um(self) -> float:
        """Side of a pixel, um."""
        return math.sqrt(self.grid.cell_um2)

    def blocks_with(self, wanted: Bools) -> Iterator[tuple[int, int, int, int]]:
        """Yield top, left, bottom, right of the blocks that hold a wanted pixel."""
        # Slides of one level are read at full resolution: smaller blocks bound the memory.
        side = min(_LARGEST_BLOCK, max(_SMALLEST_BLOCK, self.slide.block_side(self.grid)))
        for left, top, width, height in self.slide.blocks(self.grid, side):
            if wanted[top : top + height, left : left + width].any():
                yield top, left, top + height, left + width

    def features(self, top: int, left: int, bottom: int, right: int) -> Floats:
        """Return the features of a block, shape (height, width, features)."""
        halo = halo_cells(self.settings.model_copy(update={"smooth_um": 0.0}), self.um)
        y0, x0 = max(0, top - halo), max(0, left - halo)
        y1, x1 = min(self.grid.height, bottom + halo), min(self.grid.width, right + halo)
        rgb = self.slide.read(self.grid, x0, y0, x1 - x0, y1 - y0)
        found = pixel_features(
            rgb, white=self.white, levels=self.levels, um=self.um, settings=self.settings
        )
        return found[top - y0 : bottom - y0, left - x0 : right - x0]


def label_block(
    reader: PixelReader,
    classifier: PixelClassifier,
    inside: Bools,
    frame: tuple[int, int, int, int],
) -> Labels:
    """Return the labels of a block; probabilities are smoothed over tissue alone."""
    top, left, bottom, right = frame
    sigma = classifier.settings.smooth_um / reader.um
    halo = int(3.0 * sigma + 0.5)
    y0, x0 = max(0, top - halo), max(0, left - halo)
    y1, x1 = min(reader.grid.height, bottom + halo), min(reader.grid.width, right + halo)
    tissue = inside[y0:y1, x0:x1]
    features = reader.features(y0, x0, y1, x1)
    chance = np.zeros((*tissue.shape, len(classifier.forest.classes_)), dtype=np.float32)
    if tissue.any():
        chance[tissue] = classifier.forest.predict_proba(features[tissue])
    if sigma > 0:
        # What lies outside the tissue has no say: the common weight does not change the largest.
        for i in range(chance.shape[-1]):
            chance[..., i] = ndi.gaussian_filter(
                chance[..., i], sigma, mode="constant", truncate=3.0
            )
    best = chance[top - y0 : bottom - y0, left - x0 : right - x0].argmax(axis=-1)
    labels: Labels = np.asarray(classifier.forest.classes_, dtype=np.uint8)[best]
    return labels
