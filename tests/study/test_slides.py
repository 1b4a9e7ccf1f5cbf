"""Slides in a study: who labelled them, what to look at, and files under the cohort's names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from radiofib.cohort import Cohort
from radiofib.extract.doubts import doubts_of
from radiofib.slides.specs import column
from radiofib.study.config import SlidesConfig
from radiofib.study.slides import slide_features
from radiofib.table import FeatureTable
from tests.slides import forest, made


@pytest.mark.slow
def test_classical_labels_and_warnings_are_said_under_the_cohorts_names(tmp_path: Path) -> None:
    picture = Image.fromarray(made.biopsy(8.0, seed=1, length_um=2500.0)[0])
    ImageDraw.Draw(picture).rectangle([200, 160, 215, 175], fill=made.PURPLE)
    made.write_png(tmp_path / "s.png", np.asarray(picture))
    red = made.glass(5000, 3000, 8.0)
    made.band(red, made.straight(2600, 0), 900, 8.0, (226, 196, 128))
    made.write_png(tmp_path / "psr.png", made.noisy(red))
    forest.purple_classifier(tmp_path / "c.skops")
    frame = pd.DataFrame({"case": ["a", "b"], "patient": ["p", "q"], "channel": "wsi"})
    cohort = Cohort.from_frame(frame.assign(image=["s.png", "psr.png"]), root=tmp_path)
    table, failures = slide_features(
        cohort,
        tmp_path / "out",
        config=SlidesConfig(mpp=8.0, model="c.skops"),
        root=tmp_path,
        workers=1,
        tell=lambda *_: None,
    )
    assert failures == []
    # The table that stagers learn from: labels of its columns say it, and it describes no scan.
    label = table.codebook.set_index("column")["label"]
    assert label[column("portal_area_percent")].endswith("(classical segmentation)")
    assert "segmentation_source" not in table.obs
    [doubt] = doubts_of(table).to_dict("records")
    assert (doubt["case"], doubt["channel"]) == ("b", "wsi")
    assert "Sirius red" in doubt["doubt"]
    slides = pd.read_csv(tmp_path / "out/slides.csv").sort_values("case")
    assert slides["case"].tolist() == ["a", "b"]
    assert set(slides["segmentation_source"]) == {"classical"}
    assert slides["warnings"].isna().tolist() == [True, False]
    assert column("portal_area_percent") in slides
    tracts = FeatureTable.read(tmp_path / "out/tracts.parquet")
    assert "a" in set(tracts.obs["case"]) <= {"a", "b"}
    assert set(tracts.missing["case"]) <= {"a", "b"}
    named = pd.read_csv(tmp_path / "out/tracts.csv")
    assert named[["case", "tract"]].equals(tracts.obs[["case", "tract"]])
