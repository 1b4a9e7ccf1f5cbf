"""Resampling, masks there and back, transform files."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofib.errors import ImageError, UsageError
from radiofib.preprocess.register import (
    carry_mask,
    read_transform,
    resample_to,
    write_transform,
)


def ball(spacing, size, centre=(30.0, 28.0, 33.0), radius=18.0):
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing(spacing)
    z, y, x = np.indices(size[::-1])
    at = np.stack([i * s for i, s in zip((x, y, z), spacing, strict=True)])
    inside = ((at - np.array(centre)[:, None, None, None]) ** 2).sum(axis=0) < radius**2
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    image.SetSpacing(spacing)
    return image


def volume_ml(mask):
    return float(sitk.GetArrayFromImage(mask).sum() * np.prod(mask.GetSpacing()) / 1000)


@pytest.fixture
def move():
    transform = sitk.Euler3DTransform()
    transform.SetCenter((30.0, 28.0, 33.0))
    transform.SetParameters((0.1, -0.1, 0.2, 3.3, -2.7, 1.4))
    return transform


def test_a_carried_ball_keeps_its_volume_and_moves_as_the_transform_says(move):
    mask = ball((2.0, 2.0, 3.0), (34, 33, 24))
    target = ball((1.0, 1.0, 1.0), (66, 66, 70))
    there = carry_mask(mask, move, target)
    assert volume_ml(there) == pytest.approx(volume_ml(mask), rel=0.02)
    index = np.argwhere(sitk.GetArrayFromImage(there))[:, ::-1].mean(axis=0)
    centre = there.TransformContinuousIndexToPhysicalPoint(index.tolist())
    assert np.allclose(move.TransformPoint(centre), (30, 28, 33), atol=0.1)


def test_there_and_back_is_nearly_the_same_mask(move):
    mask = ball((1.0, 1.0, 2.0), (66, 64, 36))
    there = carry_mask(mask, move, ball((1.0, 1.0, 1.0), (70, 70, 74)))
    again = carry_mask(there, move, mask, back=True)
    a, b = (sitk.GetArrayFromImage(v) > 0 for v in (mask, again))
    assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.97


def test_resampling_fills_with_the_least_value_where_the_image_ends():
    image = sitk.GetImageFromArray(np.full((6, 6, 6), 9.0, np.float32)) + 1
    image[0, 0, 0] = 4
    away = sitk.TranslationTransform(3, (4.0, 0.0, 0.0))
    assert resample_to(image, image, away)[5, 3, 3] == 4
    assert np.isnan(resample_to(image, image, away, outside=float("nan"))[5, 3, 3])
    with pytest.raises(UsageError, match="unknown interpolation"):
        resample_to(image, image, away, "cubic")


def test_transform_files_keep_every_digit(move, tmp_path):
    path = write_transform(tmp_path / "t2.tfm", move)
    again = read_transform(path)
    assert again.GetParameters() == move.GetParameters()
    assert again.GetFixedParameters() == move.GetFixedParameters()
    assert [p.name for p in tmp_path.iterdir()] == ["t2.tfm"]


def test_transform_files_that_are_none(tmp_path, move):
    with pytest.raises(UsageError, match=r"\.tfm"):
        write_transform(tmp_path / "t2.txt", move)
    (tmp_path / "x.tfm").write_text("nothing")
    for name in ("x.tfm", "absent.tfm"):
        with pytest.raises(ImageError, match="no transform can be read"):
            read_transform(tmp_path / name)
