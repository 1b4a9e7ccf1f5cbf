"""A pixel classifier whose labels follow from the amount of haematoxylin alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from radiofib.slides.pixels.classifier import PixelClassifier, save_classifier
from radiofib.slides.pixels.features import PixelSettings, feature_names
from radiofib.slides.segmentation import SlideClass

CLASSES = (
    SlideClass("background", (128, 128, 128), "background"),
    SlideClass("Lobule", (86, 180, 233), "lobule"),
    SlideClass("Portal tract", (213, 94, 0), "portal"),
)


def purple_classifier(path: Path, um: float = 8.0) -> Path:
    """Write a classifier that takes what holds twice the usual haematoxylin for portal tract."""
    settings = PixelSettings(um=um, scales_um=(um,), smooth_um=0.0)
    rng = np.random.default_rng(0)
    table = rng.uniform(0, 0.01, (2000, len(feature_names(settings))))
    table[:, 0] = np.linspace(0, 4, 2000)
    labels = np.where(table[:, 0] > 2, 2, 1).astype(np.uint8)
    forest = RandomForestClassifier(1, max_depth=1, max_features=None, random_state=0)
    forest.fit(table.astype(np.float32), labels)
    save_classifier(PixelClassifier(forest, CLASSES, settings), path)
    return path
