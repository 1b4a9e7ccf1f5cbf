"""Settings of what is left out of the tissue, with their reasons."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from radiofib.config import StrictModel

__all__ = ["ARTEFACT_KINDS", "ArtefactKind", "ArtefactSettings"]

ArtefactKind = Literal["pen", "dust", "dark ground", "bubble", "fold", "blur"]
#: Kinds by label: the first has label 1. Where two meet, the earlier one counts.
ARTEFACT_KINDS: tuple[ArtefactKind, ...] = get_args(ArtefactKind)


class ArtefactSettings(StrictModel):
    """What counts as an artefact.

    Parameters
    ----------
    kinds : tuple of str
        Kinds to look for, of :data:`ARTEFACT_KINDS`.
    coloured_ink : bool
        Whether blue, green and red ink is looked for on haematoxylin and eosin. On Sirius red
        and trichrome stains it never is: collagen has the colour of ink.
    min_pen_width_um : float
        Narrower coloured or black things are not ink.
    min_pen_um2, min_bubble_um2, min_fold_um2, min_blur_um2 : float
        Smallest areas. Dark colourless specks smaller than a pen mark are dust.
    fold_factor : float
        A fold takes up at least so many times the light (as optical density, in red, green and
        blue) of the tissue beside it. Two layers give 2.
    max_fold_width_um : float
        Wider dark tissue is thick or dense, not folded.
    focus_um : float
        Pixel size at which focus is judged, um.
    min_sharpness : float
        Tissue below it is out of focus; see :func:`radiofib.slides.tissue.focus.sharpness`. Blur
        of SD 2.4 um and more gives less than 0.14 nearly everywhere; sharp tissue 0.2 and more,
        fatty liver the least, for large vacuoles have few edges.

    Examples
    --------
    >>> ArtefactSettings().focus_um
    2.0
    """

    kinds: tuple[ArtefactKind, ...] = ARTEFACT_KINDS
    coloured_ink: bool = True
    min_pen_width_um: float = Field(default=40.0, gt=0)
    min_pen_um2: float = Field(default=20_000.0, ge=0)
    min_bubble_um2: float = Field(default=15_000.0, ge=0)
    min_fold_um2: float = Field(default=5_000.0, ge=0)
    min_blur_um2: float = Field(default=40_000.0, ge=0)
    fold_factor: float = Field(default=1.5, gt=1)
    max_fold_width_um: float = Field(default=160.0, gt=0)
    focus_um: float = Field(default=2.0, ge=0.2, le=8.0)
    min_sharpness: float = Field(default=0.14, ge=0, le=1)
