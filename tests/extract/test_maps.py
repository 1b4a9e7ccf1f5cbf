"""Maps on disk: where they are, what they hold, the same bytes, only what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pytest
import SimpleITK as sitk

from radiofib.cohort import Cohort
from radiofib.engines import ExtractionConfig
from radiofib.engines.native.maps import feature_maps
from radiofib.errors import Failure, UsageError
from radiofib.extract.maps import check_maps, write_maps
from radiofib.images import load_roi
from tests.extract.cohorts import cohort, config, two_sequences, ultrasound

COLUMNS = ("firstorder_mean", "firstorder_variance", "glcm_contrast")


def run(data: Cohort, folder: Path, **options: Any) -> tuple[pd.DataFrame, list[Failure]]:
    options = {"config": config(), "workers": 1, **options}
    return write_maps(data, options.pop("config"), folder / "maps", **options)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_maps_of_volumes_lie_on_the_image(tmp_path: Path) -> None:
    data = cohort(two_sequences(tmp_path), tmp_path)
    index, failures = run(data, tmp_path)
    assert failures == []
    assert list(index["case"]) == ["m0"] * 6 + ["m1"] * 3 + ["m2"] * 6
    stored = pd.read_csv(tmp_path / "maps" / "maps.csv")
    assert list(stored["file"]) == list(index["file"])
    assert list(stored.columns[:6]) == ["case", "instance", "channel", "column", "unit", "file"]
    row = index[index["column"] == "t1_original_glcm_contrast"].iloc[0]
    assert row["file"] == "m0/t1_original_glcm_contrast.nii.gz"
    source = sitk.ReadImage(str(tmp_path / "m0_T1.nii.gz"))
    found = sitk.ReadImage(str(tmp_path / "maps" / row["file"]))
    assert found.GetSize() == source.GetSize()
    assert np.allclose(found.GetSpacing(), source.GetSpacing(), rtol=1e-6)
    assert np.allclose(found.GetOrigin(), source.GetOrigin())
    assert found.GetDirection() == source.GetDirection()
    roi = load_roi(
        tmp_path / "m0_T1.nii.gz", tmp_path / "m0_T1_mask.nii.gz", mask_label=3, channel="t1"
    )
    wanted = {f.column: f for f in feature_maps(roi, config())}[row["column"]]
    values = sitk.GetArrayFromImage(found)
    assert np.array_equal(values, wanted.values())
    assert row["voxels"] == roi.n_voxels == 256
    assert row["undefined"] == 0
    inside = values[roi.mask]
    assert (row["minimum"], row["median"], row["maximum"]) == (
        inside.min(), np.median(inside), inside.max(),
    )  # fmt: skip
    assert (tmp_path / "maps" / row["picture"]).read_bytes()[:4] == b"\x89PNG"


def test_same_bytes_for_any_number_of_workers(tmp_path: Path) -> None:
    data = cohort(two_sequences(tmp_path), tmp_path)
    run(data, tmp_path / "one", workers=1)
    run(data, tmp_path / "two", workers=2)
    one, two = files(tmp_path / "one"), files(tmp_path / "two")
    assert one == two
    assert len(one) == 5 * 3 * 2 + 5 + 1
    assert not [name for name in one if "part" in name]


def test_second_run_writes_only_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import radiofib.extract.prepared as module

    read: list[str] = []
    original = module.load_roi

    def counted(image: Path, *args: Any, **keywords: Any) -> Any:
        read.append(Path(image).stem)
        return original(image, *args, **keywords)

    monkeypatch.setattr(module, "load_roi", counted)
    data = cohort(ultrasound(tmp_path, 3), tmp_path)
    first, _ = run(data, tmp_path)
    before = files(tmp_path / "maps")
    assert read == ["c0", "c1", "c2"]
    second, _ = run(data, tmp_path)
    assert read == ["c0", "c1", "c2"]
    pd.testing.assert_frame_equal(first, second)
    home = tmp_path / "maps"
    (home / "c0" / "us_original_glcm_contrast.nii.gz").write_bytes(b"damaged")
    (home / "c1" / "us_original_firstorder_mean.png").unlink()
    next((home / "pieces").glob("*.json")).write_text("{")
    run(data, tmp_path)
    assert files(home) == before
    read.clear()
    run(data, tmp_path, config=config(voxelSetting={"kernelRadius": 2}))
    assert len(read) == 3
    assert files(home) != before
    run(data, tmp_path)  # and back again: the files are others, so they are written again
    assert {k: v for k, v in files(home).items() if k in before} == before


def test_failures_are_listed_and_stop_nobody(tmp_path: Path) -> None:
    frame = ultrasound(tmp_path, 3)
    (tmp_path / "c1.png").write_bytes(b"no picture")
    index, failures = run(cohort(frame, tmp_path), tmp_path)
    assert [(f.case, f.channel, f.step) for f in failures] == [("c1", "us", "read")]
    assert list(index["case"].unique()) == ["c0", "c2"]


def test_what_has_no_map_is_in_the_index_with_its_reason(tmp_path: Path) -> None:
    own = config(imageType={"Original": {}, "LoG": {"sigma": [5]}})
    index, failures = run(cohort(ultrasound(tmp_path, 1), tmp_path), tmp_path, config=own)
    assert failures == []
    lost = index[index["reason"] != ""]
    assert list(lost["column"]) == [f"us_log5mm_{name}" for name in COLUMNS]
    assert lost["reason"].str.contains("needs an image of").all()
    assert (lost["file"] == "").all()
    stored = pd.read_csv(tmp_path / "maps" / "maps.csv")
    assert list(stored["file"].isna()) == [False] * 3 + [True] * 3


def test_nrrd_of_a_resampled_image_without_pictures(tmp_path: Path) -> None:
    own = config(setting={"resampledPixelSpacing": [1, 1, 2], "padDistance": 1})
    data = cohort(two_sequences(tmp_path), tmp_path)
    index, _ = run(data, tmp_path, config=own, file_format="nrrd", pictures=False)
    assert (index["picture"] == "").all()
    found = sitk.ReadImage(str(tmp_path / "maps" / index["file"][0]))
    assert found.GetSpacing() == (1.0, 1.0, 2.0)
    assert found.GetOrigin() != (0.0, 0.0, 0.0)
    assert not list((tmp_path / "maps").rglob("*.png"))


def test_features_can_be_chosen(tmp_path: Path) -> None:
    data = cohort(ultrasound(tmp_path, 1), tmp_path)
    index, _ = run(data, tmp_path, features=["firstorder_*"])
    assert list(index["column"]) == [f"us_original_{name}" for name in COLUMNS[:2]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"config": ExtractionConfig(engine="pyradiomics")}, "only the native engine"),
        ({"file_format": "nii"}, "did you mean 'nii.gz'"),
        ({"features": ["glcm_contras"]}, "did you mean 'glcm_contrast'"),
    ],
)
def test_wrong_wishes_are_refused_before_work(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        run(cohort(ultrasound(tmp_path, 1), tmp_path), tmp_path, **options)
    assert not (tmp_path / "maps").exists()


def test_profile_ibsi_has_no_maps() -> None:
    ibsi = ExtractionConfig.parse({"profile": "ibsi"}, where="config.yaml")
    with pytest.raises(UsageError, match="profile pyradiomics"):
        check_maps(ibsi)


def test_names_that_are_no_file_names(tmp_path: Path) -> None:
    frame = ultrasound(tmp_path, 3)
    frame["case"] = ["../up/and:away", "CON", "c\u00e4se"]
    frame["patient"] = frame["case"]
    index, failures = run(cohort(frame, tmp_path), tmp_path)
    assert failures == []
    assert list(index["case"][::3]) == list(frame["case"])
    folders = {name.split("/")[0] for name in index["file"]}
    assert len(folders) == 3
    assert all(name.isascii() and name.replace("-", "").replace("_", "").isalnum()
               for name in folders)  # fmt: skip
    assert {p.parent.name for p in (tmp_path / "maps").rglob("*.nii.gz")} == folders


def test_no_map_of_a_picture_with_a_name_burned_in(tmp_path: Path) -> None:
    """Features of it stay; a picture that was cleaned is mapped as it is."""
    screen = np.zeros((120, 160), np.uint8)
    screen[20:110, 40:120] = np.random.default_rng(0).integers(20, 120, (90, 80))
    PIL.Image.fromarray(screen).save(tmp_path / "plain.png")
    screen[5:12, 5:60:6] = 255
    PIL.Image.fromarray(screen).save(tmp_path / "named.png")
    mask = np.zeros_like(screen)
    mask[60:66, 60:66] = 255
    PIL.Image.fromarray(mask).save(tmp_path / "mask.png")
    rows = [
        {"case": c, "channel": "us", "image": f"{c}.png", "mask": "mask.png"}
        for c in ("plain", "named")
    ]
    features = ["firstorder_mean"]
    index, failures = run(cohort(pd.DataFrame(rows), tmp_path), tmp_path, features=features)
    assert set(index["case"]) == {"plain"}
    [failure] = failures
    assert failure.case == "named"
    assert "burned into the picture" in failure.reason
    assert "radiofib ultrasound clean" in failure.reason
    assert not any("named" in name for name in files(tmp_path / "maps") if "pieces" not in name)
    rows[1]["image_look"] = "0" * 64
    index, failures = run(cohort(pd.DataFrame(rows), tmp_path), tmp_path, features=features)
    assert set(index["case"]) == {"plain", "named"}
