"""pyradiomics' voxel-based mode on a region and a configuration, by our columns."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from benchmarks._pyradiomics import silence
from radiofib.engines import ExtractionConfig
from radiofib.engines.native.maps import FeatureMap, feature_maps
from radiofib.engines.prepare import to_simpleitk
from radiofib.preprocess import grown
from radiofib.registry import FEATURES, image_token
from radiofib.roi import Roi

#: Bound for the comparison: |ours - theirs| <= BOUND max(|theirs|, 1).
BOUND = 1e-9
CLASSES = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")


def upstream_maps(roi: Roi, config: ExtractionConfig, **more: Any) -> dict[str, Any]:
    """Column -> SimpleITK image around the region."""
    radiomics = pytest.importorskip("radiomics.featureextractor")
    sitk = pytest.importorskip("SimpleITK")
    silence()
    image, mask = to_simpleitk(roi)
    settings = {**config.settings.given(), **more}
    if config.voxel_settings is not None:
        settings |= config.voxel_settings.model_dump(by_alias=True, exclude_unset=True)
    if roi.ndim == 2:
        image, mask = sitk.JoinSeries(image), sitk.JoinSeries(mask)
        settings |= {"force2D": True, "force2Ddimension": 0}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        extractor = radiomics.RadiomicsFeatureExtractor(additionalInfo=False, **settings)
        extractor.disableAllImageTypes()
        extractor.enableImageTypes(**{n: s.given() for n, s in config.image_types.items()})
        extractor.disableAllFeatures()
        for name in CLASSES:
            if config.feature_classes is None:
                extractor.enableFeatureClassByName(name)
            elif name in config.feature_classes:
                extractor.enableFeaturesByName(**{name: config.feature_classes[name] or []})
        found = extractor.execute(image, mask, label=1, voxelBased=True)
    columns = {}
    for key, value in found.items():
        token, feature = key.split("_", 1)
        spec = FEATURES.from_pyradiomics(feature)
        columns[spec.column(roi.channel, image_token(token))] = value
    return columns


def _left_out(values: Any, reference: Any) -> Any:
    """Where two means differ in how many directions they were divided by, and in rounding."""
    with np.errstate(all="ignore"):
        share = np.minimum(values / reference, reference / values)
    shares = np.array([m / n for n in range(1, 14) for m in range(1, n + 1)])
    return np.abs(share[..., None] - shares).min(axis=-1) < 1e-7


def compare(
    roi: Roi, config: ExtractionConfig, *, alone: bool = False, bound: float = BOUND
) -> dict[str, FeatureMap]:
    """Hold every map against upstream's; return ours.

    With `alone`, upstream takes one window at a time, and everything must be equal. Otherwise
    its MCC fails as a whole where a window has an empty direction, and its joint average is NaN
    in such a window.
    """
    import SimpleITK as sitk

    theirs = upstream_maps(roi, config, **({"voxelBatch": 1} if alone else {}))
    ours = {}
    for found in feature_maps(roi, config):
        assert isinstance(found, FeatureMap), found
        ours[found.column] = found
    assert set(ours) == set(theirs)
    radius = config.voxel_settings.kernel_radius if config.voxel_settings else 1
    outside = config.voxel_settings.init_value if config.voxel_settings else 0.0
    differing = {}
    for column, image in theirs.items():
        found = ours[column]
        box = grown(found.region.slices, radius, found.region.mask.shape)
        reference = sitk.GetArrayFromImage(image).reshape(found.region.mask[box].shape)
        if roi.ndim == 3:
            assert np.allclose(image.GetOrigin(), found.grid.cut(box).origin_mm, atol=1e-9)
            assert np.allclose(image.GetSpacing(), found.grid.spacing_mm[::-1], rtol=1e-12)
        values = found.values(outside)[box]
        away = np.abs(values - reference) / np.maximum(np.abs(reference), 1)
        wrong = ~(away <= bound) & ~(np.isnan(values) & np.isnan(reference))
        if not alone and column.endswith("_glcm_mcc"):
            inside = reference[found.region.mask[box]]
            wrong &= not np.all((inside == outside) | (np.isnan(inside) & np.isnan(outside)))
        if not alone and column.endswith("_glcm_joint_average"):
            wrong &= ~np.isnan(reference)
        if not config.settings.symmetrical_glcm and column.endswith(("_imc2", "_mcc")):
            # A direction with independent levels counts as 0 or, by rounding, not at all.
            wrong &= ~_left_out(values, reference)
        if wrong.any():
            differing[column] = (int(wrong.sum()), values[wrong][:3], reference[wrong][:3])
    assert not differing, differing
    return ours
