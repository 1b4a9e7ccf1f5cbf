"""Settings of the clean-up of ultrasound screens and of the patches taken from them."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from radiofib.config import StrictModel

__all__ = ["CleanSettings", "PatchSettings"]


class CleanSettings(StrictModel):
    """What is done with a screen before anything is measured.

    Parameters
    ----------
    find : {"content", "whole"}
        Find the fan or rectangle by what is there, or take the picture for a cut-out that is all
        tissue.
    panels : {"split", "refuse"}
        What becomes of a screen with two images: each is an image of its own, or it fails.
    colour : {"mask", "refuse"}
        Coloured pixels in the image (Doppler, coloured text) are left out, or the image fails
        when they take more than `most_colour` of it.
    most_colour : float
        Share of the image that may be coloured before ``refuse`` refuses, and before ``mask``
        leaves a note.
    graphics : bool
        Whether text and calipers in the image are found and left out.
    least_valid : float
        Share of the image that must remain.

    Examples
    --------
    >>> CleanSettings().panels
    'split'
    """

    find: Literal["content", "whole"] = "content"
    panels: Literal["split", "refuse"] = "split"
    colour: Literal["mask", "refuse"] = "mask"
    most_colour: float = Field(default=0.01, ge=0, le=1)
    graphics: bool = True
    least_valid: float = Field(default=0.5, ge=0, le=1)


class PatchSettings(StrictModel):
    """Where patches of parenchyma are taken, when no region is given.

    Parameters
    ----------
    side_px : int
        Side of a patch in pixels, where `side_mm` is absent or pixels have no known size.
    side_mm : float, optional
        Side of a patch in mm.
    most : int
        Most patches of an image: the evenest ones.
    near_share : float
        Share of the depth under the skin that is left out: fat, muscle and the capsule.
    border_share : float
        Share of the width at either side, and of the depth below, that is left out.
    spread : float
        A pixel is no parenchyma when its smoothed grey is off by more than this many robust
        standard deviations from the parenchyma at its depth.
    dark : float
        Patches whose mean grey is below this are in the noise of the display.

    Examples
    --------
    >>> PatchSettings(side_mm=10.0).side(None), PatchSettings(side_mm=10.0).side((0.25, 0.25))
    (40, 40)
    """

    side_px: int = Field(default=40, ge=8)
    side_mm: float | None = Field(default=None, gt=0)
    most: int = Field(default=12, ge=1)
    near_share: float = Field(default=0.2, ge=0, lt=1)
    border_share: float = Field(default=0.05, ge=0, lt=0.5)
    spread: float = Field(default=2.5, gt=0)
    dark: float = Field(default=8.0, ge=0)

    def side(self, spacing_mm: tuple[float, float] | None) -> int:
        """Return the side in pixels."""
        if self.side_mm is None or spacing_mm is None:
            return self.side_px
        mean = math.sqrt(spacing_mm[0] * spacing_mm[1])
        return max(8, round(self.side_mm / mean))
