"""The pyradiomics engine: pyradiomics' numbers, a reason for every gap, nothing global changed."""

from __future__ import annotations

import dataclasses
import logging
import math
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radiofib.engines import ExtractionConfig, default_config, get_engine, promised_columns
from radiofib.engines.prepare import to_simpleitk
from radiofib.errors import EngineError
from radiofib.registry import parse_column
from radiofib.roi import Roi
from radiofib.table.reasons import fold_reasons
from tests.engines.rois import ALL_IMAGES, TEXTURE, config, picture, volume

radiomics = pytest.importorskip("radiomics")
ENGINE = get_engine("pyradiomics")


def direct(image: Any, mask: Any, cfg: ExtractionConfig) -> dict[str, float]:
    """What pyradiomics' own extractor gives."""
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    data: dict[str, Any] = {
        "imageType": {name: own.given() for name, own in cfg.image_types.items()},
        "setting": {**cfg.settings.given(), "additionalInfo": False},
        "featureClass": cfg.feature_classes or dict.fromkeys((*TEXTURE, "shape")),
    }
    radiomics.setVerbosity(60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = RadiomicsFeatureExtractor(data).execute(image, mask)
    return {name: float(np.real(value)) for name, value in found.items()}


def assert_equal(roi: Roi, cfg: ExtractionConfig, reference: dict[str, float]) -> int:
    ours = ENGINE.extract(roi, cfg)
    assert list(ours.values) == promised_columns(cfg, roi.channel, roi.ndim)
    left = dict(reference)
    for column, value in ours.values.items():
        expected = left.pop(parse_column(column).pyradiomics_name.replace("-0-mm-", "-mm-"), None)
        if expected is None:
            expected = left.pop(parse_column(column).pyradiomics_name, math.nan)
        if math.isnan(expected):
            assert column in ours.missing, column
        else:
            assert value == pytest.approx(expected, rel=1e-12, abs=1e-12), column
    assert not left
    return len(ours.values) - len(ours.missing)


SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "bin count": {"binCount": 16},
    "normalised": {"normalize": True, "normalizeScale": 100, "removeOutliers": 3, "binWidth": 10},
    "resampled": {"resampledPixelSpacing": [1.5, 1.5, 2.0], "interpolator": "sitkLinear"},
    "resegmented": {"resegmentRange": [-2, 2], "resegmentMode": "sigma", "resegmentShape": True},
    "flat": {"force2D": True, "distances": [1, 2], "weightingNorm": "euclidean"},
    "cropped": {"preCrop": True, "padDistance": 6, "voxelArrayShift": 300, "gldm_a": 1},
    "asymmetric": {"symmetricalGLCM": False, "weightingNorm": "no_weighting"},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_equals_pyradiomics_under_many_settings(name: str) -> None:
    cfg = config(setting=SETTINGS[name], featureClass=dict.fromkeys((*TEXTURE, "shape")))
    roi = volume()
    assert assert_equal(roi, cfg, direct(*to_simpleitk(roi), cfg)) == 107


def test_equals_pyradiomics_for_all_image_types() -> None:
    cfg = config(
        imageType=ALL_IMAGES,
        featureClass=dict.fromkeys((*TEXTURE, "shape")),
        setting={"binCount": 12},
        region_rules="pyradiomics",
    )
    roi = volume(np.float64)
    assert assert_equal(roi, cfg, direct(*to_simpleitk(roi), cfg)) == 14 + 93 * 24


def test_a_picture_equals_one_slice_with_force2d() -> None:
    images = {k: v for k, v in ALL_IMAGES.items() if k != "LoG"}
    classes = dict.fromkeys((*TEXTURE, "shape2D"))
    cfg = config(imageType=images, featureClass=classes, setting={"binCount": 12, "force2D": True})
    roi = picture()
    slice_image = sitk.GetImageFromArray(roi.pixels[None])
    slice_image.SetSpacing((0.3, 0.4, 1.0))
    slice_mask = sitk.GetImageFromArray(roi.mask[None].astype(np.uint8))
    slice_mask.CopyInformation(slice_image)
    count = assert_equal(roi, cfg, direct(slice_image, slice_mask, cfg))
    assert count == 9 + 93 * 14


def test_log_of_a_picture_is_the_2d_filter() -> None:
    cfg = config(imageType={"LoG": {"sigma": [1.0]}}, featureClass={"firstorder": ["Mean"]})
    roi = picture()
    image, _ = to_simpleitk(roi)
    log = sitk.LaplacianRecursiveGaussian(image, 1.0, True)
    expected = float(sitk.GetArrayFromImage(log)[roi.mask].mean())
    assert ENGINE.extract(roi, cfg).values["us_log1mm_firstorder_mean"] == pytest.approx(expected)


def test_2d_shape_of_one_slice_of_a_volume() -> None:
    cfg = config(featureClass={"shape2D": None}, setting={"force2D": True})
    roi = volume()
    flat = np.zeros_like(roi.mask)
    flat[9] = roi.mask[9]
    found = ENGINE.extract(dataclasses.replace(roi, mask=flat), cfg)
    assert not found.missing
    area = found.values["t1_original_shape2d_pixel_surface"]
    assert area == pytest.approx(flat.sum() * 0.9 * 1.1)
    whole = ENGINE.extract(roi, cfg)
    assert set(whole.missing.values()) == {"2-D shape needs a region of one slice, this one has 9"}


def test_deprecated_features_by_name() -> None:
    cfg = config(
        featureClass={
            "firstorder": ["StandardDeviation", "Variance"],
            "shape": ["SphericalDisproportion", "Sphericity", "Compactness1", "Compactness2"],
        }
    )
    values = {parse_column(c).spec.name: v for c, v in ENGINE.extract(volume(), cfg).values.items()}
    assert values["standard_deviation"] ** 2 == pytest.approx(values["variance"])
    assert values["spherical_disproportion"] * values["sphericity"] == pytest.approx(1)
    assert values["compactness2"] == pytest.approx(values["sphericity"] ** 3)


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.uint16, np.int64, np.float16, np.float32, np.float64, ">i2"]
)
def test_pixel_types(dtype: Any) -> None:
    roi = picture()
    typed = dataclasses.replace(roi, pixels=roi.pixels.astype(dtype))
    cfg = config(featureClass={"firstorder": ["Mean"], "glcm": ["Contrast"]})
    assert ENGINE.extract(typed, cfg).values == pytest.approx(ENGINE.extract(roi, cfg).values)


def test_boolean_picture() -> None:
    roi = picture()
    cfg = config(featureClass={"firstorder": ["Mean"]}, setting={"binWidth": 1})
    black = dataclasses.replace(roi, pixels=roi.pixels > 100)
    [value] = ENGINE.extract(black, cfg).values.values()
    assert value == pytest.approx(float((roi.pixels > 100)[roi.mask].mean()))


# -- what a region cannot carry ----------------------------------------------------------------


def test_28x28_pictures_leave_out_what_they_cannot_carry() -> None:
    rng = np.random.default_rng(1)
    roi = Roi(rng.normal(90, 20, (28, 28)), np.ones((28, 28), bool), (1.0, 1.0), "us")
    cfg = config(
        imageType={
            "Original": {},
            "LoG": {"sigma": [1, 4.5, 5]},
            "Wavelet": {},
            "LBP2D": {"lbp2DRadius": 14},
            "LBP3D": {},
        },
        featureClass={"shape": None, "shape2D": None, "glcm": None},
        setting={"binCount": 32},
    )
    found = ENGINE.extract(roi, cfg)
    whole = "the region is the whole picture: its shape is the size of the picture"
    flat = "3-D local binary patterns need a 3-D image"
    columns = list(found.values)
    assert fold_reasons(found.missing, columns) == {
        "us_original_shape_*": whole,
        "us_original_shape2d_*": whole,
        "us_log5mm_*": "LoG 5 mm needs an image of 31 x 31 pixels or more, "
        "this one has 28 x 28 (x, y, z)",
        "us_log4p5mm_*": "LoG 4.5 mm needs an image of 29 x 29 pixels or more, "
        "this one has 28 x 28 (x, y, z)",
        "us_lbp2_*": "2-D LBP needs an image of 29 x 29 pixels or more, "
        "this one has 28 x 28 (x, y, z)",
        "us_lbp3m1_*": flat,
        "us_lbp3m2_*": flat,
        "us_lbp3k_*": flat,
    }
    as_is = ENGINE.extract(roi, cfg.model_copy(update={"region_rules": "pyradiomics"}))
    assert "us_original_shape2d_perimeter" not in as_is.missing
    assert "us_log5mm_glcm_contrast" not in as_is.missing


def test_default_ultrasound_needs_no_gap_on_28x28() -> None:
    rng = np.random.default_rng(1)
    roi = Roi(rng.normal(90, 20, (28, 28)), np.ones((28, 28), bool), (1.0, 1.0), "us")
    found = ENGINE.extract(roi, default_config("ultrasound"))
    assert (len(found.values), found.missing, found.flags) == (465, {}, {})


def with_mask(roi: Roi, *index: Any) -> Roi:
    mask = np.zeros_like(roi.mask)
    mask[index] = True
    return dataclasses.replace(roi, mask=mask)


@pytest.mark.parametrize(
    ("roi", "reason"),
    [
        (with_mask(picture(), 3, 4), "only contains 1 segmented voxel"),
        (with_mask(picture(), 3, slice(4, 9)), "too few dimensions .* 1, minimum required 2"),
        (with_mask(volume(), 3, 4, 4), "only contains 1 segmented voxel"),
    ],
)
def test_regions_that_carry_nothing(roi: Roi, reason: str) -> None:
    found = ENGINE.extract(roi, config())
    assert set(found.missing) == set(found.values)
    [said] = set(found.missing.values())
    assert pytest.importorskip("re").search(reason, said), said


def test_a_line_where_lines_are_allowed() -> None:
    roi = with_mask(picture(), 3, slice(4, 19))
    cfg = config(setting={"minimumROIDimensions": 1}, featureClass=dict.fromkeys(TEXTURE))
    assert not ENGINE.extract(roi, cfg).missing


def test_region_smaller_than_asked() -> None:
    found = ENGINE.extract(picture(), config(setting={"minimumROISize": 5000}))
    assert "Size of the ROI is too small" in next(iter(found.missing.values()))


def test_nothing_left_after_resegmentation() -> None:
    found = ENGINE.extract(picture(), config(setting={"resegmentRange": [1e6]}))
    assert "excluded too many voxels" in next(iter(found.missing.values()))


def test_region_without_neighbours_keeps_intensities() -> None:
    mask = np.zeros((30, 33), bool)
    mask[::9, ::9] = True
    found = ENGINE.extract(
        dataclasses.replace(picture(), mask=mask), config(featureClass=dict.fromkeys(TEXTURE))
    )
    assert {parse_column(c).spec.family for c in found.missing} == {"glcm"}
    assert found.flags["us_original_ngtdm_coarseness"].startswith("1e6 by convention")


def test_region_at_the_border() -> None:
    roi = with_mask(volume(), slice(0, 5), slice(0, 9), slice(17, 26))
    assert not ENGINE.extract(roi, default_config("mri")).missing


def test_too_many_grey_levels_lose_only_glcm() -> None:
    roi = volume(np.float64)
    roi = dataclasses.replace(roi, pixels=roi.pixels * 3000)
    found = ENGINE.extract(roi, config(featureClass=dict.fromkeys(("firstorder", "glcm", "gldm"))))
    assert {parse_column(c).spec.family for c in found.missing} == {"glcm"}
    assert "use a larger binWidth, or binCount" in next(iter(found.missing.values()))


def test_lbp3d_names_what_it_needs() -> None:
    cfg = config(imageType={"LBP3D": {}, "Original": {}}, featureClass={"firstorder": ["Mean"]})
    found = ENGINE.extract(volume(), cfg)
    assert math.isfinite(found.values["t1_original_firstorder_mean"])
    for column, reason in found.missing.items():
        assert column.startswith("t1_lbp3")
        assert "trimesh" in reason


def test_one_failing_filter_does_not_lose_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: Any, **__: Any) -> Any:
        raise RuntimeError("first line\nITK ERROR: no such luck")

    monkeypatch.setattr(radiomics.imageoperations, "getSquareImage", explode)
    cfg = config(
        imageType={"Original": {}, "Square": {}, "SquareRoot": {}},
        featureClass={"firstorder": ["Mean"]},
    )
    found = ENGINE.extract(picture(), cfg)
    assert found.missing == {
        "us_sq_firstorder_mean": "Square failed: RuntimeError: ITK ERROR: no such luck"
    }


def test_one_failing_class_or_feature_does_not_lose_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import radiomics.glcm
    import radiomics.gldm

    def explode(*_: Any, **__: Any) -> Any:
        raise ValueError("no matrix")

    monkeypatch.setattr(radiomics.glcm.RadiomicsGLCM, "_calculateMatrix", explode)
    monkeypatch.setattr(radiomics.gldm.RadiomicsGLDM, "getDependenceEntropyFeatureValue", explode)
    cfg = config(featureClass={"firstorder": ["Mean"], "glcm": None, "gldm": None})
    found = ENGINE.extract(picture(), cfg)
    assert fold_reasons(found.missing, list(found.values)) == {
        "us_original_glcm_*": "glcm failed in pyradiomics: ValueError: no matrix",
        "us_original_gldm_dependence_entropy": "pyradiomics: ValueError: no matrix",
    }


# -- NaN and infinity --------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_inside_is_an_error(bad: float) -> None:
    roi = volume(np.float64)
    pixels = roi.pixels.copy()
    pixels[9, 12, 12] = bad
    with pytest.raises(EngineError, match=r"NaN or infinite .*found 1 of \d+ voxels"):
        ENGINE.extract(dataclasses.replace(roi, pixels=pixels), config())


def test_not_finite_outside_loses_only_filtered_images() -> None:
    roi = volume(np.float64)
    pixels = roi.pixels.copy()
    pixels[0, 0, 0] = np.nan
    spoilt = dataclasses.replace(roi, pixels=pixels)
    cfg = config(
        imageType={"Original": {}, "Wavelet": {}}, featureClass={"firstorder": ["Mean", "Energy"]}
    )
    found = ENGINE.extract(spoilt, cfg)
    clean = ENGINE.extract(roi, cfg)
    for column, value in found.values.items():
        if column.startswith("t1_original"):
            assert value == clean.values[column]
        else:
            assert "would spread NaN" in found.missing[column]
    with pytest.raises(EngineError, match="normalising or resampling"):
        ENGINE.extract(spoilt, config(setting={"normalize": True}))
    with pytest.raises(EngineError, match="normalising or resampling"):
        ENGINE.extract(spoilt, config(setting={"resampledPixelSpacing": [2, 2, 2]}))


def test_all_zero_picture_loses_only_filters_that_divide_by_its_maximum() -> None:
    roi = dataclasses.replace(picture(), pixels=np.zeros((30, 33)))
    cfg = config(imageType=ALL_IMAGES, featureClass={"firstorder": ["Mean"]})
    found = ENGINE.extract(roi, cfg)
    assert {c.split("_")[1] for c in found.missing} == {"sq", "ln", "exp", "log2p5mm"}


def test_two_numbers_of_spacing_for_a_volume() -> None:
    with pytest.raises(EngineError, match="3 numbers"):
        ENGINE.extract(volume(), config(setting={"resampledPixelSpacing": [1, 1]}))


@pytest.mark.parametrize("spacing", [[1, 1], [1, 1, 0], [1, 1, 5]])
def test_resampling_a_picture(spacing: list[float]) -> None:
    cfg = config(
        setting={"resampledPixelSpacing": spacing}, featureClass={"shape2D": ["PixelSurface"]}
    )
    [area] = ENGINE.extract(picture(), cfg).values.values()
    assert area == round(area)


def test_resampling_needs_a_known_pixel_size() -> None:
    data: dict[str, Any] = {
        "setting": {"resampledPixelSpacing": [2, 2]},
        "featureClass": {"shape2D": ["PixelSurface"]},
    }
    roi = dataclasses.replace(picture(spacing_known=False), spacing_mm=(1.0, 1.0))
    with pytest.raises(EngineError, match="does not say how large a pixel is"):
        ENGINE.extract(roi, config(**data))
    found = ENGINE.extract(roi, config(**data, region_rules="pyradiomics"))
    assert found.values["us_original_shape2d_pixel_surface"] % 4 == 0


# -- conventions and remarks -------------------------------------------------------------------


def test_conventions_of_a_constant_region_are_kept_and_flagged() -> None:
    roi = dataclasses.replace(picture(), pixels=np.full((30, 33), 7.0))
    found = ENGINE.extract(roi, config(featureClass=dict.fromkeys(TEXTURE)))
    assert not found.missing
    expected = {
        "firstorder_skewness": 0.0,
        "firstorder_kurtosis": 0.0,
        "glcm_correlation": 1.0,
        "glcm_imc1": 0.0,
        "glcm_imc2": 0.0,
        "glcm_mcc": 1.0,
        "ngtdm_busyness": 0.0,
        "ngtdm_coarseness": 1e6,
        "ngtdm_contrast": 0.0,
        "ngtdm_strength": 0.0,
    }
    assert {parse_column(c).spec.key for c in found.flags} == set(expected)
    for key, value in expected.items():
        assert found.values[f"us_original_{key}"] == value


def test_one_level_in_some_directions_only_is_flagged() -> None:
    pixels = np.zeros((30, 33))
    pixels[10] = 100.0
    mask = np.zeros((30, 33), bool)
    mask[10, 3:20] = True
    mask[11, 3] = True
    roi = dataclasses.replace(picture(), pixels=pixels, mask=mask)
    found = ENGINE.extract(roi, config(featureClass={"glcm": None}))
    assert "1 by convention in 1 of 3 directions" in found.flags["us_original_glcm_correlation"]


def test_ordinary_regions_have_no_flags() -> None:
    assert not ENGINE.extract(volume(), config()).flags
    assert not ENGINE.extract(picture(), config()).flags


def test_unknown_spacing_is_flagged_where_it_matters() -> None:
    cfg = config(
        imageType={"Original": {}, "LoG": {"sigma": [1]}},
        featureClass={"shape2D": ["Perimeter", "Elongation"], "glcm": ["Contrast"]},
    )
    found = ENGINE.extract(picture(spacing_known=False), cfg)
    assert found.flags == {
        "us_original_shape2d_perimeter": "in pixels: the image does not say how large a pixel is",
        "us_log1mm_glcm_contrast": "filter width in pixels: the image does not say how large a "
        "pixel is",
    }


# -- manners -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_global_is_changed(fails: bool, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("radiomics")
    own = logging.NullHandler()
    logger.addHandler(own)
    logger.setLevel(logging.ERROR)

    def state() -> tuple[Any, ...]:
        return (
            list(logger.handlers),
            logger.level,
            logger.propagate,
            logger.disabled,
            np.geterr(),
            list(warnings.filters),
            sitk.ProcessObject.GetGlobalDefaultCoordinateTolerance(),
            sitk.ProcessObject.GetGlobalDefaultDirectionTolerance(),
            sitk.ProcessObject.GetGlobalDefaultNumberOfThreads(),
        )

    before = state()
    pixels = picture().pixels.copy()
    if fails:
        pixels[14, 16] = np.nan
    roi = dataclasses.replace(picture(), pixels=pixels)
    cfg = config(imageType=ALL_IMAGES, setting={"geometryTolerance": 0.5, "binCount": 8})
    try:
        ENGINE.extract(roi, cfg)
    except EngineError:
        assert fails
    assert state() == before
    logger.removeHandler(own)
    assert capsys.readouterr() == ("", "")


def test_the_region_is_not_changed() -> None:
    roi = volume(np.float64)
    pixels, mask = roi.pixels.copy(), roi.mask.copy()
    ENGINE.extract(
        roi, config(imageType=ALL_IMAGES, featureClass={"firstorder": None, "shape": None})
    )
    assert np.array_equal(roi.pixels, pixels)
    assert np.array_equal(roi.mask, mask)


def test_same_numbers_twice() -> None:
    cfg = config(imageType=ALL_IMAGES, setting={"binCount": 8})
    first, second = ENGINE.extract(picture(), cfg), ENGINE.extract(picture(), cfg)
    assert repr(first) == repr(second)


def test_engine_travels_between_processes() -> None:
    engine = pickle.loads(pickle.dumps(ENGINE))  # noqa: S301 - our own bytes
    assert engine.version == ENGINE.version
    assert "pyradiomics" in engine.version
    assert "SimpleITK" in engine.version


SMALL = config(
    imageType={"Original": {}, "LoG": {"sigma": [1]}, "Wavelet": {}, "Gradient": {}, "LBP2D": {}},
    featureClass={
        "shape": None,
        "shape2D": None,
        "firstorder": ["Kurtosis"],
        "glcm": ["MCC", "Imc2", "Correlation"],
        "glrlm": ["RunEntropy"],
        "glszm": ["ZoneVariance"],
        "gldm": ["DependenceVariance"],
        "ngtdm": None,
    },
    setting={"binCount": 4},
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([(7, 9), (1, 12), (3, 6, 7), (1, 8, 8), (2, 2, 2)]),
    st.integers(0, 2**32 - 1),
    st.floats(0.02, 1.0),
    st.sampled_from([1.0, 1e-9, 1e9]),
)
def test_any_region_gives_every_column_a_number_or_a_reason(
    shape: tuple[int, ...], seed: int, share: float, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < share
    mask.flat[rng.integers(mask.size)] = True
    roi = Roi(rng.integers(-3, 9, shape) * scale, mask, (1.0,) * len(shape), "x")
    found = ENGINE.extract(roi, SMALL)
    assert list(found.values) == promised_columns(SMALL, "x", len(shape))
    assert {c for c, v in found.values.items() if math.isnan(v)} == set(found.missing)
    assert all(math.isfinite(v) or math.isnan(v) for v in found.values.values())
    assert all(found.missing.values())
    assert not set(found.flags) & set(found.missing)
