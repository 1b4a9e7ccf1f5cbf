"""Each file of annotations finds its slide, or says why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radiofib.errors import UsageError
from radiofib.slides.qupath.files import match_annotations


def touch(*paths: Path) -> list[Path]:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return list(paths)


def test_slides_named_or_in_folders_or_beside_the_results(tmp_path: Path) -> None:
    out = tmp_path / "slides"
    files = touch(out / "one.geojson", out / "two.geojson.gz", out / "one.png", out / "two.png")
    one, two = touch(tmp_path / "one.svs", tmp_path / "two.ndpi")
    touch(tmp_path / "three.svs", tmp_path / "notes.txt", tmp_path / "one.csv")
    for slides in ([], [one, two], [tmp_path], [str(two), tmp_path]):
        pairs, failures = match_annotations(out, slides)
        assert [(p.case, p.slide, p.annotations) for p in pairs] == [
            ("one", one, files[0]),
            ("two", two, files[1]),
        ]
        assert failures == []
    pairs, failures = match_annotations(out, [two])
    assert ([p.case for p in pairs], failures) == (["two"], [])


def test_pictures_are_slides_where_they_are_named(tmp_path: Path) -> None:
    out = tmp_path / "slides"
    touch(out / "one.geojson", out / "one.png")
    [slide] = touch(tmp_path / "pictures" / "one.png")
    for slides in ([slide], [tmp_path / "pictures"]):
        assert [p.slide for p in match_annotations(out, slides)[0]] == [slide]
    pairs, [failure] = match_annotations(out)
    assert pairs == []
    assert (failure.case, failure.step) == ("one", "remeasure")
    assert "not found" in failure.reason


def test_equal_stems_are_told_by_folder_or_suffix_as_the_run_named_them(tmp_path: Path) -> None:
    slides = touch(tmp_path / "a/s.svs", tmp_path / "b/s.svs", tmp_path / "b/t.svs")
    touch(tmp_path / "out/a__s.geojson", tmp_path / "out/b__s.geojson", tmp_path / "out/t.geojson")
    pairs, failures = match_annotations(tmp_path / "out", slides)
    assert {p.case: p.slide for p in pairs} == dict(zip(["a__s", "b__s", "t"], slides, strict=True))
    assert failures == []
    # QuPath names its exports after the file.
    touch(tmp_path / "export/t.svs.geojson")
    pairs, _ = match_annotations(tmp_path / "export", slides[2:])
    assert [p.case for p in pairs] == ["t"]


def test_what_fits_twice_or_not_at_all_is_named(tmp_path: Path) -> None:
    slides = touch(tmp_path / "a/s.svs", tmp_path / "b/s.svs", tmp_path / "u.svs")
    touch(tmp_path / "out/s.geojson", tmp_path / "out/v.geojson", tmp_path / "out/v.svs.geojson")
    slides += touch(tmp_path / "v.svs")
    pairs, failures = match_annotations(tmp_path / "out", slides)
    assert pairs == []
    assert {f.case: f.reason.partition(" (")[0] for f in failures} == {
        "s": "s.geojson: several slides fit these annotations",
        "u": "u.svs: no annotations for this slide",
        "v": "v.svs: several files of annotations fit this slide",
    }


def test_a_given_pixel_size_is_remembered_and_corrections_set_aside_are_told(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    touch(out / "s.geojson", out / "s.kept-0123abcd.geojson", out / "t.geojson")
    touch(out / "pieces/broken.json", tmp_path / "s.png", tmp_path / "t.png")
    for case, source, area in (("s", "given", None), ("t", "slide", 0.25)):
        obs = {"case": case, "mpp_source": source, "mpp_x_um": 0.5}
        piece = {"obs": obs, "values": {"portal_area_mm2": area}}
        (out / f"pieces/{case}.json").write_text(json.dumps(piece))
    s, t = match_annotations(out)[0]
    assert (s.mpp, s.counted, s.set_aside) == (0.5, False, ("s.kept-0123abcd.geojson",))
    assert (t.mpp, t.counted, t.set_aside) == (None, True, ())
    # Records of remeasure are a step deeper.
    (out / "pieces/s.json").write_text(
        json.dumps({"content": piece | {"obs": obs | {"case": "s"}}})
    )
    assert match_annotations(out)[0][0].counted


def test_no_folder_and_no_annotations_are_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        match_annotations(tmp_path / "absent")
    with pytest.raises(UsageError, match="no annotations in the folder"):
        match_annotations(tmp_path)


def test_what_the_last_run_failed_on_is_not_taken_from_an_earlier_one(tmp_path: Path) -> None:
    for name in ("one", "two", "drawn"):
        (tmp_path / f"{name}.geojson").write_text("{}")
        (tmp_path / f"{name}.svs").write_text("")
    (tmp_path / "pieces").mkdir()
    for name in ("one", "two"):
        (tmp_path / f"pieces/{name}.json").write_text(json.dumps({"obs": {"case": name}}))
    # Nobody has measured the third before: its outlines are someone's own.
    (tmp_path / "failures.csv").write_text("case,step,reason\ntwo,slide,x\ndrawn,slide,x\n")
    found, [failure] = match_annotations(tmp_path)
    assert [pair.case for pair in found] == ["drawn", "one"]
    assert failure.case == "two"
    assert "the last run failed on this slide" in failure.reason
