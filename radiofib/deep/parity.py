"""How far two sets of embeddings of the same images are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib.errors import ModelError, UsageError

__all__ = ["EmbeddingParity", "embedding_parity"]


@dataclass(frozen=True)
class EmbeddingParity:
    """How far two sets of embeddings of the same images are apart.

    Parameters
    ----------
    images : int
        How many.
    cosine, least_cosine : float
        Mean and smallest cosine of the two embeddings of an image, the mean embedding of the
        first set taken from both.
    same_neighbour : float
        Share of images whose nearest other image is the same in both sets.
    """

    images: int
    cosine: float
    least_cosine: float
    same_neighbour: float


def embedding_parity(reference: ArrayLike, other: ArrayLike) -> EmbeddingParity:
    """Compare the embeddings of a variant with those of the float network.

    Embeddings after a ReLU are all positive, so their plain cosine is near 1 whatever the images
    are. Here the mean embedding m of the reference is taken from both:
    ``cos_i = (a_i - m)(b_i - m) / (|a_i - m| |b_i - m|)``. The nearest other image is the one at
    the smallest Euclidean distance, the first of equals.

    Parameters
    ----------
    reference, other : array of shape (images, features)
        Row by row of the same images, three or more.

    Raises
    ------
    UsageError
        When shapes differ, a value is not finite, or there are fewer than three images.
    ModelError
        When all reference embeddings are equal, so that there is no direction to compare.

    Examples
    --------
    >>> a = np.array([[1.0, 0.0], [0.0, 1.0], [4.0, 4.0]])
    >>> found = embedding_parity(a, a + 0.001)
    >>> round(found.least_cosine, 4), found.same_neighbour
    (1.0, 1.0)
    """
    a, b = np.asarray(reference, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if a.ndim != 2 or a.shape != b.shape or len(a) < 3:
        raise UsageError(
            "embeddings cannot be compared",
            expected="two arrays (images, features) of one shape, three images or more",
            found=f"{a.shape} and {b.shape}",
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UsageError("embeddings must be finite")
    mean = a.mean(axis=0)
    ca, cb = a - mean, b - mean
    na, nb = np.linalg.norm(ca, axis=1), np.linalg.norm(cb, axis=1)
    if not (na > 1e-12 * (1 + np.abs(mean).max())).all():
        raise ModelError(
            "embeddings of different images are the same: nothing to compare",
            found=f"{int((na == 0).sum())} of {len(a)} equal the mean of the set",
            hint="give different images, and check the card's preprocessing",
        )
    cosines = (ca * cb).sum(axis=1) / (na * np.where(nb > 0, nb, np.inf))
    cosines = np.clip(cosines, -1, 1)
    same = float((_nearest(a) == _nearest(b)).mean())
    return EmbeddingParity(len(a), float(cosines.mean()), float(cosines.min()), same)


def _nearest(rows: NDArray[np.float64]) -> NDArray[np.int_]:
    """Return for each row the position of the nearest other one."""
    found = np.empty(len(rows), dtype=np.int_)
    for i, row in enumerate(rows):  # one row at a time: memory stays that of the rows
        distance = ((rows - row) ** 2).sum(axis=1)
        distance[i] = np.inf
        found[i] = int(distance.argmin())
    return found
