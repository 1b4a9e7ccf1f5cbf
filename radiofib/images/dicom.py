"""DICOM: a folder with one series, a single file, or an enhanced multi-frame file.

Order, position, spacing and direction come from the headers, never from file names. Messages
speak of files, positions and counts alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from radiofib._checks import list_some
from radiofib._series import NO_SERIES, SERIES_LETTERS
from radiofib.errors import ImageError
from radiofib.images.dicom_frames import read_frames
from radiofib.images.dicom_geometry import (
    SliceGrid,
    grid_from_positions,
    same_orientation,
)
from radiofib.images.dicom_header import (
    Header,
    hashed_uid,
    load_dataset,
    read_header,
    unstated_pixel_size,
)
from radiofib.images.dicom_notes import drop_copies, value_notes
from radiofib.images.dicom_pixels import PIXEL_TAGS, decode, read_slice, read_slices, rescale
from radiofib.images.image import Image
from radiofib.images.picture import grey_from_colour
from radiofib.images.sniff import hash_source, is_dicom_file

__all__ = ["read_dicom_file", "read_dicom_folder", "series_name"]

_CENTIMETRE = 3  # PhysicalUnitsXDirection, DICOM PS3.3 C.8.5.5.1.1


def read_dicom_folder(folder: Path, series: str = "") -> Image:
    """Read the one DICOM series in a folder, or one of several, whatever else lies there.

    Slices are sorted by their position along the normal, never by file name; the spacing is
    the distance between positions, never the slice thickness.

    Parameters
    ----------
    folder : Path
        Searched with all folders below.
    series : str
        Which series, as :func:`series_name` names it; needed when there are several.

    Raises
    ------
    ImageError
        When the folder has no series, more than one, or one whose slices do not form a regular
        grid.
    """
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    dicom = [p for p in files if is_dicom_file(p)]
    headers = [read_header(p) for p in dicom]
    images = [h for h in headers if h.is_image]
    if not images:
        raise ImageError(
            "folder holds no DICOM image",
            where=str(folder),
            expected="the slices of one series",
            found=_census(files, headers),
            hint="give the image file itself, or the folder with its slices",
        )
    images = _one_series(images, folder, series)
    source = folder.with_name(f"{folder.name}#{series}") if series else folder
    notes = _lost_slices(set(files) - set(dicom), images)
    others = Counter(h.modality or "?" for h in headers if not h.is_image)
    if others:
        notes.append("passed over: " + ", ".join(f"{n} {m} object" for m, n in others.items()))
    if len(images) == 1:
        return _one_file(images[0], source, notes)
    return _volume(images, source, notes)


def series_name(uid: str) -> str:
    """Return the name of a series for ``folder#name``: no one can tell its UID from it.

    Files without a UID are a series of their own.

    Examples
    --------
    >>> series_name("1.2.3"), series_name("")
    ('c47f5b18', 'no-uid')
    """
    return hashed_uid(uid)[:SERIES_LETTERS] or NO_SERIES


def _one_series(images: Sequence[Header], folder: Path, series: str) -> list[Header]:
    """Return the slices of the series that is named, or of the only one.

    Raises
    ------
    ImageError
        With the list of series, when there are several and none of them is named.
    """
    by_series: dict[str, list[Header]] = {}
    for header in images:
        by_series.setdefault(series_name(header.series), []).append(header)
    if series in by_series:
        return by_series[series]
    if not series and len(by_series) == 1:
        return list(images)
    listed = list_some((f"#{n}: {_describe(h)}" for n, h in sorted(by_series.items())), 12)
    raise ImageError(
        f"folder holds no series #{series}" if series else "folder holds several DICOM series",
        where=str(folder),
        expected="the name of a series" if series else "one series",
        found=f"{len(by_series)}: {listed}",
        hint=f"write {folder.name}#{min(by_series)} for one of them, or put each series into a "
        "folder of its own",
    )


def read_dicom_file(path: Path) -> Image:
    """Read one DICOM file.

    A slice with a position becomes a volume with one slice; an enhanced multi-frame file a
    volume; a frame without position (ultrasound, screen capture) a picture.

    Raises
    ------
    ImageError
        When the file is damaged, holds no image, or holds a film of several frames.
    """
    header = read_header(path)
    if not header.is_image:
        raise ImageError(
            "DICOM file holds no image",
            where=str(path),
            found=f"a {header.modality or 'DICOM'} object",
            hint="give a segmentation (SEG, RTSTRUCT) as the mask, beside the image it was "
            "drawn on",
        )
    return _one_file(header, path, [])


def _one_file(header: Header, source: Path, notes: list[str]) -> Image:
    if header.enhanced:
        return _enhanced(header, source, notes)
    if header.frames > 1:
        raise ImageError(
            "DICOM file is a film of several frames without positions",
            where=str(source),
            expected="one frame, or frames with positions (enhanced CT or MR)",
            found=f"{header.frames} frames",
            hint="'radiofib ultrasound clean' takes frames of an ultrasound film; else export the "
            "frames as pictures and give each an instance of its own",
        )
    # An ultrasound frame that is placed but not calibrated stays in pixels.
    placed = header.position is not None and header.orientation is not None
    if not placed or (header.modality == "US" and header.pixel_spacing is None):
        return _picture(header, source, notes)
    return _volume([header], source, notes)


def _lost_slices(others: set[Path], images: Sequence[Header]) -> list[str]:
    """Refuse an empty file named like the slices: it was one; note what is no DICOM at all."""
    endings = {h.path.suffix.lower() for h in images}
    alike = sorted(p for p in others if p.suffix.lower() in endings and p.name[0] != ".")
    for path in alike:
        if path.stat().st_size == 0:
            raise ImageError(
                "file is empty",
                where=str(path),
                expected="a slice, as the other files of this ending",
                found="0 bytes",
                hint="copy or export it again",
            )
    if not alike:
        return []
    return [f"passed over: {list_some((p.name for p in alike), 3)}, named like slices, no DICOM"]


def _census(files: Sequence[Path], headers: Sequence[Header]) -> str:
    if headers:
        return list_some(f"{n} {m or '?'} object" for m, n in Counter(
            h.modality for h in headers
        ).items())  # fmt: skip
    suffixes = Counter(p.suffix.lower() or "no suffix" for p in files)
    return list_some(f"{n} file(s) {s}" for s, n in sorted(suffixes.items())) or "an empty folder"


def _describe(headers: Sequence[Header]) -> str:
    first = headers[0]
    size = f"{first.shape[0]}x{first.shape[1]}"
    if not first.series:
        size += " without a SeriesInstanceUID"
    return f"{len(headers)} {first.modality} slice(s) of {size} such as {first.path.name!r}"


def _volume(headers: Sequence[Header], source: Path, notes: list[str]) -> Image:
    where = str(source)
    _same(headers, where)
    first = headers[0]
    if first.colour:
        raise ImageError(
            "slices are in colour",
            where=where,
            expected="one grey value per voxel",
            hint="screen captures of a volume are not measurements: export the original series",
        )
    if any(h.lookup for h in headers):
        raise ImageError(
            "intensities are coded by a look-up table (ModalityLUTSequence)",
            where=where,
            expected="a rescale slope and intercept",
            hint="convert the series to NIfTI first",
        )
    headers = drop_copies(headers, notes)
    positions = [h.position for h in headers]
    if first.orientation is None or any(p is None for p in positions):
        raise ImageError(
            "slices do not state their position",
            where=where,
            expected="ImagePositionPatient and ImageOrientationPatient in each file",
            found=f"{sum(p is None for p in positions)} of {len(headers)} without",
            hint="the order of the slices would be a guess: export the original series",
        )
    in_plane = first.pixel_spacing
    if in_plane is None or any(h.pixel_spacing is None for h in headers):
        raise unstated_pixel_size(next(h.path for h in headers if h.pixel_spacing is None))
    grid = grid_from_positions(
        np.array(positions), first.orientation, pixel_mm=min(in_plane), where=where
    )
    between, known = _slice_spacing(first, grid, notes)
    ordered = [headers[i] for i in grid.order]
    notes += value_notes(
        [(h.slope, h.intercept) for h in ordered],
        [h.real_world for h in ordered],
        [h.philips_scale for h in ordered],
    )
    _note_inverted(first, notes)
    return Image(
        read_slices(ordered),
        (between, *in_plane),
        grid.origin_mm,
        grid.direction,
        spacing_known=known,
        source_hash=hash_source(source),
        kind="volume",
        notes=tuple(notes),
        frame_of_reference=first.frame_of_reference,
    )


def _same(headers: Sequence[Header], where: str) -> None:
    problems = {
        "matrix sizes": {f"{h.shape[0]}x{h.shape[1]}" for h in headers},
        "pixel sizes": {str(h.pixel_spacing) for h in headers if h.pixel_spacing},
        "kinds": {"enhanced" if h.enhanced else "single-frame" for h in headers},
        "frame counts": {str(h.frames) for h in headers},
    }
    for what, values in problems.items():
        if len(values) > 1:
            raise ImageError(
                f"slices of one series have different {what}",
                where=where,
                found=list_some(sorted(values), 4),
                hint="take localisers and derived images out of the folder",
            )
    if headers[0].frames > 1 or headers[0].enhanced:
        raise ImageError(
            "folder holds several multi-frame files of one series",
            where=where,
            expected="one multi-frame file",
            found=str(len(headers)),
            hint="give one of the files",
        )
    oriented = [h.orientation for h in headers if h.orientation is not None]
    if oriented and not same_orientation(oriented):
        raise ImageError(
            "slices of one series are not parallel",
            where=where,
            found=f"{len({tuple(np.round(o, 3)) for o in oriented})} orientations",
            hint="take localisers and reformatted images out of the folder",
        )


def _slice_spacing(header: Header, grid: SliceGrid, notes: list[str]) -> tuple[float, bool]:
    if grid.spacing_mm is not None:
        thickness = header.thickness
        if thickness and abs(thickness - grid.spacing_mm) > 0.01 * grid.spacing_mm:
            notes.append(
                f"slices lie {grid.spacing_mm:.6g} mm apart by their positions; "
                f"the slice thickness of {thickness:g} mm is not used"
            )
        if grid.jitter_mm > 0.01 * grid.spacing_mm:
            notes.append(f"slice positions vary by up to {grid.jitter_mm:.2g} mm")
        return grid.spacing_mm, True
    for value, name in (
        (header.between, "spacing between slices"),
        (header.thickness, "thickness"),
    ):
        if value and value > 0:
            notes.append(f"one slice: its {name} of {value:g} mm is taken for the spacing")
            return float(value), True
    notes.append("one slice of unstated thickness: 1 mm assumed")
    return 1.0, False


def _note_inverted(header: Header, notes: list[str]) -> None:
    if header.photometric == "MONOCHROME1":
        notes.append("MONOCHROME1: stored with larger values darker; SimpleITK inverts them")


def _picture(header: Header, source: Path, notes: list[str]) -> Image:
    if header.colour:
        grey, said = grey_from_colour(decode(header.path, colour=True))
        notes += said
    else:
        grey = read_slice(header).astype(np.float64)
    _note_inverted(header, notes)
    spacing = header.pixel_spacing or _region_spacing(header)
    return Image(
        grey,
        spacing or (1.0, 1.0),
        spacing_known=spacing is not None,
        source_hash=hash_source(source),
        kind="picture",
        notes=tuple(notes),
    )


def _region_spacing(header: Header) -> tuple[float, float] | None:
    """Return (y, x) mm per pixel when all calibrated ultrasound regions agree."""
    found = {
        (round(10 * dy, 9), round(10 * dx, 9))
        for ux, uy, dx, dy in header.regions
        if ux == uy == _CENTIMETRE and dx > 0 and dy > 0
    }
    return found.pop() if len(found) == 1 else None


def _enhanced(header: Header, source: Path, notes: list[str]) -> Image:
    dataset = load_dataset(header.path, PIXEL_TAGS, pixels=True)
    where = str(source)
    frames = read_frames(dataset, header.path)
    places = [f for f in frames if f.position is not None and f.orientation is not None]
    if len(places) != len(frames) or header.frames != len(frames) or header.colour:
        raise ImageError(
            "multi-frame file does not place each of its frames as one grey slice",
            where=where,
            expected=f"{header.frames} positions and orientations",
            found=str(len(places)),
            hint="convert it to NIfTI first (dcm2niix does)",
        )
    if not same_orientation([f.orientation for f in frames if f.orientation is not None]):
        raise ImageError("frames are not parallel", where=where, hint="export one stack of frames")
    sizes = {f.pixel_spacing for f in frames}
    in_plane = frames[0].pixel_spacing
    if in_plane is None or None in sizes:
        lacking = sum(f.pixel_spacing is None for f in frames)
        raise unstated_pixel_size(header.path, f"{lacking} of {len(frames)} frames without")
    if len(sizes) > 1:
        raise ImageError(
            "frames have different pixel sizes",
            where=where,
            found=list_some(sorted(map(str, sizes)), 4),
            hint="export one stack of frames",
        )
    grid = grid_from_positions(
        np.array([f.position for f in frames]), np.array(frames[0].orientation),
        pixel_mm=min(in_plane), where=where,
    )  # fmt: skip
    values = decode(header.path, colour=False)
    stack = values.reshape(-1, *header.shape)[list(grid.order)]
    between, known = _slice_spacing(header, grid, notes)
    ordered = [frames[i] for i in grid.order]
    notes += value_notes([f.law for f in ordered], [f.real_world for f in ordered], [])
    return Image(
        rescale(stack, [f.law for f in ordered]),
        (between, *in_plane),
        grid.origin_mm,
        grid.direction,
        spacing_known=known,
        source_hash=hash_source(source),
        kind="volume",
        notes=tuple(notes),
        frame_of_reference=header.frame_of_reference,
    )
