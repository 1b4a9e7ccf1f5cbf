from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from radiofib.errors import UsageError
from radiofib.provenance import hash_file
from radiofib.simulate._random import child_rng
from radiofib.simulate.laws import StageLaw
from radiofib.simulate.mri import (
    MotionLaw,
    MriSettings,
    draw_channel,
    person_of,
    plan_cases,
    write_mri_cohort,
)
from radiofib.simulate.mri_anatomy import LiverLaw, draw_anatomy, liver_distance
from radiofib.simulate.mri_scanner import CHANNELS, MRI_SCANNERS, MriScanner

TINY = MriSettings(size=0.15)


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    out = tmp_path_factory.mktemp("mri") / "cohort"
    return write_mri_cohort(out, n_cases=6, seed=3, settings=TINY)


def test_published_counts_come_out_exactly():
    training = MriSettings(scanners=MRI_SCANNERS[:3])
    plans = plan_cases(training, 360, seed=1)
    stages = Counter((p.scanner.name, p.level) for p in plans)
    assert stages == {
        (s.name, j): n for s in MRI_SCANNERS[:3] for j, n in enumerate(s.stage_weights)
    }
    missing = Counter((p.scanner.name, c) for p in plans for c in p.missing)
    assert missing == {
        ("A", "dwi"): 3, ("A", "ged2"): 2, ("A", "ged3"): 5, ("A", "t2"): 1,
        ("B1", "dwi"): 27,
        ("B2", "ged1"): 2, ("B2", "ged2"): 1, ("B2", "ged3"): 1, ("B2", "t1"): 2, ("B2", "t2"): 1,
    }  # fmt: skip
    gone = [p.level for p in plans if p.scanner.name == "B1" and "dwi" in p.missing]
    assert sum(level < 3 for level in gone) == 25
    assert Counter(p.scanner.name for p in plans if p.has_mask) == {"A": 10, "B1": 10, "B2": 10}


def test_plans_do_not_depend_on_cohort_size():
    assert plan_cases(MriSettings(), 100, seed=2)[:17] == plan_cases(MriSettings(), 17, seed=2)


def test_cohort_table_and_files(cohort):
    rows = pd.read_csv(cohort)
    truth = pd.read_csv(cohort.parent / "truth.csv", keep_default_na=False)
    assert list(rows) == [
        "case", "patient", "channel", "image", "mask", "scanner", "vendor", "field_t", "stage"
    ]  # fmt: skip
    for _, case in truth.iterrows():
        mine = rows[rows["case"] == case["case"]]
        assert set(mine["channel"]) == set(CHANNELS) - set(case["missing"].split())
        assert set(mine["stage"]) == {case["stage"]}
    for _, row in rows[rows["case"] == "mr001"].iterrows():
        image = sitk.ReadImage(str(cohort.parent / row["image"]))
        mask = sitk.ReadImage(str(cohort.parent / row["mask"]))
        assert image.GetSize() == mask.GetSize()
        assert image.GetOrigin() == pytest.approx(mask.GetOrigin())
        assert image.GetDirection() == pytest.approx(mask.GetDirection())
        assert set(np.unique(sitk.GetArrayViewFromImage(mask))) == {0, 1}


@pytest.mark.parametrize("index", [0, 4])
def test_applying_the_true_transform_aligns_the_livers(index):
    settings = MriSettings(motion=MotionLaw(max_rotation_deg=6, max_shift_mm=25))
    plan = plan_cases(settings, 6, seed=3)[index]
    _, anatomy = person_of(plan, settings, 3)
    fixed = draw_channel(plan, anatomy, "ged4", settings, 3)
    target = sitk.GetArrayFromImage(fixed.liver).astype(bool)
    for channel in ("t1", "dwi"):
        moving = draw_channel(plan, anatomy, channel, settings, 3)
        soft = sitk.Cast(moving.liver, sitk.sitkFloat32)

        def carried(transform, soft=soft):
            image = sitk.Resample(soft, fixed.liver, transform, sitk.sitkLinear, 0.0)
            return sitk.GetArrayFromImage(image) > 0.5

        assert dice(carried(moving.motion), target) > 0.95
        assert dice(carried(sitk.Transform()), target) < 0.95


def test_transform_files_hold_the_table(cohort):
    table = pd.read_csv(cohort.parent / "truth_transforms.csv")
    for _, row in table.iloc[::5].iterrows():
        path = cohort.parent / "truth" / row["case"] / f"{row['channel']}.tfm"
        parameters = sitk.ReadTransform(str(path)).GetParameters()
        assert parameters == pytest.approx(row.iloc[2:8].to_numpy(dtype=float), abs=1e-12)
    assert (table.loc[table["channel"] == "ged4"].iloc[:, 2:8] == 0).all(axis=None)


def test_same_seed_same_bytes_for_any_workers_and_cohort_size(cohort, tmp_path):
    again = write_mri_cohort(tmp_path / "b", n_cases=2, seed=3, settings=TINY, workers=2)
    for folder in ("images", "masks", "truth"):
        for case in ("mr001", "mr002"):
            assert hash_file(again.parent / folder / case) == hash_file(
                cohort.parent / folder / case
            )
    rows = pd.read_csv(again)
    pd.testing.assert_frame_equal(rows, pd.read_csv(cohort).head(len(rows)))


def test_gzip_header_has_no_time(cohort):
    head = (cohort.parent / "images/mr001/ged4.nii.gz").read_bytes()[:8]
    assert head[:2] == b"\x1f\x8b"
    assert head[4:8] == b"\0\0\0\0"


def test_lifs_masks_are_rare_and_on_ged4_only(tmp_path):
    path = write_mri_cohort(tmp_path / "c", n_cases=3, masks="lifs", settings=TINY)
    rows = pd.read_csv(path)
    outlined = {p.name for p in plan_cases(TINY, 3, 0) if p.has_mask}
    given = rows.dropna(subset="mask")
    assert set(given["channel"]) <= {"ged4"}
    assert set(given["case"]) == outlined


def test_relative_enhancement_is_the_uptake_law():
    quiet = {"noise": 0, "bias": 0, "gamma": 1, "offset": 0, "dtype": "float32"}
    scanner = MRI_SCANNERS[0].model_copy(update=quiet)
    settings = MriSettings(
        size=0.2,
        scanners=(scanner,),
        liver_law=LiverLaw(lesion_rate=0, texture=0, texture_per_u=0),
    )
    plan = plan_cases(settings, 1, seed=0)[0]
    _, anatomy = person_of(plan, settings, 0)
    level = {}
    for channel in ("t1", "ged4"):
        volume = draw_channel(plan, anatomy, channel, settings, 0)
        pixels = sitk.GetArrayFromImage(volume.image)
        level[channel] = np.median(pixels[sitk.GetArrayFromImage(volume.liver) > 0])
    assert level["ged4"] / level["t1"] - 1 == pytest.approx(anatomy.uptake, abs=0.01)


def test_findings_follow_the_law_monotonically():
    law = LiverLaw(finding_noise=0)
    drawn = [draw_anatomy(z, law, np.random.default_rng(0)) for z in (0.0, 1.0, 2.0)]
    for name in ("texture", "surface_mm", "spleen_scale", "t2_factor", "dwi_factor"):
        values = [getattr(a, name) for a in drawn]
        assert values == sorted(values)
        assert values[0] < values[2]
    assert drawn[0].uptake > drawn[1].uptake > drawn[2].uptake
    ratio = [a.lobes[1][1][0] / a.lobes[0][1][0] for a in drawn]
    assert ratio[0] < ratio[1] < ratio[2]


def test_surface_amplitude_is_what_the_liver_edge_shows():
    rng = np.random.default_rng(0)
    law = LiverLaw(finding_noise=0, surface_mm=1.5, surface_mm_per_u=0)
    rough = draw_anatomy(0.0, law, np.random.default_rng(1))
    smooth = draw_anatomy(
        0.0, LiverLaw(finding_noise=0, surface_mm=0, surface_mm_per_u=0), np.random.default_rng(1)
    )
    xyz = rng.uniform((-160, -90, -80), (-20, 80, 90), (200_000, 3)).astype(np.float32).T
    points = (xyz[0], xyz[1], xyz[2])
    flat = liver_distance(smooth, points)
    near = np.abs(flat) < 2
    bumps = (liver_distance(rough, points) - flat)[near]
    assert bumps.std() == pytest.approx(1.5 * rough.scale, rel=0.15)


def test_scanners_have_their_own_law_of_intensities():
    means = []
    for scanner in MRI_SCANNERS:
        settings = MriSettings(size=0.15, scanners=(scanner,))
        plan = plan_cases(settings, 1, seed=0)[0]
        _, anatomy = person_of(plan, settings, 0)
        volume = draw_channel(plan, anatomy, "t1", settings, 0)
        pixels = sitk.GetArrayFromImage(volume.image)
        means.append(pixels[sitk.GetArrayFromImage(volume.liver) > 0].mean())
    assert max(means) / min(means) > 1000
    assert 300 < min(means) < 600
    assert 4e5 < max(means) < 9e5


def test_traits_of_a_large_cohort_have_the_asked_step():
    plans = plan_cases(MriSettings(), 860, seed=0)
    law = StageLaw()
    traits = [law.draw(p.level, child_rng(0, "mri-patient", p.index)) for p in plans]
    slope = np.polyfit([p.level for p in plans], traits, 1)[0]
    assert slope == pytest.approx(law.step, abs=0.08)


def test_truth_names_every_parameter(cohort):
    facts = json.loads((cohort.parent / "truth.json").read_text())
    assert MriSettings.parse(facts["settings"], where="truth.json") == TINY
    assert facts["stage_counts"] == {"S1": 2, "S2": 0, "S3": 0, "S4": 4}


def test_wrong_requests_are_refused(tmp_path, cohort):
    with pytest.raises(UsageError, match="at least one patient"):
        write_mri_cohort(tmp_path / "x", n_cases=0)
    with pytest.raises(UsageError, match="already holds"):
        write_mri_cohort(cohort.parent, n_cases=1)
    odd = MriScanner(name="X", vendor="X", stage_weights=(1, 1))
    with pytest.raises(UsageError, match="stage_weights"):
        plan_cases(MriSettings(scanners=(odd,)), 1, 0)
    unknown = MriScanner(name="X", vendor="X", missing={"ged9": (0, 0, 0, 0)})
    with pytest.raises(UsageError, match="unknown channel"):
        plan_cases(MriSettings(scanners=(unknown,)), 1, 0)
