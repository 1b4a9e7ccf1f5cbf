"""Settings of the slide measurements, with their reasons."""

from __future__ import annotations

from pydantic import Field

from radiofib.config import StrictModel
from radiofib.slides.morphometry.settings import TractSettings
from radiofib.slides.tissue.settings import ArtefactSettings, LevelSettings

__all__ = ["SlideSettings"]


class SlideSettings(StrictModel):
    """What is measured at which resolution, and what counts as tissue.

    Parameters
    ----------
    tissue_um : float
        Wanted side of a pixel of the tissue mask, um. The mask takes the whole number of
        level-0 pixels nearest to it, so that outlines lie on level-0 pixel edges.
    stain_um : float
        Wanted side of a pixel for stain statistics, um. The tissue pixel is divided into the
        nearest whole number of parts (never finer than level 0).
    min_tissue_um2 : float
        Smaller pieces are specks (dust, debris, single cells) and left out.
    max_hole_um2 : float
        Smaller gaps inside tissue (fat vacuoles, sinusoids, small vessels) belong to the tissue;
        larger ones are gaps and do not count.
    wedge_width_mm : float
        A piece in which a wider circle fits is a wedge or surgical specimen: it has area but no
        core length. Needles of 14 to 18 gauge give cores 0.6 to 1.7 mm wide.
    artefacts : ArtefactSettings, optional
        What counts as pen, dust, fold, bubble or blur and is left out of the tissue. None leaves
        nothing out.
    levels : LevelSettings
        How serial levels of the same cores are recognised; only the best level is measured.
    tracts : TractSettings
        What counts as a portal tract, and what is measured in and around it.

    Examples
    --------
    >>> SlideSettings().tissue_um
    8.0
    """

    tissue_um: float = Field(default=8.0, ge=1.0, le=64.0)
    stain_um: float = Field(default=2.0, ge=0.2, le=64.0)
    min_tissue_um2: float = Field(default=20_000.0, ge=0.0)
    max_hole_um2: float = Field(default=10_000.0, ge=0.0)
    wedge_width_mm: float = Field(default=2.5, gt=0.0)
    artefacts: ArtefactSettings | None = ArtefactSettings()
    levels: LevelSettings = LevelSettings()
    tracts: TractSettings = TractSettings()
