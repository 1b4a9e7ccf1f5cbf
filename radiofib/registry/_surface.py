"""The surface of an organ, from intensities and from the mask alone.

Symbols: along the outward normal of the mask's smoothed surface, t is the distance, w the width
of a step blurred by the voxel, Phi the normal distribution; e and r are the heights of local
fits through the edge points over the tangent plane with Gaussian weights of 2.5 mm (edge) and
8 mm (reference), g the slope of the reference.
"""

from __future__ import annotations

from radiofib.registry.spec import FeatureSpec

__all__ = ["SURFACE"]

SMITH = "Smith et al., Radiology 2016;280:771-781, doi 10.1148/radiol.2016151542"
_EDGE = "edge t0 from the best fit of a + c Phi((t0 - t) / w) to the intensities"

SURFACE = tuple(
    FeatureSpec(name, "surface", unit, label, formula, SMITH, applies="3d", scale=scale)
    for name, unit, label, formula, scale in (
        (
            "nodularity",
            "mm",
            "surface nodularity",
            f"mean(|e - r| / sqrt(1 + g^2)); {_EDGE}",
            "mm",
        ),
        (
            "nodularity_tenth_mm",
            "0.1 mm",
            "surface nodularity in 0.1 mm",
            "10 times nodularity: the unit of Smith 2016, who measured another reference on CT",
            "mm",
        ),
        (
            "usable_share",
            "1",
            "usable share of the surface",
            f"share of the surface with a clear step; {_EDGE}, which explains >= 80 % of the "
            "variance, |c| >= 4 times the noise",
            "1",
        ),
        (
            "mask_roughness",
            "mm",
            "roughness of the mask",
            "mean(|f - r| / sqrt(1 + g^2)), f the voxel faces of the mask: measures the staircase "
            "of the voxels and so the scanner; never a substitute of nodularity",
            "mm",
        ),
    )
)
