"""The surface of an organ: nodularity located below the voxel, and roughness of a mask."""

from radiofib.features.surface.nodularity import (
    NAMES,
    SurfaceFeatures,
    mask_roughness,
    surface_features,
)

__all__ = ["NAMES", "SurfaceFeatures", "mask_roughness", "surface_features"]
