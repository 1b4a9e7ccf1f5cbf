"""Pairs of channels of one anatomy whose true transform is known, to measure registration with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydantic import Field

from radiofib._checks import check_known
from radiofib.config import StrictModel
from radiofib.simulate._random import child_rng
from radiofib.simulate.mri_anatomy import Anatomy, LiverLaw, draw_anatomy
from radiofib.simulate.mri_scanner import CHANNELS, MRI_SCANNERS, MriScanner, make_grid, render

__all__ = ["Pair", "PairSettings", "draw_pair", "misplaced", "misplacement"]

Kind = Literal["plain", "slab", "stranger"]


class PairSettings(StrictModel):
    """What pairs are made of.

    Parameters
    ----------
    size : float
        Size of the grids, as in :class:`~radiofib.simulate.MriSettings`.
    combinations : tuple of (fixed channel, scanner, moving channel, scanner)
        Pair number k takes combination k, over and over; each side has the contrast, the law of
        intensities, the voxels and the field of view of its own scanner.
    motion_deg, motion_mm : float
        How far the moving channel is drawn from the fixed one: uniform between plus and minus,
        about and along each axis.
    fov_shift_mm : float
        How far the fields of view lie off the middle, along each axis.
    slab_share : tuple of float
        Share of the moving field of view, along x, y and z, that a "slab" keeps.
    points : int
        Most points in the liver at which errors are measured.
    liver_law : LiverLaw
        Of the anatomy.
    """

    size: float = Field(default=1.0, ge=0.1, le=1.0)
    combinations: tuple[tuple[str, str, str, str], ...] = (
        ("ged4", "A", "t1", "B1"),
        ("ged4", "A", "t2", "C"),
        ("ged4", "B2", "dwi", "A"),
        ("ged4", "C", "ged1", "A"),
        ("ged4", "B1", "t2", "B2"),
    )
    motion_deg: float = Field(default=3.0, ge=0)
    motion_mm: float = Field(default=8.0, ge=0)
    fov_shift_mm: float = Field(default=10.0, ge=0)
    slab_share: tuple[float, float, float] = (0.8, 0.8, 0.35)
    points: int = Field(default=2000, ge=1)
    liver_law: LiverLaw = LiverLaw()


@dataclass(frozen=True, eq=False)
class Pair:
    """Two channels, their exact masks and the true transform between them.

    Parameters
    ----------
    name : str
        Such as ``ged4-A t2-C``.
    kind : {"plain", "slab", "stranger"}
        One patient; the moving image a part only; two patients.
    fixed, moving, fixed_mask, moving_mask : sitk.Image
        Voxels as stored, and the liver.
    truth : sitk.Transform
        From the fixed frame to the moving one. Of a "stranger" it is that of the frames alone.
    points : ndarray of shape (n, 3)
        Points of the liver in the fixed frame, in mm.
    """

    name: str
    kind: Kind
    fixed: sitk.Image
    moving: sitk.Image
    fixed_mask: sitk.Image
    moving_mask: sitk.Image
    truth: sitk.Transform
    points: NDArray[np.float64]

    def error_mm(self, found: sitk.Transform) -> NDArray[np.float64]:
        """Return how far a transform puts each point from where it belongs, in mm."""
        gone = [
            np.subtract(found.TransformPoint(p), self.truth.TransformPoint(p))
            for p in self.points.tolist()
        ]
        return np.asarray(np.linalg.norm(gone, axis=1))


def misplacement(
    rng: np.random.Generator, max_deg: float, max_mm: float, centre: tuple[float, float, float]
) -> sitk.Euler3DTransform:
    """Draw a rigid transform: angles about and shifts along each axis, uniform, about a centre.

    Examples
    --------
    >>> misplacement(np.random.default_rng(0), 0.0, 5.0, (0.0, 0.0, 8.0)).GetParameters()[:3]
    (0.0, 0.0, 0.0)
    """
    angles = np.deg2rad(max_deg) * rng.uniform(-1, 1, 3) + 0.0
    shift = max_mm * rng.uniform(-1, 1, 3)
    found = sitk.Euler3DTransform()
    found.SetCenter(centre)
    found.SetParameters([round(float(v), 9) + 0.0 for v in (*angles, *shift)])
    return found


def draw_pair(
    number: int, seed: int, kind: Kind = "plain", settings: PairSettings | None = None
) -> Pair:
    """Draw a pair; number and seed fix everything in it.

    Examples
    --------
    >>> pair = draw_pair(0, 1, settings=PairSettings(size=0.15))
    >>> pair.name, bool(pair.error_mm(pair.truth).max() < 1e-9)
    ('ged4-A t1-B1', True)
    """
    settings = settings or PairSettings()
    rng = child_rng(seed, "pairs", number)
    one, here, other, there = settings.combinations[number % len(settings.combinations)]
    patient = _patient(settings, rng)
    second = _patient(settings, rng)
    motion = misplacement(rng, settings.motion_deg, settings.motion_mm, (0.0, 0.0, 8.0))
    fixed, fixed_mask = _channel(patient, here, one, sitk.Euler3DTransform(), settings, rng)
    who = second if kind == "stranger" else patient
    moving, moving_mask = _channel(who, there, other, motion, settings, rng)
    if kind == "slab":
        moving, moving_mask = (_slab(v, settings.slab_share) for v in (moving, moving_mask))
    inside = np.argwhere(sitk.GetArrayViewFromImage(fixed_mask) > 0)
    chosen = inside[:: max(1, len(inside) // settings.points)][: settings.points, ::-1]
    points = [fixed.TransformIndexToPhysicalPoint(p) for p in chosen.tolist()]
    name = f"{one}-{here} {other}-{there}"
    return Pair(name, kind, fixed, moving, fixed_mask, moving_mask, motion, np.array(points))


def misplaced(pair: Pair, by: sitk.Transform) -> Pair:
    """Put the moving image elsewhere by its header alone: the same voxels, another start.

    A point q of the moving frame comes to lie at ``by(q)``, so that the true transform becomes
    `by` after the old one, and what is registered starts as far off as that.

    Parameters
    ----------
    by : sitk.Transform
        Rigid.
    """
    truth = sitk.CompositeTransform([by, pair.truth])
    moving, mask = (moved_header(v, by) for v in (pair.moving, pair.moving_mask))
    return replace(pair, moving=moving, moving_mask=mask, truth=truth)


def moved_header(image: sitk.Image, by: sitk.Transform) -> sitk.Image:
    """Return an image with the same voxels whose points q lie at ``by(q)``, `by` being rigid.

    Examples
    --------
    >>> move = sitk.Euler3DTransform(); move.SetTranslation((5, 0, 0))
    >>> moved_header(sitk.Image([2, 2, 2], sitk.sitkUInt8), move).GetOrigin()
    (5.0, 0.0, 0.0)
    """
    start = np.array(by.TransformPoint((0.0, 0.0, 0.0)))
    turn = np.stack([np.array(by.TransformPoint(e)) - start for e in np.eye(3).tolist()], axis=1)
    found = sitk.Image(image)
    found.SetOrigin(by.TransformPoint(image.GetOrigin()))
    found.SetDirection((turn @ np.array(image.GetDirection()).reshape(3, 3)).ravel().tolist())
    return found


def _patient(settings: PairSettings, rng: np.random.Generator) -> Anatomy:
    trait = float(rng.normal())
    return draw_anatomy(trait, settings.liver_law, rng)


def _channel(
    patient: Anatomy,
    scanner_name: str,
    channel: str,
    motion: sitk.Transform,
    settings: PairSettings,
    rng: np.random.Generator,
) -> tuple[sitk.Image, sitk.Image]:
    scanners: dict[str, MriScanner] = {s.name: s for s in MRI_SCANNERS}
    check_known(scanner_name, scanners, what="scanner", where="combinations")
    check_known(channel, CHANNELS, what="channel", where="combinations")
    scanner = scanners[scanner_name]
    centre = np.array([0.0, 0.0, 8.0]) + settings.fov_shift_mm * rng.uniform(-1, 1, 3)
    grid = make_grid(scanner, channel, settings.size, centre)
    series = float(np.exp(scanner.series_scale_sd * rng.standard_normal()))
    drawn = render(patient, scanner, channel, grid, motion, series, rng)
    return grid.image(drawn.pixels), grid.image(drawn.liver.astype(np.uint8))


def _slab(image: sitk.Image, share: tuple[float, float, float]) -> sitk.Image:
    size = [max(4, round(n * s)) for n, s in zip(image.GetSize(), share, strict=True)]
    start = [(n - s) // 2 for n, s in zip(image.GetSize(), size, strict=True)]
    found: sitk.Image = sitk.RegionOfInterest(image, size, start)
    return found
