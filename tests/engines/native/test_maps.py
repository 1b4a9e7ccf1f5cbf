"""Feature maps against pyradiomics' voxel-based mode: features, image types, settings, edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from radiofib.engines import ExtractionConfig
from radiofib.engines.native.maps import FeatureMap, NoMap, feature_maps
from radiofib.errors import EngineError, UsageError
from radiofib.images import load_roi
from radiofib.roi import Roi
from tests._examples import examples
from tests.engines.upstream_maps import compare


def config(
    types: dict[str, Any] | None = None, voxel: dict[str, Any] | None = None, **setting: Any
) -> ExtractionConfig:
    parts: dict[str, Any] = {"imageType": types or {"Original": {}}, "setting": setting}
    if voxel is not None:
        parts["voxelSetting"] = voxel
    return ExtractionConfig.parse(parts, where="test")


def blob(seed: int = 0, shape: tuple[int, ...] = (7, 12, 13), size: int = 130) -> Roi:
    """A compact textured region that touches two borders of the image."""
    rng = np.random.default_rng(seed)
    pixels = gaussian_filter(rng.normal(size=shape), 0.7) * 150 + 300
    grids = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    field = -sum(g**2 for g in grids) + gaussian_filter(rng.normal(size=shape), 1.5)
    mask = field >= np.partition(field.ravel(), -size)[-size]
    spacing = (3.0, 0.8, 0.9)[-len(shape) :]
    origin = (5.0, -7.0, 11.0)[: len(shape)] if len(shape) == 3 else None
    return Roi(pixels.round(), mask, spacing, "x", origin_mm=origin)


def only(found: Any, column: str) -> FeatureMap:
    [wanted] = [f for f in found if isinstance(f, FeatureMap) and f.column == column]
    return wanted


@settings(
    max_examples=examples(5),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 4), st.integers(2, 6), st.integers(2, 6)),
    levels=st.sampled_from([2, 4, 30, 2000]),
    share=st.sampled_from([0.3, 0.7, 1.0]),
    radius=st.integers(1, 2),
    masked=st.booleans(),
    setting=st.sampled_from(
        [
            {"binWidth": 1},
            {"binWidth": 3, "symmetricalGLCM": False},
            {"binCount": 5},
            {"binCount": 2},
            {"binWidth": 1, "force2D": True},
            {"binCount": 12, "distances": [1, 2], "gldm_a": 1},
            {"binCount": 6, "distances": [2], "voxelArrayShift": 100},
        ]
    ),
)
def test_generated_regions(
    seed: int,
    shape: tuple[int, ...],
    levels: int,
    share: float,
    radius: int,
    masked: bool,
    setting: dict[str, Any],
) -> None:
    # pyradiomics refuses distances that no two voxels of the image have.
    assume(setting.get("distances") != [2] or max(shape) > 2)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, levels, shape).astype(rng.choice(["f8", "i2", "f4"]))
    mask = rng.random(shape) < share
    mask[0, :2, :2] = True
    voxel = {"kernelRadius": radius, "maskedKernel": masked}
    compare(Roi(pixels, mask, (2.0, 1.0, 1.0), "x"), config(None, voxel, **setting), alone=True)


@pytest.mark.parametrize(
    ("voxel", "setting"),
    [
        ({"initValue": -7.5}, {"binCount": 16}),
        ({"kernelRadius": 2, "maskedKernel": False, "initValue": float("nan")}, {"binCount": 16}),
        ({"kernelRadius": 3}, {"binWidth": 60}),
        (None, {"weightingNorm": "euclidean"}),
        (None, {"weightingNorm": "manhattan", "symmetricalGLCM": False}),
        (None, {"weightingNorm": "infinity", "distances": [1, 2]}),
        (None, {"weightingNorm": "no_weighting", "binCount": 8}),
        (None, {"force2D": True, "force2Ddimension": 2}),
        ({"maskedKernel": False}, {"force2D": True, "force2Ddimension": 1}),
        (None, {"gldm_a": 3, "binWidth": 5}),
        (None, {"resampledPixelSpacing": [1.5, 1.5, 1.5]}),
        (None, {"preCrop": True, "padDistance": 2}),
        (None, {"normalize": True, "normalizeScale": 100}),
        (None, {"resegmentRange": [200, 400]}),
    ],
    ids=str,
)
def test_every_setting(voxel: dict[str, Any] | None, setting: dict[str, Any]) -> None:
    compare(blob(), config(None, voxel, **setting))


def test_windows_taken_alone_are_equal_in_every_feature() -> None:
    """In one batch pyradiomics loses MCC as a whole and joint averages at the border."""
    ours = compare(blob(3, size=60), config(binCount=8), alone=True)
    assert len(ours) == 93
    inside = ours["x_original_glcm_mcc"].inside
    assert np.isfinite(inside).all()
    assert inside.std() > 0.01


TYPES: dict[str, Any] = {
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
    "Gradient": {},
    "LBP2D": {"binWidth": 1},
    "Wavelet": {"binCount": 6},
}


def test_every_image_type() -> None:
    classes = {"firstorder": ["Mean", "Entropy", "Skewness"], "glcm": ["Contrast", "Imc2"]}
    for voxel in ({}, {"maskedKernel": False}):
        parts = {
            "imageType": TYPES,
            "featureClass": classes,
            "setting": {"binCount": 16},
            "voxelSetting": voxel,
        }
        ours = compare(blob(4, size=60), ExtractionConfig.parse(parts, where="test"))
        assert len(ours) == 14 * 5


def test_laplacian_of_gaussian() -> None:
    """The recursive filter is cut off where it is below 1e-8: see the benchmark of the engine."""
    compare(blob(5), config({"LoG": {"sigma": [1.0]}}, binWidth=10), bound=1e-6)


def test_pictures_equal_one_slice() -> None:
    ours = compare(blob(6, (14, 15), 90), config(binCount=16))
    assert ours["x_original_firstorder_mean"].values().shape == (14, 15)


def test_one_slice_and_whole_image() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 9, (1, 6, 7))
    compare(Roi(pixels, np.ones(pixels.shape, bool), (1.0, 1.0, 1.0), "x"), config(binWidth=1))


def test_constant_region_gives_the_conventions() -> None:
    pixels = np.full((4, 5, 5), 0.1)
    mask = np.zeros(pixels.shape, bool)
    mask[1:3, 1:4, 1:4] = True
    ours = compare(Roi(pixels, mask, (1.0, 1.0, 1.0), "x"), config())
    assert set(ours["x_original_glcm_mcc"].inside) == {1.0}
    assert set(ours["x_original_ngtdm_coarseness"].inside) == {1e6}


def test_a_voxel_without_neighbours_is_undefined_where_pairs_are_needed() -> None:
    pixels = np.arange(49.0).reshape(7, 7)
    mask = np.zeros((7, 7), bool)
    mask[0, 0] = mask[4:6, 4:6] = True
    roi = Roi(pixels, mask, (1.0, 1.0), "x", spacing_known=False)
    found = list(feature_maps(roi, config(binWidth=1)))
    assert np.isnan(only(found, "x_original_glcm_contrast").inside).tolist() == [True] + 4 * [False]
    assert np.isnan(only(found, "x_original_glrlm_run_entropy").inside)[0]
    assert only(found, "x_original_glszm_zone_percentage").inside[0] == 1
    assert only(found, "x_original_firstorder_variance").inside[0] == 0


@pytest.mark.parametrize(
    ("roi", "setting", "message"),
    [
        (blob(size=1), {}, "single voxel"),
        (blob(size=40), {"minimumROISize": 1000}, "more than 1000 are required"),
        (
            Roi(np.eye(5), np.ones((5, 5), bool), (1.0, 1.0), "x", spacing_known=False),
            {"resampledPixelSpacing": [1, 1]},
            "does not say how large a pixel is",
        ),
    ],
)
def test_regions_without_maps_say_why(roi: Roi, setting: dict[str, Any], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        list(feature_maps(roi, config(**setting)))


def test_an_image_that_does_not_fit_leaves_the_others() -> None:
    found = list(feature_maps(blob(), config({"Original": {}, "LoG": {"sigma": [9.0]}})))
    assert sum(isinstance(f, FeatureMap) for f in found) == 93
    [lost] = [f for f in found if isinstance(f, NoMap)]
    assert "LoG 9 mm needs an image of" in lost.reason
    assert len(lost.columns) == 93
    assert lost.columns[0].startswith("x_log9mm_firstorder_")


def test_not_a_number_outside_matters_only_without_the_mask() -> None:
    roi = blob()
    pixels = roi.pixels.copy()
    pixels[-1, -1, -1] = np.nan
    masked = Roi(pixels, roi.mask, roi.spacing_mm, "x")
    assert isinstance(next(feature_maps(masked, config())), FeatureMap)
    whole = Roi(np.where(roi.mask, roi.pixels, np.nan), roi.mask, roi.spacing_mm, "x")
    found = next(feature_maps(whole, config(None, {"maskedKernel": False})))
    assert isinstance(found, NoMap)
    assert "NaN" in found.reason


def test_what_is_asked_for_is_what_comes() -> None:
    names = ["glcm_contrast", "ngtdm_*"]
    found = list(feature_maps(blob(), config(), features=names))
    assert len(found) == 6
    with pytest.raises(UsageError, match="did you mean 'glcm_contrast'"):
        next(feature_maps(blob(), config(), features=["glcm_contras"]))
    shape = ExtractionConfig.parse({"featureClass": {"shape": None}}, where="test")
    with pytest.raises(UsageError, match="no feature to map"):
        next(feature_maps(blob(), shape))
    twice = next(feature_maps(blob(), config(distances=[1, 1])))
    assert isinstance(twice, NoMap)
    assert "twice" in twice.reason


def _cut(roi: Roi, half: tuple[int, int, int]) -> Roi:
    centre = np.argwhere(roi.mask).mean(axis=0).astype(int)
    box = tuple(slice(max(c - h, 0), c + h + 1) for c, h in zip(centre, half, strict=True))
    kept = np.zeros_like(roi.mask)
    kept[box] = roi.mask[box]
    return Roi(roi.pixels, kept, roi.spacing_mm, "x", origin_mm=roi.origin_mm,
               direction=roi.direction)  # fmt: skip


@pytest.mark.external
@pytest.mark.parametrize("case", ["brain1", "breast1"])
@pytest.mark.parametrize(
    ("voxel", "setting"),
    [
        ({}, {"binWidth": 25}),
        ({"kernelRadius": 2}, {"binCount": 16}),
        ({"maskedKernel": False}, {"binCount": 32}),
    ],
)
def test_real_regions(
    case: str, voxel: dict[str, Any], setting: dict[str, Any], external_data: Path
) -> None:
    folder = external_data / "pyradiomics"
    roi = load_roi(
        folder / f"{case}_image.nrrd", folder / f"{case}_label.nrrd", mask_label=1, channel="x"
    )
    types = {"Original": {}, "Wavelet": {}} if not voxel else {"Original": {}}
    compare(_cut(roi, (2, 5, 6)), config(types, voxel, **setting))


@pytest.mark.external
@pytest.mark.parametrize("case", ["brain1", "breast1"])
def test_real_regions_window_by_window(case: str, external_data: Path) -> None:
    folder = external_data / "pyradiomics"
    roi = load_roi(
        folder / f"{case}_image.nrrd", folder / f"{case}_label.nrrd", mask_label=1, channel="x"
    )
    compare(_cut(roi, (1, 4, 5)), config(binCount=16), alone=True)
