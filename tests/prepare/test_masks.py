"""Where the liver mask of each case comes from, and that nothing runs without one."""

from __future__ import annotations

from pathlib import Path

import pytest
import SimpleITK as sitk

from radiofib.errors import MaskError
from radiofib.images import load_roi
from radiofib.prepare import find_liver_masks
from radiofib.segment import MaskFound, MaskSettings
from tests.prepare.cases import cohort, mask, patient


def test_nothing_is_computed_while_cases_lack_a_mask(tmp_path: Path) -> None:
    rows = [*patient(tmp_path, "a"), *patient(tmp_path, "b", masked=())]
    with pytest.raises(MaskError, match=r"no liver mask for 1 of 2 cases \(found b\)") as stop:
        find_liver_masks(cohort(tmp_path, rows), MaskSettings(), tmp_path / "masks")
    assert "TotalSegmentator" in str(stop.value)
    assert not (tmp_path / "masks").exists()


def test_masks_of_a_folder_are_taken_and_named(tmp_path: Path) -> None:
    rows = [*patient(tmp_path, "a"), *patient(tmp_path, "b", masked=())]
    mask(tmp_path / "found/b/liver.nii.gz")
    ready, failures = find_liver_masks(
        cohort(tmp_path, rows), MaskSettings(folder=Path("found")), tmp_path / "m", root=tmp_path
    )
    assert not failures
    sources = {a.case: a.extra["mask_source"] for a in ready.acquisitions}
    assert sources == {"a": "cohort", "b": "folder: totalsegmentator"}
    assert ready.obs()["mask_source"].tolist() == ["cohort", "folder: totalsegmentator"]
    ged4 = next(a for a in ready.acquisitions if (a.case, a.channel) == ("b", "ged4"))
    assert load_roi(ged4.image, ged4.mask, channel="ged4").values.min() > 150


def test_a_computed_mask_is_written_flagged_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = patient(tmp_path, "a", masked=())
    mask(tmp_path / "answer.nii.gz")
    calls: list[str] = []

    def computed(acquisition, settings, **_):  # type: ignore[no-untyped-def]
        from radiofib.images import read_mask

        calls.append(acquisition.channel)
        return MaskFound(read_mask(tmp_path / "answer.nii.gz"), "classical localiser")

    monkeypatch.setattr("radiofib.prepare.masks.mask_for", computed)
    for _ in range(2):
        ready, failures = find_liver_masks(
            cohort(tmp_path, rows), MaskSettings(localiser=True), tmp_path / "m", workers=1
        )
        assert not failures
    assert calls == ["ged4"]
    assert {a.extra["mask_source"] for a in ready.acquisitions} == {"classical localiser"}
    ged4 = next(a for a in ready.acquisitions if a.channel == "ged4")
    assert ged4.mask == tmp_path / "m/a/ged4.nii.gz"
    assert load_roi(ged4.image, ged4.mask, channel="ged4").values.min() > 150


def test_a_case_whose_mask_cannot_be_found_fails_alone(tmp_path: Path) -> None:
    rows = [*patient(tmp_path, "a"), *patient(tmp_path, "b", masked=())]
    ready, failures = find_liver_masks(
        cohort(tmp_path, rows), MaskSettings(localiser=True), tmp_path / "m", workers=1
    )
    # A block of noise of 3 cm holds no liver.
    assert {a.case for a in ready.acquisitions} == {"a"}
    assert [(f.case, f.step) for f in failures] == [("b", "masks")]


def test_a_file_of_several_labels_needs_the_number_of_the_liver(tmp_path: Path) -> None:
    rows = [*patient(tmp_path, "a"), *patient(tmp_path, "b", masked=())]
    path = tmp_path / "found/b.nii.gz"
    mask(path, label=2)
    image = sitk.ReadImage(str(path))
    image[0, 0, 0] = 1  # some other organ
    sitk.WriteImage(image, str(path))
    data = cohort(tmp_path, rows)
    ready, failures = find_liver_masks(
        data, MaskSettings(folder=Path("found")), tmp_path / "m", root=tmp_path, workers=1
    )
    assert {a.case for a in ready.acquisitions} == {"a"}
    assert "several labels" in failures[0].reason
    chosen = MaskSettings(folder=Path("found"), label=2)
    ready, failures = find_liver_masks(data, chosen, tmp_path / "m", root=tmp_path, workers=1)
    assert not failures
    ged4 = next(a for a in ready.acquisitions if (a.case, a.channel) == ("b", "ged4"))
    roi = load_roi(ged4.image, ged4.mask, mask_label=ged4.mask_label, channel="ged4")
    assert roi.values.min() > 150
