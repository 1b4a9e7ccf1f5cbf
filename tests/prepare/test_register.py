"""What becomes of a cohort whose channels are aligned, or cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from radiofib.cohort import Acquisition, Cohort
from radiofib.engines import ExtractionConfig
from radiofib.errors import CohortError, RadiofibError
from radiofib.extract import extract_features
from radiofib.images import load_roi
from radiofib.prepare import LOST, Registered, RegistrationPlan, register_cohort
from tests.images.test_edge import SPACING, abdomen
from tests.prepare.cases import LIVER, cohort, mask, patient, registration

SHIFT = 4.0


def run(data: Cohort, folder: Path, **options: Any) -> Registered:
    return register_cohort(data, RegistrationPlan(**options), folder / "out", workers=1)


def by_channel(found: Registered) -> dict[str, Acquisition]:
    """Return what is measured: a lost channel stays in the cohort with its reason alone."""
    return {a.channel: a for a in found.cohort.acquisitions if not is_lost(a)}


def is_lost(a: Acquisition) -> bool:
    return a.extra["registration"].startswith(LOST)


@pytest.fixture
def aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radiofib.prepare.pair.register_pair", registration(SHIFT))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    unlike = registration(0.0, "failed", ("the images have nothing in common",))
    monkeypatch.setattr("radiofib.prepare.pair.register_pair", unlike)


def roi_of(a: Acquisition) -> Any:
    return load_roi(a.image, a.mask, mask_label=a.mask_label, channel=a.channel)


@pytest.mark.usefixtures("aligned")
def test_a_channel_is_measured_on_the_reference_with_its_mask(tmp_path: Path) -> None:
    data = cohort(tmp_path, patient(tmp_path, "a", shift_mm=SHIFT))
    found = run(data, tmp_path)
    t1, ged4 = by_channel(found)["t1"], by_channel(found)["ged4"]
    assert (t1.extra["registration"], ged4.extra["registration"]) == ("good", "reference")
    assert not found.failures
    roi = roi_of(t1)
    assert roi.n_voxels == np.zeros((10, 16, 18))[LIVER].size
    # The bright box lies under the mask again: every voxel there is above the level outside.
    assert roi.values.min() > 150
    row = found.quality.iloc[0]
    assert row["verdict"] == "good"
    assert row["shift_mm"] == pytest.approx(SHIFT)
    assert row["rotation_deg"] == pytest.approx(0.0, abs=1e-6)
    assert row["inverse_consistency_mm"] is None


@pytest.mark.usefixtures("aligned")
def test_on_the_native_grid_the_mask_is_carried_back(tmp_path: Path) -> None:
    data = cohort(tmp_path, patient(tmp_path, "a", shift_mm=SHIFT))
    t1 = by_channel(run(data, tmp_path, grid="native"))["t1"]
    assert t1.image == tmp_path / "a/t1.nii.gz"
    roi = roi_of(t1)
    assert roi.values.min() > 150
    assert roi.n_voxels == np.zeros((10, 16, 18))[LIVER].size


@pytest.mark.usefixtures("aligned")
def test_a_reference_without_a_mask_takes_that_of_a_channel(tmp_path: Path) -> None:
    data = cohort(tmp_path, patient(tmp_path, "a", masked=("t1",), shift_mm=SHIFT))
    found = by_channel(run(data, tmp_path))
    assert found["ged4"].extra["mask_source"] == "carried from t1"
    assert roi_of(found["ged4"]).values.min() > 150
    assert roi_of(found["t1"]).values.min() > 150


@pytest.mark.usefixtures("broken")
def test_a_failed_channel_is_missing_with_the_reason(tmp_path: Path) -> None:
    found = run(cohort(tmp_path, patient(tmp_path, "a")), tmp_path)
    assert list(by_channel(found)) == ["ged4"]
    [failure] = found.failures
    assert (failure.case, failure.channel, failure.step) == ("a", "t1", "register")
    assert "nothing in common" in failure.reason
    assert found.quality["verdict"].tolist() == ["failed"]
    assert not (tmp_path / "out/a/t1.nii.gz").exists()


@pytest.mark.usefixtures("broken")
def test_a_failed_channel_can_stay_on_its_native_grid(tmp_path: Path) -> None:
    found = run(cohort(tmp_path, patient(tmp_path, "a")), tmp_path, on_failure="native")
    t1 = by_channel(found)["t1"]
    assert t1.extra["registration"].startswith("native: the images have nothing in common")
    assert t1.image == tmp_path / "a/t1.nii.gz"
    assert roi_of(t1).n_voxels > 0
    assert not found.failures


@pytest.mark.usefixtures("broken")
def test_the_plan_can_stop_before_any_feature(tmp_path: Path) -> None:
    data = cohort(tmp_path, [*patient(tmp_path, "a"), *patient(tmp_path, "b")])
    with pytest.raises(RadiofibError, match=r"a t1, b t1"):
        run(data, tmp_path, on_failure="stop")


def test_a_doubtful_channel_follows_its_own_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubtful = registration(0.0, "look", ("parts of the body want to move",))
    monkeypatch.setattr("radiofib.prepare.pair.register_pair", doubtful)
    data = cohort(tmp_path, patient(tmp_path, "a"))
    assert by_channel(run(data, tmp_path))["t1"].extra["registration"] == "look"
    assert "t1" not in by_channel(run(data, tmp_path, on_look="missing"))


@pytest.mark.usefixtures("aligned")
def test_what_the_channel_does_not_cover_is_not_measured(tmp_path: Path) -> None:
    rows = patient(tmp_path, "a")
    mask(tmp_path / "a/mask_ged4.nii.gz", region=np.s_[3:7, 4:11, 10:18])
    found = run(cohort(tmp_path, rows), tmp_path)
    # The channel is 4 mm (two voxels) short of the mask's last columns.
    assert found.quality["coverage"].iloc[0] == pytest.approx(6 / 8)
    assert roi_of(by_channel(found)["t1"]).n_voxels == 4 * 7 * 6
    assert roi_of(by_channel(found)["ged4"]).n_voxels == 4 * 7 * 8
    strict = run(cohort(tmp_path, rows), tmp_path, min_coverage=0.8)
    assert "covers 75% of the mask" in strict.failures[0].reason


@pytest.mark.usefixtures("aligned")
def test_a_case_without_the_reference_is_not_aligned(tmp_path: Path) -> None:
    data = cohort(tmp_path, [*patient(tmp_path, "a"), *patient(tmp_path, "b", ("t1", "t2"))])
    found = run(data, tmp_path)
    assert {a.case for a in found.cohort.acquisitions if not is_lost(a)} == {"a"}
    assert all("has no channel ged4" in f.reason for f in found.failures)
    assert len(found.failures) == 2
    with pytest.raises(CohortError, match="no case has the reference channel 't9'"):
        run(data, tmp_path, to="t9")


@pytest.mark.usefixtures("aligned")
def test_only_what_is_missing_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = cohort(tmp_path, patient(tmp_path, "a", ("t1", "t2", "ged4"), shift_mm=SHIFT))
    first = run(data, tmp_path)
    (tmp_path / "out/a/t2.nii.gz").write_bytes(b"damaged")
    calls: list[int] = []
    again = registration(SHIFT)
    monkeypatch.setattr(
        "radiofib.prepare.pair.register_pair", lambda *a, **k: calls.append(1) or again(*a, **k)
    )
    second = run(data, tmp_path)
    assert len(calls) == 1
    assert second.quality.equals(first.quality)
    assert sitk.ReadImage(str(tmp_path / "out/a/t2.nii.gz")).GetSize() == (18, 16, 10)


@pytest.mark.usefixtures("aligned")
def test_one_bad_channel_spoils_nothing(tmp_path: Path) -> None:
    data = cohort(tmp_path, patient(tmp_path, "a", ("t1", "t2", "ged4"), shift_mm=SHIFT))
    (tmp_path / "a/t2.nii.gz").write_bytes(b"")
    found = run(data, tmp_path)
    assert set(by_channel(found)) == {"t1", "ged4"}
    assert [f.channel for f in found.failures] == ["t2"]
    assert "t2.nii.gz" in found.failures[0].reason


@pytest.mark.usefixtures("aligned")
def test_controls_know_the_file_of_an_aligned_channel(tmp_path: Path) -> None:
    rows = patient(tmp_path, "a", shift_mm=SHIFT)
    own = sitk.ReadImage(str(tmp_path / "a/t1.nii.gz"))[:, :, 1:9]
    own.SetSpacing((2.0, 2.0, 3.5))
    sitk.WriteImage(own, str(tmp_path / "a/t1.nii.gz"))
    found = run(cohort(tmp_path, rows), tmp_path)
    config = ExtractionConfig.parse({"featureClass": {"firstorder": ["Mean"]}}, where="test")
    table, _ = extract_features(found.cohort, config, pieces_dir=tmp_path / "p", workers=1)
    facts = table.obs.iloc[0]
    assert (facts["geom_t1_nz"], facts["geom_t1_sz"]) == (8, 3.5)
    assert (facts["geom_ged4_nz"], facts["geom_ged4_sz"]) == (10, 3.0)
    assert facts["geom_t1_bytes"] == (tmp_path / "a/t1.nii.gz").stat().st_size


def features_of(found: Registered, folder: Path) -> Any:
    config = ExtractionConfig.parse({"featureClass": {"firstorder": ["Maximum"]}}, where="test")
    return extract_features(found.cohort, config, pieces_dir=folder / "p", workers=1)


def test_a_lost_channel_is_not_taken_for_one_never_acquired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [registration(0.0, "failed", ("nothing in common",)), registration(0.0)]
    monkeypatch.setattr(
        "radiofib.prepare.pair.register_pair", lambda *a, **k: answers.pop(0)(*a, **k)
    )
    data = cohort(tmp_path, [*patient(tmp_path, "a"), *patient(tmp_path, "b")])
    found = run(data, tmp_path)
    table, failures = features_of(found, tmp_path)
    [reason] = table.missing[table.missing["column"].str.startswith("t1")]["reason"]
    assert "nothing in common" in reason
    assert [(f.channel, f.step, f.reason) for f in failures] == [
        (f.channel, f.step, f.reason) for f in found.failures
    ]


@pytest.mark.usefixtures("aligned")
def test_a_spike_is_clipped_before_it_is_spread(tmp_path: Path) -> None:
    rows = patient(tmp_path, "a", shift_mm=SHIFT + 0.7)
    path = str(tmp_path / "a/t1.nii.gz")
    image = sitk.ReadImage(path)
    image[5, 6, 5] = 25117
    sitk.WriteImage(image, path)
    found = run(cohort(tmp_path, rows), tmp_path)
    assert found.quality["spikes"].tolist() == [1]
    table, _ = features_of(found, tmp_path)
    assert table.X["t1_original_firstorder_maximum"][0] < 300
    kept = register_cohort(
        cohort(tmp_path, rows), RegistrationPlan(spikes=None), tmp_path / "as it is", workers=1
    )
    assert features_of(kept, tmp_path)[0].X["t1_original_firstorder_maximum"][0] > 5000


@pytest.mark.usefixtures("aligned")
def test_a_broken_reference_is_named_once(tmp_path: Path) -> None:
    rows = patient(tmp_path, "a", ("t1", "t2", "ged4"))
    (tmp_path / "a/ged4.nii.gz").write_bytes(b"")
    found = run(cohort(tmp_path, [*rows, *patient(tmp_path, "b")]), tmp_path)
    assert {a.case for a in found.cohort.acquisitions if not is_lost(a)} == {"b"}
    first, *others = found.failures
    assert (first.case, first.channel) == ("a", "ged4")
    assert "ged4.nii.gz" in first.reason
    assert {f.channel for f in others} == {"t1", "t2"}
    assert all("ged4 cannot be used" in f.reason for f in others)
    assert not any("ged4.nii.gz" in f.reason for f in others)


@pytest.mark.usefixtures("aligned")
def test_infinity_outside_is_not_spread(tmp_path: Path) -> None:
    rows = patient(tmp_path, "a", shift_mm=SHIFT)
    path = str(tmp_path / "a/t1.nii.gz")
    image = sitk.ReadImage(path)
    image[17, 15, 9] = float("inf")
    sitk.WriteImage(image, path)
    run(cohort(tmp_path, rows), tmp_path)
    moved = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out/a/t1.nii.gz")))
    assert moved.max() < 1000


def test_the_same_image_twice_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radiofib.prepare.pair.register_pair", registration(0.0))
    rows = patient(tmp_path, "a")
    (tmp_path / "a/t1.nii.gz").write_bytes((tmp_path / "a/ged4.nii.gz").read_bytes())
    row = run(cohort(tmp_path, rows), tmp_path).quality.iloc[0]
    assert (row["verdict"], row["reasons"]) == ("look", "t1 has the same voxels as ged4")


@pytest.mark.usefixtures("aligned")
def test_a_phase_with_the_voxels_of_another_sequence_is_looked_at(tmp_path: Path) -> None:
    rows = patient(tmp_path, "a", ("t2", "ged1", "ged2", "ged3", "ged4"), shift_mm=SHIFT)
    for channel in ("t2", "ged1"):
        image = sitk.ReadImage(str(tmp_path / f"a/{channel}.nii.gz"))
        image.SetSpacing((3.1, 3.1, 7.0))
        sitk.WriteImage(image, str(tmp_path / f"a/{channel}.nii.gz"))
    found = run(cohort(tmp_path, rows), tmp_path).quality.set_index("channel")
    assert found["verdict"].to_dict() == {
        "t2": "good", "ged1": "look", "ged2": "good", "ged3": "good"
    }  # fmt: skip
    assert "but those of t2: is the file another sequence?" in found["reasons"]["ged1"]


@pytest.mark.usefixtures("aligned")
def test_one_file_under_two_names_is_looked_at(tmp_path: Path) -> None:
    rows = patient(tmp_path, "a", ("t1", "t2", "ged1", "ged4"), shift_mm=SHIFT)
    (tmp_path / "a/ged1.nii.gz").write_bytes((tmp_path / "a/t2.nii.gz").read_bytes())
    found = run(cohort(tmp_path, rows), tmp_path, min_coverage=0).quality.set_index("channel")
    assert found["verdict"].to_dict() == {"t1": "good", "t2": "look", "ged1": "look"}
    assert "t2 and ged1 are one and the same file" in found["reasons"]["ged1"]


def test_an_odd_reference_is_a_reason_to_look_at_every_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radiofib.prepare.pair.register_pair", registration(SHIFT))
    rows = patient(tmp_path, "a", ("t1", "ged2", "ged3", "ged4"), shift_mm=SHIFT)
    for name in ("ged4", "mask_ged4"):
        image = sitk.ReadImage(str(tmp_path / f"a/{name}.nii.gz"))
        image.SetSpacing((1.0, 1.0, 3.0))
        sitk.WriteImage(image, str(tmp_path / f"a/{name}.nii.gz"))
    found = run(cohort(tmp_path, rows), tmp_path, min_coverage=0).quality
    assert set(found["verdict"]) == {"look"}
    assert found["reasons"].str.contains("voxels of ged4").all()


@pytest.mark.usefixtures("aligned")
def test_a_mask_of_another_patient_is_looked_at(tmp_path: Path) -> None:
    """Only the reference has a mask, and it lies on the same grid."""
    image, liver = abdomen()
    rows = []
    for case, region in (("own", liver), ("foreign", np.roll(liver, 12, 2))):
        for channel in ("t1", "ged4"):
            path = tmp_path / case / f"{channel}.nii.gz"
            path.parent.mkdir(exist_ok=True)
            _save(path, (image if channel == "ged4" else 2 * image).astype(np.float32))
            row = {"case": case, "channel": channel, "image": str(path), "stage": "S1"}
            if channel == "ged4":
                row["mask"] = str(_save(path.with_name("mask.nii.gz"), region.astype(np.uint8)))
            rows.append(row)
    found = run(cohort(tmp_path, rows), tmp_path).quality.set_index("case")
    assert found["verdict"].to_dict() == {"own": "good", "foreign": "look"}
    assert "mask of ged4: the edge of the mask is no edge" in found["reasons"]["foreign"]


def _save(path: Path, array: np.ndarray) -> Path:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING[::-1])
    sitk.WriteImage(image, str(path))
    return path
