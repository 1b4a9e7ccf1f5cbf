"""From image to image, before features: cut, resample, normalise, resegment, discretise."""

from radiofib.preprocess.crop import Box, bounding_box, grown
from radiofib.preprocess.discretise import Discretised, bin_edges, discretise, grey_levels
from radiofib.preprocess.memory import available_bytes, check_memory
from radiofib.preprocess.normalise import normalise
from radiofib.preprocess.region import resegment, why_unusable
from radiofib.preprocess.resample import Grid, resample, resampled_size

__all__ = [
    "Box",
    "Discretised",
    "Grid",
    "available_bytes",
    "bin_edges",
    "bounding_box",
    "check_memory",
    "discretise",
    "grey_levels",
    "grown",
    "normalise",
    "resample",
    "resampled_size",
    "resegment",
    "why_unusable",
]
