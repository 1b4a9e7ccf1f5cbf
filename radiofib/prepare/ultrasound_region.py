"""The region of one cleaned ultrasound image: given as a mask or polygons, or taken as patches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import MaskError
from radiofib.images import read_mask
from radiofib.images.mask import select_label
from radiofib.images.polygons import (
    crossing_shapes,
    is_annotation_file,
    pick_annotation,
    polygon_mask,
    read_annotations,
)
from radiofib.prepare.ultrasound_config import RegionSettings
from radiofib.preprocess.ultrasound import CleanImage, find_patches

__all__ = ["OTHER_PANEL", "Given", "Region", "given_mask", "regions_of"]

#: Why a panel has no region and yet nothing is wrong.
OTHER_PANEL = "the region was drawn on the other panel"
#: A larger share of a given region that is lost is worth a note.
_LOST = 0.02


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels to be measured.

    Parameters
    ----------
    mask : ndarray of bool
        On the grid of the cleaned image.
    source : str
        ``mask``, ``polygons``, ``patches`` or ``image``.
    name : str
        ``r01`` ... for a patch that stands alone, else "".
    patches : int
        Patches in it.
    notes : tuple of str
        What was done.
    doubts : tuple of str
        What a person should look at.
    """

    mask: NDArray[np.bool_]
    source: str
    name: str = ""
    patches: int = 0
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Given:
    """A region that a file draws on the screen.

    Parameters
    ----------
    mask : ndarray of bool
        On the screen.
    source : str
        ``mask`` or ``polygons``.
    notes, doubts : tuple of str
        What was done, and what a person should look at.
    """

    mask: NDArray[np.bool_]
    source: str
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def given_mask(
    path: Path,
    image: Path,
    shape: tuple[int, int],
    *,
    label: int | None,
    labels: tuple[str, ...],
    frame: int | None,
) -> Given:
    """Return the region that a mask file draws on the screen.

    Parameters
    ----------
    path, image : Path
        The mask, and the picture it was drawn on.
    shape : (rows, columns)
        Of the screen.
    label : int or None
        Label of a mask picture.
    labels : tuple of str
        Labels of polygons.
    frame : int or None
        Frame of a film.

    Raises
    ------
    MaskError
        When the file cannot be read, is of another picture, or draws nothing.
    """
    if is_annotation_file(path):
        found, of_names = pick_annotation(read_annotations(path), str(image), shape=shape)
        drawn = polygon_mask(found, shape, labels=labels, frame=frame)
        doubts = (*of_names, *crossing_shapes(found, labels=labels, frame=frame))
        return Given(drawn, "polygons", doubts=doubts)
    mask = read_mask(path)
    region, notes = select_label(mask, label, where=str(path))
    flat = region[0] if region.ndim == 3 and region.shape[0] == 1 else region
    if flat.shape != shape:
        raise MaskError(
            "mask and picture differ in size",
            where=str(path),
            expected=f"{shape[1]} x {shape[0]}",
            found=" x ".join(map(str, reversed(region.shape))),
            hint="draw or resize it on this picture",
        )
    said = tuple(n for n in notes if not n.startswith("mask label"))
    return Given(np.asarray(flat), "mask", said)


def regions_of(
    clean: CleanImage,
    settings: RegionSettings,
    given: Given | None,
    *,
    spacing_mm: tuple[float, float] | None,
) -> list[Region]:
    """Return what is measured of one image.

    Parameters
    ----------
    clean : CleanImage
        The image.
    settings : RegionSettings
        What is wanted.
    given : Given or None
        What :func:`given_mask` returned for the screen.
    spacing_mm : (float, float) or None
        Size of a pixel (y, x).

    Raises
    ------
    MaskError
        When a region is wanted and none is given, too little of it lies in the image, or no
        patch fits.
    """
    source = settings.source
    if source == "given_or_patches":
        source = "patches" if given is None else "given"
    if source == "image":
        return [_checked(Region(clean.valid, "image"), settings)]
    if source == "given":
        if given is None:
            raise MaskError(
                "no region is given",
                expected="a mask picture or polygons in the column 'mask'",
                hint="draw one, or take patches ('region: {source: given_or_patches}')",
            )
        return [_within(clean, given, settings)]
    found = find_patches(
        clean.grey, clean.valid, clean.frame, settings.patches, spacing_mm=spacing_mm
    )
    if not settings.each:
        region = Region(found.mask(), "patches", patches=len(found.corners))
        return [_checked(region, settings)]
    return [
        _checked(Region(found.mask(n), "patches", f"r{n + 1:02d}", 1), settings)
        for n in range(len(found.corners))
    ]


def _within(
    clean: CleanImage,
    given: Given,
    settings: RegionSettings,
) -> Region:
    notes = given.notes
    drawn = int(np.count_nonzero(given.mask))
    here = given.mask[clean.box]
    if clean.panel and np.count_nonzero(here) < 0.5 * drawn:
        raise MaskError(OTHER_PANEL)
    mask = here & clean.valid
    kept = np.count_nonzero(mask) / drawn
    if kept < settings.least_kept:
        raise MaskError(
            "too little of the region lies in the image, off text, graphics and colour",
            expected=f"at least {settings.least_kept:.0%}",
            found=f"{kept:.0%} of {drawn} pixels",
            hint="check that the mask was drawn on this picture",
        )
    if kept < 1 - _LOST:
        lost = f"{1 - kept:.1%} of the region lies outside the image or under graphics"
        notes = (*notes, lost)
    return _checked(Region(mask, given.source, notes=notes, doubts=given.doubts), settings)


def _checked(region: Region, settings: RegionSettings) -> Region:
    number = int(np.count_nonzero(region.mask))
    if number < settings.least_px:
        raise MaskError(
            "region has too few pixels",
            expected=f"at least {settings.least_px}",
            found=str(number),
        )
    return region
