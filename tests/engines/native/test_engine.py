"""The native engine against pyradiomics: every feature, image type, setting, reason and flag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from radiofib.engines import ExtractionConfig, get_engine
from radiofib.errors import EngineError
from radiofib.images import load_roi
from radiofib.roi import Roi
from tests._examples import examples

pytest.importorskip("radiomics", reason="the reference is not installed")

NATIVE = get_engine("native")
REFERENCE = get_engine("pyradiomics")
#: Below this share of one unit a feature that should be 0 may differ in the last bits.
SCALE = 1e-3
ALL_TYPES: dict[str, Any] = {
    "Original": {},
    "LoG": {"sigma": [1.0, 2.0]},
    "Wavelet": {},
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
    "Gradient": {},
    "LBP2D": {},
}


def config(types: dict[str, Any] | None = None, **setting: Any) -> ExtractionConfig:
    parts = {"imageType": types or {"Original": {}}, "setting": {"binCount": 16, **setting}}
    return ExtractionConfig.parse(parts, where="test")


def blob(seed: int, shape: tuple[int, ...] = (8, 18, 20), spacing: tuple[float, ...] = (3, 1, 1)):
    """A textured region with a ragged outline."""
    rng = np.random.default_rng(seed)
    pixels = gaussian_filter(rng.normal(size=shape), 1.0) * 100 + 300
    mask = gaussian_filter(rng.normal(size=shape), 2.0)
    mask = mask > np.quantile(mask, 0.6)
    return Roi(pixels.round(), mask, tuple(float(s) for s in spacing[-len(shape) :]), "x")


def compare(roi: Roi, cfg: ExtractionConfig, log_tolerance: float = 1e-6) -> None:
    ours, theirs = NATIVE.extract(roi, cfg), REFERENCE.extract(roi, cfg)
    assert list(ours.values) == list(theirs.values)
    differing = {}
    for column, reference in theirs.values.items():
        value = ours.values[column]
        tolerance = log_tolerance if "_log" in column else 1e-9
        if np.isnan(reference) and np.isnan(value):
            continue
        if not abs(value - reference) <= tolerance * max(abs(reference), SCALE):
            differing[column] = (value, reference)
    assert not differing
    assert set(ours.missing) == set(theirs.missing)
    assert ours.flags == theirs.flags


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 6), st.integers(2, 12), st.integers(2, 12)),
    levels=st.sampled_from([2, 5, 40, 300]),
    spacing=st.sampled_from([(1.0, 1.0, 1.0), (10.0, 1.0, 1.0), (3.3, 0.7, 1.2)]),
)
def test_generated_regions(
    seed: int, shape: tuple[int, ...], levels: int, spacing: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, levels, shape).astype(float)
    mask = rng.random(shape) < rng.choice([0.3, 0.8, 1.0])
    mask[0, 0, :2] = True
    compare(Roi(pixels, mask, spacing, "x"), config(binCount=None, binWidth=1))


@pytest.mark.parametrize("name", ALL_TYPES)
def test_every_image_type_in_3d(name: str) -> None:
    compare(blob(3), config({name: ALL_TYPES[name]}))


def test_every_image_type_in_2d() -> None:
    compare(blob(4, (40, 44)), config(ALL_TYPES))


@pytest.mark.parametrize(
    "setting",
    [
        {"binCount": None, "binWidth": 7.5},
        {"force2D": True},
        {"force2D": True, "force2Ddimension": 2},
        {"distances": [1, 2]},
        {"distances": [3]},
        {"weightingNorm": "euclidean"},
        {"weightingNorm": "manhattan"},
        {"weightingNorm": "no_weighting"},
        {"symmetricalGLCM": False},
        {"gldm_a": 2},
        {"voxelArrayShift": 300},
        {"minimumROIDimensions": 3},
        {"minimumROISize": 10_000},
        {"resegmentRange": [250, 340]},
        {"resegmentRange": [-1.5, 1.5], "resegmentMode": "sigma", "resegmentShape": True},
        {"resegmentRange": [0.2, 0.95], "resegmentMode": "relative"},
        {"normalize": True, "normalizeScale": 100, "removeOutliers": 2},
        {"resampledPixelSpacing": [2, 2, 2]},
        {"resampledPixelSpacing": [2, 2, 0], "interpolator": "sitkLinear", "padDistance": 2},
        {"preCrop": True},
    ],
    ids=str,
)
def test_every_setting(setting: dict[str, Any]) -> None:
    compare(blob(5), config({"Original": {}, "Wavelet": {}}, **setting))


EDGES = {
    "one voxel": np.pad(np.ones((1, 1, 1), bool), 3),
    "a line": np.pad(np.ones((1, 1, 5), bool), 2),
    "one slice": np.pad(np.ones((1, 4, 5), bool), 2),
    "the whole image": np.ones((5, 6, 7), bool),
    "a corner": np.pad(np.ones((2, 2, 2), bool), ((0, 4), (0, 4), (0, 4))),
    "two far voxels": np.eye(6, dtype=bool)[None] & (np.arange(6) % 5 == 0),
}


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("edge", EDGES)
def test_edges(edge: str, constant: bool) -> None:
    mask = EDGES[edge]
    rng = np.random.default_rng(0)
    pixels = np.full(mask.shape, 7.0) if constant else rng.integers(0, 99, mask.shape) * 1.0
    for rules in ("radiofib", "pyradiomics"):
        cfg = ExtractionConfig.parse(
            {"setting": {"binWidth": 10, "minimumROIDimensions": 1}, "region_rules": rules},
            where="test",
        )
        compare(Roi(pixels, mask, (1.0, 1.0, 1.0), "x"), cfg)


def test_not_a_number_inside_is_refused_outside_is_left_out_of_filters() -> None:
    roi = blob(6)
    inside = np.argwhere(roi.mask)[0]
    pixels = roi.pixels.copy()
    pixels[tuple(inside)] = np.nan
    with pytest.raises(EngineError, match="NaN or infinite"):
        NATIVE.extract(Roi(pixels, roi.mask, roi.spacing_mm, "x"), config())
    outside = np.argwhere(~roi.mask)[0]
    pixels = roi.pixels.copy()
    pixels[tuple(outside)] = np.inf
    compare(Roi(pixels, roi.mask, roi.spacing_mm, "x"), config({"Original": {}, "Wavelet": {}}))


def test_more_levels_than_sixteen_bits_hold() -> None:
    roi = blob(7, (4, 12, 12))
    wide = Roi(roi.pixels * 1000.0, roi.mask, roi.spacing_mm, "x")
    cfg = ExtractionConfig.parse(
        {
            "featureClass": {"firstorder": None, "glszm": None, "gldm": None, "ngtdm": None},
            "setting": {"binWidth": 1},
        },
        where="test",
    )
    compare(wide, cfg)


@pytest.mark.external
@pytest.mark.parametrize(
    ("image", "mask", "label"),
    [
        ("pyradiomics/brain1_image.nrrd", "pyradiomics/brain1_label.nrrd", 1),
        ("pyradiomics/breast1_image.nrrd", "pyradiomics/breast1_label.nrrd", 1),
        ("mri/totalsegmentator/example_mr_sm.nii.gz",
         "mri/totalsegmentator/example_seg_mr.nii.gz", 5),
        ("mri/ibsi_sts/STS_002/CT_image.nii.gz", "mri/ibsi_sts/STS_002/CT_mask.nii.gz", None),
        ("mri/ibsi_sts/STS_003/MR_T1_image.nii.gz",
         "mri/ibsi_sts/STS_003/MR_T1_mask.nii.gz", None),
        ("us/byra_rois/rois/ROI_00_0.jpg", None, None),
        ("us/byra_rois/rois/ROI_23_5.jpg", None, None),
    ],
)  # fmt: skip
def test_real_regions(external_data: Path, image: str, mask: str | None, label: int | None) -> None:
    roi = load_roi(
        external_data / image,
        None if mask is None else external_data / mask,
        mask_label=label,
        channel="x",
    )
    compare(roi, config(ALL_TYPES, binCount=32))
