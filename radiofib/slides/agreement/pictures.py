"""Pictures of labels of two folders: read one pair at a time, called as the files say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radiofib._checks import list_some
from radiofib.errors import SlideError
from radiofib.slides.labels.files import read_labels
from radiofib.slides.labels.kept import kept_names
from radiofib.stats import label_counts

__all__ = ["PicturePairs"]

Labels = NDArray[np.uint8]
#: Slides of 100,000 pixels at 1 um per pixel and more; Pillow's own limit is for web pages.
_MOST_PIXELS = 4_000_000_000


class PicturePairs:
    """Pairs of pictures of labels, and the names their classes have.

    Parameters
    ----------
    names : sequence of str
        Names of the classes in their order; empty: as the files say.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = list(names)
        self._highest = 0
        self._said: dict[int, dict[str, None]] = {}

    def count(self, case: str, files: tuple[Path, Path]) -> NDArray[np.int64]:
        """Read the two pictures of a case and count their pixels by the label in each.

        Raises
        ------
        SlideError
            When a picture is damaged, or they differ in size.
        """
        first, second = map(_picture, files)
        if first.shape != second.shape:
            raise SlideError(
                "labels of one slide differ in size",
                where=f"case {case!r}",
                expected=" x ".join(map(str, second.shape[::-1])),
                found=" x ".join(map(str, first.shape[::-1])),
                hint="compare labels of the same um per pixel, or GeoJSON",
            )
        counts = label_counts(first, second)
        self._highest = max(self._highest, len(counts) - 1)
        for path in files:
            for number, name in enumerate(kept_names(path)):
                self._said.setdefault(number, {})[name] = None
        return counts

    def classes(self) -> list[tuple[str, bool]]:
        """Return the name of each class; all are told."""
        if self._names:
            return [(name, True) for name in self._names]
        one = {number: next(iter(n)) for number, n in self._said.items() if len(n) == 1}
        # Two numbers of one name would become one class.
        names = list(one.values())
        return [
            (one[k] if k in one and names.count(one[k]) == 1 else f"class {k}", True)
            for k in range(1 + self._highest)
        ]

    def note(self) -> str:
        """Say which classes the files name differently."""
        differ = {k: list(n) for k, n in sorted(self._said.items()) if len(n) > 1}
        if self._names or not differ:
            return ""
        told = (f"{k} is {list_some(names, 4)}" for k, names in differ.items())
        return f"the label files name classes differently: {'; '.join(told)}"


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
