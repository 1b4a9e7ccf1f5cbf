"""A picture of one grey is refused before anything is looked for in it."""

from __future__ import annotations

import numpy as np
import pytest

from radiofib.preprocess.ultrasound import find


def test_nothing_is_looked_for_in_one_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked(*_: object, **__: object) -> None:
        raise AssertionError("looked for an image")

    monkeypatch.setattr(find, "lit_pixels", looked)
    assert find.find_images(np.full((40, 40), 7.0)) == []
