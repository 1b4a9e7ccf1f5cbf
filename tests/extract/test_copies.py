"""From pictures to groups: copies under other names, formats, patients and stages."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from radiofib.cohort import Cohort
from radiofib.engines import ExtractionConfig
from radiofib.extract import extract_features
from radiofib.extract.doubts import doubts_of
from radiofib.prepare import UltrasoundPlan, folder_cohort
from radiofib.report.blocks import Paragraph
from radiofib.report.context import Context
from radiofib.report.copies import copy_blocks
from radiofib.simulate.frames import FRAME_MACHINES, alter, simulate_frame
from radiofib.study import clean_files
from radiofib.table import FeatureTable

CONFIG = ExtractionConfig.parse(
    {"texture": False, "ultrasound": {"features": ["speckle"]}}, where="test"
)


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Six views; three of them come again: as a file, as a BMP, compressed anew."""
    folder = tmp_path_factory.mktemp("copies")
    views = [simulate_frame(FRAME_MACHINES[1], seed=11, number=k) for k in range(6)]
    views.append(simulate_frame(FRAME_MACHINES[1], seed=11, number=5, sweep=0.55))
    for k, view in enumerate(views):
        Image.fromarray(view).save(folder / f"v{k}.png")
    (folder / "again.png").write_bytes((folder / "v0.png").read_bytes())
    Image.fromarray(views[1]).save(folder / "other.png", "BMP")
    worse = alter(views[2], "jpeg", np.random.default_rng(0))
    Image.fromarray(alter(worse, "border", np.random.default_rng(1))).save(folder / "worse.png")
    names = [f"v{k}" for k in range(7)] + ["again", "other", "worse"]
    rows = {
        "case": names,
        "patient": [f"p{k}" for k in (0, 1, 2, 3, 4, 5, 5, 7, 1, 9)],
        "channel": "us",
        "image": [f"{n}.png" for n in names],
        "stage": ["F0", "F0", "F1", "F1", "F4", "F4", "F4", "F0", "F0", "F4"],
    }
    return pd.DataFrame(rows).assign(root=str(folder))


def extracted(frame: pd.DataFrame, tmp_path: Path, **more: Any) -> FeatureTable:
    cohort = Cohort.from_frame(frame.drop(columns="root"), root=frame["root"].iloc[0])
    config = CONFIG.model_copy(update=more)
    table, failures = extract_features(cohort, config, pieces_dir=tmp_path / "p", workers=1)
    assert failures == []
    return table


def test_copies_become_columns_counts_and_doubts(frame: pd.DataFrame, tmp_path: Path) -> None:
    table = extracted(frame, tmp_path)
    kinds = table.obs.set_index("case")[["image_copy_of", "image_copy"]].dropna()
    assert kinds.to_dict("index") == {
        "v6": {"image_copy_of": "v5", "image_copy": "same sweep"},
        "again": {"image_copy_of": "v0", "image_copy": "same file"},
        "other": {"image_copy_of": "v1", "image_copy": "same pixels"},
        "worse": {"image_copy_of": "v2", "image_copy": "same picture"},
    }
    assert table.obs["image_group"].value_counts().tolist() == [2, 2, 2, 2]
    assert table.provenance["copies"] == {
        "pictures": 10,
        "distinct": 7,
        "groups": 4,
        "across_patients": 2,
        "across_stages": 1,
        "same_file": 1,
        "same_pixels": 1,
        "same_picture": 1,
        "same_sweep": 1,
    }
    doubts = doubts_of(table).set_index("case")["doubt"]
    assert set(doubts.index) == {"again", "worse"}
    assert "'v0': patient 'p0'" in doubts["again"]
    assert "stage F1, not F4" in doubts["worse"]
    table.to_parquet(tmp_path / "t.parquet")
    again = FeatureTable.from_parquet(tmp_path / "t.parquet")
    assert again.obs["image_group"].isna().sum() == 2


def test_a_kept_run_says_the_same(frame: pd.DataFrame, tmp_path: Path) -> None:
    one, two = extracted(frame, tmp_path), extracted(frame, tmp_path)
    pd.testing.assert_frame_equal(one.obs, two.obs)
    few = extracted(frame.iloc[[0, 3, 4]], tmp_path)
    assert not {"image_group", "image_copy"} & set(few.obs)
    assert "copies" not in few.provenance


def test_parts_of_one_picture_share_its_group(frame: pd.DataFrame, tmp_path: Path) -> None:
    patches = ExtractionConfig.parse(
        {"texture": False, "ultrasound": {}, "instances": {"kind": "patches", "size": 90}},
        where="test",
    )
    table = extracted(frame.iloc[[0, 3, 7]], tmp_path, instances=patches.instances)
    groups = table.obs.groupby("case")["image_group"].agg(["nunique", "count", "size"])
    assert groups["nunique"].tolist() == [1, 1, 0]
    assert groups.loc["v0", "count"] == groups.loc["v0", "size"] > 1


def test_the_report_counts_them(frame: pd.DataFrame, tmp_path: Path) -> None:
    counts = extracted(frame, tmp_path).provenance["copies"]
    for given, said in ((counts, True), ({}, False)):
        folder = SimpleNamespace(mapping=lambda _, given=given: given)
        blocks = copy_blocks(cast(Context, SimpleNamespace(folder=folder)))
        assert bool(blocks) is said
    folder = SimpleNamespace(mapping=lambda _: counts)
    [_, paragraph] = copy_blocks(cast(Context, SimpleNamespace(folder=folder)))
    assert isinstance(paragraph, Paragraph)
    for part in ("10 pictures", "7 are distinct", "4 groups", "several stages", "doubts.csv"):
        assert part in str(paragraph)


def test_copies_are_told_by_what_was_seen_before_text_was_blanked(tmp_path: Path) -> None:
    """What is taken for text differs between a file without loss and a compressed one."""
    for k in range(2):
        view = simulate_frame(FRAME_MACHINES[1], seed=3, number=k)
        Image.fromarray(view).save(tmp_path / f"v{k}.png")
        Image.fromarray(view).save(tmp_path / f"w{k}.jpg", quality=75)
    plan = UltrasoundPlan.parse({"region": {"source": "image"}, "pictures": False}, where="test")
    clean_files(folder_cohort(tmp_path), plan, tmp_path / "out", workers=1)
    cleaned = pd.read_csv(tmp_path / "out/cohort.csv").assign(root=str(tmp_path / "out"))
    cleaned["patient"] = cleaned["case"]
    for name in cleaned.loc[cleaned["case"].isin(["w0", "w1"]), "image"]:
        # As if text had been found all over these two.
        picture = np.array(Image.open(tmp_path / "out" / name))
        picture[: len(picture) // 2] = 0
        Image.fromarray(picture).save(tmp_path / "out" / name)
    group = extracted(cleaned, tmp_path).obs.set_index("case")["image_group"].to_dict()
    assert group["v0"] == group["w0"] != group["v1"] == group["w1"]
    apart = extracted(cleaned.drop(columns="image_look"), tmp_path).obs
    assert "image_group" not in apart or apart["image_group"].isna().any()


def test_a_cohorts_hash_must_be_one(frame: pd.DataFrame) -> None:
    rows = frame.drop(columns="root").assign(image_look=["12"] + [None] * 9)
    cohort = Cohort.from_frame(rows, root=frame["root"].iloc[0])
    [failure] = cohort.failures
    assert "not a hash of a picture" in failure.reason
    assert "64 hexadecimal digits" in failure.reason
