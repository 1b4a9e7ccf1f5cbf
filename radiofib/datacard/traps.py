"""Traps that spoil studies and can be seen in a folder before anything is computed."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from radiofib._checks import list_some
from radiofib.provenance import hash_file

if TYPE_CHECKING:
    from radiofib.datacard.card import DataCard

__all__ = ["TRAPS", "find_traps", "nifti_shape"]

#: Name of a trap that is looked for -> what it does to a study.
TRAPS = {
    "misnamed_channel": "a file bears a wrong channel name, so that a strict reader misses it",
    "recurring_number": "one number names cases on several scanners: key on the full name",
    "identical_images": "files of different cases have the same content: a leak if split",
    "identical_channels": "one file stands in for several channels of a case",
    "singleton_axis": "a volume has a fourth axis of length one",
    "uneven_missing": "whether a channel is missing tells the stage",
    "patient_in_splits": "one patient is in several splits",
}
_UNEVEN_P = 0.01


def find_traps(
    card: DataCard, frame: pd.DataFrame, root: Path, *, contents: bool = True
) -> pd.DataFrame:
    """Return the traps found: ``trap, where, detail``, sorted.

    Parameters
    ----------
    card : DataCard
        The card of the data.
    frame : DataFrame
        One row per image: ``case, patient, channel, scanner, stage, split, image, misnamed``.
    root : Path
        Folder that ``image`` starts from.
    contents : bool
        Whether to read the files.
    """
    rows: list[tuple[str, str, str]] = [
        ("misnamed_channel", image, f"{misnamed!r} is read as {channel!r}")
        for image, misnamed, channel in zip(
            frame["image"], frame["misnamed"], frame["channel"], strict=True
        )
        if misnamed
    ]
    rows += _recurring(frame) + _splits(frame) + _uneven(card, frame)
    if contents:
        rows += _identical(frame, root) + _axes(frame, root)
    return pd.DataFrame(sorted(rows), columns=["trap", "where", "detail"])


def nifti_shape(path: Path) -> tuple[int, ...] | None:
    """Return the dimensions in a NIfTI file's header, None when it is not NIfTI.

    NIfTI-1 holds eight 16-bit numbers at byte 40, NIfTI-2 eight 64-bit numbers at byte 16; the
    first is how many of the others count.
    """
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return None
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            head = stream.read(80)
    except (OSError, EOFError, zlib.error):
        return None
    if len(head) < 80:
        return None
    for order in "<>":
        size = struct.unpack(f"{order}i", head[:4])[0]
        if size in (348, 540):
            kind, start, end = ("h", 40, 56) if size == 348 else ("q", 16, 80)
            numbers = struct.unpack(f"{order}8{kind}", head[start:end])
            return numbers[1 : numbers[0] + 1] if 0 < numbers[0] <= 7 else None
    return None


def _recurring(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
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


def _splits(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    given = frame[frame["split"] != ""]
    return [
        ("patient_in_splits", str(patient), list_some(sorted(group.unique())))
        for patient, group in given.groupby("patient")["split"]
        if len(set(group)) > 1
    ]


def _uneven(card: DataCard, frame: pd.DataFrame) -> list[tuple[str, str, str]]:
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


def _identical(frame: pd.DataFrame, root: Path) -> list[tuple[str, str, str]]:
    by_size: dict[int, list[int]] = defaultdict(list)
    for number, image in enumerate(frame["image"]):
        path = root / image
        if path.is_file():
            by_size[path.stat().st_size].append(number)
    by_hash: dict[str, list[int]] = defaultdict(list)
    for numbers in by_size.values():
        if len(numbers) > 1:
            for number in numbers:
                by_hash[hash_file(root / frame["image"].iloc[number])].append(number)
    rows = []
    for numbers in by_hash.values():
        same = frame.iloc[numbers]
        if len(same) < 2:
            continue
        trap = "identical_images" if len(set(same["patient"])) > 1 else "identical_channels"
        if trap == "identical_channels" and len(set(same["case"])) == len(same):
            continue  # the same view of one patient in two cases is no stand-in
        detail = list_some(same["image"].iloc[1:])
        splits = sorted(s for s in same["split"].unique() if s)
        if len(splits) > 1:
            detail += f"; in several splits ({', '.join(splits)})"
        rows.append((trap, str(same["image"].iloc[0]), detail))
    return rows


def _axes(frame: pd.DataFrame, root: Path) -> list[tuple[str, str, str]]:
    rows = []
    for image in frame["image"]:
        shape = nifti_shape(root / image) if (root / image).is_file() else None
        if shape and len(shape) > 3:
            text = " x ".join(map(str, shape))
            if all(n == 1 for n in shape[3:]):
                rows.append(("singleton_axis", str(image), text))
    return rows
