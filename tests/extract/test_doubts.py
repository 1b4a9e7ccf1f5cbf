"""What looks wrong in a case is told by name, beside its features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.extract.doubts import doubts_of
from radiofib.table import FeatureTable
from tests.images.test_edge import SPACING, abdomen

CONFIG = """
featureClass: {firstorder: [Mean]}
liver: {functional: {groups: [enhancement], commensurable: declared}}
"""


def save(path: Path, array: np.ndarray, spacing: tuple[float, ...] = SPACING) -> str:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing[::-1])
    sitk.WriteImage(image, str(path))
    return path.name


def rows_of(folder: Path, case: str, gains: dict[str, float], shift: int = 0) -> list[dict]:
    image, liver = abdomen()
    mask = save(folder / f"{case}_mask.nii.gz", np.roll(liver, shift, 2).astype(np.uint8))
    return [
        {
            "case": case,
            "channel": channel,
            "image": save(folder / f"{case}_{channel}.nii.gz", (g * image).astype(np.float32)),
            "mask": mask,
        }
        for channel, g in gains.items()
    ]


def extract(folder: Path, rows: list[dict]) -> tuple[str, FeatureTable]:
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    (folder / "config.yaml").write_text(CONFIG)
    out = folder / "features.parquet"
    cohort, config = str(folder / "cohort.csv"), str(folder / "config.yaml")
    done = CliRunner().invoke(
        app, ["extract", cohort, "--config", config, "--out", str(out), "--workers", "1"]
    )
    assert done.exit_code == 0, done.output
    return done.output, FeatureTable.from_parquet(out)


def test_swapped_phases_foreign_masks_and_odd_files_are_told(tmp_path: Path) -> None:
    right = {"t1": 1.0, "ged1": 1.2, "ged2": 1.6, "ged3": 1.7, "ged4": 1.9}
    swapped = right | {"ged1": 1.6, "ged2": 1.2}
    rows = [
        *rows_of(tmp_path, "right", right),
        *rows_of(tmp_path, "swapped", swapped),
        *rows_of(tmp_path, "foreign", {"ged4": 1.9}, shift=12),
        *rows_of(tmp_path, "wrong", right),
    ]
    # Another sequence under the name of a phase: thicker slices, with a mask of their own.
    image, liver = abdomen()
    wrong = next(r for r in rows if r["case"] == "wrong" and r["channel"] == "ged2")
    thick = (6.0, *SPACING[1:])
    save(tmp_path / wrong["image"], image[::2].astype(np.float32), thick)
    wrong["mask"] = save(tmp_path / "thick.nii.gz", liver[::2].astype(np.uint8), thick)
    said, table = extract(tmp_path, rows)
    found = doubts_of(table)
    assert set(found["case"]) == {"swapped", "foreign", "wrong"}
    by_case = found.groupby("case")["doubt"].agg(" | ".join)
    assert "are the phases swapped?" in by_case["swapped"]
    assert "the edge of the mask is no edge of the image" in by_case["foreign"]
    assert "is the file another sequence?" in by_case["wrong"]
    written = pd.read_csv(tmp_path / "features.doubts.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(written, found, check_dtype=False)
    assert "to look at" in said
    assert "foreign ged4: the edge of the mask" in said
    # Mended and run again, nothing is left of it.
    said, table = extract(tmp_path, rows_of(tmp_path, "right", right))
    assert doubts_of(table).empty
    assert "to look at" not in said
    assert not (tmp_path / "features.doubts.csv").exists()
