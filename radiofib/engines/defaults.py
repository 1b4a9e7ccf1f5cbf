"""Sensible extraction configurations by the kind of image."""

from __future__ import annotations

from typing import Any, Literal

from radiofib.engines.config import ExtractionConfig

__all__ = ["default_config"]

_TEXTURE = dict.fromkeys(("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"))
_DEFAULTS: dict[str, dict[str, Any]] = {
    # Grey levels depend on gain, so bins are counted; the outline is drawn by hand or is the
    # whole picture, so shape would measure the reader or the scanner: left out.
    "ultrasound": {
        "image_types": {"Original": {}, "Wavelet": {}},
        "feature_classes": _TEXTURE,
        "settings": {"binCount": 32},
    },
    # Arbitrary units: bins are counted.
    "mri": {
        "image_types": {"Original": {}, "LoG": {"sigma": [3.0]}},
        "settings": {"binCount": 32},
    },
    # Hounsfield units mean something: bins have a width.
    "ct": {
        "image_types": {"Original": {}, "LoG": {"sigma": [3.0]}},
        "settings": {"binWidth": 25, "voxelArrayShift": 1000},
    },
}


def default_config(kind: Literal["ultrasound", "mri", "ct"]) -> ExtractionConfig:
    """Return a sensible configuration for a kind of image.

    ======================  ===================  ==========  =====================================
    kind                    images               bins        features
    ======================  ===================  ==========  =====================================
    ultrasound (2-D)        original, wavelet    32          intensity and texture, no shape
    mri (3-D)               original, LoG 3 mm   32          all
    ct (3-D)                original, LoG 3 mm   25 HU wide  all; energies shifted by 1000 HU
    ======================  ===================  ==========  =====================================

    Examples
    --------
    >>> sorted(default_config("ultrasound").image_types)
    ['Original', 'Wavelet']
    """
    return ExtractionConfig.parse(_DEFAULTS[kind], where=f"default for {kind}")
