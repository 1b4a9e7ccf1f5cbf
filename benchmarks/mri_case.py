"""One patient with seven MR channels, from files to features: seconds, memory, where they go.

The patient is simulated on the grids of the protocols (T1 and GED phases 340 x 270 x 72, T2 and
DWI about 286 x 227 x 25), channels misaligned, liver outlined on GED4 only. `radiofib register`
aligns six channels to GED4 and carries the mask; `radiofib extract` computes the original image,
LoG at three widths and the wavelets of all seven, surface nodularity, volume and functional
indices. Both are run as commands, start of Python and reading included, with two workers. Memory
is the largest sum over all processes of the command, shared pages counted once (PSS).

Usage: python benchmarks/mri_case.py [--small] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

MIB = 1 << 20
RESULTS = Path(__file__).parent / "results"
WORKERS = 2
CONFIG: dict[str, Any] = {
    "imageType": {"Original": {}, "LoG": {"sigma": [1.0, 3.0, 5.0]}, "Wavelet": {}},
    "setting": {"binCount": 32},
    "liver": {
        "preprocessing": {},
        "features": ["surface"],
        "functional": {"commensurable": "declared"},
    },
}
#: What the issue of a whole case may take.
MOST_SECONDS, MOST_MIB = 60.0, 2048.0


def simulate(folder: Path, size: float) -> Path:
    """Write one patient of scanner A and return the cohort table."""
    from radiofib.simulate import MRI_SCANNERS, MriSettings, write_mri_cohort

    scanner = next(s for s in MRI_SCANNERS if s.name == "A")
    settings = MriSettings(size=size, scanners=(scanner.model_copy(update={"missing": {}}),))
    return write_mri_cohort(folder / "data", n_cases=1, seed=7, masks="ged4", settings=settings)


def memory_of(parent: int) -> float:
    """Return the memory of a process and all below it, in MiB."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    total, queue = 0, [parent]
    while queue:
        process = queue.pop()
        queue += children.get(process, [])
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next((int(s.split()[1]) for s in text.splitlines() if s.startswith("Pss:")), 0)
    return total / 1024


def measure(arguments: list[str]) -> tuple[float, float]:
    """Run a command and return its seconds and its largest memory in MiB."""
    start, most = time.perf_counter(), 0.0
    process = subprocess.Popen(
        [sys.executable, "-m", "radiofib", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while process.poll() is None:
        most = max(most, memory_of(process.pid))
        time.sleep(0.05)
    seconds = time.perf_counter() - start
    said = process.stdout.read() if process.stdout else ""
    if process.returncode not in (0, 3):
        raise SystemExit(f"radiofib {' '.join(arguments)} failed:\n{said}")
    return seconds, most


def whole(table: Path, folder: Path) -> list[dict[str, Any]]:
    """Run both commands twice: the second time nothing is left to compile."""
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    rows = []
    for turn in ("warm-up", "measured"):
        aligned, features = folder / turn / "aligned", folder / turn / "features.parquet"
        workers = ["--workers", str(WORKERS)]
        steps = {
            "radiofib register": ["register", str(table), "--out", str(aligned), *workers],
            "radiofib extract": [
                *("extract", str(aligned / "cohort.csv"), "--config", str(config)),
                *("--out", str(features), *workers),
            ],
        }
        rows = [
            {"part": name, "seconds": seconds, "peak_mib": most}
            for name, arguments in steps.items()
            for seconds, most in (measure(arguments),)
        ]
    check(folder / "measured")
    total = sum(r["seconds"] for r in rows)
    return [*rows, {"part": "both", "seconds": total, "peak_mib": max(r["peak_mib"] for r in rows)}]


def check(folder: Path) -> None:
    """Stop unless six channels were aligned and every channel has its features."""
    from radiofib.table import FeatureTable

    quality = pd.read_csv(folder / "aligned" / "registration.csv")
    features = FeatureTable.from_parquet(folder / "features.parquet")
    channels = {c.partition("_")[0] for c in features.X.columns[features.X.notna().all()]}
    texture = features.X.filter(regex="_(glcm|glrlm|glszm|gldm|ngtdm)_")
    if len(quality) != 6 or (quality["verdict"] == "failed").any() or len(channels) != 7:
        raise SystemExit(f"not everything was computed:\n{quality}\n{sorted(channels)}")
    if texture.isna().to_numpy().mean() > 0.01:
        raise SystemExit("texture is missing")


def profile(table: Path, folder: Path) -> list[dict[str, Any]]:
    """Do the steps one after the other in this process, on one core, and time each."""
    import SimpleITK as sitk

    from radiofib.cohort import Cohort
    from radiofib.engines import ExtractionConfig, get_engine
    from radiofib.extract.prepared import load_regions
    from radiofib.features.surface import surface_features
    from radiofib.images import as_sitk, load_roi, read_image, write_volume
    from radiofib.preprocess.register import RegistrationSettings, register_pair, resample_to

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    spent: dict[str, float] = {}

    def timed(name: str, call: Any, *arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        result = call(*arguments, **options)
        spent[name] = spent.get(name, 0.0) + time.perf_counter() - start
        return result

    channels = {a.channel: a for a in Cohort.read(table).acquisitions}
    fixed = timed("read images", lambda: as_sitk(read_image(channels["ged4"].image)))
    outline = load_roi(channels["ged4"].image, channels["ged4"].mask, channel="ged4")
    mask = sitk.GetImageFromArray(outline.mask.astype("uint8"))
    mask.CopyInformation(fixed)
    for name, a in channels.items():
        if name == "ged4":
            continue
        moving = timed("read images", lambda a=a: as_sitk(read_image(a.image)))
        found = timed(
            "register six pairs",
            *(register_pair, fixed, moving, RegistrationSettings()),
            fixed_mask=mask,
        )
        moved = timed("resample", resample_to, moving, fixed, found.transform)
        timed("write aligned images", write_volume, folder / f"{name}.nii.gz", moved)
    aligned = Cohort.read(folder / "measured" / "aligned" / "cohort.csv")
    engine = get_engine("native")
    liver = {"liver": {"preprocessing": {}}}
    for a in aligned.acquisitions:
        config = ExtractionConfig.parse(liver, where="benchmark")
        regions = timed("read, clip spikes", load_regions, a, config)
        for name, types in (
            ("texture of the original image", {"Original": {}}),
            ("texture of LoG x 3", {"LoG": CONFIG["imageType"]["LoG"]}),
            ("texture of 8 wavelet images", {"Wavelet": {}}),
        ):
            one = {"imageType": types, "setting": CONFIG["setting"]}
            config = ExtractionConfig.parse(one, where="benchmark")
            timed(name, engine.extract, regions.measured, config)
        timed("surface nodularity", surface_features, regions.drawn)
    return [{"part": f"one core: {k}", "seconds": v, "peak_mib": None} for k, v in spent.items()]


def main() -> None:
    """Measure, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a small grid, to see that it runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    from radiofib.provenance import environment

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = simulate(folder, 0.5 if arguments.small else 1.0)
        rows = [*whole(table, folder), *profile(table, folder)]
    found = pd.DataFrame(rows)
    print(found.round(1).to_string(index=False, na_rep=""))
    versions = environment(("numpy", "scipy", "numba", "SimpleITK"))
    print(", ".join(f"{k} {v}" for k, v in versions.items()))
    arguments.out.mkdir(parents=True, exist_ok=True)
    found.assign(versions=str(versions)).to_csv(
        arguments.out / "mri_case.csv", index=False, float_format="%.3f"
    )
    both = next(r for r in rows if r["part"] == "both")
    if not arguments.small and (both["seconds"] > MOST_SECONDS or both["peak_mib"] > MOST_MIB):
        raise SystemExit(f"above {MOST_SECONDS:g} s or {MOST_MIB:g} MiB")


if __name__ == "__main__":
    main()
