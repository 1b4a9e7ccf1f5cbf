"""The features of UCL's entry to the LiFS benchmark, corrected (ucl) and as published (uclpub).

Symbols: X are the N intensities in the region, m their mean; V and A the volume and area of its
surface (of the mask after a Gaussian of 2 mm), H the volume of its convex hull, l1 >= l2 >= l3
the eigenvalues of the covariance of the voxel centres; G the gradient magnitude; T the structure
tensor, t1 >= t2 >= t3 its eigenvalues; h1 >= h2 >= h3 the eigenvalues of the Hessian; C(d) =
mean((i(p + d) - i(p))^2) the GLCM contrast of grey levels i for a displacement d in a plane, over
four directions. uclpub keeps the published faults: voxel units whatever the spacing, derivatives
that see the surroundings, grey levels that wrap around at 256 and whole slices for the GLCM.
"""

from __future__ import annotations

from typing import NamedTuple

from radiofib.registry.spec import FeatureSpec

__all__ = ["UCL", "UCL_PUBLISHED"]

LIFS = "LiFS benchmark, entry of UCL, arXiv 2605.25595, doi 10.48550/arXiv.2605.25595"
_SCALE = "Gaussian derivatives of 2 mm inside the mask"
_BINS = "32 levels between P1 and P99 of the region, pairs inside it, |d| 7 mm"
_WRAPPED = "central slice of the whole array, levels int(X) modulo 256, |d| 1 voxel"


class _Pair(NamedTuple):
    """A feature in both forms: unit, formula and scale of the corrected and the published one."""

    name: str
    label: str
    unit: str
    formula: str
    scale: str
    unit_published: str
    formula_published: str
    scale_published: str


def _statistics(
    what: str, symbol: str, unit: str, how: str, unit_pub: str, how_pub: str
) -> tuple[_Pair, ...]:
    rows = (
        ("mean", "mean", f"mean({symbol})", True),
        ("std", "deviation", f"sqrt(mean(({symbol} - mean)^2))", True),
        ("min", "minimum", f"min({symbol})", True),
        ("max", "maximum", f"max({symbol})", True),
        ("median", "median", f"median({symbol})", True),
        ("skew", "skewness", f"sqrt(N (N - 1)) / (N - 2) m3 / m2^1.5 of {symbol}", False),
        (
            "kurtosis",
            "excess kurtosis",
            f"(N - 1) / ((N - 2)(N - 3)) ((N + 1) m4 / m2^2 - 3 (N - 1)) of {symbol}",
            False,
        ),
    )
    word = {"intensity": "intensity", "grad": "gradient magnitude"}[what]
    grey = "grey" if what == "intensity" else "grey*mm^-1"
    return tuple(
        _Pair(
            f"{what}_{name}",
            f"{label} of the {word}",
            unit if has else "1",
            formula + how,
            grey if has else "1",
            unit_pub if has else "1",
            formula + how_pub,
            "grey" if has else "1",
        )
        for name, label, formula, has in rows
    )


_SHAPE = (
    _Pair(
        "volume",
        "volume",
        "mm3",
        "N times volume of one voxel",
        "mm^3",
        "voxels",
        "N: number of voxels",
        "voxels",
    ),
    _Pair(
        "vol_portion",
        "share of the volume",
        "1",
        "V over the smallest oriented box; published as share of the field of view, which is the "
        "scanner's",
        "1",
        "1",
        "N over the number of voxels of the array",
        "1",
    ),
    _Pair(
        "surface_area",
        "surface area",
        "mm2",
        "A, after a Gaussian of 2 mm on the mask",
        "mm^2",
        "voxels^2",
        "A of marching cubes at level 0 of the binary mask: one voxel too far out",
        "voxels",
    ),
    _Pair(
        "sphericity",
        "sphericity",
        "1",
        "(36 pi V^2)^(1/3) / A",
        "1",
        "1",
        "(36 pi N^2)^(1/3) / A",
        "1",
    ),
    _Pair(
        "convex_volume",
        "volume of the convex hull",
        "mm3",
        "H of the same surface",
        "mm^3",
        "voxels",
        "H of the corners of the mesh at level 0",
        "voxels",
    ),
    _Pair("solidity", "solidity", "1", "V / H", "1", "1", "N / H", "1"),
    _Pair(
        "elongation",
        "elongation",
        "1",
        "sqrt((l2 + l3) / (l1 + l2)), the ratio of the moments of inertia, in mm",
        "1",
        "1",
        "sqrt((l2 + l3) / (l1 + l2)), the ratio of the moments of inertia, in voxels",
        "1",
    ),
)
_ORIENTED = tuple(
    _Pair(
        f"{what}_{name}",
        f"{label} of the {word}",
        "1",
        f"{start}{formula}; {how}",
        "1",
        "1",
        f"{start}{formula}{eps}; {how_pub}",
        "1",
    )
    for what, word, formula, how, eps, how_pub in (
        (
            "coherence",
            "coherence",
            "(t1 - t2) / (t1 + t2)",
            f"T of {_SCALE}, averaged over 4 mm inside it",
            ", 1e-8 added below",
            "T of Sobel differences over 1 voxel",
        ),
        (
            "hessian_aniso",
            "Hessian anisotropy",
            "|h1| / (|h2| + |h3|)",
            _SCALE,
            ", 1e-8 added below",
            "central differences twice after a Gaussian of 1 voxel",
        ),
    )
    for name, label, start in (("mean", "mean", "mean of "), ("std", "deviation", "deviation of "))
)
# The arrays of the published code were (x, y, z), not (z, y, x).
_PLANES = (("xy", "x fixed"), ("xz", "y fixed"), ("yz", "z fixed"))
_GLCM = tuple(
    _Pair(
        f"glcm_{plane}_{name}",
        f"{label} in {plane}",
        "1",
        f"{formula}; {_BINS}",
        "1",
        "1",
        f"{formula}{eps}; {_WRAPPED}; in truth {fixed}",
        "1",
    )
    for plane, fixed in _PLANES
    for name, label, formula, eps in (
        ("contrast_mean", "mean GLCM contrast", "mean(C)", ""),
        (
            "anisotropy",
            "anisotropy of GLCM contrast",
            "(max(C) - min(C)) / mean(C)",
            ", 1e-8 added below",
        ),
    )
)
_PAIRS = (
    *_SHAPE,
    *_statistics("intensity", "X", "grey", "", "grey", ""),
    *_statistics("grad", "G", "grey/mm", f"; {_SCALE}", "grey", "; differences over 2 voxels"),
    *_ORIENTED,
    *_GLCM,
)

#: The corrected set; `volume` stands where the publication has `volume_voxels`.
UCL = tuple(
    FeatureSpec(p.name, "ucl", p.unit, p.label, p.formula, LIFS, applies="3d", scale=p.scale)
    for p in _PAIRS
)
#: The set as published, faults included.
UCL_PUBLISHED = tuple(
    FeatureSpec(
        "volume_voxels" if p.name == "volume" else p.name,
        "uclpub",
        p.unit_published,
        p.label,
        p.formula_published,
        LIFS,
        applies="3d",
        scale=p.scale_published,
    )
    for p in _PAIRS
)
