"""Pictures of a cohort that repeat others, as columns and doubts of a feature table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import pandas as pd

from radiofib.cohort import Acquisition, Cohort
from radiofib.cohort.copies import KINDS, Picture, PictureGroups, group_pictures
from radiofib.extract.depths import largest_grey
from radiofib.extract.doubts import Doubt
from radiofib.images import hash_source
from radiofib.images.perceptual import hash_picture
from radiofib.roi import Roi

__all__ = ["COPY_COLUMNS", "CopyTable", "picture_facts"]

#: Columns of ``obs``: what must stay together, of which case a picture is a copy, and how.
COPY_COLUMNS = ("image_group", "image_copy_of", "image_copy")
_SERIES = "series"


def picture_facts(acquisition: Acquisition, roi: Roi) -> dict[str, str]:
    """Return hashes and the largest grey of a picture, decoded; nothing for a volume."""
    if roi.ndim != 2:
        return {}
    found = hash_picture(roi.pixels)
    hashes = {
        "file": hash_source(acquisition.image),
        "pixels": found.pixels,
        "look": found.look,
        "cuts": " ".join(found.cuts),
    }
    return hashes | largest_grey(roi)


class _Pictured(Protocol):
    @property
    def channel(self) -> str: ...
    @property
    def picture(self) -> Mapping[str, str]: ...


class CopyTable:
    """Collects the pictures of a cohort and tells which are one.

    Parameters
    ----------
    cohort : Cohort
        Whose patients, stages and series (a covariate ``series``) count.
    """

    def __init__(self, cohort: Cohort) -> None:
        self._rows = cohort.rows
        self._scheme = cohort.scheme
        self._at: list[tuple[int, Acquisition]] = []
        self._pictures: list[Picture] = []

    def add(self, row: int, piece: _Pictured) -> None:
        """Take the picture of one channel of a row of the cohort."""
        if not piece.picture:
            return
        acquisition = next(a for a in self._rows[row][1] if a.channel == piece.channel)
        series = acquisition.extra.get(_SERIES)
        facts = {name: piece.picture.get(name, "") for name in ("file", "pixels", "look")}
        self._at.append((row, acquisition))
        self._pictures.append(
            Picture(
                acquisition.case,
                acquisition.patient,
                "" if series is None or pd.isna(series) else str(series),
                **facts,
                before=str(acquisition.extra.get("image_look") or ""),
                cuts=tuple(piece.picture.get("cuts", "").split()),
            )
        )

    @cached_property
    def groups(self) -> PictureGroups:
        """What belongs together; ask when all pictures were added."""
        return group_pictures(self._pictures)

    def columns(self, rows: Sequence[int]) -> pd.DataFrame:
        """Return :data:`COPY_COLUMNS` for rows of the cohort; none when no picture repeats another.

        Groups of which one row has pictures, in several channels, are one group.
        """
        if not self.groups.copies:
            return pd.DataFrame(index=range(len(rows)))
        several = {self.groups.group[c.picture] for c in self.groups.copies}
        joined = {g: g for g in several}
        first: dict[int, int] = {}
        for k, (row, _) in enumerate(self._at):
            if (own := self.groups.group[k]) in several:
                a, b = sorted((_root(joined, first.setdefault(row, own)), _root(joined, own)))
                joined[b] = a
        group = {row: f"g{_root(joined, own) + 1:05d}" for row, own in first.items()}
        like: dict[int, tuple[str, str]] = {}
        for copy in self.groups.copies:
            like.setdefault(self._at[copy.picture][0], (self._pictures[copy.of].case, copy.kind))
        values = [(group.get(r), *like.get(r, (None, None))) for r in rows]
        return pd.DataFrame(values, columns=list(COPY_COLUMNS), dtype=object)

    def doubts(self) -> list[Doubt]:
        """Return what a person should look at: copies of another patient or stage."""
        found = []
        for copy in self.groups.copies:
            one, two = self._at[copy.picture][1], self._at[copy.of][1]
            told = []
            if one.patient != two.patient:
                told.append(f"patient {two.patient!r}")
            if one.stage is not None and two.stage is not None and one.stage != two.stage:
                told.append(f"stage {self._label(two)}, not {self._label(one)}")
            if told:
                what = f"the picture is a copy ({copy.kind}) of that of case {two.case!r}"
                text = f"{what}: {', '.join(told)}"
                found.append(Doubt(one.case, one.instance, one.channel, text))
        return found

    def _label(self, acquisition: Acquisition) -> str:
        labels = self._scheme.labels if self._scheme else {}
        return str(labels.get(acquisition.stage or "", acquisition.stage))

    def entry(self) -> dict[str, Any]:
        """Return the entry of a table's provenance; nothing when no picture repeats another."""
        if not self.groups.copies:
            return {}
        members: dict[int, list[Acquisition]] = {}
        for k, (_, acquisition) in enumerate(self._at):
            members.setdefault(self.groups.group[k], []).append(acquisition)
        kinds = [c.kind for c in self.groups.copies]
        return {
            "copies": {
                "pictures": len(self._pictures),
                "distinct": self.groups.distinct,
                "groups": self.groups.count,
                "across_patients": sum(len({a.patient for a in m}) > 1 for m in members.values()),
                "across_stages": sum(
                    len({a.stage for a in m if a.stage is not None}) > 1 for m in members.values()
                ),
                **{kind.replace(" ", "_"): kinds.count(kind) for kind in KINDS},
            }
        }


def _root(joined: dict[int, int], group: int) -> int:
    while joined[group] != group:
        group = joined[group]
    return group
