"""The section on certainty: numbers as in the tables, undercoverage named, plain words."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radiofib.report.blocks import Figure, Paragraph, Table
from radiofib.report.certainty import certainty_section
from radiofib.report.context import Context
from radiofib.report.folder import read_run
from radiofib.report.prediction_sets import set_cautions
from radiofib.report.shares import Share, ShareRow, Whole, parts_panel, percents, share_panel
from tests.report.extra_files import certainty
from tests.report.run_folder import build_run


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = build_run(tmp_path_factory.mktemp("certainty"), scale=0.4, pictures=0)
    predictions = pd.read_csv(root / "predictions.csv")
    for name, frame in certainty(predictions).items():
        frame.to_csv(root / f"evaluation/{name}.csv", index=False)
    return root


def _section(root: Path) -> tuple[str, list[Table], list[Figure]]:
    section = certainty_section(Context(read_run(root)))
    assert section is not None
    words = " ".join(b.text for b in section.blocks if isinstance(b, Paragraph))
    tables = [b for b in section.blocks if isinstance(b, Table)]
    return words, tables, [b for b in section.blocks if isinstance(b, Figure)]


def test_words_and_tables_say_what_was_measured(root: Path) -> None:
    words, tables, figures = _section(root)
    frame = pd.read_csv(root / "evaluation/conformal.csv").query("unit == 'patient'")
    every = frame[frame["group"] == "all"].set_index("calibration")
    for way in ("other folds", "training scanners", "other unseen scanners"):
        row = every.loc[way]
        assert percents(row["coverage"], row["ci_low"], row["ci_high"]) in words
    assert ": less than promised" in words
    assert [len(t.groups) for t in tables] == [4, 2, 2]
    low = frame[frame["verdict"].notna()]
    marked = [c for g in tables[0].groups for r in g.rows for c in r if "‡" in c.text]
    shown = low[
        (low["group"] != "stage") | low["calibration"].isin(["other folds", "training scanners"])
    ]
    assert len(marked) == len(shown) > 0
    assert len(figures) == 4


def test_undercoverage_reaches_the_summary(root: Path) -> None:
    said = set_cautions(Context(read_run(root)))
    assert len(said) == 1
    assert "on unseen scanners: the stager is surer of itself there than it should be" in said[0]


def test_figures_say_in_words_what_they_show(root: Path) -> None:
    _, _, figures = _section(root)
    frame = pd.read_csv(root / "evaluation/abstain.csv")
    grey = frame[(frame["group"] == "all") & (frame["metric"] == "grey_zone")]
    drawn = str(figures[2].panels[0])
    for value in grey["estimate"]:
        assert f"grey zone: left open {percents(value)}" in drawn
    quality = pd.read_csv(root / "evaluation/quality.csv")
    for row in quality.itertuples():
        shown = percents(row.unfamiliar, row.ci_low, row.ci_high)
        assert shown in str(figures[3].panels[0])


def test_parts_that_are_absent_are_left_out(root: Path, tmp_path: Path) -> None:
    bare = build_run(tmp_path, scale=0.1, pictures=0)
    assert certainty_section(Context(read_run(bare))) is None
    (bare / "evaluation/abstain.csv").write_bytes((root / "evaluation/abstain.csv").read_bytes())
    words, tables, figures = _section(bare)
    assert (len(tables), len(figures)) == (1, 1)
    assert "grey zone" in words
    assert "prediction set" not in words


def test_shares_beyond_their_range_are_cut_at_the_frame() -> None:
    rows = [ShareRow("a", (Share("cv", 7.0, -3.0, 9.0), Share("loso", float("nan"))))]
    drawn = share_panel("s", rows, [("cv", "k")], measure="m", line=0.9, line_label="l")
    assert "nan" not in drawn
    assert ">100 %<" in drawn
    drawn = parts_panel("p", [Whole("w", (float("nan"), 2.0, -1.0))], ["a", "b", "c"], title="t")
    assert "nan" not in drawn
    assert drawn.count('width="0"') == 2
