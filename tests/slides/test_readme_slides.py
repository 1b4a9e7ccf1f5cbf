"""What README shows of biopsy slides works as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.slides import SlideSettings
from radiofib.slides.specs import column
from tests.slides import made, nets


def section(repository: Path) -> str:
    text = (repository / "README.md").read_text(encoding="utf-8")
    return text.split("\n## Biopsy slides\n")[1].split("\n## ")[0]


def test_settings_are_understood(repository: Path, tmp_path: Path) -> None:
    [block] = re.findall(r"^```yaml\n(.*?)^```$", section(repository), re.MULTILINE | re.DOTALL)
    (tmp_path / "s.yaml").write_text(block)
    assert SlideSettings.from_yaml(tmp_path / "s.yaml").tracts.stain == "sirius_red"


def test_command_writes_the_files_of_the_table(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = section(repository)
    lines = text.splitlines()
    [command] = [line for line in lines if line.startswith("radiofib slides run")]
    [compare] = [line for line in lines if line.startswith("radiofib slides agreement")]
    [export] = re.findall(r"`(radiofib export .*?)`", text)
    monkeypatch.chdir(tmp_path)
    pixels = made.biopsy(um=8.0, length_um=2000.0)[0]
    for name in ("biopsy1.svs", "biopsy2.ndpi"):
        made.write_pyramid(tmp_path / name, pixels, mpp=8.0)
    nets.colour_net(tmp_path / "hotspot.onnx", tile=32, um=8.0)
    Path("stages.csv").write_text("case,stage\nbiopsy1,F3\nbiopsy2,F1\n")
    done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert done.exit_code == 0, done.output
    named = [n for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for n in row.split(", ")]
    for name in named:
        for case in ("biopsy1", "biopsy2"):
            assert Path("slides", name.strip("`").replace("<case>", case)).is_file(), name
    table = pd.read_csv("slides/slides.csv")
    counts = table[column("portal_tract_count")]
    assert counts.isna().tolist() == [True, False]
    Path("readers.csv").write_text(
        "case,reader,core_length_mm,stage\nbiopsy1,A,2.1,F3\nbiopsy2,A,2,F1\n"
    )
    done = CliRunner().invoke(app, shlex.split(compare)[1:])
    assert done.exit_code == 0, done.output
    assert "morphometry_core_length_mm" in set(pd.read_csv("agreement.csv")["measure"])
    done = CliRunner().invoke(app, shlex.split(export)[1:])
    assert done.exit_code == 0, done.output
    assert Path("spss/features.sav").is_file()
