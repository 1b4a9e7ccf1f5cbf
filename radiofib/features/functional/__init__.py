"""Functional indices of a case: enhancement, uptake, organs and lobes, changes between phases."""

from radiofib.features.functional.case import functional_columns, measure_case
from radiofib.features.functional.curve import (
    enhancement_area,
    enhancement_slope,
    phase_order_warnings,
)
from radiofib.features.functional.deltas import delta_columns, delta_features
from radiofib.features.functional.indices import (
    coefficient_of_variation,
    contrast_enhancement_index,
    four_region_variation,
    hepatocellular_uptake_index,
    noise_from_background,
    ratio,
    relative_change,
    relative_enhancement,
    t1_reduction_rate,
)
from radiofib.features.functional.inputs import TISSUES, CaseFeatures, ChannelInput, Verdict
from radiofib.features.functional.morphometry import (
    caudate_right_lobe_ratio,
    segmental_volume_ratio,
    volume_ml,
)
from radiofib.features.functional.settings import (
    GROUPS,
    NOMINAL_MINUTES,
    FunctionalSettings,
    Group,
)

__all__ = [
    "GROUPS",
    "NOMINAL_MINUTES",
    "TISSUES",
    "CaseFeatures",
    "ChannelInput",
    "FunctionalSettings",
    "Group",
    "Verdict",
    "caudate_right_lobe_ratio",
    "coefficient_of_variation",
    "contrast_enhancement_index",
    "delta_columns",
    "delta_features",
    "enhancement_area",
    "enhancement_slope",
    "four_region_variation",
    "functional_columns",
    "hepatocellular_uptake_index",
    "measure_case",
    "noise_from_background",
    "phase_order_warnings",
    "ratio",
    "relative_change",
    "relative_enhancement",
    "segmental_volume_ratio",
    "t1_reduction_rate",
    "volume_ml",
]
