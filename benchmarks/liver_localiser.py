"""How well the classical liver localiser does: Dice on real and simulated abdomens, as it is.

Usage: python benchmarks/liver_localiser.py [--small] [--data ../shared/data] [--out ...]

The real volumes are those public ones that come with liver labels (TotalSegmentator's examples,
whose labels are another network's; dcmqi's CT), and legs, in which there is no liver to find.
The simulated cohort is drawn by radiofib.simulate with a seed that was not used when thresholds
were set. Prints and stores one table; a refused volume has no Dice and is counted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib.cohort import Cohort
from radiofib.errors import MaskError, RadiofibError
from radiofib.images import Image, make_roi, read_image, read_mask
from radiofib.provenance import environment
from radiofib.segment import LocaliserSettings, localise_liver
from radiofib.simulate import MriSettings, write_mri_cohort

DATA = Path(os.environ.get("RADIOFIB_EXTERNAL_DATA", "../shared/data"))
#: Seed 11 was looked at when thresholds were set.
SEED, CASES = 97, 8
SEEN = "yes"

#: name, image, labels (None: there is no liver), label, seen while thresholds were set
REAL = (
    ("abdominal MR, 60 mm", "mri/totalsegmentator/example_mr_sm.nii.gz",
     "mri/totalsegmentator/example_seg_mr.nii.gz", 5, True),
    ("abdominal CT, 90 mm", "mri/totalsegmentator/example_ct_sm.nii.gz",
     "mri/totalsegmentator/example_seg.nii.gz", 5, True),
    ("same CT, 336 mm (Dice in the 90 mm)", "mri/totalsegmentator/example_ct.nii.gz",
     "mri/totalsegmentator/example_seg.nii.gz", 5, False),
    ("CT from DICOM, 40 mm", "ct/totalsegmentator_dicom/example_ct_dicom",
     "ct/totalsegmentator_dicom/example_seg_dicom.nii.gz", 5, False),
    ("CT of three slices", "ct/dcmqi_ct3slice/0*.dcm",
     "ct/dcmqi_ct3slice/liver_seg.nrrd", None, False),
    ("legs, CT (STS_002)", "mri/ibsi_sts/STS_002/CT_image.nii.gz", None, None, False),
    ("legs, MR (STS_002)", "mri/ibsi_sts/STS_002/MR_T1_image.nii.gz", None, None, False),
    ("legs, CT (STS_003)", "mri/ibsi_sts/STS_003/CT_image.nii.gz", None, None, False),
    ("legs, MR (STS_003)", "mri/ibsi_sts/STS_003/MR_T1_image.nii.gz", None, None, False),
)  # fmt: skip
#: Slices 82 to 111 of this file are the CT of 90 mm, voxel for voxel; the origin in the header
#: of the latter is that of the whole, so its labels lie elsewhere by their header.
FIRST_SLICE = {"mri/totalsegmentator/example_ct.nii.gz": 82}


def compare(
    image: Image, mask: Path | None, label: int | None, first: int | None = None
) -> dict[str, Any]:
    """Localise and compare with the labels; with `first` in the slices from that one on."""
    start = time.perf_counter()
    try:
        found = localise_liver(image, LocaliserSettings())
    except MaskError as error:
        return {"refused": error.problem, "seconds": time.perf_counter() - start}
    seconds = time.perf_counter() - start
    row = {**found.facts, "seconds": seconds}
    if mask is None:
        return row
    labels = read_mask(mask)
    labelled = np.ones(image.pixels.shape, dtype=bool)
    if first is None:
        truth = make_roi(image, labels, mask_label=label, channel="img").mask
    else:
        part = slice(first, first + labels.pixels.shape[0])
        truth = np.zeros_like(labelled)
        truth[part] = labels.pixels == label
        labelled[: part.start], labelled[part.stop :] = False, False
    inside = (found.mask.pixels > 0) & labelled
    total = np.count_nonzero(inside) + np.count_nonzero(truth)
    dice = 2 * np.count_nonzero(inside & truth) / total
    reference = np.count_nonzero(truth) * image.voxel_volume_mm3 / 1000
    return {**row, "dice": dice, "reference_ml": reference}


def read(data: Path, image: str) -> Image:
    """Read a volume; a pattern names the slices of a series that shares its folder."""
    if "*" not in image:
        return read_image(data / image)
    with tempfile.TemporaryDirectory() as folder:
        for path in data.glob(image):
            shutil.copy(path, folder)
        return read_image(folder)


def real(data: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each real volume."""
    for name, image, mask, label, seen in REAL:
        given = None if mask is None else data / mask
        row = {"volume": name, "n": 1, "seen": SEEN if seen else "no"}
        try:
            volume = read(data, image)
            yield row | compare(volume, given, label, FIRST_SLICE.get(image))
        except RadiofibError as error:  # image or labels, not the localiser
            yield row | {"refused": f"cannot be read: {error.problem}"}


def simulated(n_cases: int, size: float) -> Iterator[dict[str, Any]]:
    """Yield a row for each channel of each simulated case."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "mri"
        table = write_mri_cohort(
            made, n_cases=n_cases, seed=SEED, masks="all", settings=MriSettings(size=size)
        )
        used = LocaliserSettings().channels
        for a in (a for a in Cohort.read(table).acquisitions if a.channel in used):
            row = {"channel": a.channel, "scanner": a.scanner}
            yield row | compare(read_image(a.image), a.mask, None)


def summary(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one row for each simulated channel, over the scanners and for each of them."""
    lines = []
    rows = rows.reindex(columns=[*dict.fromkeys([*rows.columns, "dice", "refused"])])
    for channel, group in rows.groupby("channel", sort=False):
        by_scanner = group.groupby("scanner")["dice"].mean().dropna()
        lines.append(
            {
                "volume": f"simulated {channel}",
                "n": len(group),
                "seen": "no",
                "dice": group["dice"].mean(),
                "least": group["dice"].min(),
                "refusals": int(group["refused"].notna().sum()),
                "by_scanner": ", ".join(f"{k} {v:.3f}" for k, v in by_scanner.items()),
                "seconds": group["seconds"].mean(),
            }
        )
    return lines


def cell(value: Any, digits: int = 3) -> str:
    """Return a value for a cell of the table; empty when there is none."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def page(rows: list[dict[str, Any]], versions: dict[str, str]) -> str:
    """Return the table as Markdown."""
    lines = [
        "# The classical liver localiser",
        "",
        "Written by `python benchmarks/liver_localiser.py` with "
        + ", ".join(f"{k} {v}" for k, v in versions.items())
        + f". Simulated: {CASES} cases of four scanners, seed {SEED}, mean Dice over cases. "
        "'seen': whether the volume was looked at when thresholds were set. A refused volume has "
        "no Dice. The labels of the real CT and MR are TotalSegmentator's, not a reader's.",
        "",
        "| volume | n | seen | Dice | least | found ml | reference ml | refused | by scanner | s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        refused = row.get("refused") or row.get("refusals", "")
        parts = [
            row["volume"], row["n"], row["seen"], cell(row.get("dice")), cell(row.get("least")),
            cell(row.get("volume_ml"), 0), cell(row.get("reference_ml"), 0), refused,
            row.get("by_scanner", ""), cell(row.get("seconds"), 1),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(map(str, parts))} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and store the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="one small simulated case alone")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real data")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    if not options.small:
        if not options.data.is_dir():
            print(f"no real data at {options.data}: give its folder with --data")
            return 2
        rows += real(options.data)
    cases = pd.DataFrame(simulated(1, 0.15) if options.small else simulated(CASES, 0.4))
    rows += summary(cases)
    text = page(rows, environment(("numpy", "scipy", "SimpleITK", "scikit-image")))
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "liver_localiser.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
