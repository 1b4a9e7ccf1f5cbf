"""From a cohort to a table: order, gaps, failures, resuming, and the same bytes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

import radiofib.extract as module
import radiofib.extract.prepared as prepared_module
from radiofib.cohort import Acquisition, Cohort
from radiofib.engines.native import NativeEngine
from radiofib.errors import CohortError, ConfigError, Failure
from radiofib.extract import extract_features
from radiofib.images import load_roi
from radiofib.table import FeatureTable
from tests.extract.cohorts import (
    cohort,
    config,
    two_sequences,
    ultrasound,
    write_picture,
    write_volume,
)

pytest.importorskip("radiomics")


class Counter:
    """Counts the regions that are really extracted (in this process)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        original = prepared_module.load_roi

        def counted(image: Path, *args: Any, **keywords: Any) -> Any:
            self.names.append(Path(image).name)
            return original(image, *args, **keywords)

        monkeypatch.setattr(prepared_module, "load_roi", counted)

    def take(self) -> list[str]:
        names, self.names = self.names, []
        return names


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    return Counter(monkeypatch)


def run(data: Cohort, folder: Path, **sections: Any) -> tuple[FeatureTable, list[Failure]]:
    return extract_features(data, config(**sections), pieces_dir=folder / "pieces", workers=1)


def parquet(table: FeatureTable, folder: Path) -> bytes:
    path = folder / "table.parquet"
    table.to_parquet(path)
    return path.read_bytes()


def test_pictures_become_rows(tmp_path: Path) -> None:
    table, failures = run(cohort(ultrasound(tmp_path), tmp_path, scheme="scheuer"), tmp_path)
    assert failures == []
    assert list(table.X.columns) == [
        "us_original_firstorder_mean",
        "us_original_firstorder_variance",
        "us_original_glcm_contrast",
    ]
    assert list(table.obs["case"]) == [f"c{i}" for i in range(5)]
    assert table.X.notna().all().all()
    assert len(table.missing) == 0
    assert list(table.codebook["column"]) == list(table.X.columns)
    assert list(table.obs.columns[:4]) == ["case", "patient", "stage", "scanner"]
    assert table.obs["stage"].dtype == "category"


def test_volumes_with_a_channel_not_acquired(tmp_path: Path) -> None:
    table, failures = run(cohort(two_sequences(tmp_path), tmp_path), tmp_path)
    assert failures == []
    assert [c.split("_")[0] for c in table.X.columns] == ["t1"] * 3 + ["dwi"] * 3
    assert table.missing.to_dict("records") == [
        {"case": "m1", "instance": "", "column": "dwi_*", "reason": "channel not acquired"}
    ]
    assert table.X.loc[1, [c for c in table.X if c.startswith("dwi")]].isna().all()
    assert table.X.drop(index=1).notna().all().all()


def test_geometry_of_headers(tmp_path: Path) -> None:
    frame = pd.concat([two_sequences(tmp_path), ultrasound(tmp_path, 1)])
    table, _ = run(cohort(frame.assign(stage=None), tmp_path), tmp_path)
    first = table.obs.set_index("case").loc["m0"]
    facts = {f: first[f"geom_t1_{f}"] for f in ("nx", "ny", "nz", "sx", "sy", "sz", "bytes")}
    size = (tmp_path / "m0_T1.nii.gz").stat().st_size
    assert facts == {
        "nx": 14,
        "ny": 12,
        "nz": 6,
        "sx": pytest.approx(0.8),
        "sy": pytest.approx(0.9),
        "sz": pytest.approx(3.0),
        "bytes": size,
    }
    picture = table.obs.set_index("case").loc["c0"]
    assert (picture["geom_us_nx"], picture["geom_us_ny"], picture["geom_us_nz"]) == (24, 20, 1)
    assert np.isnan(picture["geom_t1_nx"])
    assert pd.api.types.is_float_dtype(table.obs["geom_t1_nx"])


def test_spacing_a_picture_does_not_give_is_missing(tmp_path: Path) -> None:
    import PIL.Image

    PIL.Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20)).save(tmp_path / "c.bmp")
    frame = pd.DataFrame({"case": ["c"], "channel": ["us"], "image": ["c.bmp"]})
    table, _ = run(cohort(frame, tmp_path), tmp_path)
    assert table.obs[["geom_us_sx", "geom_us_sy", "geom_us_sz"]].isna().all().all()
    assert table.obs.loc[0, "geom_us_nx"] == 20


def test_same_bytes_for_any_number_of_workers_and_twice(tmp_path: Path) -> None:
    frame = pd.concat([ultrasound(tmp_path), two_sequences(tmp_path)])
    data = cohort(frame.assign(stage=None), tmp_path)
    tables = [
        extract_features(data, config(), pieces_dir=tmp_path / f"pieces{n}", workers=n)[0]
        for n in (1, 2, 2)
    ]
    first, *others = [parquet(table, tmp_path) for table in tables]
    assert all(other == first for other in others)


def test_progress_counts_every_piece(tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    data = cohort(ultrasound(tmp_path, 3), tmp_path)
    options: dict[str, Any] = {"pieces_dir": tmp_path / "pieces", "workers": 1}
    extract_features(data, config(), progress=lambda *now: seen.append(now), **options)
    extract_features(data, config(), progress=lambda *now: seen.append(now), **options)
    assert [now[:2] for now in seen] == [(1, 3), (2, 3), (3, 3)] * 2
    assert [now[2] for now in seen[::3]] == ["c0 us: done", "c0 us: kept"]


def test_nothing_is_written_outside_the_folder(tmp_path: Path) -> None:
    data = cohort(ultrasound(tmp_path, 2), tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    run(data, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*before, "pieces"])
    assert all(p.suffix == ".json" for p in (tmp_path / "pieces").iterdir())
    assert len(list((tmp_path / "pieces").iterdir())) == 2


# -- resuming ----------------------------------------------------------------------------------


def test_a_second_run_extracts_nothing(tmp_path: Path, counter: Counter) -> None:
    data = cohort(ultrasound(tmp_path), tmp_path)
    first, _ = run(data, tmp_path)
    assert len(counter.take()) == 5
    second, _ = run(data, tmp_path)
    assert counter.take() == []
    assert parquet(first, tmp_path) == parquet(second, tmp_path)


def pieces(folder: Path) -> dict[str, Path]:
    found = {}
    for path in (folder / "pieces").glob("*.json"):
        found[json.loads(path.read_text())["piece"]["case"]] = path
    return found


def damage_delete(path: Path) -> None:
    path.unlink()


def damage_truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_number(path: Path) -> None:
    content = json.loads(path.read_text())
    content["piece"]["features"]["us_original_firstorder_mean"] += 1
    path.write_text(json.dumps(content))


def damage_other_json(path: Path) -> None:
    path.write_text("[1, 2]")


def damage_bytes(path: Path) -> None:
    path.write_bytes(b"\xff\xfe" + os.urandom(40))


@pytest.mark.parametrize(
    "damage",
    [
        damage_delete,
        damage_truncate,
        damage_empty,
        damage_number,
        damage_other_json,
        damage_bytes,
    ],
)
def test_a_damaged_piece_is_made_again(tmp_path: Path, counter: Counter, damage: Any) -> None:
    data = cohort(ultrasound(tmp_path), tmp_path)
    first, _ = run(data, tmp_path)
    counter.take()
    damage(pieces(tmp_path)["c3"])
    second, failures = run(data, tmp_path)
    assert counter.take() == ["c3.png"]
    assert failures == []
    assert parquet(first, tmp_path) == parquet(second, tmp_path)


def test_a_changed_image_is_extracted_again(tmp_path: Path, counter: Counter) -> None:
    data = cohort(ultrasound(tmp_path), tmp_path)
    first, _ = run(data, tmp_path)
    counter.take()
    write_picture(tmp_path / "c2.png", seed=99)
    second, _ = run(data, tmp_path)
    assert counter.take() == ["c2.png"]
    changed = (first.X != second.X).any(axis=1)
    assert list(changed) == [False, False, True, False, False]


def test_a_changed_mask_or_label_is_extracted_again(tmp_path: Path, counter: Counter) -> None:
    frame = two_sequences(tmp_path)
    run(cohort(frame, tmp_path), tmp_path)
    counter.take()
    write_volume(tmp_path / "unused.nii.gz", 0, mask=tmp_path / "m0_T1_mask.nii.gz", label=4)
    frame.loc[frame["image"] == "m0_T1.nii.gz", "mask_label"] = 4
    run(cohort(frame, tmp_path), tmp_path)
    assert counter.take() == ["m0_T1.nii.gz"]


@pytest.mark.parametrize(
    "changed",
    [
        {"setting": {"binWidth": 24}},
        {"region_rules": "pyradiomics"},
        {"featureClass": {"firstorder": ["Mean"]}},
        {"imageType": {"Original": {"binWidth": 24}}},
    ],
)
def test_a_changed_setting_reuses_nothing(
    tmp_path: Path, counter: Counter, changed: dict[str, Any]
) -> None:
    data = cohort(ultrasound(tmp_path, 2), tmp_path)
    run(data, tmp_path)
    counter.take()
    run(data, tmp_path, **changed)
    assert len(counter.take()) == 2
    run(data, tmp_path)
    assert counter.take() == []


def test_another_engine_version_reuses_nothing(
    tmp_path: Path, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = cohort(ultrasound(tmp_path, 2), tmp_path)
    run(data, tmp_path)
    counter.take()
    monkeypatch.setattr(NativeEngine, "version", "another")
    run(data, tmp_path)
    assert len(counter.take()) == 2
    monkeypatch.setattr(module, "radiofib_version", lambda: "next")
    run(data, tmp_path)
    assert len(counter.take()) == 2


def test_pieces_are_never_found_by_name_alone(tmp_path: Path) -> None:
    """Two cases that swap their images swap their numbers."""
    frame = ultrasound(tmp_path, 2)
    first, _ = run(cohort(frame, tmp_path), tmp_path)
    swapped = frame.assign(image=list(reversed(frame["image"])))
    second, _ = run(cohort(swapped, tmp_path), tmp_path)
    assert np.array_equal(first.X.to_numpy()[::-1], second.X.to_numpy())


def test_equal_images_of_two_cases_are_two_pieces(tmp_path: Path, counter: Counter) -> None:
    frame = ultrasound(tmp_path, 2).assign(image="c0.png")
    run(cohort(frame, tmp_path), tmp_path)
    assert len(counter.take()) == 2
    assert set(pieces(tmp_path)) == {"c0", "c1"}


def test_leftovers_of_killed_runs_are_removed_when_old(tmp_path: Path) -> None:
    folder = tmp_path / "pieces"
    folder.mkdir()
    for name, age in (("old", 7200), ("young", 60)):
        part = folder / f".{name}.1.part"
        part.write_text("half")
        stamp = part.stat().st_mtime - age
        os.utime(part, (stamp, stamp))
    run(cohort(ultrasound(tmp_path, 1), tmp_path), tmp_path)
    assert [p.name for p in folder.glob(".*")] == [".young.1.part"]


# -- failures ----------------------------------------------------------------------------------


def broken_cohort(folder: Path) -> Cohort:
    frame = ultrasound(folder, 4)
    (folder / "c1.png").write_bytes(b"no picture")
    import PIL.Image

    blank = np.zeros((20, 24), np.uint8)
    PIL.Image.fromarray(blank).save(folder / "blank.png")
    one = blank.copy()
    one[4, 4] = 255
    PIL.Image.fromarray(one).save(folder / "one.png")
    frame["mask"] = [None, None, "blank.png", "one.png"]
    return cohort(frame, folder)


def test_bad_cases_never_stop_the_others(tmp_path: Path, counter: Counter) -> None:
    data = broken_cohort(tmp_path)
    table, failures = run(data, tmp_path)
    assert list(table.obs["case"]) == ["c0"]
    assert table.X.notna().all().all()
    assert [(f.case, f.channel, f.step) for f in failures] == [
        ("c1", "us", "read"),
        ("c2", "us", "read"),
        ("c3", "us", "extract"),
    ]
    assert "one grey" in failures[2].reason
    assert all(str(tmp_path) not in f.reason for f in failures)
    counter.take()
    again, failures_again = run(data, tmp_path)
    assert counter.take() == ["c1.png", "c2.png", "c3.png"]
    assert failures_again == failures
    assert parquet(again, tmp_path) == parquet(table, tmp_path)


def test_failures_do_not_depend_on_workers(tmp_path: Path) -> None:
    data = broken_cohort(tmp_path)
    one = extract_features(data, config(), pieces_dir=tmp_path / "one", workers=1)
    two = extract_features(data, config(), pieces_dir=tmp_path / "two", workers=2)
    assert one[1] == two[1]
    assert parquet(one[0], tmp_path) == parquet(two[0], tmp_path)


def test_a_repaired_file_is_picked_up(tmp_path: Path) -> None:
    data = broken_cohort(tmp_path)
    run(data, tmp_path)
    write_picture(tmp_path / "c1.png", 1)
    table, failures = run(data, tmp_path)
    assert list(table.obs["case"]) == ["c0", "c1"]
    assert [f.case for f in failures] == ["c2", "c3"]


def test_a_failed_channel_is_a_gap_with_its_reason(tmp_path: Path) -> None:
    frame = two_sequences(tmp_path)
    (tmp_path / "m2_DWI.nii.gz").write_bytes(b"no volume")
    table, failures = run(cohort(frame, tmp_path), tmp_path)
    assert [(f.case, f.channel) for f in failures] == [("m2", "dwi")]
    gaps = table.missing.set_index("case")
    assert gaps.loc["m1", "reason"] == "channel not acquired"
    assert gaps.loc["m2", "column"] == "dwi_*"
    assert gaps.loc["m2", "reason"].startswith("not extracted: m2_DWI.nii.gz")


def test_a_volume_without_mask_and_a_label_that_is_absent(tmp_path: Path) -> None:
    frame = two_sequences(tmp_path)
    frame.loc[0, "mask"] = None
    frame.loc[1, "mask_label"] = 9
    _, failures = run(cohort(frame, tmp_path), tmp_path)
    assert {f.error for f in failures} == {"MaskError"}
    assert len(failures) == 2


def test_defects_are_listed_with_their_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = NativeEngine.extract

    def sometimes(self: Any, roi: Any, cfg: Any) -> Any:
        if roi.pixels[0, 0] == first:
            raise ZeroDivisionError("oops")
        return original(self, roi, cfg)

    data = cohort(ultrasound(tmp_path, 2), tmp_path)
    first = load_roi(data.acquisitions[0].image, channel="us").pixels[0, 0]
    monkeypatch.setattr(NativeEngine, "extract", sometimes)
    table, failures = run(data, tmp_path)
    assert list(table.obs["case"]) == ["c1"]
    assert (failures[0].error, failures[0].reason) == (
        "ZeroDivisionError",
        "ZeroDivisionError: oops",
    )


def test_a_dead_process_is_a_failure_that_says_what_to_try() -> None:
    failure = module._crashed(Acquisition("c", "p", "us", Path("c.png")), MemoryError()).failure
    assert failure is not None
    assert (failure.case, failure.step) == ("c", "extract")
    assert "fewer workers" in failure.reason


def test_a_piece_lost_before_the_table_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = cohort(ultrasound(tmp_path, 3), tmp_path)
    run(data, tmp_path)
    gone = pieces(tmp_path)["c1"]

    def after(done: int, total: int, _: str) -> None:
        if done == total:
            gone.unlink()

    table, failures = extract_features(
        data, config(), pieces_dir=tmp_path / "pieces", workers=1, progress=after
    )
    assert list(table.obs["case"]) == ["c0", "c2"]
    assert [(f.case, f.step) for f in failures] == [("c1", "extract")]
    assert "gone or damaged" in failures[0].reason


def test_failures_keep_the_order_of_the_source(tmp_path: Path) -> None:
    frame = ultrasound(tmp_path, 4)
    frame["case"] = ["a", "b", "a", "b"]
    frame["patient"] = frame["case"]
    frame["channel"] = ["u1", "u1", "u2", "u2"]
    for name in ("c0.png", "c1.png", "c2.png"):
        (tmp_path / name).write_bytes(b"broken")
    table, failures = run(cohort(frame.assign(stage=None, scanner=None), tmp_path), tmp_path)
    assert [(f.case, f.channel) for f in failures] == [("a", "u1"), ("b", "u1"), ("a", "u2")]
    assert list(table.obs["case"]) == ["b"]
    assert {c.split("_")[0] for c in table.X.columns} == {"u2"}


def test_all_failed_is_an_empty_table(tmp_path: Path) -> None:
    frame = ultrasound(tmp_path, 1)
    (tmp_path / "c0.png").write_bytes(b"")
    table, failures = run(cohort(frame, tmp_path), tmp_path)
    assert (table.n_rows, table.n_features, len(failures)) == (0, 0, 1)
    parquet(table, tmp_path)


def test_a_channel_that_cannot_name_columns_stops_at_once(tmp_path: Path, counter: Counter) -> None:
    data = cohort(ultrasound(tmp_path, 1).assign(channel="ultrasound"), tmp_path)
    with pytest.raises(ConfigError, match="shorten the channel name 'ultrasound'"):
        run(data, tmp_path, featureClass={"gldm": None})
    assert counter.take() == []


def test_an_acquisition_given_twice(tmp_path: Path) -> None:
    [one] = cohort(ultrasound(tmp_path, 1), tmp_path).acquisitions
    with pytest.raises(CohortError, match="duplicate case, channel and instance"):
        run(Cohort((one, one)), tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "pieces").write_text("a file")
    with pytest.raises(ConfigError, match="cannot be made"):
        run(cohort(ultrasound(tmp_path, 1), tmp_path), tmp_path)


# -- kinds of region ---------------------------------------------------------------------------


def test_instances_are_rows(tmp_path: Path) -> None:
    frame = ultrasound(tmp_path, 4)
    frame["instance"] = ["1", "2", "1", "2"]
    frame["case"] = ["a", "a", "b", "b"]
    frame["patient"] = ["a", "a", "b", "b"]
    table, _ = run(cohort(frame.assign(stage=None, scanner=None), tmp_path), tmp_path)
    assert list(zip(table.obs["case"], table.obs["instance"], strict=True)) == [
        ("a", "1"),
        ("a", "2"),
        ("b", "1"),
        ("b", "2"),
    ]


def test_pictures_and_volumes_in_one_channel(tmp_path: Path) -> None:
    write_volume(tmp_path / "v.nii.gz", 1, mask=tmp_path / "v_mask.nii.gz")
    write_picture(tmp_path / "p.png", 2)
    frame = pd.DataFrame(
        {
            "case": ["v", "p"],
            "channel": "x",
            "image": ["v.nii.gz", "p.png"],
            "mask": ["v_mask.nii.gz", None],
        }
    )
    classes = {"featureClass": {"firstorder": ["Mean"]}, "imageType": {"Wavelet": {}}}
    rules = {"region_rules": "pyradiomics"}
    table, _ = run(cohort(frame, tmp_path), tmp_path, **classes, **rules)
    assert table.n_features == 8 + 4
    said = table.missing.groupby("case")["reason"].agg(lambda r: sorted(set(r))).to_dict()
    assert said == {"p": ["not for 2-D regions"], "v": ["not for 3-D regions"]}
    assert len(table.missing) == 12


def test_label_of_a_parameter_file_counts_when_the_cohort_has_none(tmp_path: Path) -> None:
    frame = two_sequences(tmp_path).drop(columns="mask_label")
    write_volume(tmp_path / "other.nii.gz", 5, mask=tmp_path / "m0_T1_mask.nii.gz", label=7)
    _, failures = run(cohort(frame, tmp_path), tmp_path, setting={"label": 3})
    assert [(f.case, f.channel) for f in failures] == [("m0", "t1")]


def test_provenance_tells_how_without_times_or_paths(tmp_path: Path) -> None:
    table, _ = run(cohort(ultrasound(tmp_path, 2), tmp_path), tmp_path, setting={"binCount": 8})
    facts = table.provenance
    assert facts["engine"] == "native"
    assert facts["config"]["setting"]["binCount"] == 8
    assert facts["notes"] == {"us: no mask: the whole picture is the region": 2}
    assert str(tmp_path) not in json.dumps(dict(facts))
    back = FeatureTable.from_parquet(_written(table, tmp_path))
    assert back.provenance == facts
    pd.testing.assert_frame_equal(back.X, table.X)


def _written(table: FeatureTable, folder: Path) -> Path:
    table.to_parquet(folder / "t.parquet")
    return folder / "t.parquet"


def test_flags_are_counted_in_provenance(tmp_path: Path) -> None:
    import PIL.Image

    PIL.Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20)).save(tmp_path / "even.png")
    frame = pd.DataFrame({"case": ["a", "b"], "channel": "us", "image": "even.png"})
    classes = {"firstorder": ["TotalEnergy"]}
    table, _ = run(cohort(frame, tmp_path), tmp_path, featureClass=classes)
    assert table.provenance["flags"] == [
        {
            "column": "us_original_firstorder_total_energy",
            "remark": "in pixels: the image does not say how large a pixel is",
            "regions": 2,
        }
    ]
    assert table.X.notna().all(axis=None)


def test_files_that_are_not_there_reach_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = ultrasound(tmp_path, 3)
    frame["mask"] = [None, None, "lost_mask.png"]
    frame.loc[1, "image"] = "lost.png"
    handed: list[str] = []
    original = module.map_pieces

    def watched(function: Any, pieces: Any, **keywords: Any) -> Any:
        handed.extend(piece.case for piece in pieces)
        return original(function, pieces, **keywords)

    monkeypatch.setattr(module, "map_pieces", watched)
    data = Cohort.from_frame(frame, root=tmp_path, check_files=False)
    table, failures = run(data, tmp_path)
    assert handed == ["c0"]
    assert list(table.obs["case"]) == ["c0"]
    assert [(f.case, f.step) for f in failures] == [("c1", "read"), ("c2", "read")]
    assert "lost.png" in failures[0].reason
    assert "lost_mask.png" in failures[1].reason


def test_masks_partly_outside_are_counted_in_provenance(tmp_path: Path) -> None:
    rows = []
    for number in range(2):
        write_volume(tmp_path / f"i{number}.nii.gz", number, mask=tmp_path / f"m{number}.nii.gz")
        mask = sitk.ReadImage(str(tmp_path / f"m{number}.nii.gz"))
        mask.SetOrigin((3.2 + 0.8 * number, 0.0, 0.0))
        sitk.WriteImage(mask, str(tmp_path / f"m{number}.nii.gz"))
        rows.append(
            {
                "case": f"c{number}",
                "channel": "t1",
                "image": f"i{number}.nii.gz",
                "mask": f"m{number}.nii.gz",
            }
        )
    table, failures = run(cohort(pd.DataFrame(rows), tmp_path), tmp_path)
    assert failures == []
    notes = table.provenance["notes"]
    assert notes["t1: # of # voxels of the mask # lie outside the image"] == 2
    pieces = [json.loads(p.read_text()) for p in (tmp_path / "pieces").glob("*.json")]
    said = {p["piece"]["case"]: " ".join(p["piece"]["notes"]) for p in pieces}
    assert "of the mask 'm1.nii.gz' lie outside" in said["c1"]
