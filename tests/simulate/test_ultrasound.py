from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from radiofib.errors import ConfigError, UsageError
from radiofib.provenance import hash_file
from radiofib.simulate.laws import StageLaw
from radiofib.simulate.ultrasound import (
    ULTRASOUND_SCANNERS,
    EchoLaw,
    UltrasoundScanner,
    log_compress,
    simulate_ultrasound,
    speckle_envelope,
)
from radiofib.simulate.ultrasound_cohort import write_ultrasound_cohort


def nakagami_m(envelope):
    power = envelope**2
    return power.mean() ** 2 / power.var()


@pytest.mark.parametrize("sigma", [(0.6, 1.0), (1.5, 2.5)])
def test_speckle_over_uniform_tissue_is_rayleigh(sigma):
    envelope = speckle_envelope(np.ones((1500, 1500)), *sigma, np.random.default_rng(0))
    assert envelope.mean() / envelope.std() == pytest.approx(1.913, abs=0.03)
    assert nakagami_m(envelope) == pytest.approx(1.0, abs=0.03)
    assert (envelope**2).mean() == pytest.approx(1.0, abs=0.02)


def test_modulation_lowers_m_as_the_compound_law_says():
    """E[R^4]/E[R^2]^2 = 2 E[p^2]/E[p]^2 for a local power p slower than the speckle."""
    rng = np.random.default_rng(0)
    law = EchoLaw(modulation_db=3.0, grain_mm=6.0, vessels=0.0)
    scanner = UltrasoundScanner(
        name="x", shape=(1000, 1000), pixel_mm=0.3, tgc=0.5, axial_fwhm_mm=0.5, lateral_fwhm_mm=0.5
    )
    image = simulate_ultrasound(
        scanner, law, trait=0.0, attenuation=0.5, echogenicity_db=0.0, rng=rng
    )
    nepers = 3.0 * np.log(10) / 10
    expected = 1 / (2 * np.exp(nepers**2) - 1)
    assert nakagami_m(image.envelope) == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("attenuation", [0.5, 0.7, 0.9])
def test_attenuation_slope_is_the_two_way_law(attenuation):
    scanner = UltrasoundScanner(name="x", shape=(600, 400), pixel_mm=0.2, tgc=0.4)
    law = EchoLaw(modulation_db=0, modulation_db_per_z=0, vessels=0)
    image = simulate_ultrasound(
        scanner,
        law,
        trait=0.0,
        attenuation=attenuation,
        echogenicity_db=0.0,
        rng=np.random.default_rng(1),
    )
    decibel = 10 * np.log10((image.envelope**2).mean(axis=1))
    slope = np.polyfit(np.arange(600) * 0.02, decibel, 1)[0]
    assert slope == pytest.approx(-2 * (attenuation - 0.4) * scanner.frequency_mhz, abs=0.1)


def test_grey_levels_undo_to_decibels():
    envelope = speckle_envelope(np.ones((200, 200)), 1, 1, np.random.default_rng(0))
    grey = log_compress(envelope, gain_db=1.0, dynamic_range_db=80.0).astype(float)
    back = (grey / 255 - 0.5) * 80 - 1.0
    inside = (grey > 0) & (grey < 255)
    assert np.abs(back - 20 * np.log10(envelope))[inside].max() <= 80 / 255 / 2 + 1e-9


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    out = tmp_path_factory.mktemp("us") / "cohort"
    return write_ultrasound_cohort(out, n_patients=60, images_per_patient=2, seed=5)


def test_cohort_table_names_pictures_that_open(cohort):
    rows = pd.read_csv(cohort)
    assert list(rows) == ["case", "patient", "channel", "image", "scanner", "stage"]
    assert len(rows) == 120
    assert rows["case"].is_unique
    assert rows.groupby("patient")["stage"].nunique().max() == 1
    shapes = {s.name: s.shape for s in ULTRASOUND_SCANNERS}
    for _, row in rows.iloc[::7].iterrows():
        picture = Image.open(cohort.parent / row["image"])
        assert picture.mode == "L"
        assert np.asarray(picture).shape == shapes[row["scanner"]]


def test_stage_mix_is_the_one_asked_for(cohort):
    rows = pd.read_csv(cohort).drop_duplicates("patient")
    for scanner in ULTRASOUND_SCANNERS:
        stages = rows.loc[rows["scanner"] == scanner.name, "stage"]
        share = np.array(scanner.stage_weights) / sum(scanner.stage_weights)
        counts = stages.value_counts().reindex(["F0", "F1", "F2", "F3", "F4"]).to_numpy()
        assert np.abs(counts - share * len(stages)).max() < 1
    assert rows["scanner"].value_counts().to_dict() == {"U1": 24, "U2": 24, "U3": 12}


def test_truth_holds_the_law_and_rises_with_stage(cohort):
    truth = pd.read_csv(cohort.parent / "truth.csv").drop_duplicates("patient")
    facts = json.loads((cohort.parent / "truth.json").read_text())
    law = EchoLaw.parse(facts["echo_law"], where="truth")
    for _, row in truth.iterrows():
        assert row["modulation_db"] == pytest.approx(law.modulation(row["trait"]))
    slope = np.polyfit(truth["level"], truth["trait"], 1)[0]
    assert slope == pytest.approx(StageLaw().step, abs=3 / np.sqrt(2 * 60))
    assert facts["auc_ceiling"]["F2_or_higher"] < 0.9
    assert "trait" not in pd.read_csv(cohort)


def test_same_seed_same_bytes_and_patients_do_not_depend_on_cohort_size(cohort, tmp_path):
    small = write_ultrasound_cohort(tmp_path / "a", n_patients=4, images_per_patient=2, seed=5)
    again = write_ultrasound_cohort(tmp_path / "b", n_patients=4, images_per_patient=2, seed=5)
    assert hash_file(small.parent) == hash_file(again.parent)
    for name in pd.read_csv(small)["image"]:
        assert hash_file(small.parent / name) == hash_file(cohort.parent / name)
    pd.testing.assert_frame_equal(pd.read_csv(small), pd.read_csv(cohort).head(8))
    other = write_ultrasound_cohort(tmp_path / "c", n_patients=1, images_per_patient=1, seed=6)
    assert hash_file(other.parent / "images/us001-1.png") != hash_file(
        small.parent / "images/us001-1.png"
    )


def test_null_cohort_has_no_stage_effect(tmp_path):
    path = write_ultrasound_cohort(
        tmp_path / "null",
        n_patients=12,
        images_per_patient=1,
        stage_law=StageLaw(step=0),
        save="grey+envelope",
    )
    facts = json.loads((path.parent / "truth.json").read_text())
    assert set(facts["auc_ceiling"].values()) == {0.5}
    envelope = np.load(path.parent / "envelopes" / "us001-1.npy", allow_pickle=False)
    assert envelope.shape == (128, 128)
    assert (envelope >= 0).all()


def test_wrong_requests_are_refused(tmp_path):
    write_ultrasound_cohort(tmp_path / "x", n_patients=1, images_per_patient=1)
    with pytest.raises(UsageError, match="already holds"):
        write_ultrasound_cohort(tmp_path / "x", n_patients=1)
    with pytest.raises(UsageError, match="stage_weights"):
        write_ultrasound_cohort(tmp_path / "y", stages=("no", "yes"))
    with pytest.raises(UsageError, match="at least one patient"):
        write_ultrasound_cohort(tmp_path / "z", n_patients=0)
    with pytest.raises(ConfigError, match="grain_mm"):
        EchoLaw.parse({"grain": 2.0}, where="law")
