"""Small real inputs for the whole chain: textured pictures with a stage in the texture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.ndimage import gaussian_filter


def texture(rng: np.random.Generator, coarse: float, size: int = 40) -> np.ndarray:
    """Return an 8-bit picture whose grain grows with `coarse`."""
    noise = gaussian_filter(rng.normal(size=(size, size)), 0.5 + coarse)
    return np.uint8(np.clip(128 + 40 * noise / noise.std(), 0, 255))


def write_pictures(
    root: Path, *, n_patients: int = 12, images: int = 2, seed: int = 0
) -> pd.DataFrame:
    """Write pictures of patients with stages F0 and F4 in turn, on two scanners."""
    rng = np.random.default_rng(seed)
    (root / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for patient in range(n_patients):
        stage = "F4" if patient % 2 else "F0"
        for number in range(images):
            name = f"images/p{patient:02d}_{number}.png"
            Image.fromarray(texture(rng, 0.6 * (stage == "F4"))).save(root / name)
            rows.append(
                {
                    "case": f"p{patient:02d}_{number}",
                    "patient": f"p{patient:02d}",
                    "channel": "us",
                    "image": name,
                    "mask": None,
                    "mask_label": None,
                    "scanner": "alpha" if patient % 4 < 2 else "beta",
                    "stage": stage,
                }
            )
    return pd.DataFrame(rows)


STUDY = """\
title: A small study
cohort: cohort.csv
scheme: metavir
extraction:
  image_types: {Original: {}}
  feature_classes: {firstorder: , glcm: }
  settings: {binCount: 16, force2D: true}
stager: {name: logistic}
evaluation: {folds: 3, n_boot: 100}
main: f4_vs_f0-f3
seed: 5
"""


def write_study(root: Path, frame: pd.DataFrame, text: str = STUDY) -> Path:
    """Write cohort and study file; return the study file."""
    frame.to_csv(root / "cohort.csv", index=False)
    path = root / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return path
