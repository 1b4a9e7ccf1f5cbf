"""A volume through a window that slides over it: overlapping results blended by a Gaussian."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import ModelError

__all__ = ["blend_weights", "slide", "window_starts"]


def window_starts(length: int, window: int, overlap: float) -> list[int]:
    """Return where windows start along an axis: as even as can be, the last one at the end.

    Neighbours overlap by at least `overlap` of a window.

    Parameters
    ----------
    length, window : int
        Of the axis and of the window, ``length >= window``.
    overlap : float
        From 0 to below 1.

    Examples
    --------
    >>> window_starts(10, 4, 0.5)
    [0, 2, 4, 6]
    >>> window_starts(11, 4, 0.5)
    [0, 2, 4, 5, 7]
    >>> window_starts(4, 4, 0.5)
    [0]
    """
    step = max(1.0, window * (1 - overlap))
    count = int(np.ceil((length - window) / step - 1e-9)) + 1
    if count == 1:
        return [0]
    return [int(np.rint(k * (length - window) / (count - 1))) for k in range(count)]


def blend_weights(window: Sequence[int]) -> NDArray[np.float64]:
    """Return the weight of each voxel of a window: ``exp(-d^2 / 2)``, d in window / 8.

    A product over the axes, 1 in the middle. The width is that of Isensee et al. (Nature Methods
    2021, doi 10.1038/s41592-020-01008-z); without their lower limit on the product, which would
    weigh two windows alike in the corners of a volume. It stays above 1e-11: borders seen by one
    window alone are kept.

    Examples
    --------
    >>> blend_weights((4,)).round(3)
    array([0.018, 1.   , 1.   , 0.018])
    """
    weights = np.ones((1,) * len(window))
    for axis, n in enumerate(window):
        distance = (np.arange(n) - (n - 1) / 2) / (n / 8)
        shape = [1] * len(window)
        shape[axis] = n
        weights = weights * np.exp(-(distance**2) / 2).reshape(shape)
    return np.asarray(weights / weights.max())


def slide(
    volume: NDArray[np.float32],
    window: Sequence[int],
    model: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    *,
    overlap: float = 0.5,
    pad_value: float = 0.0,
) -> NDArray[np.float32]:
    r"""Return a model's output on a whole volume.

    ``sum_w g_w m_w / sum_w g_w`` over the windows w that hold a voxel, m the model's output and
    g the weight of :func:`blend_weights`. Sums are in float64, windows in order: the result does
    not depend on anything but volume and model. A volume shorter than the window is padded on
    both sides and cut back.

    Parameters
    ----------
    volume : ndarray, three axes
        The image as the model wants it.
    window : sequence of int
        Size of the window.
    model : callable
        From an array of the window's shape to one of shape (channels, \*window).
    overlap : float
        See :func:`window_starts`.
    pad_value : float
        What lies outside the image.

    Returns
    -------
    ndarray of shape (channels, \*volume.shape)

    Raises
    ------
    ModelError
        When the output has another shape than the window.

    Examples
    --------
    >>> ramp = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    >>> doubled = slide(ramp, (4, 4, 4), lambda part: part[None] * 2)
    >>> doubled.shape, bool(np.allclose(doubled[0], 2 * ramp))
    ((1, 3, 4, 5), True)
    """
    short = [max(w - n, 0) for n, w in zip(volume.shape, window, strict=True)]
    before = [s // 2 for s in short]
    padded = np.pad(
        volume,
        [(b, s - b) for b, s in zip(before, short, strict=True)],
        constant_values=pad_value,
    )
    weights = blend_weights(window)
    total: NDArray[np.float64] | None = None
    weight = np.zeros(padded.shape)
    for box in _boxes(padded.shape, window, overlap):
        part = model(np.ascontiguousarray(padded[box]))
        if part.ndim != 4 or part.shape[1:] != tuple(window):
            raise ModelError(
                "the model's output has another size than its input",
                expected=f"(channels, {', '.join(map(str, window))})",
                found=str(part.shape),
                hint="export the model with the output at full resolution",
            )
        if total is None:
            total = np.zeros((part.shape[0], *padded.shape))
        total[(slice(None), *box)] += weights * part
        weight[box] += weights
    assert total is not None  # there is at least one window
    total /= weight
    cut = tuple(slice(b, b + n) for b, n in zip(before, volume.shape, strict=True))
    return total[(slice(None), *cut)].astype(np.float32)


def _boxes(
    shape: Sequence[int], window: Sequence[int], overlap: float
) -> Iterator[tuple[slice, ...]]:
    starts = [window_starts(n, w, overlap) for n, w in zip(shape, window, strict=True)]
    for corner in product(*starts):
        yield tuple(slice(s, s + w) for s, w in zip(corner, window, strict=True))
