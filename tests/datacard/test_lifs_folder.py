from __future__ import annotations

import gzip

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from radiofib.cohort import Cohort
from radiofib.datacard import DataCard
from radiofib.datacard.voxels import find_spike
from radiofib.errors import DataCardError
from tests.datacard.lifs_folder import FILES, add_case, nifti

COUNTS = {"A": (55, 25, 12, 38), "B1": (39, 29, 11, 91), "B2": (3, 10, 9, 38)}
MISSING = {
    "A": {"DWI_800": 3, "GED2": 2, "GED3": 5, "T2": 1},
    "B2": {"GED1": 2, "GED2": 1, "GED3": 1, "T1": 2, "T2": 1},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All 360 training cases with the published counts; DWI lacks at B1 as it does in the set."""
    root = tmp_path_factory.mktemp("lifs")
    for vendor, stages in COUNTS.items():
        number = 0
        lacking = [n for n, k in MISSING.get(vendor, {}).items() for _ in range(k)]
        for stage, cases in enumerate(stages, start=1):
            for k in range(cases):
                gone = {lacking.pop()} if lacking else set()
                dwi = (k < 2) if stage == 4 else (k < (9, 9, 7)[stage - 1])
                if vendor == "B1" and dwi:
                    gone = {"DWI_800"}
                # Numbers do not recur: each vendor has its own thousand.
                name = f"{number + 1000 * len(vendor) + 500 * (vendor == 'B2'):04d}"
                files = tuple(f for f in FILES if f not in gone)
                folder = add_case(root, vendor, f"{name}-{vendor}-S{stage}", files)
                if number < 10:
                    (folder / "mask_GED4.nii.gz").write_bytes(nifti(4, 4, 2))
                number += 1
    return root


def test_whole_set_agrees_with_the_card(whole):
    report = DataCard.read("lifs").validate(whole)
    assert report.ok, report.render()
    assert report.missing.empty
    assert report.extra.empty
    assert int(report.counts["cases"].sum()) == 360
    counts = report.counts.set_index(["scanner", "stage"])["cases"]
    for vendor, stages in COUNTS.items():
        assert tuple(counts[vendor]) == stages
    # 36 checks: two of the split, twelve by stage, 21 of missing channels.
    assert len(report.expected) == 2 + 12 + 21
    lacking = report.missing_channels.groupby(["scanner", "channel"])["missing"].sum()
    assert lacking["B1", "dwi"] == 27
    assert lacking["A"].sum() == 11
    assert lacking["B2"].sum() == 7


def test_traps_of_the_whole_set_are_those_it_has_and_nothing_else(whole):
    traps = DataCard.read("lifs").validate(whole, workers=1).traps
    found = traps[traps["trap"] != "missing_channel"]
    assert found.to_numpy().tolist() == [
        ["few_masks", "split train", "30 of 360 cases have a mask, on ged4"],
        ["sparse_classes", "split train, scanner B2", "patients by stage: s1 3, s3 9"],
        [
            "uneven_missing",
            "scanner B1",
            "dwi is missing in 2/91 s4 and 25/79 other cases",
        ],
    ]
    gone = traps[traps["trap"] == "missing_channel"].set_index("where")["detail"]
    assert [d.partition(":")[0] for d in gone["split train, scanner A"]] == [
        "dwi lacks in 3 of 130 cases",
        "ged2 lacks in 2 of 130 cases",
        "ged3 lacks in 5 of 130 cases",
        "t2 lacks in 1 of 130 cases",
    ]
    assert gone["split train, scanner B1"].startswith("dwi lacks in 27 of 170 cases: 2000-B1")
    assert len(gone["split train, scanner B2"]) == 5


def test_whole_set_loads(whole):
    cohort = Cohort.from_card("lifs", whole)
    assert not cohort.failures
    assert not cohort.notes
    assert len(cohort.cases) == len(cohort.patients) == 360
    assert len(cohort.acquisitions) == 360 * 7 - 27 - 11 - 7
    assert cohort.channels == ("t1", "t2", "dwi", "ged1", "ged2", "ged3", "ged4")
    assert sum(a.mask is not None for a in cohort.acquisitions) == 30
    assert {a.channel for a in cohort.acquisitions if a.mask} == {"ged4"}
    obs = cohort.obs()
    assert obs.columns.tolist() == [
        "case",
        "patient",
        "stage",
        "scanner",
        "vendor",
        "site",
        "split",
    ]
    assert obs.groupby("vendor")["case"].count().to_dict() == {"A": 130, "B": 230}
    assert Cohort.read("lifs", root=whole).acquisitions == cohort.acquisitions


def test_a_folder_that_differs_is_told(whole, tmp_path):
    add_case(tmp_path, "A", "0001-A-S1")
    report = DataCard.read("lifs").validate(tmp_path)
    assert not report.ok
    wrong = report.expected[~report.expected["agrees"]].set_index("what")
    assert wrong.loc["cases", ["expected", "found"]].tolist() == [360, 1]
    assert wrong.loc["cases A s1", "expected"] == 55
    assert "does not agree" in report.render()
    assert "cases A s1" in report.render()


def trapped(root):
    folder = add_case(root, "A", "0888-A-S1", FILES[:1] + FILES[2:])
    (folder / "T2WI.nii.gz").write_bytes(nifti(4, 4, 2, tag="t2wi"))
    add_case(root, "B1", "0888-B1-S4")
    folder = add_case(root, "B1", "0900-B1-S2")
    (folder / "GED2.nii.gz").write_bytes(nifti(4, 4, 2, 1, tag="4d"))
    (folder / "DWI_800.nii.gz").write_bytes(nifti(4, 4, 2, tag="B1/0888-B1-S4/DWI_800"))
    (folder / "T1.nii.gz").write_bytes((folder / "GED4.nii.gz").read_bytes())
    return root


def test_each_trap_is_found(tmp_path):
    report = DataCard.read("lifs").validate(trapped(tmp_path))
    base = "LiQA_training_data/Vendor_"
    assert report.traps.to_numpy().tolist() == [
        ["few_masks", "split train", "0 of 3 cases have a mask"],
        [
            "identical_channels",
            f"{base}B1/0900-B1-S2/T1.nii.gz",
            f"{base}B1/0900-B1-S2/GED4.nii.gz",
        ],
        [
            "identical_images",
            "0888-B1-S4, 0900-B1-S2",
            "1 identical image (dwi); in several stages (s2, s4)",
        ],
        ["misnamed_channel", f"{base}A/0888-A-S1/T2WI.nii.gz", "'T2WI' is read as 't2'"],
        ["recurring_number", "888", "0888-A-S1, 0888-B1-S4"],
        ["singleton_axis", f"{base}B1/0900-B1-S2/GED2.nii.gz", "4 x 4 x 2 x 1"],
        ["sparse_classes", "split train, scanner A", "patients by stage: s1 1, s2 0, s3 0, s4 0"],
        ["sparse_classes", "split train, scanner B1", "patients by stage: s1 0, s2 1, s3 0, s4 1"],
    ]
    assert report.missing_channels.empty
    by_name = DataCard.read("lifs").validate(tmp_path, contents=False).traps
    seen = {"misnamed_channel", "recurring_number", "few_masks", "sparse_classes"}
    assert set(by_name["trap"]) == seen


def test_same_images_in_two_splits(tmp_path):
    add_case(tmp_path, "A", "0001-A-S1")
    folder = tmp_path / "LiQA_val" / "Data" / "Vendor_A" / "0930-A"
    folder.mkdir(parents=True)
    train = tmp_path / "LiQA_training_data" / "Vendor_A" / "0001-A-S1" / "T1.nii.gz"
    (folder / "T1.nii.gz").write_bytes(train.read_bytes())
    traps = DataCard.read("lifs").validate(tmp_path).traps.set_index("trap")
    assert traps.loc["identical_images"].tolist() == [
        "0001-A-S1, 0930-A",
        "1 identical image (t1); in several splits (train, val)",
    ]


def test_a_copy_packed_anew_is_still_a_copy(tmp_path):
    one = add_case(tmp_path, "A", "0001-A-S1") / "T1.nii.gz"
    two = add_case(tmp_path, "A", "0002-A-S1") / "T1.nii.gz"
    plain = bytearray(gzip.decompress(one.read_bytes()))
    plain[148:158] = b"other text"  # the description in the header
    two.write_bytes(gzip.compress(bytes(plain), compresslevel=9, mtime=77))
    assert one.read_bytes() != two.read_bytes()
    traps = DataCard.read("lifs").validate(tmp_path).traps.set_index("trap")
    assert traps.loc["identical_images", "where"] == "0001-A-S1, 0002-A-S1"


def test_empty_broken_flat_and_spiked_volumes(tmp_path):
    folder = add_case(tmp_path, "A", "0001-A-S1")
    (folder / "T1.nii.gz").write_bytes(b"")
    (folder / "T2.nii.gz").write_bytes(b"no volume at all")
    for name, voxels in (("GED1", [7] * 900), ("GED2", [*[50, 60, 70] * 299, 70, 140, 255])):
        array = np.array(voxels, np.uint8).reshape(9, 10, 10)
        sitk.WriteImage(sitk.GetImageFromArray(array), str(folder / f"{name}.nii.gz"))
    traps = DataCard.read("lifs").validate(tmp_path).traps
    base = "LiQA_training_data/Vendor_A/0001-A-S1"
    found = traps[traps["where"].str.startswith(base)].to_numpy().tolist()
    assert found == [
        ["flat_image", f"{base}/GED1.nii.gz", "all voxels are equal"],
        ["spike", f"{base}/GED2.nii.gz", "2 of 900 voxels at 140 to 255, all others at most 70"],
        ["unreadable", f"{base}/T1.nii.gz", "the file is empty (0 bytes)"],
        ["unreadable", f"{base}/T2.nii.gz", "the file cannot be read as a volume"],
    ]


@given(st.data())
def test_spikes_are_found_whatever_lies_below_them(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    values = np.abs(rng.normal(300, data.draw(st.floats(1, 300)), 20_000)).astype(np.int32)
    assert find_spike(values) == ""
    n = data.draw(st.integers(1, 8))
    places = rng.choice(values.size, n, replace=False)
    values[places] = 25117
    assert find_spike(values.reshape(20, 20, 50)).startswith(f"{n} of 20000 voxels at 25117,")
    assert find_spike(values * -1) == ""


def test_misnamed_and_right_name_together_are_a_failure(tmp_path):
    folder = add_case(tmp_path, "A", "0001-A-S1")
    add_case(tmp_path, "A", "0002-A-S4")
    (folder / "T2WI.nii.gz").write_bytes(nifti(4, 4, 2))
    cohort = Cohort.from_card("lifs", tmp_path)
    [failure] = cohort.failures
    assert (failure.case, failure.channel) == ("0001-A-S1", "t2")
    assert "T2.nii.gz" in failure.reason
    assert "T2WI.nii.gz" in failure.reason
    assert len(cohort.acquisitions) == 13


def test_validation_cases_have_no_stage_and_their_list_is_read(tmp_path):
    folder = tmp_path / "LiQA_val" / "Data" / "Vendor_B2" / "0930-B2"
    folder.mkdir(parents=True)
    for name in FILES[1:]:
        (folder / f"{name}.nii.gz").write_bytes(nifti(4, 4, 2, tag=name))
    (tmp_path / "LiQA_val" / "info.csv").write_text(
        "Case,Vendor,Missing Modality\n0930-B2,B2,T1\n0931-B2,B2,None\n"
    )
    cohort = Cohort.from_card("lifs", tmp_path)
    [row] = cohort.obs().to_dict("records")
    assert row["split"] == "val"
    assert row["stage"] != row["stage"]  # missing
    assert row["missing_stated"] == "T1"
    report = DataCard.read("lifs").validate(tmp_path)
    assert report.missing["case"].tolist() == ["0931-B2"]
    assert report.missing_channels["channel"].tolist() == ["t1"]


def test_a_case_without_a_stage_in_its_name_fails_once(tmp_path):
    add_case(tmp_path, "A", "0001-A")
    add_case(tmp_path, "A", "0002-A-S9")
    add_case(tmp_path, "A", "0003-A-S4")
    cohort = Cohort.from_card("lifs", tmp_path)
    assert [f.case for f in cohort.failures] == ["0001-A", "0002-A-S9"]
    assert "no stage in case '0001-A'" in cohort.failures[0].reason
    assert cohort.cases == ("0003-A-S4",)


def test_files_that_fit_nothing(tmp_path):
    folder = add_case(tmp_path, "A", "0001-A-S1")
    for name in ("GED5.nii.gz", "notes.txt", "mask_GED5.nii.gz", ".DS_Store"):
        (folder / name).write_bytes(b"x")
    extra = DataCard.read("lifs").validate(tmp_path).extra
    base = "LiQA_training_data/Vendor_A/0001-A-S1"
    assert dict(zip(extra["path"], extra["why"], strict=True)) == {
        f"{base}/GED5.nii.gz": "no channel is called 'GED5' (near 'GED4')",
        f"{base}/mask_GED5.nii.gz": "mask without an image",
        f"{base}/notes.txt": "fits no pattern",
    }


def test_links_out_of_the_root_are_refused(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    folder = add_case(root, "A", "0001-A-S1", FILES[:3])
    (outside / "secret.nii.gz").write_bytes(b"secret")
    (folder / "GED1.nii.gz").symlink_to(outside / "secret.nii.gz")
    (folder / "GED2.nii.gz").symlink_to(folder / "T1.nii.gz")
    add_case(outside, "B1", "0002-B1-S4")
    (root / "LiQA_training_data" / "Vendor_B1").symlink_to(
        outside / "LiQA_training_data" / "Vendor_B1", target_is_directory=True
    )
    cohort = Cohort.from_card("lifs", root)
    assert {a.channel for a in cohort.acquisitions} == {"t1", "t2", "dwi", "ged2"}
    assert cohort.cases == ("0001-A-S1",)
    reasons = " ".join(f.reason for f in cohort.failures)
    assert len(cohort.failures) == 2
    assert "Vendor_A/0001-A-S1/GED1.nii.gz" in reasons
    assert "LiQA_training_data/Vendor_B1" in reasons
    assert str(outside) not in reasons


def test_wrong_root_is_explained(tmp_path):
    add_case(tmp_path, "A", "0001-A-S1")
    with pytest.raises(DataCardError, match="folder in which the patterns begin"):
        Cohort.from_card("lifs", tmp_path / "LiQA_training_data")
    with pytest.raises(DataCardError, match="no such folder"):
        Cohort.from_card("lifs", tmp_path / "none")
    with pytest.raises(DataCardError, match="give the folder as root"):
        Cohort.read("lifs")
