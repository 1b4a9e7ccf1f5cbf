"""The recipes after the nine methods and two baselines of the LiFS benchmark."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.lifs_recipes import METHODS, write_folder
from radiofib.cli.app import main
from radiofib.engines import ExtractionConfig
from radiofib.evaluation.lifs import published_cells, published_methods
from radiofib.evaluation.recalibration import UNCALIBRATED
from radiofib.study import StudyConfig, find_study
from radiofib.table import FeatureTable

SETS = {
    "Contrast": ("t1", "t2", "dwi", "ged1", "ged2", "ged3", "ged4"),
    "NonContrast": ("t1", "t2", "dwi"),
}
#: Design of each method as published; the recipe must have the same where features allow it.
INSTANCES = {
    "lifs_uon": "patches",
    "lifs_sjtu2": "windows",
    "lifs_hqu": "middle_slices",
    "lifs_nwu_cn": "slices",
    "lifs_vit3d": "windows",
}


def status(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return int(stop.value.code or 0)


def extraction(name: str) -> ExtractionConfig:
    study = StudyConfig.from_yaml(find_study(name))
    assert isinstance(study.extraction, dict)
    return ExtractionConfig.parse(study.extraction, where=name)


def test_there_is_a_recipe_for_every_published_method() -> None:
    published = published_cells()
    methods = set(published.loc[published["kind"] != "radiologist", "reader"])
    assert set(METHODS.values()) == methods
    assert len(METHODS) == 11
    packaged = {p.stem for p in find_study("lifs").parent.glob("lifs_*.yaml")}
    assert packaged == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_recipe_follows_the_protocol_and_says_what_it_is(name: str) -> None:
    study = StudyConfig.from_yaml(find_study(name))
    assert study.card == "lifs"
    assert study.channel_sets == SETS
    assert study.submission == "care-liver"
    assert study.evaluation.settings == ("cv", "loso")
    assert study.evaluation.controls
    assert study.registration is not None
    text = find_study(name).read_text(encoding="utf-8")
    header = " ".join(
        line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#")
    )
    for part in (
        f"{METHODS[name]} ",
        "arXiv 2605.25595",
        "The paper's method:",
        "The analogue here:",
        "Deviations from the paper:",
        "Published figures belong to the authors' networks",
    ):
        assert part in header, part
    stager = study.stager.build(random_state=study.seed)
    assert stager.get_params()["random_state"] == study.seed


@pytest.mark.parametrize("name", METHODS)
def test_recipe_has_the_published_design(name: str) -> None:
    study, config = StudyConfig.from_yaml(find_study(name)), extraction(name)
    assert config.instances.kind == INSTANCES.get(name, "whole")
    assert bool(config.aggregate) == (name in INSTANCES)
    designs = published_methods().set_index("method")
    if METHODS[name] not in designs.index:
        return
    design = designs.loc[METHODS[name]]
    assert study.registration is not None
    aligned = study.registration.grid == "reference"
    assert aligned == (design["registration"] == "registered")
    flat = config.instances.kind in ("slices", "middle_slices", "patches")
    assert flat == (design["dimension"] == "2D")
    fusion = study.stager.fusion.name if study.stager.fusion else "early"
    text = find_study(name).read_text(encoding="utf-8")
    # Trees have no middle to fuse in: that is said.
    same = fusion == design["fusion"] or METHODS[name] == "UCL"
    assert same or "have no middle to fuse in" in text


def test_ucl_has_its_thirty_one_features_and_the_scanner() -> None:
    study, config = StudyConfig.from_yaml(find_study("lifs_ucl")), extraction("lifs_ucl")
    assert not config.texture
    assert config.liver is not None
    assert config.liver.features == ("ucl",)
    assert config.liver.features_on == "measured"
    assert study.stager.scanner_flag
    assert study.stager.params == {"n_estimators": 100, "class_weight": "balanced"}


def test_sdu_has_the_published_focal_loss() -> None:
    stager = StudyConfig.from_yaml(find_study("lifs_sdu")).stager
    assert stager.params == {"beta": 0.999, "gamma": 2.0}


def _complete(out: Path, name: str, cases: int) -> pd.DataFrame:
    """Check a run folder from the images to the table and return its predictions."""
    predictions = pd.read_csv(out / "predictions.csv")
    models = predictions["model"]
    own = predictions[~models.str.startswith("control_") & ~models.str.endswith(UNCALIBRATED)]
    assert set(own["channels"]) == set(SETS)
    for _, part in own.groupby(["channels", "domain"]):
        assert part["case"].is_unique
        assert part["case"].nunique() == cases
    proba = own[[f"p_s{k}" for k in (1, 2, 3, 4)]].to_numpy()
    assert np.allclose(proba.sum(axis=1), 1)
    assert own["p_s4"].nunique() > cases // 2
    facts = json.loads((out / "run.json").read_text())
    assert facts["counts"]["rows"] == cases + 4
    table = FeatureTable.from_parquet(out / "features/features.parquet")
    assert not table.X.columns.duplicated().any()
    assert table.obs["case"].is_unique
    assert list(table.codebook["column"]) == list(table.X.columns)
    assert (out / "evaluation/metrics.csv").is_file()
    assert (out / "model.skops").is_file()
    assert (out / "model_noncontrast.skops").is_file()
    submitted = pd.read_csv(out / "LiFS_pred.csv")
    assert set(submitted["Setting"]) == set(SETS)
    assert submitted["Case"].nunique() == 4
    assert name in METHODS
    return own


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ucl_from_images_to_the_table_on_masks_of_every_channel(tmp_path: Path) -> None:
    """24 + 4 cases on voxels of a centimetre; alignment and controls are left to runs on demand."""
    root = write_folder(tmp_path / "lifs", cases=24, size=0.12, masks="all")
    text = find_study("lifs_ucl").read_text(encoding="utf-8")
    recipe = tmp_path / "lifs_ucl.yaml"
    alone = re.sub(r"^registration: .*\n", "", text, flags=re.MULTILINE)
    assert alone != text
    alone = alone.replace("  folds: 5\n", "  folds: 5\n  n_boot: 100\n  controls: false\n")
    recipe.write_text(alone, encoding="utf-8")
    out = tmp_path / "lifs_ucl"
    assert status("run", recipe, "--root", root, "--out", out, "--workers", 1) in (0, 3)
    _complete(out, "lifs_ucl", 24)
    table = FeatureTable.from_parquet(out / "features/features.parquet")
    assert table.n_features == 7 * 31
    assert status("verify", out) == 0
    assert status("lifs", "score", out, "--out", tmp_path / "table") == 0
    scores = pd.read_csv(tmp_path / "table/aggregate.csv").set_index("reader")
    assert scores.index.tolist() == ["lifs_ucl"]
    assert scores[["ID", "OOD", "drop"]].notna().all(axis=None)
    both = pd.read_csv(tmp_path / "table/beside_published.csv")
    assert set(both["data"]) == {"other data", "LiFS, as published"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like LiFS, shared by the recipes; runs lie beside it."""
    work = tmp_path_factory.mktemp("recipes")
    write_folder(work / "lifs")
    return work


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", METHODS)
def test_recipe_from_images_to_the_table_in_one_command(name: str, runs: Path) -> None:
    """40 + 4 cases as packaged; alignment that an earlier recipe has done is taken over."""
    out = runs / name
    plan = StudyConfig.from_yaml(find_study(name)).registration
    assert plan is not None
    done = runs / f"aligned_{plan.to}_{plan.settings.transform}"
    if done.is_dir():
        shutil.copytree(done, out / "registration")
    arguments = ("run", name, "--root", runs / "lifs", "--out", out, "--workers", 1)
    assert status(*arguments) in (0, 3)
    if not done.is_dir():
        shutil.copytree(out / "registration", done)
    _complete(out, name, 40)


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_all_recipes_stand_in_one_table(runs: Path, tmp_path: Path) -> None:
    folders = [runs / name for name in METHODS if (runs / name).is_dir()]
    assert len(folders) == 11, "the runs above come first"
    assert status("lifs", "score", *folders, "--out", tmp_path) == 0
    cells = pd.read_csv(tmp_path / "cells.csv")
    assert len(cells) == 11 * 16
    assert cells["percent"].between(0, 100).all()
    scores = pd.read_csv(tmp_path / "aggregate.csv")
    assert set(scores["reader"]) == set(METHODS)
    assert scores[["ID", "OOD", "drop"]].notna().all(axis=None)
    both = pd.read_csv(tmp_path / "beside_published.csv")
    assert len(both) == len(cells) + len(published_cells())
