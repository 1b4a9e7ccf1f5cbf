"""Pictures of 8 and of 16 bits in one channel: their greys are not those of one scale."""

from __future__ import annotations

from collections.abc import Mapping

from radiofib.cohort import Acquisition
from radiofib.extract.doubts import Doubt
from radiofib.roi import Roi

__all__ = ["DepthTable", "largest_grey"]

_BYTE = 255.0


def largest_grey(roi: Roi) -> dict[str, str]:
    """Return the largest grey of a picture, by which its depth is told; nothing for others."""
    if roi.ndim != 2 or roi.origin_mm is not None:
        return {}
    return {"largest": f"{float(roi.pixels.max()):.6g}"}


class DepthTable:
    """Collects how far the greys of pictures go, and tells where a channel mixes two scales.

    Examples
    --------
    >>> from pathlib import Path
    >>> table = DepthTable()
    >>> for case, largest in (("a", "251"), ("b", "64212"), ("c", "198")):
    ...     table.add(Acquisition(case, case, "us", Path(case)), {"largest": largest})
    >>> [(doubt.case, doubt.doubt) for doubt in table.doubts()]
    [('b', 'greys go up to 64212, those of 2 other pictures of us to 255 at most: 8 and 16 bits in
    one cohort have two scales')]
    """

    def __init__(self) -> None:
        self._of: dict[str, dict[bool, list[tuple[Acquisition, str]]]] = {}

    def add(self, acquisition: Acquisition, picture: Mapping[str, str]) -> None:
        """Take the facts of one picture, as :func:`largest_grey` returns them."""
        if largest := picture.get("largest"):
            depths = self._of.setdefault(acquisition.channel, {False: [], True: []})
            depths[float(largest) > _BYTE].append((acquisition, largest))

    def doubts(self) -> list[Doubt]:
        """Return a doubt for each picture of the depth that fewer of its channel have."""
        found = []
        for channel, depths in self._of.items():
            if not (depths[False] and depths[True]):
                continue
            deep = len(depths[True]) <= len(depths[False])
            others = len(depths[not deep])
            reach = "to 255 at most" if deep else "beyond 255"
            found += [
                Doubt(
                    a.case,
                    a.instance,
                    channel,
                    f"greys go up to {largest}, those of {others} other "
                    f"picture{'' if others == 1 else 's'} of {channel} {reach}: 8 and 16 bits in "
                    "one cohort have two scales",
                )
                for a, largest in depths[deep]
            ]
        return found
