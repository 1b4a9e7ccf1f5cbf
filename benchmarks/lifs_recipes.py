"""The eleven recipes after the LiFS methods on one simulated folder: seconds, and the LiFS table.

The folder is laid out as LiFS is, with its traps: 40 training cases of three scanners, all stages
at every scanner, liver outlined on GED4 only, voxels about three times as wide as the real ones.
Every recipe is run as it is packaged, `radiofib run NAME --root FOLDER`, on one process: `seconds`
by the clock, `cpu_s` of the processor. Recipes that align channels in the same way share the
alignment of the first of them (`aligned_by`), as a run that is continued does.

ID is five-fold cross-validation, OOD leave-one-scanner-out. With 40 cases a cell has a standard
error of about 8 points, so the table shows that recipes run, not which is better; published rows
stand beside it and are of other data and of other methods, the authors' networks.

Usage: python benchmarks/lifs_recipes.py [--only NAME ...] [--work FOLDER] [--out FOLDER] [--small]
A folder that is named with --work keeps the runs, and a second call does what is missing; seconds
of a run that was `resumed` are those of its rest.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

RESULTS = Path(__file__).parent / "results"
#: recipe -> the method it answers
METHODS = {
    "lifs_sjtu1": "SJTU1",
    "lifs_uob": "UoB",
    "lifs_uon": "UoN",
    "lifs_sjtu2": "SJTU2",
    "lifs_sdu": "SDU",
    "lifs_nctst": "NCTST",
    "lifs_hqu": "HQU",
    "lifs_nwu_cn": "NWU-CN",
    "lifs_ucl": "UCL",
    "lifs_resnet3d": "ResNet3D",
    "lifs_vit3d": "ViT3D",
}
#: Steps whose seconds are told apart; what comes after the last is exports and report.
STEPS = ("masks", "register", "features", "audit", "train", "evaluate", "submission", "export")
SEED = 20260525


def write_folder(folder: Path, *, cases: int = 40, size: float = 0.3, masks: str = "ged4") -> Path:
    """Write a folder laid out as LiFS is: three scanners, every stage equally often at each.

    With 24 cases each stage has six, so that five folds can be dealt; with 40 also folds within
    folds of the cases that have DWI, which S1 often lacks at one scanner.
    """
    from radiofib.simulate.mri import MriSettings
    from radiofib.simulate.mri_lifs import write_lifs_folder
    from radiofib.simulate.mri_scanner import MRI_SCANNERS

    even = {"stage_weights": (1.0, 1.0, 1.0, 1.0), "weight": 1.0}
    scanners = tuple(scanner.model_copy(update=even) for scanner in MRI_SCANNERS)
    settings = MriSettings(size=size, scanners=scanners)
    return write_lifs_folder(
        folder, n_training=cases, n_validation=4, seed=SEED, masks=masks, settings=settings
    )


def run_recipe(name: str, root: Path, work: Path) -> dict[str, Any]:
    """Run a recipe as it is packaged and return its counts and seconds."""
    from radiofib.study import StudyConfig, find_study, run_study

    out, done = work / name, work / f"{name}.json"
    if done.is_file():
        found: dict[str, Any] = json.loads(done.read_text())
        return found
    study = StudyConfig.from_yaml(find_study(name))
    resumed = out.is_dir()
    shared = _share_alignment(study, out, work)
    clock = _Clock()
    result = run_study(study, root=root, out=out, workers=1, progress=clock.tell)
    facts = json.loads((out / "run.json").read_text())
    extraction = study.extraction if isinstance(study.extraction, dict) else {}
    row = {
        "recipe": name,
        "instances": extraction.get("instances", {}).get("kind", "whole"),
        "stager": study.stager.name,
        "cases": facts["counts"]["cases"],
        "features": facts["counts"]["features"],
        "failures": len(result.failures),
        "aligned_by": shared,
        "resumed": resumed,
        **clock.seconds(),
    }
    done.write_text(json.dumps(row))
    return row


def _share_alignment(study: Any, out: Path, work: Path) -> str:
    """Begin a run with the masks and aligned images of another that aligns in the same way."""
    plan = study.registration.model_dump(exclude={"grid", "on_failure", "on_look"})
    (work / "plans").mkdir(parents=True, exist_ok=True)
    for file in sorted((work / "plans").glob("*.json")):
        if not (work / file.name).is_file():
            continue  # of this run itself, or of one that was stopped
        if json.loads(file.read_text()) == json.loads(json.dumps(plan, default=str)):
            for part in ("masks", "registration"):
                if (work / file.stem / part).is_dir():
                    shutil.copytree(work / file.stem / part, out / part, dirs_exist_ok=True)
            return file.stem
    (work / "plans" / f"{out.name}.json").write_text(json.dumps(plan, default=str))
    return ""


class _Clock:
    """Seconds of each step, by when the next one is told of."""

    def __init__(self) -> None:
        self._start, self._cpu = time.perf_counter(), time.process_time()
        self._first: dict[str, float] = {}

    def tell(self, step: str, done: int, total: int) -> None:  # noqa: ARG002
        """Take the time of a step's first word."""
        self._first.setdefault(step, time.perf_counter())

    def seconds(self) -> dict[str, float]:
        """Return the seconds of all and of each step."""
        end = time.perf_counter()
        begun = sorted(self._first.items(), key=lambda item: item[1])
        ends = [at for _, at in begun[1:]] + [end]
        found = {step: stop - at for (step, at), stop in zip(begun, ends, strict=True)}
        cpu = time.process_time() - self._cpu
        total = {"seconds": round(end - self._start, 1), "cpu_s": round(cpu, 1)}
        return total | {f"{step}_s": round(found.get(step, 0.0), 1) for step in STEPS}


def score_runs(work: Path, names: list[str]) -> pd.DataFrame:
    """Return the cells of the protocol of all runs, under the names of the published methods."""
    from radiofib.evaluation.lifs import score_cells
    from radiofib.evaluation.recalibration import UNCALIBRATED
    from radiofib.table import read_frame

    frames = []
    for name in names:
        frame = read_frame(work / name / "predictions.csv")
        models = frame["model"].astype(str)
        own = frame[~models.str.startswith("control_") & ~models.str.endswith(UNCALIBRATED)]
        frames.append(own.assign(model=METHODS[name]))
    cells = score_cells(pd.concat(frames, ignore_index=True), data="simulated")
    baselines = cells["reader"].isin(["ResNet3D", "ViT3D"])
    return cells.assign(kind=cells["kind"].mask(baselines, "baseline"))


def with_scores(rows: list[dict[str, Any]], cells: pd.DataFrame) -> pd.DataFrame:
    """Put the cells, the aggregate scores and the published scores beside the runs."""
    from radiofib.evaluation.lifs import aggregate_scores, find_collapse, published_cells

    frame = pd.DataFrame(rows)
    frame.insert(1, "method", [METHODS[name] for name in frame["recipe"]])
    own = aggregate_scores(cells).set_index("reader")
    published = aggregate_scores(published_cells()).set_index("reader")
    for column in ("ID", "OOD", "drop"):
        frame[column] = [round(float(own.loc[m, column]), 2) for m in frame["method"]]
    for column in ("ID", "OOD", "drop"):
        known = published[column].astype(float)
        frame[f"published_{column}_other_data"] = [round(known[m], 2) for m in frame["method"]]
    collapse = find_collapse(cells)
    for what in ("decision_collapse", "rank_collapse"):
        hit = collapse[collapse[what].isin(["yes", "suspected"])]
        frame[what] = [int((hit["reader"] == m).sum()) for m in frame["method"]]
    parts = ["setting", "subtask", "metric", "domain"]
    names = cells[parts].agg(" ".join, axis=1)
    wide = cells.assign(cell=names).pivot_table(index="reader", columns="cell", values="percent")
    wide = wide[list(dict.fromkeys(names))].round(2)
    return frame.join(wide, on="method")


def main() -> None:
    """Run the recipes and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--work", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--small", action="store_true", help="24 cases, voxels of a centimetre")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        names = ["lifs_ucl", "lifs_hqu"] if arguments.small else arguments.only
        root = work / "lifs"
        if not (root / "truth.json").is_file():
            small = {"cases": 24, "size": 0.15, "masks": "all"} if arguments.small else {}
            write_folder(root, **small)
        for name in names:
            row = run_recipe(name, root, work)
            print(f"{name:<14} {row['seconds']:7.1f} s, {row['failures']} failures", flush=True)
        finished = [n for n in METHODS if (work / f"{n}.json").is_file()]
        rows = [json.loads((work / f"{n}.json").read_text()) for n in finished]
        cells = score_runs(work, finished)
        arguments.out.mkdir(parents=True, exist_ok=True)
        with_scores(rows, cells).to_csv(arguments.out / "lifs_recipes.csv", index=False)
        if arguments.work is not None:
            write_table(cells, work / "table")


def write_table(cells: pd.DataFrame, out: Path) -> None:
    """Write every table and figure of the protocol, and the published rows beside ours."""
    from radiofib.evaluation.files import write_tables
    from radiofib.evaluation.lifs import beside_published, published_methods, write_lifs

    write_lifs(cells, out, methods=published_methods())
    write_tables(out, {"beside_published": beside_published(cells)})


if __name__ == "__main__":
    main()
