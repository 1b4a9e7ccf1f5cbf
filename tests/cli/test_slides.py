"""radiofib slides run with a model: exit statuses, what is said and written."""

from __future__ import annotations

import errno
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest
import yaml
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from radiofib.cli.app import app, main
from radiofib.errors import ConfigError, UsageError
from radiofib.slides.specs import column
from radiofib.table import FeatureTable
from tests.deep import nets as deep_nets
from tests.slides import forest, made, nets
from tests.slides.morphometry.test_collagen import drawn


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    picture = Image.fromarray(made.biopsy(um=8.0, length_um=2000.0)[0])
    pen = ImageDraw.Draw(picture)
    for x in (200, 300):  # portal tracts to a network or a classifier of colours
        pen.rectangle([x, 160, x + 15, 175], fill=made.PURPLE)
    made.write_pyramid(folder / "good.tiff", np.asarray(picture), mpp=8.0)
    (folder / "bad.svs").write_text("not a slide")
    nets.colour_net(folder / "net.onnx", tile=32, um=8.0)
    nets.colour_net(folder / "bare.onnx", tile=32, um=None)
    deep_nets.extractor(folder / "embedding.onnx", card=deep_nets.facts())
    forest.purple_classifier(folder / "forest.skops")
    (folder / "damaged.skops").write_text("no zip")
    (folder / "empty").mkdir()
    return folder


def run(folder: Path, out: Path, *arguments: str, slides: tuple[str, ...] = ("good.tiff",)):
    files = [str(folder / name) for name in slides]
    how = ["--out", str(out), "--workers", "1", *arguments]
    return CliRunner().invoke(app, ["slides", "run", *files, *how])


def test_good_and_bad_slides_end_in_status_3_with_the_labels_of_the_good(
    folder: Path, tmp_path: Path
) -> None:
    model = str(folder / "net.onnx")
    done = run(folder, tmp_path, "--model", model, slides=("good.tiff", "bad.svs"))
    assert done.exit_code == 3
    assert "1 of 2 slides measured" in done.output
    assert (tmp_path / "tracts.csv").read_text().startswith("case,tract,")
    assert "tiles: " in done.stderr
    assert "bad: bad.svs: not a slide" in done.stderr
    with Image.open(tmp_path / "labels/good.png") as picture:
        assert {*np.unique(np.asarray(picture)).tolist()} == {0, 1, 2}
    assert run(folder, tmp_path / "b", "--model", model, slides=("bad.svs",)).exit_code == 1


def test_stages_of_other_cases_are_said(folder: Path, tmp_path: Path) -> None:
    rows = [f"x{n},2" for n in range(6)] + ["god,3", "bad,1", "good,"]
    (tmp_path / "stages.csv").write_text("\n".join(["case,stage", *rows, ""]))
    stages = ["--stages", str(tmp_path / "stages.csv")]
    model = ["--model", str(folder / "net.onnx")]
    done = run(folder, tmp_path / "a", *model, *stages, slides=("good.tiff", "bad.svs"))
    assert done.exit_code == 3
    # A slide that failed is one of the slides all the same.
    others = "stages.csv: 7 of 8 cases with a stage are no slides: god, x0, x1, x2, x3 and 2 more"
    without = "no stage for 1 of 1 slides: good; tracts are counted there"
    assert done.stderr.count(others) == done.stderr.count(without) == 1
    arguments = [str(tmp_path / "a"), str(folder / "good.tiff"), "--out", str(tmp_path / "b")]
    again = CliRunner().invoke(app, ["slides", "remeasure", *arguments, *stages])
    assert again.exit_code == 0
    assert "stages.csv: 8 of 8 cases with a stage are no slides: bad, god, x0" in again.stderr
    assert without in again.stderr


def test_facts_the_model_lacks_are_asked_for_and_may_be_stated(
    folder: Path, tmp_path: Path
) -> None:
    bare = ["--model", str(folder / "bare.onnx")]
    refused = run(folder, tmp_path / "a", *bare)
    assert isinstance(refused.exception, UsageError)
    assert "preprocessing.um_per_px" in str(refused.exception)
    assert not (tmp_path / "a").exists()
    facts = tmp_path / "facts.yaml"
    facts.write_text(yaml.safe_dump({"preprocessing": {"um_per_px": 8.0}}))
    options = ["--card", str(facts), "--overlap", "0.25", "--batch", "4", "--portal", "lobule"]
    assert run(folder, tmp_path / "b", *bare, *options).exit_code == 0
    assert (tmp_path / "b/labels/good.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--portal", "tract"], "without one"),
        (["--model", "embedding.onnx"], "no segmenter"),
        (["--model", "net.onnx", "--portal", "triad"], "triad"),
        (["--model", "net.onnx", "--overlap", "0.9"], "overlap"),
        (["--model", "net.onnx", "--provider", "cpuu"], "cpuu"),
        (["--model", "absent.onnx"], "no such model"),
        (["--model", "absent.skops"], "no such model"),
        (["--model", "damaged.skops"], "damaged.skops"),
        (["--model", "good.tiff"], "not an ONNX model"),
        (["--config", "absent.yaml"], "no such file"),
        (["--stages", "absent.csv"], "no such file"),
    ],
)
def test_wrong_models_and_options_stop_before_any_slide(
    folder: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    given = [str(folder / a) if "." in a and not a[0].isdigit() else a for a in arguments]
    done = run(folder, tmp_path / "out", *given)
    assert isinstance(done.exception, UsageError), done.exception  # exit status 2
    assert said in str(done.exception)
    assert re.search("Next: |expected |should be ", str(done.exception))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("slides", "said"),
    [(("gone.svs",), "gone.svs: no such slide"), (("empty",), "no slide in this folder")],
)
def test_slides_that_are_not_there_are_wrong_usage(
    folder: Path, tmp_path: Path, slides: tuple[str, ...], said: str
) -> None:
    done = run(folder, tmp_path / "out", slides=slides)
    assert isinstance(done.exception, UsageError)
    assert said in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_a_folder_stands_for_its_slides_and_a_missing_one_beside_it_is_a_failure(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(folder / "good.tiff", tmp_path / "in")
    (tmp_path / "in/notes.txt").write_text("no slide")
    done = run(tmp_path, tmp_path / "out", slides=("in", "gone.svs"))
    assert done.exit_code == 3
    assert "1 of 2 slides measured" in done.output
    assert "gone: gone.svs: no such file" in done.stderr


def test_a_pixel_classifier_is_named_wherever_its_labels_are_used(
    folder: Path, tmp_path: Path
) -> None:
    done = run(folder, tmp_path, "--model", str(folder / "forest.skops"))
    assert done.exit_code == 0, done.output
    slides, tracts = (pd.read_csv(tmp_path / f"{n}.csv") for n in ("slides", "tracts"))
    assert len(tracts) > 0
    for table in (slides, tracts):
        assert set(table["segmentation_source"]) == {"classical"}
        assert table["segmentation_maker"].str.startswith("forest.skops ").all()
    book = pd.read_csv(tmp_path / "slides.codebook.csv").set_index("column")["label"]
    assert book[column("portal_tract_count")].endswith("(classical segmentation)")
    assert book[column("morphometry_core_length_mm")] == "total core length"
    features = json.loads((tmp_path / "good.geojson").read_text())["features"]
    names = [f["properties"]["name"] for f in features]
    assert names[:2] == ["Tissue 1", "Portal tract 1 (classical)"]
    assert {"Nuclei per mm2", "Interface nuclei per mm2"} <= set(
        features[1]["properties"]["measurements"]
    )
    assert "classical pixel classifier: forest.skops" in done.output
    # What is not true is not told: a classifier has no tiles.
    assert "tiles" not in done.stderr
    plain = run(folder, tmp_path / "plain")
    with Image.open(tmp_path / "good.png") as one, Image.open(tmp_path / "plain/good.png") as two:
        assert one.height > two.height
        assert one.width == two.width
    assert plain.exit_code == 0
    assert pd.read_csv(tmp_path / "plain/slides.csv")["segmentation_source"].isna().all()


def test_tables_go_to_spss_with_labels_codebook_and_reasons(folder: Path, tmp_path: Path) -> None:
    assert run(folder, tmp_path, "--model", str(folder / "net.onnx")).exit_code == 0
    missing = pd.read_csv(tmp_path / "slides.missing.csv")
    assert list(missing) == ["case", "instance", "column", "reason"]
    assert column("collagen_percent") in set(missing["column"])
    shown = pd.read_csv(tmp_path / "slides.csv")
    assert shown.loc[0, ["vendor", "mpp_x_um", "mpp_source"]].tolist() == [
        "generic-tiff",
        8,
        "slide",
    ]
    for name, variable, label in (
        ("slides", column("morphometry_tissue_area_mm2"), "tissue area [mm2]"),
        ("tracts", "feret_max_um", "largest caliper width [um]"),
    ):
        source, out = str(tmp_path / f"{name}.parquet"), tmp_path / f"export_{name}"
        done = CliRunner().invoke(app, ["export", source, "--to", "sav,csv", "--out", str(out)])
        assert done.exit_code == 0, done.output
        data, facts = pyreadstat.read_sav(out / "features.sav")
        assert facts.column_names_to_labels[variable] == label
        assert facts.column_names_to_labels["segmentation_source"].startswith("who labelled")
        assert data[variable].tolist() == pd.read_csv(tmp_path / f"{name}.csv")[variable].tolist()
        # What lies beside the table is what an export has.
        for kind in ("codebook", "missing"):
            beside = (tmp_path / f"{name}.{kind}.csv").read_bytes()
            assert beside == (out / f"{kind}.csv").read_bytes()
    # Facts of the scan never become features of a stager, from whichever file it learns.
    assert not {"mpp_x_um", "tissue_px_um"} & set(FeatureTable.read(tmp_path / "slides.csv").X)


@pytest.mark.slow
def test_a_slide_of_another_stain_is_said_with_what_to_do(tmp_path: Path) -> None:
    for stain in ("sirius_red", "masson"):
        made.write_png(tmp_path / f"{stain}.png", drawn(stain)[0][:, :900])
    out = tmp_path / "out"
    how = ["--mpp", "2", "--workers", "1", "--out", str(out)]
    (tmp_path / "s.yaml").write_text("tracts: {stain: sirius_red}")
    (tmp_path / "h.yaml").write_text("tracts: {vacuole_pixel_um: null}")
    slides = [str(tmp_path / f"{stain}.png") for stain in ("sirius_red", "masson")]
    done = CliRunner().invoke(
        app, ["slides", "run", *slides, *how, "--config", str(tmp_path / "h.yaml")]
    )
    assert done.exit_code == 0
    said = pd.read_csv(out / "slides.csv").set_index("case")["warnings"]
    for stain, name in (("sirius_red", "Sirius red"), ("masson", "Masson's trichrome")):
        assert name in said[stain]
        assert f"stain: {stain}" in said[stain]
        assert f"{stain}: not the colours of H&E but of {name}" in " ".join(done.stderr.split())
    again = CliRunner().invoke(
        app, ["slides", "run", *slides, *how, "--config", str(tmp_path / "s.yaml")]
    )
    said = pd.read_csv(out / "slides.csv").set_index("case")["warnings"]
    assert pd.isna(said["sirius_red"])
    assert "measured as Sirius red, but the colours are those of Masson's" in said["masson"]
    assert "  masson: measured as" in again.stderr


def test_files_of_slides_no_longer_named_stay_and_are_said(folder: Path, tmp_path: Path) -> None:
    made.write_pyramid(tmp_path / "old.tiff", made.biopsy(um=8.0, length_um=1500.0)[0], mpp=8.0)
    model = ["--model", str(folder / "net.onnx")]
    slides = (str(folder / "good.tiff"), str(tmp_path / "old.tiff"))
    first = run(folder, tmp_path / "out", *model, slides=slides)
    assert "earlier run" not in first.stderr
    again = run(folder, tmp_path / "out", slides=slides[:1])
    assert "old: files of an earlier run stay in" in again.stderr
    assert (tmp_path / "out/old.geojson").is_file()
    assert pd.read_csv(tmp_path / "out/slides.csv")["case"].tolist() == ["good"]
    # A table that this run has not made must not pass for its result.
    assert not list((tmp_path / "out").glob("tracts.*"))


def test_qupath_scripts_say_what_was_written_where(tmp_path: Path) -> None:
    def scripts(name: str):
        arguments = ["slides", "qupath-script", "--out", str(tmp_path / name)]
        return CliRunner().invoke(app, arguments)

    made_new = scripts("new")
    assert made_new.exit_code == 0
    assert "radiofib_import.groovy" in made_new.stdout
    assert "a new folder" in made_new.stderr
    assert "no GeoJSON yet" in scripts("new").stderr
    (tmp_path / "new/a.geojson").write_text("{}")
    assert scripts("new").stderr == ""


def test_classifiers_are_written_under_a_name_that_run_takes(tmp_path: Path) -> None:
    arguments = ["slides", "fit-pixels", str(tmp_path), "--out", str(tmp_path / "c.model")]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, UsageError)
    assert ".skops" in str(done.exception)


def test_remeasure_says_which_slides_are_not_there(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "good.geojson").write_text("[]")
    how = ["--out", str(tmp_path / "out")]
    gone = [str(tmp_path), str(tmp_path / "nowhere"), *how]
    done = CliRunner().invoke(app, ["slides", "remeasure", *gone])
    assert isinstance(done.exception, UsageError)
    assert "nowhere: no such slide or folder" in str(done.exception)
    some = [str(tmp_path), str(folder / "good.tiff"), str(tmp_path / "gone.svs"), *how]
    done = CliRunner().invoke(app, ["slides", "remeasure", *some])
    assert done.exit_code == 3
    assert "gone.svs: no such file" in done.stderr


def test_remeasure_takes_nothing_of_a_slide_on_which_the_last_run_failed(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copy(folder / "good.tiff", tmp_path / "good.tiff")
    made.write_pyramid(tmp_path / "other.tiff", made.biopsy(um=8.0, length_um=1500.0)[0], mpp=8.0)
    both = ("good.tiff", "other.tiff")
    assert run(tmp_path, tmp_path / "out", slides=both).exit_code == 0
    glass = np.full((400, 400, 3), 243, np.uint8)
    made.write_pyramid(tmp_path / "other.tiff", glass, mpp=8.0)
    assert run(tmp_path, tmp_path / "out", slides=both).exit_code == 3
    arguments = ["slides", "remeasure", str(tmp_path / "out"), "--out", str(tmp_path / "again")]
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 3
    assert "other: other.tiff: the last run failed on this slide" in again.stderr
    assert pd.read_csv(tmp_path / "again/slides.csv")["case"].tolist() == ["good"]


def test_a_pixel_size_that_is_not_used_is_said_with_the_one_that_is(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copy(folder / "good.tiff", tmp_path / "good.tiff")
    made.write_png(tmp_path / "silent.png", made.biopsy(um=8.0, length_um=1500.0)[0])
    both = ("good.tiff", "silent.png")
    done = run(tmp_path, tmp_path / "out", "--mpp", "4", slides=both)
    assert done.exit_code == 0
    said = "--mpp 4 is not used for good (8 um): it says its own pixel size, which was used"
    assert done.stderr.count(said) == 1
    arguments = [str(tmp_path / "out"), str(tmp_path), "--out", str(tmp_path / "b"), "--mpp", "4"]
    again = CliRunner().invoke(app, ["slides", "remeasure", *arguments])
    assert again.exit_code == 0
    assert said in again.stderr
    assert "--mpp" not in run(tmp_path, tmp_path / "c", "--mpp", "8", slides=both).stderr


def test_a_disk_that_is_full_at_the_end_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    made.write_png(tmp_path / "a.png", made.biopsy(um=8.0, length_um=2000.0)[0])
    monkeypatch.setattr("radiofib.study.write_slide_tables", full)
    with pytest.raises(SystemExit) as ended:
        main(["slides", "run", str(tmp_path / "a.png"), "--mpp", "8", "--out", str(tmp_path / "o")])
    assert ended.value.code == 1
    assert capsys.readouterr().err.endswith(
        "radiofib: the disk is full. Next: make room and run again.\n"
    )


def test_a_reversed_range_of_vacuoles_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("tracts: {vacuole_um: [60, 5]}")
    made.write_png(tmp_path / "a.png", made.biopsy(um=8.0, length_um=2000.0)[0])
    arguments = ["slides", "run", str(tmp_path / "a.png"), "--mpp", "8", "--config"]
    found = CliRunner().invoke(
        app, [*arguments, str(tmp_path / "c.yaml"), "--out", str(tmp_path / "o")]
    )
    assert isinstance(found.exception, UsageError | ConfigError)
    assert "smallest and the largest diameter of a vacuole" in str(found.exception)


def test_corrections_that_are_set_aside_are_named(tmp_path: Path) -> None:
    made.write_png(tmp_path / "a.png", made.biopsy(um=8.0, length_um=2000.0)[0])
    arguments = ["slides", "run", str(tmp_path / "a.png"), "--out", str(tmp_path / "o"), "--mpp"]
    assert CliRunner().invoke(app, [*arguments, "8"]).exit_code == 0
    (tmp_path / "o/a.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    again = CliRunner().invoke(app, [*arguments, "8.5"])
    [kept] = (tmp_path / "o").glob("a.kept-*.geojson")
    assert f"{kept.name}: someone's corrections, kept under this name" in again.output
    assert "kept under" not in CliRunner().invoke(app, [*arguments, "8.5"]).output
