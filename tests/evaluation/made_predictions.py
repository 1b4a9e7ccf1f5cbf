"""Predictions of held-out cases as a cross-validation leaves them, from a made-up stager."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tests.evaluation.uncertainty_plan import Judge

LEVELS = ("s1", "s2", "s3", "s4")


def made_predictions(
    judges: Mapping[str, Judge],
    patients: int = 60,
    *,
    seed: int = 0,
    unseen: Mapping[str, Judge] | None = None,
    rows: int = 1,
    folds: int = 5,
) -> pd.DataFrame:
    """Return predictions in setting ``cv`` and, where `unseen` says how, in ``loso``.

    `judges` says what the stager makes of the cases of each scanner, with `patients` of each.
    """
    rng = np.random.default_rng(seed)
    frames = []
    for setting, by_scanner in (("cv", judges), ("loso", unseen or {})):
        for number, (scanner, judge) in enumerate(by_scanner.items()):
            own = np.random.default_rng([seed, number])
            codes = own.choice(judge.levels, size=patients, p=judge.mix())
            repeated = np.repeat(codes, rows)
            seen = judge.skill * repeated + rng.normal(size=repeated.size) + judge.bias
            proba = judge.probabilities(seen)
            frame = pd.DataFrame(proba, columns=[f"p_{v}" for v in LEVELS[: judge.levels]])
            owner = np.repeat(np.arange(patients), rows)
            frame["patient"] = [f"{scanner}{i:03d}" for i in owner]
            frame["case"] = [f"{scanner}{i:03d}_{k % rows}" for k, i in enumerate(owner)]
            frame["y_true"] = np.array(LEVELS)[repeated]
            frame["scanner"], frame["setting"], frame["model"] = scanner, setting, "m"
            frame["fold"] = (owner % folds).astype(str) if setting == "cv" else scanner
            frame["domain"] = "in_scanner" if setting == "cv" else "unseen_scanner"
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)
