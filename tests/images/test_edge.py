"""Masks of another patient that lie within the body all the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.images.edge import LEAST_CONTRAST, edge_contrast, mask_doubts
from radiofib.images.region import CHECK
from radiofib.roi import Roi

SPACING = (3.0, 2.0, 2.0)


def abdomen(seed=0, noise=6.0):
    """Return an image with a liver in a body with other organs, and the liver's mask."""
    rng = np.random.default_rng(seed)
    z, y, x = (i * s for i, s in zip(np.indices((40, 90, 100)), SPACING, strict=True))
    body = ((y - 90) / 75) ** 2 + ((x - 100) / 90) ** 2 < 1
    liver = ((z - 60) / 45) ** 2 + ((y - 85) / 50) ** 2 + ((x - 65) / 42) ** 2 < 1
    spleen = ((z - 60) / 30) ** 2 + ((y - 100) / 25) ** 2 + ((x - 150) / 20) ** 2 < 1
    image = np.where(body, 90.0, 0.0) + 60.0 * liver + 40.0 * spleen
    bias = 1 + 0.3 * (x / x.max() - 0.5)
    return np.abs(image * bias + rng.normal(0, noise, image.shape)), liver


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), noise=st.floats(1, 10), gain=st.floats(0.01, 1e4))
def test_the_right_mask_is_never_doubted(seed, noise, gain):
    image, liver = abdomen(seed, noise)
    assert edge_contrast(gain * image, liver, SPACING) > 2 * LEAST_CONTRAST


@pytest.mark.parametrize("shift", [(0, 0, 12), (0, 12, 0), (7, 0, 0), (5, 8, -8)])
def test_a_mask_of_somebody_else_is_doubted(shift):
    image, liver = abdomen()
    foreign = np.roll(liver, shift, (0, 1, 2))
    assert edge_contrast(image, foreign, SPACING) < LEAST_CONTRAST
    (doubt,) = mask_doubts(Roi(image, foreign, SPACING, "ged4"))
    assert "no edge of the image" in doubt
    assert doubt.endswith(CHECK)


def test_nothing_is_said_where_it_cannot_be_told():
    image, liver = abdomen()
    assert edge_contrast(image[0], liver[0], SPACING[1:]) is None
    small = np.zeros_like(liver)
    small[20, 40:44, 30:34] = True
    assert edge_contrast(image, small, SPACING) is None
    assert edge_contrast(np.ones_like(image), liver, SPACING) is None
    # Cut by the field of view: only what goes on around the organ counts.
    assert edge_contrast(image[18:22], liver[18:22], SPACING) > LEAST_CONTRAST


def test_without_a_voxel_size_nothing_is_said():
    image, liver = abdomen()
    foreign = np.roll(liver, 12, 2)
    assert mask_doubts(Roi(image, foreign, SPACING, "ged4", spacing_known=False)) == ()
