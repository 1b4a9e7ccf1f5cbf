"""Normalisation by hand, by its properties, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radiofib.errors import ConfigError, ImageError, MaskError
from radiofib.images import Image
from radiofib.preprocess.mri import MriPreprocessing, preprocess_volume
from radiofib.preprocess.mri.intensity import by_percentiles, by_reference, by_zscore
from tests.preprocess.mri.volumes import image

TWO = np.array([[[100.0, 300.0], [100.0, 300.0]], [[500.0, 900.0], [0.0, 100.0]]])
FIRST = np.array([[[1, 1], [1, 1]], [[0, 0], [0, 0]]], dtype=bool)


def asked(**keywords):
    return MriPreprocessing.parse({"spikes": None, "normalise": keywords}, where="test")


def test_zscore_by_hand():
    done, record = preprocess_volume(
        image(TWO), asked(method="zscore", inside="region", scale=100), region=FIRST
    )
    # mean 200, population deviation 100 inside
    assert done.pixels.tolist() == [
        [[-100, 100], [-100, 100]],
        [[300, 700], [-200, -100]],
    ]
    assert done.notes == ("z-score: mean 200, SD 100 inside region (4 voxels), times 100",)
    assert (record.raw, record.steps) == (False, ("normalise:zscore",))
    assert not record.keeps_ratios


def test_percentile_by_hand():
    pixels = np.arange(101.0).reshape(1, 1, 101)
    whole = np.ones(pixels.shape, dtype=bool)
    keys = {"method": "percentile", "inside": "region", "percentiles": [10, 60], "scale": 50}
    done, _ = preprocess_volume(image(pixels), asked(**keys), region=whole)
    assert done.pixels[0, 0, [0, 10, 35, 60, 100]].tolist() == [-10, 0, 25, 50, 90]
    cut, _ = preprocess_volume(image(pixels), asked(**keys, clip=True), region=whole)
    assert cut.pixels[0, 0, [0, 10, 35, 60, 100]].tolist() == [0, 0, 25, 50, 50]
    assert cut.notes == (
        "10th to 60th percentile of region (101 voxels), 10 to 60, mapped to 0 and 50, clipped",
    )


def test_reference_tissue_by_hand():
    spleen = np.zeros(TWO.shape, dtype=bool)
    spleen[0] = spleen[1, 0, 0] = True  # 100 100 300 300 500
    done, record = preprocess_volume(
        image(TWO), asked(method="reference_tissue", inside="spleen"), tissues={"spleen": spleen}
    )
    assert done.pixels[1].ravel() == pytest.approx([5 / 3, 3, 0, 1 / 3])
    assert done.notes == ("divided by 300, the median of spleen (5 voxels)",)
    assert record.keeps_ratios
    assert not record.raw


def test_a_body_mask_given_by_the_caller_is_used():
    done, _ = preprocess_volume(image(TWO), asked(method="zscore"), tissues={"body": FIRST})
    assert done.pixels[0].tolist() == [[-1, 1], [-1, 1]]
    assert done.notes == ("z-score: mean 200, SD 100 inside body (4 voxels)",)


def test_a_picture_and_a_slice_stack_are_both_normalised():
    plane = TWO[1]
    done, _ = preprocess_volume(
        image(plane), asked(inside="region"), region=np.ones((2, 2), dtype=bool)
    )
    assert done.pixels.mean() == pytest.approx(0)
    assert done.kind == "picture"


def test_everything_but_pixels_and_notes_is_kept():
    given_ = Image(
        TWO, (3.0, 2.0, 1.0), (1.0, 2.0, 3.0), (0.0, 1, 0, 1, 0, 0, 0, 0, 1),
        source_hash="abc", notes=("read from DICOM",),
    )  # fmt: skip
    done, _ = preprocess_volume(given_, asked(inside="region"), region=FIRST)
    assert (done.spacing_mm, done.origin_mm, done.direction) == (
        given_.spacing_mm, given_.origin_mm, given_.direction,
    )  # fmt: skip
    assert done.source_hash == "abc"
    assert done.notes[0] == "read from DICOM"
    assert len(done.notes) == 2
    assert given_.notes == ("read from DICOM",)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("int16", "float32"), ("uint16", "float32"), ("int32", "float64"), ("float64", "float64")],
)
def test_types(kind, wanted):
    pixels = TWO.astype(kind)
    done, _ = preprocess_volume(image(pixels), asked(inside="region"), region=FIRST)
    assert done.pixels.dtype == wanted
    plain, record = preprocess_volume(image(pixels), MriPreprocessing(spikes=None))
    assert plain.pixels is pixels
    assert record.raw


VOLUMES = arrays(
    st.sampled_from([np.int16, np.uint16, np.float64]),
    st.tuples(st.integers(1, 3), st.integers(2, 6), st.integers(2, 6)),
    elements=st.integers(0, 5000),
)


@settings(max_examples=60)
@given(VOLUMES, st.integers(0, 2**16), st.sampled_from([1.0, 100.0]))
def test_zscore_has_mean_0_and_deviation_1_inside(pixels, seed, scale):
    inside = np.random.default_rng(seed).random(pixels.shape) < 0.7
    values = pixels[inside]
    if values.size == 0 or values.min() == values.max():
        with pytest.raises(ImageError):
            by_zscore(pixels, inside)
        return
    done, mean, deviation = by_zscore(pixels, inside, scale=scale)
    found = done[inside].astype(np.float64)
    assert found.mean() == pytest.approx(0, abs=1e-3 * scale)
    assert found.std() == pytest.approx(scale, rel=1e-4)
    assert (mean, deviation) == pytest.approx((values.mean(), values.std()))


@settings(max_examples=60)
@given(
    VOLUMES,
    st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted).filter(lambda p: p[0] < p[1]),
    st.booleans(),
)
def test_the_percentile_map_is_monotone_and_meets_its_ends(pixels, ends, clip):
    inside = np.ones(pixels.shape, dtype=bool)
    low, high = np.percentile(pixels, ends)
    if low == high:
        with pytest.raises(ImageError, match="equal"):
            by_percentiles(pixels, inside, percentiles=ends)
        return
    done, a, b = by_percentiles(pixels, inside, percentiles=ends, clip=clip)
    assert (a, b) == (low, high)
    order = np.argsort(pixels, axis=None, kind="stable")
    assert (np.diff(done.ravel()[order]) >= 0).all()
    if clip:
        assert done.min() >= 0
        assert done.max() <= 1
    else:
        # strictly: nothing that differed is made equal
        assert len(np.unique(done)) == len(np.unique(pixels))
    # The double percentiles themselves go to the ends.
    at_ends, _, _ = by_percentiles(
        np.append(pixels.ravel(), [low, high]),
        np.append(inside.ravel(), [False, False]),
        percentiles=ends,
    )
    assert at_ends[-2:] == pytest.approx([0, 1], abs=1e-5)


@settings(max_examples=30)
@given(VOLUMES, st.floats(0.01, 100))
def test_a_gain_of_the_scanner_falls_out(pixels, gain):
    inside = np.ones(pixels.shape, dtype=bool)
    scaled = pixels * gain
    if pixels.min() == pixels.max() or np.median(pixels) == 0:
        return
    for method in (by_zscore, by_reference):
        one, other = method(pixels.astype(float), inside)[0], method(scaled, inside)[0]
        assert other == pytest.approx(one, rel=1e-9, abs=1e-9)


def test_constant_region_and_tissue_without_signal_are_errors_with_their_reason():
    flat = np.full((2, 3, 3), 7, dtype=np.int16)
    whole = np.ones(flat.shape, dtype=bool)
    with pytest.raises(ImageError, match=r"same intensity \(found 18 voxels of 7\)"):
        preprocess_volume(image(flat), asked(inside="region"), region=whole)
    # 0.1 is no double: its mean over many voxels is not it, and the deviation not quite 0
    tenth = np.full((3, 3, 3), 0.1)
    with pytest.raises(ImageError, match="same intensity"):
        by_zscore(tenth, np.ones(tenth.shape, dtype=bool))
    with pytest.raises(ImageError, match="both 7"):
        preprocess_volume(image(flat), asked(method="percentile", inside="region"), region=whole)
    with pytest.raises(ImageError, match="no signal to divide by"):
        preprocess_volume(
            image(flat - 7), asked(method="reference_tissue", inside="muscle"),
            tissues={"muscle": whole},
        )  # fmt: skip
    with pytest.raises(MaskError, match="almost constant"):
        preprocess_volume(image(flat), asked())


def test_masks_that_are_missing_empty_or_do_not_fit():
    with pytest.raises(MaskError, match="inside the region needs its mask"):
        preprocess_volume(image(TWO), asked(inside="region"))
    with pytest.raises(MaskError, match=r"mask of 'spleen', and there is none .*found muscle"):
        preprocess_volume(image(TWO), asked(inside="spleen"), tissues={"muscle": FIRST})
    with pytest.raises(MaskError, match="'region' is empty"):
        preprocess_volume(image(TWO), asked(inside="region"), region=FIRST & False)
    with pytest.raises(MaskError, match="does not fit"):
        preprocess_volume(image(TWO), asked(inside="region"), region=FIRST[:1])
    with pytest.raises(MaskError, match="found uint8"):
        preprocess_volume(image(TWO), asked(inside="region"), region=FIRST.astype(np.uint8))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_intensities_that_are_not_finite(value):
    pixels = TWO.copy()
    pixels[0, 0, 0] = value
    with pytest.raises(ImageError, match="1 of 8 voxels"):
        preprocess_volume(image(pixels), MriPreprocessing())


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"method": "z-score"}, "zscore"),
        ({"method": "reference_tissue"}, "name of a tissue"),
        ({"percentiles": [99, 1]}, "two rising numbers"),
        ({"percentiles": [-1, 99]}, "two rising numbers"),
        ({"method": "nyul", "percentiles": [20, 99]}, "below 10"),
        ({"clip": True}, "belongs to method percentile"),
        ({"scale": 0}, "greater than 0"),
        ({"insid": "body"}, "did you mean 'inside'"),
    ],
)
def test_settings_that_make_no_sense(given_, words):
    with pytest.raises(ConfigError, match=words):
        asked(**given_)
