"""Labels against a reference: pictures and outlines of known overlap."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from radiofib.errors import UsageError
from radiofib.slides.agreement import outlines as the_outlines
from radiofib.slides.agreement import pictures as the_pictures
from radiofib.slides.agreement.labels import label_agreement, pair_labels
from radiofib.slides.labels.files import write_labels
from radiofib.slides.labels.kept import keep_labels
from radiofib.slides.polygons import Polygon
from radiofib.slides.qupath.geojson import Annotation, to_geojson
from radiofib.slides.reader import Grid
from radiofib.slides.segmentation import Segmentation, SlideClass, compartments_of


def pictures(folder: Path, **labels: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    for case, one in labels.items():
        write_labels(folder / f"{case}.png", one, [(0, 0, 0), (1, 1, 1), (2, 2, 2)], (1, 1))
    return folder


def outlines(folder: Path, case: str, **boxes: tuple[float, float, float, float]) -> Path:
    """Write boxes of left, top, right, bottom by class (underscores for spaces)."""
    folder.mkdir(exist_ok=True)
    made = []
    for name, (x0, y0, x1, y1) in boxes.items():
        ring = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]])
        made.append(Annotation(Polygon(ring), "", name.replace("_", " "), (1, 2, 3)))
    (folder / f"{case}.geojson").write_text(to_geojson(made, key=case))
    return folder


def value(frame, measure: str, metric: str) -> float:
    own = frame[(frame["measure"] == measure) & (frame["metric"] == metric)]
    return float(own["estimate"].iloc[0])


def test_pictures_have_dice_by_slide_pooled_and_by_batch(tmp_path: Path) -> None:
    one = np.zeros((10, 10), np.uint8)
    one[:5] = 2
    other = np.zeros((20, 10), np.uint8)
    other[:2] = 2
    shifted = np.roll(one, 1, axis=0)
    first = pictures(tmp_path / "a", s1=one, s2=other, extra=one)
    second = pictures(tmp_path / "b", s1=shifted, s2=other)
    pairs = pair_labels(first, second)
    assert pairs.unmatched == ("extra",)
    names = ["background", "lobule", "portal tract"]
    frame, _ = label_agreement(pairs, names=names, batch=2)
    # 4 rows of 5 in common, and 2 of 2.
    assert value(frame, "portal tract", "dice_per_slide") == pytest.approx((0.8 + 1) / 2)
    assert value(frame, "portal tract", "jaccard_per_slide") == pytest.approx((4 / 6 + 1) / 2)
    for average in ("pooled", "per_batch"):
        assert value(frame, "portal tract", f"dice_{average}") == pytest.approx(12 / 14)
    pooled = frame[(frame["measure"] == "portal tract") & (frame["metric"] == "dice_pooled")]
    assert pooled["n"].tolist() == [2]
    assert set(label_agreement(pairs)[0]["measure"]) == {"class 0", "class 1", "class 2"}


def test_labels_of_other_programs_are_read(tmp_path: Path) -> None:
    labels = np.tile(np.arange(3, dtype=np.uint8), (6, 4))
    first = pictures(tmp_path / "a", s=labels)
    (tmp_path / "b").mkdir()
    Image.fromarray(labels).save(tmp_path / "b/s.png")
    frame, _ = label_agreement(pair_labels(first, tmp_path / "b"))
    assert (frame["estimate"] == 1).all()
    Image.fromarray(np.zeros((6, 12, 3), np.uint8)).save(tmp_path / "b/s.png")
    frame, [failure] = label_agreement(pair_labels(first, tmp_path / "b"))
    assert len(frame) == 0
    assert re.search(r"s\.png: not a picture of labels .*mode RGB", failure.reason)


def test_a_case_that_cannot_be_compared_costs_itself_only(tmp_path: Path) -> None:
    labels = np.tile(np.arange(3, dtype=np.uint8), (6, 4))
    alone = pair_labels(pictures(tmp_path / "a", s=labels), pictures(tmp_path / "b", s=labels))
    frame, _ = label_agreement(alone)
    pictures(tmp_path / "a", q=labels, r=labels)
    pictures(tmp_path / "b", q=labels[:4])
    (tmp_path / "b/r.png").write_bytes(b"damaged")
    more, failures = label_agreement(pair_labels(tmp_path / "a", tmp_path / "b"))
    pd.testing.assert_frame_equal(more, frame)
    assert [f.case for f in failures] == ["q", "r"]
    assert "case 'q': labels of one slide differ in size" in failures[0].reason
    assert "not a picture, or damaged" in failures[1].reason


def test_each_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.tile(np.arange(3, dtype=np.uint8), (6, 4))
    cases = {"r": labels, "s": labels}
    drawn = {"portal": (0, 0, 40, 40)}
    read: list[str] = []

    def spy(read_file):
        def known(path):
            read.append(f"{path.parent.name}/{path.name}")
            return read_file(path)

        return known

    for module, name in ((the_pictures, "read_labels"), (the_outlines, "read_geojson")):
        monkeypatch.setattr(module, name, spy(getattr(module, name)))
    label_agreement(
        pair_labels(pictures(tmp_path / "a", **cases), pictures(tmp_path / "b", **cases))
    )
    for case in cases:
        outlines(tmp_path / "c", case, **drawn)
        outlines(tmp_path / "d", case, **drawn)
    pairs = pair_labels(tmp_path / "c", tmp_path / "d")
    label_agreement(pairs, mpp={"r": 0.5, "s": 0.5})
    assert len(read) == len(set(read)) == 8


def named(folder: Path, case: str, names: list[str]) -> Path:
    """Write labels as a run does."""
    folder.mkdir(exist_ok=True)
    grid = Grid(4, 1, 1, 1, 1.0, 1.0)
    kinds = compartments_of(names)
    classes = tuple(SlideClass(n, (1, 2, 3), k) for n, k in zip(names, kinds, strict=True))
    labels = np.array([[0, 1, 1, len(names) - 1]], np.uint8)
    keep_labels(Segmentation(labels, grid, classes, "model", "m"), folder / f"{case}.png")
    return folder


def test_classes_are_called_as_the_files_of_a_run_say(tmp_path: Path) -> None:
    run = named(tmp_path / "a", "s", ["background", "lobule", "portal tract"])
    labels = np.array([[0, 1, 1, 3]], np.uint8)
    (tmp_path / "b").mkdir()
    Image.fromarray(labels).save(tmp_path / "b/s.png")
    frame, _ = label_agreement(pair_labels(run, tmp_path / "b"))
    assert frame["measure"].unique().tolist() == [
        "background", "lobule", "portal tract", "class 3",
    ]  # fmt: skip
    frame, _ = label_agreement(pair_labels(run, tmp_path / "b"), names=["a", "b", "c", "d"])
    assert frame["measure"].unique().tolist() == ["a", "b", "c", "d"]
    other = named(tmp_path / "c", "s", ["background", "lobule", "vessel"])
    frame, _ = label_agreement(pair_labels(run, other))
    assert frame["measure"].unique().tolist() == ["background", "lobule", "class 2"]
    [note] = frame["note"].unique()
    assert note == "the label files name classes differently: 2 is portal tract, vessel"


def test_outlines_of_one_other_class_have_its_name(tmp_path: Path) -> None:
    boxes = {"Bile_duct": (0, 0, 40, 40), "portal": (50, 50, 90, 90)}
    first = outlines(tmp_path / "a", "s", **boxes)
    pairs = pair_labels(first, outlines(tmp_path / "b", "s", **boxes))
    frame, _ = label_agreement(pairs, mpp={"s": 0.5})
    assert frame["measure"].unique().tolist() == ["Bile duct", "portal tract"]
    outlines(first, "s", **boxes, Vessel=(90, 0, 99, 9))
    frame, _ = label_agreement(pairs, mpp={"s": 0.5})
    assert frame["measure"].unique().tolist() == ["other", "portal tract"]


def test_outlines_are_compared_in_um_as_far_as_both_drew_them(tmp_path: Path) -> None:
    first = outlines(tmp_path / "a", "s", Tissue=(0, 0, 400, 400), Portal_tract=(40, 40, 120, 120))
    second = outlines(tmp_path / "b", "s", portal=(80, 40, 160, 120))
    frame, _ = label_agreement(pair_labels(first, second), mpp={"s": 0.25})
    assert set(frame["measure"]) == {"portal tract"}
    assert value(frame, "portal tract", "dice_per_slide") == 0.5
    assert value(frame, "portal tract", "jaccard_pooled") == pytest.approx(1 / 3)
    assert set(frame["note"]) == {"outlines in cells of 1 um"}
    _, [failure] = label_agreement(pair_labels(first, second), mpp={"t": 0.25})
    assert re.search(r"case 's'.*mpp_x_um", failure.reason)
    outlines(tmp_path / "b", "s", Vessel=(80, 40, 160, 120))
    with pytest.raises(UsageError, match="no class in common"):
        label_agreement(pair_labels(first, second), mpp={"s": 0.25})


def test_folders_that_cannot_be_paired_are_refused(tmp_path: Path) -> None:
    first = pictures(tmp_path / "a", s=np.zeros((2, 2), np.uint8))
    with pytest.raises(UsageError, match="share no case"):
        pair_labels(first, pictures(tmp_path / "b", t=np.zeros((2, 2), np.uint8)))
    with pytest.raises(UsageError, match="two kinds"):
        pair_labels(first, outlines(tmp_path / "c", "s", portal=(0, 0, 4, 4)))
    (tmp_path / "d").mkdir()
    with pytest.raises(UsageError, match="no labels in this folder"):
        pair_labels(first, tmp_path / "d")
