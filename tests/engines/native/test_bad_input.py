"""Bad input through files, `load_roi` and `extract`: pyradiomics' values or a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

pytest.importorskip("radiomics", reason="the reference is not installed")

from radiofib.cli.app import app
from radiofib.engines import ExtractionConfig, get_engine
from radiofib.engines.native import region as native_region
from radiofib.errors import EngineError, ImageError, MaskError
from radiofib.images import load_roi
from radiofib.preprocess import memory
from radiofib.roi import Roi
from radiofib.table import FeatureTable
from tests.equality.compare import compare
from tests.equality.regions import Plan, configuration

SHAPE = (7, 12, 14)
NOISE = np.random.default_rng(7).normal(100, 30, SHAPE).astype(np.float32)


def box(*parts: slice | int, value: float = 1, dtype: Any = np.uint8) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype)
    mask[parts] = value
    return mask


BLOCK = box(slice(1, 5), slice(2, 9), slice(2, 9))
#: Image, mask, spacing along z, y, x.
CASES: dict[str, tuple[np.ndarray, np.ndarray, tuple[float, ...]]] = {
    "line": (NOISE, box(3, 5, slice(2, 9)), (1, 1, 1)),
    "slice": (NOISE, box(3, slice(2, 9), slice(2, 9)), (1, 1, 1)),
    "constant": (np.full_like(NOISE, 7), BLOCK, (1, 1, 1)),
    "zeros": (np.zeros_like(NOISE), BLOCK, (1, 1, 1)),
    "picture": (NOISE[:1], BLOCK[1:2], (1, 1, 1)),
    "border": (NOISE, np.ones(SHAPE, np.uint8), (1, 1, 1)),
    "corner": (NOISE, box(slice(0, 3), slice(0, 4), slice(10, 14)), (1, 1, 1)),
    "flat": (NOISE, BLOCK, (10, 1, 1)),
    "tall": (NOISE, BLOCK, (1, 10, 10)),
    "label": (NOISE, BLOCK * 255, (1, 1, 1)),
    "floats": (NOISE, BLOCK.astype(np.float32), (1, 1, 1)),
    "doubles": (NOISE, box(slice(1, 5), slice(2, 9), value=255, dtype=np.float64), (1, 1, 1)),
    "levels": ((NOISE * 12_000).astype(np.int32), BLOCK, (1, 1, 1)),
    "voxel": (NOISE, box(3, 5, 5), (1, 1, 1)),
    "hollow": (np.full_like(NOISE, np.nan), BLOCK, (1, 1, 1)),
    "fractions": (NOISE, BLOCK * 0.5, (1, 1, 1)),
}
REFUSED = {
    "voxel": "single voxel",
    "hollow": "values that are not numbers",
    "fractions": "does not hold whole label numbers",
}


def save(folder: Path, name: str, suffix: str = "nii.gz") -> tuple[Path, Path]:
    image, mask, spacing = CASES[name]
    paths = folder / f"{name}.{suffix}", folder / f"{name}_mask.{suffix}"
    for array, path in zip((image, mask), paths, strict=True):
        made = sitk.GetImageFromArray(array)
        made.SetSpacing([float(s) for s in reversed(spacing)])
        sitk.WriteImage(made, str(path))
    return paths


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd"])
@pytest.mark.parametrize("name", sorted(set(CASES) - set(REFUSED) - {"levels"}))
def test_files_give_the_values_of_pyradiomics(tmp_path: Path, name: str, suffix: str) -> None:
    image, mask = save(tmp_path, name, suffix)
    roi = load_roi(image, mask, channel="x")
    assert roi.n_voxels == np.count_nonzero(CASES[name][1])
    types: dict[str, dict[str, Any]] = {"Original": {}, "Wavelet": {}, "Square": {}, "LBP2D": {}}
    found = compare(roi, configuration({"minimumROIDimensions": 1}, types))
    assert {k: v.wrong for k, v in found.items() if v.wrong} == {}
    assert found["Original"].values + found["Original"].undefined == 107
    assert found["Original"].values >= 100


def test_the_command(tmp_path: Path) -> None:
    rows = [
        {"case": name, "channel": "x", "image": i.name, "mask": m.name, "mask_label": label(name)}
        for name in CASES
        for i, m in [save(tmp_path, name)]
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "cohort.csv", index=False)
    parameters = {"setting": {"binWidth": 25, "minimumROIDimensions": 1}}
    (tmp_path / "params.json").write_text(json.dumps(parameters))
    tables: dict[str, FeatureTable] = {}
    for engine in ("native", "pyradiomics"):
        out = tmp_path / engine / "features.parquet"
        done = CliRunner().invoke(
            app,
            ["extract", str(tmp_path / "cohort.csv"), "--out", str(out), "--engine", engine,
             "--config", str(tmp_path / "params.json"), "--workers", "1"],
        )  # fmt: skip
        assert done.exit_code == 3, done.output  # done, with failures
        tables[engine] = FeatureTable.from_parquet(out)
        failures = pd.read_csv(out.with_name("features.failures.csv")).set_index("case")
        assert set(failures.index) == set(REFUSED)
        for name, words in REFUSED.items():
            assert words in failures.loc[name, "reason"]
    ours, theirs = tables["native"], tables["pyradiomics"]
    assert list(ours.obs["case"]) == [name for name in CASES if name not in REFUSED]
    pd.testing.assert_frame_equal(ours.X, theirs.X, rtol=1e-9, atol=1e-9)
    assert set(map(tuple, ours.missing[["case", "column"]].to_numpy())) == set(
        map(tuple, theirs.missing[["case", "column"]].to_numpy())
    )
    said = ours.missing.set_index("case").loc["levels", "reason"]
    assert "grey levels make a co-occurrence matrix" in said
    constant = ours.X.set_index(ours.obs["case"]).loc["constant"]
    conventions = {"firstorder_skewness": 0, "glcm_mcc": 1, "ngtdm_coarseness": 1e6}
    for feature, value in conventions.items():
        assert constant[f"x_original_{feature}"] == value


def label(name: str) -> int:
    return 255 if name in ("label", "doubles") else 1


def test_conventions_are_flagged() -> None:
    image, mask, _ = CASES["constant"]
    config = ExtractionConfig.parse({}, where="test")
    flags = get_engine("native").extract(Roi(image, mask > 0, (1.0,) * 3, "x"), config).flags
    assert {
        "x_original_firstorder_skewness",
        "x_original_firstorder_kurtosis",
        "x_original_glcm_mcc",
        "x_original_ngtdm_coarseness",
    } <= set(flags)
    assert all("by convention" in text for text in flags.values())


@pytest.mark.parametrize("width", [0.0, float("nan"), float("inf"), -1.0])
def test_no_region_has_such_a_spacing(width: float) -> None:
    with pytest.raises(MaskError, match="spacing must be one positive number"):
        Roi(NOISE, BLOCK > 0, (1.0, width, 1.0), "x")


@pytest.mark.parametrize("sizes", ["0 1 1", "1 1 0", "inf 1 1"])
def test_files_that_state_no_voxel_size(tmp_path: Path, sizes: str) -> None:
    path = tmp_path / "a.nrrd"
    head = f"NRRD0004\ntype: float\ndimension: 3\nsizes: 14 12 7\nspacings: {sizes}\n"
    path.write_bytes(f"{head}encoding: raw\nendian: little\n\n".encode() + NOISE.tobytes())
    with pytest.raises(ImageError, match=r"voxel size that is none.*correct the spacing"):
        load_roi(path, None, channel="x")


def test_pixels_of_unknown_size_are_said_to_be(tmp_path: Path) -> None:
    image, mask = save(tmp_path, "slice", "nii")
    for path in (image, mask):
        header = bytearray(path.read_bytes())
        header[80:84] = np.float32(0).tobytes()  # NIfTI's "not stated"
        path.write_bytes(bytes(header))
    roi = load_roi(image, mask, channel="x")
    assert not roi.spacing_known
    found = get_engine("native").extract(roi, ExtractionConfig.parse({}, where="test"))
    assert "in pixels" in found.flags["x_original_shape_mesh_volume"]


def test_a_region_too_large_for_memory_is_refused_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any, **keywords: Any) -> Any:
        raise AssertionError("resampled all the same")

    monkeypatch.setattr(native_region, "resample", never)
    roi = Roi(NOISE, BLOCK > 0, (3.0, 1.0, 1.0), "x")
    setting = {"resampledPixelSpacing": [0.001, 0.001, 0.001]}
    with pytest.raises(EngineError, match=r"GiB; found [\d,]+ voxels at 0.001 x .* larger"):
        get_engine("native").extract(roi, ExtractionConfig.parse({"setting": setting}, where="t"))


def test_bands_count_in_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    roi = Roi(NOISE, BLOCK > 0, (2.0, 1.0, 1.0), "x")
    setting = {"resampledPixelSpacing": [1, 1, 1], "binCount": 8}
    # 13 voxels along each axis but 19 along z: enough for one image, not for eight bands.
    monkeypatch.setattr(memory, "available_bytes", lambda: 13 * 13 * 19 * 100)
    engine = get_engine("native")
    plain = ExtractionConfig.parse({"setting": setting}, where="t")
    assert not engine.extract(roi, plain).missing
    bands = ExtractionConfig.parse({"setting": setting, "imageType": {"Wavelet": {}}}, where="t")
    with pytest.raises(EngineError, match="the resampled region does not fit into memory"):
        engine.extract(roi, bands)


def test_a_matrix_too_large_for_memory_loses_its_family_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**6)
    sections = {"setting": {"binWidth": 0.01}, "region_rules": "pyradiomics"}
    found = get_engine("native").extract(
        Roi(NOISE, BLOCK > 0, (1.0,) * 3, "x"), ExtractionConfig.parse(sections, where="t")
    )
    assert {c.split("_")[2] for c in found.missing} == {"glcm"}
    assert "193 grey levels in 13 directions" in found.missing["x_original_glcm_contrast"]


def test_one_band_that_cannot_be_cut_into_bins_leaves_the_others() -> None:
    """Two equal voxels differ by rounding alone in some of the bands."""
    plan = Plan(84506, (5, 13, 2), "smooth", "line", "float64", (1.0, 0.3, 1.2))
    types: dict[str, dict[str, Any]] = {"Original": {}, "Wavelet": {"wavelet": "db3"}}
    found = compare(plan.roi(), configuration({"binCount": 32, "minimumROIDimensions": 1}, types))
    assert {k: v.wrong for k, v in found.items() if v.wrong} == {}
    assert min(found["Wavelet"].values, found["Wavelet"].undefined) >= 93


def test_a_distance_beyond_the_region_is_a_reason() -> None:
    roi = Roi(NOISE, box(3, slice(2, 4), slice(2, 4)) > 0, (1.0,) * 3, "x")
    found = get_engine("native").extract(roi, configuration({"distances": [2, 3]}))
    reason = "no two voxels of the region can be neighbours at distance 2 or 3"
    assert found.missing["x_original_glcm_contrast"] == reason
    assert found.missing["x_original_gldm_dependence_entropy"] == reason
    assert "x_original_glrlm_run_entropy" not in found.missing
