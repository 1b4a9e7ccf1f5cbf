"""What is left of a region: by hand, as a partition, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import ConfigError, ImageError, MaskError
from radiofib.images import Image
from radiofib.preprocess.hygiene import RegionHygiene, VesselSettings, clean_region
from tests.preprocess.mri.volumes import PLACE, image


def phantom(spacing=(2.5, 1.0, 1.0), seed=0):
    """A block of liver with a bright vessel, a dark duct and a lesion."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal(100, 4, (16, 50, 60))
    mask = np.zeros(pixels.shape, dtype=bool)
    mask[2:14, 5:45, 6:54] = True
    pixels[~mask] = 20
    vessel, duct, lesion = (np.zeros_like(mask) for _ in range(3))
    vessel[2:14, 14:19, 20:25] = True
    duct[6:10, 30:34, 12:48] = True
    lesion[4:9, 20:28, 30:40] = True
    pixels[vessel] += 60
    pixels[duct] -= 50
    pixels[lesion] = rng.normal(70, 4, np.count_nonzero(lesion))
    return Image(pixels, spacing, *PLACE), mask, vessel, duct, lesion


def recall(found, truth):
    return np.count_nonzero(found & truth) / np.count_nonzero(truth)


def test_everything_in_its_order():
    given_, mask, vessel, duct, lesion = phantom()
    settings_ = RegionHygiene(
        erode_mm=2.5,
        vessels=VesselSettings(polarity="bright"),
        bile_ducts=VesselSettings(polarity="dark"),
        min_volume_ml=10,
    )
    found = clean_region(given_, mask, settings_, lesion=lesion)
    assert list(found.excluded) == ["lesion", "capsule", "vessels", "bile_ducts"]
    assert (found.excluded["lesion"] == lesion).all()
    # 2.5 mm: two voxels of 1 mm in the slice, and one slice of 2.5 mm
    core = np.zeros_like(mask)
    core[3:13, 7:43, 8:52] = True
    assert (found.excluded["capsule"] == (mask & ~core & ~lesion)).all()
    assert recall(found.excluded["vessels"], vessel & core) == 1
    assert recall(found.excluded["bile_ducts"], duct & core & ~lesion) > 0.95
    parenchyma = core & ~vessel & ~duct & ~lesion
    assert recall(found.mask, parenchyma) > 0.9  # the smoothing widens both by a voxel
    assert found.notes[0] == "lesion mask: 1 ml of 57.6 ml (1.7 %) left out"
    assert found.notes[1].startswith("capsule of 2.5 mm: ")
    assert found.notes[2].startswith("vessels (threshold, bright, k 3): ")
    assert found.notes[3].startswith("bile ducts (threshold, dark, k 3): ")


@pytest.mark.parametrize("method", ["threshold", "vesselness"])
def test_polarity(method):
    given_, mask, vessel, duct, lesion = phantom()
    for polarity, inside, outside in (("bright", vessel, duct), ("dark", duct, vessel)):
        asked = RegionHygiene(
            erode_mm=2.5, vessels=VesselSettings(method=method, polarity=polarity)
        )
        found = clean_region(given_, mask, asked, lesion=lesion)
        core = mask & ~found.excluded["capsule"] & ~lesion
        assert recall(found.excluded["vessels"], inside & core) > 0.9
        assert recall(found.excluded["vessels"], outside & core) < 0.05
        assert recall(found.excluded["vessels"], core & ~vessel & ~duct) < 0.12  # their rims


@settings(max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0, 6),
    st.sampled_from([None, "threshold", "vesselness"]),
    st.sampled_from(["bright", "dark", "both"]),
    st.booleans(),
)
def test_the_parts_make_up_the_region(seed, distance, method, polarity, lesions):
    rng = np.random.default_rng(seed)
    shape = (6, 12, 13)
    mask, lesion = rng.random(shape) < 0.95, rng.random(shape) < 0.1
    mask[3, 6, 6] = True
    lesion[3, 6, 6] = False
    pixels = rng.normal(100, 10, shape)
    vessels = VesselSettings(method=method, polarity=polarity, least_ml=0) if method else None
    asked = RegionHygiene(exclude_lesions=lesions, erode_mm=distance, vessels=vessels)
    try:
        found = clean_region(image(pixels), mask, asked, lesion=lesion)
    except (MaskError, ImageError):
        return
    total = found.mask.astype(int)
    for part in found.excluded.values():
        total += part
    assert (total == mask).all()
    assert len(found.notes) == len(found.excluded) == lesions + (distance > 0) + bool(method)
    again = clean_region(image(pixels), mask, asked, lesion=lesion)
    assert (again.mask == found.mask).all()


def test_vessels_do_not_depend_on_gain_and_what_lies_outside():
    given_, mask, *_ = phantom()
    asked = RegionHygiene(vessels=VesselSettings())
    first = clean_region(given_, mask, asked).excluded["vessels"]
    other = np.where(mask, given_.pixels * 37, 1e6).astype(np.float64)
    second = clean_region(Image(other, given_.spacing_mm, *PLACE), mask, asked)
    assert np.count_nonzero(first != second.excluded["vessels"]) <= 2


def test_a_slow_change_across_the_liver_is_no_vessel():
    given_, mask, vessel, duct, lesion = phantom()
    x = np.arange(60) / 59
    shaded = Image(given_.pixels * (0.8 + 0.4 * x), given_.spacing_mm, *PLACE)
    asked = RegionHygiene(erode_mm=2.5, vessels=VesselSettings())
    found = clean_region(shaded, mask, asked, lesion=lesion)
    rest = mask & ~found.excluded["capsule"] & ~lesion & ~vessel & ~duct
    assert recall(found.excluded["vessels"], rest) < 0.1
    assert recall(found.excluded["vessels"], vessel & ~found.excluded["capsule"]) > 0.8


def test_small_groups_stay():
    given_, mask, *_ = phantom(seed=3)
    dotted = given_.pixels.copy()
    dotted[8, 36:38, 50:52] += 80  # 4 voxels of 2.5 mm3, smeared by the smoothing
    asked = {"smooth_mm": 0, "polarity": "bright"}
    for least, kept in ((0.05, True), (0.005, False)):
        vessels = VesselSettings(**asked, least_ml=least)
        found = clean_region(
            Image(dotted, given_.spacing_mm, *PLACE), mask, RegionHygiene(vessels=vessels)
        )
        assert found.mask[8, 36:38, 50:52].all() == kept


def test_no_lesion_mask_or_not_wanted():
    given_, mask, _, _, lesion = phantom()
    assert clean_region(given_, mask, RegionHygiene()).excluded == {}
    off = clean_region(given_, mask, RegionHygiene(exclude_lesions=False), lesion=lesion)
    assert off.excluded == {}
    assert (off.mask == mask).all()
    assert off.mask is not mask
    beside = clean_region(given_, mask, RegionHygiene(), lesion=~mask)
    assert beside.notes == ("lesion mask: 0 ml of 57.6 ml (0.0 %) left out",)


def test_too_little_left_names_both():
    given_, mask, _, _, lesion = phantom()
    with pytest.raises(MaskError) as error:
        clean_region(given_, mask, RegionHygiene(erode_mm=8, min_volume_ml=40), lesion=lesion)
    assert "expected at least 40 ml" in str(error.value)
    assert "of 57.6 ml as given" in str(error.value)
    assert "capsule" in str(error.value)
    with pytest.raises(MaskError, match=r"at least 30,000 voxels; found 57\.6 ml \(23,040 voxels"):
        clean_region(given_, mask, RegionHygiene(min_voxels=30_000))
    with pytest.raises(MaskError, match=r"at least 1 voxel; found 0 ml \(0 voxels\)"):
        clean_region(given_, mask, RegionHygiene(erode_mm=99), lesion=lesion)
    with pytest.raises(MaskError, match="at least 1 voxel"):
        clean_region(given_, mask, RegionHygiene(), lesion=mask)
    exact = np.count_nonzero(mask) * 2.5 / 1000
    assert clean_region(given_, mask, RegionHygiene(min_volume_ml=exact)).mask.any()


def test_pictures():
    plane = np.random.default_rng(0).normal(100, 5, (40, 50))
    plane[18:22] += 60
    mask = np.ones(plane.shape, dtype=bool)
    mask[:3] = False
    asked = RegionHygiene(erode_mm=2, vessels=VesselSettings(least_ml=0), min_voxels=100)
    found = clean_region(image(plane), mask, asked)
    assert found.excluded["vessels"][18:22].mean() > 0.95
    assert found.notes[0] == "capsule of 2 mm: 100 voxels of 1,850 voxels (5.4 %) left out"
    form = VesselSettings(method="vesselness", polarity="bright", least_ml=0)
    tubes = clean_region(image(plane), mask, RegionHygiene(vessels=form)).excluded["vessels"]
    assert tubes[19:21].mean() > 0.9
    with pytest.raises(MaskError, match="min_volume_ml needs a volume"):
        clean_region(image(plane), mask, RegionHygiene(min_volume_ml=1))
    unknown = Image(plane, (1.0, 1.0), kind="picture", spacing_known=False)
    with pytest.raises(MaskError, match=r"how large a pixel is.*found erode_mm, vessels"):
        clean_region(unknown, mask, asked)
    assert clean_region(unknown, mask, RegionHygiene(min_voxels=100)).mask.any()


def test_masks_that_do_not_fit():
    given_, mask, _, _, lesion = phantom()
    with pytest.raises(MaskError, match="mask of the region does not fit"):
        clean_region(given_, mask[:3], RegionHygiene())
    with pytest.raises(MaskError, match=r"mask of the lesion does not fit .*found uint8"):
        clean_region(given_, mask, RegionHygiene(), lesion=lesion.astype(np.uint8))
    with pytest.raises(MaskError, match="region is empty"):
        clean_region(given_, mask & False, RegionHygiene())


@pytest.mark.parametrize("method", ["threshold", "vesselness"])
def test_a_constant_liver_has_no_vessels_to_look_for(method):
    given_, mask, *_ = phantom()
    flat = Image(np.full(mask.shape, 7.0), given_.spacing_mm, *PLACE)
    with pytest.raises(ImageError, match="cannot be told from parenchyma"):
        clean_region(flat, mask, RegionHygiene(vessels=VesselSettings(method=method)))


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"erode": 1}, "erode_mm"),
        ({"erode_mm": -1}, "greater than or equal to 0"),
        ({"vessels": {"scales_mm": []}}, "at least 1"),
        ({"vessels": {"scales_mm": [0]}}, "above 0"),
        ({"vessels": {"method": "frangi"}}, "threshold"),
        ({"min_voxels": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_make_no_sense(given_, words):
    with pytest.raises(ConfigError, match=words):
        RegionHygiene.parse(given_, where="test")
