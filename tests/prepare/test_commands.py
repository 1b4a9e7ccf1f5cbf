"""radiofib register and extract as commands: killed, with one worker or two, with DICOM masks."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiofib.simulate import MRI_SCANNERS, MriSettings, write_mri_cohort
from radiofib.table import FeatureTable
from tests.images.dicom_objects import write_rtstruct, write_seg
from tests.images.dicoms import write_series
from tests.images.test_edge import SPACING, abdomen

pytestmark = pytest.mark.slow
FRAME = "1.2.826.0.1.3680043.8.498.7"


def command(*arguments: object, heard: bool = True) -> subprocess.Popen[str]:
    """Start a command; workers of a killed one may live on and keep a pipe open."""
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "radiofib", *map(str, arguments)],
        stdout=subprocess.PIPE if heard else subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )


def run(*arguments: object) -> str:
    process = command(*arguments)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the results: everything but what a killed run left half-written."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and ".part" not in p.name
    }


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write one small patient with all seven channels."""
    scanner = next(s for s in MRI_SCANNERS if s.name == "A").model_copy(update={"missing": {}})
    return write_mri_cohort(
        tmp_path_factory.mktemp("patient"),
        n_cases=1,
        seed=5,
        masks="ged4",
        settings=MriSettings(size=0.25, scanners=(scanner,)),
    )


def test_killed_at_any_moment_and_with_any_workers(patient: Path, tmp_path: Path) -> None:
    run("register", patient, "--out", tmp_path / "calm", "--workers", 1)
    calm = files_of(tmp_path / "calm")
    chance, kills = random.Random(4), 0
    rough = ("register", patient, "--out", tmp_path / "rough", "--workers", 2)
    for number in range(3):
        process = command(*rough, heard=False)
        pieces = tmp_path / "rough/registration/pieces"
        while process.poll() is None and len(list(pieces.glob("*.json"))) <= number:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.05))
        if process.poll() is None:
            (os.killpg if number % 2 else os.kill)(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills > 1
    run(*rough)
    assert files_of(tmp_path / "rough") == calm


def write_dicom_case(folder: Path) -> dict[str, Path]:
    """Write two channels as series, and the liver of the second as SEG and as RTSTRUCT."""
    image, liver = abdomen()
    grid = {"step": SPACING[0], "spacing": SPACING[1:], "origin": (0.0, 0.0, 0.0)}
    for uid, name, pixels in (("1.2.3.1", "t1", 20 * np.sqrt(image)), ("1.2.3.4", "ged4", image)):
        whole = np.rint(10 * np.roll(pixels, 2 if name == "t1" else 0, 2)).astype(np.uint16)
        write_series(folder / name, whole, **grid, SeriesInstanceUID=uid, FrameOfReferenceUID=FRAME)
    turn = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    contours = []
    for z in np.arange(len(image)) * SPACING[0]:
        if (left := 1 - ((z - 60) / 45) ** 2) > 0:
            x, y = 65 + 42 * left**0.5 * np.cos(turn), 85 + 50 * left**0.5 * np.sin(turn)
            contours.append(np.stack([x, y, np.full_like(x, z)], axis=1))
    return {
        "seg": write_seg(folder / "liver_seg.dcm", {1: liver}, **grid, between=3.0, frame=FRAME),
        "rtstruct": write_rtstruct(folder / "liver_rt.dcm", {1: contours}, frame=FRAME),
    }


@pytest.mark.parametrize("kind", ["seg", "rtstruct"])
def test_dicom_series_with_a_dicom_mask(kind: str, tmp_path: Path) -> None:
    mask = write_dicom_case(tmp_path)[kind]
    rows = [
        {"case": "a", "channel": "t1", "image": "t1", "mask": "", "stage": "S1"},
        {"case": "a", "channel": "ged4", "image": "ged4", "mask": mask.name, "stage": "S1"},
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "cohort.csv", index=False)
    said = run("register", tmp_path / "cohort.csv", "--out", tmp_path / "aligned", "--workers", 1)
    assert "1 good" in said
    config = tmp_path / "config.yaml"
    config.write_text("featureClass: {firstorder: [Mean], shape: [VoxelVolume]}\n")
    said = run(
        *("extract", tmp_path / "aligned/cohort.csv", "--config", config),
        *("--out", tmp_path / "features.parquet", "--workers", 1),
    )
    assert "to look at" not in said
    found = FeatureTable.from_parquet(tmp_path / "features.parquet").X.iloc[0]
    image, liver = abdomen()
    volume = float(liver.sum() * np.prod(SPACING))
    assert found["ged4_original_shape_voxel_volume"] == pytest.approx(volume, rel=0.01)
    mean = float(np.rint(10 * image)[liver].mean())
    assert found["ged4_original_firstorder_mean"] == pytest.approx(mean, rel=0.01)
    # T1 was 4 mm aside; under the carried mask its liver is what it was.
    expected = float(np.rint(200 * np.sqrt(image))[liver].mean())
    assert found["t1_original_firstorder_mean"] == pytest.approx(expected, rel=0.01)
