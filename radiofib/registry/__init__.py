"""The one registry of features and the grammar of their column names."""

from radiofib.registry._deep import deep_feature
from radiofib.registry._instances import STATISTICS, statistic_spec
from radiofib.registry.codebook import (
    DELTA_FEATURES,
    FEATURES,
    FUNCTIONAL_FEATURES,
    IBSI_FEATURES,
    INSTANCE_FEATURES,
    LIVER_FEATURES,
    Column,
    codebook_rows,
    column_label,
    parse_column,
)
from radiofib.registry.names import (
    aliases,
    check_channel,
    column_name,
    image_label,
    image_name,
    image_token,
    snake_case,
)
from radiofib.registry.scale import natural_scale, parse_scale
from radiofib.registry.spec import FeatureSpec, Registry

__all__ = [
    "DELTA_FEATURES",
    "FEATURES",
    "FUNCTIONAL_FEATURES",
    "IBSI_FEATURES",
    "INSTANCE_FEATURES",
    "LIVER_FEATURES",
    "STATISTICS",
    "Column",
    "FeatureSpec",
    "Registry",
    "aliases",
    "check_channel",
    "codebook_rows",
    "column_label",
    "column_name",
    "deep_feature",
    "image_label",
    "image_name",
    "image_token",
    "natural_scale",
    "parse_column",
    "parse_scale",
    "snake_case",
    "statistic_spec",
]
