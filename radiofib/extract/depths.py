"""Pictures of 8 and of 16 bits in one channel: their greys are not those of one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from radiofib.cohort import Acquisition
from radiofib.extract.doubts import Doubt
from radiofib.roi import Roi

__all__ = ["DepthTable", "largest_grey"]

_BYTE, _WORD = 255.0, 65535.0


def largest_grey(roi: Roi) -> dict[str, str]:
    """Return the largest grey of a picture, by which its depth is told; nothing for others."""
    if roi.ndim != 2 or roi.origin_mm is not None:
        return {}
    return {"largest": f"{float(roi.pixels.max()):.6g}"}


class DepthTable:
    """Collects how far the greys of pictures go, and tells where a channel mixes two scales.

    Parameters
    ----------
    shown_by_type : bool
        Whether a network is shown pictures with white by the type of their file.

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

    def __init__(self, *, shown_by_type: bool = False) -> None:
        self._by_type = shown_by_type
        self._of: dict[str, dict[bool, list[tuple[Acquisition, str]]]] = {}

    def add(self, acquisition: Acquisition, picture: Mapping[str, str]) -> None:
        """Take the facts of one picture, as :func:`largest_grey` returns them."""
        if largest := picture.get("largest"):
            depths = self._of.setdefault(acquisition.channel, {False: [], True: []})
            depths[float(largest) > _BYTE].append((acquisition, largest))

    def doubts(self) -> list[Doubt]:
        """Return a doubt for each picture of the depth that fewer of its channel have.

        And one for a channel whose pictures of 16 bits would all be shown too dark to a network.
        """
        found = []
        for channel, depths in self._of.items():
            found += self._dark(channel, [(a, float(text)) for a, text in depths[True]])
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

    def _dark(self, channel: str, deep: Sequence[tuple[Acquisition, float]]) -> list[Doubt]:
        """Doubt that 65535 is white where no picture of a channel comes near half of it."""
        unsaid = [largest for a, largest in deep if a.extra.get("white_grey") is None]
        if not (self._by_type and unsaid) or max(unsaid) >= _WORD / 2:
            return []
        bits = int(max(unsaid)).bit_length()
        return [
            Doubt(
                "",
                "",
                channel,
                f"no picture of {channel} with 16 bits goes beyond {max(unsaid):g} of 65535, which "
                f"the network of 'embedding' is shown as white: are these {bits} bits in 16? say "
                f"'white: {2**bits - 1}' under 'embedding', or the column white_grey in the cohort",
            )
        ]
