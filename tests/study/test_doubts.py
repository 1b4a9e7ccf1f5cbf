"""What looks wrong reaches the screen and a file, many equal doubts as one line."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd

from radiofib.extract.doubts import Doubt
from radiofib.report.doubts import doubt_kinds
from radiofib.study.doubts import MOST_TOLD, doubt_frame, screen_doubts, tell_doubts, write_doubts
from radiofib.study.folder import RunFolder
from radiofib.table import FeatureTable

MANY = [Doubt(f"c{k}", "", "us", f"{5 + k % 7}% of the image was taken") for k in range(100)]
ONE = Doubt("d1", "", "us", "the picture is a copy of that of case 'd2': patient 'q'")
WHOLE = Doubt("", "", "us", "3 of 6 pictures show burned-in text")


def told(doubts: list[Doubt]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tell_doubts(doubt_frame(doubts), Path("doubts.csv"))
    return [str(one.message) for one in caught]


def test_a_hundred_equal_doubts_do_not_bury_one() -> None:
    assert told([*MANY, ONE, WHOLE]) == [
        WHOLE.doubt,
        "us: 5% of the image was taken (case c0; likewise, with other figures, c1, c2, c3 and 96 "
        "more)",
        f"us: {ONE.doubt} (case d1)",
        "102 to look at: see doubts.csv",
    ]


def test_a_doubt_about_the_run_and_no_doubt() -> None:
    assert told([WHOLE]) == [WHOLE.doubt]
    assert told([]) == []


def test_only_the_first_kinds_are_said() -> None:
    kinds = [Doubt("c", "", "t1", f"trouble {'x' * k}") for k in range(1, MOST_TOLD + 3)]
    lines = told(kinds)
    assert len(lines) == MOST_TOLD + 1
    assert lines[-1] == f"{MOST_TOLD + 2} to look at (2 more kinds): see doubts.csv"


def test_equal_texts_keep_their_numbers() -> None:
    same = [Doubt(c, "", "us", "spacing is 0.3 mm") for c in ("a", "b")]
    [kind] = doubt_kinds(doubt_frame(same))
    assert (kind.text, kind.number, kind.cases) == ("spacing is 0.3 mm", 2, ("a", "b"))


def test_numbers_that_are_the_same_in_all_stay_and_one_example_is_whole() -> None:
    said = "greys go up to {}, those of {} other pictures to 255 at most: 16 and 8 bits, two scales"
    doubts = [
        Doubt(f"c{k}", "", "us", said.format(60000 + k, n)) for k, n in enumerate((40, 40, 41))
    ]
    [kind] = doubt_kinds(doubt_frame(doubts))
    assert kind.text == said.format("…", "…")
    line, _ = told(doubts)
    assert line.startswith(f"us: {said.format(60000, 40)} (case c0; likewise")
    assert "c1, c2)" in line
    assert "…" not in line


def test_each_doubt_of_a_screen_is_one(tmp_path: Path) -> None:
    record = pd.DataFrame({"case": ["a", "b"], "instance": ["", "p1"], "channel": "us"})
    doubts = screen_doubts(record.assign(doubt=["names?; 9% was taken", ""]))
    assert doubts == [Doubt("a", "", "us", "names?"), Doubt("a", "", "us", "9% was taken")]
    table = FeatureTable(
        pd.DataFrame({"x": [1.0]}),
        pd.DataFrame({"case": ["a"]}),
        provenance={"doubts": [["a", "", "us", "copy"]]},
    )
    folder = RunFolder(tmp_path)
    assert write_doubts(folder, table, more=doubts)["doubt"].tolist() == [
        "copy",
        "names?",
        "9% was taken",
    ]
    assert len(pd.read_csv(tmp_path / "doubts.csv")) == 3
