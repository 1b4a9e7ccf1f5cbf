"""Registration against a known truth, and beside two published settings on the same pairs.

Pairs of channels of one simulated anatomy, each with its own scanner (law of intensities, voxels,
field of view); the moving image is then put elsewhere by its header, so that its voxels stay as
they are and the true transform is known. An error is the mean distance over points of the liver.

plain      starts up to 10 degrees about and 20 mm along each axis, no masks; with the published
           settings too
masks      the first of them, with both liver masks
far        up to 45 degrees and 80 mm, without masks
slab       the moving field of view cut to 0.8 x 0.8 x 0.35
stranger   the moving image is another patient's: any transform counts as wrong
sts        CT and T1 MR of two patients' thighs (real): 50 solutions about their own median
stsmasks   the same with the tumour outlined on both

The published settings are those of two LiFS methods as far as they are described (arXiv
2605.25595): UCL rigid, joint-histogram mutual information, and NCTST affine, Mattes mutual
information at one resolution. Both start with the centres of the fields of view laid over each
other, use 1 % of the voxels and scales from physical shift. Time is that of the processor, one
thread; ours includes the verdict.

Usage: python benchmarks/registration.py [--small] [--out FOLDER] [--seed N] [--workers N]
       [--groups A,B] [--ours] [--data FOLDER with mri/ibsi_sts]
The full run takes about two hours of one core, most of it the published settings. Rows are
written as they come, so that a run cut short leaves a table of what was done; the plain pairs
take turns, so that what was done is a fair sample. Groups can be run apart: the rows of the
other groups stay in the table if they have the same seed.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from radiofib.parallel import map_pieces
from radiofib.preprocess.register import RegistrationSettings, register_pair
from radiofib.provenance import environment
from radiofib.simulate._random import child_rng
from radiofib.simulate.pairs import (
    Pair,
    PairSettings,
    draw_pair,
    misplaced,
    misplacement,
    moved_header,
)

RESULTS = Path(__file__).parent / "results"
MIDDLE = (0.0, 0.0, 8.0)
#: Kind of pair, masks, degrees, mm, number of registrations.
GROUPS: dict[str, tuple[Any, bool, float, float, int]] = {
    "plain": ("plain", False, 10, 20, 50),
    "masks": ("plain", True, 10, 20, 10),
    "far": ("plain", False, 45, 80, 10),
    "slab": ("slab", False, 10, 20, 10),
    "stranger": ("stranger", False, 10, 20, 10),
}
STS = ("STS_002", "STS_003")
STS_STARTS = {"sts": 50, "stsmasks": 50}
STS_GROUPS = tuple(STS_STARTS)


def ours(fixed: Any, moving: Any, masks: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    found = register_pair(fixed, moving, RegistrationSettings(), **masks)
    figures = {
        "verdict": found.verdict,
        "residual_mm": round(found.residual_mm, 3),
        "inverse_mm": round(found.inverse_consistency_mm, 3),
        "overlap": round(found.overlap, 3),
        "dice": None if found.dice_after is None else round(found.dice_after, 4),
        "starts": found.starts,
    }
    return found.transform, figures


def ucl(fixed: Any, moving: Any, masks: dict[str, Any]) -> tuple[Any, dict[str, Any]]:  # noqa: ARG001
    fixed, moving = (sitk.Cast(i, sitk.sitkFloat32) for i in (fixed, moving))
    method = _published(fixed, moving, sitk.Euler3DTransform())
    method.SetMetricAsJointHistogramMutualInformation()
    method.SetOptimizerAsGradientDescent(5.0, 100, 1e-6, 10)
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([4.0, 2.0, 1.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return _run(method, fixed, moving)


def nctst(fixed: Any, moving: Any, masks: dict[str, Any]) -> tuple[Any, dict[str, Any]]:  # noqa: ARG001
    fixed, moving = (sitk.Cast(i, sitk.sitkFloat32) for i in (fixed, moving))
    method = _published(fixed, moving, sitk.AffineTransform(3))
    method.SetMetricAsMattesMutualInformation(50)
    method.SetOptimizerAsGradientDescent(1.0, 300, 1e-6, 10)
    return _run(method, fixed, moving)


def _published(fixed: Any, moving: Any, transform: Any) -> Any:
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetMetricSamplingStrategy(sitk.ImageRegistrationMethod.RANDOM)
    method.SetMetricSamplingPercentage(0.01, 1)
    start = sitk.CenteredTransformInitializer(
        fixed, moving, transform, sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method.SetInitialTransform(start, inPlace=False)
    return method


def _run(method: Any, fixed: Any, moving: Any) -> tuple[Any, dict[str, Any]]:
    method.SetOptimizerScalesFromPhysicalShift()
    return method.Execute(fixed, moving), {"verdict": ""}


METHODS: dict[str, Callable[..., tuple[Any, dict[str, Any]]]] = {
    "radiofib": ours,
    "ucl": ucl,
    "nctst": nctst,
}


@lru_cache(maxsize=5)  # drawing a pair takes longer than registering it
def one_pair(number: int, seed: int, kind: Any, settings: PairSettings) -> Pair:
    return draw_pair(number, seed, kind, settings)


def measure(
    piece: tuple[str, int, tuple[str, ...]], seed: int, settings: PairSettings
) -> list[dict[str, Any]]:
    """Register one pair from one start with some methods."""
    group, number, methods = piece
    kind, masked, degrees, shift, _ = GROUPS[group]
    stream = "plain" if group == "masks" else group  # the same starts
    rng = child_rng(seed, f"start-{stream}", number)
    drawn = one_pair(number % len(settings.combinations), seed, kind, settings)
    pair = misplaced(drawn, misplacement(rng, degrees, shift, MIDDLE))
    masks = {"fixed_mask": pair.fixed_mask, "moving_mask": pair.moving_mask} if masked else {}
    begin = sitk.Transform(3, sitk.sitkIdentity)
    rows = []
    for method in methods:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        row: dict[str, Any] = {"group": group, "pair": pair.name, "start": number}
        row |= {"method": method, "start_mm": round(float(pair.error_mm(begin).mean()), 2)}
        clock = time.process_time()
        try:
            transform, figures = METHODS[method](pair.fixed, pair.moving, masks)
        except RuntimeError as error:
            print(group, number, method, "no transform:", str(error).splitlines()[-1][:120])
            transform, figures = begin, {"verdict": "error"}
        row["cpu_s"] = round(time.process_time() - clock, 2)
        if kind != "stranger":
            row["error_mm"] = round(float(pair.error_mm(transform).mean()), 3)
        rows.append(row | figures)
    return rows


def settle(
    piece: tuple[str, int], seed: int, folder: Path, *, masked: bool
) -> tuple[Any, dict[str, Any]]:
    """Register MR to CT of a real patient from one start; points where the solution puts them."""
    patient, number = piece
    fixed, moving, mask = (
        sitk.ReadImage(str(folder / patient / name), sitk.sitkFloat32)
        for name in ("CT_image.nii.gz", "MR_T1_image.nii.gz", "CT_mask.nii.gz")
    )
    inside = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0)[::50, ::-1]
    points = [mask.TransformIndexToPhysicalPoint(p) for p in inside.tolist()]
    middle = tuple(np.mean(points, axis=0).tolist())
    by = misplacement(child_rng(seed, f"start-{patient}", number), 10, 20, middle)
    masks: dict[str, Any] = {}
    if masked:
        own = sitk.ReadImage(str(folder / patient / "MR_T1_mask.nii.gz"))
        masks = {"fixed_mask": mask > 0, "moving_mask": moved_header(own > 0, by)}
    clock = time.process_time()
    transform, figures = ours(fixed, moved_header(moving, by), masks)
    row = {
        "group": "stsmasks" if masked else "sts",
        "pair": f"{patient} CT MR-T1",
        "start": number,
        "method": "radiofib",
    }
    row |= {"cpu_s": round(time.process_time() - clock, 2)}
    back = by.GetInverse()
    there = [back.TransformPoint(transform.TransformPoint(p)) for p in points]
    gone = np.linalg.norm(np.subtract([by.TransformPoint(p) for p in points], points), axis=1)
    row["start_mm"] = round(float(gone.mean()), 2)
    away = np.linalg.norm(np.subtract(there, points), axis=1)
    row["error_mm"] = round(float(away.mean()), 3)
    return np.array(there), row | figures


def spread(found: list[tuple[Any, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Add to each row the mean distance of its solution from its patient's median solution."""
    rows = []
    for pair in dict.fromkeys(row["pair"] for _, row in found):
        mine = [(there, row) for there, row in found if row["pair"] == pair]
        median = np.median([there for there, _ in mine], axis=0)
        for there, row in mine:
            away = float(np.linalg.norm(there - median, axis=1).mean())
            rows.append(row | {"spread_mm": round(away, 3)})
    return rows


def summary(rows: pd.DataFrame) -> list[str]:
    """Return what the run says, in sentences."""
    lines = []
    for (group, method), part in rows.groupby(["group", "method"], sort=False):
        line = f"{group}, {method}: {len(part)} runs, {part['cpu_s'].median():.1f} s"
        if part["error_mm"].notna().any() and group not in STS_GROUPS:
            line += f", error median {part['error_mm'].median():.2f} mm,"
            line += f" 95 % below {part['error_mm'].quantile(0.95):.2f}"
        if group in STS_GROUPS:
            for pair, half in part.groupby("pair"):
                line += f"; {pair}: spread median {half['spread_mm'].median():.2f},"
                line += f" largest {half['spread_mm'].max():.2f} mm"
        if method == "radiofib":
            line += "; " + ", ".join(f"{k} {v}" for k, v in part["verdict"].value_counts().items())
        lines.append(line)
    mine = rows[(rows["method"] == "radiofib") & ~rows["group"].isin(STS_GROUPS)]
    error = mine["error_mm"].fillna(np.inf)
    wrong, right = mine[error > 5], mine[error < 2]
    for what, part, good in (("over 5 mm", wrong, False), ("under 2 mm", right, True)):
        hits = int(((part["verdict"] == "good") == good).sum())
        says = "good" if good else "look or failed"
        lines.append(f"error {what}: {says} in {hits} of {len(part)}")
    both = rows[rows["group"] == "plain"].pivot_table(
        index="start", columns="method", values=["error_mm", "cpu_s"]
    )
    for method in ("ucl", "nctst"):
        if ("cpu_s", method) in both:
            pairs = both[both["cpu_s", method].notna()]
            error, cpu = pairs["error_mm"], pairs["cpu_s"]
            ratio = cpu[method] / cpu["radiofib"]
            less = int((error["radiofib"] < error[method]).sum())
            lines.append(
                f"against {method}, {len(pairs)} pairs: error median"
                f" {error['radiofib'].median():.2f} and {error[method].median():.2f} mm,"
                f" lower in {less}; time median"
                f" {cpu['radiofib'].median():.1f} and {cpu[method].median():.1f} s,"
                f" {ratio.median():.1f} times as fast (least {ratio.min():.1f})"
            )
    return lines


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and store the table of runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="tiny volumes, to see that it runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--seed", type=int, default=2027)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--ours", action="store_true", help="without the published settings")
    parser.add_argument("--groups", default=",".join((*GROUPS, *STS_GROUPS)))
    default = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    data = Path(os.environ.get("RADIOFIB_EXTERNAL_DATA", default)) / "mri" / "ibsi_sts"
    parser.add_argument("--data", type=Path, default=data)
    options = parser.parse_args(arguments)
    settings = PairSettings(size=0.25) if options.small else PairSettings()
    wanted = options.groups.split(",")
    pieces: list[tuple[str, int, tuple[str, ...]]] = []
    for group in [g for g in GROUPS if g in wanted]:
        methods = tuple(METHODS) if group == "plain" and not options.ours else ("radiofib",)
        runs = range(1 if options.small else GROUPS[group][-1])
        pieces += [(group, number, methods) for number in runs]
    table = options.out / "registration.csv"
    rows = earlier(table, wanted, options.seed)
    keep = partial(store, table, seed=options.seed)
    work = partial(measure, seed=options.seed, settings=settings)
    for _, found in map_pieces(work, pieces, workers=options.workers, on_crash=_stop):
        for row in found:
            print(", ".join(f"{k} {v}" for k, v in row.items()), flush=True)
        rows += found
        keep(rows)
    there = [] if options.small or not options.data.is_dir() else STS_GROUPS
    for group in [g for g in there if g in wanted]:
        starts = [(patient, number) for number in range(STS_STARTS[group]) for patient in STS]
        masked = group == "stsmasks"
        settled = partial(settle, seed=options.seed, folder=options.data, masked=masked)
        found_all = []
        for _, done in map_pieces(settled, starts, workers=options.workers, on_crash=_stop):
            found_all.append(done)
            print(", ".join(f"{k} {v}" for k, v in done[1].items()), flush=True)
            keep([*rows, *spread(found_all)])
        rows += spread(found_all)
    print("\n".join(summary(pd.read_csv(table))))


def earlier(table: Path, wanted: list[str], seed: int) -> list[dict[str, Any]]:
    """Return the rows that a table holds of other groups, when they are of the same seed."""
    if not table.is_file():
        return []
    frame = pd.read_csv(table)
    kept = frame[(frame["seed"] == seed) & ~frame["group"].isin(wanted)]
    return kept.to_dict("records")


def store(table: Path, rows: list[dict[str, Any]], *, seed: int) -> None:
    """Write the table of what was measured so far."""
    order = {g: i for i, g in enumerate((*GROUPS, *STS_GROUPS))}
    frame = pd.DataFrame(rows).sort_values(
        ["group", "pair", "start", "method"], key=lambda c: c.map(order) if c.name == "group" else c
    )
    versions = environment(("numpy", "SimpleITK"))
    table.parent.mkdir(parents=True, exist_ok=True)
    part = table.with_suffix(".part")
    frame.assign(seed=seed, **versions).to_csv(part, index=False)
    part.replace(table)


def _stop(piece: Any, error: Exception) -> Any:
    raise SystemExit(f"{piece}: {error}")


if __name__ == "__main__":
    main()
