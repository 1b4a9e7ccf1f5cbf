"""The checkerboard picture of a registration."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import SimpleITK as sitk

from radiofib.errors import ImageError
from radiofib.images.checkerboard import checkerboard_png, render_checkerboard
from radiofib.images.overlay import OUTLINE


def volume(values):
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((1.0, 1.0, 4.0))
    return image


def test_tiles_take_turns_between_the_images():
    rng = np.random.default_rng(0)
    one, two = (volume(rng.normal(size=(8, 64, 64))) for _ in range(2))
    both = render_checkerboard(one, two, tiles=4, longest_side=64)[:64, :64].astype(int)
    first = render_checkerboard(one, one, tiles=4, longest_side=64)[:64, :64].astype(int)
    grey = first[..., 2]  # blue is not tinted
    same = both[..., 2] == grey
    assert same[:16, :16].all()
    assert same[16:32, 16:32].all()
    assert not same[:16, 16:32].all()
    assert (both[:16, :16, 0] == both[:16, :16, 2]).all()
    assert (both[:16, 16:32, 0] < both[:16, 16:32, 2]).mean() > 0.9


def test_flipped_storage_gives_the_same_picture_and_file(tmp_path):
    rng = np.random.default_rng(1)
    values = rng.normal(size=(8, 40, 50))
    mask = np.zeros(values.shape, np.uint8)
    mask[3:6, 10:20, 12:30] = 1
    plain, region = volume(values), volume(mask)
    turned = [sitk.DICOMOrient(v, "RAS") for v in (plain, region)]
    picture = render_checkerboard(plain, plain, mask=region)
    assert (picture == np.array(OUTLINE)).all(axis=-1).sum() > 50
    assert (picture == render_checkerboard(turned[0], turned[0], mask=turned[1])).all()
    path = checkerboard_png(plain, plain, tmp_path / "a.png", mask=region)
    assert (np.asarray(PIL.Image.open(path)) == picture).all()
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_another_grid_is_refused():
    one = volume(np.zeros((8, 40, 50)))
    with pytest.raises(ImageError, match="registered image lies on another grid"):
        render_checkerboard(one, volume(np.zeros((8, 40, 51))))
