"""What README shows is run, so that nothing shown rots."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import SimpleITK as sitk
from pydantic import BaseModel

from radiofib.cli.app import main
from radiofib.engines.ibsi import IbsiSettings
from radiofib.filters.ibsi import (
    GaborFilter,
    LawsFilter,
    LogFilter,
    MeanFilter,
    RadialWaveletFilter,
    RieszFilter,
    WaveletFilter,
)
from radiofib.study import StudyConfig
from radiofib.table import FeatureTable
from tests.study.builders import write_pictures

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def blocks(repository: Path) -> list[tuple[str, str]]:
    return BLOCK.findall((repository / "README.md").read_text(encoding="utf-8"))


def _only(blocks: list[tuple[str, str]], language: str, start: str = "") -> str:
    found = [text for name, text in blocks if name == language and text.startswith(start)]
    assert len(found) == 1, language
    return found[0]


@pytest.fixture(scope="module")
def readme_run(blocks: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run README's own study file on pictures; folder with cohort, study and run."""
    root = tmp_path_factory.mktemp("readme")
    header = _only(blocks, "csv").splitlines()[0].split(",")
    frame = write_pictures(root, n_patients=25, images=1)
    stages = ["F0", "F1", "F2", "F3", "F4"]
    patients = frame["patient"].str[1:].astype(int)
    frame["stage"] = [stages[p // 5] for p in patients]
    frame["scanner"] = ["logiq" if p % 2 else "epiq" for p in patients]
    frame[header].to_csv(root / "cohort.csv", index=False)
    study = _only(blocks, "yaml", "title:")
    # Fewer samples than the default: the words of README are tested, not its patience.
    (root / "study.yaml").write_text(study + "evaluation: {n_boot: 100}\n")
    with contextlib.chdir(root), pytest.raises(SystemExit) as stop:
        main(["run", "study.yaml", "--root", ".", "--out", "run"])
    assert stop.value.code == 0
    return root


def test_two_commands_install_and_run(blocks: list[tuple[str, str]]) -> None:
    commands = [text.strip() for name, text in blocks if name == "" and "pip install" in text]
    assert len(commands) == 2
    assert commands[0].endswith("radiofib demo --out demo")
    assert commands[1].endswith("pytest")
    assert all(c.count("\n") == 0 and "--no-cache-dir" in c for c in commands)


def test_python_block_runs(blocks: list[tuple[str, str]], readme_run: Path) -> None:
    code = _only(blocks, "python")
    assert len(code.strip().splitlines()) <= 12
    names: dict[str, object] = {}
    with contextlib.chdir(readme_run):
        exec(compile(code, "README.md", "exec"), names)
    assert len(names["metrics"]) > 0  # type: ignore[arg-type]


def test_ibsi_command_runs(blocks: list[tuple[str, str]], tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    pixels = rng.normal(0, 80, (14, 30, 32)).astype(np.int16)
    region = np.zeros(pixels.shape, dtype=np.uint8)
    region[3:11, 6:24, 7:26] = 1
    for name, array in (("image", pixels), ("mask", region)):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((1.0, 1.0, 3.0))
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    rows = "case,patient,channel,image,mask\na,a,ct,image.nii.gz,mask.nii.gz\n"
    (tmp_path / "cohort.csv").write_text(rows)
    (tmp_path / "ibsi.yaml").write_text(_only(blocks, "yaml", "profile: ibsi"))
    [command] = [text.strip() for name, text in blocks if name == "" and "ibsi.yaml" in text]
    with contextlib.chdir(tmp_path), pytest.raises(SystemExit) as stop:
        main([*shlex.split(command)[1:], "--workers", "1"])
    assert stop.value.code == 0
    table = FeatureTable.read(tmp_path / "ibsi.parquet")
    assert table.X["ct_original_cm_joint_max_3d_comb"].notna().all()
    assert table.X["ct_slog1p5_stat_mean"].notna().all()
    assert not table.missing.empty or table.X.notna().all(axis=None)


def test_maps_command_runs(blocks: list[tuple[str, str]], readme_run: Path) -> None:
    [command] = [text.strip() for name, text in blocks if name == "" and "--maps" in text]
    words = shlex.split(command)
    assert words[0] == "radiofib"
    with contextlib.chdir(readme_run), pytest.raises(SystemExit) as stop:
        main([*words[1:], "--workers", "1"])
    assert stop.value.code == 0
    folder = readme_run / "maps"
    maps = sorted(p.name for p in (folder / "p00_0").iterdir())
    assert "us_original_glcm_contrast.nii.gz" in maps
    assert "us_original_firstorder_entropy.png" in maps
    assert (folder / "maps.csv").is_file()


def test_own_data_leaves_what_readme_lists(readme_run: Path) -> None:
    for name in ("report.html", "features", "export", "model.skops", "evaluation", "failures.csv"):
        assert (readme_run / "run" / name).exists()


@pytest.mark.clients
def test_r_block_runs(blocks: list[tuple[str, str]], readme_run: Path) -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is not installed")
    code = _only(blocks, "r")
    done = subprocess.run(
        ["Rscript", "-e", code], cwd=readme_run, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"F0"' in done.stdout
    assert "mean" in done.stdout.lower()


@pytest.mark.clients
def test_spss_block_runs_in_pspp(blocks: list[tuple[str, str]], readme_run: Path) -> None:
    if shutil.which("pspp") is None:
        pytest.skip("pspp is not installed")
    (readme_run / "readme.sps").write_text(_only(blocks, "spss"))
    done = subprocess.run(
        ["pspp", "readme.sps"], cwd=readme_run, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    assert "logiq" in done.stdout


def _keys(model: type[BaseModel], prefix: str = "") -> dict[str, str]:
    """Return each key of a study, with the block it stands in."""
    found: dict[str, str] = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= _keys(kind, name)
        else:
            found[f"{prefix}.{name}" if prefix else name] = prefix
    return found


def test_every_study_key_is_in_the_table(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    table = text.split("| key | what it says | default |")[1].split("\n\n")[0]
    shown: set[str] = set()
    for row in table.splitlines()[2:]:
        for code in re.findall(r"`([^`]+)`", row.split("|")[1]):
            block, _, names = code.rpartition(": ")
            shown |= {f"{block}.{n}" if block else n for n in names.split(", ")}
    assert shown == set(_keys(StudyConfig))


def test_every_key_of_profile_ibsi_is_in_the_tables(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    rows = text.split("| key of `ibsi:` |")[1].split("\n\n")[0].splitlines()[2:]
    shown = {key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert shown == set(IbsiSettings.model_fields)
    rows = text.split("| `type` of a filter |")[1].split("\n\n")[0].splitlines()[2:]
    common = {"type", "dimension", "boundary"}
    filters = (MeanFilter, LogFilter, LawsFilter, GaborFilter, WaveletFilter, RadialWaveletFilter)
    for row, model in zip(rows, (*filters, RieszFilter), strict=True):
        _, types, keys, _ = row.split("|")
        assert set(re.findall(r"`(\w+)`", types)) == set(
            get_args(model.model_fields["type"].annotation)
        )
        named = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", keys))
        assert set(named) == set(model.model_fields) - common


def test_defaults_of_the_table_are_the_models() -> None:
    study = StudyConfig(title="t", cohort="c.csv")
    assert (study.evaluation.n_boot, study.evaluation.folds, study.examples) == (2000, 5, 6)
    assert study.evaluation.settings == ("cv", "loso")
    assert study.export == ("csv", "parquet", "sav", "rds")
    assert (study.seed, study.label, study.stager.name) == (0, "stage", "random_forest")
