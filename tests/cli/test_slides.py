"""radiofib slides run with a model: exit statuses, what is said and written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.errors import RadiofibError, UsageError
from tests.deep import nets as deep_nets
from tests.slides import made, nets


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    made.write_pyramid(folder / "good.tiff", made.biopsy(um=8.0, length_um=2000.0)[0], mpp=8.0)
    (folder / "bad.svs").write_text("not a slide")
    nets.colour_net(folder / "net.onnx", tile=32, um=8.0)
    nets.colour_net(folder / "bare.onnx", tile=32, um=None)
    deep_nets.extractor(folder / "embedding.onnx", card=deep_nets.facts())
    return folder


def run(folder: Path, out: Path, *arguments: str, slides: tuple[str, ...] = ("good.tiff",)):
    files = [str(folder / name) for name in slides]
    how = ["--out", str(out), "--workers", "1", *arguments]
    return CliRunner().invoke(app, ["slides", "run", *files, *how])


def test_good_and_bad_slides_end_in_status_3_with_the_labels_of_the_good(
    folder: Path, tmp_path: Path
) -> None:
    model = str(folder / "net.onnx")
    done = run(folder, tmp_path, "--model", model, slides=("good.tiff", "bad.svs"))
    assert done.exit_code == 3
    assert "1 of 2 slides measured" in done.output
    assert (tmp_path / "tracts.csv").read_text().startswith("case,tract,")
    assert "tiles: " in done.stderr
    assert "bad: bad.svs: not a slide" in done.stderr
    with Image.open(tmp_path / "labels/good.png") as picture:
        assert {*np.unique(np.asarray(picture)).tolist()} == {0, 1, 2}
    assert run(folder, tmp_path / "b", "--model", model, slides=("bad.svs",)).exit_code == 1


def test_stages_of_other_cases_are_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "stages.csv").write_text("case,stage\ngod,3\n")
    stages = ["--stages", str(tmp_path / "stages.csv")]
    done = run(folder, tmp_path / "a", "--model", str(folder / "net.onnx"), *stages)
    assert done.exit_code == 0
    assert "no stage for good" in done.stderr
    arguments = [str(tmp_path / "a"), str(folder), "--out", str(tmp_path / "b"), *stages]
    again = CliRunner().invoke(app, ["slides", "remeasure", *arguments])
    assert again.exit_code == 0
    assert "no stage for good" in again.stderr


def test_facts_the_model_lacks_are_asked_for_and_may_be_stated(
    folder: Path, tmp_path: Path
) -> None:
    bare = ["--model", str(folder / "bare.onnx")]
    refused = run(folder, tmp_path / "a", *bare)
    assert isinstance(refused.exception, UsageError)
    assert "preprocessing.um_per_px" in str(refused.exception)
    assert not (tmp_path / "a").exists()
    facts = tmp_path / "facts.yaml"
    facts.write_text(yaml.safe_dump({"preprocessing": {"um_per_px": 8.0}}))
    options = ["--card", str(facts), "--overlap", "0.25", "--batch", "4", "--portal", "lobule"]
    assert run(folder, tmp_path / "b", *bare, *options).exit_code == 0
    assert (tmp_path / "b/labels/good.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--portal", "tract"], "without one"),
        (["--model", "embedding.onnx"], "no segmenter"),
        (["--model", "net.onnx", "--portal", "triad"], "triad"),
        (["--model", "net.onnx", "--overlap", "0.9"], "overlap"),
        (["--model", "net.onnx", "--provider", "cpuu"], "cpuu"),
        (["--model", "absent.onnx"], "absent.onnx"),
    ],
)
def test_wrong_models_and_options_stop_before_any_slide(
    folder: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    given = [str(folder / a) if a.endswith(".onnx") else a for a in arguments]
    done = run(folder, tmp_path / "out", *given)
    assert isinstance(done.exception, RadiofibError)
    assert said in str(done.exception)
    assert not (tmp_path / "out").exists()
