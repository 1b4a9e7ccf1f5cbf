"""The demo: simulated patients of known truth through the whole chain, one part a modality."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from radiofib.errors import Failure
from radiofib.report import write_report
from radiofib.simulate import write_mri_cohort, write_slide_cohort, write_ultrasound_cohort
from radiofib.study.config import StudyConfig, find_study
from radiofib.study.folder import RunFolder, write_failures
from radiofib.study.progress import Progress, silent
from radiofib.study.run import RunResult, run_study

__all__ = ["PARTS", "run_demo"]

#: Writes a cohort into a folder, from a seed, with a number of processes.
Writer = Callable[[Path, int, int | None], Path]


@dataclass(frozen=True)
class Part:
    """One modality of the demo.

    Parameters
    ----------
    name : str
        Folder of the part in the demo folder.
    recipe : str
        Packaged study recipe.
    write : callable
        Simulates the data into a folder with a seed.
    """

    name: str
    recipe: str
    write: Writer


def _write_ultrasound(out: Path, seed: int, _workers: int | None) -> Path:
    return write_ultrasound_cohort(out, n_patients=60, seed=seed)


def _write_mri(out: Path, seed: int, workers: int | None) -> Path:
    return write_mri_cohort(out, n_cases=30, seed=seed, workers=workers)


def _write_slides(out: Path, seed: int, workers: int | None) -> Path:
    return write_slide_cohort(out, n_patients=20, seed=seed, save_labels=False, workers=workers)


PARTS = (
    Part("ultrasound", "demo_ultrasound", _write_ultrasound),
    Part("mri", "demo_mri", _write_mri),
    Part("slides", "demo_slides", _write_slides),
)


def run_demo(
    out: str | Path,
    *,
    seed: int = 1,
    workers: int | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Simulate ultrasound, MRI and biopsy cohorts, stage each, and write one report.

    Nothing is simulated or computed twice: an interrupted demo goes on where it stopped.

    Parameters
    ----------
    out : path
        Folder to write: ``data/`` with the images and their truth, a run folder for each part,
        and ``report.html`` over all parts.
    seed : int
        Seed of the simulated patients.
    workers : int, optional
        Processes.
    progress : callable, optional
        Called with step, done, total.
    """
    folder = RunFolder(out)
    tell = progress or silent
    failures: list[Failure] = []
    rows = 0
    for part in PARTS:
        data = folder.root / "data" / part.name

        def simulate(part: Part = part, data: Path = data) -> None:
            # What an interrupted demo left there is not known to be whole.
            shutil.rmtree(data, ignore_errors=True)
            part.write(data, seed, workers)

        def tell_part(step: str, done: int, total: int, name: str = part.name) -> None:
            tell(f"{name}: {step}", done, total)

        tell_part("simulate", 0, 1)
        folder.step(f"simulate {part.name}", {"seed": seed}, _markers(part), simulate)
        tell_part("simulate", 1, 1)
        result = run_study(
            StudyConfig.from_yaml(find_study(part.recipe)),
            root=data,
            out=folder.root / part.name,
            workers=workers,
            progress=tell_part,
        )
        failures += [replace(f, step=f"{part.name}: {f.step}") for f in result.failures]
        rows += result.n_rows
    facts = {
        "title": "radiofib demo: simulated patients",
        "description": (
            "Ultrasound, MRI and biopsy slides of simulated patients with known truth. "
            "The figures say how the chain works, nothing about real patients."
        ),
        "parts": [part.name for part in PARTS],
    }
    folder.write_json("run.json", facts)
    write_failures(folder, failures)
    report = write_report(folder.root)
    return RunResult(folder.root, report, rows, tuple(failures))


def _markers(part: Part) -> tuple[str, ...]:
    """Files whose presence and content show that a simulated cohort is complete."""
    return (f"data/{part.name}/cohort.csv", f"data/{part.name}/truth.csv")
