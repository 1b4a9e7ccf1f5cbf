"""Every command has help with an example, stands in README, and refuses what it does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from radiofib.cli.app import app, main

runner = CliRunner()


def _commands(command: object, name: str = "radiofib") -> Iterator[tuple[str, object]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
        return
    for child_name, child in children.items():
        yield from _commands(child, f"{name} {child_name}")


COMMANDS = dict(_commands(typer.main.get_command(app)))


def test_promised_commands_exist() -> None:
    chain = [
        "demo",
        "run",
        "register",
        "extract",
        "train",
        "predict",
        "audit",
        "ablate",
        "evaluate",
        "export",
        "report",
    ]
    wanted = {f"radiofib {c}" for c in [*chain, "verify", "doctor"]}
    wanted |= {f"radiofib slides {c}" for c in ("run", "remeasure", "fit-pixels")}
    wanted |= {f"radiofib slides {c}" for c in ("qupath-script", "agreement")}
    wanted |= {*(f"radiofib card {c}" for c in ("new", "validate", "show"))}
    wanted |= {f"radiofib submission {c}" for c in ("write", "check")}
    wanted |= {f"radiofib onnx {c}" for c in ("convert", "inspect", "bench", "variant")}
    wanted.add("radiofib ultrasound clean")
    wanted |= {f"radiofib lifs {c}" for c in ("published", "score")}
    assert wanted == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_and_fits_80_columns(name: str) -> None:
    done = runner.invoke(app, [*name.split()[1:], "--help"], env={"COLUMNS": "80"})
    assert done.exit_code == 0
    assert re.search(rf"Example: {name}\b", done.output)
    assert max(map(len, done.output.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_in_readme(name: str, repository: Path) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")
    family, _, leaf = name.removeprefix("radiofib ").partition(" ")
    row = next(line for line in readme.splitlines() if line.startswith(f"| `radiofib {family}"))
    assert (leaf or family) in row


def test_unknown_option_and_command_exit_2() -> None:
    for arguments in (["run", "study.yaml", "--wrokers", "2"], ["rnu"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2


def test_missing_study_exits_2_and_names_the_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["run", str(tmp_path / "absent.yaml")])
    assert stop.value.code == 2
    assert "absent.yaml" in capsys.readouterr().err


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip()
