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
import yaml
from pydantic import BaseModel

from radiofib.cli.app import main
from radiofib.engines import ExtractionConfig
from radiofib.engines.embedding import EmbeddingSettings
from radiofib.engines.ibsi import IbsiSettings
from radiofib.engines.liver import LiverSettings
from radiofib.filters.ibsi import (
    GaborFilter,
    LawsFilter,
    LogFilter,
    MeanFilter,
    RadialWaveletFilter,
    RieszFilter,
    WaveletFilter,
)
from radiofib.prepare import RegistrationPlan
from radiofib.segment import MaskSettings
from radiofib.simulate import MriSettings, write_mri_cohort
from radiofib.staging import STAGERS
from radiofib.staging.parts import PARTS
from radiofib.study import InterpretConfig, StudyConfig
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
    header = _only(blocks, "csv", "case,patient").splitlines()[0].split(",")
    frame = write_pictures(root, n_patients=25, images=1)
    stages = ["F0", "F1", "F2", "F3", "F4"]
    patients = frame["patient"].str[1:].astype(int)
    frame["stage"] = [stages[p // 5] for p in patients]
    frame["scanner"] = ["logiq" if p % 2 else "epiq" for p in patients]
    frame[header].to_csv(root / "cohort.csv", index=False)
    study = _only(blocks, "yaml", "title:") + _only(blocks, "yaml", "interpret:")
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


@pytest.mark.slow
def test_registration_commands_run(blocks: list[tuple[str, str]], tmp_path: Path) -> None:
    """A simulated patient, with the files that README's table names, through both commands."""
    settings = MriSettings(
        size=0.5, scanners=tuple(s for s in MriSettings().scanners if s.name == "A")
    )
    write_mri_cohort(tmp_path / "sim", n_cases=1, masks="ged4", settings=settings)
    (tmp_path / "p01").mkdir()
    for channel in ("t1", "ged1", "ged4"):
        source = tmp_path / f"sim/images/mr001/{channel}.nii.gz"
        shutil.copy(source, tmp_path / f"p01/{channel.upper()}.nii.gz")
    organs = sitk.ReadImage(str(tmp_path / "sim/truth/mr001/organs.nii.gz"))
    sitk.WriteImage(sitk.Cast(organs == 1, sitk.sitkUInt8), str(tmp_path / "p01/liver.nii.gz"))
    sitk.WriteImage(sitk.Cast(organs == 2, sitk.sitkUInt8), str(tmp_path / "p01/spleen.nii.gz"))
    (tmp_path / "cohort.csv").write_text(_only(blocks, "csv", "case,channel"))
    study = yaml.safe_load(_only(blocks, "yaml", "masks:"))
    (tmp_path / "liver.yaml").write_text(yaml.safe_dump(study["extraction"]))
    [commands] = [text for name, text in blocks if name == "" and "radiofib register" in text]
    for command in commands.strip().splitlines():
        with contextlib.chdir(tmp_path), pytest.raises(SystemExit) as stop:
            main(shlex.split(command)[1:])
        assert stop.value.code == 0
    table = FeatureTable.read(tmp_path / "features.parquet")
    [ratio] = table.X["ged4_original_functional_liver_spleen_ratio"]
    assert ratio > 1  # the liver takes the agent up, the spleen does not
    assert table.X["t1_wllh_glszm_zone_entropy"].notna().all()
    assert table.X["ged4_original_surface_mask_roughness"].notna().all()
    enhancement = "ged4_original_functional_relative_enhancement"
    reasons = table.missing.set_index("column")["reason"]
    assert "5 mm apart" in reasons["ged4_original_surface_nodularity"]
    assert "nothing says that t1 and ged4" in reasons[enhancement]


def test_own_data_leaves_what_readme_lists(readme_run: Path) -> None:
    for name in ("report.html", "features", "export", "model.skops", "evaluation", "failures.csv"):
        assert (readme_run / "run" / name).exists()
    for name in ("coefficients", "tests", "points", "total_points"):
        assert (readme_run / f"run/interpret/{name}.csv").is_file()


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


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("interpret", InterpretConfig),
        ("masks", MaskSettings),
        ("registration", RegistrationPlan),
        ("liver", LiverSettings),
    ],
)
def test_every_key_of_a_section_is_in_its_table(
    name: str, model: type[BaseModel], repository: Path
) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    rows = text.split(f"| key of `{name}:` |")[1].split("\n\n")[0].splitlines()[2:]
    shown = [key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(shown) == sorted(model.model_fields)


def test_every_part_of_a_stager_is_in_its_table(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    section = text.split("\n## Stagers\n")[1].split("\n## ")[0]
    rows = section.split("| key | names |")[1].split("\n\n")[0].splitlines()[2:]
    shown = {}
    for row in rows:
        key, names = row.split("|")[1:3]
        shown[key.strip(" `")] = set(re.findall(r"`(\w+)`", names))
    assert shown.pop("name") == set(STAGERS)
    assert shown.pop("fusion") >= set(PARTS["fusion"])
    shown.pop("stack")
    for key, names in shown.items():
        assert names >= set(PARTS[key]), key
    assert set(shown) | {"context", "fusion", "stack"} == set(PARTS)
    block = next(b for _, b in BLOCK.findall(section) if b.startswith("stager:"))
    study = StudyConfig.parse(
        {"title": "t", "cohort": "c.csv", **yaml.safe_load(block)}, where="README.md"
    )
    assert study.stager.build().context_columns


def test_the_ablation_is_understood_and_its_recipes_are_there(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    section = text.split("\n## Ablation\n")[1].split("\n## ")[0]
    block = next(b for _, b in BLOCK.findall(section) if b.startswith("ablate:"))
    study = StudyConfig.parse(
        {"title": "t", "cohort": "c.csv", **yaml.safe_load(block)}, where="README.md"
    )
    assert study.ablate is not None
    assert study.ablate.size == 16
    named = set(re.findall(r"lifs_[a-z0-9_]+", section))
    recipes = {p.stem for p in (repository / "radiofib" / "recipes").glob("lifs_*.yaml")}
    assert named == recipes
    assert len(recipes) == 11


def test_the_study_of_several_sequences_is_understood(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    block = next(b for _, b in BLOCK.findall(text) if b.startswith("masks: "))
    study = StudyConfig.parse(
        {"title": "t", "cohort": "c.csv", **yaml.safe_load(block)}, where="README.md"
    )
    config = ExtractionConfig.parse(study.extraction, where="README.md")
    assert study.registration is not None
    assert (study.registration.to, config.liver and config.liver.delta) == ("ged4", False)


def test_defaults_of_the_table_are_the_models() -> None:
    study = StudyConfig(title="t", cohort="c.csv")
    assert (study.evaluation.n_boot, study.evaluation.folds, study.examples) == (2000, 5, 6)
    assert study.evaluation.settings == ("cv", "loso")
    assert study.export == ("csv", "parquet", "sav", "rds")
    assert (study.seed, study.label, study.stager.name) == (0, "stage", "logistic")


def test_every_key_of_an_embedding_is_in_its_table(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    part = text[text.index("The keys under `embedding`:") :]
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", part.split("\n\n")[1], re.MULTILINE)
    fields = EmbeddingSettings.model_fields
    assert set(dict(rows)) == set(fields)
    for name, default in rows:
        value = fields[name].default
        if isinstance(value, float | str):
            assert default.strip("`") == str(value), name
