"""Labels of a slide, one for each cell of a grid, whoever made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import SlideError
from radiofib.slides.reader import Grid

__all__ = [
    "Compartment",
    "Segmentation",
    "SegmentationSource",
    "SlideClass",
    "compartments_of",
]

#: What a class of labels stands for, whatever its name.
Compartment = Literal["background", "lobule", "portal", "other"]
#: Who made the labels; it is written beside every number that comes from them.
SegmentationSource = Literal["model", "classical", "annotations"]


@dataclass(frozen=True)
class SlideClass:
    """One class of labels.

    Parameters
    ----------
    name : str
        As the model's card or the user's annotations call it.
    color : tuple of int
        Red, green, blue.
    compartment : {"background", "lobule", "portal", "other"}
        What it is measured as; ``other`` is tissue that is neither lobule nor portal tract.
    """

    name: str
    color: tuple[int, int, int]
    compartment: Compartment


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Labels of a slide.

    Parameters
    ----------
    labels : ndarray of uint8, shape (grid.height, grid.width)
        Number of the class of each cell; 0 (background) where nothing was asked. It may be a
        file mapped into memory.
    grid : Grid
        Where the cells lie on the slide.
    classes : tuple of SlideClass
        In the order of the labels; the first is background.
    source : {"model", "classical", "annotations"}
        Who made the labels.
    maker : str
        Name and short hash of the model or classifier, or of the annotations' file.

    Examples
    --------
    >>> classes = (SlideClass("glass", (128, 128, 128), "background"),
    ...            SlideClass("lobule", (86, 180, 233), "lobule"),
    ...            SlideClass("portal tract", (213, 94, 0), "portal"))
    >>> labels = np.array([[0, 1, 2]], np.uint8)
    >>> found = Segmentation(labels, Grid(3, 1, 2, 2, 1.0, 1.0), classes, "model", "m.onnx 1f2e")
    >>> found.mask("portal").tolist(), found.mask("lobule", "portal").sum()
    ([[False, False, True]], np.int64(2))
    """

    labels: NDArray[np.uint8]
    grid: Grid
    classes: tuple[SlideClass, ...]
    source: SegmentationSource
    maker: str

    def __post_init__(self) -> None:
        if self.labels.shape != (self.grid.height, self.grid.width):
            raise SlideError(
                "labels do not fit the grid",
                expected=f"{self.grid.height} x {self.grid.width}",
                found=" x ".join(map(str, self.labels.shape)),
            )
        if not self.classes or self.classes[0].compartment != "background":
            raise SlideError("the first class must be the background")

    def mask(self, *compartments: Compartment) -> NDArray[np.bool_]:
        """Return where the label is of one of these compartments."""
        chosen = [c.compartment in compartments for c in self.classes]
        table = np.zeros(256, dtype=bool)
        table[: len(chosen)] = chosen
        found: NDArray[np.bool_] = table[self.labels]
        return found


def compartments_of(names: Sequence[str]) -> list[Compartment]:
    """Guess what classes stand for from their names; the first is the background.

    Examples
    --------
    >>> compartments_of(["background", "lobule", "portal tract"])
    ['background', 'lobule', 'portal']
    >>> compartments_of(["glass", "parenchyma", "Portal_tract", "vessel"])
    ['background', 'lobule', 'portal', 'other']
    """
    found: list[Compartment] = []
    for number, name in enumerate(names):
        words = name.casefold()
        if number == 0:
            found.append("background")
        elif "portal" in words or "tract" in words:
            found.append("portal")
        elif any(w in words for w in ("lobul", "parenchym", "tissue", "liver")):
            found.append("lobule")
        else:
            found.append("other")
    return found
