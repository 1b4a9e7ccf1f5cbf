"""A study with a section for ultrasound: screens in, a report out, nobody named in it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import PIL.Image
import PIL.ImageDraw
import pytest

from radiofib.simulate.ultrasound_frames import FrameSettings, simulate_frame
from radiofib.study import StudyConfig, StudyWarning, run_study
from radiofib.table import FeatureTable
from tests.study.builders import STUDY, write_study

pytestmark = pytest.mark.slow
SECTION = "ultrasound:\n  pixel_mm: 0.3\n  region: {patches: {side_px: 16, most: 4}}\n"


def test_from_screens_to_a_report(tmp_path: Path) -> None:
    rows = []
    for number in range(12):
        stage = "F4" if number % 2 else "F0"
        law = FrameSettings(shape=(200, 260), marks=("name", "id"), gain_db=4.0 * (stage == "F4"))
        picture = PIL.Image.fromarray(simulate_frame(law, number).screen)
        if number < 3:  # so much text that it may have been tissue
            PIL.ImageDraw.Draw(picture).text((90, 100), "DOE JANE 1234", fill="white")
        picture.save(tmp_path / f"{number}.png")
        rows.append(
            {
                "case": f"c{number}",
                "channel": "us",
                "image": f"{number}.png",
                "scanner": "alpha" if number % 4 < 2 else "beta",
                "stage": stage,
            }
        )
    (tmp_path / "bad.png").write_bytes(b"")
    rows.append({**rows[0], "case": "bad", "image": "bad.png"})
    study = StudyConfig.from_yaml(write_study(tmp_path, pd.DataFrame(rows), STUDY + SECTION))
    done = run_study(study, root=tmp_path, out=tmp_path / "run", workers=1)
    assert done.n_rows == 12
    assert [(f.case, f.step) for f in done.failures] == [("bad", "ultrasound")]
    assert len(pd.read_csv(tmp_path / "run/ultrasound.csv")) == 12
    table = FeatureTable.read(tmp_path / "run/features/features.parquet")
    assert set(table.obs["mask_source"]) == {"patches"}
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run/ultrasound").rglob("*.png")}
    with pytest.warns(StudyWarning, match="to look at") as said:
        run_study(study, root=tmp_path, out=tmp_path / "run", workers=1)
    assert {p: p.stat().st_mtime_ns for p in before} == before
    # What the cleaning doubts is on the screen, in the file and in the report.
    assert any("was it tissue? (cases c0, c1, c2)" in str(one.message) for one in said)
    doubts = pd.read_csv(tmp_path / "run/doubts.csv", keep_default_na=False)
    about = doubts[doubts["doubt"].str.contains("was it tissue?", regex=False)]
    assert about["case"].tolist() == ["c0", "c1", "c2"]
    assert "was it tissue?" in done.report.read_text(encoding="utf-8")
