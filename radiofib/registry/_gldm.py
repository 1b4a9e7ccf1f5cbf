"""Grey-level dependence matrix: how many neighbours resemble a voxel.

Symbols: P(i, j) is the number of voxels of level i of which j - 1 neighbours at the set distance
differ by at most `gldm_a` levels, p = P / N, N the number of voxels, mi and mj the means of i
and j under p, eps = 2.2e-16. IBSI calls it the neighbouring grey level dependence matrix.
"""

from __future__ import annotations

from radiofib.registry._family import SUN, Row, family

GLDM = family(
    "gldm",
    (
        Row("DependenceEntropy", "FCBV", "bit", "dependence entropy", "-sum(p log2(p + eps))"),
        Row(
            "DependenceNonUniformity",
            "Z87G",
            "1",
            "dependence non-uniformity",
            "sum over j of (sum over i of P)^2 / N",
        ),
        Row(
            "DependenceNonUniformityNormalized",
            "OKJI",
            "1",
            "normalised dependence non-uniformity",
            "sum over j of (sum over i of P)^2 / N^2",
            scale="voxels^-1",
        ),
        Row("DependenceVariance", "DNX2", "1", "dependence variance", "sum((j - mj)^2 p)"),
        Row(
            "GrayLevelNonUniformity",
            "FP8K",
            "1",
            "grey level non-uniformity",
            "sum over i of (sum over j of P)^2 / N",
            scale="voxels*levels^-1",
        ),
        Row("GrayLevelVariance", "1PFV", "1", "grey level variance", "sum((i - mi)^2 p)"),
        Row("HighGrayLevelEmphasis", "OAE7", "1", "high grey level emphasis", "sum(i^2 p)"),
        Row("LargeDependenceEmphasis", "IMOQ", "1", "large dependence emphasis", "sum(j^2 p)"),
        Row(
            "LargeDependenceHighGrayLevelEmphasis",
            "9QMG",
            "1",
            "large dependence high grey level emphasis",
            "sum(i^2 j^2 p)",
        ),
        Row(
            "LargeDependenceLowGrayLevelEmphasis",
            "NBZI",
            "1",
            "large dependence low grey level emphasis",
            "sum(j^2 p / i^2)",
            scale="levels^-2",
        ),
        Row(
            "LowGrayLevelEmphasis",
            "TL9H",
            "1",
            "low grey level emphasis",
            "sum(p / i^2)",
            scale="levels^-2",
        ),
        Row(
            "SmallDependenceEmphasis",
            "SODN",
            "1",
            "small dependence emphasis",
            "sum(p / j^2)",
            scale="voxels^-2",
        ),
        Row(
            "SmallDependenceHighGrayLevelEmphasis",
            "JA6D",
            "1",
            "small dependence high grey level emphasis",
            "sum(i^2 p / j^2)",
            scale="voxels^-2",
        ),
        Row(
            "SmallDependenceLowGrayLevelEmphasis",
            "EQ3F",
            "1",
            "small dependence low grey level emphasis",
            "sum(p / (i^2 j^2))",
            scale="levels^-2*voxels^-2",
        ),
    ),
    citation=SUN,
)
