"""Masks in a folder, as segmentation tools leave them: found by name, checked by place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from radiofib._checks import list_some
from radiofib.cohort import Acquisition
from radiofib.errors import MaskError, RadiofibError, UsageError
from radiofib.images.grids import Grid, boxes_overlap, displacement
from radiofib.images.read import read_image
from radiofib.images.region import GRID_TOLERANCE
from radiofib.images.sniff import file_format
from radiofib.images.volume import quiet_itk
from radiofib.segment.layouts import (
    LAYOUTS,
    Hit,
    check_pattern,
    fill_pattern,
    image_stem,
)

__all__ = ["FolderMask", "FoundMasks", "find_masks"]

Key = tuple[str, str, str]
_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")


@dataclass(frozen=True)
class FolderMask:
    """The mask of one acquisition.

    Parameters
    ----------
    key : tuple of str
        ``(case, channel, instance)`` of the acquisition.
    path : Path
        The file.
    label : int or None
        Number of the liver in it; None: the only label there is.
    source : str
        ``folder: totalsegmentator``, ``folder: nnunet``, ``folder: monai`` or
        ``folder: pattern``.
    pattern : str
        The pattern that named the file.
    """

    key: Key
    path: Path
    label: int | None
    source: str
    pattern: str


@dataclass(frozen=True)
class FoundMasks:
    """What a folder of masks holds for a cohort.

    Parameters
    ----------
    found : tuple of FolderMask
        In the order of the acquisitions.
    without : tuple of str
        Cases for none of whose acquisitions there is a usable mask, in order.
    refused : mapping
        Reason why a file that was named for an acquisition is not used, by its key.
    """

    found: tuple[FolderMask, ...]
    without: tuple[str, ...]
    refused: Mapping[Key, str]

    def of(self, acquisition: Acquisition) -> FolderMask | None:
        """Return the mask of an acquisition, None when there is none."""
        return next((m for m in self.found if m.key == acquisition.key), None)


def find_masks(
    folder: str | Path,
    cases: Sequence[Acquisition],
    *,
    pattern: str | None = None,
    label: int | None = None,
) -> FoundMasks:
    """Find the liver mask of each acquisition in a folder that a segmentation tool filled.

    Without `pattern` the names of TotalSegmentator (``<case>/liver.nii.gz``, or
    ``<case>/segmentations.nii.gz`` with the liver as label 5), nnU-Net (``<case>.nii.gz``,
    ``<case>_<channel>.nii.gz``, with or without ``_0000``) and MONAI
    (``<case>/<image>_seg.nii.gz``, ``_trans``) are looked for; all of them are in
    :data:`radiofib.segment.layouts.LAYOUTS`. Names that hold the image's file name alone count
    only when no two cases share one.

    A file that names the case alone belongs to the channels whose grid it has. When it has the
    grid of none of them, it belongs to each channel it overlaps in space.

    Only headers are read: whether a label is in a file shows when the mask is.

    Parameters
    ----------
    folder : path
        Where the masks are.
    cases : sequence of Acquisition
        All acquisitions of the cohort (pictures and slides never get a mask here).
    pattern : str, optional
        Path below the folder with ``{case}``, ``{channel}``, ``{image}``, ``{instance}``;
        ``*`` and ``?`` are wild.
    label : int, optional
        Number of the liver, whatever the tool.

    Raises
    ------
    UsageError
        When there is no such folder, the pattern cannot be used, two patterns name different
        files for one image (both are named), or one file is named for two cases.

    Examples
    --------
    >>> import tempfile
    >>> one = Acquisition("a", "a", "ged4", Path("a/GED4.nii.gz"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     find_masks(folder, [one]).without
    ('a',)
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError("no such folder of masks", where=str(folder), hint="check the path")
    if pattern is not None:
        check_pattern(pattern)
    if label is not None and label < 1:
        raise UsageError("a mask label is 1 or more", where=str(folder), found=str(label))
    shared, names = _shared_stems(cases), _Names(folder)
    hits = {a.key: hit for a in cases if (hit := _named(names, a, pattern, shared)) is not None}
    _refuse_shared_files(hits)
    refused: dict[Key, str] = {}
    kept: dict[Key, Hit] = {}
    groups: dict[tuple[str, str], list[Acquisition]] = defaultdict(list)
    for a in cases:
        if a.key in hits:
            groups[a.case, a.instance].append(a)
    for group in groups.values():
        _by_place(group, hits, kept, refused)
    found = tuple(
        FolderMask(
            a.key,
            hit.path,
            label if label is not None else hit.label,
            f"folder: {hit.tool}",
            hit.pattern,
        )
        for a in cases
        if (hit := kept.get(a.key)) is not None
    )
    with_mask = {m.key[0] for m in found}
    without = tuple(dict.fromkeys(a.case for a in cases if a.case not in with_mask))
    return FoundMasks(found, without, refused)


def _shared_stems(cases: Iterable[Acquisition]) -> set[str]:
    owners: dict[str, set[str]] = defaultdict(set)
    for a in cases:
        owners[image_stem(a.image)].add(a.case)
    return {stem for stem, names in owners.items() if len(names) > 1}


class _Names:
    """The files of a folder, each of its own folders listed once however many names are tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listed: dict[Path, frozenset[str]] = {}

    def __contains__(self, path: Path) -> bool:
        parent = path.parent
        if parent not in self._listed:
            try:
                names = frozenset(p.name for p in parent.iterdir())
            except OSError:  # no such folder, or a name longer than the file system allows
                names = frozenset()
            self._listed[parent] = names
        return path.name in self._listed[parent] and path.is_file()

    def of(self, pattern: str, acquisition: Acquisition, *, wild: bool) -> list[Path]:
        """Return the files a pattern names for an acquisition, the image itself left out."""
        paths: list[Path] = []
        for name in fill_pattern(pattern, acquisition, wild=wild):
            if wild:
                paths += sorted(p for p in self.folder.glob(name) if p.is_file())
            elif (path := self.folder / name) in self:
                paths.append(path)
        # The image may lie in the folder under a name that fits (nnU-Net's _0000).
        own = acquisition.image.resolve()
        found = {path.resolve(): path for path in reversed(paths)}
        found.pop(own, None)
        return list(reversed(found.values()))


def _named(
    names: _Names, acquisition: Acquisition, pattern: str | None, shared: set[str]
) -> Hit | None:
    """Return the one file that patterns name for an acquisition."""
    hits: dict[Path, Hit] = {}
    stem = image_stem(acquisition.image)
    if pattern is not None:
        for path in names.of(pattern, acquisition, wild=True):
            by_channel = "{channel}" in pattern or "{image}" in pattern
            hits.setdefault(path, Hit(path, "pattern", pattern, None, by_channel))
    else:
        for layout in LAYOUTS:
            for template in layout.templates:
                by_image = "{image}" in template
                if by_image and "{case}" not in template and stem in shared:
                    continue
                by_channel = "{channel}" in template or (by_image and stem != acquisition.case)
                for ending in _SUFFIXES:
                    name = template + ending
                    for path in names.of(name, acquisition, wild=False):
                        hits.setdefault(
                            path, Hit(path, layout.tool, name, layout.label, by_channel)
                        )
    if len(hits) > 1:
        first, second, *more = hits.values()
        also = f" and {len(more)} more" if more else ""
        raise UsageError(
            "two files are named for one image",
            where=f"case {acquisition.case!r}, channel {acquisition.channel!r}",
            expected="one mask",
            found=f"{_below(first.path, names.folder)} (pattern {first.pattern}) and "
            f"{_below(second.path, names.folder)} (pattern {second.pattern}){also}",
            hint="say which with a pattern of your own, such as '{case}/liver.nii.gz'",
        )
    return next(iter(hits.values()), None)


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _refuse_shared_files(hits: Mapping[Key, Hit]) -> None:
    owners: dict[Path, set[str]] = defaultdict(set)
    for key, hit in hits.items():
        owners[hit.path.resolve()].add(key[0])
    for key, hit in hits.items():
        names = sorted(owners[hit.path.resolve()])
        if len(names) > 1:
            raise UsageError(
                "one mask file is named for several cases",
                where=f"case {key[0]!r}",
                expected="a file of its own for each case",
                found=f"{hit.path.name} for {list_some(names)}",
                hint="give a pattern that holds {case}",
            )


def _by_place(
    group: Sequence[Acquisition],
    hits: Mapping[Key, Hit],
    kept: dict[Key, Hit],
    refused: dict[Key, str],
) -> None:
    """Keep the masks of a case that lie where their images lie."""
    places: dict[Key, tuple[Grid, Grid]] = {}
    for a in group:
        try:
            places[a.key] = _grid(a.image), _grid(hits[a.key].path)
        except RadiofibError as error:
            refused[a.key] = str(error)
    equal = {key for key, (image, mask) in places.items() if _same(image, mask)}
    for key, (image, mask) in places.items():
        hit = hits[key]
        namesakes = [k for k in equal if hits[k].path.resolve() == hit.path.resolve()]
        if namesakes and key not in equal and not hit.by_channel:
            channels = list_some(sorted(k[1] for k in namesakes))
            refused[key] = f"mask '{hit.path.name}' has the grid of {channels} and belongs there"
        elif not boxes_overlap(image, mask):
            refused[key] = str(
                MaskError(
                    "mask and image do not overlap in space",
                    where=str(hit.path),
                    expected=f"a mask within {image.describe()}",
                    found=mask.describe(),
                    hint="give the mask that belongs to this image",
                )
            )
        else:
            kept[key] = hit


def _same(image: Grid, mask: Grid) -> bool:
    away = displacement(image, mask)
    return away is not None and away <= GRID_TOLERANCE


def _grid(path: Path) -> Grid:
    """Return where a volume lies, from its header where the format allows."""
    if not path.is_dir() and file_format(path) in ("NIfTI", "NRRD", "MetaImage"):
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        with quiet_itk():
            try:
                reader.ReadImageInformation()
            except RuntimeError:
                return _read_grid(path)  # for its message
        size = reader.GetSize()
        if len(size) == 3:
            return Grid(size, reader.GetSpacing(), reader.GetOrigin(), reader.GetDirection())
    return _read_grid(path)


def _read_grid(path: Path) -> Grid:
    grid = Grid.of(read_image(path))
    if grid is None:
        raise MaskError("a picture has no place in space", where=str(path))
    return grid
