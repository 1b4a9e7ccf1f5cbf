"""Who computes features: a small interface and its implementations."""

from radiofib.engines.base import Engine, RoiFeatures, get_engine
from radiofib.engines.columns import promised_columns
from radiofib.engines.config import ExtractionConfig
from radiofib.engines.defaults import default_config
from radiofib.engines.settings import Settings

__all__ = [
    "Engine",
    "ExtractionConfig",
    "RoiFeatures",
    "Settings",
    "default_config",
    "get_engine",
    "promised_columns",
]
