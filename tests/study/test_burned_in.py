"""A run does not draw pictures that may name somebody, and says so."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import PIL.Image
import pytest

from radiofib.cohort import Cohort
from radiofib.engines.embedding import EmbeddingSettings
from radiofib.simulate.ultrasound_frames import FrameSettings, simulate_frame
from radiofib.study import StudyConfig, run_study
from radiofib.study.cam import _one
from radiofib.study.examples import examples_step
from radiofib.study.folder import RunFolder
from radiofib.study.foresee import StudyWarning
from radiofib.table import FeatureTable
from tests.study.builders import STUDY, write_pictures, write_study

SHAPE = (200, 260)


def write_screens(root: Path, named: tuple[int, ...] = (0,), count: int = 3) -> pd.DataFrame:
    rows = []
    for number in range(count):
        law = FrameSettings(shape=SHAPE, marks=("name",) if number in named else ())
        PIL.Image.fromarray(simulate_frame(law, number + 1).screen).save(root / f"{number}.png")
        rows.append({"case": f"c{number}", "channel": "us", "image": f"{number}.png"})
    return pd.DataFrame(rows)


def drawn(root: Path, frame: pd.DataFrame, **more: object) -> tuple[list[str], list[str]]:
    """Return the examples that are drawn of a cohort, and the doubts."""
    cohort = Cohort.from_frame(frame, root=root)
    obs = cohort.obs()
    table = FeatureTable(pd.DataFrame({"f": [1.0] * len(obs)}), obs)
    folder = RunFolder(root / "run")
    study = StudyConfig(title="A", cohort="a.csv", **more)
    failures, doubts = examples_step(study, cohort, table, folder)
    assert failures == []
    files = sorted(p.name for p in (root / "run/examples").glob("*.png"))
    return files, [d.doubt for d in doubts]


def test_a_screen_with_a_name_is_not_drawn(tmp_path: Path) -> None:
    old = RunFolder(tmp_path / "run").path("examples/01__us.png")
    old.write_bytes(b"of a run that drew every picture")
    files, [doubt] = drawn(tmp_path, write_screens(tmp_path))
    assert files == ["02__us.png", "03__us.png"]
    assert doubt.startswith("1 of 3 pictures for examples/ shows burned-in text")
    assert "(case c0)" in doubt
    assert "'ultrasound: {}'" in doubt
    assert "'radiofib ultrasound clean'" in doubt


def test_cleaned_pictures_are_drawn_whatever_they_show(tmp_path: Path) -> None:
    frame = write_screens(tmp_path)
    assert drawn(tmp_path, frame.assign(image_look="ab"))[1] == []
    assert drawn(tmp_path, frame, ultrasound={})[1] == []
    _, [doubt] = drawn(tmp_path, frame.assign(channel="bmode"), ultrasound={})
    assert "'ultrasound: {channels: [bmode]}'" in doubt


def test_no_map_is_laid_over_a_screen_with_a_name(tmp_path: Path) -> None:
    [acquisition] = Cohort.from_frame(write_screens(tmp_path, count=1), root=tmp_path).acquisitions
    settings = EmbeddingSettings(model="m.onnx", name="net", region="whole")
    reader = SimpleNamespace(embedder=SimpleNamespace(settings=settings))
    study = StudyConfig(title="A", cohort="a.csv")
    folder = RunFolder(tmp_path / "run")
    assert _one(study, reader, acquisition, folder, "01__us.png") is None
    assert not (tmp_path / "run/cam").exists()


def test_small_pictures_are_drawn(tmp_path: Path) -> None:
    files, doubts = drawn(tmp_path, write_pictures(tmp_path, n_patients=3).drop(columns="stage"))
    assert (len(files), doubts) == (6, [])


@pytest.mark.slow
def test_a_run_says_it_and_its_report_shows_none(tmp_path: Path) -> None:
    frame = write_screens(tmp_path, named=tuple(range(12)), count=12)
    frame["stage"] = ["F4" if number % 2 else "F0" for number in range(12)]
    study = StudyConfig.from_yaml(write_study(tmp_path, frame, STUDY))
    for _ in range(2):
        with pytest.warns(StudyWarning, match="6 of 6 pictures for examples/ show burned-in text"):
            run_study(study, root=tmp_path, out=tmp_path / "run", workers=1)
        assert not (tmp_path / "run/examples").exists()
        [doubt] = pd.read_csv(tmp_path / "run/doubts.csv")["doubt"]
        assert "'ultrasound: {}'" in doubt
        page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
        assert "6 of 6 pictures" in page
        assert "examples/ holds no PNG: no image is shown." in page
