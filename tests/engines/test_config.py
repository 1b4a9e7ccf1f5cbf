"""Parameter files: ours and pyradiomics', strict, and equal when they mean the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from radiofib.engines import ExtractionConfig, Settings, default_config, promised_columns
from radiofib.engines.settings import INTERPOLATORS
from radiofib.errors import ConfigError

# Laid out like the example parameter files people copy: comments, empty sections, short forms.
PARAMETER_FILE = """
# comment
imageType:
  Original: {}
  LoG:
    sigma: [2.0, 3, '4.5']
  Wavelet:
    binWidth: 10
featureClass:
  shape:
  firstorder: []
  glcm:
    - 'Autocorrelation'
    - 'JointAverage'
setting:
  normalize: true
  normalizeScale: 100
  interpolator: 'sitkBSpline'
  resampledPixelSpacing: [1, 1, 1]
  binWidth: 5
  geometryTolerance: 1e-3
  weightingNorm: null
  label: 1
  additionalInfo: true
"""


def parse(data: dict[str, Any]) -> ExtractionConfig:
    return ExtractionConfig.parse(data, where="params.yaml")


def test_pyradiomics_parameter_file_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "Params.yaml"
    path.write_text(PARAMETER_FILE)
    config = ExtractionConfig.read(path)
    assert config.settings.geometry_tolerance == 1e-3
    assert config.settings_for("LoG").sigma == (2.0, 3.0, 4.5)
    assert config.settings_for("Wavelet").bin_width == 10
    assert config.settings_for("Original").bin_width == 5
    keys = [s.key for s in config.features(ndim=3)]
    assert len([k for k in keys if k.startswith("shape_")]) == 14
    assert [k for k in keys if k.startswith("glcm")] == [
        "glcm_autocorrelation",
        "glcm_joint_average",
    ]
    (tmp_path / "params.json").write_text(json.dumps(yaml.safe_load(PARAMETER_FILE)))
    assert ExtractionConfig.read(tmp_path / "params.json").digest == config.digest


def test_every_key_of_pyradiomics_schema_is_known() -> None:
    radiomics = pytest.importorskip("radiomics")
    schema = Path(radiomics.__file__).parent / "schemas" / "paramSchema.yaml"
    content = yaml.safe_load(schema.read_text())
    theirs = set(content["mapping"]["setting"]["mapping"])
    ours = set(Settings().as_pyradiomics())
    assert theirs == ours


def test_defaults_equal_those_of_pyradiomics_extractor() -> None:
    pytest.importorskip("radiomics")
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    ours = Settings().as_pyradiomics()
    for key, value in RadiomicsFeatureExtractor._getDefaultSettings().items():
        assert ours[key] == value, key


def test_ours_and_pyradiomics_sections_mean_the_same() -> None:
    theirs = parse({"imageType": {"Wavelet": {}}, "setting": {"binWidth": 8}})
    ours = parse({"image_types": {"Wavelet": None}, "settings": {"bin_width": 8.0}})
    assert ours == theirs or ours.digest == theirs.digest
    assert ours.digest == theirs.digest


def test_written_defaults_and_all_features_do_not_change_the_digest() -> None:
    plain = parse({"featureClass": {"glcm": None}})
    spelt = parse({"setting": {"binWidth": 25, "label": 1}, "featureClass": {"glcm": []}})
    assert plain.digest == spelt.digest


@given(st.randoms(use_true_random=False))
def test_digest_does_not_depend_on_order(random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            random.shuffle(keys)
            return {k: shuffled(value[k]) for k in keys}
        return value

    data = yaml.safe_load(PARAMETER_FILE)
    again = parse(shuffled(data))
    first = parse(data)
    assert again.digest == first.digest
    assert promised_columns(again, "t1", 3) == promised_columns(first, "t1", 3)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"setting": {"binWidth": 24}}, False),
        ({"imageType": {"Original": {"binCount": 8}}}, False),
        ({"featureClass": {"glcm": ["Id"]}}, False),
        ({"region_rules": "pyradiomics"}, False),
        ({"setting": {"interpolator": 3}}, True),
    ],
)
def test_digest_changes_with_meaning(change: dict[str, Any], same: bool) -> None:
    assert (parse(change).digest == parse({}).digest) is same


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"setting": {"binWidht": 5}}, "'setting.binWidht' is not a known key.*'binWidth'"),
        ({"setting": {"binwidth": 5}}, "did you mean 'binWidth'"),
        ({"settings": {"bin_count": 8, "bincount": 9}}, "did you mean 'binCount'"),
        ({"seting": {}}, "'seting' is not a known key.*did you mean 'setting"),
        ({"imageType": {"LoG": {"sigmma": [1]}}}, "did you mean 'sigma'"),
        ({"imageType": {"Wavelett": {}}}, "did you mean 'Wavelet'"),
        ({"imageType": ["Original"]}, "expected a mapping from image type"),
        ({"imageType": {"LoG": {}}}, "LoG needs 'sigma'"),
        ({"featureClass": {"glcmm": None}}, "did you mean 'glcm'"),
        ({"featureClass": {"glcm": ["Contrasst"]}}, "did you mean 'Contrast'"),
        ({"featureClass": {"glcm": "Contrast"}}, "glcm: expected a list"),
        ({"featureClass": ["glcm"]}, "expected a mapping from feature class"),
        ({"setting": {"binWidth": 0}}, "greater than 0.*found 0"),
        ({"setting": {"binWidth": True}}, "expected a number"),
        ({"setting": {"binWidth": "wide"}}, "expected a number"),
        ({"setting": {"binWidth": float("nan")}}, "greater than 0"),
        ({"setting": {"resegmentRange": [float("inf")]}}, "finite"),
        ({"setting": {"binCount": 8.5}}, "expected a whole number"),
        ({"setting": {"binCount": True}}, "expected a whole number"),
        ({"setting": {"normalize": "yes"}}, "expected true or false"),
        ({"setting": {"normalize": 1}}, "expected true or false"),
        ({"setting": {"interpolator": "sitkBspline"}}, "did you mean 'sitkBSpline'"),
        ({"setting": {"interpolator": 11}}, "from 1 to 10"),
        ({"setting": {"wavelet": "cooif1"}}, "discrete wavelet.*did you mean 'coif1"),
        ({"setting": {"wavelet": "morl"}}, "discrete wavelet"),
        ({"setting": {"weightingNorm": "euclid"}}, "euclidean"),
        ({"setting": {"resegmentMode": "sigmas"}}, "sigma"),
        ({"setting": {"resegmentRange": [1, 2, 3]}}, "one lower threshold"),
        ({"setting": {"resampledPixelSpacing": [1]}}, "expected 3 numbers"),
        ({"setting": {"resampledPixelSpacing": 2}}, "resampledPixelSpacing"),
        ({"setting": {"distances": []}}, "at least one distance"),
        ({"setting": {"force2Ddimension": 3}}, "less than or equal to 2"),
        ({"setting": {"minimumROIDimensions": 4}}, "less than or equal to 3"),
        ({"setting": {"label": 0}}, "greater than 0"),
        ({"voxelSetting": {"kernelRadus": 1}}, "did you mean 'kernelRadius'"),
        ({"voxelSetting": {"kernelRadius": 0}}, "greater than 0"),
        ({"voxelSetting": {"maskedKernel": 1}}, "expected true or false"),
        ({"voxelSetting": {"binWidth": 5}}, "not a known key"),
        ({"setting": {"kernelRadius": 1}}, "not a known key"),
    ],
)
def test_what_is_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse(data)
    assert caught.value.where == "params.yaml"


def test_voxel_setting_is_typed_and_leaves_the_features_alone() -> None:
    plain = parse({})
    for empty in ({}, None):
        assert parse({"voxelSetting": empty}).remarks == ()
        assert parse({"voxelSetting": empty}).digest == plain.digest
    found = parse({"voxelSetting": {"kernelRadius": 2, "initValue": float("nan")}})
    assert found.voxel_settings is not None
    assert found.voxel_settings.kernel_radius == 2
    assert found.voxel_settings.masked_kernel is True
    assert found.canonical() == plain.canonical()
    [remark] = found.remarks
    assert "--maps" in remark


def test_one_key_under_two_names_is_refused() -> None:
    with pytest.raises(ConfigError):
        parse({"settings": {"binWidth": 5, "bin_width": 6}})


def test_one_section_under_two_names_is_refused() -> None:
    with pytest.raises(ConfigError):
        parse({"settings": {"binWidth": 5}, "setting": {"binWidth": 6}})


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        ExtractionConfig.read(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="no such file"):
        ExtractionConfig.read(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match="not valid JSON"):
        ExtractionConfig.read(tmp_path / "bad.json")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(ConfigError, match="mapping"):
        ExtractionConfig.read(tmp_path / "list.yaml")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert ExtractionConfig.read(tmp_path / "empty.yaml").digest == parse({}).digest


def test_interpolators_are_those_of_simpleitk() -> None:
    import SimpleITK as sitk

    assert all(hasattr(sitk, name) for name in INTERPOLATORS)
    # SimpleITK has since given B-splines other numbers; the documented ones keep their meaning.
    numbers = [parse({"setting": {"interpolator": n}}).settings.interpolator for n in (1, 2, 3, 10)]
    assert numbers == [
        "sitkNearestNeighbor",
        "sitkLinear",
        "sitkBSpline",
        "sitkBlackmanWindowedSinc",
    ]


def test_deprecated_features_come_only_by_name() -> None:
    by_class = parse({"featureClass": {"firstorder": None}})
    by_name = parse({"featureClass": {"firstorder": ["StandardDeviation", "Mean"]}})
    assert "firstorder_standard_deviation" not in [s.key for s in by_class.features(3)]
    assert [s.key for s in by_name.features(3)] == [
        "firstorder_mean",
        "firstorder_standard_deviation",
    ]


def test_remarks_name_what_has_no_effect() -> None:
    config = parse(
        {
            "imageType": {"Wavelet": {"normalize": True, "binWidth": 4}},
            "featureClass": {"glcm": ["Dissimilarity", "Id"]},
        }
    )
    assert config.remarks == (
        "glcm_Dissimilarity is not computed by pyradiomics: it equals glcm_DifferenceAverage",
        "normalize inside image type Wavelet has no effect: it acts before images are filtered",
    )


@pytest.mark.parametrize("kind", ["ultrasound", "mri", "ct"])
def test_defaults_promise_fitting_columns(kind: Any) -> None:
    config = default_config(kind)
    ndim = 2 if kind == "ultrasound" else 3
    columns = promised_columns(config, "abcdefg", ndim)
    assert len(set(columns)) == len(columns)
    has_shape = any("_shape" in c for c in columns)
    assert has_shape is (kind != "ultrasound")


def test_columns_of_a_volume_and_a_picture() -> None:
    config = parse({"imageType": {"Original": {}, "Wavelet": {}, "LBP3D": {}}})
    volume = promised_columns(config, "t1", 3)
    picture = promised_columns(config, "t1", 2)
    assert len(volume) == 14 + 93 * (1 + 8 + 3)
    assert len(picture) == 9 + 93 * (1 + 4 + 3)
    assert volume[0] == "t1_original_shape_elongation"
    assert picture[0] == "t1_original_shape2d_elongation"


def test_explicit_shape_is_promised_for_pictures_too() -> None:
    config = parse({"featureClass": {"shape": ["MeshVolume"], "firstorder": ["Mean"]}})
    assert promised_columns(config, "us", 2) == [
        "us_original_shape_mesh_volume",
        "us_original_firstorder_mean",
    ]


def test_flat_wavelets_of_a_volume() -> None:
    config = parse({"imageType": {"Wavelet": {"level": 2}}, "setting": {"force2D": True}})
    tokens = list(dict.fromkeys(c.split("_")[1] for c in promised_columns(config, "t1", 3)))
    assert tokens == ["original", "wlh", "whl", "whh", "w2lh", "w2hl", "w2hh", "w2ll"]


def test_long_channel_is_refused() -> None:
    with pytest.raises(ConfigError, match="shorten the channel name"):
        promised_columns(parse({}), "abcdefghij", 3)
