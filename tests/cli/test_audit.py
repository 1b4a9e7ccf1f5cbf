"""The commands audit and lifs: verdicts on the terminal, files, exit statuses."""

from __future__ import annotations

import contextlib
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from radiofib.cli.app import main
from radiofib.simulate import AuditPlants, PlantedCopies, simulate_audit_table


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return int(stop.value.code or 0)


def test_audit_names_what_is_wrong_in_plain_sentences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plants = AuditPlants(id_column=True, copies=(PlantedCopies(pairs=2, stages="different"),))
    table = simulate_audit_table(60, seed=5, plants=plants, features_per_channel=4).table
    frame = pd.concat([table.obs, table.X], axis=1)
    frame.rename(columns={"case": "exam", "scanner": "machine"}).to_csv(
        tmp_path / "features.csv", index=False
    )
    out = tmp_path / "out"
    options = ("--case", "exam", "--scanner", "machine", "--out", out)
    assert run("audit", tmp_path / "features.csv", *options) == 3
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines()[:-1])) <= 80
    assert "! Are identifiers among the features? found" in said
    assert "2 of 60 rows are copies of another stage" in " ".join(said.split())
    found = pd.read_csv(out / "verdicts.csv").set_index("check")["verdict"]
    assert set(found.index[found == "found"]) == {
        "identifiers",
        "exact_duplicates",
        "duplicates_across_stages",
    }


def test_percentages_are_checked_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.csv").write_text("percent\n74.58\n47.5\n")
    assert run("audit", "--percentages", tmp_path / "p.csv", "--n", 120, "--out", tmp_path) == 3
    said = capsys.readouterr().out
    assert "74.58 % does not arise from 120 cases; numbers of cases near it that do: 118" in said
    assert pd.read_csv(tmp_path / "grim.csv")["fits"].tolist() == [False, True]


def test_wrong_use_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("audit") == 2
    assert "one thing to audit is needed" in capsys.readouterr().err
    (tmp_path / "f.csv").write_text("case,stage,a\nx,1,0.5\ny,2,0.7\n")
    assert run("audit", tmp_path / "f.csv", "--scanner", "machine") == 2
    assert "unknown column 'machine'" in capsys.readouterr().err


def _predictions(path: Path) -> None:
    rows = [
        {"case": f"c{i}", "y_true": f"s{1 + i % 4}", "scanner": "C" if i < 12 else "A",
         "p_s1": 0.4, "p_s2": 0.1, "p_s3": 0.1, "p_s4": 0.4, "model": m, "channels": s}
        for i in range(40)
        for s in ("Contrast", "NonContrast")
        for m in ("forest", "control_scanner")
    ]  # fmt: skip
    path.parent.mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False)


def test_commands_of_readme_run(
    tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = simulate_audit_table(40, seed=9, features_per_channel=3).table
    table.to_parquet(tmp_path / "features.parquet")
    (tmp_path / "published.csv").write_text("percent\n50.00\n")
    _predictions(tmp_path / "run" / "predictions.csv")
    text = (repository / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^radiofib (?:audit|lifs) .*$", text, re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        with contextlib.chdir(tmp_path):
            assert run(*shlex.split(line)[1:]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    # Controls of a run are no methods; own rows are marked as other data.
    own = [line for line in said.splitlines() if line.startswith("forest")]
    assert [line.split()[-6:] for line in own] == [["8,", "8", "of", "8;", "other", "data"]]
    both = pd.read_csv(tmp_path / "lifs_own" / "beside_published.csv")
    assert both.groupby("data")["reader"].nunique().to_dict() == {
        "LiFS, as published": 13,
        "other data": 1,
    }
    assert (tmp_path / "lifs" / "figure_4a_registration.svg").is_file()
    assert (tmp_path / "lifs_own" / "figure_3_readers.svg").is_file()
    assert (tmp_path / "audit" / "verdicts.csv").is_file()
    assert (tmp_path / "grim" / "grim.csv").is_file()
