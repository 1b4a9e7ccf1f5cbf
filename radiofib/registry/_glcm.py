"""Grey-level co-occurrence matrix: how often two levels lie side by side.

Symbols: p(i, j) is the share of voxel pairs at the set distance with levels i and j, for one
direction; px, py its margins with means mx, my and standard deviations sx, sy; ps(k) and pd(k)
the shares of pairs with i + j = k and |i - j| = k; Ng the number of levels;
H(q) = -sum(q log2(q + eps)). Values are means over directions unless `weightingNorm` is set.
"""

from __future__ import annotations

from radiofib.registry._family import CLAUSI, HARALICK, PYRADIOMICS, SOH, Row, family

GLCM = family(
    "glcm",
    (
        Row("Autocorrelation", "QWB0", "1", "autocorrelation", "sum(i j p(i,j))", SOH),
        Row(
            "ClusterProminence",
            "AE86",
            "1",
            "cluster prominence",
            "sum((i + j - mx - my)^4 p(i,j))",
            SOH,
        ),
        Row(
            "ClusterShade",
            "7NFM",
            "1",
            "cluster shade",
            "sum((i + j - mx - my)^3 p(i,j))",
            SOH,
            scale="levels^2",
        ),
        Row(
            "ClusterTendency",
            "DG8W",
            "1",
            "cluster tendency",
            "sum((i + j - mx - my)^2 p(i,j))",
            SOH,
        ),
        Row("Contrast", "ACUI", "1", "contrast", "sum((i - j)^2 p(i,j))"),
        Row(
            "Correlation",
            "NI2N",
            "1",
            "correlation",
            "sum((i - mx) (j - my) p(i,j)) / (sx sy); 1 when sx sy = 0",
        ),
        Row("DifferenceAverage", "TF7R", "1", "difference average", "DA = sum(k pd(k))"),
        Row("DifferenceEntropy", "NTRS", "bit", "difference entropy", "H(pd)"),
        Row("DifferenceVariance", "D3YU", "1", "difference variance", "sum((k - DA)^2 pd(k))"),
        Row(
            "Id",
            "IB1Z",
            "1",
            "inverse difference",
            "sum(pd(k) / (1 + k))",
            CLAUSI,
            scale="levels^-1",
        ),
        Row(
            "Idm",
            "WF0Z",
            "1",
            "inverse difference moment",
            "sum(pd(k) / (1 + k^2))",
            scale="levels^-2",
        ),
        Row(
            "Idmn",
            "1QCO",
            "1",
            "normalised inverse difference moment",
            "sum(pd(k) / (1 + k^2 / Ng^2))",
            CLAUSI,
        ),
        Row(
            "Idn",
            "NDRX",
            "1",
            "normalised inverse difference",
            "sum(pd(k) / (1 + k / Ng))",
            CLAUSI,
        ),
        Row(
            "Imc1",
            "R8DG",
            "1",
            "information correlation 1",
            "(H(p) + sum(p log2(px py + eps))) / max(H(px), H(py)); 0 when both are 0",
        ),
        Row(
            "Imc2",
            "JN9H",
            "1",
            "information correlation 2",
            "sqrt(1 - exp(-2 (H(px py) - H(p)))); 0 when H(px py) = H(p)",
        ),
        Row(
            "InverseVariance",
            "E8JP",
            "1",
            "inverse variance",
            "sum(pd(k) / k^2) over k >= 1",
            scale="levels^-2",
        ),
        Row("JointAverage", "60VM", "1", "joint average", "mx = sum(i p(i,j))"),
        Row("JointEnergy", "8ZQL", "1", "joint energy", "sum(p(i,j)^2)", scale="levels^-2"),
        Row("JointEntropy", "TU9B", "bit", "joint entropy", "H(p)"),
        Row(
            "MCC",
            "",
            "1",
            "maximal correlation coefficient",
            "sqrt(second largest eigenvalue of Q), Q(i,j) = sum over k of "
            "p(i,k) p(j,k) / (px(i) py(k)); 1 when there is one level",
        ),
        Row(
            "MaximumProbability",
            "GYBY",
            "1",
            "maximum probability",
            "max(p(i,j))",
            scale="levels^-2",
        ),
        Row("SumAverage", "ZGXS", "1", "sum average", "sum(k ps(k))"),
        Row("SumEntropy", "P6QZ", "bit", "sum entropy", "H(ps)"),
        Row("SumSquares", "UR99", "1", "joint variance", "sum((i - mx)^2 p(i,j))", PYRADIOMICS),
    ),
    citation=HARALICK,
)
