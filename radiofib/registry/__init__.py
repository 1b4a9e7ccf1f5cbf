"""The one registry of features and the grammar of their column names."""

from radiofib.registry.names import (
    aliases,
    check_channel,
    column_name,
    image_token,
    snake_case,
)
from radiofib.registry.spec import FeatureSpec, Registry

__all__ = [
    "FeatureSpec",
    "Registry",
    "aliases",
    "check_channel",
    "column_name",
    "image_token",
    "snake_case",
]
