"""An upper abdomen in closed form: every tissue is a function of position in mm.

Because nothing is voxelised before it is looked at, each channel can be drawn on its own grid,
under its own rigid transform, and the liver mask is exact on every grid.

Coordinates are LPS (x to the patient's left, y to the back, z to the head), origin in mid-body.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage

from radiofib.config import StrictModel
from radiofib.simulate._random import gaussian_field

__all__ = ["TISSUES", "Anatomy", "LiverLaw", "draw_anatomy", "liver_distance"]

Floats = NDArray[np.float32]
Points = tuple[Floats, Floats, Floats]

#: Tissues in the order of the columns of a signal table.
TISSUES = (
    "air",
    "fat",
    "muscle",
    "bowel",
    "bone",
    "fluid",
    "aorta",
    "vein",
    "kidney",
    "spleen",
    "liver",
    "bile",
    "lesion",
)

_FIELD_SIZE, _FIELD_MM = 64, 3.0

# name: (tissue, centre, half axes); None along z means a cylinder.
ORGANS: dict[str, tuple[str, tuple[float, float, float], tuple[float, float, float | None]]] = {
    "lung_right": ("air", (-75, 5, 150), (82, 85, 88)),
    "lung_left": ("air", (75, 10, 150), (80, 85, 100)),
    "stomach": ("fluid", (68, -42, 22), (40, 32, 42)),
    "paraspinal_right": ("muscle", (-36, 84, 0), (26, 17, None)),
    "paraspinal_left": ("muscle", (36, 84, 0), (26, 17, None)),
    "vertebra": ("bone", (0, 58, 0), (21, 18, None)),
    "canal": ("fluid", (0, 84, 0), (9, 8, None)),
    "kidney_right": ("kidney", (-60, 48, -62), (27, 24, 48)),
    "kidney_left": ("kidney", (62, 48, -42), (27, 24, 50)),
    "spleen": ("spleen", (105, 32, 28), (28, 40, 46)),
    "aorta": ("aorta", (10, 32, 0), (10, 10, None)),
    "gallbladder": ("bile", (-48, -52, -40), (13, 17, 26)),
}

_PORTAL = (
    ((-15, 8, -12), (-25, -4, 4), 6.0),
    ((-25, -4, 4), (-65, -10, 4), 5.0),
    ((-65, -10, 4), (-102, -32, 15), 3.5),
    ((-65, -10, 4), (-106, 16, -14), 3.5),
    ((-25, -4, 4), (0, -34, 20), 4.0),
    ((0, -34, 20), (34, -50, 32), 2.8),
)
_HEPATIC = (
    ((-20, 24, 62), (-68, 24, 46), 5.0),
    ((-68, 24, 46), (-112, 10, 24), 3.5),
    ((-20, 24, 62), (-48, -20, 46), 4.5),
    ((-48, -20, 46), (-78, -52, 26), 3.2),
    ((-20, 24, 62), (-4, -22, 48), 4.0),
    ((-4, -22, 48), (24, -46, 38), 3.0),
    ((-20, 24, 62), (-20, 24, -200), 10.0),
)


class LiverLaw(StrictModel):
    """How the latent trait z shows in the liver.

    Each finding follows its own ``u = z + finding_noise * N(0, 1)``, so no single finding
    carries the whole trait. All are clipped at 0 where a negative value has no meaning.

    Parameters
    ----------
    finding_noise : float
        Deviation of each finding about the trait.
    texture, texture_per_u : float
        Standard deviation of the nodular pattern relative to liver signal.
    surface_mm, surface_mm_per_u : float
        Standard deviation of the liver surface about its smooth form, in mm.
    uptake, uptake_per_u : float
        Relative enhancement of the liver in the hepatobiliary phase, and its change.
    spleen_per_u : float
        Relative growth of the spleen's axes.
    lobes_per_u : float
        Relative growth of the left lobe's axes; the right lobe shrinks by half of it.
    t2_per_u, dwi_per_u : float
        Relative rise of liver signal on T2 and DWI.
    nodule_mm : float
        Correlation length of the nodular pattern.
    lesion_rate : float
        Share of patients with one focal lesion, whatever the stage.
    """

    finding_noise: float = Field(default=1.0, ge=0)
    texture: float = 0.03
    texture_per_u: float = 0.012
    surface_mm: float = 0.8
    surface_mm_per_u: float = 0.4
    uptake: float = 0.85
    uptake_per_u: float = -0.08
    spleen_per_u: float = 0.02
    lobes_per_u: float = 0.015
    t2_per_u: float = 0.02
    dwi_per_u: float = 0.02
    nodule_mm: float = Field(default=3.5, gt=0)
    lesion_rate: float = Field(default=0.1, ge=0, le=1)


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One simulated patient, ready to be drawn on any grid.

    Parameters
    ----------
    scale : float
        Size of the whole body.
    shift_mm : ndarray of shape (3,)
        Position in the scanner.
    fat_mm : float
        Thickness of subcutaneous fat.
    lobes : tuple of (centre, half axes)
        Right and left lobe.
    spleen_scale : float
        Factor on the spleen's axes.
    vessels : tuple of (start, end, radius)
        Segments of portal and hepatic veins.
    lesion : tuple of (centre, radius) or None
        Focal lesion.
    texture, surface_mm : float
        Amplitudes drawn from the law.
    uptake, t2_factor, dwi_factor : float
        Signal changes drawn from the law.
    findings : dict
        The noisy trait behind each finding.
    fields : dict of ndarray
        Periodic random fields on a 3 mm grid: ``nodules``, ``surface``, ``tissue``.
    """

    scale: float
    shift_mm: NDArray[np.float64]
    fat_mm: float
    lobes: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]
    spleen_scale: float
    vessels: tuple[tuple[NDArray[np.float64], NDArray[np.float64], float], ...]
    lesion: tuple[NDArray[np.float64], float] | None
    texture: float
    surface_mm: float
    uptake: float
    t2_factor: float
    dwi_factor: float
    findings: dict[str, float]
    fields: dict[str, Floats] = field(repr=False)


def draw_anatomy(trait: float, law: LiverLaw, rng: np.random.Generator) -> Anatomy:
    """Draw one patient's anatomy for a latent trait.

    Examples
    --------
    >>> law = LiverLaw(finding_noise=0)
    >>> healthy = draw_anatomy(0.0, law, np.random.default_rng(0))
    >>> cirrhotic = draw_anatomy(2.0, law, np.random.default_rng(0))
    >>> round(healthy.uptake, 2), round(cirrhotic.uptake, 2), round(cirrhotic.surface_mm, 2)
    (0.85, 0.69, 1.6)
    """
    names = ("texture", "surface", "uptake", "spleen", "lobes", "t2", "dwi")
    u = {n: trait + law.finding_noise * float(rng.standard_normal()) for n in names}
    left = 1 + law.lobes_per_u * u["lobes"]
    right = 1 - law.lobes_per_u * u["lobes"] / 2
    lobes = (
        (np.array([-72.0, 0, 8]) + rng.normal(0, 3, 3), right * rng.normal([66, 74, 76], 2.5)),
        (np.array([8.0, -38, 28]) + rng.normal(0, 3, 3), left * rng.normal([68, 36, 36], 2.0)),
    )
    joints: dict[tuple[float, ...], NDArray[np.float64]] = {}
    for start, end, _ in (*_PORTAL, *_HEPATIC):
        for node in (start, end):
            joints.setdefault(node, np.array(node) + rng.normal(0, 3, 3))
    vessels = tuple((joints[a], joints[b], r) for a, b, r in (*_PORTAL, *_HEPATIC))
    has_lesion = bool(rng.random() < law.lesion_rate)
    at = np.array([-80.0, 0, 5]) + rng.uniform(-30, 30, 3)
    radius = float(rng.uniform(8, 16))
    shape = (_FIELD_SIZE,) * 3
    grains = {
        "nodules": (law.nodule_mm / _FIELD_MM, 5.0),
        "surface": (5.0 / _FIELD_MM, 4.0),
        "tissue": (4.0 / _FIELD_MM, 0.0),
    }
    fields = {
        name: gaussian_field(shape, (length,) * 3, rng, low_cut=cut).astype(np.float32)
        for name, (length, cut) in grains.items()
    }
    return Anatomy(
        scale=float(rng.uniform(0.93, 1.07)),
        shift_mm=rng.normal(0, 1, 3) * (5, 4, 6),
        fat_mm=float(rng.uniform(10, 24)),
        lobes=lobes,
        spleen_scale=1 + law.spleen_per_u * u["spleen"],
        vessels=vessels,
        lesion=(at, radius) if has_lesion else None,
        texture=max(law.texture + law.texture_per_u * u["texture"], 0.0),
        surface_mm=max(law.surface_mm + law.surface_mm_per_u * u["surface"], 0.0),
        uptake=law.uptake + law.uptake_per_u * u["uptake"],
        t2_factor=1 + law.t2_per_u * u["t2"],
        dwi_factor=1 + law.dwi_per_u * u["dwi"],
        findings=u,
        fields=fields,
    )


def window(
    points: Points,
    centre: tuple[float, float, float],
    half: tuple[float, float, float | None],
    margin: float,
) -> tuple[slice, slice, slice]:
    """Return the part of an affine grid that can hold an ellipsoid.

    A coordinate is linear in the three indices, so over a plane of the grid it takes its
    extremes in the corners.
    """
    box = [slice(None)] * 3
    for p, c, r, axis in zip(points, centre, half, (2, 1, 0), strict=True):
        if r is None:
            continue
        ends = [[0, -1] if a != axis else range(p.shape[a]) for a in range(3)]
        corners = np.moveaxis(p[np.ix_(*ends)], axis, 0).reshape(p.shape[axis], -1)
        near = (corners.max(1) >= c - r - margin) & (corners.min(1) <= c + r + margin)
        hits = np.flatnonzero(near)
        box[axis] = slice(int(hits[0]), int(hits[-1]) + 1) if hits.size else slice(0, 0)
    return box[0], box[1], box[2]


def own_frame(anatomy: Anatomy, points: Points) -> Points:
    x, y, z = (
        ((p - np.float32(s)) / np.float32(anatomy.scale)).astype(np.float32)
        for p, s in zip(points, anatomy.shift_mm, strict=True)
    )
    return x, y, z


def ellipsoid(
    points: Points,
    centre: NDArray[np.float64] | tuple[float, ...],
    half: NDArray[np.float64] | tuple[float | None, ...],
) -> Floats:
    """Signed distance to an ellipsoid (or elliptic cylinder), exact to first order at the surface.

    ``k0 (k0 - 1) / k1`` with ``k0 = |p/r|`` and ``k1 = |p/r^2|``.
    """
    zero, one = np.float32(0), np.float32(1)
    k0, k1 = zero * points[0], zero * points[0]
    for p, c, r in zip(points, centre, half, strict=True):
        if r is None:
            continue
        q = (p - np.float32(c)) / np.float32(r)
        k0 = k0 + q * q
        q = q / np.float32(r)
        k1 = k1 + q * q
    k0, k1 = np.sqrt(k0), np.sqrt(k1)
    distance: Floats = k0 * (k0 - one) / np.maximum(k1, np.float32(1e-6))
    return distance


def sample(anatomy: Anatomy, name: str, points: Points) -> Floats:
    index = np.stack([p.ravel() / np.float32(_FIELD_MM) for p in points])
    values: Floats = ndimage.map_coordinates(
        anatomy.fields[name], index, order=1, mode="grid-wrap", prefilter=False
    )
    return values.reshape(points[0].shape)


def liver_own(anatomy: Anatomy, points: Points) -> Floats:
    (right_at, right_half), (left_at, left_half) = anatomy.lobes
    a = ellipsoid(points, right_at, right_half)
    b = ellipsoid(points, left_at, left_half)
    k = np.float32(24.0)
    h = np.clip(0.5 + 0.5 * (b - a) / k, 0, 1).astype(np.float32)
    union = b + (a - b) * h - k * h * (1 - h)  # smooth minimum: lobes flow into each other
    wall = ellipsoid(points, (0, 0, 0), (162 - anatomy.fat_mm, 112 - anatomy.fat_mm, None))
    notch = 6 - ellipsoid(points, (-14, 18, -22), (20, 26, 30))  # room for hilum and caval vein
    gall = ellipsoid(points, *ORGANS["gallbladder"][1:])
    distance: Floats = np.maximum(np.maximum(union, wall + 10), np.maximum(notch, -gall))
    near = np.abs(distance) < 8
    if anatomy.surface_mm > 0 and near.any():
        close = tuple(p[near] for p in points)
        bumps = sample(anatomy, "surface", (close[0], close[1], close[2]))
        distance[near] += np.float32(anatomy.surface_mm) * bumps
    return distance * np.float32(anatomy.scale)


def liver_distance(anatomy: Anatomy, points: Points) -> Floats:
    """Return the signed distance to the liver surface in mm (negative inside) at points (x, y, z).

    The liver mask is where it is negative: vessels and lesion inside, gallbladder outside, as a
    reader would outline the organ.
    """
    return liver_own(anatomy, own_frame(anatomy, points))
