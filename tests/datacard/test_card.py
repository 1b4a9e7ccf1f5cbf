from __future__ import annotations

import pytest

from radiofib.datacard import DataCard, find, find_card, list_cards, new_card_text
from radiofib.errors import DataCardError

HEAD = """name: mine
title: Mine
licence: none
source: here
scheme: metavir
channels: {t1: {title: T1, files: [T1]}}
layouts:
- images: "{case}/{channel}.nii"
"""


def card(head: str = HEAD, body: str = "") -> DataCard:
    return DataCard.from_text(f"---\n{head}---\n{body}", where="mine.md")


def test_all_cards_that_radiofib_brings_are_valid(repository):
    names = {p.stem for p in (repository / "data_cards").glob("*.md")}
    assert names >= {"lifs", "aild_ultrasound", "hotspot_biopsies", "simulated", "byra_rois"}
    assert set(list_cards()) == names
    for name in names:
        found = DataCard.read(name)
        assert found.name == name
        assert found.licence
        assert found.source
        assert len(found.description) > 40
        assert found.layouts or found.table
        assert found.traps


def test_lifs_counts_are_those_published():
    found = DataCard.read("lifs")
    train = found.expected[0]
    sums = {s: sum(stages.values()) for s, stages in train.cases_by_scanner.items()}
    assert sums == {"A": 130, "B1": 170, "B2": 60}
    assert sum(sums.values()) == train.cases == 360
    assert sum(s.cases for s in found.splits.values()) == 610


def test_hotspot_inconsistencies_are_listed():
    text = " ".join(t.text for t in DataCard.read("hotspot_biopsies").traps)
    for fact in ("0.13 +- 0.14 %", "223", "272", "32", "b2", "IoU of .91"):
        assert fact in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("title:", "titel:"), "did you mean 'title'"),
        (("files:", "flies:"), "did you mean 'files'"),
        (("images:", "image:"), "did you mean 'images'"),
        (("metavir", "metavirr"), "did you mean 'metavir'"),
        (("metavir", "{name: x, levels: [A b, c]}"), "column name"),
        (("{case}/", "../{case}/"), "leaves the root"),
        (("{case}/", "{cas}/"), "no field or column 'case'"),
        (("{t1:", "{T-1:"), "channels"),
        (("source: here", "source: here\nsource: there"), "given twice"),
        (("source: here", "source: here\ntable: ../x.csv"), "leaves the root"),
        (("source: here", "source: here\ntable: x.csv"), "not both"),
        (("files: [T1]", "files: [T1], misnamed: [T1]"), "belongs to two channels"),
        (("{t1: {title: T1, files: [T1]}}", "{}"), "must list"),
        (("name: mine", "name: Mine"), "name"),
        (("licence: none\n", ""), "licence"),
    ],
)
def test_mistakes_in_a_head_are_explained(change, message):
    with pytest.raises(DataCardError, match=message):
        card(HEAD.replace(*change))


@pytest.mark.parametrize(
    ("derive", "message"),
    [
        ("{stage: {from: cas, match: '(1)'}}", "unknown field 'cas'"),
        ("{stage: {template: '{x}'}}", "unknown field 'x'"),
        ("{stage: {from: case}}", "belong together"),
        ("{stage: {}}", "give either"),
        ("{stage: {from: case, match: '1'}}", "exactly one group"),
        ("{stage: {from: case, match: '('}}", "not a valid regular expression"),
        ("{stage: {template: '{case', optional: true}}", "not closed"),
    ],
)
def test_mistakes_in_derived_columns_are_explained(derive, message):
    with pytest.raises(DataCardError, match=message):
        card(f"{HEAD}  derive: {derive}\n")


@pytest.mark.parametrize("text", ["", "# no head", "---\nname: x\n", "--- \n- a\n---\n"])
def test_no_head(text):
    with pytest.raises(DataCardError):
        DataCard.from_text(text, where="mine.md")


def test_no_objects_are_made_from_a_head():
    with pytest.raises(DataCardError, match="not valid YAML"):
        card("name: !!python/object/apply:os.getcwd []\n")


def test_body_and_description():
    found = card(body="# Title\n\nFirst\nparagraph.\n\nSecond.\n")
    assert found.description == "First paragraph."
    assert found.body.startswith("# Title")
    assert card().description == "Mine"


def test_windows_line_ends_and_byte_order_mark(tmp_path):
    path = tmp_path / "mine.md"
    path.write_bytes(b"\xef\xbb\xbf" + f"---\n{HEAD}---\nText.\n".replace("\n", "\r\n").encode())
    assert DataCard.read(path).description == "Text."


def test_not_text(tmp_path):
    path = tmp_path / "x.md"
    path.write_bytes(b"---\n\xff\xfe\n---\n")
    with pytest.raises(DataCardError, match="UTF-8"):
        DataCard.read(path)


def test_find_card(tmp_path):
    path = tmp_path / "own.md"
    path.write_text(new_card_text("own"))
    assert find_card(path) == path
    with pytest.raises(DataCardError, match="no such file"):
        find_card(tmp_path / "none.md")
    with pytest.raises(DataCardError, match="did you mean 'byra_rois'"):
        find_card("byra_roi")


def test_cards_inside_an_installed_package(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "radiofib"
    (package / "data_cards").mkdir(parents=True)
    (package / "data_cards" / "own.md").write_text(new_card_text("own"))
    # A folder that happens to lie beside an installed package is not ours.
    (package.parent / "data_cards").mkdir()
    (package.parent / "data_cards" / "foreign.md").write_text("x")
    monkeypatch.setattr(find, "_PACKAGE", package)
    assert list(list_cards()) == ["own"]


def test_new_card_is_valid_and_loads_what_it_describes(tmp_path):
    found = DataCard.from_text(new_card_text("my_liver", "My liver (2024)"))
    assert (found.name, found.title) == ("my_liver", "My liver (2024)")
    for name in ("A/c1-F2/T1.nii.gz", "A/c1-F2/GED4.nii.gz", "A/c1-F2/mask_GED4.nii.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    frame = found.load(tmp_path).frame
    assert frame[["case", "scanner", "stage", "channel"]].to_numpy().tolist() == [
        ["c1-F2", "A", "2", "t1"],
        ["c1-F2", "A", "2", "ged4"],
    ]
    assert frame["mask"].notna().tolist() == [False, True]


@pytest.mark.parametrize(("name", "title"), [("My", ""), ("a-b", ""), ("", ""), ("x", "a: b")])
def test_new_card_refuses_what_would_not_be_valid(name, title):
    with pytest.raises(DataCardError):
        new_card_text(name, title)
