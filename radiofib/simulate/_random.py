"""Seeds for each case, quotas that hold for any number of cases, and smooth random fields."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft

from radiofib.errors import UsageError

__all__ = ["child_rng", "even_flags", "gaussian_field", "quota_sequence"]


def child_rng(seed: int, stream: str, *key: int) -> np.random.Generator:
    """Return the generator of one piece of a simulation.

    It depends on the seed, the name of the stream and the piece's own number alone, never on
    how many pieces there are: case 7 of a cohort of 10 is case 7 of a cohort of 100.

    Examples
    --------
    >>> a, b = child_rng(1, "us", 7).random(), child_rng(1, "us", 7).random()
    >>> a == b, a == child_rng(1, "us", 8).random()
    (True, False)
    """
    if seed < 0:
        raise UsageError("seed must not be negative", found=str(seed))
    name = zlib.crc32(stream.encode())
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(name, *key)))


def quota_sequence(weights: Mapping[str, float] | Sequence[tuple[str, float]], n: int) -> list[str]:
    """Deal `n` places to names so that after every place the shares are as near as can be.

    Each place goes to the name with the largest deficit ``k w - n_k``. The first ten places of
    a hundred are the ten of a cohort of ten, and with integer weights that sum to `n` every
    name gets exactly its weight.

    Parameters
    ----------
    weights : mapping of name to positive weight
        Shares asked for; they need not sum to one.
    n : int
        Number of places.

    Examples
    --------
    >>> quota_sequence({"a": 2, "b": 1}, 6)
    ['a', 'b', 'a', 'a', 'b', 'a']
    """
    pairs = list(weights.items()) if isinstance(weights, Mapping) else list(weights)
    names = [name for name, _ in pairs]
    share = np.array([weight for _, weight in pairs], dtype=float)
    if not names or not np.isfinite(share).all() or (share < 0).any() or share.sum() <= 0:
        raise UsageError(
            "weights must be non-negative numbers that do not all vanish", found=str(pairs)
        )
    share = share / share.sum()
    given = np.zeros(len(names))
    result = []
    for place in range(1, n + 1):
        deficit = place * share - given
        winner = int(np.argmax(np.round(deficit, 9)))
        given[winner] += 1
        result.append(names[winner])
    return result


def even_flags(rate: float, n: int, offset: float) -> list[bool]:
    """Spread flags evenly over `n` places at a given rate, starting at an offset in [0, 1).

    Place j is flagged when ``floor((j+1) rate + offset)`` exceeds ``floor(j rate + offset)``:
    of any b places a rate a/b flags exactly a.

    Examples
    --------
    >>> even_flags(0.25, 8, 0.5)
    [False, True, False, False, False, True, False, False]
    """
    if not 0 <= rate <= 1:
        raise UsageError("a rate lies between 0 and 1", found=str(rate))
    steps = np.floor(np.arange(n + 1) * rate + offset + 1e-9)
    return [bool(step) for step in np.diff(steps) > 0]


def gaussian_field(
    shape: tuple[int, ...],
    correlation: Sequence[float],
    rng: np.random.Generator,
    *,
    low_cut: float = 0.0,
) -> NDArray[np.float64]:
    """Return a periodic Gaussian random field with mean 0 and standard deviation 1.

    White noise is multiplied in Fourier space by ``exp(-(pi l f)^2 )`` along each axis, so the
    autocorrelation is ``exp(-d^2 / (2 l^2))`` for a correlation length `l`. The field is then
    standardised with its own mean and deviation.

    Parameters
    ----------
    shape : tuple of int
        Size of the field.
    correlation : sequence of float
        Correlation length l along each axis, in samples.
    rng : Generator
        Source of the noise.
    low_cut : float
        When positive, structures longer than `low_cut` correlation lengths are taken out,
        which turns clouds into nodules of one size.

    Examples
    --------
    >>> field = gaussian_field((64, 64), (3, 3), np.random.default_rng(0))
    >>> field.shape, round(float(field.std()), 6)
    ((64, 64), 1.0)
    """
    axes = [sfft.fftfreq(n) for n in shape[:-1]] + [sfft.rfftfreq(shape[-1])]
    squared = np.zeros([len(a) for a in axes])
    for axis, (frequency, length) in enumerate(zip(axes, correlation, strict=True)):
        place = [1] * len(shape)
        place[axis] = -1
        squared = squared + ((length * frequency) ** 2).reshape(place)
    gain = np.exp(-(np.pi**2) * squared)
    if low_cut > 0:
        gain = gain * (1 - np.exp(-squared * low_cut**2))
    noise = sfft.rfftn(rng.standard_normal(shape))
    field: NDArray[np.float64] = sfft.irfftn(noise * gain, s=shape)
    field -= field.mean()
    deviation = field.std()
    return field / deviation if deviation > 0 else field
