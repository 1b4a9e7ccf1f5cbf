"""Texture families of IBSI 1: six matrices, each with every aggregation.

Names are IBSI's tags; definitions are sections 3.6 to 3.11 of the IBSI reference manual
(doi 10.48550/arXiv.1612.07003). Ng is the number of levels that the discretisation allows.

Symbols: GLCM: p(i,j) is the share of pairs, counted both ways, px its margin with mean m; pd(k)
and ps(k) the shares of pairs with |i - j| = k and i + j = k; H(q) = -sum(q log2 q). GLRLM,
GLSZM, GLDZM and NGLDM: p = r / Ns, Ns the number of runs, zones or voxels counted in r, Nv the
number of voxels. NGTDM: n(i) is the number of voxels of level i with a neighbour, p = n / N,
s(i) the sum of |i - mean of the neighbours|, Ngp the number of levels with p > 0, over which the
sums run.
"""

from __future__ import annotations

from radiofib.registry._family import (
    AMADASUN,
    CHU,
    CLAUSI,
    DASARATHY,
    GALLOWAY,
    HARALICK,
    SOH,
    SUN,
    THIBAULT,
)
from radiofib.registry._ibsi import IbsiRow, ibsi_family

__all__ = ["IBSI_TEXTURE"]

MANUAL = (
    "Image biomarker standardisation initiative, reference manual, doi 10.48550/arXiv.1612.07003"
)

# p(i,j): share of pairs, counted both ways; px its margin with mean m; pd(k), ps(k): shares of
# pairs with |i - j| = k and i + j = k; H(q) = -sum(q log2 q).
_PAIRS = (
    IbsiRow("joint_max", "GYBY", "1", "joint maximum", "max(p(i,j))"),
    IbsiRow("joint_avg", "60VM", "1", "joint average", "m = sum(i p(i,j))", scale="levels"),
    IbsiRow("joint_var", "UR99", "1", "joint variance", "sum((i - m)^2 p(i,j))", scale="levels^2"),
    IbsiRow("joint_entr", "TU9B", "bit", "joint entropy", "H(p)"),
    IbsiRow("diff_avg", "TF7R", "1", "difference average", "DA = sum(k pd(k))", scale="levels"),
    IbsiRow(
        "diff_var", "D3YU", "1", "difference variance", "sum((k - DA)^2 pd(k))", scale="levels^2"
    ),
    IbsiRow("diff_entr", "NTRS", "bit", "difference entropy", "H(pd)"),
    IbsiRow("sum_avg", "ZGXS", "1", "sum average", "sum(k ps(k))", scale="levels"),
    IbsiRow("sum_var", "OEEB", "1", "sum variance", "sum((k - 2 m)^2 ps(k))", scale="levels^2"),
    IbsiRow("sum_entr", "P6QZ", "bit", "sum entropy", "H(ps)"),
    IbsiRow("energy", "8ZQL", "1", "angular second moment", "sum(p(i,j)^2)"),
    IbsiRow("contrast", "ACUI", "1", "contrast", "sum((i - j)^2 p(i,j))", scale="levels^2"),
    IbsiRow("dissimilarity", "8S9J", "1", "dissimilarity", "sum(|i - j| p(i,j))", CLAUSI, "levels"),
    IbsiRow("inv_diff", "IB1Z", "1", "inverse difference", "sum(pd(k) / (1 + k))", CLAUSI),
    IbsiRow(
        "inv_diff_norm",
        "NDRX",
        "1",
        "normalised inverse difference",
        "sum(pd(k) / (1 + k / Ng))",
        CLAUSI,
    ),
    IbsiRow("inv_diff_mom", "WF0Z", "1", "inverse difference moment", "sum(pd(k) / (1 + k^2))"),
    IbsiRow(
        "inv_diff_mom_norm",
        "1QCO",
        "1",
        "normalised inverse difference moment",
        "sum(pd(k) / (1 + k^2 / Ng^2))",
        CLAUSI,
    ),
    IbsiRow("inv_var", "E8JP", "1", "inverse variance", "sum(pd(k) / k^2) over k >= 1", MANUAL),
    IbsiRow("corr", "NI2N", "1", "correlation", "sum((i - m) (j - m) p(i,j)) / sum((i - m)^2 px)"),
    IbsiRow("auto_corr", "QWB0", "1", "autocorrelation", "sum(i j p(i,j))", SOH, "levels^2"),
    IbsiRow(
        "clust_tend",
        "DG8W",
        "1",
        "cluster tendency",
        "sum((i + j - 2 m)^2 p(i,j))",
        SOH,
        "levels^2",
    ),
    IbsiRow(
        "clust_shade", "7NFM", "1", "cluster shade", "sum((i + j - 2 m)^3 p(i,j))", SOH, "levels^3"
    ),
    IbsiRow(
        "clust_prom",
        "AE86",
        "1",
        "cluster prominence",
        "sum((i + j - 2 m)^4 p(i,j))",
        SOH,
        "levels^4",
    ),
    IbsiRow(
        "info_corr1",
        "R8DG",
        "1",
        "information correlation 1",
        "(H(p) + sum(p(i,j) log2(px(i) px(j)))) / H(px)",
    ),
    IbsiRow(
        "info_corr2",
        "JN9H",
        "1",
        "information correlation 2",
        "sqrt(1 - exp(-2 (H(px px) - H(p))))",
    ),
)


def _emphases(
    codes: str,
    tags: tuple[str, str, str, str],
    words: tuple[str, str, str, str, str],
    sources: tuple[str, str, str] = ("", "", ""),
) -> dict[str, IbsiRow]:
    """Return the rows that a matrix s(i, j) has in common with the others.

    Parameters
    ----------
    codes : str
        IBSI codes in the order of the rows, separated by blanks.
    tags : tuple of str
        Parts of IBSI's tags: small and large j, end of the emphases of levels alone, j.
    words : tuple of str
        The same as words (``"short run"``, ``"long run"``), what the emphases of levels alone
        are of (``"run"``), j itself (``"run length"``) and the name of the entropy.
    sources : tuple of str
        Citations of the emphases of j, of levels and of both.
    """
    small, large, end, j = tags
    short, long, of, size, entropy = words
    one, levels, both = sources
    rows = (
        (f"{small}e", f"{short} emphasis", "sum(p / j^2)", one, "1"),
        (f"{large}e", f"{long} emphasis", "sum(j^2 p)", one, "1"),
        (f"l{end}", f"low grey level {of} emphasis", "sum(p / i^2)", levels, "1"),
        (f"h{end}", f"high grey level {of} emphasis", "sum(i^2 p)", levels, "levels^2"),
        (f"{small}lge", f"{short} low grey level emphasis", "sum(p / (i^2 j^2))", both, "1"),
        (f"{small}hge", f"{short} high grey level emphasis", "sum(i^2 p / j^2)", both, "levels^2"),
        (f"{large}lge", f"{long} low grey level emphasis", "sum(j^2 p / i^2)", both, "1"),
        (f"{large}hge", f"{long} high grey level emphasis", "sum(i^2 j^2 p)", both, "levels^2"),
        ("glnu", "grey level non-uniformity", "sum over i of (sum over j of s)^2 / Ns", one, "1"),
        (
            "glnu_norm",
            "normalised grey level non-uniformity",
            "sum over i of (sum over j of s)^2 / Ns^2",
            one,
            "1",
        ),
        (f"{j}nu", f"{size} non-uniformity", "sum over j of (sum over i of s)^2 / Ns", one, "1"),
        (
            f"{j}nu_norm",
            f"normalised {size} non-uniformity",
            "sum over j of (sum over i of s)^2 / Ns^2",
            one,
            "1",
        ),
        ("gl_var", "grey level variance", "sum((i - mean of i)^2 p)", "", "levels^2"),
        (f"{j}_var", f"{size} variance", "sum((j - mean of j)^2 p)", "", "1"),
        (f"{j}_entr", entropy, "-sum(p log2 p)", "", "1"),
    )
    return {
        name: IbsiRow(
            name, code, "bit" if name.endswith("entr") else "1", label, formula, source, scale
        )
        for (name, label, formula, source, scale), code in zip(rows, codes.split(), strict=True)
    }


def _with(rows: dict[str, IbsiRow], after: str, row: IbsiRow) -> tuple[IbsiRow, ...]:
    """Return the rows with one more in its place of IBSI's order."""
    place = list(rows).index(after) + 1
    listed = list(rows.values())
    return (*listed[:place], row, *listed[place:])


# p = r / Ns, Ns the number of runs, Nv the number of voxels.
_RUNS = _with(
    _emphases(
        "22OV W4KF V3SW G3QZ HTZT GD3A IVPO 3KUM R5YN OVBL W92Y IC23 8CE5 SXLW HJ9O",
        ("sr", "lr", "gre", "rl"),
        ("short run", "long run", "run", "run length", "run entropy"),
        (GALLOWAY, CHU, DASARATHY),
    ),
    "rlnu_norm",
    IbsiRow("r_perc", "9ZK5", "1", "run percentage", "Ns / Nv", GALLOWAY),
)
_SIZES = _with(
    _emphases(
        "5QRC 48P8 XMSY 5GN9 5RAI HW1V YH51 J17V JNSA Y1RO 4JP3 VB3A BYLV 3NSA GU8N",
        ("sz", "lz", "gze", "zs"),
        ("small zone", "large zone", "zone", "zone size", "zone size entropy"),
    ),
    "zsnu_norm",
    IbsiRow("z_perc", "P30P", "1", "zone percentage", "Ns / Nv"),
)
_DISTANCES = _with(
    _emphases(
        "0GBI MB4I S1RA K26C RUVG DKNJ A7WM KLTH VFT7 7HP3 V294 IATH QK93 7WT1 GBDU",
        ("sd", "ld", "gze", "zd"),
        ("small distance", "large distance", "zone", "zone distance", "zone distance entropy"),
    ),
    "zdnu_norm",
    IbsiRow("z_perc", "VIWW", "1", "zone percentage", "Ns / Nv"),
)
_DEPENDENCES = (
    *_with(
        _emphases(
            "SODN IMOQ TL9H OAE7 EQ3F JA6D NBZI 9QMG FP8K 5SPA Z87G OKJI 1PFV DNX2 FCBV",
            ("ld", "hd", "gce", "dc"),
            (
                "low dependence",
                "high dependence",
                "count",
                "dependence",
                "dependence count entropy",
            ),
        ),
        "dcnu_norm",
        IbsiRow("dc_perc", "6XV8", "1", "dependence count percentage", "Ns / Nv"),
    ),
    IbsiRow("dc_energy", "CAS9", "1", "dependence count energy", "sum(p^2)"),
)
# n(i): voxels of level i with a neighbour, p = n / N, s(i) the sum of |i - mean of neighbours|,
# Ngp the number of levels with p > 0, over which the sums run.
_TONES = (
    IbsiRow("coarseness", "QCDE", "1", "coarseness", "1 / sum(p s), at most 1e6"),
    IbsiRow(
        "contrast",
        "65HE",
        "1",
        "contrast",
        "sum(p(i) p(j) (i - j)^2) / (Ngp (Ngp - 1)) sum(s) / N",
        scale="levels^3",
    ),
    IbsiRow("busyness", "NQ30", "1", "busyness", "sum(p s) / sum(|i p(i) - j p(j)|)"),
    IbsiRow(
        "complexity",
        "HDEZ",
        "1",
        "complexity",
        "sum(|i - j| (p(i) s(i) + p(j) s(j)) / (p(i) + p(j))) / N",
        scale="levels^2",
    ),
    IbsiRow(
        "strength",
        "1X9X",
        "1",
        "strength",
        "sum((p(i) + p(j)) (i - j)^2) / sum(s)",
        scale="levels^2",
    ),
)

#: All texture features of IBSI 1, family by family.
IBSI_TEXTURE = (
    *ibsi_family("cm", _PAIRS, kind="directed", citation=HARALICK),
    *ibsi_family("rlm", _RUNS, kind="directed", citation=MANUAL),
    *ibsi_family("szm", _SIZES, kind="undirected", citation=THIBAULT),
    *ibsi_family("dzm", _DISTANCES, kind="undirected", citation=THIBAULT),
    *ibsi_family("ngt", _TONES, kind="undirected", citation=AMADASUN),
    *ibsi_family("ngl", _DEPENDENCES, kind="undirected", citation=SUN),
)
