"""From a folder to rows: which file is which image, of whom, with which mask and label."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from radiofib._checks import list_some, nearest
from radiofib.datacard.empty import refuse_empty
from radiofib.datacard.pattern import PathPattern, fill
from radiofib.datacard.tables import read_rows
from radiofib.errors import DataCardError, Failure

if TYPE_CHECKING:
    from radiofib.datacard.card import DataCard
    from radiofib.datacard.keys import Labels, Layout

__all__ = ["FoundImage", "Loaded", "Scan", "inside", "load", "scan"]

_KEPT = (
    "case",
    "patient",
    "channel",
    "instance",
    "stage",
    "scanner",
    "vendor",
    "field_t",
    "site",
    "split",
    "quality",
)


@dataclass(frozen=True)
class FoundImage:
    """An image file that fits a layout.

    Parameters
    ----------
    path : str
        Relative to the root, with forward slashes.
    layout : int
        Number of the layout it fits.
    columns : dict
        Cohort columns, ``channel`` by its canonical name; label tables add theirs.
    fields : dict
        What the path said, for the keys of label tables.
    mask : str or None
        Its mask, relative to the root.
    misnamed : str
        The wrong channel name that the file bears, or "".
    """

    path: str
    layout: int
    columns: dict[str, Any]
    fields: dict[str, Any] = field(default_factory=dict)
    mask: str | None = None
    misnamed: str = ""


@dataclass
class Scan:
    """What is in a folder, seen through a card.

    Parameters
    ----------
    images : list of FoundImage
        In the order of the layouts, folders and the card's channels.
    missing : list of tuple
        Files that should be there: case, what, path.
    extra : list of tuple
        Files that fit nothing: path, why.
    failures : list of Failure
        Cases that cannot be used, and links out of the folder.
    notes : list of str
        Remarks for a report.
    """

    images: list[FoundImage] = field(default_factory=list)
    missing: list[tuple[str, str, str]] = field(default_factory=list)
    extra: list[tuple[str, str]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Loaded:
    """Rows of a cohort table, made from a folder.

    Parameters
    ----------
    frame : DataFrame
        Columns of a cohort table; paths relative to the root.
    places : tuple of str
        The image path of each row, for messages.
    failures : tuple of Failure
        What could not be used.
    notes : tuple of str
        Remarks for a report.
    """

    frame: pd.DataFrame
    places: tuple[str, ...]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


def inside(path: Path, root: Path) -> bool:
    """Tell whether a path, with all links followed, lies below the resolved `root`.

    Examples
    --------
    >>> here = Path().resolve()
    >>> inside(here / "a", here), inside(here.parent, here)
    (True, False)
    """
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):
        return False


def load(card: DataCard, root: Path) -> Loaded:
    """Read a folder as a card's layouts and label tables describe it.

    Raises
    ------
    DataCardError
        When the card has no layout, the folder or a required label table is missing, or no
        file fits.
    """
    if not card.layouts:
        raise DataCardError(
            "card has no layout, it documents only",
            where=card.name,
            hint="add 'layouts', or read the data as a cohort table",
        )
    found = scan(card, root)
    tables = [path for case, what, path in found.missing if what == "label table"]
    if tables:
        raise DataCardError(
            "label table is missing", where=card.name, found=list_some(tables), hint="check root"
        )
    refuse_empty(card, root, found)
    rows = []
    for image in found.images:
        mask = card.layouts[image.layout].mask
        label = mask.label if mask and image.mask else None
        rows.append({**image.columns, "image": image.path, "mask": image.mask, "mask_label": label})
    frame = pd.DataFrame(rows).dropna(axis="columns", how="all")
    for column in ("case", "image"):
        if column not in frame:
            frame[column] = pd.Series(dtype="str")
    places = tuple(i.path for i in found.images)
    return Loaded(frame, places, tuple(found.failures), tuple(found.notes))


def scan(card: DataCard, root: Path) -> Scan:
    """Look at every file that the card's patterns could mean.

    Links are followed only when they stay below the root; those that leave it are refused.
    Hidden files are passed over.

    Raises
    ------
    DataCardError
        When the folder does not exist or a label table cannot be read.
    """
    if not root.is_dir():
        raise DataCardError("no such folder", where=str(root), hint="check root")
    result = Scan()
    patterns = [PathPattern.parse(la.images) for la in card.layouts]
    masks = [PathPattern.parse(la.mask.pattern) if la.mask else None for la in card.layouts]
    files = _files(root, [*patterns, *(m for m in masks if m)], result)
    spoken_for = [PathPattern.parse(p) for p in card.ignore]
    tables = {la.table for la in card.labels}
    unmatched_masks: dict[str, str] = {}
    failed: set[tuple[str, str]] = set()
    folders: set[str] = set()
    found: list[tuple[tuple, FoundImage]] = []
    for path in files:
        if any(path.startswith(f) for f in folders) or path in tables:
            continue
        if any(m and m.match(path) for m in masks) and not path.endswith("/"):
            unmatched_masks[path] = "mask without an image"
            continue
        why = "fits no pattern"
        for number, (layout, pattern) in enumerate(zip(card.layouts, patterns, strict=True)):
            fields = pattern.match(path)
            if fields is None:
                continue
            channel, misnamed, why = _channel(card, {**fields, **layout.columns})
            if channel is None:
                continue
            values = _values(layout, fields, path, result, failed)
            if values is not None:
                named = {*_KEPT, *layout.columns, *layout.derive}
                columns = {k: v for k, v in values.items() if k in named} | {"channel": channel}
                mask = masks[number]
                wanted = layout.mask and channel in (layout.mask.channels or card.channels)
                mask_path = mask.format({"channel": channel, **values}) if mask else None
                order = (number, path.rpartition("/")[0], [*card.channels].index(channel), path)
                image = FoundImage(
                    path, number, columns, values, mask_path if wanted else None, misnamed
                )
                found.append((order, image))
            if pattern.is_folder:
                folders.add(path)
            why = ""
            break
        if why and not path.endswith("/") and not any(p.match(path) for p in spoken_for):
            result.extra.append((path, why))
    present = {*unmatched_masks}
    for _, image in sorted(found, key=lambda pair: pair[0]):
        result.images.append(_with_mask(card, image, present, result))
        unmatched_masks.pop(image.mask or "", None)
    result.extra.extend(sorted(unmatched_masks.items()))
    for labels in card.labels:
        _join(labels, root, result)
    _add_scanner_facts(card, result)
    return result


def _files(root: Path, patterns: Iterable[PathPattern], result: Scan) -> list[str]:
    real = root.resolve()
    folders = sorted({p.folder for p in patterns})
    tops = [f for f in folders if not any(f != o and _below(f, o) for o in folders)]
    found: list[str] = []
    for top in tops:
        if not (root / top).is_dir():
            continue
        if not inside(root / top, real):
            _refuse(top, result)
            continue
        for here, names, files in os.walk(root / top):
            names.sort()
            base = Path(here).relative_to(root).as_posix()
            base = "" if base == "." else f"{base}/"
            for name in list(names):
                linked = Path(here, name).is_symlink()
                if name.startswith(".") or linked:
                    names.remove(name)
                if linked and not inside(Path(here, name), real):
                    _refuse(f"{base}{name}", result)
                elif linked:
                    result.extra.append((f"{base}{name}", "linked folder is not followed"))
                elif not name.startswith("."):
                    found.append(f"{base}{name}/")
            for name in files:
                if name.startswith("."):
                    continue
                if Path(here, name).is_symlink() and not inside(Path(here, name), real):
                    _refuse(f"{base}{name}", result)
                else:
                    found.append(f"{base}{name}")
    return sorted(found)


def _below(folder: str, other: str) -> bool:
    return not other or folder.startswith(f"{other}/")


def _refuse(path: str, result: Scan) -> None:
    error = DataCardError("link leaves the root folder and is not followed", where=path)
    result.failures.append(Failure.from_error(error, case="", step="read"))
    result.extra.append((path, "link that leaves the root folder"))


def _channel(card: DataCard, fields: Mapping[str, str]) -> tuple[str | None, str, str]:
    """Return channel, wrong name if any, and why there is none."""
    if "channel" not in fields:
        return next(iter(card.channels)), "", ""
    text = fields["channel"]
    for name, channel in card.channels.items():
        if text in channel.files or (text == name and not channel.files):
            return name, "", ""
        if text in channel.misnamed:
            return name, text, ""
    known = [t for n, c in card.channels.items() for t in c.files or (n,)]
    close = nearest(text, known)
    return None, "", f"no channel is called {text!r}" + (f" (near {close!r})" if close else "")


def _values(
    layout: Layout, fields: dict[str, str], path: str, result: Scan, failed: set[tuple[str, str]]
) -> dict[str, Any] | None:
    """Return fields, fixed and derived columns, or None when one cannot be derived."""
    values: dict[str, Any] = {**fields, **layout.columns}
    for name, derived in layout.derive.items():
        if derived.template is not None:
            values[name] = fill(derived.template, values)
            continue
        match = re.search(derived.match or "", str(values[derived.source or ""]))
        if match is None and not derived.optional:
            case = str(values.get("case", path))
            if (case, name) not in failed:
                failed.add((case, name))
                error = DataCardError(
                    f"no {name} in {derived.source} {values[derived.source or '']!r}",
                    where=path,
                    expected=f"text that fits {derived.match!r}",
                    hint="rename the folder or file, or correct the card",
                )
                result.failures.append(Failure.from_error(error, case=case, step="read"))
            return None
        values[name] = match.group(1) if match else None
    return values


def _with_mask(card: DataCard, image: FoundImage, present: set[str], result: Scan) -> FoundImage:
    if image.mask is None or image.mask in present:
        return image
    layout = card.layouts[image.layout]
    if layout.mask and layout.mask.required:
        result.missing.append((image.columns["case"], "mask", image.mask))
    return replace(image, mask=None)


def _join(labels: Labels, root: Path, result: Scan) -> None:
    path = root / labels.table
    if not path.is_file() or not inside(path, root.resolve()):
        if labels.required:
            result.missing.append(("", "label table", labels.table))
        return
    rows = read_rows(path, columns=(labels.key_column, *labels.columns.values()))
    by_key: dict[str, dict[str, str]] = {}
    for row in rows:
        wanted = {ours: row.get(theirs, "") for ours, theirs in labels.columns.items()}
        if by_key.setdefault(row[labels.key_column], wanted) != wanted:
            raise DataCardError(
                "two rows of a label table contradict each other",
                where=f"{labels.table}, column {labels.key_column!r}",
                found=repr(row[labels.key_column])[:80],
                hint="keep one",
            )
    used: set[str] = set()
    kept: list[FoundImage] = []
    lost: set[str] = set()
    for image in result.images:
        if labels.splits and image.columns.get("split") not in labels.splits:
            kept.append(image)
            continue
        key = fill(labels.key, {"channel": image.columns["channel"], **image.fields})
        if key not in by_key:
            case = image.columns["case"]
            if not labels.required:
                kept.append(image)
            elif case not in lost:
                lost.add(case)
                error = DataCardError(
                    f"no row for {key!r}",
                    where=f"{labels.table}, column {labels.key_column!r}",
                    hint="add the row, or remove the image",
                )
                result.failures.append(Failure.from_error(error, case=case, step="read"))
            continue
        used.add(key)
        for ours, text in by_key[key].items():
            image.columns[ours] = labels.translate.get(ours, {}).get(text, text) or None
        kept.append(image)
    result.images[:] = kept
    for key in by_key:
        if key not in used:
            result.missing.append((key, "image named in the label table", labels.table))


def _add_scanner_facts(card: DataCard, result: Scan) -> None:
    unknown: dict[str, None] = {}
    for image in result.images:
        name = image.columns.get("scanner")
        scanner = card.scanners.get(str(name))
        if name is not None and card.scanners and scanner is None:
            unknown[str(name)] = None
        if scanner is None:
            continue
        for fact in ("vendor", "field_t", "site"):
            value = getattr(scanner, fact)
            if value is not None:
                image.columns.setdefault(fact, value)
    if unknown:
        result.notes.append(f"scanners that the card does not know: {list_some(unknown)}")
