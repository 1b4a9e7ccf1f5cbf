"""Whole B-mode frames of one machine and what becomes of them: copies, crops, sweeps.

A frame is a fan of scan-converted speckle with the layout of its machine around it (bars, a line
of text), so that different frames of a machine share most of what meets the eye. Alterations are
what happens to pictures on their way into a data set.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from radiofib.errors import UsageError
from radiofib.simulate._random import child_rng, gaussian_field
from radiofib.simulate.ultrasound import log_compress, speckle_envelope

__all__ = ["ALTERATIONS", "FRAME_MACHINES", "FrameMachine", "alter", "simulate_frame"]

Greys = NDArray[np.uint8]
#: What :func:`alter` can do.
ALTERATIONS = ("jpeg", "brightness", "resize", "border", "crop1", "crop3")


@dataclass(frozen=True)
class FrameMachine:
    """Layout and settings of a machine.

    Parameters
    ----------
    name : str
    shape : tuple of int
        Rows and columns of a frame.
    half_angle : float
        Half the opening of the fan in radians.
    near, far : float
        Radii of the fan's ends as shares of the rows.
    dynamic_range_db : float
    """

    name: str
    shape: tuple[int, int]
    half_angle: float
    near: float
    far: float
    dynamic_range_db: float


#: Three machines with different fans.
FRAME_MACHINES = (
    FrameMachine("F1", (360, 480), 0.60, 0.25, 1.15, 60.0),
    FrameMachine("F2", (300, 400), 0.50, 0.35, 1.25, 70.0),
    FrameMachine("F3", (420, 520), 0.70, 0.20, 1.10, 50.0),
)


@lru_cache(maxsize=8)
def _layout(machine: FrameMachine) -> tuple[NDArray[np.float64], NDArray[np.bool_], Greys]:
    """Return polar coordinates of pixels, where the fan is, and what stands around it."""
    rows, columns = machine.shape
    y, x = np.mgrid[:rows, :columns].astype(float)
    down = y + (machine.near - 0.06) * rows
    radius, angle = np.hypot(down, x - columns / 2) / rows, np.arctan2(x - columns / 2, down)
    fan = (np.abs(angle) < machine.half_angle) & (radius > machine.near) & (radius < machine.far)
    place = np.stack(
        [
            (radius - machine.near) / (machine.far - machine.near) * 299,
            (angle / machine.half_angle + 1) / 2 * 159,
        ]
    )
    around = np.zeros(machine.shape, np.uint8)
    bar = np.linspace(255, 0, rows // 2).astype(np.uint8)
    around[rows // 4 : rows // 4 + bar.size, 10:20] = bar[:, None]
    rng = child_rng(0, f"frame-layout-{machine.name}")
    for line in range(4):  # machine, preset and scale: the same on every frame
        for k in range(int(rng.integers(4, 9))):
            top, left = 12 + 14 * line, columns - 90 + 9 * k
            around[top : top + 9, left : left + 6] = 200 * (rng.random((9, 6)) < 0.5)
    return place, fan, around


def simulate_frame(machine: FrameMachine, *, seed: int, number: int, sweep: float = 0.0) -> Greys:
    """Return one frame of a machine; frames of one seed and number show one view.

    Parameters
    ----------
    machine : FrameMachine
    seed, number : int
        Which view.
    sweep : float
        How far the probe moved within the view, in units of its elevation beam width: scatterers
        decorrelate by ``exp(-sweep^2)`` and what is large moves a little.

    Examples
    --------
    >>> frame = simulate_frame(FRAME_MACHINES[0], seed=0, number=1)
    >>> frame.shape, bool((frame == simulate_frame(FRAME_MACHINES[0], seed=0, number=1)).all())
    ((360, 480), True)
    """
    rng = child_rng(seed, f"frame-{machine.name}", number)
    place, fan, around = _layout(machine)
    shape = (300, 160)
    coarse = gaussian_field((420, 280), (rng.uniform(15, 40), rng.uniform(15, 40)), rng)
    shift = ndimage.shift(coarse, (2.0 * sweep, 4.0 * sweep), order=1, mode="wrap")
    power = np.exp(0.23 * rng.uniform(2, 4) * shift[:300, :160])
    power *= 10 ** (-rng.uniform(0.0, 1.5) * np.linspace(0, 1, 300)[:, None])
    r, a = np.mgrid[:300, :160]
    for _ in range(int(rng.integers(1, 6))):
        centre, half = rng.uniform((30, 10), (280, 150)), rng.uniform((4, 3), (14, 12))
        inside = ((r - centre[0] - sweep) / half[0]) ** 2 + ((a - centre[1]) / half[1]) ** 2 < 1
        power[inside] *= 10**-2.0
    edge = 40 + 25 * np.sin(np.linspace(0, np.pi, 160) + rng.uniform(-0.5, 0.5))
    power[r < edge[None, :] * rng.uniform(0.5, 1.0)] *= 10 ** rng.uniform(0.3, 0.9)
    kept = np.exp(-(sweep**2))
    first = speckle_envelope(power, 1.0, 1.2, rng)
    if sweep:
        # Envelopes of scatterers that came into the slice, mixed as fields would be.
        other = speckle_envelope(power, 1.0, 1.2, child_rng(seed, "frame-other", number))
        first = np.sqrt(kept**2 * first**2 + (1 - kept**2) * other**2)
    polar = log_compress(
        first, gain_db=rng.uniform(-6, 6), dynamic_range_db=machine.dynamic_range_db
    )
    inside = ndimage.map_coordinates(polar.astype(float), place, order=1, mode="nearest")
    frame = np.where(fan, np.rint(inside), around).astype(np.uint8)
    text = child_rng(seed, f"frame-text-{machine.name}", number)
    for k in range(8):  # the clock, another on every frame
        frame[8:17, 30 + 9 * k : 36 + 9 * k] = 200 * (text.random((9, 6)) < 0.5)
    assert polar.shape == shape
    return frame


def alter(frame: Greys, how: str, rng: np.random.Generator) -> Greys:
    """Return what became of a frame.

    Parameters
    ----------
    frame : ndarray of uint8
    how : str
        ``jpeg`` (quality 40 to 90), ``brightness`` (contrast 0.8 to 1.25 and up to 25 greys),
        ``resize`` (0.6 to 1.4), ``border`` (black, up to 15 % on each side), ``crop1`` and
        ``crop3`` (up to 1 or 3 % off each side).
    rng : Generator

    Raises
    ------
    UsageError
        When there is no such alteration.

    Examples
    --------
    >>> alter(np.zeros((100, 100), np.uint8), "crop3", np.random.default_rng(0)).shape
    (99, 100)
    """
    rows, columns = frame.shape
    if how == "jpeg":
        stored = io.BytesIO()
        Image.fromarray(frame).save(stored, "JPEG", quality=int(rng.integers(40, 91)))
        return np.asarray(Image.open(stored))
    if how == "brightness":
        changed = (frame - 100.0) * rng.uniform(0.8, 1.25) + 100 + rng.uniform(-25, 25)
        shown: Greys = np.rint(np.clip(changed, 0, 255)).astype(np.uint8)
        return shown
    if how == "resize":
        scale = rng.uniform(0.6, 1.4)
        size = (round(columns * scale), round(rows * scale))
        return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))
    if how == "border":
        widths = rng.uniform(0, 0.15, 4) * (rows, rows, columns, columns)
        top, bottom, left, right = (int(w) for w in widths)
        return np.pad(frame, ((top, bottom), (left, right)))
    if how in ("crop1", "crop3"):
        most = 0.01 if how == "crop1" else 0.03
        cut = (rng.uniform(0, most, 4) * (rows, rows, columns, columns)).astype(int)
        return frame[cut[0] : rows - cut[1], cut[2] : columns - cut[3]]
    raise UsageError("no such alteration", expected=", ".join(ALTERATIONS), found=how)
