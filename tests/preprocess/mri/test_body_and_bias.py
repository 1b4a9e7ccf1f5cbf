"""The body mask against the simulator's body, and N4 against its bias field."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofib.errors import ImageError, MaskError
from radiofib.images import Image
from radiofib.preprocess.mri import (
    BiasField,
    MriPreprocessing,
    body_mask,
    log_bias_field,
    preprocess_volume,
)
from tests.preprocess.mri.volumes import (
    PLACE,
    array_of,
    body_of,
    image,
    image_of,
    on_each_scanner,
    vessels_of,
)

BIAS = MriPreprocessing(bias=BiasField())


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def phantom():
    """A trunk with lungs that are open at the top, an arm beside it, and noise in the air."""
    z, y, x = np.mgrid[:10, :60, :80]
    trunk = ((x - 34) / 28) ** 2 + ((y - 30) / 24) ** 2 < 1
    lung = (((x - 24) / 8) ** 2 + ((y - 28) / 10) ** 2 < 1) & (z > 4)
    arm = ((x - 73) / 4) ** 2 + ((y - 30) / 5) ** 2 < 1
    rng = np.random.default_rng(0)
    signal = np.where((trunk & ~lung) | arm, 300.0, 0.0)
    return np.hypot(signal + rng.normal(0, 15, x.shape), rng.normal(0, 15, x.shape)), trunk, arm


def test_body_by_hand():
    pixels, trunk, arm = phantom()
    found = body_mask(pixels)
    assert dice(found, trunk) > 0.99
    assert not (found & arm).any()
    for kind, gain, offset in (("int16", 30, 0), ("float32", 1e-3, -5)):
        assert dice(body_mask((pixels * gain + offset).astype(kind)), found) > 0.999
    assert dice(body_mask(pixels[2]), trunk[2]) > 0.98  # a single slice


@pytest.mark.parametrize(
    ("channel", "least"),
    # fat is nearly as dark as air on DWI: there the rim may be missing, the liver may not
    [("t1", 0.98), ("t2", 0.98), ("ged2", 0.9), ("ged4", 0.9), ("dwi", 0.75)],
)
def test_body_of_simulated_patients(channel, least):
    for name, volume, anatomy in on_each_scanner(2, channel, seed=31, size=0.2):
        found = body_mask(image_of(volume).pixels)
        assert dice(found, body_of(volume, anatomy)) > least, name
        liver = array_of(volume.liver)
        assert np.count_nonzero(found & liver) > 0.99 * np.count_nonzero(liver), name


def test_no_body():
    with pytest.raises(MaskError, match="almost constant"):
        body_mask(np.zeros((3, 8, 8)))


def biased(strength=0.3):
    """A checkered slab under a field that is known."""
    z, y, x = np.mgrid[:20, :60, :70]
    tissue = np.where((x // 6 + y // 6 + z // 4) % 2, 80.0, 120.0)
    field = strength * (x / 35 - 1) + strength / 2 * np.cos(np.pi * y / 60)
    return tissue, field, image(tissue * np.exp(field), (3.0, 3.0, 3.0))


def test_a_known_field_is_found():
    tissue, field, given = biased()
    whole = np.ones(tissue.shape, dtype=bool)
    found = log_bias_field(given, whole)
    assert found.mean() == pytest.approx(0, abs=1e-5)
    assert np.std(found - (field - field.mean())) < 0.15 * np.std(field)
    done, record = preprocess_volume(given, BIAS, tissues={"body": whole})
    flat = done.pixels / tissue
    assert flat.std() / flat.mean() < 0.15 * np.exp(field).std() / np.exp(field).mean()
    assert record.steps == ("bias",)
    assert not record.raw
    assert record.keeps_ratios
    assert done.notes[0].startswith("bias field corrected by N4: factor 0.")


def test_no_field_is_hardly_changed():
    tissue, _, _ = biased()
    found = log_bias_field(image(tissue, (3.0, 3.0, 3.0)), np.ones(tissue.shape, dtype=bool))
    assert np.abs(found).max() < 0.05


def test_the_same_bytes_whatever_the_number_of_threads():
    _, _, given = biased()
    whole = np.ones(given.pixels.shape, dtype=bool)
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    found = []
    try:
        for threads in (1, 2, 4):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            found.append(log_bias_field(given, whole).tobytes())
            assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == threads
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert len(set(found)) == 1


def test_direction_and_place_change_nothing():
    _, _, given = biased()
    whole = np.ones(given.pixels.shape, dtype=bool)
    turned = Image(
        given.pixels, given.spacing_mm, (50.0, -20.0, 9.0), (0.8, 0.6, 0, -0.6, 0.8, 0, 0, 0, 1)
    )
    assert log_bias_field(turned, whole) == pytest.approx(log_bias_field(given, whole), abs=1e-4)


def test_too_little_to_estimate_from():
    small = Image(np.ones((3, 6, 6)), (8.0, 8.0, 8.0), *PLACE)
    body = np.zeros((3, 6, 6), dtype=bool)
    body[1, 2:4, 2:4] = True
    with pytest.raises(ImageError, match=r"too little of the body has a signal .*found 4"):
        log_bias_field(small, body)


def test_simulated_livers_are_more_even_afterwards():
    """With a field of twice the usual strength; the usual one is for the benchmark."""
    steps = MriPreprocessing(bias=BiasField(shrink_mm=12, iterations=10))
    ratios = []
    for _, volume, anatomy in on_each_scanner(0, "ged4", seed=61, size=0.15, bias=0.3):
        given = image_of(volume)
        liver = array_of(volume.liver) & ~vessels_of(volume, anatomy) & ~array_of(volume.lesion)
        done, _ = preprocess_volume(given, steps)
        before, after = (
            float(p[liver].std() / p[liver].mean()) for p in (given.pixels, done.pixels)
        )
        ratios.append(after / before)
    assert np.median(ratios) < 0.85, ratios
    assert max(ratios) < 1.1, ratios  # a field that spares the liver leaves nothing to gain
