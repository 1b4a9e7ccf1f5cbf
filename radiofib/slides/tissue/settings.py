"""Settings of what is left out of the tissue, and of serial levels, with their reasons."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from radiofib.config import StrictModel

__all__ = ["ARTEFACT_KINDS", "ArtefactKind", "ArtefactSettings", "LevelSettings"]

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


class LevelSettings(StrictModel):
    """How serial levels are recognised.

    Parameters
    ----------
    levels : int, optional
        Number of levels, when it is known: 1 says that every piece is a piece of its own. None
        looks at the pieces.
    min_likeness : float
        Least likeness of two cuts of one core, see
        :func:`radiofib.slides.tissue.level_profile.likeness`.
    mean_likeness : float
        Least mean of the likenesses within groups.
    min_strength, mean_strength : float
        Least agreement of what lies inside two cuts of one core, see
        :class:`radiofib.slides.tissue.level_match.Match`: of the best pair of a slide, and on
        average over the pairs of a core.
    min_ratio : float
        Least ratio of the lengths and of the areas of two cuts of one core.
    min_share : float
        Share of the tissue area that must fall into complete groups, or there are no levels.

    Examples
    --------
    >>> LevelSettings(levels=3).min_ratio
    0.9
    """

    levels: int | None = Field(default=None, ge=1, le=50)
    min_likeness: float = Field(default=0.4, gt=0, le=1)
    mean_likeness: float = Field(default=0.6, gt=0, le=1)
    min_strength: float = Field(default=1.5, gt=0)
    mean_strength: float = Field(default=1.0, gt=0)
    min_ratio: float = Field(default=0.9, gt=0, le=1)
    min_share: float = Field(default=0.8, gt=0.5, le=1)
