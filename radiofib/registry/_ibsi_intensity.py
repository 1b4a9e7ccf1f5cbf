"""IBSI 1: morphology, local intensity, intensity statistics, histogram, volume histogram.

Symbols: X are the N intensities in the intensity mask, m their mean, M their median, P their
percentiles by linear interpolation. V and A are volume and area of the surface mesh of the
morphological mask, l1 >= l2 >= l3 the eigenvalues of the covariance (over N - 1) of its voxel
centres in mm. X' are grey levels, n_i voxels have level i, p_i = n_i / N. nu is the share of
voxels of an intensity or more, gamma the place of an intensity in the range of the histogram.
"""

from __future__ import annotations

from typing import Literal

from radiofib.registry._family import MESH
from radiofib.registry._ibsi import IbsiRow, ibsi_family

__all__ = ["IBSI_INTENSITY"]

_MORAN = "Moran, Biometrika 1950;37:17-23, doi 10.1093/biomet/37.1-2.17"
_GEARY = "Geary, Inc Stat 1954;5:115-145, doi 10.2307/2986645"
_BOX = "O'Rourke, Int J Comput Inf Sci 1985;14:183-199, doi 10.1007/BF00991005"
_AROUND = "Khachiyan, Math Oper Res 1996;21:307-320, doi 10.1287/moor.21.2.307"
_CENTRES = "2 sqrt(l1), 2 sqrt(l2), 2 sqrt(l3)"


def _solid(
    name: str,
    ibsi: str,
    unit: str,
    label: str,
    formula: str,
    citation: str = "",
    scale: str = "1",
    applies: Literal["2d", "3d", "both"] = "3d",
) -> IbsiRow:
    return IbsiRow(name, ibsi, unit, label, formula, citation, scale, applies)


MORPH = ibsi_family(
    "morph",
    (
        _solid(
            *("volume", "RNU0", "mm3", "volume of the mesh"),
            *("V = |sum of a . (b x c) / 6| over mesh triangles (a, b, c)", MESH, "mm^3"),
        ),
        _solid(
            *("vol_approx", "YEKZ", "mm3", "volume of the voxels"),
            *("number of voxels times volume of one", "", "mm^3"),
        ),
        _solid(
            *("area_mesh", "C0JK", "mm2", "surface area of the mesh"),
            *("A = sum of |(b - a) x (c - a)| / 2 over mesh triangles (a, b, c)", MESH, "mm^2"),
        ),
        _solid("av", "2PR5", "1/mm", "surface to volume ratio", "A / V"),
        _solid("comp_1", "SKGS", "1", "compactness 1", "V / sqrt(pi A^3)"),
        _solid("comp_2", "BQWJ", "1", "compactness 2", "36 pi V^2 / A^3"),
        _solid("sph_dispr", "KRCK", "1", "spherical disproportion", "A / (36 pi V^2)^(1/3)"),
        _solid("sphericity", "QCFX", "1", "sphericity", "(36 pi V^2)^(1/3) / A"),
        _solid("asphericity", "25C7", "1", "asphericity", "A / (36 pi V^2)^(1/3) - 1"),
        _solid(
            *("com", "KLMA", "mm", "centre of mass shift"),
            *("|mean(c) - sum(X c) / sum(X)|, c voxel centres", "", "mm", "both"),
        ),
        _solid(
            *("diam", "L0JK", "mm", "largest diameter"),
            *("max |a - b| over all mesh vertices a, b", "", "mm", "both"),
        ),
        _solid(
            *("pca_maj_axis", "TDIC", "mm", "major axis length", "4 sqrt(l1)", "", "mm", "both"),
        ),
        _solid(
            *("pca_min_axis", "P9VJ", "mm", "minor axis length", "4 sqrt(l2)", "", "mm", "both"),
        ),
        _solid("pca_least_axis", "7J51", "mm", "least axis length", "4 sqrt(l3)", "", "mm"),
        _solid(
            *("pca_elongation", "Q3CK", "1", "elongation", "sqrt(l2 / l1)", "", "1", "both"),
        ),
        _solid("pca_flatness", "N17B", "1", "flatness", "sqrt(l3 / l1)"),
        _solid(
            *("vol_dens_aabb", "PBX1", "1", "volume density, box along the axes"),
            "V / volume of the box around the mesh along the axes of the image",
        ),
        _solid(
            *("area_dens_aabb", "R59B", "1", "area density, box along the axes"),
            "A / area of the box around the mesh along the axes of the image",
        ),
        _solid(
            *("vol_dens_ombb", "ZH1A", "1", "volume density, smallest oriented box"),
            *("V / volume of the oriented box of least volume around the mesh", _BOX),
        ),
        _solid(
            *("area_dens_ombb", "IQYR", "1", "area density, smallest oriented box"),
            *("A / area of the oriented box of least volume around the mesh", _BOX),
        ),
        _solid(
            *("vol_dens_aee", "6BDE", "1", "volume density, approximate ellipsoid"),
            f"V / volume of the ellipsoid with half-axes {_CENTRES}",
        ),
        _solid(
            *("area_dens_aee", "RDD2", "1", "area density, approximate ellipsoid"),
            f"A / area, by IBSI's series, of the ellipsoid with half-axes {_CENTRES}",
        ),
        _solid(
            *("vol_dens_mvee", "SWZ1", "1", "volume density, smallest ellipsoid"),
            *("V / volume of the ellipsoid of least volume around the mesh", _AROUND),
        ),
        _solid(
            *("area_dens_mvee", "BRI8", "1", "area density, smallest ellipsoid"),
            *("A / area, by IBSI's series, of the ellipsoid of least volume", _AROUND),
        ),
        _solid(
            *("vol_dens_conv_hull", "R3ER", "1", "volume density, convex hull"),
            "V / volume of the convex hull of the mesh",
        ),
        _solid(
            *("area_dens_conv_hull", "7T7F", "1", "area density, convex hull"),
            "A / area of the convex hull of the mesh",
        ),
        _solid(
            *("integ_int", "99N0", "grey mm3", "integrated intensity", "V m", "", "grey*mm^3"),
        ),
        _solid(
            *("moran_i", "N365", "1", "Moran's I index"),
            "N / sum(w) sum(w_ij (X_i - m)(X_j - m)) / sum((X - m)^2), i != j, w_ij = 1 / distance",
            *(_MORAN, "1", "both"),
        ),
        _solid(
            *("geary_c", "NPT7", "1", "Geary's C measure"),
            "(N - 1) / (2 sum(w)) sum(w_ij (X_i - X_j)^2) / sum((X - m)^2), w_ij = 1 / distance",
            *(_GEARY, "1", "both"),
        ),
    ),
)

LOC = ibsi_family(
    "loc",
    (
        IbsiRow(
            *("peak_loc", "VJGA", "grey", "local intensity peak"),
            "mean within 6.2 mm (1 cm3) of the brightest voxel, the greatest of several",
            scale="grey",
        ),
        IbsiRow(
            *("peak_glob", "0F91", "grey", "global intensity peak"),
            "greatest mean within 6.2 mm (1 cm3) of a voxel of the region",
            scale="grey",
        ),
    ),
)

_GREY = "grey"
STAT = ibsi_family(
    "stat",
    (
        IbsiRow("mean", "Q4LE", "grey", "mean", "m = sum(X) / N", scale=_GREY),
        IbsiRow("var", "ECT3", "grey2", "variance", "mean((X - m)^2)", scale="grey^2"),
        IbsiRow("skew", "KE2A", "1", "skewness", "mean((X - m)^3) / mean((X - m)^2)^1.5"),
        IbsiRow("kurt", "IPH6", "1", "excess kurtosis", "mean((X - m)^4) / mean((X - m)^2)^2 - 3"),
        IbsiRow("median", "Y12H", "grey", "median", "M = P50(X)", scale=_GREY),
        IbsiRow("min", "1GSF", "grey", "minimum", "min(X)", scale=_GREY),
        IbsiRow("p10", "QG58", "grey", "10th percentile", "P10(X)", scale=_GREY),
        IbsiRow("p90", "8DWT", "grey", "90th percentile", "P90(X)", scale=_GREY),
        IbsiRow("max", "84IY", "grey", "maximum", "max(X)", scale=_GREY),
        IbsiRow("iqr", "SALO", "grey", "interquartile range", "P75(X) - P25(X)", scale=_GREY),
        IbsiRow("range", "2OJQ", "grey", "range", "max(X) - min(X)", scale=_GREY),
        IbsiRow("mad", "4FUA", "grey", "mean absolute deviation", "mean(|X - m|)", scale=_GREY),
        IbsiRow(
            *("rmad", "1128", "grey", "robust mean absolute deviation"),
            "mean(|R - mean(R)|), R = X within [P10(X), P90(X)]",
            scale=_GREY,
        ),
        IbsiRow(
            *("medad", "N72L", "grey", "mean absolute deviation from the median"),
            "mean(|X - M|)",
            scale=_GREY,
        ),
        IbsiRow("cov", "7TET", "1", "coefficient of variation", "sqrt(mean((X - m)^2)) / m"),
        IbsiRow(
            *("qcod", "9S40", "1", "quartile coefficient of dispersion"),
            "(P75(X) - P25(X)) / (P75(X) + P25(X))",
        ),
        IbsiRow("energy", "N8CA", "grey2", "energy", "sum(X^2)", scale="grey^2*voxels"),
        IbsiRow("rms", "5ZWQ", "grey", "root mean square", "sqrt(sum(X^2) / N)", scale=_GREY),
    ),
)

_LEVELS = "levels"
_SLOPE = "H'_i = (n_(i+1) - n_(i-1)) / 2, at both ends the difference of two neighbours"
IH = ibsi_family(
    "ih",
    (
        IbsiRow("mean", "X6K6", "1", "mean grey level", "m' = sum(X') / N", scale=_LEVELS),
        IbsiRow("var", "CH89", "1", "variance", "mean((X' - m')^2)", scale="levels^2"),
        IbsiRow("skew", "88K1", "1", "skewness", "mean((X' - m')^3) / mean((X' - m')^2)^1.5"),
        IbsiRow(
            *("kurt", "C3I7", "1", "excess kurtosis"),
            "mean((X' - m')^4) / mean((X' - m')^2)^2 - 3",
        ),
        IbsiRow("median", "WIFQ", "1", "median grey level", "M' = P50(X')", scale=_LEVELS),
        IbsiRow("min", "1PR8", "1", "least grey level", "min(X')", scale=_LEVELS),
        IbsiRow("p10", "GPMT", "1", "10th percentile", "P10(X')", scale=_LEVELS),
        IbsiRow("p90", "OZ0C", "1", "90th percentile", "P90(X')", scale=_LEVELS),
        IbsiRow("max", "3NCY", "1", "greatest grey level", "max(X')", scale=_LEVELS),
        IbsiRow(
            *("mode", "AMMC", "1", "most common grey level"),
            "i with the greatest n_i; of several, the one nearest m'",
            scale=_LEVELS,
        ),
        IbsiRow("iqr", "WR0O", "1", "interquartile range", "P75(X') - P25(X')", scale=_LEVELS),
        IbsiRow("range", "5Z3W", "1", "range", "max(X') - min(X')", scale=_LEVELS),
        IbsiRow("mad", "D2ZX", "1", "mean absolute deviation", "mean(|X' - m'|)", scale=_LEVELS),
        IbsiRow(
            *("rmad", "WRZB", "1", "robust mean absolute deviation"),
            "mean(|R - mean(R)|), R = X' within [P10(X'), P90(X')]",
            scale=_LEVELS,
        ),
        IbsiRow(
            *("medad", "4RNL", "1", "mean absolute deviation from the median"),
            "mean(|X' - M'|)",
            scale=_LEVELS,
        ),
        IbsiRow("cov", "CWYJ", "1", "coefficient of variation", "sqrt(mean((X' - m')^2)) / m'"),
        IbsiRow(
            *("qcod", "SLWD", "1", "quartile coefficient of dispersion"),
            "(P75(X') - P25(X')) / (P75(X') + P25(X'))",
        ),
        IbsiRow("entropy", "TLU2", "bit", "entropy", "-sum(p_i log2(p_i))"),
        IbsiRow("uniformity", "BJ5W", "1", "uniformity", "sum(p_i^2)"),
        IbsiRow(
            *("max_grad", "12CE", "1", "greatest histogram gradient", f"max(H'), {_SLOPE}"),
            scale="voxels",
        ),
        IbsiRow(
            *("max_grad_g", "8E6O", "1", "grey level of the greatest gradient"),
            "first i with H'_i = max(H')",
            scale=_LEVELS,
        ),
        IbsiRow(
            *("min_grad", "VQB3", "1", "least histogram gradient", f"min(H'), {_SLOPE}"),
            scale="voxels",
        ),
        IbsiRow(
            *("min_grad_g", "RHQZ", "1", "grey level of the least gradient"),
            "first i with H'_i = min(H')",
            scale=_LEVELS,
        ),
    ),
)

IVH = ibsi_family(
    "ivh",
    (
        IbsiRow("v10", "NK6P", "1", "volume at 10 % intensity", "max(nu), gamma >= 0.1"),
        IbsiRow("v90", "4279", "1", "volume at 90 % intensity", "max(nu), gamma >= 0.9"),
        IbsiRow(
            *("i10", "PWN1", "grey", "intensity at 10 % volume", "min(i), nu_i <= 0.1"),
            scale=_GREY,
        ),
        IbsiRow(
            *("i90", "BOHI", "grey", "intensity at 90 % volume", "min(i), nu_i <= 0.9"),
            scale=_GREY,
        ),
        IbsiRow("diff_v10_v90", "WITY", "1", "difference of volumes", "v10 - v90"),
        IbsiRow(
            *("diff_i10_i90", "JXJA", "grey", "difference of intensities", "i10 - i90"),
            scale=_GREY,
        ),
        IbsiRow(
            *("auc", "9CMM", "1", "area under the curve"),
            "area under nu over gamma, by the trapezoidal rule",
        ),
    ),
)

#: All of them, in the order of IBSI's reference values.
IBSI_INTENSITY = (*MORPH, *LOC, *STAT, *IH, *IVH)
