"""Real regions: handcrafted features, an embedding and both as three rows of one report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

pytest.importorskip("torch", reason="needs the extra 'convert'")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

from radiofib.deep.convert import convert_model
from radiofib.deep.convert.resnet import ResNetPlan
from radiofib.study import StudyConfig, find_study, run_study
from tests.deep.convert.sources import resnet_file, stated

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]


def test_three_rows_with_intervals_stand_in_one_report(external_data: Path, tmp_path: Path) -> None:
    """The weights are seeded, not trained: the row says what a network knows without learning."""
    plan = ResNetPlan("resnet34", channels=1, classes=2)
    weights = resnet_file(tmp_path / "seeded.pt", plan, side=224)
    model = tmp_path / "resnet34.onnx"
    convert_model("resnet34", weights, model, stated=stated(2))
    text = yaml.safe_load(find_study("byra_rois").read_text(encoding="utf-8"))
    text["extraction"]["embedding"] = {"model": str(model), "name": "resnet34", "region": "whole"}
    text["feature_sets"] = {
        "Handcrafted": ["handcrafted"],
        "Embedding": ["embedding"],
        "Combined": ["handcrafted", "embedding"],
    }
    text["stager"] = {"name": "logistic"}
    study = StudyConfig.parse(text | {"cam": {"maps": 4}}, where="test")
    run = run_study(study, root=external_data / "us/byra_rois", out=tmp_path / "run", workers=2)
    assert run.failures == ()
    metrics = pd.read_csv(tmp_path / "run/evaluation/metrics.csv")
    auc = metrics[(metrics["metric"] == "auc") & (metrics["unit"] == "patient")]
    rows = auc[~auc["model"].str.startswith("control")].set_index("model")
    assert set(rows.index) == {f"logistic [{s}]" for s in text["feature_sets"]}
    assert (rows["ci_low"] < rows["estimate"]).all()
    assert (rows["estimate"] < rows["ci_high"]).all()
    assert (rows["n_patients"] == 55).all()
    page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    for name in text["feature_sets"]:
        assert f"[{name}]" in page
    assert len(list((tmp_path / "run/cam").glob("*.png"))) == 4
