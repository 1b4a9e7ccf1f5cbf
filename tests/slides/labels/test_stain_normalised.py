"""Labels of slides whose colours are brought to a reference before the network sees them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.errors import ConfigError, UsageError
from radiofib.slides import Labeller, SegmentSettings, SlideSettings, open_slide, run_slides
from radiofib.slides.labels.files import read_labels
from radiofib.slides.labels.segment import plan_slide
from radiofib.slides.labels.segmenter import open_segmenter
from radiofib.slides.tissue.clean import clean_tissue
from radiofib.slides.tissue.stain_norm import fit_stain_map
from tests.slides import made, nets

UM = 4.0
WHITE = np.array(made.GLASS) + 1.0


def stained(strength: float) -> np.ndarray:
    """Return a core stained so many times as strongly as usual."""
    pixels, _ = made.biopsy(um=UM, seed=3, length_um=3000.0)
    density = (-np.log10((pixels + 1.0) / WHITE)).clip(0)
    return np.rint((WHITE * 10 ** (-strength * density) - 1).clip(0, 255)).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stain")
    for name, strength in (("usual", 1.0), ("faded", 0.45)):
        made.write_pyramid(folder / f"{name}.tiff", stained(strength), mpp=UM, levels=1)
    nets.colour_net(folder / "net.onnx", tile=64, um=UM)
    return folder


def labels(folder: Path, out: Path, method: str, *cases: str) -> list[np.ndarray]:
    settings = SegmentSettings.parse({"stain_normalisation": method}, where="test")
    labeller = Labeller.of(folder / "net.onnx", settings=settings)
    slides = [folder / f"{case}.tiff" for case in cases]
    _, failures = run_slides(slides, out, labeller=labeller, workers=1)
    assert failures == []
    return [read_labels(out / f"labels/{case}.png") for case in cases]


@pytest.mark.parametrize("method", ["macenko", "reinhard"])
def test_the_network_sees_the_slide_in_the_colours_of_the_reference(
    folder: Path, tmp_path: Path, method: str
) -> None:
    [found] = labels(folder, tmp_path, method, "faded")
    with open_slide(folder / "faded.tiff") as slide:
        clean = clean_tissue(slide, SlideSettings())
        colours = fit_stain_map(slide, clean.grid, clean.tissue, method)
        plan = plan_slide(slide, open_segmenter(folder / "net.onnx"), clean)
        seen = nets.rule(colours(slide.read_all(plan.grid)))
    np.testing.assert_array_equal(found, np.where(nets.asked(plan), seen, 0))
    kept = [json.loads(p.read_text()) for p in (tmp_path / "pieces").glob("*.json")]
    [fitted] = [k["content"]["stain_map"] for k in kept if "stain_map" in k.get("content", k)]
    assert fitted == colours.provenance()


def test_a_faded_slide_is_labelled_as_the_same_slide_of_usual_stain(
    folder: Path, tmp_path: Path
) -> None:
    def equal(method: str) -> float:
        usual, faded = labels(folder, tmp_path / method, method, "usual", "faded")
        dark, other = usual == 2, faded == 2
        return float(2 * (dark & other).sum() / (dark.sum() + other.sum()))

    assert equal("none") < 0.5
    assert equal("macenko") > 0.95


def test_labels_of_another_method_are_not_taken_for_finished(folder: Path, tmp_path: Path) -> None:
    [plain] = labels(folder, tmp_path, "none", "faded")
    [mapped] = labels(folder, tmp_path, "macenko", "faded")
    assert (plain != mapped).any()


def test_amounts_of_stain_stay_those_of_the_slide(folder: Path, tmp_path: Path) -> None:
    tables = []
    for method in ("none", "macenko"):
        settings = SegmentSettings.parse({"stain_normalisation": method}, where="test")
        labeller = Labeller.of(folder / "net.onnx", settings=settings)
        slides = [folder / "usual.tiff", folder / "faded.tiff"]
        tables.append(run_slides(slides, tmp_path / method, labeller=labeller, workers=1)[0])
    stain = [c for c in tables[0].X.columns if "__eosin_od_mean" in c or "stain_eosin" in c]
    assert stain
    for name in stain:
        assert tables[0].X[name].tolist() == tables[1].X[name].tolist()


def test_methods_that_do_not_exist_and_classifiers_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="stain_normalisation"):
        SegmentSettings.parse({"stain_normalisation": "vahadane"}, where="options")
    slide, out = str(folder / "usual.tiff"), str(tmp_path / "out")
    for more in (
        ["--model", str(folder / "net.onnx"), "--stain-norm", "vahadane"],
        ["--model", "c.skops", "--stain-norm", "macenko"],
    ):
        done = CliRunner().invoke(app, ["slides", "run", slide, "--out", out, *more])
        assert done.exit_code == 2 or isinstance(done.exception, UsageError), done.output
