"""A feature set that no case has values for is left out of the study, which says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the package 'onnx'")

from radiofib.cli import main
from radiofib.cohort import Cohort
from radiofib.engines import ExtractionConfig
from radiofib.errors import TableError
from radiofib.study import RunFolder, StudyConfig
from radiofib.study.cam import cam_step
from radiofib.study.lost_sets import without_lost_sets
from radiofib.study.progress import silent
from radiofib.table import FeatureTable
from tests.deep import nets
from tests.study.builders import STUDY, write_pictures, write_study

NET = [f"us_original_deep_net_e{n:03d}" for n in range(1, 6)]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Write pictures of 12 bits in 16: texture is measured, the network is shown none of them."""
    frame = write_pictures(tmp_path, n_patients=8, images=1)
    for name in frame["image"]:
        grey = np.asarray(Image.open(tmp_path / name)).astype(np.uint16) * 16
        Image.fromarray(grey).save(tmp_path / name)
    text = yaml.safe_load(STUDY)
    model = nets.extractor(tmp_path / "net.onnx", card=nets.facts())
    text["extraction"]["embedding"] = {"model": str(model), "name": "net", "region": "whole"}
    text["feature_sets"] = {
        "Net": ["embedding"],
        "Texture": ["handcrafted"],
        "Both": ["handcrafted", "embedding"],
    }
    text |= {"cam": {"maps": 2}, "export": ["csv"], "examples": 0, "uncertainty": None}
    text["evaluation"] = {"folds": 4, "n_boot": 100, "controls": False}
    return write_study(tmp_path, frame, yaml.safe_dump(text))


@pytest.mark.slow
def test_it_is_no_row_of_the_report(tmp_path: Path, study: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(SystemExit) as left:
        main(["run", str(study), "--root", str(tmp_path), "--out", str(out), "--workers", "1"])
    assert left.value.code == 3
    predictions = pd.read_csv(out / "predictions.csv")
    assert set(predictions["model"]) == {"logistic [Texture]"}
    assert [p.name for p in out.glob("model*.skops")] == ["model.skops"]
    failures = pd.read_csv(out / "failures.csv", keep_default_na=False)
    lost = failures.loc[failures["step"] == "feature sets", "reason"].tolist()
    assert [reason.split("'")[1] for reason in sorted(lost)] == ["Both", "Net"]
    assert all("values use too little of the range of the file" in reason for reason in lost)
    [cam] = failures.loc[failures["step"] == "cam", "reason"]
    assert "no case has one" in cam
    assert "values use too little of the range of the file" in cam
    assert "skops" not in cam
    page = (out / "report.html").read_text(encoding="utf-8")
    summary = page[: page.index("Data quality</h2>")]
    assert "is left out: no case has a value of its family" in summary


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ({"Texture": ["handcrafted"]}, "no case has one (found none in 2 rows"),
        ({"Texture": ["handcrafted"], "Net": ["embedding"]},
         "model_net.skops: the stager of set 'Net' is not there"),
    ],
)  # fmt: skip
def test_maps_without_a_stager_say_which_and_why(
    tmp_path: Path, sets: dict[str, list[str]], said: str
) -> None:
    model = nets.extractor(tmp_path / "net.onnx", card=nets.facts())
    config = ExtractionConfig.parse(
        {"embedding": {"model": str(model), "name": "net", "region": "whole"}}, where="test"
    )
    X = pd.DataFrame(dict.fromkeys(NET, [np.nan] * 2) | {"us_original_glcm_id": [1.0, 2.0]})
    obs = pd.DataFrame({"case": ["a", "b"], "stage": ["f0", "f1"]})
    study = StudyConfig(title="A", cohort="a.csv", feature_sets=sets, cam={"maps": 1})
    [failure], _ = cam_step(
        study, FeatureTable(X, obs), Cohort(()), config, RunFolder(tmp_path), "h", silent
    )
    assert said in failure.reason


def test_nothing_is_left_to_train_on() -> None:
    X = pd.DataFrame({"us_original_deep_net_e001": [np.nan] * 2, "us_original_glcm_id": [1.0, 2]})
    obs = pd.DataFrame({"case": ["a", "b"], "stage": ["f0", "f1"]})
    sets = {"Net": ["embedding"]}
    study = StudyConfig(title="A", cohort="a.csv", feature_sets=sets)
    with pytest.raises(TableError, match=r"no feature set has values.*'Net' is left out"):
        without_lost_sets(study, FeatureTable(X, obs))
    one = X.assign(us_original_deep_net_e001=[1.0, np.nan])
    assert without_lost_sets(study, FeatureTable(one, obs)) == (study, [])
