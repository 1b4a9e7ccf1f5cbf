"""Cohorts of ultrasound screens: cleaned, measured, resumed; nobody's name in any file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import PIL.PngImagePlugin
import pytest
from scipy import ndimage

from radiofib.cohort import Cohort
from radiofib.engines import ExtractionConfig
from radiofib.errors import CohortError
from radiofib.extract import extract_features
from radiofib.images.ultrasound import read_frames
from radiofib.prepare import Cleaned, UltrasoundPlan, clean_ultrasound, folder_cohort
from radiofib.simulate.ultrasound_frames import FrameSettings, SimulatedFrame, simulate_frame
from tests.images.dicoms import PATIENT
from tests.images.ultrasound_files import region, write_film
from tests.preprocess.ultrasound.judged import TEXT, correlation

SHAPE = (240, 320)
MARKS = ("name", "id", "date", "settings", "bar", "logo", "annotation")
PATCHES = {"region": {"patches": {"side_px": 20, "most": 6}}}
CONFIG = ExtractionConfig.parse(
    {"featureClass": {"firstorder": ["Mean", "Entropy"], "shape2D": ["PixelSurface"]}},
    where="test",
)


def plan(**more: object) -> UltrasoundPlan:
    return UltrasoundPlan.parse({**PATCHES, **more}, where="test")


def screen(seed: int = 0, **more: object) -> SimulatedFrame:
    return simulate_frame(FrameSettings(shape=SHAPE, **more), seed)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def made() -> dict[str, SimulatedFrame]:
    """Return screens that several tests share."""
    return {
        "bare": screen(),
        "marked": screen(marks=MARKS),
        "panels": screen(panels=2, marks=("name", "date"), vessels=0, shadows=0),
    }


def save(path: Path, values: np.ndarray, form: str = "PNG", **more: object) -> str:
    PIL.Image.fromarray(values).save(path, format=form, **more)
    return path.name


def run(folder: Path, rows: list[dict[str, object]], wanted: UltrasoundPlan, **more) -> Cleaned:
    frame = pd.DataFrame([{"channel": "us", **row} for row in rows])
    out = more.pop("out", "out")
    cohort = Cohort.from_frame(frame, root=folder)
    return clean_ultrasound(cohort, wanted, folder / out, workers=more.pop("workers", 1))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_from_screens_to_features(tmp_path: Path, made: dict[str, SimulatedFrame]) -> None:
    """What is burned in elsewhere changes no feature; a pixel's size gives features in mm."""
    rows: list[dict[str, object]] = []
    given = np.zeros(SHAPE, dtype=np.uint8)
    given[100:140, 140:190] = 255
    save(tmp_path / "mask.png", given)
    other = screen(marks=("name", "id", "date", "settings", "bar", "logo"))
    for name, values, pixel in (
        ("bare", made["bare"].screen, None), ("marked", other.screen, 0.25)
    ):  # fmt: skip
        for mask in ("", "mask.png"):
            image = save(tmp_path / f"{name}.png", values)
            case = f"{name}{'-given' if mask else ''}"
            rows.append({"case": case, "image": image, "mask": mask, "pixel_mm": pixel})
    done = run(tmp_path, rows, plan())
    assert done.failures == []
    assert list(done.record["region"]) == ["patches", "mask", "patches", "mask"]
    assert list(done.record["spacing_from"]) == ["", "", "cohort", "cohort"]
    table, failures = extract_features(
        done.cohort, CONFIG, pieces_dir=tmp_path / "pieces", workers=1
    )
    assert failures == []
    x = table.X
    mean = [c for c in x if "mean" in c or "entropy" in c]
    assert np.array_equal(x.loc[[0, 1], mean], x.loc[[2, 3], mean])
    area = next(c for c in x if c.endswith("pixel_surface"))
    assert x[area].isna().tolist() == [True, True, False, False]
    assert x.loc[3, area] == pytest.approx(40 * 50 * 0.25**2)
    why = table.missing.set_index(["case", "column"])["reason"]
    assert why["bare", area] == "the size of a pixel is not known"


def test_nobody_is_named_in_any_file(
    tmp_path: Path, made: dict[str, SimulatedFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    frame = made["marked"]
    words = PIL.PngImagePlugin.PngInfo()
    words.add_text("PatientName", "Quixotica^Dulcinea")
    still = frame.screen
    rows = [
        {"case": "png", "image": save(tmp_path / "a.png", still, pnginfo=words)},
        {"case": "jpeg", "image": save(tmp_path / "b.jpg", still, "JPEG", quality=92)},
        {"case": "film", "image": write_film(tmp_path / "c", np.stack([still] * 3)).name},
        {"case": "broken", "image": "d"},
        {"case": "header", "image": "e"},
    ]
    data = (tmp_path / "c").read_bytes()
    (tmp_path / "d").write_bytes(data[:-9000])
    (tmp_path / "e").write_bytes(data[: data.index(b"Quixotica") + 4])
    done = run(tmp_path, rows, plan(frames=2))
    assert sorted({f.case for f in done.failures}) == ["broken", "header"]
    done.record.to_csv(tmp_path / "out/ultrasound.csv")
    said = capsys.readouterr()
    everything = [*bytes_of(tmp_path / "out").values(), repr(done.failures).encode()]
    everything += [repr(done.cohort).encode(), said.out.encode(), said.err.encode()]
    for word in PATIENT.values():
        assert not any(str(word).encode() in content for content in everything)
    texts = [m for m in frame.marks if m.kind in TEXT]
    assert len(texts) == 5
    pictures = list((tmp_path / "out").rglob("*.png"))
    near = ndimage.maximum_filter(frame.fan.astype(np.uint8), 13) > 0
    assert len(pictures) == 4 * 4
    for path in pictures:
        [shown] = read_frames(path)
        grey = np.atleast_3d(shown.values).astype(float).mean(axis=-1)
        for mark in texts:
            if mark.kind == "annotation" and "us.png" not in path.name:
                continue  # a box marks the place where it was
            assert correlation(mark.ink, mark.box, grey) <= 0.3, (path.name, mark.text)
            assert not grey[(mark.ink > 127) & ~near].any(), (path.name, mark.text)


@pytest.mark.slow
def test_two_workers_a_second_run_and_a_change(
    tmp_path: Path, made: dict[str, SimulatedFrame]
) -> None:
    rows = [
        {"case": "a", "image": save(tmp_path / "a.png", made["marked"].screen)},
        {"case": "b", "image": save(tmp_path / "b.png", made["panels"].screen)},
    ]
    one = run(tmp_path, rows, plan())
    two = run(tmp_path, rows, plan(), out="two", workers=2)
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "two")
    assert one.record.to_csv() == two.record.to_csv()
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.png")}
    (tmp_path / "out/b/us-p1.png").write_bytes(b"spoilt")
    save(tmp_path / "a.png", made["bare"].screen)
    run(tmp_path, rows, plan())
    after = {p: p.stat().st_mtime_ns for p in before}
    assert all(after[p] > before[p] for p in before)
    again = {p: p.stat().st_mtime_ns for p in before}
    run(tmp_path, rows, plan())
    assert {p: p.stat().st_mtime_ns for p in before} == again
    assert (tmp_path / "out/b/us-p1.png").read_bytes() == (
        tmp_path / "two/b/us-p1.png"
    ).read_bytes()


def test_panels_and_what_was_drawn_on_one_of_them(
    tmp_path: Path, made: dict[str, SimulatedFrame]
) -> None:
    frame = made["panels"]
    image = save(tmp_path / "two.png", frame.screen)
    row: dict[str, object] = {"case": "a", "image": image}
    done = run(tmp_path, [row], plan())
    assert [a.instance for a in done.cohort.acquisitions] == ["p1", "p2"]
    columns = done.record["left"] + done.record["columns"]
    assert columns[0] <= done.record["left"][1] + 12
    refused = run(tmp_path, [row], plan(clean={"panels": "refuse"}), out="no")
    assert "shows several images" in refused.failures[0].reason
    shape = {"label": "liver", "points": [[60, 90], [95, 90], [95, 120], [60, 120]]}
    (tmp_path / "two.json").write_text(json.dumps({"shapes": [shape], "imagePath": "two.png"}))
    drawn = run(tmp_path, [{**row, "mask": "two.json"}], plan(), out="drawn")
    assert drawn.failures == []
    assert list(drawn.record["region"]) == ["polygons", ""]
    assert "other panel" in drawn.record["reason"][1]
    assert drawn.record["region_px"][0] == 35 * 30
    [one] = drawn.cohort.acquisitions
    assert one.instance == "p1"


@pytest.mark.slow
def test_calibrated_films_frame_by_frame(tmp_path: Path, made: dict[str, SimulatedFrame]) -> None:
    still = made["bare"].screen
    black = np.zeros_like(still)
    film = write_film(
        tmp_path / "film", np.stack([still, black, still]), [region((20, 235, 0, 319), (0.02,) * 2)]
    )
    plain = write_film(tmp_path / "plain", still[None])
    rows: list[dict[str, object]] = [
        {"case": "film", "image": film.name, "pixel_mm": "0.4"},
        {"case": "plain", "image": plain.name},
    ]
    done = run(tmp_path, rows, plan(frames="all"))
    record = done.record.set_index(["case", "instance"])
    assert record.loc[("film", "f000"), "pixel_y_mm"] == pytest.approx(0.2)
    assert "pixel_mm of the cohort" in record.loc[("film", "f002"), "notes"]
    assert "features in mm are missing" in record.loc[("plain", ""), "notes"]
    assert [f.instance for f in done.failures] == ["f001"]
    assert done.cohort.acquisitions[0].extra["pixel_mm"] == "0.2"


@pytest.mark.parametrize(
    ("values", "wanted", "said"),
    [
        (np.zeros(SHAPE, np.uint8), {}, "no ultrasound image found"),
        (np.full(SHAPE, 7, np.uint8), {"clean": {"find": "whole"}}, "no parenchyma found"),
        (np.tile(np.uint8([90, 120]), (12, 7)), {}, "smaller than a patch"),
        (None, {"region": {"source": "given"}}, "no region is given"),
        (None, {"clean": {"colour": "refuse"}}, "colour in it"),
        (None, {"clean": {"least_valid": 1.0}}, "too little of the image"),
    ],
)
def test_what_cannot_be_measured_says_why(
    tmp_path: Path, values: np.ndarray | None, wanted: dict[str, object], said: str
) -> None:
    if values is None:
        values = screen(marks=("doppler",)).screen
    image = save(tmp_path / "a.png", values)
    done = run(tmp_path, [{"case": "a", "image": image}], plan(**wanted))
    assert done.cohort.acquisitions == ()
    [failure] = done.failures
    assert said in failure.reason
    assert failure.step == "ultrasound"
    assert str(tmp_path) not in failure.reason


def test_doppler_is_counted_and_left_out(tmp_path: Path) -> None:
    frame = screen(marks=("doppler",))
    image = save(tmp_path / "a.png", frame.screen)
    done = run(tmp_path, [{"case": "a", "image": image}], plan())
    assert "coloured (Doppler?) and left out" in done.record["notes"][0]
    flow = np.logical_or.reduce([m.ink > 127 for m in frame.marks])
    assert done.record["colour_share"][0] == pytest.approx(
        (flow & frame.fan).sum() / frame.fan.sum(), rel=0.1
    )
    [shown], [valid] = (read_frames(tmp_path / f"out/a/{n}.png") for n in ("us", "us_valid"))
    assert not valid.values[flow].any()
    # Echo from beside it stands in its place.
    beside = shown.values[valid.values > 0]
    assert np.median(shown.values[flow & frame.fan]) == pytest.approx(np.median(beside), rel=0.2)


def test_sixteen_bits_stay_and_each_patch_may_stand_alone(
    tmp_path: Path, made: dict[str, SimulatedFrame]
) -> None:
    deep = made["bare"].grey.astype(np.uint16) * 16
    image = save(tmp_path / "a.png", deep)
    settings = {"region": {"each": True, "patches": {"side_px": 20, "most": 3}}}
    done = run(tmp_path, [{"case": "a", "image": image}], plan(**settings))
    assert [a.instance for a in done.cohort.acquisitions] == ["r01", "r02", "r03"]
    [shown] = read_frames(tmp_path / "out/a/us.png")
    assert shown.values.dtype == np.uint16
    inside = shown.values > 0
    assert np.array_equal(shown.values[inside], deep[inside])
    masks = [np.asarray(PIL.Image.open(a.mask)) > 0 for a in done.cohort.acquisitions if a.mask]
    assert [int(m.sum()) for m in masks] == [400] * 3
    assert int(np.sum(masks, axis=0).max()) == 1


def test_masks_that_do_not_fit(tmp_path: Path, made: dict[str, SimulatedFrame]) -> None:
    image = save(tmp_path / "a.png", made["bare"].screen)
    away = np.zeros(SHAPE, dtype=np.uint8)
    away[:12] = 1
    save(tmp_path / "away.png", away)
    save(tmp_path / "small.png", away[:50])
    (tmp_path / "line.json").write_text('{"shapes": [{"label": "x", "points": [[1, 1]]}]}')
    names = ("away.png", "small.png", "line.json")
    rows = [{"case": n, "image": image, "mask": n} for n in names]
    done = run(tmp_path, rows, plan())
    reasons = {f.case: f.reason for f in done.failures}
    assert "lies in the image" in reasons["away.png"]
    assert "differ in size" in reasons["small.png"]
    assert "line.json, shape 1 'x': shape has too few vertices" in reasons["line.json"]


def test_a_folder_is_a_cohort(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    for name in ("x/a.png", "b.png", "b.jpg"):
        PIL.Image.new("L", (9, 9), 5).save(tmp_path / name, format="PNG")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "b.json").write_text("{}")
    found = folder_cohort(tmp_path).acquisitions
    assert [a.case for a in found] == ["b", "b.png", "x/a"]
    assert [a.mask is not None for a in found] == [True, True, False]
    with pytest.raises(CohortError, match="no picture"):
        folder_cohort(tmp_path / "out")


def test_video_files_are_named_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    for name in ("x/sweep.AVI", "sweep.mp4"):
        (tmp_path / name).write_bytes(b"RIFF....AVI ")
    with pytest.raises(
        CohortError, match=r"2 other files, 2 of them video\)\. Next: export the fr"
    ):
        folder_cohort(tmp_path)
    PIL.Image.new("L", (9, 9), 5).save(tmp_path / "a.png")
    cohort = folder_cohort(tmp_path)
    assert [a.case for a in cohort.acquisitions] == ["a"]
    assert [f.case for f in cohort.failures] == ["sweep.mp4", "x/sweep.AVI"]
    assert "sweep.mp4: video files are not read" in cohort.failures[0].reason
    assert "as DICOM" in cohort.failures[0].reason


def test_what_is_called_like_a_picture_and_is_none_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "empty.PNG").write_bytes(b"")
    (tmp_path / "words.dcm").write_text("no header")
    done = clean_ultrasound(folder_cohort(tmp_path), plan(), tmp_path / "out", workers=1)
    reasons = {f.case: f.reason for f in done.failures}
    assert sorted(reasons) == ["empty", "words"]
    assert "file is empty" in reasons["empty"]


def test_what_a_person_should_look_at_is_told(
    tmp_path: Path, made: dict[str, SimulatedFrame]
) -> None:
    image = save(tmp_path / "a.png", made["bare"].screen)
    bow = [[120, 100], [180, 140], [180, 100], [120, 140]]
    shape = {"label": "liver", "shape_type": "polygon", "points": bow}
    (tmp_path / "a.json").write_text(json.dumps({"shapes": [shape], "imagePath": "a.png"}))
    done = run(tmp_path, [{"case": "a", "image": image, "mask": "a.json"}], plan())
    assert "a.json, shape 1 'liver': the outline crosses itself" in done.record["doubt"][0]
    (tmp_path / "b.json").write_text(json.dumps({"shapes": [shape], "imagePath": "x/other.png"}))
    other = run(tmp_path, [{"case": "b", "image": image, "mask": "b.json"}], plan(), out="other")
    assert "b.json names another picture than this one" in other.record["doubt"][0]
    again = run(tmp_path, [{"case": "a", "image": image, "mask": "a.json"}], plan())
    pd.testing.assert_frame_equal(again.record, done.record)


@pytest.mark.slow
def test_odd_dicom_files_end_with_a_picture_or_a_reason(
    tmp_path: Path, made: dict[str, SimulatedFrame]
) -> None:
    """Regions that contradict each other, counts and sizes that are not true, names on tissue."""
    bare = made["bare"].screen[None]
    named = screen(2, marks=("name", "annotation", "touching"))
    everything = (0, 239, 0, 319)
    files = {
        "backwards": (bare, [region((200, 100, 250, 60)), region((10, 235, 0, 319))], {}),
        "two deltas": (bare, [region(everything, (0.03, 0.05)), region(everything, (1, 9))], {}),
        "many": (bare, [region((r, r + 40, c, c + 40)) for r in (0, 90) for c in (0, 90, 180)], {}),
        "beyond": (bare, [region((0, 2**32 - 1, 0, 2**31))], {}),
        "no delta": (bare, [region((10, 235, 0, 319), (0.0, -1.0))], {}),
        "thin": (bare, [region((10, 235, 60, 62))], {}),
        "too few": (np.repeat(bare, 3, 0), None, {"NumberOfFrames": 900}),
        "too large": (bare, None, {"Rows": 65535, "Columns": 65535}),
        "names": (named.screen[None], [region(everything)], {"BurnedInAnnotation": "YES"}),
    }
    for name, (frames, regions, more) in files.items():
        write_film(tmp_path / name, frames, regions, **more)
    done = run(tmp_path, [{"case": n, "image": n} for n in files], plan(), workers=2)
    failed = {f.case: f.reason for f in done.failures}
    assert set(failed) == {"too few", "too large", "many"}  # many: too small for a patch
    assert set(done.record["case"]) == set(files) - {"too few", "too large"}
    record = done.record.drop_duplicates("case").set_index("case")
    assert "another size" in record.loc["two deltas", "notes"]
    assert "burned in" in record.loc["names", "notes"]
    [shown] = read_frames(tmp_path / "out" / record.loc["names", "image"])
    for mark in named.marks:
        if mark.kind in TEXT:
            assert correlation(mark.ink, mark.box, shown.values.astype(float)) <= 0.3
    assert all(value not in str(failed) for value in PATIENT.values())


def test_other_channels_stay_and_none_is_an_error(tmp_path: Path) -> None:
    frame = pd.DataFrame([{"case": "a", "image": "a.nii", "channel": "t1"}])
    cohort = Cohort.from_frame(frame, root=tmp_path, check_files=False)
    with pytest.raises(CohortError, match="channel that is ultrasound"):
        clean_ultrasound(cohort, plan(), tmp_path / "out")


def test_pixel_mm_of_a_cohort(tmp_path: Path) -> None:
    rows = [
        {"case": c, "image": "a.png", "pixel_mm": text}
        for c, text in (("a", "0.30"), ("b", "0.2 0.3"), ("c", "wide"), ("d", "-1"))
    ]
    cohort = Cohort.from_frame(pd.DataFrame(rows), root=tmp_path, check_files=False)
    assert [a.extra["pixel_mm"] for a in cohort.acquisitions] == ["0.3", "0.2 0.3"]
    assert [f.case for f in cohort.failures] == ["c", "d"]
    assert "pixel_mm" in cohort.to_frame()
    assert "pixel_mm" not in cohort.obs()
