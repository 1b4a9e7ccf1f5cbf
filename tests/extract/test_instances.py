"""From a cohort to a table whose rows are slices, windows or patches of its cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

import radiofib.extract.prepared as prepared_module
from radiofib.cohort import Cohort
from radiofib.engines import ExtractionConfig, get_engine
from radiofib.engines.native import NativeEngine
from radiofib.errors import ConfigError, EngineError, Failure
from radiofib.extract import extract_features
from radiofib.extract.doubts import doubts_of
from radiofib.images import load_roi
from radiofib.roi import Roi
from radiofib.table import FeatureTable
from tests.extract.cohorts import cohort, config, two_sequences, ultrasound

SLICES = {"kind": "slices", "min_pixels": 10}


FEW_PIXELS = {"kind": "slices", "min_pixels": 4}


def run(
    data: Cohort, folder: Path, *, workers: int = 1, **sections: Any
) -> tuple[FeatureTable, list[Failure]]:
    settings = config(**{"instances": SLICES} | sections)
    return extract_features(data, settings, pieces_dir=folder / "pieces", workers=workers)


def volume(
    folder: Path, name: str, *, shape: tuple[int, int, int], step: float, start: float, seed: int
) -> dict[str, Any]:
    """Write a volume with its mask; slices `start` + `step` k mm lie in the region by height."""
    pixels = np.random.default_rng(seed).integers(0, 500, shape).astype(np.int16)
    image = sitk.GetImageFromArray(pixels)
    image.SetSpacing((1.0, 1.0, step))
    image.SetOrigin((0.0, 0.0, start))
    mask = np.zeros(shape, dtype=np.uint8)
    mask[1:-1, 2:-2, 2:-2] = 1
    drawn = sitk.GetImageFromArray(mask)
    drawn.CopyInformation(image)
    sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))
    sitk.WriteImage(drawn, str(folder / f"{name}_mask.nii.gz"))
    return {"image": f"{name}.nii.gz", "mask": f"{name}_mask.nii.gz"}


def two_grids(folder: Path) -> Cohort:
    """One case: GED4 in slices of 3 mm, T2 in slices of 7 mm, both over the same 40 mm."""
    ged4 = volume(folder, "ged4", shape=(15, 12, 12), step=3.0, start=0.0, seed=1)
    t2 = volume(folder, "t2", shape=(7, 10, 10), step=7.0, start=0.0, seed=2)
    rows = [{"case": "a", "channel": c, **f} for c, f in (("ged4", ged4), ("t2", t2))]
    return cohort(pd.DataFrame(rows), folder)


def test_rows_are_slices_and_equal_the_slice_measured_as_a_picture(tmp_path: Path) -> None:
    data = cohort(two_sequences(tmp_path), tmp_path)
    table, failures = run(data, tmp_path)
    assert failures == []
    assert list(table.obs.columns[:4]) == ["case", "patient", "instance", "stage"]
    assert table.obs["case"].tolist() == [c for c in ("m0", "m1", "m2") for _ in range(4)]
    assert table.obs["instance"].tolist() == [f"z00{k}" for k in (1, 2, 3, 4)] * 3
    settings = config()
    for row, (case, instance) in enumerate(
        zip(table.obs["case"], table.obs["instance"], strict=True)
    ):
        roi = load_roi(
            tmp_path / f"{case}_T1.nii.gz",
            tmp_path / f"{case}_T1_mask.nii.gz",
            mask_label=3,
            channel="t1",
        )
        k = int(instance[1:])
        picture = Roi(roi.pixels[k], roi.mask[k], roi.spacing_mm[1:], "t1")
        expected = NativeEngine().extract(picture, settings).values
        assert table.X.loc[row, list(expected)].to_dict() == expected


def test_windows_equal_a_mask_drawn_so(tmp_path: Path) -> None:
    data = cohort(two_sequences(tmp_path), tmp_path)
    window = {"kind": "windows", "size": 6, "min_share": 0.3}
    filters = {"imageType": {"Original": {}, "Wavelet": {}}}
    table, _ = run(data, tmp_path, instances=window, **filters)
    settings = config(**filters)
    assert table.n_rows > 3 * 2
    for row in range(0, table.n_rows, 5):
        case, name = table.obs.loc[row, ["case", "instance"]]
        roi = load_roi(
            tmp_path / f"{case}_T1.nii.gz",
            tmp_path / f"{case}_T1_mask.nii.gz",
            mask_label=3,
            channel="t1",
        )
        z, y, x = (int(name[i : i + 3]) for i in (1, 5, 9))
        mask = np.zeros_like(roi.mask)
        box = (slice(z, z + 6), slice(y, y + 6), slice(x, x + 6))
        mask[box] = roi.mask[box]
        drawn = Roi(roi.pixels, mask, roi.spacing_mm, "t1")
        expected = NativeEngine().extract(drawn, settings).values
        found = table.X.loc[row, list(expected)].to_dict()
        assert found == pytest.approx(expected, nan_ok=True, rel=1e-12)


def test_channels_on_different_grids_come_together_by_place(tmp_path: Path) -> None:
    table, failures = run(two_grids(tmp_path), tmp_path, instances=FEW_PIXELS)
    assert failures == []
    has = {c: table.X.filter(like=f"{c}_").notna().any(axis=1) for c in ("ged4", "t2")}
    # 13 slices of GED4 at 3 to 39 mm, 5 of T2 at 7 to 35 mm: each T2 slice has a GED4 slice near.
    assert has["ged4"].sum() == 13
    assert has["t2"].sum() == 5
    assert (has["ged4"] & has["t2"]).sum() == 5
    shared = table.obs["instance"][has["ged4"] & has["t2"]].tolist()
    assert shared == ["z002", "z005", "z007", "z009", "z012"]  # 6, 15, 21, 27 and 36 mm
    gaps = table.missing.set_index("instance")
    assert gaps.loc["z003", "reason"] == "the channel has no instance here"
    assert gaps.loc["z003", "column"] == "t2_*"


def test_facts_of_headers_are_those_of_the_volume(tmp_path: Path) -> None:
    table, _ = run(two_grids(tmp_path), tmp_path, instances=FEW_PIXELS)
    assert set(table.obs["geom_ged4_nz"].dropna()) == {15.0}
    assert set(table.obs["geom_t2_nx"].dropna()) == {10.0}
    assert set(table.obs["geom_t2_sz"].dropna()) == {7.0}


def test_shape_columns_are_those_of_two_axes(tmp_path: Path) -> None:
    data = cohort(two_sequences(tmp_path), tmp_path)
    every = {"featureClass": {"shape": ["MeshVolume"], "shape2D": ["PixelSurface"]}}
    table, _ = run(data, tmp_path, **every)
    assert table.X["t1_original_shape2d_pixel_surface"].notna().all()
    assert table.X["t1_original_shape_mesh_volume"].isna().all()


def test_instances_of_a_cohort_keep_their_names(tmp_path: Path) -> None:
    frame = ultrasound(tmp_path, 2).assign(case="c0", patient="p0", stage=1, scanner="A")
    frame["instance"] = ["f1", "f2"]
    data = cohort(frame, tmp_path)
    table, _ = run(data, tmp_path, instances={"kind": "patches", "size": 10})
    assert table.obs["instance"].tolist() == [
        f"{frame}/{place}"
        for frame in ("f1", "f2")
        for place in ("y000x000", "y000x010", "y010x000", "y010x010")
    ]
    assert table.obs["patient"].tolist() == ["p0"] * 8


@pytest.mark.slow
def test_same_bytes_for_any_number_of_workers(tmp_path: Path) -> None:
    data = cohort(two_sequences(tmp_path), tmp_path)
    written = []
    for number in (1, 2):
        folder = tmp_path / f"w{number}"
        folder.mkdir()
        table, _ = run(data, folder, workers=number)
        table.to_parquet(folder / "t.parquet")
        written.append((folder / "t.parquet").read_bytes())
    assert written[0] == written[1]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    original = prepared_module.load_roi

    def counted(image: Path, *args: Any, **keywords: Any) -> Any:
        names.append(Path(image).name)
        return original(image, *args, **keywords)

    monkeypatch.setattr(prepared_module, "load_roi", counted)
    return names


def test_finished_instances_are_kept_and_damaged_ones_made_again(
    tmp_path: Path, reads: list[str]
) -> None:
    data = cohort(two_sequences(tmp_path), tmp_path)
    first, _ = run(data, tmp_path)
    assert len(reads) == 5
    reads.clear()
    again, _ = run(data, tmp_path)
    assert reads == []
    pd.testing.assert_frame_equal(first.X, again.X)
    files = sorted((tmp_path / "pieces").glob("*.json"))
    assert len(files) == 5
    stored = json.loads(files[0].read_text())
    stored["content"]["values"][0][0] = 1e9
    files[0].write_text(json.dumps(stored))
    files[1].write_text("{")
    third, _ = run(data, tmp_path)
    assert len(reads) == 2
    pd.testing.assert_frame_equal(first.X, third.X)


def test_other_instances_are_measured_anew_and_whole_regions_keep_their_pieces(
    tmp_path: Path, reads: list[str]
) -> None:
    data = cohort(two_sequences(tmp_path), tmp_path)
    whole, _ = run(data, tmp_path, instances={"kind": "whole"})
    reads.clear()
    run(data, tmp_path)
    run(data, tmp_path, instances={"kind": "slices", "min_pixels": 11})
    assert len(reads) == 10
    reads.clear()
    kept, _ = run(data, tmp_path, instances={"kind": "whole"})
    assert reads == []
    plain, _ = extract_features(data, config(), pieces_dir=tmp_path / "pieces", workers=1)
    assert reads == []
    assert kept.provenance == plain.provenance == whole.provenance


def test_a_region_without_an_instance_is_a_failure_of_its_channel(tmp_path: Path) -> None:
    data = two_grids(tmp_path)
    # A slice of T2 holds 36 pixels of the region, one of GED4 64.
    table, failures = run(data, tmp_path, instances={"kind": "slices", "min_pixels": 50})
    [failure] = failures
    assert (failure.case, failure.channel, failure.step) == ("a", "t2", "extract")
    assert "no instance of kind 'slices' holds enough of the region" in failure.reason
    assert table.n_rows == 13
    assert not any(c.startswith("t2_") for c in table.X)


def test_an_instance_that_carries_nothing_is_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = NativeEngine.extract

    def broken(self: NativeEngine, roi: Roi, settings: ExtractionConfig) -> Any:
        if roi.n_voxels and float(np.asarray(roi.pixels).max()) == 480:
            raise EngineError("this slice is bad")
        return original(self, roi, settings)

    data = two_grids(tmp_path)
    path = tmp_path / "ged4.nii.gz"
    image = sitk.ReadImage(str(path))
    pixels = np.minimum(sitk.GetArrayFromImage(image), 400)
    pixels[4, 0, 0] = 480
    changed = sitk.GetImageFromArray(pixels)
    changed.CopyInformation(image)
    sitk.WriteImage(changed, str(path))
    monkeypatch.setattr(NativeEngine, "extract", broken)
    table, failures = run(data, tmp_path, instances=FEW_PIXELS)
    assert failures == []
    present = table.X.filter(like="ged4_").notna().any(axis=1)
    assert "z004" not in table.obs["instance"][present].tolist()
    assert present.sum() == 12
    notes = table.provenance["notes"]
    assert notes["ged4: # of # instances carry no feature: this slice is bad"] == 1
    assert notes["ged4: cut into # instances (slices)"] == 1


def test_one_image_under_two_names_is_doubted_once_for_a_case(tmp_path: Path) -> None:
    frame = two_sequences(tmp_path)
    frame.loc[frame["channel"] == "DWI", ["image", "mask"]] = ["m0_T1.nii.gz", "m0_T1_mask.nii.gz"]
    table, _ = run(cohort(frame.iloc[:2], tmp_path), tmp_path)
    doubts = doubts_of(table)
    assert doubts["channel"].tolist() == ["t1", "dwi"]
    assert doubts["instance"].tolist() == ["", ""]


@pytest.mark.parametrize("section", [{"features": ["ucl"]}, {"functional": {}}])
def test_features_of_the_whole_organ_are_refused_for_parts(section: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="describe a whole organ"):
        config(instances=SLICES, liver=section)


def test_whole_regions_have_the_hash_they_had() -> None:
    plain, named = config(), config(instances={"kind": "whole"}, texture=True)
    assert plain.canonical() == named.canonical()
    assert "instances" not in plain.canonical()
    assert plain.model_dump(mode="json") == named.model_dump(mode="json")
    assert "texture" not in plain.model_dump(mode="json")
    other = config(instances=SLICES)
    assert other.digest != plain.digest
    assert ExtractionConfig.parse(other.model_dump(), where="again") == other


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        ({"kind": "slices", "min_pixel": 3}, "did you mean 'min_pixels'"),
        ({"kind": "slice"}, "does not match any of the expected tags"),
        ({"kind": "windows"}, "Field required"),
        ({"kind": "windows", "size": -1}, "greater than 0"),
    ],
)
def test_bad_instances_are_refused(instances: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(instances=instances)


def test_organ_features_alone(tmp_path: Path) -> None:
    data = cohort(two_sequences(tmp_path), tmp_path)
    only = ExtractionConfig.parse({"texture": False, "liver": {"features": ["ucl"]}}, where="test")
    table, failures = extract_features(data, only, pieces_dir=tmp_path / "pieces", workers=1)
    assert failures == []
    assert {c.split("_")[2] for c in table.X} == {"ucl"}
    assert table.n_features == 2 * 31  # the 32nd is the scanner
    with pytest.raises(ConfigError, match="leaves nothing"):
        ExtractionConfig.parse({"texture": False}, where="test")


def test_pyradiomics_measures_instances_too(tmp_path: Path) -> None:
    pytest.importorskip("radiomics")
    data = cohort(two_sequences(tmp_path).iloc[:1], tmp_path)
    tables = [
        run(data, tmp_path, engine=name, instances={"kind": "windows", "size": 7})[0]
        for name in ("native", "pyradiomics")
    ]
    assert get_engine("pyradiomics").name == "pyradiomics"
    assert tables[0].n_rows == tables[1].n_rows > 1
    np.testing.assert_allclose(tables[0].X, tables[1].X, rtol=1e-9)


def test_organ_features_on_the_prepared_image(tmp_path: Path) -> None:
    data = cohort(two_sequences(tmp_path).iloc[:1], tmp_path)
    prepared = {"normalise": {"method": "zscore", "inside": "region", "scale": 100}}
    tables = {}
    for on in ("drawn", "measured"):
        section = {"preprocessing": prepared, "features": ["ucl"], "features_on": on}
        settings = ExtractionConfig.parse({"texture": False, "liver": section}, where="test")
        tables[on], _ = extract_features(data, settings, pieces_dir=tmp_path / on, workers=1)
    mean = "t1_original_ucl_intensity_mean"
    assert tables["measured"].X[mean][0] == pytest.approx(0, abs=1e-3)
    assert tables["drawn"].X[mean][0] > 100
    volume = "t1_original_ucl_volume"
    assert tables["measured"].X[volume][0] == tables["drawn"].X[volume][0]
    plain = ExtractionConfig.parse({"liver": {"features": ["ucl"]}}, where="test")
    assert "features_on" not in plain.canonical()["liver"]
