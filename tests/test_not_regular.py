"""Pipes and devices in the place of files are refused: to open one may wait for ever."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.cohort import Acquisition, Cohort
from radiofib.datacard import DataCard
from radiofib.datacard.tables import read_rows
from radiofib.deep.graph import read_graph
from radiofib.engines import ExtractionConfig
from radiofib.errors import RadiofibError
from radiofib.extract import extract_features
from radiofib.images import hash_source, read_image, read_mask
from radiofib.images.polygons import read_annotations
from radiofib.images.ultrasound import read_frames
from radiofib.table import read_frame

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")

_READERS: dict[str, Callable[[Path], object]] = {
    "image": read_image,
    "mask": read_mask,
    "frames": lambda path: list(read_frames(path)),
    "hash": hash_source,
    "polygons": read_annotations,
    "table": read_frame,
    "rows": read_rows,
    "card": DataCard.read,
    "network": read_graph,
}
_NAMES = {"table": "p.csv", "rows": "p.csv", "card": "p.md", "network": "p.onnx"}


@pytest.fixture(autouse=True)
def _hurried() -> Iterator[None]:
    """Break off what waits for a pipe."""

    def late(*_: object) -> None:
        raise TimeoutError("waited for a pipe or device")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("kind", _READERS)
def test_named_pipe_is_refused(tmp_path, kind):
    pipe = tmp_path / _NAMES.get(kind, "p.png")
    os.mkfifo(pipe)
    with pytest.raises(RadiofibError, match=r"regular file; found a named pipe"):
        _READERS[kind](pipe)


@pytest.mark.parametrize("kind", ["image", "mask", "frames", "hash", "polygons"])
def test_device_is_refused(kind):
    with pytest.raises(RadiofibError, match=r"regular file; found a device"):
        _READERS[kind](Path("/dev/zero"))


def _cohort(folder: Path) -> Path:
    picture = np.random.default_rng(0).integers(20, 200, (120, 120)).astype(np.uint8)
    for name in ("ok.png", "ok2.png"):
        PIL.Image.fromarray(picture).save(folder / name)
        picture = picture[::-1]
    PIL.Image.fromarray(np.full((120, 120), 255, np.uint8)).save(folder / "m.png")
    os.mkfifo(folder / "pipe.png")
    rows = [
        ("good", "ok.png", "m.png", None),
        ("a", "pipe.png", "m.png", None),
        ("b", "ok2.png", "pipe.png", None),
        ("c", "/dev/zero", "m.png", None),
        ("d", "ok2.png", "m.png", "pipe.png"),
    ]
    frame = pd.DataFrame(rows, columns=["case", "image", "mask", "kidney_mask"])
    frame.insert(1, "channel", "us")
    frame.to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"


def test_cohort_leaves_them_out_and_says_which(tmp_path):
    cohort = Cohort.read(_cohort(tmp_path))
    assert [a.case for a in cohort.acquisitions] == ["good"]
    assert [f.case for f in cohort.failures] == ["a", "b", "c", "d"]
    assert "row 3, column 'image'" in cohort.failures[0].reason
    assert "found a named pipe" in cohort.failures[0].reason
    assert "column 'mask'" in cohort.failures[1].reason
    assert "found a device" in cohort.failures[2].reason
    assert "column 'kidney_mask'" in cohort.failures[3].reason


def test_cohort_from_python_fails_the_case_alone(tmp_path):
    _cohort(tmp_path)
    one = Acquisition("good", "good", "us", tmp_path / "ok.png", mask=tmp_path / "m.png")
    two = Acquisition("bad", "bad", "us", tmp_path / "pipe.png", mask=tmp_path / "m.png")
    cohort = Cohort((one, two))
    settings = {"featureClass": {"firstorder": ["Mean"]}, "imageType": {"Original": {}}}
    config = ExtractionConfig.parse(settings, where="test")
    table, failures = extract_features(cohort, config, pieces_dir=tmp_path / "pieces", workers=1)
    assert table.obs["case"].tolist() == ["good"]
    assert [f.case for f in failures] == ["bad"]
    assert "found a named pipe" in failures[0].reason


def test_clean_goes_on_with_the_others(tmp_path):
    table, out = _cohort(tmp_path), tmp_path / "out"
    args = ["ultrasound", "clean", str(table), "--out", str(out), "--workers", "1"]
    done = CliRunner().invoke(app, args)
    assert done.exit_code in (1, 3), done.output
    failures = pd.read_csv(out / "failures.csv").set_index("case")
    assert {"a", "b", "c", "d"} <= set(failures.index)
    assert "found a named pipe" in failures.loc["a", "reason"]
