"""Neighbouring grey tone difference matrix: how far a voxel is from the mean around it.

Symbols: n(i) is the number of voxels of level i with at least one neighbour in the region,
N = sum(n), p = n / N, s(i) the sum over these voxels of |i - mean of its neighbours|, Ngp the
number of levels with p > 0; sums run over levels with p > 0.
"""

from __future__ import annotations

from radiofib.registry._family import AMADASUN, Row, family

NGTDM = family(
    "ngtdm",
    (
        Row(
            "Busyness",
            "NQ30",
            "1",
            "busyness",
            "sum(p s) / sum(|i p(i) - j p(j)|); 0 when there is one level",
        ),
        Row(
            "Coarseness",
            "QCDE",
            "1",
            "coarseness",
            "1 / sum(p s); 1e6 when sum(p s) = 0",
            scale="levels^-1*voxels^-1",
        ),
        Row(
            "Complexity",
            "HDEZ",
            "1",
            "complexity",
            "sum(|i - j| (p(i) s(i) + p(j) s(j)) / (p(i) + p(j))) / N",
        ),
        Row(
            "Contrast",
            "65HE",
            "1",
            "contrast",
            "sum(p(i) p(j) (i - j)^2) / (Ngp (Ngp - 1)) sum(s) / N; 0 when there is one level",
            scale="voxels^-1",
        ),
        Row(
            "Strength",
            "1X9X",
            "1",
            "strength",
            "sum((p(i) + p(j)) (i - j)^2) / sum(s); 0 when sum(s) = 0",
            scale="voxels^-1",
        ),
    ),
    citation=AMADASUN,
)
