"""Masks in a folder: names of the tools, ambiguity, geometry."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.cohort import Acquisition
from radiofib.errors import UsageError
from radiofib.segment import find_masks
from radiofib.segment.layouts import fill_pattern
from tests.segment.files import case, write


@pytest.mark.parametrize(
    ("name", "source", "label"),
    [
        ("a1/liver.nii.gz", "folder: totalsegmentator", None),
        ("a1_ged4/liver.nii.gz", "folder: totalsegmentator", None),
        ("a1/segmentations.nii.gz", "folder: totalsegmentator", 5),
        ("a1.nii.gz", "folder: nnunet", None),
        ("a1_0000.nii.gz", "folder: nnunet", None),
        ("a1_ged4.nii.gz", "folder: nnunet", None),
        ("a1_GED4.nii.gz", "folder: nnunet", None),
        ("a1_ged4_0000.nrrd", "folder: nnunet", None),
        ("a1/GED4_seg.nii.gz", "folder: monai", None),
        ("a1/GED4/GED4_trans.nii.gz", "folder: monai", None),
        ("a1/a1_seg.nii", "folder: monai", None),
    ],
)
def test_names_of_the_tools(tmp_path: Path, name: str, source: str, label: int | None) -> None:
    cases = case(tmp_path, "a1") + case(tmp_path, "a2")
    mask = write(tmp_path / "masks" / name)
    found = find_masks(tmp_path / "masks", cases)
    assert [(m.key, m.path, m.source, m.label) for m in found.found] == [
        (("a1", "ged4", ""), mask, source, label)
    ]
    assert found.without == ("a2",)
    assert not found.refused


def test_label_given_is_used_whatever_the_tool(tmp_path: Path) -> None:
    cases = case(tmp_path, "a1")
    write(tmp_path / "masks/a1/segmentations.nii.gz")
    [mask] = find_masks(tmp_path / "masks", cases, label=7).found
    assert mask.label == 7


def test_two_patterns_for_one_image_are_named(tmp_path: Path) -> None:
    cases = case(tmp_path, "a1")
    write(tmp_path / "masks/a1.nii.gz")
    write(tmp_path / "masks/a1/liver.nii.gz")
    with pytest.raises(UsageError) as error:
        find_masks(tmp_path / "masks", cases)
    for text in ("a1.nii.gz (pattern {case}.nii.gz)", "a1/liver.nii.gz (pattern {case}/liver"):
        assert text in str(error.value)
    [mask] = find_masks(tmp_path / "masks", cases, pattern="{case}/liver.nii.gz").found
    assert mask.source == "folder: pattern"


def test_pattern_of_ones_own(tmp_path: Path) -> None:
    cases = case(tmp_path, "a1", ("t1", "ged4"))
    one = write(tmp_path / "masks/reader 2/a1-T1.nii")
    two = write(tmp_path / "masks/reader 2/a1-GED4.nii")
    found = find_masks(tmp_path / "masks", cases, pattern="reader */{case}-{channel}.nii")
    assert [m.path for m in found.found] == [one, two]
    assert find_masks(tmp_path / "masks", cases, pattern="{case}.nii").without == ("a1",)


@pytest.mark.parametrize("name", ["a[1]", "a*", "a?1", "{case}", "ä 1"])
def test_names_of_cases_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    cases = case(tmp_path, name) + case(tmp_path, "a1")
    write(tmp_path / "masks/a1.nii.gz")
    own = write(tmp_path / "masks" / f"{name}.nii.gz")
    found = find_masks(tmp_path / "masks", cases)
    assert {m.key[0]: m.path.name for m in found.found} == {name: own.name, "a1": "a1.nii.gz"}


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12))
def test_no_name_leaves_the_folder(name: str) -> None:
    one = Acquisition(name, name, "ged4", Path("GED4.nii.gz"))
    for path in fill_pattern("{case}/liver.nii.gz", one):
        assert len(Path(path).parts) == 2
        assert ".." not in Path(path).parts


def test_image_name_alone_counts_only_when_no_two_cases_share_it(tmp_path: Path) -> None:
    cases = case(tmp_path, "a1") + case(tmp_path, "a2")  # both images are called GED4
    write(tmp_path / "masks/GED4_seg.nii.gz")
    assert find_masks(tmp_path / "masks", cases).without == ("a1", "a2")
    assert find_masks(tmp_path / "masks", cases[:1]).without == ()


def test_one_file_for_two_cases_is_an_error(tmp_path: Path) -> None:
    cases = case(tmp_path, "a", ("ged4",)) + case(tmp_path, "a_ged4", ("ged4",))
    write(tmp_path / "masks/a_ged4.nii.gz")
    with pytest.raises(UsageError, match="one mask file is named for several cases"):
        find_masks(tmp_path / "masks", cases)


def test_file_of_the_case_belongs_to_the_channel_whose_grid_it_has(tmp_path: Path) -> None:
    cases = case(tmp_path, "a1", ("t2", "ged4"), ((0.4, 0, 0), (0, 0, 0)))
    write(tmp_path / "masks/a1.nii.gz")
    found = find_masks(tmp_path / "masks", cases)
    assert [m.key[1] for m in found.found] == ["ged4"]
    assert "has the grid of ged4" in found.refused["a1", "t2", ""]
    assert found.without == ()


def test_file_of_the_case_on_a_grid_of_its_own_serves_all_it_overlaps(tmp_path: Path) -> None:
    cases = case(tmp_path, "a1", ("t1", "t2", "ged4"), ((0, 0, 0), (0.4, 0, 0), (90, 0, 0)))
    write(tmp_path / "masks/a1.nii.gz", origin=(0.2, 0, 0))
    found = find_masks(tmp_path / "masks", cases)
    assert [m.key[1] for m in found.found] == ["t1", "t2"]
    assert "do not overlap" in found.refused["a1", "ged4", ""]


def test_mask_that_lies_elsewhere_is_refused_with_the_reason(tmp_path: Path) -> None:
    cases = case(tmp_path, "a1")
    write(tmp_path / "masks/a1.nii.gz", origin=(500, 0, 0))
    found = find_masks(tmp_path / "masks", cases)
    assert found.found == ()
    assert found.without == ("a1",)
    reason = found.refused["a1", "ged4", ""]
    assert "x -0.5 to 5.5" in reason
    assert "x 499.5 to 505.5" in reason


def test_broken_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    cases = case(tmp_path, "a1")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks/a1.nii.gz").write_bytes(b"")
    found = find_masks(tmp_path / "masks", cases)
    assert "file is empty" in found.refused["a1", "ged4", ""]


def test_image_itself_is_no_mask(tmp_path: Path) -> None:
    image = write(tmp_path / "a1_0000.nii.gz")
    found = find_masks(tmp_path, [Acquisition("a1", "a1", "ged4", image)])
    assert found.without == ("a1",)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("liver.nii.gz", "does not tell cases apart"),
        ("{channel}.nii.gz", "does not tell cases apart"),
        ("../{case}.nii.gz", "leaves the folder"),
        ("/m/{case}.nii.gz", "leaves the folder"),
        ("{patient}.nii.gz", "unknown field 'patient'"),
    ],
)
def test_patterns_that_cannot_be_used(tmp_path: Path, pattern: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find_masks(tmp_path, [], pattern=pattern)


def test_folder_and_label_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        find_masks(tmp_path / "none", [])
    with pytest.raises(UsageError, match="1 or more"):
        find_masks(tmp_path, [], label=0)
