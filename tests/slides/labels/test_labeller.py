"""Runs with a segmentation model: each slide alone, nothing done twice, the same bytes always."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from radiofib.errors import ModelError
from radiofib.slides import Labeller, LevelSettings, SlideSettings, run_slides
from radiofib.slides.labels import store as label_store
from radiofib.slides.labels.segment import plan_slide
from radiofib.slides.labels.segmenter import Segmenter, open_segmenter
from radiofib.slides.reader import open_slide
from radiofib.slides.specs import column
from tests.slides import made, nets
from tests.slides.labels.test_segment import TRACTS, slide_pixels
from tests.slides.qupath.test_geojson import check_qupath
from tests.slides.test_run import contents


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten slides, one of them broken off in the middle of its pixels, and a model."""
    folder = tmp_path_factory.mktemp("ten")
    for number in range(10):
        pixels, _ = made.biopsy(um=8.0, seed=number, length_um=2000.0 + 200 * number)
        made.write_pyramid(folder / f"b{number}.tiff", pixels, mpp=8.0, levels=1)
    broken = folder / "b4.tiff"
    data = bytearray(broken.read_bytes())
    data[len(data) // 3 :] = b""
    broken.write_bytes(data)
    nets.colour_net(folder / "net.onnx", tile=32, um=8.0)
    return folder


def slides(folder: Path) -> list[Path]:
    return sorted(folder.glob("b*.tiff"))


def run(paths: list[Path], out: Path, model: Path, **more: Any) -> tuple[Any, Any]:
    return run_slides(paths, out, labeller=Labeller.of(model), workers=1, **more)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by the number of tiles whenever a network is asked."""
    tiles: list[int] = []
    real = Segmenter.run

    def counted(self, given):
        tiles.append(len(given))
        return real(self, given)

    monkeypatch.setattr(Segmenter, "run", counted)
    return tiles


def test_one_corrupt_slide_among_ten_leaves_nine(folder: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    table, failures = run(
        slides(folder), tmp_path / "one", folder / "net.onnx", tiles=lambda *now: told.append(now)
    )
    assert table.obs["case"].tolist() == [f"b{k}" for k in range(10) if k != 4]
    assert [(f.case, f.error) for f in failures] == [("b4", "SlideError")]
    facts = table.provenance["segmentation"]
    assert facts["classes"][2] == ["portal tract", [213, 94, 0], "portal"]
    total = 0
    segmenter = open_segmenter(folder / "net.onnx")
    for path in slides(folder):
        if path.stem == "b4":
            continue
        with (
            open_slide(path) as slide,
            Image.open(tmp_path / "one/labels" / f"{path.stem}.png") as p,
        ):
            plan = plan_slide(slide, segmenter)
            labels = np.asarray(p)
            pixels = slide.read_all(plan.grid)
        total += sum(len(g.tiles) for g in plan.groups)
        wanted = np.where(nets.asked(plan), nets.rule(pixels), 0)
        np.testing.assert_array_equal(labels, wanted)
        assert (labels == 2).any()
    assert told[-1] == (total, total)
    assert not (tmp_path / "one" / "unfinished").exists()


@pytest.mark.slow
def test_workers_and_order_do_not_change_a_byte(folder: Path, tmp_path: Path) -> None:
    labeller = Labeller.of(folder / "net.onnx")
    told: list[tuple[int, int]] = []
    one, _ = run(slides(folder), tmp_path / "one", folder / "net.onnx")
    two, _ = run_slides(
        slides(folder)[::-1],
        tmp_path / "two",
        labeller=labeller,
        workers=2,
        tiles=lambda *now: told.append(now),
    )
    assert one.X.equals(two.X)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert told[-1][0] == told[-1][1] > 0


def test_tracts_are_counted_whole_and_open_in_qupath(tmp_path: Path) -> None:
    path = made.write_pyramid(tmp_path / "s.tiff", slide_pixels(2.0), mpp=2.0)
    model = nets.colour_net(tmp_path / "net.onnx", tile=64, um=2.0)
    # The two pieces are drawn alike, as levels of one core are.
    alone = SlideSettings(levels=LevelSettings(levels=1))
    table, failures = run([path], tmp_path / "out", model, settings=alone)
    assert failures == []
    assert table.X[column("portal_tract_count")][0] == TRACTS
    document = check_qupath((tmp_path / "out/s.geojson").read_text())
    names = [f["properties"]["name"].rstrip(" 0123456789") for f in document["features"]]
    assert names == ["Tissue"] * 2 + ["Portal tract"] * TRACTS
    pieces = [json.loads(p.read_text()) for p in (tmp_path / "out/pieces").iterdir()]
    [rows] = [p["tracts"] for p in pieces if "tracts" in p]
    assert len(rows) == TRACTS
    labels = np.asarray(Image.open(tmp_path / "out/labels/s.png"))
    area = table.X[column("portal_area_mm2")][0] * 1e6
    assert area == pytest.approx((labels == 2).sum() * 4.0, rel=1e-12)


def test_finished_labels_are_not_made_again(folder: Path, tmp_path: Path, asked: list[int]) -> None:
    paths, model = slides(folder)[:2], folder / "net.onnx"
    run(paths, tmp_path, model)
    first, before = sum(asked), contents(tmp_path)
    run(paths, tmp_path, model)
    (tmp_path / "b0.png").unlink()  # measured again, from the labels on disk
    run(paths, tmp_path, model)
    assert sum(asked) == first
    assert contents(tmp_path) == before
    run(paths, tmp_path, model, settings=SlideSettings(stain_um=16.0))
    assert sum(asked) == first
    # Labels that someone changed, and labels by other tissue, are made again.
    (tmp_path / "labels/b1.png").write_bytes(b"edited")
    run(paths[1:], tmp_path, model)
    second = sum(asked)
    assert second > first
    run(paths[:1], tmp_path, model, settings=SlideSettings(tissue_um=16.0))
    assert sum(asked) > second


def test_another_model_gives_other_labels(folder: Path, tmp_path: Path, asked: list[int]) -> None:
    model = nets.colour_net(tmp_path / "net.onnx", tile=32, um=8.0)
    out = tmp_path / "out"
    run(slides(folder)[:1], out, model)
    one = Image.open(out / "labels/b0.png").size
    nets.colour_net(model, tile=16, um=16.0)
    run(slides(folder)[:1], out, model)
    two = Image.open(out / "labels/b0.png").size
    assert (one[0] // 2, one[1] // 2) == two
    labeller = Labeller.of(model)
    nets.colour_net(model, tile=32, um=8.0)
    _, failures = run_slides(slides(folder)[:1], tmp_path / "new", labeller=labeller, workers=1)
    assert "changed since the run began" in failures[0].reason


def test_a_full_disk_costs_the_slide_alone_and_is_made_up_later(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, model = slides(folder)[:2], folder / "net.onnx"
    real = label_store._write_all
    calls: list[int] = []

    def full(stream, data):
        calls.append(1)
        if len(calls) == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(stream, data)

    monkeypatch.setattr(label_store, "_write_all", full)
    table, failures = run(paths, tmp_path / "a", model)
    assert table.obs["case"].tolist() == ["b1"]
    assert [f.case for f in failures] == ["b0"]
    assert "the disk is full" in failures[0].reason
    assert str(tmp_path) not in failures[0].reason
    monkeypatch.undo()
    assert run(paths, tmp_path / "a", model)[1] == []
    run(paths, tmp_path / "b", model)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_model_that_fails_on_one_slide_costs_that_slide(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Segmenter.run
    calls: list[int] = []

    def failing(self, tiles):
        calls.append(1)
        if len(calls) == 1:
            raise ModelError("the network's logits are not finite", where="net.onnx")
        return real(self, tiles)

    monkeypatch.setattr(Segmenter, "run", failing)
    table, failures = run(slides(folder)[:2], tmp_path, folder / "net.onnx")
    assert table.obs["case"].tolist() == ["b1"]
    assert [(f.case, f.error) for f in failures] == [("b0", "ModelError")]


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_hotspot_goes_from_torchscript_to_labels(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from radiofib.deep.convert import ConvertSettings, convert_model
    from tests.deep.convert import sources

    net = sources.segformer_net()
    torch.jit.trace(net, torch.rand(1, 3, 64, 64)).save(str(tmp_path / "hotspot.pt"))
    how = ConvertSettings(size=(64, 64), inputs=2, trust_torchscript=True)
    convert_model("hotspot", tmp_path / "hotspot.pt", tmp_path / "hotspot.onnx", settings=how)
    picture = made.glass(700, 500, 1.0)
    made.band(picture, made.straight(400, 5, margin_um=150), 150, 1.0)
    pixels = made.noisy(picture, sd=8.0)
    path = made.write_pyramid(tmp_path / "s.tiff", pixels, mpp=1.0, levels=2)
    table, failures = run([path], tmp_path / "out", tmp_path / "hotspot.onnx")
    assert failures == []
    assert table.provenance["segmentation"]["um_per_px"] == 1.0
    check_qupath((tmp_path / "out/s.geojson").read_text())
    labels = np.asarray(Image.open(tmp_path / "out/labels/s.png"))
    with open_slide(path) as slide:
        segmenter = open_segmenter(tmp_path / "hotspot.onnx")
        plan = plan_slide(slide, segmenter)
        whole = slide.read_all(plan.grid)
    seen = 0
    for y, x in np.array(plan.groups[0].tiles) * 64:
        box = slice(y, y + 64), slice(x, x + 64)
        tile = np.full((64, 64, 3), 255, np.uint8)
        part = whole[box]
        tile[: part.shape[0], : part.shape[1]] = part
        with torch.no_grad():
            logits = net(torch.from_numpy(tile).permute(2, 0, 1)[None].float() / 255)
            large = torch.nn.functional.interpolate(
                logits, size=(64, 64), mode="bilinear", align_corners=False
            )
        wanted = large[0].argmax(dim=0).numpy()[: part.shape[0], : part.shape[1]]
        assert (labels[box] == wanted).mean() > 0.999
        seen += len({*wanted.ravel().tolist()}) > 1
    assert seen > 0


@pytest.mark.external
def test_cmu_1_is_labelled_and_fluorescence_is_not(external_data: Path, tmp_path: Path) -> None:
    wsi = external_data / "wsi"
    model = nets.colour_net(tmp_path / "net.onnx", tile=64, um=0.5)
    table, failures = run(sorted(wsi.glob("*.*")), tmp_path / "out", model)
    assert table.obs["case"].tolist() == ["cmu-1-small-region"]
    assert [f.case for f in failures] == ["test3-DAPI-2-387"]
    assert "not a brightfield slide" in failures[0].reason
    labels = np.asarray(Image.open(tmp_path / "out/labels/cmu-1-small-region.png"))
    with open_slide(wsi / "cmu-1-small-region.svs") as slide:
        plan = plan_slide(slide, open_segmenter(model))
        wanted = np.where(nets.asked(plan), nets.rule(slide.read_all(plan.grid)), 0)
    np.testing.assert_array_equal(labels, wanted)
    assert (labels == 2).any()


def start(paths: list[Path], out: Path, model: Path) -> subprocess.Popen[bytes]:
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "radiofib", "slides", "run", *map(str, paths)]
    return subprocess.Popen(
        [*command, "--out", str(out), "--model", str(model), "--workers", "1"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,
    )


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_killed_ten_times_at_random_the_bytes_are_the_same(tmp_path: Path) -> None:
    paths = []
    for number in range(2):
        pixels, _ = made.biopsy(um=1.0, seed=number, length_um=4000.0)
        paths.append(made.write_pyramid(tmp_path / f"k{number}.tiff", pixels, mpp=1.0))
    model = nets.colour_net(tmp_path / "net.onnx", tile=128, um=1.0, slow=True)
    assert start(paths, tmp_path / "whole", model).wait(timeout=240) == 0
    wanted = contents(tmp_path / "whole")
    rng = random.Random(11)
    out = tmp_path / "killed"
    killed = under_way = 0
    while killed < 10:
        process = start(paths, out, model)
        if killed_at_work(process, out, rng.uniform(0.0, 1.5)):
            killed += 1
            under_way += any(out.glob("unfinished/*.done"))
            continue
        assert process.returncode == 0
        assert whole(out) == wanted
        shutil.rmtree(out)
    assert start(paths, out, model).wait(timeout=240) == 0
    assert whole(out) == wanted
    assert under_way >= 5


def killed_at_work(process: subprocess.Popen[bytes], out: Path, seconds: float) -> bool:
    """Kill a run so long after it went on with its tiles; False when it ended before."""
    before = records(out)
    while process.poll() is None and records(out) == before:
        time.sleep(0.02)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def records(out: Path) -> dict[str, int]:
    return {p.name: p.stat().st_size for p in out.glob("unfinished/*.done")}


def whole(out: Path) -> dict[str, bytes]:
    """Return what a run wrote, without what a killed one left half-written."""
    return {k: v for k, v in contents(out).items() if ".part" not in k}
