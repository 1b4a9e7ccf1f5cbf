"""Grey-level run-length matrix: how long a level lasts along a direction.

Symbols: P(i, j) is the number of runs of level i and length j along one direction, p = P / Nr,
Nr = sum(P) the number of runs, N the number of voxels, mi and mj the means of i and j under p,
eps = 2.2e-16. Values are means over directions unless `weightingNorm` is set.
"""

from __future__ import annotations

from radiofib.registry._family import CHU, DASARATHY, GALLOWAY, IBSI, Row, family

GLRLM = family(
    "glrlm",
    (
        Row(
            "GrayLevelNonUniformity",
            "R5YN",
            "1",
            "grey level non-uniformity",
            "sum over i of (sum over j of P)^2 / Nr",
            scale="voxels*levels^-1",
        ),
        Row(
            "GrayLevelNonUniformityNormalized",
            "OVBL",
            "1",
            "normalised grey level non-uniformity",
            "sum over i of (sum over j of P)^2 / Nr^2",
            scale="levels^-1",
        ),
        Row("GrayLevelVariance", "8CE5", "1", "grey level variance", "sum((i - mi)^2 p)", IBSI),
        Row("HighGrayLevelRunEmphasis", "G3QZ", "1", "high grey level emphasis", "sum(i^2 p)", CHU),
        Row("LongRunEmphasis", "W4KF", "1", "long run emphasis", "sum(j^2 p)"),
        Row(
            "LongRunHighGrayLevelEmphasis",
            "3KUM",
            "1",
            "long run high grey level emphasis",
            "sum(i^2 j^2 p)",
            DASARATHY,
        ),
        Row(
            "LongRunLowGrayLevelEmphasis",
            "IVPO",
            "1",
            "long run low grey level emphasis",
            "sum(j^2 p / i^2)",
            DASARATHY,
            scale="levels^-2",
        ),
        Row(
            "LowGrayLevelRunEmphasis",
            "V3SW",
            "1",
            "low grey level emphasis",
            "sum(p / i^2)",
            CHU,
            scale="levels^-2",
        ),
        Row("RunEntropy", "HJ9O", "bit", "run entropy", "-sum(p log2(p + eps))", IBSI),
        Row(
            "RunLengthNonUniformity",
            "W92Y",
            "1",
            "run length non-uniformity",
            "sum over j of (sum over i of P)^2 / Nr",
        ),
        Row(
            "RunLengthNonUniformityNormalized",
            "IC23",
            "1",
            "normalised run length non-uniformity",
            "sum over j of (sum over i of P)^2 / Nr^2",
            scale="voxels^-1",
        ),
        Row("RunPercentage", "9ZK5", "1", "run percentage", "Nr / N", scale="voxels^-1"),
        Row("RunVariance", "SXLW", "1", "run length variance", "sum((j - mj)^2 p)", IBSI),
        Row(
            "ShortRunEmphasis", "22OV", "1", "short run emphasis", "sum(p / j^2)", scale="voxels^-2"
        ),
        Row(
            "ShortRunHighGrayLevelEmphasis",
            "GD3A",
            "1",
            "short run high grey level emphasis",
            "sum(i^2 p / j^2)",
            DASARATHY,
            scale="voxels^-2",
        ),
        Row(
            "ShortRunLowGrayLevelEmphasis",
            "HTZT",
            "1",
            "short run low grey level emphasis",
            "sum(p / (i^2 j^2))",
            DASARATHY,
            scale="levels^-2*voxels^-2",
        ),
    ),
    citation=GALLOWAY,
)
