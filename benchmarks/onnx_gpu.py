"""A network on a CUDA GPU against the CPU of the same machine: equal results first, then speed.

python benchmarks/onnx_gpu.py [--small] [--model FILE] [--images FOLDER] [--count 512]
       [--batch N] [--memory-mb 4096] [--threads 1] [--decoders 4] [--out FOLDER]

The same pictures go through the same file on both. First the outputs of up to 64 of them are
compared: the largest absolute difference, the largest relative to the largest value of that
output, and the smallest cosine of the two embeddings of a picture after the set's mean is taken
off; more than 1e-3 relative ends the run. Then each is timed over all pictures, reading from disk
included. Decode, transfer and compute are shares of the work done (decoding is summed over its
threads and runs beside the network). TensorFloat-32 is off on the GPU.

Without a GPU, or with an onnxruntime that has no CUDA, the CPU is measured, the table and the
last lines say what could not be, and the exit status is 0.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # found by name from wherever it is run

from benchmarks._networks import write_resnet
from radiofib.deep.bench import BenchRow, bench_model, find_pictures, write_frames
from radiofib.deep.network import RunSettings, open_network, run_pictures
from radiofib.deep.precision import embedding_parity
from radiofib.deep.providers import provider_name
from radiofib.provenance import environment, hash_file

RESULTS = Path(__file__).parent / "results"
CPU, GPU = "cpu", "cuda"
BOUND = 1e-3
COMPARED = 64


def outputs_of(model: Path, provider: str, paths: Sequence[Path]) -> dict[str, np.ndarray] | None:
    """Return all outputs of pictures by role; None where the provider is not in use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        network = open_network(model, providers=[provider])
    if provider_name(provider) not in network.session.providers:
        return None
    roles = [output.role for output in network.card.outputs]
    rows: dict[str, list[np.ndarray]] = {role: [] for role in roles}
    for found in run_pictures(network, paths, roles, settings=RunSettings(batch=1)):
        if found.error is not None:
            raise SystemExit(f"{provider}: {found.error}")
        assert found.outputs is not None
        for role, value in found.outputs.items():
            rows[role].append(value)
    return {role: np.stack(values) for role, values in rows.items()}


def parity(model: Path, paths: Sequence[Path]) -> dict[str, float]:
    """Compare the outputs on the GPU with those on the CPU; empty where there is no GPU."""
    theirs = outputs_of(model, GPU, paths)
    if theirs is None:
        return {}
    ours = outputs_of(model, CPU, paths)
    assert ours is not None
    absolute = {k: float(np.abs(ours[k].astype(float) - theirs[k]).max()) for k in ours}
    relative = {k: absolute[k] / max(float(np.abs(ours[k]).max()), 1e-30) for k in ours}
    found = {
        "compared": len(paths),
        "largest_absolute": max(absolute.values()),
        "largest_relative": max(relative.values()),
    }
    if "embedding" in ours and len(paths) > 2:
        cosine = embedding_parity(ours["embedding"], theirs["embedding"])
        found["least_cosine"] = cosine.least_cosine
        found["same_neighbour"] = cosine.same_neighbour
    if found["largest_relative"] > BOUND:
        raise SystemExit(f"outputs differ by {found['largest_relative']:.2g} of their range")
    return found


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def as_row(row: BenchRow, model: Path, cpu: BenchRow, same: dict[str, float]) -> dict[str, Any]:
    """Return one line of the table; what was not measured is empty."""
    rate, usual = row.images_per_s, cpu.images_per_s
    numbers = {
        "images": row.images,
        "batch": row.batch,
        "images_per_s": _rounded(rate, 2),
        "decode": _rounded(row.decode, 4),
        "transfer": _rounded(row.transfer, 4),
        "compute": _rounded(row.compute, 4),
        "times_cpu": _rounded(rate / usual if rate and usual else None, 3),
    }
    on_gpu = row.provider != CPU
    return {
        "model": model.name,
        "sha256": hash_file(model)[:12],
        "provider": row.provider,
        **(numbers if row.used else {}),
        **(same if on_gpu else {}),
        "note": "; ".join(row.notes),
    }


def measure(given: argparse.Namespace, folder: Path) -> tuple[pd.DataFrame, str]:
    """Return the table, and why the GPU was not measured ("" when it was)."""
    model = given.model or write_resnet(folder / "resnet34.onnx", small=given.small)
    pictures = find_pictures(given.images) if given.images else write_frames(folder, given.count)
    settings = RunSettings(batch=given.batch, memory_mb=given.memory_mb, threads=given.decoders)
    same = parity(model, pictures[:COMPARED])
    [cpu] = bench_model(model, pictures, providers=[CPU], settings=settings, threads=given.threads)
    [gpu] = bench_model(model, pictures, providers=[GPU], settings=settings)
    gpu = replace(gpu, provider=GPU)
    table = pd.DataFrame([as_row(row, model, cpu, same) for row in (cpu, gpu)])
    return table, "" if gpu.used else "; ".join(gpu.notes)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a narrow network, eight frames")
    parser.add_argument("--model", type=Path, help="a model with a card; a seeded ResNet34")
    parser.add_argument("--images", type=Path, help="folder of pictures; simulated frames")
    parser.add_argument("--count", type=int, default=512)
    parser.add_argument("--batch", type=int, default=None)
    parser.add_argument("--memory-mb", type=float, default=4096)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--decoders", type=int, default=4)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    if given.small:
        given.count = min(given.count, 8)
    with tempfile.TemporaryDirectory(prefix="radiofib-gpu-") as folder:
        table, absent = measure(given, Path(folder))
    print(table.drop(columns=["sha256", "note"]).to_string(index=False))
    for name, version in environment(("numpy", "pillow", "onnxruntime", "onnxruntime-gpu")).items():
        table[name] = version
    table["cpu_threads"] = given.threads
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "onnx_gpu.csv", index=False, lineterminator="\n")
    if absent:
        print("could not be measured: parity on CUDA, images a second on CUDA, and the shares of")
        print(f"decode, transfer and compute there, because {absent}")


if __name__ == "__main__":
    main()
