"""A range of other units than mean and deviation is seen; cards in use are not accused."""

from __future__ import annotations

import pytest

from radiofib.deep.preprocessing import Preprocessing
from radiofib.deep.range_doubts import range_doubts

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
BYTES = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


def how(value_range: tuple, mean: tuple, sd: tuple) -> Preprocessing:
    return Preprocessing(
        colour="rgb" if len(mean) == 3 else "grey", size=(8, 8), resize="stretch", layout="NCHW",
        dtype="float32", value_range=value_range, mean=mean, sd=sd,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value_range", "stated"),
    [
        ((0, 1), IMAGENET),
        ((0, 255), BYTES),
        ((0, 1), ((0.5,), (0.5,))),
        ((0, 255), ((127.5,), (127.5,))),
        ((0, 1), ((0,), (1,))),
        ((0, 255), ((0,), (1,))),
        ((0, 255), ((0,), (255,))),
        ((-1, 1), ((0,), (1,))),
        ((0, 1), ((0.1,), (0.05,))),
    ],
)
def test_usual_cards(value_range: tuple, stated: tuple) -> None:
    assert range_doubts(how(value_range, *stated)) == ()


@pytest.mark.parametrize(
    ("value_range", "stated", "likely"),
    [
        ((0, 1), BYTES, "0 to 255"),
        ((0, 255), IMAGENET, "0 to 1"),
        ((0, 255), ((0.5,), (0.25,)), "0 to 1"),
        ((0, 1), ((0,), (255,)), "0 to 255"),
        ((0, 1), ((0.5,), (0.9,)), ""),
    ],
)
def test_ranges_of_other_units(value_range: tuple, stated: tuple, likely: str) -> None:
    [doubt] = range_doubts(how(value_range, *stated))
    assert "does not fit" in doubt
    assert doubt.endswith(f"they look like those of {likely}") if likely else "look" not in doubt
