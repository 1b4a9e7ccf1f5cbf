"""Labels of a slide and what they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from radiofib.errors import SlideError
from radiofib.slides.reader import Grid
from radiofib.slides.segmentation import Segmentation, SlideClass, compartments_of

CLASSES = (
    SlideClass("background", (128, 128, 128), "background"),
    SlideClass("portal tract", (213, 94, 0), "portal"),
)


def test_labels_must_fit_the_grid() -> None:
    with pytest.raises(SlideError, match="do not fit"):
        Segmentation(np.zeros((2, 2), np.uint8), Grid(3, 2, 1, 1, 1.0, 1.0), CLASSES, "model", "m")


def test_first_class_is_background() -> None:
    with pytest.raises(SlideError, match="background"):
        Segmentation(
            np.zeros((2, 3), np.uint8), Grid(3, 2, 1, 1, 1.0, 1.0), CLASSES[1:], "model", "m"
        )


def test_labels_beyond_the_classes_are_in_no_compartment() -> None:
    found = Segmentation(
        np.array([[0, 1, 7]], np.uint8), Grid(3, 1, 1, 1, 1.0, 1.0), CLASSES, "annotations", "a"
    )
    assert found.mask("portal", "lobule", "other").tolist() == [[False, True, False]]


def test_first_name_is_background_whatever_it_is() -> None:
    assert compartments_of(["tissue", "tissue"]) == ["background", "lobule"]
