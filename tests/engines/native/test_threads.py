"""Threads inside a region: the same bytes for any number, and failures that stay where they are."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

import radiofib.extract as extraction
from radiofib.engines import ExtractionConfig, RoiFeatures, get_engine
from radiofib.engines.native import NativeEngine, engine
from radiofib.errors import UsageError
from radiofib.parallel import Crew
from radiofib.roi import Roi
from tests.extract.cohorts import cohort, ultrasound

TYPES: dict[str, Any] = {
    "Original": {},
    "LoG": {"sigma": [1.0, 2.0, 30.0]},
    "Wavelet": {"binCount": 9},
    "Square": {},
    "Gradient": {},
    "LBP2D": {},
}
CONFIG = ExtractionConfig.parse({"imageType": TYPES, "setting": {"binCount": 16}}, where="test")


@pytest.fixture(autouse=True)
def _small_regions_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radiofib.engines.extraction.WORTH_THREADS", 0)


def blob(shape: tuple[int, ...] = (16, 24, 26)) -> Roi:
    rng = np.random.default_rng(1)
    pixels = gaussian_filter(rng.normal(size=shape), 1.0) * 100 + 300
    mask = gaussian_filter(rng.normal(size=shape), 2.0)
    return Roi(pixels.round(), mask > np.quantile(mask, 0.6), (1.0,) * len(shape), "x")


def content(found: RoiFeatures) -> tuple[Any, ...]:
    """Everything in its order, values as bytes."""
    values = [(name, struct.pack("d", value)) for name, value in found.values.items()]
    return values, list(found.missing.items()), list(found.flags.items())


@pytest.mark.parametrize("shape", [(16, 24, 26), (40, 44)])
def test_the_same_bytes_for_any_number(shape: tuple[int, ...]) -> None:
    roi = blob(shape)
    alone = content(NativeEngine().extract(roi, CONFIG))
    assert alone[1]  # the widest filter does not fit
    for threads in (2, 3, 8):
        assert content(NativeEngine(threads=threads).extract(roi, CONFIG)) == alone


@pytest.mark.parametrize("threads", [1, 4])
def test_an_image_that_fails_leaves_the_others(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = NativeEngine().extract(blob(), CONFIG)
    measure = engine.measure_texture

    def failing(*given: Any, **options: Any) -> Any:
        for number, found in enumerate(measure(*given, **options)):
            if number == 2 and given[3].bin_count == 9:
                raise RuntimeError("out of luck")
            yield found

    monkeypatch.setattr(engine, "measure_texture", failing)
    found = NativeEngine(threads=threads).extract(blob(), CONFIG)
    why = "Wavelet failed: RuntimeError: out of luck"
    lost = {column for column, reason in found.missing.items() if reason == why}
    assert {c.split("_")[1] for c in lost} == {"wllh", "wlhl", "wlhh", "whll", "whlh", "whhl",
                                               "whhh", "wlll"}  # fmt: skip
    assert {c.split("_")[2] for c in lost} == {"glrlm", "glszm", "gldm", "ngtdm"}
    for column, value in whole.values.items():
        assert column in lost or found.values[column] == value or np.isnan(value)


def test_small_regions_stay_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def noting(threads: int) -> Crew:
        asked.append(threads)
        return Crew(threads)

    monkeypatch.setattr("radiofib.engines.extraction.Crew", noting)
    plain = ExtractionConfig.parse({"setting": {"binCount": 16}}, where="test")
    voxels = int(np.count_nonzero(blob().mask))
    for limit, config in ((15 * voxels, CONFIG), (15 * voxels + 1, CONFIG), (0, plain)):
        monkeypatch.setattr("radiofib.engines.extraction.WORTH_THREADS", limit)
        NativeEngine(threads=3).extract(blob(), config)
    assert asked == [3, 1, 1]


def test_numbers_that_are_none() -> None:
    with pytest.raises(UsageError, match="positive"):
        get_engine("native", threads=0)


def test_workers_without_a_piece_of_their_own_become_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    make = extraction.get_engine

    def noting(name: str, *, threads: int = 1) -> Any:
        asked.append(threads)
        return make(name, threads=threads)

    one = cohort(ultrasound(tmp_path, cases=1), tmp_path)
    monkeypatch.setattr(extraction, "get_engine", noting)
    tables = [
        extraction.extract_features(one, CONFIG, pieces_dir=tmp_path / str(n), workers=n)[0]
        for n in (1, 3)
    ]
    assert max(asked) == 3
    pd.testing.assert_frame_equal(tables[0].X, tables[1].X, check_exact=True)
