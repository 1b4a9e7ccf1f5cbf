"""A real abdominal MR through every step."""

from __future__ import annotations

import numpy as np
import pytest

from radiofib.images import load_roi, read_image
from radiofib.preprocess.hygiene import RegionHygiene, VesselSettings, clean_region
from radiofib.preprocess.mri import (
    BiasField,
    MriPreprocessing,
    Normalisation,
    body_mask,
    find_spikes,
    learn_landmarks,
    preprocess_volume,
)

pytestmark = pytest.mark.external


@pytest.fixture(scope="module")
def case(external_data):
    folder = external_data / "mri" / "totalsegmentator"
    image = folder / "example_mr_sm.nii.gz"
    liver, spleen = (
        load_roi(image, folder / "example_seg_mr.nii.gz", channel="t1", mask_label=n).mask
        for n in (5, 1)
    )
    return read_image(image), liver, spleen


def test_nothing_is_taken_for_a_spike_and_the_body_holds_the_organs(case):
    image, liver, spleen = case
    assert find_spikes(image.pixels).count == 0
    body = body_mask(image.pixels)
    for organ in (liver, spleen):
        assert np.count_nonzero(body & organ) > 0.99 * np.count_nonzero(organ)
    assert 0.3 < body.mean() < 0.95


def test_bias_and_normalisation(case):
    image, liver, spleen = case
    given = image.pixels[liver].astype(float)
    done, record = preprocess_volume(image, MriPreprocessing(bias=BiasField()))
    found = done.pixels[liver].astype(float)
    assert record.steps == ("bias",)
    assert 0.7 < found.mean() / given.mean() < 1.4
    assert found.std() / found.mean() < 1.1 * given.std() / given.mean()
    z, _ = preprocess_volume(
        image, MriPreprocessing(normalise=Normalisation(inside="region")), region=liver
    )
    # mean 95.1803 and SD 23.5353 are the published figures of this liver
    assert z.notes == ("z-score: mean 95.1803, SD 23.5353 inside region (18,480 voxels)",)
    ratio, _ = preprocess_volume(
        image,
        MriPreprocessing(normalise=Normalisation(method="reference_tissue", inside="spleen")),
        tissues={"spleen": spleen},
    )
    assert np.median(ratio.pixels[spleen]) == pytest.approx(1)
    steps = MriPreprocessing(normalise=Normalisation(method="nyul", scale=100))
    scale = learn_landmarks([("mr", image, None)], steps)
    same, _ = preprocess_volume(image, steps, landmarks=scale)
    percentiles, _ = preprocess_volume(
        image, MriPreprocessing(normalise=Normalisation(method="percentile", scale=100))
    )
    assert same.pixels == pytest.approx(percentiles.pixels, abs=1e-3)  # its own scale: no change


@pytest.mark.parametrize("method", ["threshold", "vesselness"])
def test_hygiene(case, method):
    image, liver, _ = case
    asked = RegionHygiene(erode_mm=4, vessels=VesselSettings(method=method), min_volume_ml=100)
    found = clean_region(image, liver, asked)
    share = {k: np.count_nonzero(v) / np.count_nonzero(liver) for k, v in found.excluded.items()}
    assert 0.05 < share["capsule"] < 0.6
    assert 0 < share["vessels"] < 0.2
