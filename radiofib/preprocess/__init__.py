"""From image to image, before features: cut, resample, normalise, resegment, discretise."""

from radiofib.preprocess.discretise import Discretised, bin_edges, discretise

__all__ = ["Discretised", "bin_edges", "discretise"]
