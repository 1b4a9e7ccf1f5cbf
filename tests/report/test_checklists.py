"""Checklists: complete, nothing ticked without evidence, nothing evaluated as code."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pandas as pd
import pytest

from radiofib.errors import ExportError
from radiofib.report import write_report
from radiofib.report.checklists import (
    CHECKLIST_NAMES,
    Finding,
    fill_checklists,
    score,
    write_checklists,
)
from radiofib.report.checklists.fill import RULES, load_rules
from radiofib.report.context import Context
from radiofib.report.folder import read_run
from tests.report.extra_files import add_everything
from tests.report.page_text import Page, check_structure
from tests.report.run_folder import build_run

COLUMNS = ["item", "section", "short", "status", "evidence", "pointer"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_run(tmp_path_factory.mktemp("plain"), scale=0.15, pictures=0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return add_everything(build_run(tmp_path_factory.mktemp("whole"), scale=0.3, pictures=0))


def status(root: Path, checklist: str) -> dict[str, str]:
    filled = {c.name: c for c in fill_checklists(Context(read_run(root)))}
    return {line.rule.item: line.finding.status for line in filled[checklist].lines}


def test_lists_have_every_item_once() -> None:
    sizes = {name: len({r.item for r in load_rules(name)}) for name in CHECKLIST_NAMES}
    # STARD 2015: 30 items in 34 lines, and nine lines on fibrosis; IBSI: 76 items with letters.
    assert sizes == {"clear": 58, "metrics": 30, "tripod_ai": 52, "stard_liver": 43, "ibsi": 104}
    for name in CHECKLIST_NAMES:
        rules = load_rules(name)
        assert len(rules) == sizes[name]
        assert all(r.short and r.section and len(r.short) < 60 for r in rules)
    numbers = {int("".join(filter(str.isdigit, r.item))) for r in load_rules("ibsi")}
    assert numbers == set(range(1, 77))
    assert sum(r.weight for r in load_rules("metrics")) == pytest.approx(1, abs=2e-4)


def test_rules_and_functions_match() -> None:
    used = {rule.rule for name in CHECKLIST_NAMES for rule in load_rules(name)}
    assert used == set(RULES)


def test_a_tick_needs_evidence_and_a_pointer() -> None:
    with pytest.raises(ValueError, match="needs evidence and a pointer"):
        Finding("met", "something", "")


@pytest.mark.parametrize("fixture", ["plain", "whole"])
def test_pointers_name_what_is_there(fixture: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(fixture)
    write_report(root)
    for checklist in fill_checklists(Context(read_run(root))):
        for line in checklist.lines:
            found = line.finding
            if found.status == "open":
                assert found.pointer == ""
                continue
            assert found.evidence
            for pointer in found.pointer.split("; "):
                name = pointer.split(":")[0]
                assert (root / name).exists(), (checklist.name, line)


def test_an_empty_run_ticks_nothing(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    for checklist in fill_checklists(Context(read_run(tmp_path))):
        allowed = (
            {"7"} if checklist.name == "clear" else {"1"} if checklist.name == "metrics" else set()
        )
        ticked = {x.rule.item for x in checklist.lines if x.finding.status in ("met", "partly")}
        assert ticked <= allowed


def test_evidence_moves_the_status(plain: Path, whole: Path) -> None:
    before, after = status(plain, "clear"), status(whole, "clear")
    assert before["41"] == before["42"] == before["43"] == "open"
    assert after["41"] == after["42"] == after["43"] == "met"
    assert (before["36"], after["36"]) == ("partly", "met")
    assert all(status(whole, "clear")[i] == "open" for i in ("1", "8", "10", "11", "20", "52"))
    scores = [
        score(next(c for c in fill_checklists(Context(read_run(r))) if c.name == "metrics").lines)
        for r in (plain, whole)
    ]
    assert scores[0] is not None
    assert scores[1] is not None
    assert 0 < scores[0].proven < scores[1].proven < scores[1].begun < 1


def test_a_patient_in_two_folds_unticks_the_division(tmp_path: Path) -> None:
    root = build_run(tmp_path, scale=0.15, pictures=0, instances=2)
    assert status(root, "metrics")["18"] == "met"
    frame = pd.read_csv(root / "predictions.csv", dtype={"fold": str})
    frame.loc[frame.index[0], "fold"] = "another"
    frame.to_csv(root / "predictions.csv", index=False)
    assert status(root, "metrics")["18"] == "open"


def test_kinds_of_imaging_that_are_not_there_do_not_apply(plain: Path) -> None:
    found = status(plain, "ibsi")
    assert {found[i] for i in ("3a", "14", "16", "38", "36")} == {"not applicable"}
    assert {found[i] for i in ("19", "20", "23")} == {"open"}


def test_files_have_the_columns_agreed_on_and_equal_bytes(whole: Path, tmp_path: Path) -> None:
    filled = fill_checklists(Context(read_run(whole)))
    files = write_checklists(filled, tmp_path / "a")
    again = write_checklists(filled, tmp_path / "b")
    assert [f.read_bytes() for f in files] == [f.read_bytes() for f in again]
    assert [f.name for f in files] == [*(f"{n}.csv" for n in CHECKLIST_NAMES), "checklists.html"]
    for file in files[:-1]:
        frame = pd.read_csv(file, dtype=str, keep_default_na=False)
        assert list(frame)[:6] == COLUMNS
        assert set(frame["status"]) <= {"met", "partly", "open", "not applicable"}
        assert not frame["evidence"].str.startswith(("=", "+", "-", "@")).any()
    html = files[-1].read_text(encoding="utf-8")
    assert html.count("<table") == len(CHECKLIST_NAMES)
    assert "<script" not in html
    assert "<style" not in html


def test_hostile_names_stay_text_and_run_no_formula(tmp_path: Path) -> None:
    evil = "=HYPERLINK(1)<script>alert(1)</script>\n\x00"
    root = build_run(
        tmp_path,
        scale=0.15,
        pictures=0,
        run={
            "channels": [evil],
            "card": {"name": evil, "licence": evil},
            "scheme": {"name": evil, "levels": ["s1", "s2", "s3", "s4"], "labels": {"s1": evil}},
            "versions": {"radiofib": evil},
            "stager": {"name": evil, "params": {evil: evil}},
        },
    )
    cohort = pd.read_csv(root / "cohort.csv").assign(**{"=x": evil, "mask_source": evil})
    cohort.to_csv(root / "cohort.csv", index=False)
    (root / "study.yaml").write_text(json.dumps({"registration": {evil: evil}, "masks": {}}))
    page = Page(write_report(root).read_text(encoding="utf-8"))
    check_structure(page)
    assert len(page.all("script")) == 1
    html = (root / "checklists/checklists.html").read_text(encoding="utf-8")
    assert "<script" not in html
    for name in CHECKLIST_NAMES:
        with (root / f"checklists/{name}.csv").open(encoding="utf-8", newline="") as stream:
            cells = [cell for row in csv.reader(stream) for cell in row]
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
        assert not any("\x00" in cell or "\n" in cell for cell in cells)


def test_a_study_file_that_is_not_yaml_leaves_lines_open(tmp_path: Path) -> None:
    root = build_run(tmp_path, scale=0.15, pictures=0)
    (root / "study.yaml").write_text("!!python/object/apply:os.system ['false']")
    assert status(root, "clear")["35"] == "open"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_an_error_only_inside(
    plain: Path, tmp_path: Path
) -> None:
    plain.chmod(0o555)
    try:
        with pytest.raises(ExportError):
            write_report(plain)
        assert write_report(plain, tmp_path / "r.html").is_file()
    finally:
        plain.chmod(0o755)
