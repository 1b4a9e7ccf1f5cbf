"""The body of a simulated patient as MRI signal: tissues laid over each other in turn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiofib.simulate.mri_anatomy import (
    ORGANS,
    Anatomy,
    Floats,
    Points,
    ellipsoid,
    liver_own,
    own_frame,
    sample,
    window,
)

__all__ = ["paint"]


def paint(
    anatomy: Anatomy, points: Points, signal: dict[str, float], edge_mm: float
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Draw the body's signal at points.

    Tissues are laid over each other in turn; within `edge_mm` of a surface they blend, as
    partial volume does.

    Parameters
    ----------
    anatomy : Anatomy
        The patient.
    points : tuple of ndarray of float32
        x, y and z in mm, of one shape.
    signal : dict
        Relative signal of each of :data:`TISSUES`.
    edge_mm : float
        Width of the blend.

    Returns
    -------
    tuple of ndarray
        Signal; masks of liver, spleen and lesion.
    """
    own = own_frame(anatomy, points)
    edge = np.float32(edge_mm / anatomy.scale)
    body = ellipsoid(own, (0, 0, 0), (162, 112, None))
    image = _cover(body, edge) * np.float32(signal["fat"])
    _lay(image, body + np.float32(anatomy.fat_mm), edge, signal["muscle"])
    cavity = body + np.float32(anatomy.fat_mm + 9)
    mottle = np.zeros_like(body)
    inner = cavity < edge
    if inner.any():
        mottle[inner] = sample(anatomy, "tissue", (own[0][inner], own[1][inner], own[2][inner]))
    _lay(image, cavity, edge, signal["bowel"] * (1 + np.float32(0.35) * np.clip(mottle, -2, 2)))
    spleen = np.zeros(image.shape, dtype=bool)
    for name, (tissue, centre, half) in ORGANS.items():
        grow = anatomy.spleen_scale if name == "spleen" else 1.0
        half = (half[0] * grow, half[1] * grow, None if half[2] is None else half[2] * grow)
        box = window(own, centre, half, float(edge))
        if 0 in image[box].shape:
            continue
        distance = ellipsoid((own[0][box], own[1][box], own[2][box]), centre, half)
        if tissue == "air":
            distance = np.maximum(distance, cavity[box])
        _lay(image[box], distance, edge, signal[tissue] * (1 + np.float32(0.04) * mottle[box]))
        if tissue == "kidney":
            _lay(image[box], distance + 12, edge, signal[tissue] * 0.75)
        if name == "spleen":
            spleen[box] = distance < 0
    distance = liver_own(anatomy, own) / np.float32(anatomy.scale)
    liver = distance < 0
    spleen &= ~liver
    lesion = np.zeros(image.shape, dtype=bool)
    near = distance < edge
    if near.any():
        x, y, z = (p[near] for p in own)
        _paint_liver(anatomy, (x, y, z), distance, near, signal, edge, image, lesion)
    lesion &= liver
    return image, liver, spleen, lesion


def _paint_liver(
    anatomy: Anatomy,
    local: Points,
    distance: Floats,
    near: NDArray[np.bool_],
    signal: dict[str, float],
    edge: np.float32,
    image: Floats,
    lesion: NDArray[np.bool_],
) -> None:
    """Lay parenchyma, vessels and lesion over the voxels near or in the liver."""
    nodules = np.float32(anatomy.texture) * sample(anatomy, "nodules", local)
    inside = image[near]
    _lay(inside, distance[near], edge, signal["liver"] * (1 + nodules))
    for start, end, radius in anatomy.vessels:
        _lay(inside, _capsule(local, start, end, radius), edge, signal["vein"])
    if anatomy.lesion is not None:
        at, radius = anatomy.lesion
        ball = ellipsoid(local, at, (radius,) * 3)
        _lay(inside, ball, edge, signal["lesion"])
        lesion[near] = ball < 0
    image[near] = inside


def _cover(distance: Floats, edge: np.float32) -> Floats:
    cover: Floats = np.clip(np.float32(0.5) - distance / edge, 0, 1).astype(np.float32)
    return cover


def _lay(image: Floats, distance: Floats, edge: np.float32, level: Floats | float) -> None:
    cover = _cover(distance, edge)
    image += cover * (level - image)


def _capsule(
    points: Points, start: NDArray[np.float64], end: NDArray[np.float64], radius: float
) -> Floats:
    axis = (end - start).astype(np.float32)
    relative = [p - np.float32(s) for p, s in zip(points, start, strict=True)]
    along = sum(r * a for r, a in zip(relative, axis, strict=True)) / np.float32(axis @ axis)
    along = np.clip(along, 0, 1)
    squared = sum((r - a * along) ** 2 for r, a in zip(relative, axis, strict=True))
    distance: Floats = (np.sqrt(squared) - np.float32(radius)).astype(np.float32)
    return distance
