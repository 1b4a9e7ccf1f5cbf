"""Cleaned pictures stand on the scale of their bits, and the cohort says what is white."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image

from radiofib.cohort import Acquisition, Cohort
from radiofib.images.ultrasound import read_frames
from radiofib.prepare import UltrasoundPlan, clean_ultrasound
from radiofib.simulate.ultrasound_frames import FrameSettings, simulate_frame
from tests.images.ultrasound_files import write_film

PLAN = UltrasoundPlan.parse({"region": {"source": "image"}}, where="test")


def test_palette_of_16_bits_that_repeats_8_is_a_picture_of_8_bits(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (1, 40, 50)).astype(np.uint8)
    for factor, name in ((257, "repeated"), (256, "padded"), (200, "truly_deep")):
        more: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
        for colour in ("Red", "Green", "Blue"):
            more[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
            table = (np.arange(256) * factor).astype("<u2")
            more[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
        [frame] = read_frames(write_film(tmp_path / f"{name}.dcm", grey, **more))
        assert frame.white is None
        if name == "truly_deep":
            assert frame.values.dtype == np.uint16
            continue
        assert frame.values.dtype == np.uint8
        np.testing.assert_array_equal(frame.values, grey[0])


def test_12_bits_keep_their_values_and_the_cohort_says_white(tmp_path: Path) -> None:
    cases = []
    for bits, case in ((8, "a"), (12, "b")):
        shown = simulate_frame(FrameSettings(shape=(240, 320)), bits).grey
        stored = shown if bits == 8 else shown.astype(np.uint16) * 16
        path = write_film(tmp_path / f"{case}.dcm", stored[None], BitsStored=bits, HighBit=bits - 1)
        cases.append(Acquisition(case, case, "us", path))
    done = clean_ultrasound(Cohort(tuple(cases)), PLAN, tmp_path / "out", workers=1)
    assert [a.extra.get("white_grey") for a in done.cohort.acquisitions] == [None, 4095.0]
    pixels = np.asarray(PIL.Image.open(done.cohort.acquisitions[1].image))
    assert pixels.dtype == np.uint16
    assert 255 < pixels.max() <= 4080
    assert done.record["white_grey"].tolist()[1] == 4095
