"""Traps that spoil studies and can be seen in a folder before anything is computed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from radiofib._checks import list_some
from radiofib.datacard.voxels import VolumeFacts, is_volume, look_at, nifti_shape
from radiofib.provenance import hash_file

if TYPE_CHECKING:
    from radiofib.datacard.card import DataCard

__all__ = ["TRAPS", "find_traps"]

#: Name of a trap that is looked for -> what it does to a study.
TRAPS = {
    "misnamed_channel": "a file bears a wrong channel name, so that a strict reader misses it",
    "recurring_number": "one number names cases on several scanners: key on the full name",
    "identical_images": "cases share an image: a leak when they are split",
    "identical_channels": "one image stands in for several channels of a case",
    "singleton_axis": "a volume has a fourth axis of length one",
    "spike": "a few voxels far above all others spoil ranges, means and bins: clip them",
    "flat_image": "all voxels have one value: there is nothing to measure",
    "unreadable": "a file cannot be read",
    "missing_channel": "a channel is not there: the stager must cope, or the case is left out",
    "uneven_missing": "whether a channel is missing tells the stage",
    "few_masks": "cases have no mask: they need one from elsewhere",
    "sparse_classes": "fewer than 10 patients of a stage on a scanner: estimates there are loose",
    "patient_in_splits": "one patient is in several splits",
}
_UNEVEN_P = 0.01
_SPARSE = 10

Row = tuple[str, str, str]


def find_traps(
    card: DataCard,
    frame: pd.DataFrame,
    root: Path,
    *,
    contents: bool = True,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Return the traps found: ``trap, where, detail``, sorted.

    Parameters
    ----------
    card : DataCard
        The card of the data.
    frame : DataFrame
        One row per image: ``case, patient, channel, scanner, stage, split, image, mask,
        misnamed``.
    root : Path
        Folder that ``image`` starts from.
    contents : bool
        Whether to read the files.
    workers : int, optional
        Processes that read volumes; one per core by default.
    progress : callable, optional
        Called with volumes read and volumes in all.
    """
    rows: list[Row] = [
        ("misnamed_channel", image, f"{misnamed!r} is read as {channel!r}")
        for image, misnamed, channel in zip(
            frame["image"], frame["misnamed"], frame["channel"], strict=True
        )
        if misnamed
    ]
    rows += _recurring(frame) + _splits(frame) + _uneven(card, frame)
    rows += _missing(card, frame) + _masks(card, frame) + _sparse(card, frame)
    if contents:
        # A list of no flags would select columns.
        there = frame[np.array([(root / image).exists() for image in frame["image"]], dtype=bool)]
        volumes = [root / image for image in there["image"] if is_volume(image)]
        seen = look_at(volumes, workers=workers, progress=progress)
        rows += _identical(card, there, _digests(there, root, seen))
        rows += _axes(there, root) + _voxels(there, root, seen)
    return pd.DataFrame(sorted(rows), columns=["trap", "where", "detail"])


def _recurring(frame: pd.DataFrame) -> list[Row]:
    cases = frame.drop_duplicates("case")
    owners: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for case, scanner in zip(cases["case"], cases["scanner"], strict=True):
        if scanner and (number := re.search(r"[0-9]+", case)):
            owners[number.group().lstrip("0") or "0"][scanner].append(case)
    return [
        ("recurring_number", number, list_some(c for group in by.values() for c in group))
        for number, by in owners.items()
        if len(by) > 1
    ]


def _splits(frame: pd.DataFrame) -> list[Row]:
    given = frame[frame["split"] != ""]
    return [
        ("patient_in_splits", str(patient), list_some(sorted(group.unique())))
        for patient, group in given.groupby("patient")["split"]
        if len(set(group)) > 1
    ]


def _uneven(card: DataCard, frame: pd.DataFrame) -> list[Row]:
    """Fisher's exact test, last level against the others, within each scanner."""
    scheme = card.stage_scheme
    if scheme is None or frame.empty:
        return []
    from scipy.stats import fisher_exact

    last = scheme.levels[-1]
    rows = []
    for scanner, group in frame[frame["stage"] != ""].groupby("scanner"):
        cases = group.drop_duplicates("case").set_index("case")["stage"]
        for name, channel in card.channels.items():
            has = set(group.loc[group["channel"] == name, "case"])
            if not channel.expected or not has:
                continue
            lacks = ~cases.index.isin(has)
            top = cases == last
            table = [
                [int((lacks & top).sum()), int((~lacks & top).sum())],
                [int((lacks & ~top).sum()), int((~lacks & ~top).sum())],
            ]
            if fisher_exact(table)[1] < _UNEVEN_P:
                detail = (
                    f"{name} is missing in {table[0][0]}/{sum(table[0])} {last} and "
                    f"{table[1][0]}/{sum(table[1])} other cases"
                )
                rows.append(("uneven_missing", f"scanner {scanner!s}" if scanner else "", detail))
    return rows


def _groups(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Divide images by split and scanner, each part named for people."""
    parts = []
    for (split, scanner), group in frame.groupby(["split", "scanner"], sort=True):
        words = [f"{w} {v}" for w, v in (("split", split), ("scanner", scanner)) if v]
        parts.append((", ".join(words), group))
    return parts


def _missing(card: DataCard, frame: pd.DataFrame) -> list[Row]:
    rows = []
    for place, group in _groups(frame):
        cases = list(dict.fromkeys(group["case"]))
        for name, channel in card.channels.items():
            has = set(group.loc[group["channel"] == name, "case"])
            gone = [c for c in cases if c not in has]
            if channel.expected and gone:
                text = f"{name} lacks in {len(gone)} of {len(cases)} cases: {list_some(gone)}"
                rows.append(("missing_channel", place, text))
    return rows


def _masks(card: DataCard, frame: pd.DataFrame) -> list[Row]:
    """Count cases with a mask, where the card says that there are masks."""
    if not any(layout.mask for layout in card.layouts):
        return []
    rows = []
    for split, group in ((str(k), g) for k, g in frame.groupby("split", sort=True)):
        outlined = group[group["mask"] != ""]
        cases, having = group["case"].nunique(), outlined["case"].nunique()
        if having < cases:
            on = [c for c in card.channels if c in set(outlined["channel"])]
            text = f"{having} of {cases} cases have a mask" + (
                f", on {list_some(on)}" if on else ""
            )
            rows.append(("few_masks", f"split {split}" if split else "", text))
    return rows


def _sparse(card: DataCard, frame: pd.DataFrame) -> list[Row]:
    scheme = card.stage_scheme
    if scheme is None:
        return []
    rows = []
    for place, group in _groups(frame[frame["stage"] != ""]):
        counts = group.drop_duplicates("patient")["stage"].value_counts()
        few = {v: int(counts.get(v, 0)) for v in scheme.levels if counts.get(v, 0) < _SPARSE}
        if few:
            text = f"patients by stage: {', '.join(f'{v} {n}' for v, n in few.items())}"
            rows.append(("sparse_classes", place, text))
    return rows


def _digests(
    frame: pd.DataFrame, root: Path, seen: Mapping[Path, VolumeFacts]
) -> dict[str, list[int]]:
    """Return rows by what their image shows: voxels of volumes, bytes of other files."""
    by_digest: dict[str, list[int]] = defaultdict(list)
    by_size: dict[int, list[int]] = defaultdict(list)
    for number, image in enumerate(frame["image"]):
        facts = seen.get(root / image)
        if facts is None:
            by_size[(root / image).stat().st_size].append(number)
        elif facts.digest:
            by_digest[facts.digest].append(number)
    for numbers in by_size.values():
        if len(numbers) > 1:
            for number in numbers:
                by_digest[hash_file(root / frame["image"].iloc[number])].append(number)
    return by_digest


def _identical(
    card: DataCard, frame: pd.DataFrame, by_digest: Mapping[str, list[int]]
) -> list[Row]:
    """Report cases that share images once for each group of cases, however many they share."""
    rows: list[Row] = []
    shared: dict[tuple[str, ...], list[pd.DataFrame]] = defaultdict(list)
    for numbers in by_digest.values():
        same = frame.iloc[numbers]
        if len(same) < 2:
            continue
        if len(set(same["patient"])) > 1:
            shared[tuple(sorted(set(same["case"])))].append(same)
        elif len(set(same["case"])) < len(same):
            # The same view of one patient in two cases is no stand-in.
            images = same["image"].tolist()
            rows.append(("identical_channels", images[0], list_some(images[1:])))
    for cases, groups in shared.items():
        whole = pd.concat(groups)
        channels = [c for c in card.channels if c in set(whole["channel"])]
        noun = "image" if len(groups) == 1 else "images"
        detail = f"{len(groups)} identical {noun} ({list_some(channels)})"
        for what, names in (("splits", whole["split"]), ("stages", whole["stage"])):
            several = sorted(v for v in names.unique() if v)
            if len(several) > 1:
                detail += f"; in several {what} ({', '.join(several)})"
        rows.append(("identical_images", list_some(cases), detail))
    return rows


def _axes(frame: pd.DataFrame, root: Path) -> list[Row]:
    rows = []
    for image in frame["image"]:
        shape = nifti_shape(root / image)
        if shape and len(shape) > 3 and all(n == 1 for n in shape[3:]):
            rows.append(("singleton_axis", str(image), " x ".join(map(str, shape))))
    return rows


def _voxels(frame: pd.DataFrame, root: Path, seen: Mapping[Path, VolumeFacts]) -> list[Row]:
    rows: list[Row] = []
    for image in frame["image"]:
        facts = seen.get(root / image, VolumeFacts())
        if facts.spike:
            rows.append(("spike", str(image), facts.spike))
        if facts.flat:
            rows.append(("flat_image", str(image), "all voxels are equal"))
        if facts.problem:
            rows.append(("unreadable", str(image), facts.problem))
    return rows
