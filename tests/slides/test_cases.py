from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import UsageError
from radiofib.slides.cases import check_out_folder, find_slides, name_cases

folders = st.lists(st.sampled_from(["a", "b", "A"]), max_size=3)
files = st.builds(
    lambda parts, stem, suffix: "/data/" + "/".join([*parts, stem + suffix]),
    folders,
    st.sampled_from(["s1", "s2", "S1", "x.y"]),
    st.sampled_from([".svs", ".ndpi"]),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(files, min_size=1, max_size=12, unique=True), st.randoms())
def test_names_are_unique_and_do_not_depend_on_the_order(paths: list[str], rng) -> None:
    names = name_cases(paths)
    assert sorted(str(p) for p in names.values()) == sorted(paths)
    assert len({name.casefold() for name in names}) == len(paths)
    shuffled = list(paths)
    rng.shuffle(shuffled)
    assert list(name_cases(shuffled).items()) == list(names.items())
    assert all("/" not in name for name in names)


def test_only_what_clashes_gets_longer() -> None:
    names = name_cases(["/d/p1/he.svs", "/d/p2/he.svs", "/d/p2/psr.svs"])
    assert list(names) == ["p1__he", "p2__he", "psr"]
    assert list(name_cases(["/d/x/p/he.svs", "/d/y/p/he.svs"])) == ["x__p__he", "y__p__he"]
    assert list(name_cases(["/d/S1.svs", "/e/s1.svs"])) == ["d__S1", "e__s1"]


def test_a_path_given_twice_counts_once_and_none_is_a_mistake() -> None:
    assert name_cases(["/d/a.svs", Path("/d/a.svs")]) == {"a": Path("/d/a.svs")}
    with pytest.raises(UsageError, match="no slides are given"):
        name_cases([])


def test_a_link_to_a_slide_that_is_gone_is_a_slide(tmp_path: Path) -> None:
    (tmp_path / "a.svs").write_bytes(b"")
    (tmp_path / "gone.svs").symlink_to(tmp_path / "nowhere.svs")
    assert [path.name for path in find_slides([tmp_path])] == ["a.svs", "gone.svs"]


def test_results_never_lie_among_slides(tmp_path: Path) -> None:
    """``<case>.png`` would be written over a slide of that name."""
    slides = tmp_path / "slides"
    slides.mkdir()
    (tmp_path / "link").symlink_to(slides)
    check_out_folder([slides / "a.png"], tmp_path / "out")
    check_out_folder([slides / "a.png"], slides / "out")
    for out in (slides, slides / ".." / "slides", tmp_path / "link"):
        with pytest.raises(UsageError, match=r"not written among slides .*a\.png"):
            check_out_folder([slides / "a.png"], out)
