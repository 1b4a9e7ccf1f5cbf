"""Nyul's landmarks: learned from named cases of a cohort, stored one file a channel."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radiofib.cohort import Acquisition
from radiofib.engines.liver import LiverSettings
from radiofib.errors import CohortError, ConfigError
from radiofib.images import Image, load_roi, read_image
from radiofib.preprocess.mri import NyulLandmarks, learn_landmarks

__all__ = ["landmarks_file", "landmarks_of", "write_landmarks"]


def landmarks_file(channel: str, liver: LiverSettings | None) -> Path | None:
    """Return the file of a channel's landmarks, None when normalisation needs none.

    Raises
    ------
    ConfigError
        When normalisation is by ``nyul`` and no folder of landmarks is named.
    """
    ask = liver.preprocessing.normalise if liver and liver.preprocessing else None
    if liver is None or ask is None or ask.method != "nyul":
        return None
    if liver.landmarks is None:
        raise ConfigError(
            "normalisation by nyul needs landmarks",
            expected="liver: landmarks: a folder with one JSON file a channel",
            hint="a study learns them with 'landmark_split'",
        )
    return Path(liver.landmarks) / f"{channel}.json"


def landmarks_of(channel: str, liver: LiverSettings | None) -> NyulLandmarks | None:
    """Read the landmarks of a channel, None when normalisation needs none.

    Raises
    ------
    ConfigError
        When they are missing or damaged.
    """
    path = landmarks_file(channel, liver)
    return None if path is None else NyulLandmarks.read(path)


def write_landmarks(
    acquisitions: Sequence[Acquisition], liver: LiverSettings, folder: str | Path
) -> list[Path]:
    """Learn the landmarks of every channel from the cases given, and write ``<channel>.json``.

    Parameters
    ----------
    acquisitions : sequence of Acquisition
        Of the training cases.
    liver : LiverSettings
        Its `preprocessing` is what images go through, here and when the scale is applied.
    folder : path
        Where to write; made when absent.

    Raises
    ------
    CohortError
        When there is no training case.
    """
    assert liver.preprocessing is not None
    assert liver.preprocessing.normalise is not None
    home = Path(folder)
    if not acquisitions:
        raise CohortError(
            "there are no cases to learn landmarks from",
            hint="check 'landmark_split' and the column 'split'",
        )
    home.mkdir(parents=True, exist_ok=True)
    written = []
    for channel in dict.fromkeys(a.channel for a in acquisitions):
        images = _images([a for a in acquisitions if a.channel == channel], liver)
        learned = learn_landmarks(images, liver.preprocessing, channel=channel)
        path = home / f"{channel}.json"
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        temporary.write_text(learned.to_json(), encoding="utf-8", newline="\n")
        temporary.replace(path)
        written.append(path)
    return written


def _images(
    acquisitions: Sequence[Acquisition], liver: LiverSettings
) -> Iterator[tuple[str, Image, NDArray[np.bool_] | None]]:
    assert liver.preprocessing is not None
    ask = liver.preprocessing.normalise
    for a in acquisitions:
        if ask is not None and ask.inside == "body":
            yield a.case, read_image(a.image), None
            continue
        path = (
            a.mask if ask is None or ask.inside == "region" else a.extra.get(f"{ask.inside}_mask")
        )
        roi = load_roi(
            a.image, path, mask_label=a.mask_label if path == a.mask else None, channel=a.channel
        )
        assert roi.origin_mm is not None
        assert roi.direction is not None
        yield a.case, Image(roi.pixels, roi.spacing_mm, roi.origin_mm, roi.direction), roi.mask
