"""Handcrafted features, embeddings of a network, and both: on the same cases, in one report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiofib.datacard.schemes import derive_scheme
from radiofib.engines import ExtractionConfig
from radiofib.errors import ConfigError
from radiofib.study import RunFolder, StudyConfig
from radiofib.study.channel_sets import (
    channel_sets,
    check_feature_sets,
    main_model,
    of_families,
)
from radiofib.study.model import evaluate_step, train_step
from radiofib.study.progress import silent
from radiofib.table import FeatureTable

TEXT = {
    "title": "Three rows",
    "cohort": "cohort.csv",
    "feature_sets": {
        "Combined": ["handcrafted", "embedding"],
        "Handcrafted": ["handcrafted"],
        "Embedding": ["embedding"],
        "Contrast": ["glcm"],
    },
    "stager": {"name": "logistic", "params": {"C": 1.0}},
    "evaluation": {"folds": 3, "n_boot": 100, "controls": False},
}
STUDY = StudyConfig.parse(TEXT, where="study.yaml")


def _table(n: int = 60) -> FeatureTable:
    """Half of what tells the stages apart is handcrafted, half is the network's."""
    rng = np.random.default_rng(0)
    late = np.arange(n) % 2
    X = pd.DataFrame(
        {
            "us_original_glcm_contrast": rng.normal(size=n),
            "us_original_firstorder_mean": 1.2 * late + rng.normal(size=n),
            "us_original_deep_net_e001": 1.2 * late + rng.normal(size=n),
            "us_original_deep_net_e002": rng.normal(size=n),
        }
    )
    obs = pd.DataFrame(
        {
            "case": [f"c{i:02d}" for i in range(n)],
            "patient": [f"c{i:02d}" for i in range(n)],
            "stage": np.where(late, "f4", "f0"),
        }
    )
    return FeatureTable(X, obs)


def test_each_set_is_tested_on_the_same_folds_and_has_a_model(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    scheme = derive_scheme(["f0", "f4"])
    assert train_step(STUDY, _table(), scheme, folder, "h", silent) == []
    assert evaluate_step(STUDY, _table(), scheme, folder, "h", silent) == []
    rows = pd.read_csv(tmp_path / "predictions.csv")
    parts = dict(tuple(rows.groupby("model")))
    assert set(parts) == {f"logistic [{name}]" for name in TEXT["feature_sets"]}
    folds = [part[["case", "fold"]].to_numpy().tolist() for part in parts.values()]
    assert all(each == folds[0] for each in folds)
    assert {s.model_file for s in channel_sets(STUDY)} == {
        file.name for file in tmp_path.glob("model*.skops")
    }
    metrics = pd.read_csv(tmp_path / "evaluation/metrics.csv")
    auc = metrics[(metrics["metric"] == "auc") & (metrics["unit"] == "patient")]
    auc = auc.drop_duplicates("model").set_index("model")["estimate"]
    assert main_model(STUDY) == "logistic [Combined]"
    assert (
        auc["logistic [Combined]"] > auc[["logistic [Handcrafted]", "logistic [Embedding]"]].max()
    )
    assert auc["logistic [Contrast]"] < 0.7


def test_families_are_those_of_the_codebook() -> None:
    table = _table()
    assert list(of_families(table, ["embedding"]).X) == [
        "us_original_deep_net_e001",
        "us_original_deep_net_e002",
    ]
    assert list(of_families(table, ["glcm", "firstorder"]).X) == list(table.X)[:2]
    with pytest.raises(ConfigError, match=r"glcn.*did you mean 'glcm'"):
        of_families(table, ["glcn"])
    bare = FeatureTable(table.X.iloc[:, :2], table.obs)
    with pytest.raises(ConfigError, match="a feature set has no features"):
        of_families(bare, ["embedding"])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"channel_sets": {"A": ["us"]}}, "not both"),
        ({"feature_sets": {"A": []}}, "must list its families"),
        ({"feature_sets": {"A": ["glcm"], "a": ["glrlm"]}}, "in case only"),
    ],
)
def test_a_wrong_study_is_refused(change: dict, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        StudyConfig.parse({**TEXT, **change}, where="study.yaml")


@pytest.mark.parametrize(
    ("sets", "embedding", "said"),
    [
        ({"Net": ["embeding"]}, True, r"feature set 'Net': unknown .*did you mean 'embedding'\?$"),
        ({"Grey": ["glcn"]}, True, r"did you mean 'gl[a-z]+m'\?$"),
        ({"Net": ["embedding"]}, False, "names no network.*under 'embedding' in the extraction"),
    ],
)
def test_sets_are_looked_at_before_anything_is_measured(
    sets: dict[str, list[str]], embedding: bool, said: str
) -> None:
    study = StudyConfig.parse({**TEXT, "feature_sets": sets}, where="study.yaml")
    net = {"embedding": {"model": "absent.onnx", "name": "net", "region": "whole"}}
    config = ExtractionConfig.parse(net if embedding else {}, where="study.yaml")
    with pytest.raises(ConfigError, match=said):
        check_feature_sets(study, config)
    good = StudyConfig.parse({**TEXT, "feature_sets": {"A": ["glcm"]}}, where="study.yaml")
    check_feature_sets(good, config)


def test_no_map_is_no_section_cam() -> None:
    with pytest.raises(ConfigError, match="leave 'cam' out of the study for none"):
        StudyConfig.parse({**TEXT, "cam": {"maps": 0}}, where="study.yaml")
