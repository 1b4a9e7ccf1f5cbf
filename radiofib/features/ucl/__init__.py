"""The feature set of UCL's entry to the LiFS benchmark: corrected, and as published."""

from radiofib.features.ucl.features import (
    NAMES,
    PUBLISHED_NAMES,
    UclFeatures,
    ucl_features,
)

__all__ = ["NAMES", "PUBLISHED_NAMES", "UclFeatures", "ucl_features"]
