"""The recipe after the ultrasound stager: from pictures to maps, on simulated patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the package 'onnx'")

from radiofib.simulate import write_ultrasound_cohort
from radiofib.staging import load_stager
from radiofib.study import StudyConfig, find_study, run_study
from tests.deep import nets

SETS = ("Embedding", "Handcrafted", "Combined")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 patients, two pictures each; the last scanner's patients are the external set."""
    folder = tmp_path_factory.mktemp("aild")
    write_ultrasound_cohort(folder, n_patients=60, images_per_patient=2, seed=3)
    cohort = pd.read_csv(folder / "cohort.csv", dtype=str)
    scanners = sorted(cohort["scanner"].unique())
    cohort["split"] = np.where(cohort["scanner"] == scanners[-1], "external", "")
    cohort.to_csv(folder / "cohort.csv", index=False)
    facts = nets.facts(preprocessing={"size": [32, 32]})
    nets.residual(folder / "resnet34.onnx", card=_with_logits(facts))
    study = StudyConfig.from_yaml(find_study("aild_ultrasound"))
    quick = study.evaluation.model_copy(update={"n_boot": 200})
    study = study.model_copy(update={"evaluation": quick, "export": ("csv",)})
    result = run_study(study, root=folder, out=folder / "run", workers=1)
    # A picture without a patch of even parenchyma is left out, and said to be.
    assert {f.step for f in result.failures} <= {"ultrasound"}
    assert len(result.failures) <= 12
    return folder / "run"


def _with_logits(facts: dict) -> dict:
    outputs = [*facts["outputs"], {"name": "logits", "role": "logits"}]
    return facts | {"outputs": outputs, "classes": [{"name": n} for n in ("a", "b", "c")]}


@pytest.mark.slow
def test_three_sets_are_tested_on_the_internal_and_the_external_part(done: Path) -> None:
    metrics = pd.read_csv(done / "evaluation/metrics.csv")
    patient = metrics[(metrics["unit"] == "patient") & (metrics["target"] == "stages")]
    for name in ("macro_auc", "micro_auc"):
        found = patient[patient["metric"] == name].set_index(["model", "setting"])
        for part in ("test", "external", "val"):
            for each in SETS:
                row = found.loc[(f"logistic [{each}]", part)]
                assert 0 <= row["estimate"] <= 1
                assert row["ci_low"] <= row["estimate"] <= row["ci_high"]
    predictions = pd.read_csv(done / "predictions.csv")
    external = predictions[predictions["setting"] == "external"]
    inside = predictions[predictions["setting"] != "external"]
    assert not set(external["patient"]) & set(inside["patient"])
    for name in ("calibration", "decision_curves"):
        curve = pd.read_csv(done / f"evaluation/{name}.csv")
        assert {"test", "external"} <= set(curve["setting"])


@pytest.mark.slow
def test_maps_are_of_patients_that_the_stager_has_not_learned_from(done: Path) -> None:
    maps = pd.read_csv(done / "cam/cam.csv")
    assert len(maps) == 8
    assert not maps["learned_from"].any()
    assert set(maps["kind"]) == {"exact"}
    # The mean of a map and the intercept are the score behind the stager's own probability.
    assert np.allclose(maps["map_mean"] + maps["offset"], maps["score"], atol=1e-9)
    stager, _ = load_stager(done / "model.skops")
    features = pd.read_parquet(done / "features/features.parquet")
    rows = features.set_index("case").loc[maps["case"], list(stager.feature_names_in_)]
    proba = stager.predict_proba(rows.reset_index(drop=True))
    assert [stager.classes_[k] for k in proba.argmax(axis=1)] == maps["predicted"].tolist()
    for name in maps["file"]:
        with PIL.Image.open(done / "cam" / name) as picture:
            assert min(picture.size) > 100
    page = (done / "report.html").read_text(encoding="utf-8")
    assert "Class activation maps" in page
    assert "which says nothing about whether it is true" in page
