"""Grey levels: bins of a fixed width or a fixed number, once for all texture families."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib.errors import EngineError, UsageError

__all__ = ["Discretised", "bin_edges", "discretise", "grey_levels"]

#: Most bins between the least and the greatest intensity; beyond, edges alone fill the memory.
_MOST_BINS = 10**8
#: Intensities that are turned into double precision at a time.
_CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class Discretised:
    """A region in grey levels.

    Parameters
    ----------
    levels : ndarray of uint8, uint16 or int32
        Grey level from 1 inside the region, 0 outside and in the padding around it; or the
        levels of the region's voxels alone.
    edges : ndarray
        Edges of the bins; level k holds edges[k - 1] <= X < edges[k].
    counts : ndarray of int64, shape (n_levels,)
        Number of voxels of each level 1, 2, ...; zero for a level that does not occur.

    Examples
    --------
    >>> found = discretise(np.array([[3.0, 30.0]]), np.array([[True, True]]), bin_width=25)
    >>> found.n_levels, found.counts, found.present
    (2, array([1, 1]), array([1, 2]))
    """

    levels: NDArray[np.integer]
    edges: NDArray[np.floating]
    counts: NDArray[np.int64]

    @property
    def n_levels(self) -> int:
        """Greatest grey level in the region, pyradiomics' Ng."""
        return len(self.counts)

    @property
    def present(self) -> NDArray[np.int64]:
        """Grey levels that occur, ascending."""
        return np.flatnonzero(self.counts) + 1


def bin_edges(
    values: ArrayLike, *, bin_width: float = 25.0, bin_count: int | None = None
) -> NDArray[np.floating]:
    """Return the edges of the bins, as pyradiomics places them.

    With a fixed width W, edges are multiples of W from the one at or below the least intensity
    on, so that grey level = floor(X / W) - floor(min(X) / W) + 1. With a fixed number, the
    range of X is cut into equal bins and the greatest intensity belongs to the last one (its
    upper edge is moved up by 1).

    Parameters
    ----------
    values : array_like
        Intensities of the region. Their type counts: pyradiomics computes in it.
    bin_width : float
        Width of a bin in the units of the intensities.
    bin_count : int, optional
        Number of bins; then `bin_width` is not used.

    Raises
    ------
    UsageError
        When there are no values, or some are NaN or infinite.
    EngineError
        When the range cannot be cut into such bins: too many of them, or narrower than the
        precision of the intensities.

    References
    ----------
    Leijenaar et al., Sci Rep 2015;5:11075.

    Examples
    --------
    >>> bin_edges([54, 166])
    array([ 50.,  75., 100., 125., 150., 175., 200.])
    >>> bin_edges([0.0, 3.0], bin_count=3)
    array([0., 1., 2., 4.])
    """
    values = np.asarray(values)
    if values.size == 0:
        raise UsageError("there are no intensities to discretise")
    least, greatest = values.min(), values.max()
    if not (np.isfinite(least) and np.isfinite(greatest)):
        raise UsageError("intensities must be finite to be discretised")
    if bin_count is not None:
        try:
            edges = np.histogram_bin_edges(np.array([least, greatest]), bin_count)
        except ValueError as error:
            raise EngineError(
                "the intensities cannot be cut into that many bins",
                expected=f"{bin_count} bins",
                found=f"intensities from {least:g} to {greatest:g}",
                hint="use a smaller binCount",
            ) from error
        edges[-1] += 1
        return edges
    if (float(greatest) - float(least)) / bin_width > _MOST_BINS:
        raise EngineError(
            "the intensities make too many bins",
            expected=f"at most {_MOST_BINS} bins",
            found=f"intensities from {least:g} to {greatest:g} with binWidth {bin_width:g}",
            hint="use a larger binWidth, or binCount",
        )
    low = least - (least % bin_width)
    edges = np.arange(low, greatest + 2 * bin_width, bin_width)
    if len(edges) == 1:
        edges = np.array([edges[0] - 0.5, edges[0] + 0.5])
    return edges


def discretise(
    pixels: NDArray[np.generic],
    mask: NDArray[np.bool_],
    *,
    bin_width: float = 25.0,
    bin_count: int | None = None,
    pad: int = 0,
) -> Discretised:
    """Turn the intensities of a region into grey levels 1, 2, ..., as pyradiomics does.

    Parameters
    ----------
    pixels, mask : ndarray of one shape
        Image and region, usually cropped to the region.
    bin_width, bin_count
        See :func:`bin_edges`.
    pad : int
        Number of empty voxels to put around, for kernels that look at neighbours.

    Returns
    -------
    Discretised
        Levels in the smallest of uint8, uint16 and int32 that holds them.

    Raises
    ------
    UsageError, EngineError
        See :func:`bin_edges`.

    Examples
    --------
    >>> pixels = np.array([[10, 60], [35, 99]])
    >>> discretise(pixels, pixels < 99, bin_width=25, pad=1).levels
    array([[0, 0, 0, 0],
           [0, 1, 3, 0],
           [0, 2, 0, 0],
           [0, 0, 0, 0]], dtype=uint8)
    """
    found = grey_levels(pixels[mask], bin_width=bin_width, bin_count=bin_count)
    kind = np.uint16 if 2**8 <= found.n_levels < 2**16 else found.levels.dtype
    levels = np.zeros([size + 2 * pad for size in pixels.shape], dtype=kind)
    inside = levels[tuple(slice(pad, size + pad) for size in pixels.shape)]
    inside[mask] = found.levels
    return Discretised(levels, found.edges, found.counts)


def grey_levels(
    values: NDArray[np.generic], *, bin_width: float = 25.0, bin_count: int | None = None
) -> Discretised:
    """Turn intensities into grey levels 1, 2, ..., each on its own.

    Parameters
    ----------
    values : ndarray, 1-D
        Intensities of the region.
    bin_width, bin_count
        See :func:`bin_edges`.

    Returns
    -------
    Discretised
        Levels in the order of the values: uint8 up to 255, else int32.

    Raises
    ------
    UsageError, EngineError
        See :func:`bin_edges`.

    Examples
    --------
    >>> grey_levels(np.array([10, 60, 35])).levels
    array([1, 3, 2], dtype=uint8)
    """
    from radiofib.preprocess._bins import assign  # numba: half a second

    edges = bin_edges(values, bin_width=bin_width, bin_count=bin_count)
    borders = edges.astype(np.float64)
    greatest = int(np.searchsorted(borders, np.float64(values.max()), side="right"))
    found: NDArray[np.integer] = np.empty(len(values), np.uint8 if greatest < 2**8 else np.int32)
    counts = np.zeros(len(edges) + 1, np.int64)
    for start in range(0, len(values), _CHUNK):
        part = slice(start, start + _CHUNK)
        assign(values[part].astype(np.float64), borders, found[part], counts)
    return Discretised(found, edges, counts[1 : greatest + 1])
