"""Nyul's standard scale: learning, storing, applying, and who was among the training cases."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import ConfigError, ImageError, MaskError, UsageError
from radiofib.preprocess.mri import (
    MriPreprocessing,
    NyulLandmarks,
    learn_landmarks,
    preprocess_volume,
)
from radiofib.preprocess.mri.nyul import apply_landmarks, landmarks_of
from tests.preprocess.mri.volumes import image

STEPS = MriPreprocessing.parse(
    {"normalise": {"method": "nyul", "inside": "region", "scale": 100}}, where="test"
)


def volume(seed=0, gain=1.0, gamma=1.0, offset=0.0):
    rng = np.random.default_rng(seed)
    signal = np.concatenate([rng.normal(0.3, 0.05, 300), rng.normal(0.7, 0.1, 420)])
    return offset + gain * np.clip(signal, 0.01, None).reshape(8, 9, 10) ** gamma


WHOLE = np.ones((8, 9, 10), dtype=bool)


def learned(**keywords):
    cases = [(f"c{i}", image(volume(i, 10.0**i, 0.8 + 0.2 * i)), WHOLE) for i in range(3)]
    return learn_landmarks(cases, STEPS, channel="ged4", **keywords)


def test_by_hand():
    # deciles of 0..100 are themselves; of their squares, the squares
    line = np.arange(101.0).reshape(1, 1, 101)
    whole = np.ones(line.shape, dtype=bool)
    scale = learn_landmarks([("a", image(line), whole), ("b", image(line**2), whole)], STEPS)
    assert scale.percentiles == (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99)
    p = np.array(scale.percentiles)
    wanted = ((p - 1) / 98 + (p**2 - 1) / 9800) / 2
    assert scale.standard_scale == pytest.approx(wanted)
    done, record = preprocess_volume(image(line), STEPS, region=whole, landmarks=scale)
    assert done.pixels[0, 0, [1, 10, 50, 99]] == pytest.approx(100 * wanted[[0, 1, 5, 10]])
    # half way between the landmarks 50 and 60, and straight on beyond 99
    assert done.pixels[0, 0, 55] == pytest.approx(50 * (wanted[5] + wanted[6]))
    step = (wanted[10] - wanted[9]) / 9
    assert done.pixels[0, 0, 100] == pytest.approx(100 * (1 + step))
    assert record.steps == ("normalise:nyul",)
    assert done.notes == (
        "Nyul's standard scale of 2 training cases: 1 to 99 of region (101 voxels) mapped to 0 "
        "and 100",
    )


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 2.0), st.floats(0.1, 1e5), st.floats(-100, 1000))
def test_each_training_case_has_its_landmarks_on_the_scale(seed, gamma, gain, offset):
    cases = [("a", volume(seed, gain, gamma, offset)), ("b", volume(seed + 1))]
    scale = learn_landmarks([(n, image(v), WHOLE) for n, v in cases], STEPS)
    for _, pixels in cases:
        own = landmarks_of(pixels, WHOLE, scale.percentiles)
        mapped = apply_landmarks(own, own, scale.standard_scale)
        assert mapped == pytest.approx(scale.standard_scale, abs=1e-12)
        done, _ = preprocess_volume(image(pixels), STEPS, region=WHOLE, landmarks=scale)
        order = np.argsort(pixels, axis=None)
        assert (np.diff(done.pixels.ravel()[order]) >= 0).all()


@settings(max_examples=30)
@given(st.lists(st.integers(0, 6), min_size=11, max_size=11).map(sorted), st.integers(0, 2**16))
def test_landmarks_that_coincide_still_give_a_rising_map(own, seed):
    rng = np.random.default_rng(seed)
    standard = np.concatenate([[0], np.sort(rng.random(9)), [1]])
    if own[0] == own[-1]:
        return
    values = np.sort(rng.uniform(-2, 9, 50))
    mapped = apply_landmarks(values, own, standard)
    assert np.isfinite(mapped).all()
    assert (np.diff(mapped) >= -1e-12).all()


def test_scanners_with_other_gains_and_gammas_agree_afterwards():
    scale = learned()
    done = [
        preprocess_volume(image(volume(9, gain, gamma)), STEPS, region=WHOLE, landmarks=scale)[
            0
        ].pixels
        for gain, gamma in ((900.0, 1.0), (24000.0, 0.85), (2200.0, 1.2))
    ]
    for other in done[1:]:
        assert np.abs(np.percentile(other - done[0], [5, 95])).max() < 4  # of 100


def test_order_of_cases_changes_nothing_but_their_names():
    cases = [(f"c{i}", image(volume(i, 10.0**i)), WHOLE) for i in range(3)]
    one, other = learn_landmarks(cases, STEPS), learn_landmarks(cases[::-1], STEPS)
    assert one.standard_scale == pytest.approx(other.standard_scale, rel=1e-12)
    assert (one.cases, other.cases) == (("c0", "c1", "c2"), ("c2", "c1", "c0"))


def test_written_and_read_again(tmp_path):
    scale = learned()
    path = tmp_path / "ged4.json"
    path.write_text(scale.to_json(), encoding="utf-8")
    again = NyulLandmarks.read(path)
    assert again == scale
    assert again.to_json() == scale.to_json() == learned().to_json()
    assert (again.channel, again.cases) == ("ged4", ("c0", "c1", "c2"))
    assert again.among(["c7", "c1", "c1"]) == ("c1",)
    assert str(tmp_path) not in scale.to_json()


def changed(**keywords):
    return json.dumps(json.loads(learned().to_json()) | keywords)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a file of landmarks"),
        ("[1]", "expected a mapping"),
        (changed(casess=["a"]), "did you mean 'cases'"),
        (changed(cases=["a", "a"]), "named twice"),
        (changed(cases=[]), "at least 1"),
        (changed(percentiles=[1, 99]), "one position for each"),
        (changed(percentiles=[1, 1, *range(10, 99, 10)]), "must rise"),
        (changed(standard_scale=[0, *[0.5] * 9, 2]), "from 0 to 1"),
        (changed(standard_scale=[0, 0.9, *[0.5] * 8, 1]), "must not fall"),
        (changed(format="radiofib nyul landmarks 2"), "landmarks 1"),
        (changed(preparation={}), "method nyul"),
        (changed(standard_scale=[0, *[float("nan")] * 9, 1]), "NaN is not a number"),
        ('{"cases": ["a"], "cases": ["b"]}', "a key is given twice"),
    ],
)
def test_files_that_are_refused(tmp_path, text, words):
    path = tmp_path / "scale.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words) as error:
        NyulLandmarks.read(path)
    assert "scale.json" in str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(ConfigError, match=r"none.json: landmarks cannot be read"):
        NyulLandmarks.read(tmp_path / "none.json")


def test_an_image_must_be_prepared_as_the_training_cases_were():
    scale = learned()
    other = MriPreprocessing.parse(
        {"bias": {}, "normalise": {"method": "nyul", "inside": "region"}}, where="test"
    )
    with pytest.raises(ConfigError, match=r"'ged4' were learned with other .*expected bias: None"):
        preprocess_volume(image(volume()), other, region=WHOLE, landmarks=scale)
    smaller = MriPreprocessing.parse(
        {"normalise": {"method": "nyul", "inside": "region", "scale": 1}}, where="test"
    )
    done, _ = preprocess_volume(image(volume()), smaller, region=WHOLE, landmarks=scale)
    assert done.pixels.max() < 2  # the factor is free
    with pytest.raises(ConfigError, match="needs landmarks"):
        preprocess_volume(image(volume()), STEPS, region=WHOLE)


def test_learning_that_cannot_be_done_names_the_case():
    good = ("c1", image(volume()), WHOLE)
    flat = ("c2", image(np.full((8, 9, 10), 3.0)), WHOLE)
    with pytest.raises(ImageError, match="case c2: landmarks are not defined"):
        learn_landmarks([good, flat], STEPS)
    with pytest.raises(MaskError, match="case c3: normalisation inside the region needs its mask"):
        learn_landmarks([("c3", image(volume()), None)], STEPS)
    with pytest.raises(UsageError, match="case c1: a training case comes twice"):
        learn_landmarks([good, good], STEPS)
    with pytest.raises(UsageError, match="no training cases"):
        learn_landmarks([], STEPS)
    with pytest.raises(ConfigError, match="no normalisation"):
        learn_landmarks([good], MriPreprocessing())


def test_inside_a_tissue_or_the_body():
    steps = MriPreprocessing.parse(
        {"normalise": {"method": "nyul", "inside": "spleen"}}, where="test"
    )
    scale = learn_landmarks([("c1", image(volume()), WHOLE)], steps)
    done, _ = preprocess_volume(image(volume()), steps, tissues={"spleen": WHOLE}, landmarks=scale)
    assert np.percentile(done.pixels, 50) == pytest.approx(scale.standard_scale[5], abs=1e-5)
    body = MriPreprocessing.parse({"normalise": {"method": "nyul"}}, where="test")
    padded = np.pad(volume(), ((0, 0), (6, 6), (6, 6)))
    assert learn_landmarks([("c1", image(padded), None)], body).preparation == body
