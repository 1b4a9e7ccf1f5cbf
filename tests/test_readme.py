"""What README shows is run, so that nothing shown rots."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from radiofib.cli.app import main
from tests.study.builders import write_pictures

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def blocks(repository: Path) -> list[tuple[str, str]]:
    return BLOCK.findall((repository / "README.md").read_text(encoding="utf-8"))


def _only(blocks: list[tuple[str, str]], language: str) -> str:
    found = [text for name, text in blocks if name == language]
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
    study = _only(blocks, "yaml")
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
