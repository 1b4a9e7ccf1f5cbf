"""Spikes go, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from radiofib.preprocess.mri import (
    MriPreprocessing,
    SpikeClipping,
    clip_spikes,
    find_spikes,
    preprocess_volume,
)
from tests.preprocess.mri.volumes import image, image_of, on_each_scanner


def tissue(shape=(6, 24, 30), seed=0, noise=20.0, kind="int16"):
    rng = np.random.default_rng(seed)
    pixels = rng.normal(300, noise, shape)
    pixels[:, :, :8] = np.abs(rng.normal(0, noise, (*shape[:2], 8)))  # air
    pixels[:, 8:14, 14:20] = rng.normal(900, noise, (shape[0], 6, 6))  # fluid
    return np.clip(pixels, 0, None).astype(kind)


@pytest.mark.parametrize("kind", ["int16", "uint16", "int32", "float32", "float64"])
def test_the_spikes_of_25117_go_and_the_rest_stays(kind):
    clean = tissue(kind=kind)
    spiked = clean.copy()
    places = [(1, 4, 3), (2, 11, 17), (3, 20, 25), (0, 0, 0), (5, 23, 29)]
    for place in places:
        spiked[place] = 25117
    found = find_spikes(spiked)
    assert sorted(map(tuple, np.argwhere(found.where))) == sorted(places)
    back, count = clip_spikes(spiked, found.where)
    assert count == 5
    assert back.dtype == spiked.dtype
    same = ~found.where
    assert (back[same] == clean[same]).all()
    assert back.max() <= clean.max()
    around = np.delete(spiked[1:4, 10:13, 16:19].ravel(), 13).astype(np.float64)
    assert float(back[2, 11, 17]) == pytest.approx(np.median(around), abs=0.5)


def test_by_hand():
    # q = 0, the brightest 3 x 3 patch reaches 100, rows are straight (no noise): step 50.
    pixels = np.zeros((9, 9))
    pixels[5:9, 5:9] = 100
    found = find_spikes(pixels)
    assert (found.step, found.limit, found.count) == (50, 150, 0)
    for value, count in ((50, 0), (50.1, 1)):
        one = pixels.copy()
        one[2, 2] = value
        assert find_spikes(one).count == count
    beside = pixels.copy()
    beside[2, 2], beside[2, 3] = 90, 45  # a neighbour holds half of it: 45 above all around
    assert find_spikes(beside).count == 0
    pair = pixels.copy()
    pair[2, 2:4] = 149  # two that hold each other: below the limit they may be anything small
    assert find_spikes(pair).count == 0
    pair[2, 2:4] = 151
    assert find_spikes(pair).count == 2


def test_a_group_is_a_spike_up_to_its_size():
    pixels = tissue()
    pixels[2:4, 18:20, 24:26] = 25117
    found = find_spikes(pixels)
    assert (found.count, found.left) == (8, ())
    back, _ = clip_spikes(pixels, found.where)
    assert 200 < back[2:4, 18:20, 24:26].min() <= back[2:4, 18:20, 24:26].max() < 400
    pixels[2:4, 18:20, 26] = 25117
    found = find_spikes(pixels)
    assert (found.count, found.left) == (0, (12,))
    _, record = preprocess_volume(image(pixels), MriPreprocessing())
    assert record.steps == ()
    notes = preprocess_volume(image(pixels), MriPreprocessing())[0].notes
    assert "larger than a spike, left as they are: groups of 12 voxels" in notes[0]


def test_thin_bright_vessels_and_small_cysts_stay():
    pixels = tissue()
    pixels[:, 18, 26] = 900  # one voxel wide, straight up
    pixels[2, 2, 10:28] = 900  # one voxel wide, in the slice
    for i in range(6):
        pixels[i, 18 - i, 12 + i] = 900  # oblique
    pixels[3, 20:22, 20:22] = 900  # a cyst of four voxels
    assert find_spikes(pixels).count == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_noise_alone_has_no_spikes(seed):
    rng = np.random.default_rng(seed)
    magnitude = np.hypot(rng.normal(100, 40, (20, 80, 80)), rng.normal(0, 40, (20, 80, 80)))
    magnitude[:, :, :20] = np.hypot(*rng.normal(0, 40, (2, 20, 80, 20)))
    assert find_spikes(magnitude).count == 0
    assert find_spikes(magnitude, SpikeClipping(noise=0, contrast=0.05)).count > 0


@pytest.mark.parametrize("channel", ["t2", "dwi", "ged1"])
def test_simulated_volumes_keep_every_voxel_but_the_spikes(channel):
    for _, volume, _ in on_each_scanner(1, channel, seed=21, size=0.15):
        pixels = image_of(volume).pixels
        assert find_spikes(pixels).count == 0
        spiked = pixels.copy()
        places = np.random.default_rng(3).integers(0, pixels.size, 5)
        spiked.flat[places] = 2 * int(pixels.max())
        found = find_spikes(spiked)
        assert set(np.flatnonzero(found.where)) == set(places)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(12, 14), (5, 12, 13)]),
    st.floats(1.5, 3.0),
    st.sampled_from([1.0, 4000.0, -250.0]),
)
@settings(max_examples=40)
def test_a_smooth_image_is_not_touched(seed, shape, width, size):
    rng = np.random.default_rng(seed)
    sigma = width if len(shape) == 2 else (1.0, width, width)
    pixels = size * ndimage.gaussian_filter(rng.normal(size=shape), sigma)
    done, record = preprocess_volume(image(pixels), MriPreprocessing())
    assert record.raw
    assert record.steps == ()
    # A larger bright group may be remarked on, and stays.
    assert all("clipped" not in note for note in done.notes)
    assert done.pixels is pixels


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 50), st.floats(-100, 100))
@settings(max_examples=25)
def test_spikes_do_not_depend_on_gain_and_offset(seed, gain, offset):
    rng = np.random.default_rng(seed)
    pixels = tissue(seed=seed % 7, kind="float64")
    pixels.flat[rng.integers(0, pixels.size, 3)] = rng.uniform(500, 3000, 3)
    one = find_spikes(pixels)
    other = find_spikes(pixels * gain + offset)
    margin = np.abs(np.array([one.step])) * 1e-4
    if (np.abs(pixels[one.where] - one.limit) > margin).all():
        assert (one.where == other.where).all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 5), (1, 1, 1), (2, 2, 2), (3, 1, 7)])
def test_images_of_a_few_voxels(shape):
    assert find_spikes(np.full(shape, 7)).count == 0
    assert find_spikes(np.arange(np.prod(shape)).reshape(shape)).where.shape == shape


def test_a_volume_of_spikes_all_over_a_corner_is_filled_from_further_away():
    pixels = np.full((7, 7), 10.0)
    spikes = np.zeros((7, 7), dtype=bool)
    spikes[:3, :3] = True
    pixels[spikes] = 1000
    back, count = clip_spikes(pixels, spikes)
    assert count == 9
    assert (back == 10).all()


def test_notes_and_switch():
    pixels = tissue()
    pixels[1, 2, 3] = pixels[4, 20, 20] = 25117
    done, record = preprocess_volume(image(pixels), MriPreprocessing())
    assert done.notes[0].startswith("2 voxels of 25,117 clipped to the median of their neighbours")
    assert record.raw
    assert record.steps == ("spikes",)
    assert (pixels == 25117).sum() == 2  # the input is left alone
    off, record = preprocess_volume(image(pixels), MriPreprocessing(spikes=None))
    assert off.pixels is pixels
    assert record.steps == ()
