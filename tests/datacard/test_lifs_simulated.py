"""The simulated LiFS folder against its card: published counts, every planted trap reported."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radiofib.cohort import Cohort
from radiofib.datacard import CardReport, DataCard
from radiofib.datacard.traps import TRAPS
from radiofib.datacard.voxels import is_volume, look_at
from radiofib.simulate.mri import MriSettings
from radiofib.simulate.mri_lifs import LifsTraps, write_lifs_folder

TINY = MriSettings(size=0.1)
#: FACTS of the data set: training cases by scanner and stage S1 to S4, and without a channel.
COUNTS = {"A": (55, 25, 12, 38), "B1": (39, 29, 11, 91), "B2": (3, 10, 9, 38)}
MISSING = {
    "A": {"t2": 1, "dwi": 3, "ged2": 2, "ged3": 5},
    "B1": {"dwi": 27},
    "B2": {"t1": 2, "t2": 1, "ged1": 2, "ged2": 1, "ged3": 1},
}
_NAMES = {"dwi": "DWI_800"}


def _file(folder: str, channel: str) -> str:
    return f"{folder}/{_NAMES.get(channel, channel.upper())}.nii.gz"


def check_traps(report: CardReport, root: Path) -> None:
    """Compare what the card reports with what the simulator planted, trap by trap."""
    truth = pd.read_csv(root / "truth_traps.csv", dtype=str)
    cases = pd.read_csv(root / "truth.csv", keep_default_na=False).set_index("case")
    planted = dict(list(truth.groupby("trap")))
    found = dict(list(report.traps.groupby("trap")))
    assert set(found) <= set(TRAPS)
    wrong = [f"{f}/T2WI.nii.gz" for f in planted["t2wi"]["folder"]]
    assert found["misnamed_channel"]["where"].tolist() == sorted(wrong)
    for ours, theirs in (("singleton_axis", "singleton"), ("spike", "spike")):
        rows = planted[theirs]
        places = [_file(f, c) for f, c in zip(rows["folder"], rows["detail"], strict=True)]
        assert found[ours]["where"].tolist() == sorted(places)
    assert found["spike"]["detail"].str.contains("voxels at 25117, all others").all()
    pairs = {}
    for copy, original in zip(
        planted["duplicate"]["case"], planted["duplicate"]["detail"], strict=True
    ):
        straddles = cases["folder"][copy].split("/")[0] != cases["folder"][original].split("/")[0]
        pairs[", ".join(sorted((copy, original)))] = straddles
    seen = found["identical_images"].set_index("where")["detail"]
    assert set(seen.index) == set(pairs)
    for pair, straddles in pairs.items():
        assert ("in several splits (train, val)" in seen[pair]) == straddles, pair
    numbers = {str(int(n)) for n in planted["recurring_number"]["detail"]}
    assert set(found["recurring_number"]["where"]) == numbers
    gone = [(c, cases["missing"][c].split()) for c in cases.index]
    assert sum(
        int(d.split(" lacks in ")[1].split(" of ")[0]) for d in found["missing_channel"]["detail"]
    ) == sum(len(channels) for _, channels in gone)


@pytest.mark.parametrize("seed", [1, pytest.param(20, marks=pytest.mark.proof)])
def test_small_folder_reports_every_planted_trap(tmp_path: Path, seed: int) -> None:
    traps = LifsTraps(duplicates=2, straddling=1)
    root = write_lifs_folder(
        tmp_path / "lifs", n_training=22, n_validation=4, seed=seed, settings=TINY, traps=traps
    )
    report = DataCard.read("lifs").validate(root, workers=1)
    assert report.missing.empty
    assert report.extra.empty
    assert not report.failures
    check_traps(report, root)
    text = report.render()
    assert "identical_images (3): cases share an image: a leak when they are split" in text
    # A folder of another size does not agree with the published counts, and it is said.
    assert "cases A s1" in text


def test_masks_for_all_are_loaded_as_given(tmp_path: Path) -> None:
    few = LifsTraps(duplicates=0, straddling=0, spike=0, singleton=0)
    root = write_lifs_folder(
        tmp_path / "lifs", n_training=3, n_validation=1, settings=TINY, traps=few, masks="all"
    )
    cohort = Cohort.from_card("lifs", root)
    assert all(a.mask is not None for a in cohort.acquisitions)
    assert "few_masks" not in set(DataCard.read("lifs").validate(root, workers=1).traps["trap"])


@pytest.mark.external
def test_no_spike_is_seen_in_real_volumes(external_data: Path) -> None:
    real = ("MR_T1_image", "CT_image", "PET_image", "example_mr_sm", "example_ct_sm", "example_ct")
    volumes = [
        path
        for path in sorted((external_data / "mri").rglob("*"))
        if is_volume(path.name) and path.name.removesuffix(".nii.gz") in real
    ]
    assert len(volumes) == 9
    assert {p.parent.name: f.spike for p, f in look_at(volumes).items() if f.spike} == {}


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [0, 7])
def test_full_size_has_the_published_counts_and_every_trap(tmp_path: Path, seed: int) -> None:
    """360 + 60 cases on tiny grids: about 80 s to simulate and 30 s to validate on two cores."""
    traps = LifsTraps(singleton=4, spike=2, duplicates=5, straddling=3)
    root = write_lifs_folder(
        tmp_path / "lifs",
        n_training=360,
        n_validation=60,
        seed=seed,
        settings=TINY,
        traps=traps,
        workers=2,
    )
    report = DataCard.read("lifs").validate(root, workers=2)
    assert report.ok, report.render()
    train = report.counts[report.counts["split"] == "train"]
    assert int(train["cases"].sum()) == 360
    assert int(train["masks"].sum()) == 30
    counts = train.set_index(["scanner", "stage"])["cases"]
    assert {s: tuple(counts[s]) for s in COUNTS} == COUNTS
    lacks = report.missing_channels[report.missing_channels["split"] == "train"]
    lacking = lacks.groupby(["scanner", "channel"])["missing"].sum()
    assert {s: lacking[s].to_dict() for s in MISSING} == MISSING
    check_traps(report, root)
    found = report.traps.set_index("trap")
    assert len(found.loc["identical_images"]) == 8
    straddling = found.loc["identical_images", "detail"].str.contains("in several splits")
    assert int(straddling.sum()) == 3
    assert found.loc["uneven_missing"].tolist() == [
        "scanner B1",
        "dwi is missing in 2/91 s4 and 25/79 other cases",
    ]
    assert found.loc["few_masks"].to_numpy().tolist() == [
        ["split train", "30 of 360 cases have a mask, on ged4"],
        ["split val", "0 of 60 cases have a mask"],
    ]
    assert found.loc["sparse_classes"].tolist() == [
        "split train, scanner B2",
        "patients by stage: s1 3, s3 9",
    ]
    cohort = Cohort.from_card("lifs", root)
    assert len(cohort.cases) == 420
    assert not cohort.failures
