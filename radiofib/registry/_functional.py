"""Functional indices of liver MRI: what contrast agent, organs and lobes say beyond texture.

Symbols: S0 and S are the mean (or, where set so, median) liver intensity before contrast and in
the phase of the column, L, P and M those of liver, spleen and paraspinal muscle in one image, V
the liver volume, E = (S - S0) / S0, t the minutes since injection (0 before contrast). All
indices of intensities need raw ones whose zero is no signal; those of two channels need the same
sequence, and those with S0, besides, the same intensity scale. An index of several channels
stands under the latest of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from radiofib.registry.spec import FeatureSpec

__all__ = ["DELTA", "FUNCTIONAL", "delta_specs"]

YAMADA = "Yamada et al., Radiology 2011;260:727-733"
WATANABE = "Watanabe et al., Radiology 2011;259:142-150"
WU = "Wu et al., Medicine 2017;96:e8339, doi 10.1097/MD.0000000000008339"
CHOI = (
    "Choi et al., Yonsei Med J 2014;55:651-659, doi 10.3349/ymj.2014.55.3.651 "
    "(erratum: Yonsei Med J 2014;55:1162)"
)
HAIMERL = "Haimerl et al., Sci Rep 2018;8:13863, doi 10.1038/s41598-018-32207-6"
SEMIQUANTITATIVE = "Choi et al., Radiographics 2007;27:63-75"
HARBIN = "Harbin et al., Radiology 1980;135:273-283"
AWAYA = "Awaya et al., Radiology 2002;224:769-774"
FURUSATO = (
    "Furusato Hunt et al., J Comput Assist Tomogr 2016;40:478-484, doi 10.1097/RCT.0000000000000389"
)
FAVE = "Fave et al., Sci Rep 2017;7:588, doi 10.1038/s41598-017-00665-z"

#: What the family of a change between phases is called: this, then the family of the feature.
DELTA = "d"
#: Families that only see the mask, which registered channels share: their change is 0.
_MASK_ONLY = ("shape", "shape2d", "morph")


def _spec(name: str, unit: str, label: str, formula: str, citation: str) -> FeatureSpec:
    return FeatureSpec(name, "functional", unit, label, formula, citation, applies="case")


#: Functional indices, in the order of table columns.
FUNCTIONAL = (
    _spec("relative_enhancement", "1", "relative liver enhancement", "E = (S - S0) / S0", WU),
    _spec(
        "liver_spleen_ratio",
        "1",
        "liver to spleen ratio",
        "L / P in the hepatobiliary phase",
        YAMADA,
    ),
    _spec(
        "uptake_index_ml",
        "ml",
        "hepatocellular uptake index",
        "(L / P - 1) V in the hepatobiliary phase; published at 20 min",
        YAMADA,
    ),
    _spec(
        "contrast_enhancement_index",
        "1",
        "contrast enhancement index",
        "(L / M in the hepatobiliary phase) / (L / M before contrast)",
        WATANABE,
    ),
    _spec(
        "cv_whole_liver",
        "1",
        "coefficient of variation, whole liver",
        "population SD / mean over all liver voxels in the hepatobiliary phase; vessels and bias "
        "field included where the mask includes them, so not the index of four regions",
        f"radiofib; after {CHOI}",
    ),
    _spec(
        "cv_four_rois",
        "1",
        "coefficient of variation, four regions",
        "mean of SD / mean over four regions free of vessels and bile ducts",
        CHOI,
    ),
    _spec(
        "cv_four_rois_corrected",
        "1",
        "noise-corrected coefficient of variation, four regions",
        "mean of sqrt(SD^2 - s^2) / mean over four regions, s = SD of air in the background / "
        "sqrt(2 - pi / 2); 0 where SD < s",
        f"radiofib; after {CHOI}",
    ),
    _spec(
        "t1_reduction_rate",
        "1",
        "T1 reduction rate",
        "(T1 before - T1 after contrast) / T1 before, means over the liver",
        HAIMERL,
    ),
    _spec(
        "wash_in_slope",
        "1/min",
        "wash-in slope",
        "E / t of the portal venous phase, E and t being 0 before contrast",
        SEMIQUANTITATIVE,
    ),
    _spec(
        "wash_out_slope",
        "1/min",
        "wash-out slope",
        "(E of the delayed - E of the portal venous phase) / minutes between them; below 0 when "
        "contrast agent leaves",
        SEMIQUANTITATIVE,
    ),
    _spec(
        "enhancement_area_min",
        "min",
        "area under the enhancement curve",
        "trapezoids under E from t = 0 through all phases to the hepatobiliary phase",
        SEMIQUANTITATIVE,
    ),
    _spec("liver_volume_ml", "ml", "liver volume", "voxels x volume of a voxel / 1000", "radiofib"),
    _spec(
        "caudate_right_ratio_harbin",
        "1",
        "caudate to right lobe ratio (Harbin)",
        "transverse widths on one axial slice below the portal bifurcation, divided at the right "
        "lateral wall of the main portal vein; > 0.65 published for cirrhosis",
        HARBIN,
    ),
    _spec(
        "caudate_right_ratio_awaya",
        "1",
        "modified caudate to right lobe ratio (Awaya)",
        "transverse widths on one axial slice, divided at the bifurcation of the right portal "
        "vein; >= 0.90 published for cirrhosis",
        AWAYA,
    ),
    _spec(
        "segmental_volume_ratio",
        "1",
        "liver segmental volume ratio",
        "V(I-III) / V(IV-VIII), Couinaud segments",
        FURUSATO,
    ),
)


def delta_specs(specs: Iterable[FeatureSpec]) -> tuple[FeatureSpec, ...]:
    """Return the changes between phases of features: (f in the phase - f before) / f before.

    Features of the mask alone have none, and neither have changes themselves. The family is
    ``d`` and the family of the feature, short enough for the longest column.

    Examples
    --------
    >>> mean = FeatureSpec("mean", "firstorder", "grey", "mean", "sum(x) / N", "IBSI")
    >>> [change] = delta_specs([mean])
    >>> change.column("ged4"), change.unit
    ('ged4_original_dfirstorder_mean', '1')
    """
    return tuple(
        replace(
            spec,
            family=f"{DELTA}{spec.family}",
            unit="1",
            label=f"change of {spec.label}",
            formula=f"(f - f0) / f0, f0 before contrast, f = {spec.formula}",
            citation=f"{FAVE}; {spec.citation}",
            ibsi_code="",
            pyradiomics_name="",
            applies="case",
            ibsi_note="",
            scale="1",
        )
        for spec in specs
        if spec.family not in _MASK_ONLY and spec.applies != "case"
    )
