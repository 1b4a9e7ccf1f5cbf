"""How well intensities of the same tissue agree between scanners."""

from __future__ import annotations

from typing import Any

import numpy as np

from radiofib.preprocess.mri import (
    BiasField,
    MriPreprocessing,
    Normalisation,
    NyulLandmarks,
    learn_landmarks,
    preprocess_volume,
)
from tests.preprocess.mri.volumes import image_of, on_each_scanner, tissues_of

METHODS: dict[str, Normalisation | None] = {
    "raw": None,
    "zscore": Normalisation(),
    "percentile": Normalisation(method="percentile"),
    "nyul": Normalisation(method="nyul"),
    "reference_tissue": Normalisation(method="reference_tissue", inside="spleen"),
}


def settings_of(method: str, bias: BiasField | None = None) -> MriPreprocessing:
    """Return the settings of a method."""
    return MriPreprocessing(bias=bias, normalise=METHODS[method])


def scale_of(
    settings: MriPreprocessing, channel: str, seed: int, people: range, size: float
) -> NyulLandmarks:
    """Learn landmarks from people, each seen on all scanners."""
    cases = (
        (f"{name}-{index}", image_of(volume), None)
        for index in people
        for name, volume, _ in on_each_scanner(index, channel, seed, size)
    )
    return learn_landmarks(cases, settings, channel=channel)


def medians(
    method: str,
    channel: str,
    seed: int,
    index: int,
    size: float,
    bias: BiasField | None = None,
    scale: NyulLandmarks | None = None,
) -> Any:
    """Return the medians of tissues (columns) of one patient on each scanner (rows)."""
    rows = []
    for _, volume, anatomy in on_each_scanner(index, channel, seed, size):
        tissues = tissues_of(volume, anatomy)
        done, _ = preprocess_volume(
            image_of(volume), settings_of(method, bias), region=tissues["liver"],
            tissues={k: v for k, v in tissues.items() if k != "liver"}, landmarks=scale,
        )  # fmt: skip
        rows.append([float(np.median(done.pixels[m])) for m in tissues.values()])
    return np.array(rows)


def disagreement(found: Any) -> float:
    """Return the spread of a tissue between scanners over that of tissues within a scanner.

    0 when scanners agree; free of the unit. Mean over tissues of the deviation between
    scanners, over the mean over scanners of the deviation between tissues.
    """
    return float(found.std(axis=0).mean() / found.std(axis=1).mean())
