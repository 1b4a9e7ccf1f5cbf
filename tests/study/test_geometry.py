"""Negative controls know how an image was made, never what it shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from radiofib.cohort import Cohort
from radiofib.engines import ExtractionConfig
from radiofib.evaluation import control_tables
from radiofib.extract import extract_features
from radiofib.study.config import SlidesConfig
from radiofib.study.slides import slide_features
from tests.slides import nets
from tests.slides.made import biopsy, write_png

FAST = ExtractionConfig.parse({"feature_classes": {"firstorder": ["Mean"]}}, where="test")


def test_slides_of_other_content_have_the_same_geometry(tmp_path: Path) -> None:
    for name, length in (("short", 2500.0), ("long", 6000.0)):
        write_png(tmp_path / f"{name}.png", biopsy(4.0, seed=1, length_um=length)[0])
    frame = pd.DataFrame({"case": ["a", "b"], "channel": "wsi"})
    frame["image"] = ["short.png", "long.png"]
    cohort = Cohort.from_frame(frame, root=tmp_path)
    table, failures = slide_features(
        cohort,
        tmp_path / "out",
        config=SlidesConfig(mpp=4.0),
        root=tmp_path,
        workers=1,
        tell=lambda *_: None,
    )
    assert failures == []
    assert table.X.nunique().max() == 2
    geometry = table.obs.filter(like="geom_").drop(columns="geom_wsi_bytes")
    assert list(geometry) == ["geom_wsi_mpp_um"]
    assert geometry.nunique().max() == 1
    assert "geometry" not in control_tables(table)


def test_images_of_other_content_and_mask_have_the_same_geometry(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for number, side in enumerate((6, 18)):
        Image.fromarray(rng.integers(0, 40 * (number + 1), (20, 24)).astype(np.uint8)).save(
            tmp_path / f"i{number}.png"
        )
        mask = np.zeros((20, 24), np.uint8)
        mask[1:side, 1:side] = 255
        Image.fromarray(mask).save(tmp_path / f"m{number}.png")
        rows.append({"case": f"c{number}", "channel": "us"})
        rows[-1] |= {"image": f"i{number}.png", "mask": f"m{number}.png"}
    cohort = Cohort.from_frame(pd.DataFrame(rows), root=tmp_path)
    table, failures = extract_features(cohort, FAST, pieces_dir=tmp_path / "p", workers=1)
    assert failures == []
    geometry = table.obs.filter(like="geom_").drop(columns="geom_us_bytes")
    assert geometry.nunique().max() == 1
    assert "geometry" not in control_tables(table)


def test_measures_that_no_slide_was_asked_for_are_no_columns(tmp_path: Path) -> None:
    write_png(tmp_path / "s.png", biopsy(4.0, seed=1, length_um=2500.0)[0])
    nets.colour_net(tmp_path / "net.onnx", tile=64, um=4.0)
    frame = pd.DataFrame({"case": ["a"], "channel": "wsi", "image": ["s.png"]})
    cohort = Cohort.from_frame(frame, root=tmp_path)
    columns = {}
    for name, config in (
        ("plain", SlidesConfig(mpp=4.0)),
        ("model", SlidesConfig(mpp=4.0, model="net.onnx")),
    ):
        table, failures = slide_features(
            cohort, tmp_path / name, config=config, root=tmp_path, workers=1, tell=lambda *_: None
        )
        assert failures == []
        assert set(table.codebook["column"]) == set(table.X)
        assert set(table.missing["column"]) <= set(table.X)
        columns[name] = {c.removeprefix("wsi_original_") for c in table.X}
    assert "portal_tract_count" in columns["model"] - columns["plain"]
    assert "morphometry_tissue_area_mm2" in columns["plain"]
    assert not any(c.startswith("collagen") for c in columns["model"])
    assert not any(c.startswith(("portal", "interface", "septa")) for c in columns["plain"])
    # What lies on the glass is in the table of slides, and no feature.
    assert not any(c.startswith("artefact") for c in columns["model"])
    written = pd.read_csv(tmp_path / "model/slides.csv")
    assert written["wsi_original_artefact_pen_area_mm2"].tolist() == [0.0]
    tracts = pd.read_csv(tmp_path / "model/tracts.csv")
    assert set(tracts["case"]) <= {"a"}
