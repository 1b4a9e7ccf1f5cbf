"""Which part of the liver is measured: lesions, capsule, vessels and bile ducts left out."""

from radiofib.preprocess.hygiene.clean import CleanRegion, clean_region
from radiofib.preprocess.hygiene.erosion import eroded
from radiofib.preprocess.hygiene.settings import RegionHygiene, VesselSettings
from radiofib.preprocess.hygiene.vessels import find_vessels, tube_response

__all__ = [
    "CleanRegion",
    "RegionHygiene",
    "VesselSettings",
    "clean_region",
    "eroded",
    "find_vessels",
    "tube_response",
]
