"""DICOM RTSTRUCT: contours in space, filled on the grid of the image they were drawn on.

See DICOM PS3.3 C.8.8.5 and C.8.8.6.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.errors import MaskError
from radiofib.images.contours import fill_contours, polygon_area
from radiofib.images.dicom_header import UNREADABLE, damaged, hashed_uid, load_dataset
from radiofib.images.grids import Grid
from radiofib.images.image import Image
from radiofib.images.segments import Segment, Segmentation, plain_name

__all__ = ["read_structures"]

_TAGS = (
    "SOPClassUID", "Modality", "FrameOfReferenceUID", "StructureSetROISequence",
    "ROIContourSequence",
)  # fmt: skip
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
#: A contour may rise and fall by this share of a slice and still count as lying in it.
_FLAT = 0.25
#: A contour further from the middle of its slice than this share of the spacing is noted.
_OFF_SLICE = 0.05
#: Largest share of a region outside the image; more is the mask of something else.
_MOST_OUTSIDE = 0.5


@dataclass(frozen=True, eq=False)
class _Roi:
    """One region: its contours as vertices (n, 3) in mm, and how many were of other kinds."""

    number: int
    contours: tuple[NDArray[np.float64], ...]
    passed_over: int


def read_structures(path: Path, on: Image | None) -> Segmentation:
    """Read the regions of an RTSTRUCT; each is filled on the grid of the image when asked for.

    A voxel is inside when its centre lies within an odd number of the contours of the slice
    (:func:`radiofib.images.contours.fill_contours`): holes are contours within contours, or
    joined to the outer one by a keyhole. Each slice takes the plane of contours nearest to its
    middle, within half a slice.

    Parameters
    ----------
    path : Path
        The file.
    on : Image
        The volume the contours were drawn on: an RTSTRUCT has no grid of its own.

    Raises
    ------
    MaskError
        When no volume is given, contours do not lie in its slices, or more than half of a
        region lies outside it.
    ImageError
        When the file is damaged.
    """
    where = str(path)
    if on is None or on.ndim != 3 or (grid := Grid.of(on)) is None:
        raise MaskError(
            "an RTSTRUCT has contours but no grid of its own",
            where=where,
            expected="the volume it was drawn on",
            found="no image" if on is None else f"a {on.kind} of {on.ndim} axes",
            hint="give both: load_roi(image, mask), or read_mask(mask, on=image)",
        )
    dataset = load_dataset(path, _TAGS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rois, names, uids = _rois(dataset)
    except Exception:
        # A damaged header makes pydicom raise nearly anything; its words may quote the header.
        raise damaged(path, UNREADABLE) from None
    segments = tuple(
        Segment(n, names[n], len(rois[n].contours) if n in rois else 0, "contour")
        for n in sorted(names)
    )

    def draw(number: int) -> tuple[NDArray[np.bool_], list[str]]:
        return _fill(rois[number], grid, where)

    return Segmentation(
        "RTSTRUCT", segments, draw, on.pixels.shape, on.spacing_mm, on.origin_mm, on.direction,
        on.spacing_known, uids.pop() if len(uids) == 1 else "",
    )  # fmt: skip


def _rois(dataset: pydicom.Dataset) -> tuple[dict[int, _Roi], dict[int, str], set[str]]:
    names, uids = {}, set()
    for item in dataset.get("StructureSetROISequence") or ():
        names[int(item.ROINumber)] = plain_name(item.get("ROIName"))
        uids.add(hashed_uid(item.get("ReferencedFrameOfReferenceUID")))
    rois = {}
    for item in dataset.get("ROIContourSequence") or ():
        number = int(item.ReferencedROINumber)
        contours, others = [], Counter[str]()
        for contour in item.get("ContourSequence") or ():
            kind = str(contour.get("ContourGeometricType", "") or "CLOSED_PLANAR").upper()
            points = _points(contour)
            if kind in _CLOSED and len(points) > 2:
                contours.append(points)
            else:
                others[kind] += 1
        names.setdefault(number, "")
        rois[number] = _Roi(number, tuple(contours), others.total())
    return rois, names, uids


def _points(contour: pydicom.Dataset) -> NDArray[np.float64]:
    """Return the vertices (n, 3); the text is parsed at once, number by number takes minutes."""
    element = contour.get_item("ContourData")
    value = element.value if element is not None else None
    if isinstance(value, bytes):
        numbers = np.array(value.rstrip(b" \x00").split(b"\\") if value else [], dtype=np.float64)
    else:
        numbers = np.array([] if value is None else list(value), dtype=np.float64)
    if numbers.size % 3 or not np.isfinite(numbers).all():
        raise ValueError("contour points are not triples of numbers")
    points = numbers.reshape(-1, 3)
    # A contour that repeats its first point at the end is closed all the same.
    return points[:-1] if len(points) > 3 and (points[0] == points[-1]).all() else points


def _fill(roi: _Roi, grid: Grid, where: str) -> tuple[NDArray[np.bool_], list[str]]:
    placed = [_to_index(contour, grid) for contour in roi.contours]
    heights = np.array([index[:, 2].mean() for index in placed])
    uneven = max(float(np.ptp(index[:, 2])) for index in placed)
    if uneven > _FLAT:
        raise MaskError(
            "contours do not lie in the slices of the image",
            where=where,
            expected="contours drawn on this image, slice by slice",
            found=f"a contour of ROI {roi.number} that spans {uneven:.3g} slices",
            hint="give the image the contours were drawn on, or export the mask as NIfTI",
        )
    planes = _planes(heights)
    chosen = _nearest_planes(heights, planes, grid.size[2])
    columns, rows, n_slices = grid.size
    region = np.zeros((n_slices, rows, columns), dtype=np.bool_)
    for z, members in chosen.items():
        region[z] = fill_contours([placed[i][:, :2] for i in members], (rows, columns))
    notes = _check_inside(roi, placed, planes, region, grid, where)
    used = {i for members in chosen.values() for i in members}
    off = max((abs(heights[i] - np.round(heights[i])) for i in used), default=0.0)
    if off > _OFF_SLICE:
        notes.append(f"contours lie up to {off * grid.spacing_mm[2]:.2g} mm beside the slices")
    inside = sorted(z for z in chosen if region[z].any())
    if inside and (lost := inside[-1] - inside[0] + 1 - len(inside)):
        some = "1 slice has" if lost == 1 else f"{lost} slices have"
        notes.append(f"{some} no contour although those on both sides do: background there")
    if roi.passed_over:
        notes.append(f"passed over: {roi.passed_over} point(s) or open contour(s)")
    return region, notes


def _to_index(points: NDArray[np.float64], grid: Grid) -> NDArray[np.float64]:
    """Turn positions in mm into continuous indices (x, y, z): ``(D spacing)^-1 (p - origin)``."""
    matrix = np.array(grid.direction).reshape(3, 3) * np.array(grid.spacing_mm)
    index = np.linalg.solve(matrix, (points - np.array(grid.origin_mm)).T).T
    # Positions have few decimals: a vertex meant for a pixel centre or edge shall be on it.
    return np.asarray(np.round(index, 6))


def _planes(heights: NDArray[np.float64]) -> list[list[int]]:
    """Group contours whose heights differ by less than a tenth of a slice, from below."""
    order = np.argsort(heights, kind="stable")
    groups: list[list[int]] = []
    for i in order:
        if groups and heights[i] - heights[groups[-1][0]] < 0.1:
            groups[-1].append(int(i))
        else:
            groups.append([int(i)])
    return groups


def _nearest_planes(
    heights: NDArray[np.float64], planes: list[list[int]], n_slices: int
) -> dict[int, list[int]]:
    """Return the contours of each slice: those of the plane nearest to its middle."""
    best: dict[int, tuple[float, list[int]]] = {}
    for members in planes:
        height = float(np.mean(heights[members]))
        z = round(height)
        if 0 <= z < n_slices and (z not in best or abs(height - z) < best[z][0]):
            best[z] = (abs(height - z), members)
    return {z: members for z, (_, members) in sorted(best.items())}


def _check_inside(
    roi: _Roi,
    placed: list[NDArray[np.float64]],
    planes: list[list[int]],
    region: NDArray[np.bool_],
    grid: Grid,
    where: str,
) -> list[str]:
    """Compare the area within the contours with what lies in the image."""
    inside = outside = 0.0
    columns, rows, n_slices = grid.size
    for members in planes:
        for i in members:
            index = placed[i]
            area = polygon_area(index[:, :2])
            high = index[:, :2].max(axis=0)
            part = area if 0 <= round(index[:, 2].mean()) < n_slices else 0.0
            if part and (index[:, :2].min() < -0.5 or (high > [columns - 0.5, rows - 0.5]).any()):
                clipped = _clip(index[:, :2], columns - 0.5, rows - 0.5)
                part = polygon_area(clipped) if len(clipped) else 0.0
            inside += part
            outside += area - part
    total = inside + outside
    elsewhere = outside > _MOST_OUTSIDE * total
    if elsewhere or not region.any():
        points = np.concatenate(roi.contours)
        low, high = points.min(axis=0), points.max(axis=0)
        ends = (f"{n} {a:.5g} to {b:.5g}" for n, a, b in zip("xyz", low, high, strict=True))
        raise MaskError(
            "more than half of the contours' area lies outside the image"
            if elsewhere
            else "no voxel centre lies within the contours",
            where=where,
            expected=f"contours within {grid.describe()}",
            found=f"ROI {roi.number} at {list_some(ends)} mm",
            hint="give the contours that belong to this image",
        )
    if outside > 1e-6 * total:
        return [f"{outside / total:.2g} of the contours' area lies outside the image"]
    return []


def _clip(polygon: NDArray[np.float64], right: float, bottom: float) -> NDArray[np.float64]:
    """Cut a polygon to -0.5..right by -0.5..bottom (Sutherland and Hodgman 1974)."""
    for axis, sign, limit in ((0, 1, -0.5), (0, -1, right), (1, 1, -0.5), (1, -1, bottom)):
        if not len(polygon):
            break
        away = sign * (polygon[:, axis] - limit)  # 0 and above is inside
        kept = []
        for i, point in enumerate(polygon):
            before, a, b = polygon[i - 1], away[i - 1], away[i]
            if (a < 0) != (b < 0):
                kept.append(before + (point - before) * a / (a - b))
            if b >= 0:
                kept.append(point)
        polygon = np.array(kept).reshape(-1, 2)
    return polygon
