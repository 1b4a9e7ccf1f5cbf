"""Fields of two volumes in turn, the right way up, the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import SimpleITK as sitk

from radiofib.images.checkerboard import checkerboard_png


def of(array: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    return image


def test_fields_alternate_between_the_two(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 100, 512), (1, 512, 1)).astype(np.float32)
    path = checkerboard_png(of(ramp), of(ramp[..., ::-1].copy()), tmp_path / "a.png", field_mm=64)
    shown = np.asarray(PIL.Image.open(path))[..., 0].astype(int)
    assert shown.shape == (512, 512)
    middle, beside = shown[256, 250], shown[256, 256 + 90]
    rising = np.linspace(0, 255, 512)
    assert abs(middle - rising[250]) < 6
    assert abs(beside - (255 - rising[346])) < 6
    # Half the fields show the second volume, in which the ramp falls.
    steps = np.diff(shown[256])
    falls = steps[steps != 0] < 0
    assert 0.35 < falls.mean() < 0.65


def test_the_mask_chooses_the_slice_and_is_outlined(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    image = of(rng.normal(size=(5, 40, 40)), (2.0, 2.0, 7.0))
    region = np.zeros((5, 40, 40), np.uint8)
    region[3, 10:30, 10:30] = 1
    mask = of(region, (2.0, 2.0, 7.0))
    path = checkerboard_png(image, image, tmp_path / "a.png", mask=mask)
    shown = np.asarray(PIL.Image.open(path))
    amber = (shown == (255, 176, 0)).all(axis=-1)
    assert amber.any()
    rows, columns = np.nonzero(amber)
    assert abs(rows.mean() / shown.shape[0] - 0.5) < 0.02
    assert abs((columns.max() - columns.min()) / shown.shape[1] - 0.5) < 0.03
    again = checkerboard_png(image, image, tmp_path / "b.png", mask=mask)
    assert again.read_bytes() == path.read_bytes()
