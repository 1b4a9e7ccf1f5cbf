"""pyradiomics' feature classes called on arrays, and random regions to compare on."""

from __future__ import annotations

import importlib
import logging
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from radiofib.registry import snake_case

#: Bound for the comparison: |ours - theirs| <= BOUND max(|theirs|, natural scale).
BOUND = 1e-9
SPACINGS = st.sampled_from([0.1, 0.7, 1.0, 1.2, 3.0, 10.0])


def crop(mask: Any) -> Any:
    """The mask cut to its bounding box."""
    where = np.argwhere(mask)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    return mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]


@st.composite
def masks(draw: Any, ndim: int = 3, longest: int = 7) -> Any:
    """Random regions cut to their bounding box: dense, sparse, flat, a line or one voxel."""
    shape = draw(hnp.array_shapes(min_dims=ndim, max_dims=ndim, min_side=1, max_side=longest))
    share = draw(st.sampled_from([0.05, 0.3, 0.6, 0.9, 1.0]))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < share
    mask.flat[rng.integers(mask.size)] = True
    return crop(mask)


def upstream(
    family: str, pixels: Any, mask: Any, spacing: Any, **settings: Any
) -> dict[str, float]:
    """Every feature of a pyradiomics class, by our names."""
    sitk = pytest.importorskip("SimpleITK")
    module = pytest.importorskip(f"radiomics.{family}")
    logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)
    image = sitk.GetImageFromArray(np.ascontiguousarray(pixels))
    image.SetSpacing(tuple(float(s) for s in reversed(spacing)))
    label = sitk.GetImageFromArray(np.ascontiguousarray(mask).astype(np.uint32))
    label.CopyInformation(image)
    names = {"shape": "RadiomicsShape", "shape2D": "RadiomicsShape2D"}
    cls = getattr(module, names.get(family, "RadiomicsFirstOrder"))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        calculator = cls(image, label, **settings)
        for name in calculator.featureNames:
            calculator.enableFeatureByName(name)
        found = calculator.execute()
    return {snake_case(n): float(np.real(np.squeeze(v))) for n, v in found.items()}


def differing(
    ours: dict[str, float], theirs: dict[str, float], scale: float = 0.0
) -> dict[str, tuple[float, float]]:
    """Features that are not equal within the bound; NaN equals NaN."""
    assert set(ours) == set(theirs)
    found = {}
    for name, value in theirs.items():
        if np.isnan(value) and np.isnan(ours[name]):
            continue
        if not abs(ours[name] - value) <= BOUND * max(abs(value), scale):
            found[name] = (ours[name], value)
    return found


def operations() -> Any:
    """pyradiomics' functions on images."""
    pytest.importorskip("radiomics")
    return importlib.import_module("radiomics.imageoperations")
