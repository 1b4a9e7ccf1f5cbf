"""Whether a picture shows burned-in text that nobody has taken out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiofib.cohort import Acquisition
from radiofib.preprocess.ultrasound import shows_burned_in

__all__ = ["text_on"]

#: Column of a cohort of cleaned pictures (:mod:`radiofib.prepare.ultrasound`).
_CLEANED = "image_look"


def text_on(acquisition: Acquisition, pixels: NDArray[np.generic]) -> bool:
    """Tell whether a picture shows text or signs, perhaps a name, and was not cleaned.

    Parameters
    ----------
    acquisition : Acquisition
        Whose picture; one that ``radiofib ultrasound clean`` wrote is not looked at.
    pixels : ndarray
        What it shows; a volume shows no screen.

    Examples
    --------
    >>> from pathlib import Path
    >>> screen = np.zeros((120, 160))
    >>> screen[20:110, 40:120] = np.random.default_rng(0).integers(20, 120, (90, 80))
    >>> screen[5:12, 5:60:6] = 255                                          # somebody's name
    >>> one = Acquisition("a", "a", "us", Path("a.png"))
    >>> text_on(one, screen), text_on(one, screen[None])
    (True, False)
    """
    if acquisition.extra.get(_CLEANED) or pixels.ndim != 2:
        return False
    return shows_burned_in(pixels)
