"""Filters written down plainly, as sums over whole kernels, and random filters and images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import permutations, product
from typing import Any

import numpy as np
import pywt
from hypothesis import strategies as st

from radiofib.filters.ibsi import (
    Filter,
    GaborFilter,
    LawsFilter,
    LogFilter,
    MeanFilter,
    WaveletFilter,
)

PAD = {"mirror": "symmetric", "nearest": "edge", "zero": "constant", "periodic": "wrap"}
BOUNDARIES = tuple(PAD)
LAWS = {
    "L3": [1, 2, 1],
    "E3": [-1, 0, 1],
    "S3": [-1, 2, -1],
    "L5": [1, 4, 6, 4, 1],
    "E5": [-1, -2, 0, 2, 1],
    "S5": [-1, 0, 2, 0, -1],
    "W5": [-1, 2, 0, -2, 1],
    "R5": [1, -4, 6, -4, 1],
}


def convolve(pixels: Any, kernel: Any, boundary: str) -> Any:
    """Sum ``kernel[k] f[i - k]`` over the kernel; its axes are the last axes of the image."""
    lead = pixels.ndim - kernel.ndim
    kernel = kernel.reshape((1,) * lead + kernel.shape)
    padded = np.pad(pixels, [(n // 2, n // 2) for n in kernel.shape], mode=PAD[boundary])
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    axes = tuple(range(-pixels.ndim, 0))
    return (windows * np.flip(kernel)).sum(axis=axes)


def outer(lines: Sequence[Any]) -> Any:
    """Multiply lines given by x, y, z into one kernel (z, y, x)."""
    return reduce(np.multiply.outer, [np.asarray(line, float) for line in reversed(lines)])


def odd(taps: Any) -> Any:
    return np.append(taps, 0.0) if len(taps) % 2 == 0 else np.asarray(taps)


def kernel_of(settings: Filter, spacing: Sequence[float]) -> Any:
    """The whole kernel of a filter of one pass, without rotations."""
    axes = settings.axes
    if isinstance(settings, MeanFilter):
        return np.full((settings.size,) * axes, 1.0 / settings.size**axes)
    if isinstance(settings, LogFilter):
        step = spacing[-1]
        assert all(s == step for s in spacing[-axes:])
        sigma = settings.sigma_mm / step
        radius = int(settings.truncate * sigma + 0.5)
        grid = np.mgrid[(slice(-radius, radius + 1),) * axes].astype(float)
        norm = (grid**2).sum(axis=0)
        scale = -1 / sigma**2 * (1 / (np.sqrt(2 * np.pi) * sigma)) ** axes
        return scale * (axes - norm / sigma**2) * np.exp(-norm / (2 * sigma**2))
    if isinstance(settings, LawsFilter):
        names = [settings.kernel[i : i + 2] for i in range(0, len(settings.kernel), 2)]
        lines = [np.array(LAWS[name], float) for name in names]
        return outer([line / np.linalg.norm(line) for line in lines])
    if isinstance(settings, WaveletFilter):
        wavelet = pywt.Wavelet(settings.family)
        taps = {"L": odd(wavelet.dec_lo), "H": odd(wavelet.dec_hi)}
        return outer([taps[band] for band in settings.bands])
    assert isinstance(settings, GaborFilter)
    assert settings.dimension == "2d"
    radius = 6 * settings.sigma_mm * max(1, 1 / settings.gamma)
    y, x = (
        np.arange(-int(radius / s), int(radius / s) + 1)[index] * s
        for s, index in zip(spacing[-2:], ((slice(None), None), slice(None)), strict=True)
    )
    theta = np.deg2rad(settings.theta_deg)
    u, v = x * np.cos(theta) + y * np.sin(theta), -x * np.sin(theta) + y * np.cos(theta)
    width = (u**2 + (settings.gamma * v) ** 2) / (2 * settings.sigma_mm**2)
    return np.exp(-width + 2j * np.pi * u / settings.wavelength_mm)


def turns(ndim: int) -> Iterator[tuple[Any, Any]]:
    """All right-angle rotations of an image, each with its inverse."""
    for order in permutations(range(ndim)):
        for flips in product((False, True), repeat=ndim):
            matrix = np.zeros((ndim, ndim))
            for i, (axis, flip) in enumerate(zip(order, flips, strict=True)):
                matrix[i, axis] = -1 if flip else 1
            if np.linalg.det(matrix) > 0:
                flipped = tuple(i for i, flip in enumerate(flips) if flip)

                def there(a: Any, o: Any = order, f: Any = flipped) -> Any:
                    return np.flip(np.transpose(a, o), f)

                def back(a: Any, o: Any = order, f: Any = flipped) -> Any:
                    return np.transpose(np.flip(a, f), np.argsort(o))

                yield there, back


@st.composite
def images(draw: Any, low: int = 8, high: int = 13, ndim: int = 3) -> Any:
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    return rng.normal(50, 30, tuple(int(n) for n in rng.integers(low, high, ndim)))


@st.composite
def one_pass(draw: Any, dimension: str | None = None) -> Filter:
    """A filter of one pass without pooling, small enough for images of 8 voxels."""
    where = dimension or draw(st.sampled_from(["2d", "3d"]))
    common: Any = {"dimension": where, "boundary": draw(st.sampled_from(BOUNDARIES))}
    n = 2 if where == "2d" else 3
    kind = draw(st.sampled_from(["mean", "log", "laws", "wavelet"]))
    if kind == "mean":
        return MeanFilter(size=draw(st.sampled_from([3, 5, 7])), **common)
    if kind == "log":
        sigma, truncate = draw(st.sampled_from([1.0, 1.5, 2.2])), draw(st.sampled_from([2.5, 3.0]))
        return LogFilter(sigma_mm=sigma, truncate=truncate, **common)
    if kind == "laws":
        names = draw(st.lists(st.sampled_from(list(LAWS)), min_size=n, max_size=n))
        return LawsFilter(kernel="".join(names), **common)
    bands = "".join(draw(st.lists(st.sampled_from("LH"), min_size=n, max_size=n)))
    family = draw(st.sampled_from(["haar", "db2", "db3", "coif1"]))
    return WaveletFilter(family=family, bands=bands, **common)
