"""A feature table and cohort like LiFS: channels that are missing, cases without a stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from radiofib.cohort import Acquisition, Cohort
from radiofib.datacard import get_scheme
from radiofib.table import FeatureTable

CHANNELS = ("t1", "t2", "dwi", "ged1", "ged2", "ged3", "ged4")
STAGES = ("s1", "s2", "s3", "s4")


def lifs_like(
    n_train: int = 40, n_val: int = 6, seed: int = 0, *, without: dict[str, set[str]] | None = None
) -> tuple[FeatureTable, Cohort]:
    """Return table and cohort; `without` names, by case, channels that it lacks.

    Stage moves each channel's first feature; the second is noise. A case without any channel is
    in the cohort but, as after an extraction that failed, not in the table.
    """
    rng = np.random.default_rng(seed)
    lacking = without or {}
    rows, obs, acquisitions = [], [], []
    for k in range(n_train + n_val):
        level = k % 4
        val = k >= n_train
        scanner = ("A", "B1", "B2")[k % 3]
        case = f"{k:04d}-{scanner}" + ("" if val else f"-S{level + 1}")
        stage = None if val else STAGES[level]
        row = {}
        for channel in CHANNELS:
            gone = channel in lacking.get(case, set())
            row[f"{channel}_original_firstorder_mean"] = np.nan if gone else rng.normal(level)
            row[f"{channel}_original_glcm_contrast"] = np.nan if gone else rng.normal()
        facts = {"scanner": scanner, "split": "val" if val else "train"}
        for channel in CHANNELS:
            image = Path(f"{case}/{channel}.nii.gz")
            acquisitions.append(Acquisition(case, case, channel, image, stage=stage, extra=facts))
        if lacking.get(case, set()) != set(CHANNELS):
            rows.append(row)
            obs.append({"case": case, "patient": case, "stage": stage, **facts})
    frame = pd.DataFrame(obs)
    frame["stage"] = pd.Categorical(frame["stage"], categories=STAGES, ordered=True)
    table = FeatureTable(pd.DataFrame(rows), frame)
    return table, Cohort(tuple(acquisitions), scheme=get_scheme("lifs"))
