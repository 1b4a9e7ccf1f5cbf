"""The pieces of the page: numbers, names, reasons, drawings, pictures."""

from __future__ import annotations

import io
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from radiofib.datacard import get_scheme
from radiofib.report import figures, panels, svg
from radiofib.report.context import read_metric
from radiofib.report.format import (
    clean,
    count,
    estimate,
    estimate_with_interval,
    interval,
    shorten,
    target_label,
    target_levels,
)
from radiofib.report.pictures import pictures, thumbnail
from radiofib.report.reasons import general_reason
from radiofib.staging import targets_for
from tests.report.run_folder import write_picture

TEXT = st.text(max_size=60)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.000"),
        (1.0, "1.000"),
        (0.99951, ">0.999"),
        (0.9994, "0.999"),
        (0.0004, "<0.001"),
        (-0.0001, "0.000"),
        (-0.25, "−0.250"),
        (12.3456, "12.346"),
        (math.nan, "–"),
        (math.inf, "–"),
        (None, "–"),
    ],
)
def test_estimates_are_never_rounded_to_perfection(value: float | None, shown: str) -> None:
    assert estimate(value) == shown


def test_interval_needs_both_ends() -> None:
    assert interval(0.1, math.nan) == ""
    assert estimate_with_interval(0.5, math.nan, 0.9) == "0.500"
    assert interval(-0.5, -0.1, 1) == "−0.5 to −0.1"
    assert count(-1200) == "−1,200"


@pytest.mark.parametrize("name", ["lifs", "scheuer", "metavir", "ishak", "ludwig", "batts_ludwig"])
@pytest.mark.parametrize("ordered", [True, False])
def test_targets_of_every_scheme_are_understood(name: str, ordered: bool) -> None:
    scheme = get_scheme(name)
    levels = list(scheme.levels)
    for target in targets_for(levels, ordered=ordered):
        sides = target_levels(target.name, levels)
        assert sides is not None
        assert frozenset(sides[0]) == target.positive
        assert frozenset(sides[1]) == target.negative
        shown = target_label(target.name, levels, scheme.labels)
        assert scheme.labels[sides[0][0]] in shown.split(" vs ")[0]


@given(TEXT)
def test_any_text_is_a_target(name: str) -> None:
    assert (
        name == "stage"
        or target_label(name, ["s1", "s2"], {"s1": "S1", "s2": "S2"}) in (name, "all stages")
        or ("_vs_" in name)
    )


@given(TEXT, st.integers(0, 9999), st.integers(0, 9999))
def test_reasons_that_differ_in_numbers_and_names_are_one(text: str, a: int, b: int) -> None:
    def reason(case: str, n: int) -> str:
        return f"data/{case}/t1.nii.gz: found {n} voxels in '{case}' ({text}). Next: look at {n}."

    first = general_reason(reason(f"c{a}", a), frozenset({f"c{a}"}))
    second = general_reason(reason(f"c{b}", b), frozenset({f"c{b}"}))
    if not re.search(r"[\d'\"]|Next:", text):
        assert first == second
    assert "Next" not in first or "Next" in text


def test_different_troubles_stay_different() -> None:
    reasons = {
        general_reason(r)
        for r in (
            "a.nii: the mask is empty.",
            "b.nii: the mask is empty.",
            "a.nii: the image cannot be read.",
            "region holds 1 voxel.",
        )
    }
    assert len(reasons) == 3


@settings(max_examples=50)
@given(TEXT, TEXT, st.floats(-1e6, 1e6))
def test_svg_is_well_formed_whatever_it_says(title: str, desc: str, x: float) -> None:
    drawing = svg.document(
        "a", 10, 10, title=title, desc=desc, body=[svg.label(x, 1, title, kind=desc)]
    )
    root = ET.fromstring(str(drawing))
    assert (root[0].text or "") == re.sub("\r\n?", "\n", clean(title))
    assert len(root) == 3


@given(
    st.lists(st.tuples(st.floats(0, 300), st.floats(0, 300)), min_size=2, max_size=60),
    st.floats(0.1, 5),
)
def test_simplified_lines_stay_close(points: list[tuple[float, float]], tolerance: float) -> None:
    line = np.array(points)
    kept = svg.simplify(line, tolerance)
    assert (kept[0] == line[0]).all()
    assert (kept[-1] == line[-1]).all()
    for point in line:
        assert (
            min(map(lambda a, b: _distance(point, a, b), kept[:-1], kept[1:])) <= tolerance + 1e-9
        )


def _distance(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Distance of a point from the straight line through two others."""
    chord = b - a
    length = float(np.hypot(*chord))
    if length == 0:
        return float(np.hypot(*(point - a)))
    away = point - a
    return float(abs(away[0] * chord[1] - away[1] * chord[0]) / length)


def test_a_large_roc_curve_becomes_a_small_path() -> None:
    rng = np.random.default_rng(0)
    steps = rng.random(100_000) < 0.5
    curve = panels.RocCurve(
        "x", np.cumsum(~steps) / (~steps).sum(), np.cumsum(steps) / steps.sum(), "cv"
    )
    drawing = panels.roc_panel("r", "t", [curve])
    assert len(drawing) < 20_000


def test_figures_draw_what_cannot_be_drawn_as_nothing() -> None:
    nan = math.nan
    row = figures.ForestRow("m", (figures.Interval("cv", nan, nan, nan),))
    drawing = figures.forest_panel("f", [figures.ForestGroup("t", (row,))], [("cv", "known")])
    assert "nan" not in drawing
    blank = np.array([nan])
    binned = panels.BinnedCurve("c", blank, blank, blank, blank, blank, "cv")
    assert "nan" not in panels.calibration_panel("c", "t", [binned])
    empty = np.array([])
    assert "nan" not in panels.roc_panel("r", "t", [panels.RocCurve("x", empty, empty, "cv")])


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_flow_never_leaves_its_frame(lines: list[str]) -> None:
    steps = [figures.FlowStep("a", tuple(lines), "lost", tuple(lines)), figures.FlowStep("b", ())]
    root = ET.fromstring(str(figures.flow_panel("f", steps)))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for box in root.iter("rect"):
        assert float(box.attrib["x"]) + float(box.attrib["width"]) <= width
        assert float(box.attrib["y"]) >= 0
        assert float(box.attrib["y"]) + float(box.attrib["height"]) <= height


def test_sparse_counts_the_smaller_side() -> None:
    assert read_metric({"n": 70, "n_pos": 65}).sparse
    assert not read_metric({"n": 70, "n_pos": 60}).sparse
    assert not read_metric({"n": 70}).sparse
    assert read_metric({"n": 70, "note": "a; sparse: 9 patients in the smallest stage"}).sparse


def test_thumbnails_carry_pixels_only(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    info = PngImagePlugin.PngInfo()
    info.add_text("PatientName", "Doe^Jane")
    Image.effect_noise((900, 500), 60).save(path, pnginfo=info)
    data, width, height = thumbnail(path)
    assert (width, height) == (420, 233)
    assert b"Jane" not in data
    assert Image.open(io.BytesIO(data)).mode == "L"
    assert thumbnail(path)[0] == data


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"<svg/>"])
def test_what_is_no_png_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    made, broken = pictures([(path, "c", "a")], most=3)
    assert made == ()
    assert broken == ["x.png: not a readable PNG."]


def test_pictures_stop_at_the_budget(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1)
    wanted = [(tmp_path / "a.png", "c", "a")] * 9
    one = len(pictures(wanted, most=1)[0][0].uri)
    made, _ = pictures(wanted, most=9, budget=3 * one + 10)
    assert len(made) == 3


@given(st.text(max_size=400), st.integers(2, 200))
def test_shortened_text_fits(text: str, most: int) -> None:
    assert len(shorten(text, most)) <= most
