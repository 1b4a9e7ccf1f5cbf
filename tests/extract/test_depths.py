"""Pictures that are no pictures, and pictures of two depths in one cohort."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from radiofib.cohort import Cohort
from radiofib.engines import ExtractionConfig
from radiofib.extract import extract_features
from radiofib.extract.doubts import doubts_of

CONFIG = ExtractionConfig.parse(
    {"texture": False, "ultrasound": {"features": ["speckle"]}}, where="test"
)


def cohort(folder: Path, **pictures: np.ndarray) -> Cohort:
    for name, grey in pictures.items():
        Image.fromarray(grey).save(folder / f"{name}.png")
    rows = [{"case": n, "channel": "us", "image": f"{n}.png"} for n in pictures]
    return Cohort.from_frame(pd.DataFrame(rows), root=folder)


def test_8_and_16_bits_in_one_cohort_are_doubts(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    bytes_ = {f"b{k}": rng.integers(0, 256, (40, 40)).astype(np.uint8) for k in range(3)}
    deep = rng.integers(0, 65536, (40, 40)).astype(np.uint16)
    table, _ = extract_features(
        cohort(tmp_path, **bytes_, deep=deep), CONFIG, pieces_dir=tmp_path / "p", workers=1
    )
    [doubt] = doubts_of(table).itertuples(index=False)
    assert doubt.case == "deep"
    assert "those of 3 other pictures of us to 255 at most" in doubt.doubt
    alike, _ = extract_features(
        cohort(tmp_path, **bytes_), CONFIG, pieces_dir=tmp_path / "p", workers=1
    )
    assert not len(doubts_of(alike))


def test_one_grey_is_a_listed_failure(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = {
        "good": rng.integers(0, 256, (40, 40)).astype(np.uint8),
        "flat": np.full((40, 40), 9, np.uint8),
        "point": np.full((1, 1), 9, np.uint8),
    }
    table, failures = extract_features(
        cohort(tmp_path, **pictures), CONFIG, pieces_dir=tmp_path / "p", workers=1
    )
    assert table.obs["case"].tolist() == ["good"]
    assert [f.case for f in failures] == ["flat", "point"]
    assert all("one grey" in f.reason for f in failures)
    assert "9 in 1600 pixels" in failures[0].reason
