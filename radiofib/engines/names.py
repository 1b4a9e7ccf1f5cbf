"""Image types, feature classes and features as pyradiomics names them: which are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radiofib._checks import nearest
from radiofib.engines.settings import Settings
from radiofib.registry import FEATURES

__all__ = [
    "FAMILIES",
    "IMAGE_TYPES",
    "before_filters",
    "check_feature_classes",
    "check_image_types",
    "never_computed",
]

#: Image types in the order of table columns.
IMAGE_TYPES = (
    "Original",
    "LoG",
    "Wavelet",
    "Square",
    "SquareRoot",
    "Logarithm",
    "Exponential",
    "Gradient",
    "LBP2D",
    "LBP3D",
)
#: pyradiomics' feature classes in the order of table columns.
FAMILIES = ("shape", "shape2D", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
#: Names pyradiomics still lists but never computes, and what they equal.
_NEVER_COMPUTED = {
    "glcm_Dissimilarity": "glcm_DifferenceAverage",
    "glcm_Homogeneity1": "glcm_Id",
    "glcm_Homogeneity2": "glcm_Idm",
    "glcm_SumVariance": "glcm_ClusterTendency",
    "gldm_GrayLevelNonUniformityNormalized": "firstorder_Uniformity",
    "gldm_DependencePercentage": "1 (always)",
}
#: Settings that act before an image is filtered, so that an image type cannot have its own.
_BEFORE_FILTERS = frozenset(
    field.alias or name
    for name, field in Settings.model_fields.items()
    if name.startswith(("minimum_roi", "geometry", "correct", "additional", "label", "normalize"))
    or name.startswith(("remove", "resampled", "interpolator", "pad", "pre_crop", "resegment"))
)


def _unknown(name: str, known: tuple[str, ...], what: str) -> ValueError:
    close = nearest(name, known)
    hint = f"; did you mean {close!r}?" if close else ""
    return ValueError(f"unknown {what} {name!r} (expected {', '.join(known)}){hint}")


def check_image_types(value: Any) -> None:
    """Refuse what is no mapping from known image types.

    Raises
    ------
    ValueError
        Naming the nearest image type.

    Examples
    --------
    >>> check_image_types({"Wavelets": {}})
    Traceback (most recent call last):
    ValueError: unknown image type 'Wavelets' (expected Original, ...); did you mean 'Wavelet'?
    """
    if not isinstance(value, dict):
        raise ValueError("expected a mapping from image type to its settings")
    for name in value:
        if name not in IMAGE_TYPES:
            raise _unknown(str(name), IMAGE_TYPES, "image type")


def check_feature_classes(value: Any) -> None:
    """Refuse what is no mapping from known feature classes to lists of their features.

    A feature that pyradiomics lists and never computes is known.

    Raises
    ------
    ValueError
        Naming the nearest class or feature.

    Examples
    --------
    >>> check_feature_classes({"glcm": ["Contrast", "Homogeneity1"], "shape": None})
    >>> check_feature_classes({"glcm": "Contrast"})
    Traceback (most recent call last):
    ValueError: glcm: expected a list of features, or nothing for all
    """
    if not isinstance(value, dict):
        raise ValueError("expected a mapping from feature class to feature names")
    for name, features in value.items():
        if name not in FAMILIES:
            raise _unknown(str(name), FAMILIES, "feature class")
        if features is not None and not isinstance(features, list | tuple):
            raise ValueError(f"{name}: expected a list of features, or nothing for all")
        known = tuple(
            s.pyradiomics_name.split("_", 1)[1] for s in FEATURES if s.family == name.lower()
        )
        for feature in features or ():
            if feature not in known and f"{name}_{feature}" not in _NEVER_COMPUTED:
                raise _unknown(str(feature), known, f"{name} feature")


def never_computed(classes: Mapping[str, Sequence[str] | None]) -> list[str]:
    """Say of each feature that is asked for and never computed what it equals.

    Examples
    --------
    >>> never_computed({"glcm": ["Homogeneity1", "Id"]})
    ['glcm_Homogeneity1 is not computed by pyradiomics: it equals glcm_Id']
    """
    return [
        f"{family}_{feature} is not computed by pyradiomics: "
        f"it equals {_NEVER_COMPUTED[f'{family}_{feature}']}"
        for family, features in sorted(classes.items())
        for feature in features or ()
        if f"{family}_{feature}" in _NEVER_COMPUTED
    ]


def before_filters(image_types: Mapping[str, Settings]) -> list[str]:
    """Say of each setting of an image type that it has no effect there.

    Examples
    --------
    >>> before_filters({"LoG": Settings(), "Wavelet": Settings(normalize=True)})
    ['normalize inside image type Wavelet has no effect: it acts before images are filtered']
    """
    return [
        f"{key} inside image type {name} has no effect: it acts before images are filtered"
        for name, own in sorted(image_types.items())
        for key in sorted(_BEFORE_FILTERS & set(own.given()))
    ]
