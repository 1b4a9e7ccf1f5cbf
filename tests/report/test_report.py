"""The page as a whole: what it says, what it leaves out, and that it can be trusted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import ExportError, UsageError
from radiofib.evaluation import METRIC_COLUMNS, evaluate
from radiofib.report import write_report
from tests.report.page_text import Page, check_structure
from tests.report.run_folder import build_run, make_cohort, make_failures, make_missing


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run with two rows for each patient, and slides."""
    return build_run(tmp_path_factory.mktemp("run"), instances=2, slides=True)


@pytest.fixture(scope="session")
def page(run_dir: Path) -> Page:
    return Page(write_report(run_dir).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def run_small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A smaller run, one row for each patient, no slides."""
    return small(tmp_path_factory.mktemp("small"))


def small(root: Path, **options: object) -> Path:
    return build_run(root, scale=0.15, pictures=1, **options)  # type: ignore[arg-type]


def render(root: Path) -> Page:
    return Page(write_report(root).read_text(encoding="utf-8"))


def test_is_written_beside_the_run_and_is_small(run_dir: Path) -> None:
    begin = time.process_time()
    path = write_report(run_dir)
    assert time.process_time() - begin < 10
    assert path == run_dir / "report.html"
    assert 20_000 < path.stat().st_size < 5_000_000
    assert not list(run_dir.glob(".*"))


def test_says_the_headline_with_intervals(run_dir: Path, page: Page) -> None:
    metrics = pd.read_csv(run_dir / "evaluation/metrics.csv")
    wanted = metrics[
        (metrics["metric"] == "auc")
        & (metrics["unit"] == "patient")
        & (metrics["target"] == "s4_vs_s1-3")
    ].set_index(["model", "setting"])
    for key in (("random_forest", "cv"), ("random_forest", "loso"), ("control_geometry", "cv")):
        row = wanted.loc[key]
        said = f"{row['estimate']:.2f} (95 % CI {row['ci_low']:.2f} to {row['ci_high']:.2f})"
        assert said in page.text
    assert "S4 from S1–S3" in page.text
    assert page.text.count("Not for clinical use") == 2


def test_shows_every_number_of_the_comparison(run_dir: Path, page: Page) -> None:
    metrics = pd.read_csv(run_dir / "evaluation/metrics.csv")
    aucs = metrics[metrics["metric"] == "auc"]
    assert len(aucs) == 5 * 2 * 2 * 2
    for row in aucs.itertuples():
        assert f"{row.estimate:.3f} ({row.ci_low:.3f}–{row.ci_high:.3f})" in page.text


def test_has_every_section_in_order(page: Page) -> None:
    found = [a["id"] for a in page.all("section")]
    assert found == [
        "summary",
        "flow",
        "cohort",
        "quality",
        "performance",
        "curves",
        "examples",
        "slides",
        "features",
        "configuration",
        "checklists",
        "files",
        "glossary",
    ]


def test_is_accessible_by_structure(page: Page) -> None:
    check_structure(page)
    assert len(page.all("desc")) == len(page.all("svg")) == 6
    assert len(page.all("table")) > 8


def test_asks_nothing_of_any_network(run_dir: Path, page: Page) -> None:
    html = write_report(run_dir).read_text(encoding="utf-8")
    html = re.sub(r"data:image/png;base64,[\w+/=]+", "data:", html)
    assert re.findall(r"(?i)(?:https?:)?//[a-z]", html) == []
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:"))
    assert "url(" not in html
    assert "@import" not in html
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    first, second = (small(tmp_path / name, slides=True) for name in ("a", "deep er/b"))
    a, b = write_report(first).read_bytes(), write_report(second).read_bytes()
    assert a == b
    assert write_report(first).read_bytes() == a
    assert write_report(first, tmp_path / "c.html").read_bytes() == a
    assert str(tmp_path).encode() not in a
    (first / "manifest.json").unlink()
    assert write_report(first).read_bytes() == a


PARTS = {
    "cohort.csv": "cohort",
    "failures.csv": "quality",
    "predictions.csv": "flow",
    "evaluation/metrics.csv": "performance",
    "evaluation/roc.csv": "curves",
    "evaluation/calibration.csv": "curves",
    "evaluation/confusion.csv": "curves",
    "export/codebook.csv": "files",
    "study.yaml": "configuration",
    "run.json": "configuration",
    "features/features.parquet": "flow",
}


@contextmanager
def changed(path: Path, content: bytes | None) -> Iterator[None]:
    """Replace a file's content, or take the file away, for a moment."""
    whole = path.read_bytes()
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("name", PARTS)
def test_says_what_is_absent(run_small: Path, name: str) -> None:
    with changed(run_small / name, None):
        page = render(run_small)
    assert any("not in the run folder" in note and name in note for note in page.asides) or any(
        note.startswith("Not in the run folder: ") and name in note for note in page.asides
    )


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"a,b\n1,2\n", b"[1]", b'{"a": 1}'])
def test_damaged_files_cost_their_sections_only(run_small: Path, content: bytes) -> None:
    names = [*PARTS, "export/missing.csv", "manifest.json", "examples/broken.png"]
    (run_small / "examples/broken.png").write_bytes(b"")
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(changed(run_small / name, content))
        page = render(run_small)
    (run_small / "examples/broken.png").unlink()
    assert len(page.all("section")) == 11
    for name in names:
        if name.endswith((".csv", ".parquet")):
            assert f"{name} cannot be used: " in page.text
    assert "broken.png: not a readable PNG" in page.text


def test_nearly_empty_folder_still_gives_a_page(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"title": "Only a title"}))
    page = render(tmp_path)
    assert "Only a title" in page.text
    assert "No performance was computed in this run, so nothing is claimed here." in page.text


def test_refuses_what_is_not_a_run_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such run folder"):
        write_report(tmp_path / "absent")
    (tmp_path / "holiday.txt").write_text("sun")
    with pytest.raises(UsageError, match="not a run folder") as caught:
        write_report(tmp_path)
    assert caught.value.found == "holiday.txt"
    with pytest.raises(UsageError, match="report is a file"):
        write_report(small(tmp_path / "run"), tmp_path)


def test_leaves_nothing_half_written(tmp_path: Path) -> None:
    root = small(tmp_path / "run")
    with pytest.raises(ExportError, match="cannot be written") as caught:
        write_report(root, tmp_path / "absent" / "report.html")
    assert caught.value.hint
    assert not (tmp_path / "absent").exists()


EVIL = "<script>alert(1)</script>"


def test_text_from_outside_stays_text(tmp_path: Path) -> None:
    cohort = make_cohort(scale=0.3)
    evil = f"{EVIL}\"'><img src=x onerror=alert(1)>&amp;</style></svg>{{{{7*7}}}}"
    cohort.loc[cohort["case"] == cohort["case"][0], "case"] = evil
    cohort["scanner"] = cohort["scanner"].replace("Vendor B1", evil)
    failures = make_failures(cohort, 4)
    failures["reason"] = f"odd: {evil}"
    root = small(
        tmp_path,
        cohort=cohort,
        failures=failures,
        run={
            "title": evil,
            "study": evil,
            "notes": [evil],
            "versions": {evil: evil},
            "card": {"name": evil, "description": evil, "licence": evil},
        },
    )
    (root / "study.yaml").write_text(f"title: {evil}\n")
    metrics = pd.read_csv(root / "evaluation/metrics.csv")
    for column in ("model", "target", "method", "note", "metric"):
        extra = metrics.iloc[[0]].copy()
        extra[column] = evil
        metrics = pd.concat([metrics, extra])
    metrics.to_csv(root / "evaluation/metrics.csv", index=False)
    page = render(root)
    assert len(page.all("script")) == 1
    assert len(page.all("style")) == 1
    assert all((a["src"] or "").startswith("data:image/png") for a in page.all("img"))
    assert page.text.count(EVIL) > 15
    assert not any(name.startswith("on") for _, a in page.tags for name in a)
    assert "{{7*7}}" in page.text


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1, max_size=400))
def test_any_text_can_be_a_title_and_a_note(text: str) -> None:
    facts = {"title": text, "notes": [text], "stager": text, "versions": {text: text}}
    with TemporaryDirectory() as folder:
        (Path(folder) / "run.json").write_text(json.dumps(facts), encoding="utf-8")
        (Path(folder) / "study.yaml").write_text(text, encoding="utf-8", errors="replace")
        html = write_report(folder).read_text(encoding="utf-8")
    Page(html)
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", html)


def test_doubts_about_cases_are_shown_as_text(tmp_path: Path) -> None:
    root = small(tmp_path)
    (root / "doubts.csv").write_text(
        "case,instance,channel,doubt\n<script>1</script>,,ged1,arterial brighter than venous\n",
        encoding="utf-8",
    )
    shown = write_report(root).read_text(encoding="utf-8")
    assert "arterial brighter than venous" in shown
    assert "&lt;script&gt;1" in shown


def test_areas_of_all_stages_with_a_small_stage_carry_a_dagger(tmp_path: Path) -> None:
    root = small(tmp_path)
    path = root / "evaluation/metrics.csv"
    metrics = pd.read_csv(path)
    areas = metrics["metric"].isin(["macro_auc", "micro_auc"])
    for note, marked in (("", False), ("sparse: 2 patients in the smallest stage", True)):
        metrics.loc[areas, "note"] = note
        metrics.to_csv(path, index=False)
        page = " ".join(render(root).text.split())
        assert bool(re.search(r"Macro AUC [^A-Z†]*†", page)) is marked
    assert "fewer than ten patients of a stage" in page
    metrics[metrics["target"] == "stages"].to_csv(path, index=False)  # they are the headline
    assert "one stage holds only 2 patients" in " ".join(render(root).text.split())


def test_many_equal_doubts_are_one_line(tmp_path: Path) -> None:
    root = small(tmp_path)
    rows = [f"c{k},,us,{k % 9}% of the image was taken for text" for k in range(104)]
    rows += ["d1,,us,the picture is a copy", ",,us,3 of 6 pictures are not drawn"]
    (root / "doubts.csv").write_text("\n".join(["case,instance,channel,doubt", *rows]) + "\n")
    page = " ".join(Page(write_report(root).read_text(encoding="utf-8")).text.split())
    assert "106 doubts of 3 kinds" in page
    assert "…% of the image was taken for text us 104 c0, c1, c2 and 101 more" in page
    assert "the picture is a copy us 1 d1" in page
    assert page.count("taken for text") == 1
    (root / "doubts.csv").write_text("some,thing\n1,2\n", encoding="utf-8")
    assert "not readable as a table of doubts" in write_report(root).read_text(encoding="utf-8")


def test_many_failures_and_missing_values_are_summarised(tmp_path: Path) -> None:
    cohort = make_cohort()
    root = small(
        tmp_path, failures=make_failures(cohort, 10_000), missing=make_missing(cohort, 50_000)
    )
    begin = time.process_time()
    path = write_report(root)
    assert time.process_time() - begin < 15
    assert path.stat().st_size < 1_000_000
    page = Page(path.read_text(encoding="utf-8"))
    assert "10,000 failures in" in page.text
    assert "50,000 values missing in 2 columns" in page.text
    assert "Every failure, with its message" not in page.text


def test_pictures_respect_the_budget(tmp_path: Path) -> None:
    from tests.report.run_folder import write_picture

    root = small(tmp_path)
    write_picture(root / "examples" / "extra__t1.png", 1, (1200, 900))
    for i in range(40):
        copy(root / "examples" / "extra__t1.png", root / "examples" / f"extra{i:02d}__t1.png")
    (root / "examples" / "broken__t1.png").write_bytes(b"\x89PNG not really")
    path = write_report(root)
    page = Page(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < 5_000_000
    assert 6 <= len(page.all("img")) <= 12
    assert "more pictures in examples/" in page.text
    assert "broken__t1.png: not a readable PNG" in page.text


def test_many_scanners_and_stages_stay_readable(tmp_path: Path) -> None:
    cohort = make_cohort(scale=0.4)
    patients = cohort["patient"].astype("category").cat.codes
    cohort["scanner"] = [f"scanner {i % 45}" for i in patients]
    root = build_run(tmp_path, cohort=cohort, pictures=0)
    page = render(root)
    assert "5 more scanners are in cohort.csv." in page.text
    assert "examples/ holds no PNG" in page.text


def test_several_runs_become_chapters(tmp_path: Path) -> None:
    facts = {"title": "Two cohorts", "description": "Both.", "parts": ["a", "b", "c", "../a"]}
    for name in ("a", "b"):
        small(tmp_path / name, run={"title": f"Cohort {name}"})
    (tmp_path / "run.json").write_text(json.dumps(facts))
    page = render(tmp_path)
    assert [a["id"] for a in page.all("h2") if a.get("class") == "chapter"] == [
        "overview",
        "part1",
        "part2",
        "part3",
        "methods",
    ]
    assert "Part 1: Cohort a" in page.text
    assert "c/ is not shown: no such run folder." in page.text
    assert len(page.all("section")) == 1 + 2 * 11 + 1 + 1
    check_structure(page)


def test_headline_follows_the_target_named_beforehand(tmp_path: Path) -> None:
    for target in ("s1_vs_s2-4", "s1"):
        root = small(tmp_path / target, run={"main": {"model": "xgboost", "target": target}})
        page = render(root)
        assert "The stager (XGBoost) was asked to tell S1 from S2–S4." in page.text


def test_collapse_and_shortcut_are_said_in_the_summary(tmp_path: Path) -> None:
    root = small(tmp_path)
    metrics = pd.read_csv(root / "evaluation/metrics.csv").fillna({"note": "", "subset": ""})
    main = (metrics["model"] == "random_forest") & (metrics["target"] == "s4_vs_s1-3")
    metrics.loc[main & (metrics["metric"] == "auc"), "ci_low"] = 0.45
    accuracy = (
        metrics[main]
        .iloc[[0]]
        .assign(
            metric="accuracy",
            note="decision collapse: positive predicted for 100.0%",
            unit="patient",
        )
    )
    pd.concat([metrics, accuracy]).to_csv(root / "evaluation/metrics.csv", index=False)
    page = render(root)
    assert "cannot be told apart from guessing" in page.text
    assert "A model that knows only the image size comes within" in page.text
    assert "Decision collapse: positive predicted for 100.0%." in page.text


def test_flow_adds_up(run_dir: Path, page: Page) -> None:
    failures = pd.read_csv(run_dir / "failures.csv")
    cohort = make_cohort(2)
    assert f"{len(cohort):,} images" in page.text
    early = int((failures["step"] == "read").sum())
    assert f"Not read: {early}" in page.text
    assert f"{len(cohort) - early:,} images" in page.text
    assert f"from {len(cohort) - len(failures):,} images" in page.text


def test_fixture_has_the_columns_that_the_evaluation_writes(run_dir: Path) -> None:
    found = set(pd.read_csv(run_dir / "evaluation/metrics.csv", nrows=1))
    assert found == set(METRIC_COLUMNS)


def test_reads_what_the_evaluation_writes(tmp_path: Path) -> None:
    root = small(tmp_path)
    predictions = pd.read_csv(root / "predictions.csv", dtype={"fold": str})
    found = evaluate(predictions, levels=["s1", "s2", "s3", "s4"], n_boot=20)
    found.write(root / "evaluation")
    page = render(root)
    assert "cannot be used" not in page.text
    # Flow, forest plot; ROC, calibration and decision curves of both comparisons.
    assert len(page.all("svg")) == 1 + 1 + 2 + 2 + 2
    metrics = found.metrics.set_index(["model", "setting", "unit", "target", "metric", "subset"])
    for subset in ("Vendor A", "Vendor B1"):
        row = metrics.loc[("random_forest", "loso", "patient", "s4_vs_s1-3", "auc_scanner", subset)]
        assert f"{row['estimate']:.3f} ({row['ci_low']:.3f}–{row['ci_high']:.3f})" in page.text
    assert "bootstraps of patients within class and fold (Rao-Wu weights)" in page.text


def test_one_cohort_without_scanners_says_cross_validation(tmp_path: Path) -> None:
    root = small(tmp_path)
    for name in ("cohort.csv", "predictions.csv", "evaluation/metrics.csv"):
        frame = pd.read_csv(root / name).drop(columns="scanner", errors="ignore")
        if "setting" in frame:
            frame = frame[frame["setting"] == "cv"]
        frame.to_csv(root / name, index=False)
    page = render(root)
    assert "On patients it had not seen, its AUC is" in page.text
    assert "The stager was not tested on unseen scanners" in page.text
    assert "Cross-validation" in page.text
    assert "nown scanners" not in page.text.replace("unknown scanners", "").split("Glossary")[0]
