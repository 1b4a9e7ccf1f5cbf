"""The page of an ablation and its figure: what they say, and that nothing is left to chance."""

from __future__ import annotations

import html
import io
import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from radiofib.errors import UsageError
from radiofib.evaluation.factors import factor_effects, factor_order, factor_table, run_scores
from radiofib.report.ablation import write_ablation_page
from radiofib.report.factor_figure import draw_factors, figure_png, figure_svg

FACTORS = {"sequence_set": ["non-contrast", "+hbp"], "select": ["none", "mrmr <50>", "pca"]}


def write_ablation(root: Path, *, gains: dict[str, float], seed: int = 0, loso: int = 3) -> Path:
    """Write the files of an ablation in which levels are worth what `gains` says."""
    rng = np.random.default_rng(seed)
    pairs = [(a, b) for a in FACTORS["sequence_set"] for b in FACTORS["select"]]
    design = pd.DataFrame(
        [(f"r{k + 1:03d}", *pair) for k, pair in enumerate(pairs)], columns=["run", *FACTORS]
    )
    rows = []
    for domain, folds in (("ID", 5), ("OOD", loso)):
        luck = rng.normal(0, 0.02, folds)
        for run, *levels in design.itertuples(index=False):
            mean = 0.7 - 0.1 * (domain == "OOD") + sum(gains.get(v, 0.0) for v in levels)
            for fold in range(folds):
                value = mean + luck[fold] + rng.normal(0, 0.004)
                for target, metric in (("all", "score"), ("f4_vs_f0-f3", "auc")):
                    rows.append((run, domain, str(fold), target, metric, value, 1.0, 10, 5))
    names = ["run", "domain", "fold", "target", "metric", "value", "weight", "n", "n_pos"]
    scores = pd.DataFrame(rows, columns=names)
    runs = run_scores(scores)
    effects = factor_effects(scores, design, FACTORS)
    folder = root / "ablation"
    folder.mkdir(parents=True)
    tables = {
        "runs": design.merge(runs.assign(note=""), on="run"),
        "factors": factor_table(runs, design, FACTORS),
        "effects": effects,
        "order": factor_order(effects),
        "balance": pd.DataFrame(
            {"factor": list(FACTORS), "levels": [2, 3], "fewest": [3, 2], "most": [3, 2],
             "worst_association": [0.0, 0.0], "with": ["", ""]}
        ),
        "warnings": pd.DataFrame(columns=["run", "setting", "fold", "warning"]),
    }  # fmt: skip
    for name, frame in tables.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    pd.DataFrame(columns=["case", "channel", "instance", "step", "error", "reason"]).to_csv(
        root / "failures.csv", index=False
    )
    facts: dict[str, Any] = {
        "title": "Choices <b>& more</b>",
        "scheme": {
            "levels": ["f0", "f1", "f2", "f3", "f4"],
            "labels": {f"f{k}": f"F{k}" for k in range(5)},
            "ordered": True,
        },
        "main": None,
        "design": {
            "kind": "grid",
            "runs": 6,
            "grid": 6,
            "factors": [[k, v] for k, v in FACTORS.items()],
        },
        "folds": {"cv": list("12345"), "loso": list("ABCDEFG")[:loso]},
        "counts": {"cases": 90, "patients": 80, "stages": {"f0": 40, "f4": 50}},
        "seed": 0,
        "config_hash": "0" * 64,
        "stager": {"name": "logistic"},
        "versions": {"radiofib": "1.0"},
    }
    (folder / "ablation.json").write_text(json.dumps(facts))
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_ablation(tmp_path / "a", gains={"+hbp": 0.15, "mrmr <50>": 0.02})


def words(page: Path) -> str:
    """Return the text of the page on one line."""
    text = page.read_text(encoding="utf-8")
    body = text[text.index("<main") : text.index("</main>")]
    parts = [part.partition(">")[2] for part in body.split("<")]
    return html.unescape(" ".join(" ".join(parts).split()))


def test_sentences_say_what_is_beyond_noise(root: Path) -> None:
    said = words(write_ablation_page(root))
    known = said[said.index("On known scanners") : said.index("On unseen scanners")]
    assert "beyond noise (p < 0.05 after Holm's adjustment for 3 differences)" in known
    assert "sequence set: +hbp against non-contrast +0.15" in known
    assert known.index("sequence set: +hbp") < known.index("mrmr <50> against none")
    assert "pca" not in known
    assert "3 scanners left out in turn" in said
    assert "6 combinations of 2 factors (all combinations) on 80 patients" in said
    assert "Nothing failed." in said


def test_no_effect_is_said_to_be_none(tmp_path: Path) -> None:
    said = words(write_ablation_page(write_ablation(tmp_path / "null", gains={}, loso=6)))
    assert "On known scanners (ID), no difference is beyond noise." in said
    assert "On unseen scanners (OOD), no difference is beyond noise." in said
    assert "left out in turn" not in said


def test_the_main_target_is_the_one_that_was_named(root: Path) -> None:
    path = root / "ablation" / "ablation.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"main": "f4_vs_f0-f3"}))
    assert "Judged by: AUC, F4 vs F0–F3." in words(write_ablation_page(root))


def test_the_page_needs_no_other_file_and_cannot_be_injected(root: Path) -> None:
    page = write_ablation_page(root)
    text = page.read_text(encoding="utf-8")
    assert "<b>& more" not in text
    assert "mrmr <50>" not in text
    assert "http:" not in text.replace("http://www.w3.org", "")
    assert "src=" not in text
    alone = root.parent / "elsewhere" / "page.html"
    alone.parent.mkdir()
    shutil.copy(page, alone)
    assert "default-src 'none'" in alone.read_text(encoding="utf-8")


def test_equal_files_give_equal_bytes(root: Path) -> None:
    def written() -> list[bytes]:
        page = write_ablation_page(root)
        figure = root / "ablation" / "factor_figure"
        return [p.read_bytes() for p in (page, *map(figure.with_suffix, (".svg", ".png")))]

    assert written() == written()


def test_failures_and_lost_scores_are_shown(root: Path) -> None:
    runs = pd.read_csv(root / "ablation" / "runs.csv")
    lost = {"run": "r002", "domain": "OOD", "note": "no score: without A"}
    pd.concat([runs, pd.DataFrame([lost])]).to_csv(root / "ablation" / "runs.csv", index=False)
    failure = {"case": "", "step": "ablate r002, scanner A", "reason": "no luck"}
    pd.DataFrame([failure]).to_csv(root / "failures.csv", index=False)
    said = words(write_ablation_page(root))
    assert "1 combination without a score in a domain: r002 (OOD)." in said
    assert "ablate r002, scanner A" in said
    assert "no luck" in said


@pytest.mark.parametrize("name", ["ablation/ablation.json", "ablation/effects.csv"])
def test_a_folder_without_an_ablation_is_refused(root: Path, name: str) -> None:
    (root / name).unlink()
    with pytest.raises(UsageError):
        write_ablation_page(root)


def figure_table(levels: int = 3, *, domains: tuple[str, ...] = ("ID", "OOD")) -> pd.DataFrame:
    rows = [
        (d, f, f"level {k} with a long name of its own", 4, 0.6 + 0.05 * k, 0.02)
        for d in domains
        for f in ("first", "second_factor")
        for k in range(levels)
    ]
    return pd.DataFrame(rows, columns=["domain", "factor", "level", "n", "mean", "sd"])


def test_the_drawing_is_valid_and_nothing_leaves_it() -> None:
    figure = draw_factors(figure_table(), measure="AUC <1>")
    tree = ET.fromstring(figure_svg(figure))
    width, height = (float(v) for v in tree.attrib["viewBox"].split()[2:])
    space = "{http://www.w3.org/2000/svg}"
    assert len(tree.findall(f".//{space}circle")) == 6 + 1
    for text in tree.iter(f"{space}text"):
        assert 0 <= float(text.attrib["x"]) <= width
        assert 0 <= float(text.attrib["y"]) <= height
        if text.attrib.get("text-anchor") is None and float(text.attrib["x"]) < 100:
            assert len(text.text or "") <= 62
    for line in tree.iter(f"{space}line"):
        assert all(0 <= float(line.attrib[f"x{k}"]) <= width for k in (1, 2))


def test_one_domain_and_missing_spreads_are_drawn() -> None:
    table = figure_table(2, domains=("ID",))
    table.loc[0, "sd"] = np.nan
    table.loc[1, "mean"] = np.nan
    figure = draw_factors(table, measure="AUC")
    assert sum(s.kind == "mark cv" for s in figure.shapes) == 3 + 1
    assert not any("loso" in s.kind for s in figure.shapes)
    assert sum(s.kind == "bar cv" for s in figure.shapes) == 2


def test_nothing_to_draw_is_no_crash() -> None:
    figure = draw_factors(figure_table().iloc[:0], measure="AUC")
    assert figure_png(figure)[:4] == b"\x89PNG"


def test_pixels_show_marks_of_both_domains() -> None:
    picture = Image.open(io.BytesIO(figure_png(draw_factors(figure_table(), measure="AUC"))))
    assert picture.size[0] == 3 * 440
    colours = {colour for _, colour in picture.getcolors(1_000_000) or []}
    assert {(0, 114, 178), (213, 94, 0), (255, 255, 255)} <= colours
