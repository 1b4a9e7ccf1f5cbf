"""Both engines at work on one region, with what they compute on the way to the features."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import SimpleITK as sitk
from radiomics import _cmatrices

from radiofib.engines import ExtractionConfig, RoiFeatures, get_engine
from radiofib.engines import pyradiomics as reference_engine
from radiofib.engines.extraction import Extraction
from radiofib.engines.native import engine as native_engine
from radiofib.engines.native import texture as native_texture
from radiofib.features.matrices import Matrices
from radiofib.filters.lbp3d import icosphere
from radiofib.roi import Roi

__all__ = ["FAMILIES", "Image", "Watched", "native", "reference", "with_lbp3d"]

FAMILIES = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")


@dataclass(eq=False)
class Image:
    """What was measured on one filtered image.

    `values` are the intensities of the region before, `levels` after discretisation, both in C
    order; `matrices` holds the count matrices of pyradiomics' C extension as they come, or our
    :class:`Matrices`.
    """

    token: str
    image_type: str
    values: np.ndarray = field(default_factory=lambda: np.empty(0))
    levels: np.ndarray | None = None
    matrices: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Watched:
    """Features of a region, and the filtered images in the order they were measured."""

    features: RoiFeatures
    images: list[Image]


def _old_sph_harm(order: int, degree: int, azimuth: Any, polar: Any) -> Any:
    from scipy.special import sph_harm_y

    # The old function took the cosine of the polar angle, the same for both signs.
    return sph_harm_y(degree, order, np.abs(polar), azimuth)


@contextmanager
def _stand_ins(modules: dict[str, types.ModuleType]) -> Iterator[None]:
    # Not patch.dict, which would also forget every module that is imported meanwhile.
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@contextmanager
def with_lbp3d() -> Iterator[None]:
    """Give pyradiomics' LBP3D what it imports and newer versions of SciPy no longer have."""
    import scipy.ndimage
    import scipy.special

    old = types.ModuleType("scipy.ndimage.interpolation")
    old.map_coordinates = scipy.ndimage.map_coordinates  # type: ignore[attr-defined]
    creation = types.ModuleType("trimesh.creation")
    creation.icosphere = lambda n, r: SimpleNamespace(vertices=icosphere(n, r))  # type: ignore[attr-defined]
    modules = {
        "scipy.ndimage.interpolation": old,
        "trimesh": types.ModuleType("trimesh"),
        "trimesh.creation": creation,
    }
    with (
        _stand_ins(modules),
        patch.object(scipy.special, "sph_harm", _old_sph_harm, create=True),
    ):
        yield


@contextmanager
def _listed() -> Iterator[list[Image]]:
    """List the images of an extraction as they come."""
    images: list[Image] = []
    take = Extraction._image

    def listing(self: Any, token: str, image_type: str, *rest: Any) -> None:
        images.append(Image(token, image_type))
        take(self, token, image_type, *rest)

    with patch.object(Extraction, "_image", listing):
        yield images


def reference(roi: Roi, config: ExtractionConfig) -> Watched:
    """Extract with pyradiomics, keeping the matrices of its C extension."""
    measure = reference_engine._Extraction.measure

    def watched(
        self: Any, image: Any, image_type: str, settings: Any, prepared: Any, families: Any
    ) -> Iterator[Any]:
        cut, mask = reference_engine._crop(image, prepared.mask, prepared.box)
        inside = sitk.GetArrayViewFromImage(mask) == 1
        images[-1].values = sitk.GetArrayViewFromImage(cut)[inside].copy()
        yield from measure(self, image, image_type, settings, prepared, families)

    def counting(family: str) -> Any:
        count = getattr(_cmatrices, f"calculate_{family}")

        def wrapper(levels: Any, mask: Any, *rest: Any) -> Any:
            found = count(levels, mask, *rest)
            if images[-1].levels is None:
                images[-1].levels = np.array(levels[mask.astype(bool)])
            matrix = found[0] if isinstance(found, tuple) else found
            images[-1].matrices[family] = np.array(matrix[0])
            return found

        return patch.object(_cmatrices, f"calculate_{family}", wrapper)

    with ExitStack() as stack:
        stack.enter_context(with_lbp3d())
        images = stack.enter_context(_listed())
        stack.enter_context(patch.object(reference_engine._Extraction, "measure", watched))
        for family in FAMILIES:
            stack.enter_context(counting(family))
        features = get_engine("pyradiomics").extract(roi, config)
    return Watched(features, images)


def native(roi: Roi, config: ExtractionConfig) -> Watched:
    """Extract natively, keeping the matrices."""
    measure, prepare = native_engine._Extraction.measure, native_texture._Texture.__init__

    def watched(
        self: Any, image: Any, image_type: str, settings: Any, prepared: Any, families: Any
    ) -> Iterator[Any]:
        images[-1].values = image[prepared.mask[prepared.slices]]
        yield from measure(self, image, image_type, settings, prepared, families)

    def kept(self: Any, values: Any, grey: Any, *rest: Any) -> None:
        prepare(self, values, grey, *rest)
        images[-1].levels = grey.levels[grey.levels > 0]
        images[-1].matrices["all"] = self.matrices

    with (
        _listed() as images,
        patch.object(native_engine._Extraction, "measure", watched),
        patch.object(native_texture._Texture, "__init__", kept),
    ):
        features = get_engine("native").extract(roi, config)
    return Watched(features, images)


def counts_of(ours: Matrices, family: str, alpha: int) -> tuple[np.ndarray, np.ndarray]:
    """Return our matrix and the columns of pyradiomics' matrix that it holds (zones: sizes)."""
    if family == "glszm":
        zones = ours.glszm()
        return zones.counts, zones.sizes - 1
    found = ours.gldm(alpha) if family == "gldm" else getattr(ours, family)()
    return found, np.arange(found.shape[1])
