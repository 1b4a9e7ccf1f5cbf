"""The order of the sources, and a run that stops before it computes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiofib.cohort import Acquisition
from radiofib.errors import ConfigError, MaskError
from radiofib.segment import (
    MaskSettings,
    choose_masks,
    count_missing,
    mask_for,
    require_masks,
    source_key,
)
from tests.segment.files import case, write


def settings(**given: Any) -> MaskSettings:
    return MaskSettings.parse(given, where="test")


def test_cohort_then_folder_then_model_then_localiser(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from tests.deep import models
    from tests.segment.test_onnx import FACTS

    own, in_folder, by_model, by_place = (case(tmp_path, n)[0] for n in ("a", "b", "c", "d"))
    own = replace(own, mask=write(tmp_path / "own.nii.gz", 3), mask_label=3)
    by_place = replace(by_place, channel="t1")
    cases = [own, in_folder, by_model, by_place]
    for name in ("a", "b"):
        write(tmp_path / f"masks/{name}.nii.gz", 2)
    model = models.threshold(tmp_path / "net.onnx", facts=FACTS)
    all_of_them = settings(folder=tmp_path / "masks", model=model, localiser=True)
    plan = choose_masks(cases, all_of_them)
    assert [plan.of(a).source for a in cases] == [
        "cohort",
        "folder: nnunet",
        "model: net.onnx",
        "classical localiser",
    ]
    assert count_missing(plan) == 0
    require_masks(plan)
    found = [mask_for(a, all_of_them, plan=plan) for a in cases[:3]]
    assert [f.label for f in found] == [3, None, None]
    assert all(f.mask.pixels.sum() == 18 for f in found[:2])
    np.testing.assert_array_equal(np.unique(found[0].mask.pixels), [0, 1])
    assert found[2].mask.pixels.sum() > 0
    assert not any(f.is_flagged for f in found)


def test_computed_masks_are_for_cases_without_any_on_the_best_channel(tmp_path: Path) -> None:
    marked = case(tmp_path, "a", ("t1", "ged4"))
    marked[1] = replace(marked[1], mask=write(tmp_path / "own.nii.gz"))
    bare = case(tmp_path, "b", ("t2", "t1", "ged4"))
    dark = case(tmp_path, "c", ("t2",))
    cases = [*marked, *bare, *dark]
    plan = choose_masks(cases, settings(localiser=True))
    assert set(plan.sources) == {("a", "ged4", ""), ("b", "ged4", "")}
    assert plan.without == ("c",)
    plan = choose_masks(cases, settings(localiser=True), each_channel=True)
    assert {k[:2] for k in plan.sources} == {("a", "ged4"), ("a", "t1"), ("b", "t1"), ("b", "ged4")}


def test_run_stops_and_says_how_many_and_what_to_do(tmp_path: Path) -> None:
    cases = [a for name in ("a", "b", "c") for a in case(tmp_path, name, ("t1", "ged4"))]
    write(tmp_path / "masks/a.nii.gz")
    write(tmp_path / "masks/b.nii.gz", origin=(900, 0, 0))
    plan = choose_masks(cases, settings(folder=tmp_path / "masks"))
    assert count_missing(plan) == 2
    with pytest.raises(MaskError) as error:
        require_masks(plan)
    text = str(error.value)
    assert text.startswith("no liver mask for 2 of 3 cases: b, c;")
    for part in ("do not overlap in space", "--masks DIR", "ONNX", "localiser: true", "'mask'"):
        assert part in text


def test_ultrasound_and_slides_need_no_liver_mask() -> None:
    cases = [Acquisition("a", "a", "us", Path("a.png")), Acquisition("b", "b", "wsi", Path("b"))]
    plan = choose_masks(cases, settings())
    assert plan.cases == ()
    require_masks(plan)
    assert mask_for(cases[0], settings(), plan=plan) is None


def test_label_of_a_file_with_several_is_never_guessed(tmp_path: Path) -> None:
    [one] = case(tmp_path, "a")
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[0], labels[1], labels[2] = 1, 5, 9  # 1 is the spleen in TotalSegmentator's files
    write(tmp_path / "masks/a.nii.gz", labels)
    folder = settings(folder=tmp_path / "masks")
    with pytest.raises(MaskError, match="several labels and none was chosen"):
        mask_for(one, folder)
    found = mask_for(one, settings(folder=tmp_path / "masks", label=5))
    np.testing.assert_array_equal(found.mask.pixels, labels == 5)
    other = mask_for(one, settings(folder=tmp_path / "masks", label=9))
    assert other.mask.source_hash != found.mask.source_hash
    with pytest.raises(MaskError, match="label 7 is not in the mask"):
        mask_for(one, settings(folder=tmp_path / "masks", label=7))


def test_totalsegmentators_liver_is_label_5(tmp_path: Path) -> None:
    [one] = case(tmp_path, "a")
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[0], labels[1] = 1, 5
    write(tmp_path / "masks/a/segmentations.nii.gz", labels)
    found = mask_for(one, settings(folder=tmp_path / "masks"))
    np.testing.assert_array_equal(found.mask.pixels, labels == 5)
    assert found.source == "folder: totalsegmentator"


def test_key_follows_what_the_mask_depends_on(tmp_path: Path) -> None:
    [one] = case(tmp_path, "a")
    path = write(tmp_path / "masks/a.nii.gz")
    folder = settings(folder=tmp_path / "masks")

    def key(given: MaskSettings) -> str:
        return source_key(choose_masks([one], given).of(one), given)

    first = key(folder)
    assert key(folder) == first
    assert key(settings(folder=tmp_path / "masks", label=1)) != first
    write(path, origin=(0.1, 0, 0))
    assert key(folder) != first
    loose = key(settings(localiser=True))
    assert key(settings(localiser=True, localiser_settings={"tolerance": 2.0})) != loose


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(ConfigError, match="give 'folder'"):
        settings(pattern="{case}.nii.gz")
    with pytest.raises(ConfigError, match="give 'model'"):
        settings(model_facts={"axes": "zyx"})
    with pytest.raises(ConfigError, match="did you mean 'localiser'"):
        settings(localizer=True)
