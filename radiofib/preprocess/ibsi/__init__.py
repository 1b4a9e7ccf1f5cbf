"""From an image and a region to what IBSI 1 computes features on."""

from radiofib.preprocess.ibsi.diagnostics import diagnostics
from radiofib.preprocess.ibsi.discretise import fixed_bin_number, fixed_bin_size
from radiofib.preprocess.ibsi.grid import GridAxis, aligned_axis
from radiofib.preprocess.ibsi.interpolate import interpolate
from radiofib.preprocess.ibsi.region import PEAK_RADIUS_MM, IbsiRegion, prepare_ibsi

__all__ = [
    "PEAK_RADIUS_MM",
    "GridAxis",
    "IbsiRegion",
    "aligned_axis",
    "diagnostics",
    "fixed_bin_number",
    "fixed_bin_size",
    "interpolate",
    "prepare_ibsi",
]
