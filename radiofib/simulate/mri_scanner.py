"""What an MR scanner does to an abdomen: grid, contrast, bias field, noise, intensity law."""

from __future__ import annotations

from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydantic import Field

from radiofib.config import StrictModel
from radiofib.simulate.mri_anatomy import TISSUES, Anatomy, Points
from radiofib.simulate.mri_paint import paint

__all__ = ["CHANNELS", "MRI_SCANNERS", "Grid", "MriScanner", "Rendered", "render"]

CHANNELS = ("t1", "t2", "dwi", "ged1", "ged2", "ged3", "ged4")

# Relative signal by channel, in the order of TISSUES; liver on GED4 is replaced by the uptake law.
_SIGNAL: dict[str, tuple[float, ...]] = {
    #        air   fat  muscle bowel bone fluid aorta vein kidney spleen liver bile lesion
    "t1":   (.01, .22, .35, .28, .30, .12, .22, .24, .36, .33, .50, .25, .38),
    "t2":   (.01, .55, .18, .40, .32, 1.00, .08, .14, .62, .55, .30, 1.00, .45),
    "dwi":  (.01, .06, .16, .25, .14, .20, .05, .05, .50, .62, .28, .22, .55),
    "ged1": (.01, .22, .38, .36, .32, .12, 1.05, .34, .90, .80, .56, .25, .70),
    "ged2": (.01, .22, .45, .46, .36, .12, .82, .98, .95, .76, .82, .25, .72),
    "ged3": (.01, .22, .47, .44, .38, .13, .66, .72, .92, .66, .84, .26, .64),
    "ged4": (.01, .22, .42, .38, .34, .20, .42, .42, .70, .48, .93, 1.10, .45),
}  # fmt: skip


class MriScanner(StrictModel):
    """One scanner: its patients, its protocol and its law of intensities.

    A voxel of relative signal s (liver on T1 is 0.5) becomes
    ``series * (offset + gain * (s b)^gamma)`` with a smooth bias field b and Rician noise added
    to ``s b``; ``series`` is 1, or random for each series when `series_scale_sd` > 0, and then
    signals of two series can no longer be compared.

    Parameters
    ----------
    name, vendor : str
        As in the cohort's columns.
    field_t : float
        Field strength.
    weight : float
        Share of the cases.
    stage_weights : tuple of float
        Stage mix, in the order of the stages.
    missing : dict of channel to tuple of float
        Rate at which a channel is missing, for each stage.
    mask_rate : float
        Share of cases whose liver a reader outlined on GED4.
    fov_mm : tuple of float
        Field of view (x, y, z).
    ged_mm, thick_mm : tuple of float
        Voxel (x, y, z) of T1 and GED, and of T2 and DWI, at size 1.
    gain, gamma, offset, noise, bias : float
        Law of intensities; noise is relative to a signal of 1, bias the deviation of log b.
    series_scale_sd : float
        Deviation of the logarithm of each series' own scale.
    dtype : {"int16", "uint16", "float32"}
        Type of voxel on disk.
    flipped : bool
        Store rows and columns from left and back (direction -1, -1, 1).
    """

    name: str
    vendor: str
    field_t: float = 3.0
    weight: float = Field(default=1.0, gt=0)
    stage_weights: tuple[float, ...] = (1, 1, 1, 1)
    missing: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    mask_rate: float = Field(default=1 / 12, ge=0, le=1)
    fov_mm: tuple[float, float, float] = (340, 270, 180)
    ged_mm: tuple[float, float, float] = (1.0, 1.0, 2.5)
    thick_mm: tuple[float, float, float] = (1.2, 1.2, 7.0)
    gain: float = Field(default=1000.0, gt=0)
    gamma: float = Field(default=1.0, gt=0)
    offset: float = 0.0
    noise: float = Field(default=0.025, ge=0)
    bias: float = Field(default=0.12, ge=0)
    series_scale_sd: float = Field(default=0.0, ge=0)
    dtype: Literal["int16", "uint16", "float32"] = "int16"
    flipped: bool = False


def _all(rate: float) -> tuple[float, ...]:
    return (rate,) * 4


#: Counts by stage and missing channels as in the public description of LiFS; scanner C is the
#: unseen centre. B1's missing DWI tells the stage (25 of 79 below S4, 2 of 91 in S4).
#: Ten cases of each training centre have a mask.
MRI_SCANNERS = (
    MriScanner(
        name="A", vendor="A", field_t=3.0, weight=130, stage_weights=(55, 25, 12, 38),
        missing={"dwi": _all(3 / 130), "ged2": _all(2 / 130), "ged3": _all(5 / 130),
                 "t2": _all(1 / 130)},
        mask_rate=10 / 130,
        ged_mm=(1.0, 1.0, 2.5), thick_mm=(1.19, 1.19, 7.2), gain=900.0, bias=0.10,
    ),
    MriScanner(
        name="B1", vendor="B", field_t=3.0, weight=170, stage_weights=(39, 29, 11, 91),
        missing={"dwi": (25 / 79, 25 / 79, 25 / 79, 2 / 91)},
        mask_rate=10 / 170, fov_mm=(360, 292, 196),
        ged_mm=(0.594, 0.594, 3.5), thick_mm=(0.69, 0.69, 6.6),
        gain=24000.0, gamma=0.85, noise=0.02, bias=0.16, dtype="uint16",
    ),
    MriScanner(
        name="B2", vendor="B", field_t=1.5, weight=60, stage_weights=(3, 10, 9, 38),
        missing={"ged1": _all(2 / 60), "ged2": _all(1 / 60), "ged3": _all(1 / 60),
                 "t1": _all(2 / 60), "t2": _all(1 / 60)},
        mask_rate=10 / 60, fov_mm=(350, 280, 188),
        ged_mm=(0.78, 0.78, 3.0), thick_mm=(1.04, 1.04, 7.8),
        gain=1.1e6, noise=0.035, bias=0.08, series_scale_sd=0.2, dtype="float32", flipped=True,
    ),
    MriScanner(
        name="C", vendor="C", field_t=3.0, weight=70, stage_weights=(5, 9, 9, 47),
        fov_mm=(384, 312, 190), ged_mm=(1.2, 1.2, 3.0), thick_mm=(1.56, 1.56, 8.5),
        gain=2200.0, gamma=1.2, offset=60.0, noise=0.03, bias=0.14,
    ),
)  # fmt: skip


class Grid(StrictModel):
    """Where the voxels of one image lie, in LPS millimetres.

    Examples
    --------
    >>> grid = Grid(shape=(2, 3, 4), spacing_mm=(1, 1, 2), origin_mm=(0, 0, 0), flipped=True)
    >>> x, y, z = grid.points(slice(0, 2))
    >>> x[0, 0].tolist(), z[:, 0, 0].tolist()
    ([0.0, -1.0, -2.0, -3.0], [0.0, 2.0])
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    flipped: bool = False

    def points(self, slices: slice) -> Points:
        """Return x, y and z of the voxel centres of some slices, each of the slab's shape."""
        sign = (-1, -1, 1) if self.flipped else (1, 1, 1)
        axes = [
            np.float32(o) + np.float32(s * step) * np.arange(n, dtype=np.float32)
            for o, s, step, n in zip(
                self.origin_mm, sign, self.spacing_mm, self.shape[::-1], strict=True
            )
        ]
        z, y, x = np.meshgrid(axes[2][slices], axes[1], axes[0], indexing="ij")
        return x, y, z

    def image(self, array: NDArray) -> sitk.Image:
        """Return the array as an image with this geometry."""
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(self.spacing_mm)
        image.SetOrigin(self.origin_mm)
        if self.flipped:
            image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
        return image


def make_grid(scanner: MriScanner, channel: str, size: float, centre: NDArray[np.float64]) -> Grid:
    """Return a channel's grid about a centre, with voxels 1/size as large as the real ones.

    Reduced volumes keep slices at no more than 7 mm and rows at no less than 2.4 mm, so that a
    small cohort is small on every scanner.
    """
    x, y, z = scanner.thick_mm if channel in ("t2", "dwi") else scanner.ged_mm
    if size < 1:
        floor = 2.4 * min(1.0, (1 - size) / 0.7)
        x, y = max(x / size, floor), max(y / size, floor)
        z = max(z, min(z / size, 7.0))
    spacing = (round(x, 4), round(y, 4), round(z, 4))
    counts = [max(round(f / s), 4) for f, s in zip(scanner.fov_mm, spacing, strict=True)]
    sign = (-1, -1, 1) if scanner.flipped else (1, 1, 1)
    origin = [
        round(float(c - g * s * (n - 1) / 2), 4)
        for c, g, s, n in zip(centre, sign, spacing, counts, strict=True)
    ]
    return Grid(
        shape=(counts[2], counts[1], counts[0]),
        spacing_mm=spacing,
        origin_mm=(origin[0], origin[1], origin[2]),
        flipped=scanner.flipped,
    )


class Rendered:
    """One channel as the scanner stores it, with the masks that belong to it.

    Attributes
    ----------
    pixels : ndarray
        Voxels in the scanner's type.
    liver, spleen, lesion : ndarray of bool
        Exact masks on the same grid.
    """

    def __init__(self, grid: Grid, dtype: str) -> None:
        self.grid = grid
        self.pixels: NDArray = np.zeros(grid.shape, dtype=dtype)
        self.liver = np.zeros(grid.shape, dtype=bool)
        self.spleen = np.zeros(grid.shape, dtype=bool)
        self.lesion = np.zeros(grid.shape, dtype=bool)


def signal_table(anatomy: Anatomy, channel: str) -> dict[str, float]:
    """Return the relative signal of every tissue on a channel for one patient.

    Liver on GED4 is ``T1 liver x (1 + uptake)``: without noise, bias and series scale the
    relative enhancement of the liver is the patient's uptake.
    """
    table = dict(zip(TISSUES, _SIGNAL[channel], strict=True))
    if channel == "ged4":
        table["liver"] = _SIGNAL["t1"][TISSUES.index("liver")] * (1 + anatomy.uptake)
    table["liver"] *= {"t2": anatomy.t2_factor, "dwi": anatomy.dwi_factor}.get(channel, 1.0)
    return table


def render(
    anatomy: Anatomy,
    scanner: MriScanner,
    channel: str,
    grid: Grid,
    motion: sitk.Transform,
    series: float,
    rng: np.random.Generator,
) -> Rendered:
    """Draw one channel slab by slab, so that memory stays bounded for large volumes.

    Parameters
    ----------
    motion : Transform
        Maps a point of the GED4 frame to this channel's frame; tissue seen at q lies at the
        inverse of q in the GED4 frame.
    series : float
        Scale of this series.
    """
    out = Rendered(grid, scanner.dtype)
    table = signal_table(anatomy, channel)
    waves = _bias_waves(scanner, rng)
    edge = 0.8 * grid.spacing_mm[0]
    back = motion.GetInverse()
    origin = np.array(back.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.stack([np.array(back.TransformPoint(e)) - origin for e in np.eye(3).tolist()], 1)
    depth = max(1, 400_000 // (grid.shape[1] * grid.shape[2]))
    for first in range(0, grid.shape[0], depth):
        slab = slice(first, min(first + depth, grid.shape[0]))
        q = grid.points(slab)
        x, y, z = (_affine(row, offset, q) for row, offset in zip(matrix, origin, strict=True))
        signal, out.liver[slab], out.spleen[slab], out.lesion[slab] = paint(
            anatomy, (x, y, z), table, edge
        )
        out.pixels[slab] = _acquire(signal * _bias(waves, q, scanner), scanner, series, rng)
    return out


def _affine(row: NDArray[np.float64], offset: float, q: Points) -> NDArray[np.float32]:
    a, b, c = row.astype(np.float32)
    moved: NDArray[np.float32] = a * q[0] + b * q[1] + c * q[2] + np.float32(offset)
    return moved


def _acquire(
    signal: NDArray, scanner: MriScanner, series: float, rng: np.random.Generator
) -> NDArray:
    real = signal + np.float32(scanner.noise) * rng.standard_normal(signal.shape, np.float32)
    imaginary = np.float32(scanner.noise) * rng.standard_normal(signal.shape, np.float32)
    magnitude = np.hypot(real, imaginary)
    stored = series * (scanner.offset + scanner.gain * magnitude**scanner.gamma)
    if scanner.dtype != "float32":
        stored = np.clip(np.rint(stored), 0, np.iinfo(scanner.dtype).max)
    voxels: NDArray = stored.astype(scanner.dtype)
    return voxels


def _bias_waves(scanner: MriScanner, rng: np.random.Generator) -> NDArray[np.float32]:
    """Three half-waves across the field of view: wave numbers, phase."""
    numbers = rng.uniform(-1, 1, (3, 3)) * np.pi / np.array(scanner.fov_mm)
    return np.column_stack([numbers, rng.uniform(0, 2 * np.pi, 3)]).astype(np.float32)


def _bias(waves: NDArray[np.float32], q: Points, scanner: MriScanner) -> NDArray[np.float32]:
    total = np.zeros(q[0].shape, dtype=np.float32)
    for kx, ky, kz, phase in waves:
        total += np.cos(kx * q[0] + ky * q[1] + kz * q[2] + phase)
    field: NDArray[np.float32] = np.exp(np.float32(scanner.bias * np.sqrt(2 / 3)) * total)
    return field
