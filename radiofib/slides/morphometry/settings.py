"""Settings of what is measured on a segmented slide, with their reasons."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from radiofib.config import StrictModel

__all__ = ["SlideStain", "TractSettings"]

#: What the slide is stained with; collagen is measured on the last two.
SlideStain = Literal["h_and_e", "sirius_red", "masson"]


class TractSettings(StrictModel):
    """What counts as a portal tract, and what is measured in and around it.

    Parameters
    ----------
    min_tract_um2 : float
        Smaller portal objects are left out and counted apart: a circle of 1,000 um2 is 36 um
        wide, so that single cells, small inflammatory foci and noise of a network go, while
        terminal tracts and the larger slivers of border-cut ones stay.
    min_inside : float
        Share of its cells that a portal object must have in tissue; what lies mostly on glass
        is dust, pen or the edge of a cover slip.
    border_contact_um : float
        A tract is partial (cut by the border) when at least so much of its outline faces the
        outside of the tissue. A few um are what a rim of lobule one cell wide amounts to.
    uncountable_from_stage : int
        From this stage on counts of tracts are not given: septa link tracts, and what is
        connected is no longer one tract. HOTSPoT counts where Ludwig's stage is below 3; in
        Scheuer's, METAVIR's and Batts and Ludwig's scales 3 is septal (bridging) fibrosis too.
        None counts always.
    interface_um : float
        Width of the interface zone, outward from each tract.
    detail_um : float, optional
        Wanted side of a pixel for stain, nuclei and texture by zone. The cell of the segmentation
        is divided into the nearest whole number of parts, never finer than level 0. 1 um shows a
        lymphocyte as 20 pixels; 0.5 um takes four times as long. None leaves all
        three out.
    septum_um : float
        Portal tissue is a septum where no circle of this width fits, and the body of a tract
        where it does.
    septum_cell_um : float
        Wanted side of a cell for septa.
    vacuole_um : tuple of float
        Smallest and largest diameter of a fat vacuole. Below 5 um sinusoids and sections through
        the rim of a vacuole begin; above 60 um round white regions are veins rather than fat.
    vacuole_pixel_um : float, optional
        Wanted side of a pixel for vacuoles. None leaves them out.
    stain : {"h_and_e", "sirius_red", "masson"}
        What the slide is stained with. Stain amounts, nuclei and texture are measured on H&E,
        collagen on the others.
    collagen_um : float
        Wanted side of a pixel for collagen; perisinusoidal fibres are about 1 um thick.
    capsule_depth_um, capsule_length_um : float
        Dense collagen no deeper than the one and running along the tissue edge for the other is
        capsule: Glisson's capsule is some 50-100 um thick, while a septum meets the edge of a
        core over little more than its own width.
    structure_um : float
        Width of a circle that fits into large structural collagen: walls of large vessels and
        large tracts, wider than most septa.

    Examples
    --------
    >>> TractSettings().min_tract_um2
    1000.0
    """

    min_tract_um2: float = Field(default=1000.0, ge=0.0)
    min_inside: float = Field(default=0.5, gt=0.0, le=1.0)
    border_contact_um: float = Field(default=10.0, gt=0.0)
    uncountable_from_stage: int | None = Field(default=3, ge=0)
    interface_um: float = Field(default=25.0, gt=0.0, le=500.0)
    detail_um: float | None = Field(default=1.0, ge=0.2, le=4.0)
    septum_um: float = Field(default=50.0, gt=0.0)
    septum_cell_um: float = Field(default=2.0, gt=0.0)
    vacuole_um: tuple[float, float] = (5.0, 60.0)
    vacuole_pixel_um: float | None = Field(default=1.0, ge=0.2, le=2.0)
    stain: SlideStain = "h_and_e"
    collagen_um: float = Field(default=1.0, ge=0.2, le=8.0)
    capsule_depth_um: float = Field(default=100.0, ge=0.0)
    capsule_length_um: float = Field(default=300.0, ge=0.0)
    structure_um: float = Field(default=200.0, gt=0.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        low, high = self.vacuole_um
        if not 0 <= low < high:
            raise ValueError(
                f"'vacuole_um' must be the smallest and the largest diameter of a vacuole: "
                f"found {low:g} and {high:g}"
            )
        return self
