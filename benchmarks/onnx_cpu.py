"""Networks as ONNX graphs on a CPU against the same networks in torch: images a second.

Usage: python benchmarks/onnx_cpu.py [--small] [--runs 7] [--threads 2] [--out FOLDER]

ResNet34 (224 x 224) and SegFormer-b0 (256 x 256, bytes to labels) with seeded weights, in one
process, in turn, as often as asked; outputs must be equal first. For each network and size of the
batch: torch in eager mode and under inference_mode, contiguous and channels last; the graph of
``radiofib onnx convert``; for SegFormer also the plain exports of torch (both of its exporters) of
the same bytes-to-labels network; for ResNet34 also static int8, calibrated on simulated pictures.
Speed is images over the least wall seconds of the runs; each way has its best batch in the line
``best``. Gains are the graph's best over the best of torch eager, and over the best plain export.

Wanted: graph over eager 1.3 for both, int8 over eager 2.5, SegFormer's graph over the plain
export 1.6.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import onnxruntime
import pandas as pd
import PIL.Image
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # found by name from wherever it is run

from benchmarks._machine import processor
from radiofib.deep.card import Parity
from radiofib.deep.convert import ConvertSettings, convert_model
from radiofib.deep.convert.parity import compare_outputs, seeded_pictures
from radiofib.deep.convert.resnet import ResNetPlan
from radiofib.deep.convert.seeded import seeded_resnet, seeded_segformer
from radiofib.deep.convert.segformer import SegFormerPlan
from radiofib.deep.convert.torch_nets import ResNet, SegFormer, SegFormerLabels, load_weights
from radiofib.deep.precision import int8_variant
from radiofib.provenance import environment
from radiofib.simulate.lesion_images import simulate_varied_images

RESULTS = Path(__file__).parent / "results"
WANTED = {"onnx": 1.3, "onnx int8": 2.5, "over plain export": 1.6}
Way = Callable[[np.ndarray], np.ndarray]


def session(path: Path, threads: int, outputs: list[str]) -> Way:
    """Return a function that runs a graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    made = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda batch: made.run(outputs, {"image": batch})[0]


def eager(module: Any, output: int, *, last: bool = False) -> Way:
    """Return a function that runs a module as it is."""
    module = module.to(memory_format=torch.channels_last) if last else module

    def run(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x = torch.from_numpy(batch)
            if last and x.is_floating_point():
                x = x.contiguous(memory_format=torch.channels_last)
            return module(x)[output].numpy()

    return run


def save_weights(weights: dict[str, np.ndarray], path: Path) -> Path:
    torch.save({name: torch.from_numpy(array) for name, array in weights.items()}, str(path))
    return path


def write_pictures(folder: Path, n: int, seed: int) -> list[Path]:
    folder.mkdir()
    paths = []
    for k, pixels in enumerate(simulate_varied_images(n, seed=seed)):
        paths.append(folder / f"{k:03d}.png")
        PIL.Image.fromarray(pixels).save(paths[-1])
    return paths


def resnet_ways(folder: Path, threads: int, small: bool) -> tuple[dict[str, Way], np.ndarray, dict]:
    """Return the ways to compute ResNet34's embedding, inputs, and what int8 costs."""
    name = "resnet10" if small else "resnet34"
    size = 64 if small else 224
    plan = ResNetPlan(name, channels=3)
    grey = simulate_varied_images(4 if small else 32, seed=31)[:, :size, :size]
    inputs = np.repeat((grey.astype(np.float32) / 255 - 0.5)[:, None] / 0.25, 3, axis=1)
    weights = seeded_resnet(plan, inputs[:16])
    facts = {
        "licence": "CC0-1.0",
        "preprocessing": {
            "resize": "stretch", "value_range": [0, 1], "mean": [0.5] * 3, "sd": [0.25] * 3,
        },
    }  # fmt: skip
    source = save_weights(weights, folder / "resnet.pt")
    settings = ConvertSettings(size=(size, size))
    convert_model(name, source, folder / "resnet.onnx", stated=facts, settings=settings)
    calibration = write_pictures(folder / "calibration", 4 if small else 64, 21)
    unseen = write_pictures(folder / "unseen", 4 if small else 60, 22)
    card = int8_variant(folder / "resnet.onnx", folder / "int8.onnx", calibration, unseen)
    assert card.variant is not None
    ways = {
        "torch eager": eager(load_weights(ResNet(plan), weights), 1),
        "torch eager, channels last": eager(load_weights(ResNet(plan), weights), 1, last=True),
        "onnx": session(folder / "resnet.onnx", threads, ["embedding"]),
        "onnx int8": session(folder / "int8.onnx", threads, ["embedding"]),
    }
    told = card.variant.model_dump(include={"cosine", "least_cosine", "same_neighbour"})
    return ways, inputs, told


def segformer_ways(folder: Path, threads: int, small: bool) -> tuple[dict[str, Way], np.ndarray]:
    """Return the ways from the bytes of tiles to labels, and tiles."""
    side = 64 if small else 256
    plan = SegFormerPlan("segformer-b0", classes=3)
    tiles = seeded_pictures(4 if small else 32, (side, side, 3), seed=1)
    floats = tiles[:4].transpose(0, 3, 1, 2).astype(np.float32) / 255
    weights = seeded_segformer(plan, floats)
    source = save_weights(weights, folder / "segformer.pt")
    settings = ConvertSettings(size=(side, side))
    convert_model("hotspot", source, folder / "segformer.onnx", settings=settings)
    module = SegFormerLabels(load_weights(SegFormer(plan), weights)).eval()
    last = SegFormerLabels(load_weights(SegFormer(plan), weights)).eval()
    ways = {
        "torch eager": eager(module, 0),
        "torch eager, channels last": eager(last, 0, last=True),
        "onnx": session(folder / "segformer.onnx", threads, ["labels"]),
    }
    for exporter in ("traced", "dynamo"):
        path = folder / f"plain_{exporter}.onnx"
        if plain_export(module, torch.from_numpy(tiles[:2]), path, exporter):
            ways[f"plain export, {exporter}"] = session(path, threads, ["labels"])
    return ways, tiles


def plain_export(module: Any, example: Any, path: Path, exporter: str) -> bool:
    """Write a module as torch writes it; say when it cannot."""
    more: dict[str, Any] = {"dynamic_axes": {"image": {0: "batch"}}}
    if exporter == "dynamo":
        more = {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                (example,),
                str(path),
                input_names=["image"],
                output_names=["labels", "logits"],
                dynamo=exporter == "dynamo",
                **more,
            )
    except Exception as error:  # an exporter that is not there is no failure of ours
        print(f"plain export, {exporter}: {' '.join(str(error).split())[:120]}")
        return False
    return True


def same(network: str, ways: dict[str, Way], inputs: np.ndarray) -> dict[str, Parity]:
    """Compare each way with torch eager on a few inputs; stop where one is another network."""
    few = inputs[:4]
    wanted = {"output": ways["torch eager"](few)}
    found = {}
    for name, way in ways.items():
        parity = compare_outputs(wanted, {"output": way(few)}, against="torch eager")
        found[name] = parity
        if name == "onnx int8":
            continue
        wrong = (parity.largest_relative or 0) > 1e-4
        if wrong or (parity.equal_labels is not None and parity.equal_labels < 0.9999):
            raise SystemExit(f"{network}, {name}: not the same network: {parity}")
    return found


def measure(
    network: str, ways: dict[str, Way], inputs: np.ndarray, batches: tuple[int, ...], runs: int
) -> pd.DataFrame:
    """Return images a second of every way at every batch, measured in turn."""
    parity = same(network, ways, inputs)
    least: dict[tuple[str, int], float] = {}
    for run in range(runs + 1):  # the first warms up
        for batch in batches:
            part = inputs[:batch]
            for name, way in ways.items():
                start = time.perf_counter()
                way(part)
                took = time.perf_counter() - start
                if run:
                    least[name, batch] = min(took, least.get((name, batch), np.inf))
    return pd.DataFrame(
        {
            "network": network,
            "way": name,
            "batch": batch,
            "images_per_s": round(batch / seconds, 2),
            "largest_relative": parity[name].largest_relative,
            "equal_labels": parity[name].equal_labels,
        }
        for (name, batch), seconds in least.items()
    )


def gains(table: pd.DataFrame) -> pd.DataFrame:
    """Return each graph's best speed over the best of torch eager and of the plain exports."""
    rows = []
    for network, part in table.groupby("network", sort=False):
        best = part.groupby("way")["images_per_s"].max()
        peer = best[[w for w in best.index if w.startswith("torch")]].max()
        first = best["torch eager"]
        for way in [w for w in best.index if w.startswith("onnx")]:
            for name, speed in (("torch eager", first), ("best torch eager", peer)):
                rows.append((network, way, name, best[way] / speed, WANTED[way]))
        plain = [w for w in best.index if w.startswith("plain")]
        wanted = WANTED["over plain export"]
        rows += [(network, "onnx", w, best["onnx"] / best[w], wanted) for w in plain]
    found = pd.DataFrame(rows, columns=["network", "way", "against", "gain", "wanted"])
    found["reached"] = found["gain"] >= found["wanted"]
    found["gain"] = found["gain"].round(2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="small networks, one run")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    runs, batches = (1, (1, 2)) if given.small else (given.runs, (1, 4, 8, 16))
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        ways, inputs, told = resnet_ways(Path(folder), given.threads, given.small)
        table = measure("resnet34", ways, inputs, batches, runs)
        ways, tiles = segformer_ways(Path(folder), given.threads, given.small)
        table = pd.concat([table, measure("segformer-b0", ways, tiles, batches, runs)])
    found = gains(table)
    print(table.to_string(index=False))
    print(found.to_string(index=False))
    print("int8 against fp32 on unseen pictures:", told)
    whole = pd.concat([table, found], ignore_index=True)
    whole["threads"] = given.threads
    for name, value in told.items():
        whole.loc[whole["way"] == "onnx int8", f"int8_{name}"] = round(value, 4)
    whole["processor"] = processor()
    for name, version in environment(("numpy", "torch", "onnx", "onnxruntime")).items():
        whole[name] = version
    given.out.mkdir(parents=True, exist_ok=True)
    whole.to_csv(given.out / "onnx_cpu.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
