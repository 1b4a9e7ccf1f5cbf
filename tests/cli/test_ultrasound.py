"""radiofib ultrasound clean: files for extract, a line a person understands, the exit status."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.cohort import Cohort
from radiofib.errors import CohortError
from radiofib.simulate.ultrasound_frames import FrameSettings, simulate_frame
from radiofib.study import StudyConfig, open_pictures
from radiofib.study.run import load_cohort
from tests.images.ultrasound_files import write_film


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    made = simulate_frame(FrameSettings(shape=(240, 320), marks=("name", "date")), 0)
    PIL.Image.fromarray(made.screen).save(folder / "a.png")
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:9000])
    rows = [{"case": c, "image": f"{c}.png", "channel": "us", "stage": "F1"} for c in "ab"]
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    return folder


def clean(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["ultrasound", "clean", *map(str, arguments), "--workers", "1"])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("name", "said"), [("nothere", "nothing is there"), ("a.png", "one picture is no cohort")]
)
def test_what_is_no_cohort(pictures: Path, tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(CohortError, match=f"{name}: {said}.*a folder of pictures") as caught:
        open_pictures(str(pictures / name), None, None, "us")
    assert "Next: " in str(caught.value)


def test_what_is_left_and_what_is_said(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "cleaned"
    code, said = clean(
        pictures / "cohort.csv", "--out", out, "--region", "image", "--pixel-mm", 0.3
    )
    assert code == 3
    assert "1 regions in 2 files" in said
    assert "b: b.png: picture is damaged or cut short" in said
    names = sorted(p.name for p in (out / "ultrasound/a").iterdir())
    assert names == ["us.png", "us_mask.png", "us_taken.png", "us_valid.png"]
    cohort = Cohort.read(out / "cohort.csv")
    [one] = cohort.acquisitions
    assert one.image == out / "ultrasound/a/us.png"
    assert (one.extra["pixel_mm"], one.extra["mask_source"], one.stage) == ("0.3", "image", "f1")
    record = pd.read_csv(out / "ultrasound.csv")
    assert record["kind"].tolist() == ["convex"]
    assert record["apex_y_px"].notna().all()
    failures = pd.read_csv(out / "failures.csv")
    assert failures["case"].tolist() == ["b"]
    assert str(pictures) not in (out / "failures.csv").read_text()


def test_a_table_of_dicom_and_pictures_needs_no_channel(tmp_path: Path) -> None:
    screen = simulate_frame(FrameSettings(shape=(240, 320)), 0).screen
    PIL.Image.fromarray(screen).save(tmp_path / "a.png")
    PIL.Image.fromarray(screen).save(tmp_path / "b.jpg")
    write_film(tmp_path / "c.dcm", screen[None])
    for name, cases in (("all", "abc"), ("dicom", "c")):
        files = {"a": "a.png", "b": "b.jpg", "c": "c.dcm"}
        table = pd.DataFrame([{"case": c, "image": files[c]} for c in cases])
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        out = tmp_path / f"out_{name}"
        code, said = clean(tmp_path / f"{name}.csv", "--out", out, "--region", "image")
        assert (code, f"{len(cases)} regions in {len(cases)} files" in said) == (0, True), said
        assert pd.read_csv(out / "cohort.csv")["channel"].unique().tolist() == ["us"]
        study = {"title": "t", "cohort": f"{name}.csv", "ultrasound": {"channels": ["us", "b"]}}
        assert load_cohort(StudyConfig.parse(study, where="t"), tmp_path).channels == ("us",)


def test_doubts_are_shown_and_help_names_what_messages_advise(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200)).astype(np.uint8)
    (tmp_path / "in").mkdir()
    PIL.Image.fromarray(noise).save(tmp_path / "in/a.png")
    code, said = clean(tmp_path / "in", "--out", tmp_path / "out")
    assert code == 1
    assert "clean: {find: whole}" in said
    assert "--config" in said
    config = tmp_path / "plan.yaml"
    config.write_text("ultrasound: {clean: {find: whole}, region: {source: image}}\n")
    code, said = clean(tmp_path / "in", "--out", tmp_path / "o2", "--config", config)
    assert code == 0
    assert "a us: neighbouring pixels are hardly alike" in said
    told = CliRunner().invoke(app, ["ultrasound", "clean", "--help"], env={"COLUMNS": "200"}).output
    assert "find: whole" in told


def test_a_section_of_a_file_and_words_it_does_not_know(pictures: Path, tmp_path: Path) -> None:
    config = tmp_path / "plan.yaml"
    config.write_text("ultrasound: {region: {source: given}}\n")
    code, said = clean(pictures / "cohort.csv", "--out", tmp_path / "o", "--config", config)
    assert code == 1
    assert "no region is given" in said
    config.write_text("ultrasound: {regions: {source: given}}\n")
    done = CliRunner().invoke(
        app, ["ultrasound", "clean", str(pictures), "--out", "o", "--config", str(config)]
    )
    assert "did you mean 'region'" in str(done.exception)
