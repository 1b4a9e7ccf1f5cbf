"""Names for SPSS, Stata and SAS: valid, unique whatever the case of letters, always the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.export.names import cut_bytes, cut_unique, level_codes, short_names, spss_names
from radiofib.registry import aliases
from tests.export.builders import feature_names

columns = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=90)
    | st.from_regex(r"[A-Ca-c_]{1,3}", fullmatch=True)
    | st.sampled_from(["with", "str8", "if", "TO", "wavelet-LLH_x", "x" * 64, "ä" * 40]),
    unique=True,
    max_size=12,
)


@given(columns)
def test_spss_names_are_valid_and_unique(names):
    result = spss_names(names)
    assert list(result) == names
    assert len({n.lower() for n in result.values()}) == len(names)
    for name in result.values():
        assert len(name.encode()) <= 64
        assert name[0].isalpha() or name[0] == "@"
        assert not name.endswith(".")
        assert name.lower() not in {"all", "and", "by", "eq", "ge", "gt", "to", "with", "or", "not"}
    assert spss_names(names) == result


@given(columns)
def test_short_names_are_valid_and_unique(names):
    result = short_names(names)
    assert len({n.lower() for n in result.values()}) == len(names)
    for name in result.values():
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,30}", name)
        assert not re.fullmatch(r"str\d+|if|with|using|int|long", name.lower())


def test_names_of_the_registry_stay_and_short_ones_are_its_aliases():
    names = ["case", "stage", *feature_names(50)]
    assert spss_names(names) == {n: n for n in names}
    assert short_names(names) == aliases(names)


def test_a_clean_up_never_displaces_a_name_that_fits():
    assert spss_names(["a-b", "a_b"])["a_b"] == "a_b"
    assert spss_names(["a-b", "a_b"])["a-b"] != "a_b"


@given(st.text(), st.integers(1, 300))
def test_a_cut_text_fits_and_is_a_beginning(text, most):
    text = text.encode("utf-8", "ignore").decode()
    cut = cut_bytes(text, most)
    assert len(cut.encode()) <= most
    assert " ".join(text.split()).startswith(cut)


def test_a_cut_keeps_as_many_characters_as_fit():
    assert cut_bytes("ü" * 200, 256) == "ü" * 128
    assert cut_bytes("x" + "ü" * 200, 256) == "x" + "ü" * 127


def test_labels_that_become_equal_stay_apart():
    labels = cut_unique(["x" * 120 + "1", "x" * 120 + "2", "short"], 120)
    assert len(set(labels)) == 3
    assert max(len(label.encode()) for label in labels) <= 120


@pytest.mark.parametrize(
    ("levels", "codes"),
    [
        (["s1", "s2", "s3", "s4"], (1, 2, 3, 4)),
        (["f0", "f1", "f2", "f3", "f4"], (0, 1, 2, 3, 4)),
        (["0", "1", "2", "3", "4", "5", "6"], (0, 1, 2, 3, 4, 5, 6)),
        (["s4", "s1"], (1, 2)),
        (["f0-1", "f2"], (1, 2)),
        (["s1", "f2"], (1, 2)),
        (["s1", "none"], (1, 2)),
    ],
)
def test_codes_are_the_numbers_of_the_stages(levels, codes):
    assert level_codes(levels) == codes
