"""Grey-level size-zone matrix: how large the connected areas of one level are.

Symbols: P(i, j) is the number of zones (26-connected, in 2-D 8-connected) of level i with j
voxels, p = P / Nz, Nz = sum(P) the number of zones, N the number of voxels, mi and mj the means
of i and j under p, eps = 2.2e-16.
"""

from __future__ import annotations

from radiofib.registry._family import THIBAULT, Row, family

GLSZM = family(
    "glszm",
    (
        Row(
            "GrayLevelNonUniformity",
            "JNSA",
            "1",
            "grey level non-uniformity",
            "sum over i of (sum over j of P)^2 / Nz",
        ),
        Row(
            "GrayLevelNonUniformityNormalized",
            "Y1RO",
            "1",
            "normalised grey level non-uniformity",
            "sum over i of (sum over j of P)^2 / Nz^2",
            scale="levels^-1",
        ),
        Row("GrayLevelVariance", "BYLV", "1", "grey level variance", "sum((i - mi)^2 p)"),
        Row("HighGrayLevelZoneEmphasis", "5GN9", "1", "high grey level emphasis", "sum(i^2 p)"),
        Row("LargeAreaEmphasis", "48P8", "1", "large zone emphasis", "sum(j^2 p)"),
        Row(
            "LargeAreaHighGrayLevelEmphasis",
            "J17V",
            "1",
            "large zone high grey level emphasis",
            "sum(i^2 j^2 p)",
        ),
        Row(
            "LargeAreaLowGrayLevelEmphasis",
            "YH51",
            "1",
            "large zone low grey level emphasis",
            "sum(j^2 p / i^2)",
            scale="levels^-2",
        ),
        Row(
            "LowGrayLevelZoneEmphasis",
            "XMSY",
            "1",
            "low grey level emphasis",
            "sum(p / i^2)",
            scale="levels^-2",
        ),
        Row(
            "SizeZoneNonUniformity",
            "4JP3",
            "1",
            "zone size non-uniformity",
            "sum over j of (sum over i of P)^2 / Nz",
        ),
        Row(
            "SizeZoneNonUniformityNormalized",
            "VB3A",
            "1",
            "normalised zone size non-uniformity",
            "sum over j of (sum over i of P)^2 / Nz^2",
            scale="voxels^-1",
        ),
        Row(
            "SmallAreaEmphasis",
            "5QRC",
            "1",
            "small zone emphasis",
            "sum(p / j^2)",
            scale="voxels^-2",
        ),
        Row(
            "SmallAreaHighGrayLevelEmphasis",
            "HW1V",
            "1",
            "small zone high grey level emphasis",
            "sum(i^2 p / j^2)",
            scale="voxels^-2",
        ),
        Row(
            "SmallAreaLowGrayLevelEmphasis",
            "5RAI",
            "1",
            "small zone low grey level emphasis",
            "sum(p / (i^2 j^2))",
            scale="levels^-2*voxels^-2",
        ),
        Row("ZoneEntropy", "GU8N", "bit", "zone entropy", "-sum(p log2(p + eps))"),
        Row("ZonePercentage", "P30P", "1", "zone percentage", "Nz / N", scale="voxels^-1"),
        Row("ZoneVariance", "3NSA", "1", "zone size variance", "sum((j - mj)^2 p)"),
    ),
    citation=THIBAULT,
)
