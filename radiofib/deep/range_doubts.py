"""What of a card's range, mean and deviation cannot be meant as it is written."""

from __future__ import annotations

from radiofib.deep.preprocessing import Preprocessing

__all__ = ["range_doubts"]

#: Mean and deviation of pictures are no smaller than this share of their range.
_LEAST_SD = 0.01
#: A scale alone that brings black and white nearer than this is one for another range.
_LEAST_SPAN = 0.05


def range_doubts(how: Preprocessing) -> tuple[str, ...]:
    """Return what looks wrong in the preprocessing of pictures: a range of other units than mean.

    Only contradictions inside the card are found. Pictures have greys on both sides of their
    mean, and a deviation of at most half their range (Popoviciu); so a mean outside
    ``value_range``, a larger deviation, or one below 1 % of the range belongs to another range. A
    card that takes nothing off (mean 0, sd 1) says nothing that could be contradicted.

    Parameters
    ----------
    how : Preprocessing
        Of a card; nothing is said of volumes.

    Examples
    --------
    >>> card = {"colour": "grey", "size": (8, 8), "resize": "stretch", "layout": "NCHW",
    ...         "dtype": "float32"}
    >>> range_doubts(Preprocessing(**card, value_range=(0, 1), mean=(0.45,), sd=(0.225,)))
    ()
    >>> [doubt] = range_doubts(Preprocessing(**card, value_range=(0, 1), mean=(114.0,), sd=(57.0,)))
    >>> print(doubt)
    value_range 0 to 1 does not fit mean 114 and sd 57: black becomes -2, white -1.98; they look
    like those of 0 to 255
    """
    if how.normalisation is not None or how.layout == "NCDHW":
        return ()
    low, high = how.value_range
    for mean, sd, black, white in zip(how.mean, how.sd, *how.bounds(), strict=True):
        if not _contradicts(mean, sd, low, high):
            continue
        likely = next(
            (top for top in (1.0, 255.0) if top != high and not _contradicts(mean, sd, 0.0, top)),
            None,
        )
        text = (
            f"value_range {low:g} to {high:g} does not fit mean {mean:g} and sd {sd:g}: black "
            f"becomes {black:.3g}, white {white:.3g}"
        )
        return (text + (f"; they look like those of 0 to {likely:g}" if likely else ""),)
    return ()


def _contradicts(mean: float, sd: float, low: float, high: float) -> bool:
    span = high - low
    if mean == 0:  # a scale alone, such as the division by 255
        return span / sd < _LEAST_SPAN
    return not low <= mean <= high or sd > span / 2 * (1 + 1e-9) or sd < _LEAST_SD * span
