"""The maps of a run: 0 is the average training picture, and all that fail say why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from onnx import helper

from radiofib.cohort import Cohort
from radiofib.datacard.schemes import derive_scheme
from radiofib.engines import ExtractionConfig
from radiofib.errors import Failure
from radiofib.extract import extract_features
from radiofib.staging import RandomForestStager, XGBoostStager
from radiofib.study import RunFolder, StudyConfig
from radiofib.study.cam import _Reader, _said_of_weights, _tree_map, cam_step
from radiofib.study.config import CamConfig
from radiofib.study.model import train_step
from radiofib.study.progress import silent
from tests.deep import nets
from tests.study.builders import write_pictures
from tests.study.test_burned_in import write_screens


def _squashed(path: Path) -> Path:
    """Write a network with a tanh between the pooling and its embedding."""
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["raw"], pads=[1] * 4),
        helper.make_node("Relu", ["raw"], ["feature_map"]),
        helper.make_node("GlobalAveragePool", ["feature_map"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Tanh", ["flat"], ["embedding"]),
    ]
    constants = {"w": np.random.default_rng(0).normal(0, 1, (5, 3, 3, 3))}
    outputs = [("embedding", ("N", 5)), ("feature_map", ("N", 5, 8, 8))]
    return nets.save(
        path, nodes, constants, image=("N", 3, 8, 8), outputs=outputs, card=nets.facts()
    )


def _maps(
    root: Path, model: Path, reduce: str | None = None, frame: pd.DataFrame | None = None
) -> list[Failure]:
    """Draw four maps of a small cohort; return the failures."""
    frame = write_pictures(root, n_patients=10, images=1) if frame is None else frame
    cohort = Cohort.from_frame(frame, root=root)
    embedding = {"model": str(model), "name": "net", "region": "whole"}
    config = ExtractionConfig.parse({"embedding": embedding}, where="test")
    table, failures = extract_features(cohort, config, pieces_dir=root / "pieces", workers=1)
    assert failures == []
    study = StudyConfig(
        title="A",
        cohort="a.csv",
        feature_sets={"Net": ["embedding"]},
        stager={"name": "logistic"} | ({"reduce": {"name": reduce}} if reduce else {}),
        cam={"maps": 4},
    )
    folder = RunFolder(root / "run")
    assert train_step(study, table, derive_scheme(["F0", "F4"]), folder, "h", silent) == []
    failures, doubts = cam_step(study, table, cohort, config, folder, "h", silent)
    assert doubts == []
    return failures


@pytest.mark.parametrize("reduce", [None, "pca"])
def test_0_of_a_map_is_the_average_training_picture(tmp_path: Path, reduce: str | None) -> None:
    model = nets.extractor(tmp_path / "net.onnx", card=nets.facts())
    assert _maps(tmp_path, model, reduce) == []
    maps = pd.read_csv(tmp_path / "run/cam/cam.csv")
    assert len(maps) == 4
    assert np.allclose(maps["map_mean"] + maps["offset"], maps["score"], atol=1e-5)
    assert set(maps["zero"]) == {"the average training picture"}
    assert maps["note"].str.contains("The offset is the score of the average").all()
    # Ten pictures, half of each stage: that average picture is near the boundary between them.
    assert maps["offset"].abs().max() < 0.2


def test_a_run_without_maps_quotes_the_cause_and_lists_every_picture(tmp_path: Path) -> None:
    first, *others = _maps(tmp_path, _squashed(tmp_path / "net.onnx"))
    assert (first.case, first.step) == ("", "cam")
    assert "no class activation map could be drawn" in first.reason
    assert "4 failures" in first.reason
    assert "the embedding is not the mean of the feature map" in first.reason
    assert len(others) == 4
    assert all(f.case and "not the mean of the feature map" in f.reason for f in others)
    assert not (tmp_path / "run/cam").exists()


def test_pictures_with_burned_in_text_are_no_failures(tmp_path: Path) -> None:
    frame = write_screens(tmp_path, named=tuple(range(6)), count=6)
    frame["stage"] = ["F4" if number % 2 else "F0" for number in range(6)]
    model = nets.extractor(tmp_path / "net.onnx", card=nets.facts())
    [failure] = _maps(tmp_path, model, frame=frame)
    assert "0 failures" not in failure.reason
    assert "(found 4 of 4 pictures for cam/ show burned-in text" in failure.reason


def test_maps_turned_over_are_alike() -> None:
    said = _said_of_weights(pd.Series([0.48]))
    assert "0.48 (median, whatever its sign)" in said
    assert "colours exchanged" in said


@pytest.mark.parametrize("stager", [XGBoostStager(20), RandomForestStager(20)])
def test_maps_of_two_stages_are_each_others_opposite(stager) -> None:
    pytest.importorskip("shap", reason="needs the extra 'models'")
    rng = np.random.default_rng(0)
    X = pd.DataFrame(np.abs(rng.normal(size=(80, 4))), columns=list("abcd"))
    stager = stager.fit(X, np.where(X["a"] > 0.6, "f4", "f0"))
    features = np.abs(rng.normal(size=(4, 3, 3)))
    row = pd.DataFrame([features.mean(axis=(1, 2))], columns=X.columns)
    reader = _Reader(None, stager, "us", CamConfig(shuffles=5), 0)
    first, _ = _tree_map(reader, features, row, "f0")
    last, _ = _tree_map(reader, features, row, "f4")
    assert np.ptp(first.values) > 0
    assert np.allclose(first.values, -last.values, atol=1e-6)
    margin = np.log(stager.predict_proba(row)[0]) if isinstance(stager, XGBoostStager) else None
    if margin is not None:
        assert last.score == pytest.approx(margin[1] - margin[0], abs=1e-4)
    else:
        assert last.score == pytest.approx(stager.predict_proba(row)[0, 1], abs=1e-6)
