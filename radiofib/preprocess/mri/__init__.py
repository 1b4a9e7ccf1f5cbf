"""MR intensities before features: spikes, bias field, a scale that scanners share."""

from radiofib.preprocess.mri.bias import log_bias_field
from radiofib.preprocess.mri.body import body_mask
from radiofib.preprocess.mri.nyul import NyulLandmarks
from radiofib.preprocess.mri.settings import (
    BiasField,
    MriPreprocessing,
    Normalisation,
    SpikeClipping,
)
from radiofib.preprocess.mri.spikes import Spikes, clip_spikes, find_spikes
from radiofib.preprocess.mri.volume import PreprocessRecord, learn_landmarks, preprocess_volume

__all__ = [
    "BiasField",
    "MriPreprocessing",
    "Normalisation",
    "NyulLandmarks",
    "PreprocessRecord",
    "SpikeClipping",
    "Spikes",
    "body_mask",
    "clip_spikes",
    "find_spikes",
    "learn_landmarks",
    "log_bias_field",
    "preprocess_volume",
]
