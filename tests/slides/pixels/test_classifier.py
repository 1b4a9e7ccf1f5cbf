"""Training, storing and using a pixel classifier, on small slides drawn here."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from radiofib._skops import write_model
from radiofib.cli.app import main
from radiofib.errors import ModelError, SlideError, UsageError
from radiofib.slides.pixels import classifier as module
from radiofib.slides.pixels.classifier import (
    PixelClassifier,
    load_classifier,
    save_classifier,
    segment_classical,
)
from radiofib.slides.pixels.features import PixelSettings
from radiofib.slides.pixels.fit import FittedPixels, fit_pixels
from radiofib.slides.reader import open_slide
from radiofib.slides.run import run_slides
from radiofib.slides.tissue.find import TissueMask, find_tissue
from tests.slides import made

UM = 4.0
SETTINGS = PixelSettings(scales_um=(4.0, 12.0), trees=8, depth=8, pixels_per_class=400)
#: Squares of other tissue on the core, in pixels.
SQUARES = [(360, 300), (520, 340), (700, 360)]
SIDE = 40


def slide_with_squares(path: Path, seed: int) -> Path:
    """Write a core with three purple squares, full of nuclei as portal tracts are."""
    pixels, _ = made.biopsy(um=UM, seed=seed, length_um=2200.0)
    picture = Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    rng = np.random.default_rng(seed)
    for x, y in SQUARES:
        pen.rectangle([x, y, x + SIDE - 1, y + SIDE - 1], fill=(190, 140, 190))
        for dx, dy in rng.integers(0, SIDE - 3, (90, 2)):
            pen.rectangle([x + dx, y + dy, x + dx + 2, y + dy + 2], fill=made.PURPLE)
    return made.write_pyramid(path, np.asarray(picture), mpp=UM, levels=1)


def feature(name: str | None, x: float, y: float, side: float = SIDE) -> dict[str, Any]:
    ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
    label = {"name": name, "color": [1, 2, 3]} if name else None
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"classification": label},
    }


def annotate_squares(path: Path, *more: dict[str, Any]) -> None:
    path.write_text(json.dumps([*(feature("Portal tract", x, y) for x, y in SQUARES), *more]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pixels")
    for number in (1, 2, 3):
        slide_with_squares(folder / f"s{number}.tiff", number)
        if number < 3:
            annotate_squares(folder / f"s{number}.geojson")
    return folder


@pytest.fixture(scope="module")
def fitted(folder: Path) -> FittedPixels:
    return fit_pixels([folder], folder / "c.skops", rest="Lobule", settings=SETTINGS)


def segment(folder: Path, classifier: PixelClassifier, case: str = "s3"):
    with open_slide(folder / f"{case}.tiff") as slide:
        grid = slide.grid(8.0)
        tissue = find_tissue(slide.read_all(grid), um=(grid.um_x, grid.um_y))
        return segment_classical(slide, tissue, classifier)


def test_a_slide_not_seen_is_labelled_and_the_table_says_how_well(
    folder: Path, fitted: FittedPixels
) -> None:
    found = segment(folder, load_classifier(folder / "c.skops"))
    assert found.source == "classical"
    assert found.maker.startswith("c.skops ")
    assert [c.name for c in found.classes] == ["background", "Lobule", "Portal tract"]
    assert (found.grid.um_x, found.grid.step_x) == (4.0, 1.0)
    truth = np.zeros(found.labels.shape, dtype=bool)
    for x, y in SQUARES:
        truth[y : y + SIDE, x : x + SIDE] = True
    portal = found.mask("portal")
    assert 2 * (portal & truth).sum() / (portal.sum() + truth.sum()) > 0.85
    assert fitted.scores["class"].tolist() == ["Lobule", "Portal tract"]
    assert fitted.scores["slides"].tolist() == [2, 2]
    assert fitted.scores["annotated_mm2"][1] == pytest.approx(2 * 3 * SIDE**2 * UM**2 / 1e6)
    assert (fitted.scores["dice"] > 0.85).all()
    assert (fitted.scores["dice_min"] <= fitted.scores["dice_mean"]).all()
    assert fitted.classifier.facts["dice_left_out"]["Lobule"] == fitted.scores["dice"][0]


def test_blocks_do_not_show(
    folder: Path, fitted: FittedPixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = segment(folder, fitted.classifier)
    monkeypatch.setattr(module, "_SMALLEST_BLOCK", 37)
    monkeypatch.setattr(module, "_LARGEST_BLOCK", 37)
    np.testing.assert_array_equal(segment(folder, fitted.classifier).labels, whole.labels)


def test_equal_training_gives_equal_bytes_wherever_the_files_lie(
    folder: Path, fitted: FittedPixels, tmp_path: Path
) -> None:
    for path in folder.iterdir():
        if path.suffix != ".skops":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    files = [tmp_path / "s2.geojson", tmp_path / "s1.geojson"]
    fit_pixels(files, tmp_path / "c.skops", rest="Lobule", settings=SETTINGS)
    assert (tmp_path / "c.skops").read_bytes() == (folder / "c.skops").read_bytes()
    found = segment(folder, load_classifier(tmp_path / "c.skops"))
    np.testing.assert_array_equal(found.labels, segment(folder, fitted.classifier).labels)


def test_background_can_be_an_example_and_lobule_drawn_by_hand(
    folder: Path, tmp_path: Path
) -> None:
    slide = tmp_path / "s1.tiff"
    slide.write_bytes((folder / "s1.tiff").read_bytes())
    lobule, glass = feature("lobule", 600, 330, 60), feature("background", 440, 320, 30)
    annotate_squares(tmp_path / "s1.geojson", lobule, glass, feature(None, 610, 340, 10))
    found = fit_pixels([tmp_path / "s1.geojson"], tmp_path / "c.skops", settings=SETTINGS)
    names = ["background", "lobule", "Portal tract"]
    assert found.scores["class"].tolist() == names
    assert [c.name for c in found.classifier.classes] == names
    assert found.scores["annotated_mm2"].tolist()[:2] == pytest.approx(
        [30**2 * UM**2 / 1e6, 60**2 * UM**2 / 1e6]
    )
    assert found.scores["dice"].isna().all()  # a single slide cannot be left out
    assert found.classifier.facts["dice_left_out"]["lobule"] is None


def test_what_cannot_be_used_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no annotations are given"):
        fit_pixels([], tmp_path / "c.skops")
    with pytest.raises(UsageError, match="no such file"):
        fit_pixels([tmp_path / "absent"], tmp_path / "c.skops")
    with pytest.raises(UsageError, match=r"two classes or more.*Portal tract.*--rest"):
        fit_pixels([folder / "s1.geojson"], tmp_path / "c.skops", settings=SETTINGS)
    for name in ("s1.tiff", "s2.tiff", "s3.tiff", "s1.geojson"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "s2.geojson").write_text("{")
    (tmp_path / "s3.geojson").write_text(json.dumps([feature("Tissue", 360, 300)]))
    found = fit_pixels([tmp_path], tmp_path / "c.skops", rest="Lobule", settings=SETTINGS)
    assert [f.case for f in found.failures] == ["s2"]
    (tmp_path / "s2.geojson").unlink()
    found = fit_pixels(
        [tmp_path / "s1.geojson"], tmp_path / "c.skops", rest="Lobule", settings=SETTINGS
    )
    assert found.failures == []


def test_only_forests_that_fit_their_metadata_are_loaded(
    fitted: FittedPixels, tmp_path: Path
) -> None:
    path = tmp_path / "m.skops"
    path.write_bytes(b"not a zip")
    with pytest.raises(ModelError, match=r"not a model written by radiofib.*fit-pixels"):
        load_classifier(path)
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 17)), np.arange(20) % 2
    write_model(LogisticRegression().fit(x, y), path, {"format": 1, "estimator": "Logistic"})
    with pytest.raises(ModelError, match=r"not a pixel classifier.*'Logistic'"):
        load_classifier(path)
    save_classifier(fitted.classifier, path)
    assert load_classifier(path).classes == fitted.classifier.classes
    other = RandomForestClassifier(3).fit(x[:, :5], y)
    save_classifier(replace(fitted.classifier, forest=other), path)
    with pytest.raises(ModelError, match="does not fit its metadata"):
        load_classifier(path)
    save_classifier(replace(fitted.classifier, forest=LogisticRegression().fit(x, y)), path)
    with pytest.raises(ModelError, match="does not fit its metadata"):
        load_classifier(path)


def test_foreign_types_and_damaged_metadata_are_refused(
    fitted: FittedPixels, tmp_path: Path
) -> None:
    path = tmp_path / "m.skops"
    save_classifier(replace(fitted.classifier, forest=module.PixelSettings), path)
    with pytest.raises(ModelError, match=r"types that are not trusted.*PixelSettings"):
        load_classifier(path)
    save_classifier(fitted.classifier, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for key, value in (("settings", {"um": -1}), ("classes", [["a"]]), ("facts", 3)):
        head = json.loads(members["radiofib.json"]) | {key: value}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in (members | {"radiofib.json": json.dumps(head).encode()}).items():
                archive.writestr(name, content)
        with pytest.raises(ModelError, match="metadata is damaged"):
            load_classifier(path)


def test_slides_that_are_not_h_and_e_and_masks_of_another_grid_are_refused(
    folder: Path, fitted: FittedPixels
) -> None:
    with open_slide(folder / "s3.tiff") as slide:
        grid = slide.grid(8.0)
        rgb = slide.read_all(grid)
        tissue = find_tissue(rgb, um=(grid.um_x, grid.um_y))
        with pytest.raises(SlideError, match=r"s3\.tiff: .*does not fit its grid"):
            segment_classical(
                slide, TissueMask(tissue.mask[1:], tissue.white, 0.0), fitted.classifier
            )
        pale = TissueMask(rgb.min(axis=2) > 230, tissue.white, 0.0)
        with pytest.raises(SlideError, match="hardly stained"):
            segment_classical(slide, pale, fitted.classifier)


@pytest.mark.slow
def test_the_command_says_dice_of_slides_left_out(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s9.geojson").write_text("[")
    (tmp_path / "s9.tiff").write_bytes(b"")
    arguments = [str(folder / "s1.geojson"), str(folder / "s2.geojson"), str(tmp_path)]
    out = tmp_path / "out.skops"
    with pytest.raises(SystemExit) as stop:
        main(["slides", "fit-pixels", *arguments, "--rest", "Lobule", "--out", str(out)])
    assert stop.value.code == 3
    shown = capsys.readouterr()
    assert "Portal tract" in shown.out
    assert "each of 2 slides by the others" in shown.out
    assert "s9.geojson: not GeoJSON" in shown.err
    assert load_classifier(out).settings == PixelSettings()
    assert (tmp_path / "out_failures.csv").is_file()


@pytest.mark.slow
def test_commands_of_readme_run(repository: Path, folder: Path, tmp_path: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    [block] = re.findall(r"^```\n(radiofib slides run .*?)^```$", text, re.MULTILINE | re.DOTALL)
    for number in (1, 2):
        (tmp_path / f"biopsy{number}.tiff").write_bytes((folder / f"s{number}.tiff").read_bytes())
    for command in block.strip().splitlines():
        with contextlib.chdir(tmp_path), pytest.raises(SystemExit) as stop:
            main(shlex.split(command)[1:])
        assert stop.value.code == 0, command
        if command.startswith("radiofib slides run"):
            for path in (tmp_path / "slides").glob("*.geojson"):
                document = json.loads(path.read_text())
                document["features"] += [feature("Portal tract", x, y) for x, y in SQUARES]
                path.write_text(json.dumps(document))
    rows = pd.read_csv(tmp_path / "corrected/corrections.csv")
    assert rows["tracts_read"].tolist() == [3, 3]
    assert (tmp_path / "classifier.skops").is_file()


def inked(path: Path) -> Path:
    """Write a slide of which ink hides one of the three squares, and some of the core."""
    slide = slide_with_squares(path, 4)
    with Image.open(slide) as picture:
        drawn = picture.convert("RGB")
    ImageDraw.Draw(drawn).rectangle([340, 100, 420, 600], fill=(30, 60, 160))
    return made.write_pyramid(path, np.asarray(drawn), mpp=UM, levels=1)


def test_what_an_artefact_covers_is_no_example(tmp_path: Path) -> None:
    slide = inked(tmp_path / "i.tiff")
    annotate_squares(tmp_path / "i.geojson")
    found = fit_pixels([tmp_path], tmp_path / "c.skops", rest="Lobule", settings=SETTINGS)
    square = SIDE**2 * UM**2 / 1e6
    portal = found.scores.set_index("class")["annotated_mm2"]["Portal tract"]
    assert portal == pytest.approx(2 * square, rel=0.02)
    # The square under the ink, and what else of the core the stroke of 80 pixels hides.
    assert SIDE**2 < found.left_out["i"] < 90 * 240
    # Where a run wrote the tissue, its artefacts are those that the file still has.
    run_slides([slide], tmp_path / "run", workers=1)
    document = json.loads((tmp_path / "run/i.geojson").read_text())
    squares = [feature("Portal tract", x, y) for x, y in SQUARES]
    kinds = [f["properties"]["classification"]["name"] for f in document["features"]]
    assert "Artefact: pen" in kinds
    kept = [f for f, kind in zip(document["features"], kinds, strict=True) if kind == "Tissue"]
    for folder, features in (
        ("kept", document["features"] + squares),
        ("deleted", kept + squares),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "i.geojson").write_text(json.dumps(features))
    fits = {
        name: fit_pixels(
            [tmp_path / name],
            tmp_path / "c.skops",
            slides=[slide],
            rest="Lobule",
            settings=SETTINGS,
        )
        for name in ("kept", "deleted")
    }
    assert fits["kept"].left_out["i"] > SIDE**2
    assert fits["deleted"].left_out == {}
