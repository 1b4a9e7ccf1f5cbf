"""pyradiomics' texture matrices and features of an array of grey levels."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import SimpleITK as sitk
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

CLASSES = {
    "glcm": "RadiomicsGLCM",
    "glrlm": "RadiomicsGLRLM",
    "glszm": "RadiomicsGLSZM",
    "gldm": "RadiomicsGLDM",
    "ngtdm": "RadiomicsNGTDM",
}


def cropped(levels: np.ndarray) -> np.ndarray:
    """The smallest box around the region."""
    for axis in range(levels.ndim):
        inside = np.flatnonzero(np.moveaxis(levels, axis, 0).reshape(levels.shape[axis], -1).any(1))
        levels = np.take(levels, range(inside[0], inside[-1] + 1), axis=axis)
    return np.ascontiguousarray(levels)


@st.composite
def regions(draw: Any, most_levels: int = 6, sides: int = 6) -> np.ndarray:
    """Small arrays of levels with holes, in 2-D and 3-D, cropped to the region."""
    ndim = draw(st.integers(2, 3))
    shape = tuple(draw(st.integers(1, sides)) for _ in range(ndim))
    top = draw(st.integers(1, most_levels))
    seed = draw(st.integers(0, 2**32 - 1))
    density = draw(st.sampled_from([0.2, 0.6, 0.95, 1.0]))
    rng = np.random.default_rng(seed)
    levels = rng.integers(1, top + 1, shape)
    if draw(st.booleans()):
        levels = np.sort(levels, axis=draw(st.integers(0, ndim - 1)))
    levels[rng.random(shape) > density] = 0
    if not levels.any():
        levels[tuple(rng.integers(0, n) for n in shape)] = top
    return cropped(levels)


def shapes() -> Any:
    """Shapes of 1 to 5 voxels a side in 1 to 3 dimensions."""
    return hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5)


def calculator(family: str, levels: np.ndarray, **settings: Any) -> Any:
    """pyradiomics' feature class for levels that are already discretised."""
    import radiomics
    from radiomics import featureextractor

    radiomics.setVerbosity(60)
    logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)
    image = sitk.GetImageFromArray(levels.astype(np.int32))
    mask = sitk.GetImageFromArray((levels > 0).astype(np.uint8))
    spacing = settings.pop("spacing_mm", None)
    if spacing is not None:
        image.SetSpacing([float(s) for s in reversed(spacing)])
        mask.SetSpacing([float(s) for s in reversed(spacing)])
    kind = getattr(featureextractor.getFeatureClasses()[family], "__class__", None)
    assert kind is not None
    made = featureextractor.getFeatureClasses()[family](image, mask, binWidth=1, **settings)
    # binWidth 1 starts counting at the lowest level: put the levels back as they were given.
    made.imageArray = levels.astype(np.int64)
    present = np.unique(levels[levels > 0])
    made.coefficients["grayLevels"] = present
    made.coefficients["Ng"] = int(present.max())
    return made


def features(family: str, levels: np.ndarray, **settings: Any) -> dict[str, float]:
    """pyradiomics' features of one family, under its names."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        made = calculator(family, levels, **settings)
        made.enableAllFeatures()
        return {name: float(np.real(value)) for name, value in made.execute().items()}
