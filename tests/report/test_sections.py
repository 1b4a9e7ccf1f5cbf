"""Sections of steps that not every run takes: what they show, and that names in them stay text."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from radiofib.report import write_report
from radiofib.report.context import Context
from radiofib.report.decisions import decision_blocks
from radiofib.report.folder import read_run
from radiofib.report.layouts import TABLES, TableLayout
from radiofib.report.nomogram import NomogramAxis, nomogram_panel
from radiofib.report.odds import OddsRow, odds_panel
from tests.report.extra_files import add_everything
from tests.report.page_text import Page, check_structure
from tests.report.run_folder import build_run

OPTIONAL = {name: layout for name, layout in TABLES.items() if layout.what}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = build_run(tmp_path_factory.mktemp("whole"), scale=0.4, pictures=2, slides=True)
    return add_everything(root)


@pytest.fixture(scope="module")
def page(run_dir: Path) -> Page:
    begin = time.perf_counter()
    path = write_report(run_dir)
    assert time.perf_counter() - begin < 20
    assert path.stat().st_size < 5_000_000
    return Page(path.read_text(encoding="utf-8"))


def render(root: Path) -> Page:
    return Page(write_report(root).read_text(encoding="utf-8"))


def test_every_step_has_its_section_in_the_order_of_a_paper(page: Page) -> None:
    assert [a["id"] for a in page.all("section")] == [
        *("summary", "flow", "cohort", "quality", "alignment", "performance", "curves"),
        *("comparisons", "clinical", "thresholds", "certainty", "model", "importance"),
        *("examples", "maps", "slides"),
        *("features", "configuration", "checklists", "files", "glossary"),
    ]
    check_structure(page)
    assert "Not part of this run" not in page.text


def test_slides_say_who_labelled_them_and_show_measures_alone(page: Page) -> None:
    said = "Portal tracts are those of a classical pixel classifier, not of a network: "
    assert said + "forest.skops 1a2b3c4d." in page.text
    assert "tissue area (mm²)" in page.text
    assert "mpp" not in page.text
    assert "no_table_of_slides" not in page.text


def test_what_was_not_done_is_said_once(run_dir: Path, tmp_path: Path) -> None:
    root = build_run(tmp_path, scale=0.15, pictures=1)
    page = render(root)
    said = [note for note in page.asides if "Not part of this run" in note]
    assert len(said) == 1
    for layout in OPTIONAL.values():
        assert f"{layout.what} ({layout.path})" in said[0]
        assert page.text.count(layout.path) == 1


def test_audit_comes_first_and_into_the_summary(page: Page) -> None:
    quality = page.text.index("Audit of shortcuts and leaks")
    assert quality < page.text.index("Failures by reason.") < page.text.index("Discrimination on")
    assert "Audit, scanner from features: the features tell the scanner." in page.asides
    assert "4 checks: 1 found, 1 not identifiable with these data, 1 not tested, 1 clear." in (
        page.text
    )


def test_shows_numbers_of_every_table(run_dir: Path, page: Page) -> None:
    readers = pd.read_csv(run_dir / "evaluation/readers.csv")
    for row in readers.itertuples():
        assert f"{row.auc_reader:.3f}" in page.text
    assert set(readers["arrow"].dropna()) <= set(page.text)
    thresholds = pd.read_csv(run_dir / "evaluation/thresholds.csv")
    row = thresholds.iloc[0]
    assert f"{row['estimate']:.3f} ({row['ci_low']:.3f}–{row['ci_high']:.3f})" in page.text
    assert "2.32 (1.53 to 3.50)" in page.text  # odds ratio of exp(0.84), SE 0.21
    assert "No decision curve for S1 vs S2–S4: refused: the scores are not probabilities." in (
        page.text
    )
    drawings = [a["aria-labelledby"] or "" for a in page.all("svg")]
    names = ("decision", "calibration", "odds", "nomogram", "importance", "dependence")
    for name in (*names, "coverage", "sizes", "grey", "unfamiliar"):
        assert any(name in ident for ident in drawings), name


def test_added_value_is_said_in_a_sentence_and_what_is_left_out_has_a_reason(page: Page) -> None:
    said = page.text
    assert "Covariates, known scanners: the features tell the stage beyond it (half the" in said
    assert "FIB-4, unseen scanners: it is not shown that the features tell the stage" in said
    assert "fib4 missing in 3 of 200 rows: median of the training rows." in said
    assert "No net reclassification improvement: it rises with noise" in said
    assert "FIB-4 1.45 (below rules out)" in said
    assert "0.061 (0.041–0.081)" in said


def test_sample_size_is_judged_with_and_without_importance(
    run_dir: Path, page: Page, tmp_path: Path
) -> None:
    path = "evaluation/feature_counts.csv"
    counts = pd.read_csv(run_dir / path)
    main = counts[counts["target"] == "s4_vs_s1-3"].iloc[0]
    assert main["candidates"] == main["features"] - 1
    root = build_run(tmp_path, scale=0.15, pictures=1)
    (root / path).write_bytes((run_dir / path).read_bytes())
    for shown in (page, render(root)):
        assert f"S4 vs S1–S3: {main['verdict']}." in shown.asides
        assert f"{main['needed_patients']:,.0f}" in shown.text
        assert "Enough patients for so many features?" in shown.text
        assert "importance" in [a["id"] for a in shown.all("section")]
        check_structure(shown)
    damaged = counts.assign(target="<b>", verdict="", needed_patients=np.nan)
    damaged.to_csv(root / path, index=False)
    check_structure(render(root))


EVIL = "<script>alert(1)</script>"


@contextmanager
def rewritten(
    root: Path, change: Callable[[TableLayout, pd.DataFrame], pd.DataFrame | bytes]
) -> Iterator[None]:
    """Change every optional table for a moment."""
    kept = {layout.path: (root / layout.path).read_bytes() for layout in OPTIONAL.values()}
    try:
        for layout in OPTIONAL.values():
            made = change(layout, pd.read_csv(root / layout.path))
            if isinstance(made, bytes):
                (root / layout.path).write_bytes(made)
            else:
                made.to_csv(root / layout.path, index=False)
        yield
    finally:
        for path, whole in kept.items():
            (root / path).write_bytes(whole)


def test_hostile_names_stay_text(run_dir: Path) -> None:
    evil = f"{EVIL}\"'><img src=x onerror=alert(1)></style></svg>\x00{{{{7*7}}}}"

    def hostile(layout: TableLayout, frame: pd.DataFrame) -> pd.DataFrame:
        """One row for each text column that is hostile, and one hostile throughout."""
        texts = [c for c in frame if c not in layout.numeric and c != "kind"]
        first = frame.iloc[[0]].astype(object)
        rows = [first.assign(**{c: evil}) for c in texts]
        return pd.concat([frame, *rows, first.assign(**dict.fromkeys(texts, evil))])

    with rewritten(run_dir, hostile):
        page = render(run_dir)
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert all((a["src"] or "").startswith("data:image/png") for a in page.all("img"))
    assert not any(attribute.startswith("on") for _, a in page.tags for attribute in a)
    assert page.text.count(EVIL) > 40
    for section in ("quality", "comparisons", "thresholds", "certainty", "model", "importance"):
        assert section in [a["id"] for a in page.all("section")]
    check_structure(page)


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe"])
def test_damaged_tables_cost_their_part_only(run_dir: Path, content: bytes) -> None:
    with rewritten(run_dir, lambda _layout, _frame: content):
        page = render(run_dir)
    for layout in OPTIONAL.values():
        assert f"{layout.path} cannot be used: " in page.text
    assert [a["id"] for a in page.all("section")].count("performance") == 1


@pytest.mark.parametrize("value", [np.nan, 0.0, 1e300])
def test_numbers_out_of_range_are_drawn_or_left_out(run_dir: Path, value: float) -> None:
    def odd(layout: TableLayout, frame: pd.DataFrame) -> pd.DataFrame:
        numbers = [c for c in layout.numeric if c in frame]
        frame = frame.astype(dict.fromkeys(numbers, float))
        frame.loc[frame.index[::2], numbers] = value
        return frame

    with rewritten(run_dir, odd):
        html = write_report(run_dir).read_text(encoding="utf-8")
    check_structure(Page(html))
    coordinates = re.findall(r' (?:d|x|y|x1|y1|x2|y2|width|height|cx|cy|transform)="([^"]*)"', html)
    assert len(coordinates) > 1000
    assert not [c for c in coordinates if "nan" in c or "inf" in c or "e+" in c]


def test_maps_outside_their_folder_are_not_read(run_dir: Path) -> None:
    path = run_dir / "cam/cam.csv"
    whole = path.read_bytes()
    frame = pd.read_csv(path)
    try:
        frame.assign(file="../examples/x.png").to_csv(path, index=False)
        page = render(run_dir)
    finally:
        path.write_bytes(whole)
    assert "maps" not in [a["id"] for a in page.all("section")]


def test_maps_say_what_colours_and_0_are_and_name_no_case(run_dir: Path) -> None:
    path = run_dir / "cam/cam.csv"
    whole = path.read_bytes()
    frame = pd.read_csv(path)
    assert "Orange" not in render(run_dir).text  # maps that do not say what 0 is
    zero = "the average training picture"
    frame = frame.assign(zero=zero, stage="s1", predicted="s4", target="s4", kind="exact")
    try:
        frame.to_csv(path, index=False)
        page = render(run_dir)
        frame.assign(zero="no activation of the network").to_csv(path, index=False)
        bare = render(run_dir)
    finally:
        path.write_bytes(whole)
    for said in (page.text, bare.text):
        assert "Orange raises the score of the stage named and violet lowers it" in said
        assert "brightest" not in said
    assert f"the map is 0, which stands for {zero}." in page.text
    assert "The sign of such a map says nothing by itself" in bare.text
    [section] = [p for p in path.read_text().splitlines() if "case-1" in p]
    assert section  # the table keeps the case
    for picture in page.all("img"):
        if "Class activation map" in picture["alt"]:
            assert "case-" not in picture["alt"]
    assert "Map 2 · t1 · stage" in page.text


def test_decision_curves_are_cut_at_the_frame(run_dir: Path) -> None:
    (figure, _) = decision_blocks(Context(read_run(run_dir)))
    for panel in figure.panels:  # type: ignore[union-attr]
        root = ET.fromstring(str(panel))
        for path in root.iter("path"):
            numbers = path.attrib["d"].replace("M", " ").replace("L", " ").replace("Z", " ").split()
            xs = [float(v) for v in numbers[::2]]
            assert min(xs) >= 52 - 0.01
            assert max(xs) <= 52 + 284 + 0.01


def test_odds_ratios_that_run_away_end_in_an_arrow() -> None:
    drawn = odds_panel(
        "o", [OddsRow("separated", 1e9, 2.0, float("inf")), OddsRow("b", 2, 1e-9, 3)]
    )
    assert drawn.count('class="thin cv"') == 1
    assert "inf" not in drawn


def test_nomogram_of_a_constant_is_still_an_axis() -> None:
    drawn = nomogram_panel("n", [NomogramAxis("a", ((0.0, "x"), (0.0, "y")))], [("S4", ())])
    assert "nan" not in drawn
    assert "Total points" not in drawn
