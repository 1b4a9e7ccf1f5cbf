"""First-order statistics of the intensities in the region.

Symbols: X are the N intensities, c is `voxelArrayShift` (0 unless set), m the mean, p(i) the
share of voxels in bin i after discretisation, eps = 2.2e-16.
"""

from __future__ import annotations

from radiofib.registry._family import IBSI, PYRADIOMICS, Row, family

_HISTOGRAM = "on discretised intensities (IBSI intensity histogram)"

FIRSTORDER = family(
    "firstorder",
    (
        Row("10Percentile", "QG58", "grey", "10th percentile", "P10(X)", scale="grey"),
        Row("90Percentile", "8DWT", "grey", "90th percentile", "P90(X)", scale="grey"),
        Row("Energy", "N8CA", "grey2", "energy", "sum((X + c)^2)", scale="grey^2"),
        Row("Entropy", "TLU2", "bit", "entropy", "-sum(p log2(p + eps))", note=_HISTOGRAM),
        Row(
            "InterquartileRange",
            "SALO",
            "grey",
            "interquartile range",
            "P75(X) - P25(X)",
            scale="grey",
        ),
        Row(
            "Kurtosis",
            "IPH6",
            "1",
            "kurtosis",
            "mean((X - m)^4) / mean((X - m)^2)^2; 0 when all intensities are equal",
            note="3 larger than IBSI's excess kurtosis",
        ),
        Row("Maximum", "84IY", "grey", "maximum", "max(X)", scale="grey"),
        Row(
            "MeanAbsoluteDeviation",
            "4FUA",
            "grey",
            "mean absolute deviation",
            "mean(|X - mean(X)|)",
            scale="grey",
        ),
        Row("Mean", "Q4LE", "grey", "mean", "m = sum(X) / N", scale="grey"),
        Row("Median", "Y12H", "grey", "median", "P50(X)", scale="grey"),
        Row("Minimum", "1GSF", "grey", "minimum", "min(X)", scale="grey"),
        Row("Range", "2OJQ", "grey", "range", "max(X) - min(X)", scale="grey"),
        Row(
            "RobustMeanAbsoluteDeviation",
            "1128",
            "grey",
            "robust mean absolute deviation",
            "mean(|R - mean(R)|), R = X within [P10(X), P90(X)]",
            scale="grey",
        ),
        Row(
            "RootMeanSquared",
            "5ZWQ",
            "grey",
            "root mean square",
            "sqrt(sum((X + c)^2) / N)",
            scale="grey",
        ),
        Row(
            "Skewness",
            "KE2A",
            "1",
            "skewness",
            "mean((X - m)^3) / mean((X - m)^2)^1.5; 0 when all intensities are equal",
        ),
        Row(
            "TotalEnergy",
            "",
            "grey2 mm3",
            "total energy",
            "volume (in 2-D area) of one voxel times sum((X + c)^2)",
            PYRADIOMICS,
            scale="grey^2*mm^3*voxels^-1",
        ),
        Row(
            "Uniformity", "BJ5W", "1", "uniformity", "sum(p^2)", note=_HISTOGRAM, scale="levels^-1"
        ),
        Row("Variance", "ECT3", "grey2", "variance", "mean((X - m)^2)", scale="grey^2"),
        Row(
            "StandardDeviation",
            "",
            "grey",
            "standard deviation",
            "sqrt(mean((X - m)^2))",
            PYRADIOMICS,
            deprecated=True,
            scale="grey",
        ),
    ),
    citation=IBSI,
)
