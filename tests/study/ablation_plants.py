"""Cohorts in which the worth of design choices was planted, and the study that compares them.

How far choices move the AUC was measured beforehand with scikit-learn's own logistic regression,
F tests and means by scanner, on as many new patients as were trained on (10 seeds, none of them
below): differences of the absolute effects of neighbours in the order, mean and standard
deviation, are for ``planted`` .10 (.02), .05 (.02) and .06 (.02), for ``other`` .07 (.02), .05
(.02) and .06 (.02).
"""

from __future__ import annotations

from typing import Any

from radiofib.simulate.ablations import AblationSettings
from radiofib.simulate.cohorts import TableScanner
from radiofib.simulate.laws import StageLaw

N_PATIENTS = 400
SEEDS = tuple(range(1, 21))

#: Stage mixes that let the scanner tell the stage, more and less.
_MIXED = {"A": (4, 2, 1, 1), "B": (1, 2, 2, 3), "C": (3, 3, 1, 1), "D": (1, 1, 2, 4)}
_STRONG = {"A": (6, 2, 1, 1), "B": (1, 1, 2, 6), "C": (5, 3, 1, 1), "D": (1, 1, 3, 5)}
_EVEN = dict.fromkeys("ABCD", (1, 1, 1, 1))


def _scanners(mixes: dict[str, tuple[int, ...]]) -> tuple[TableScanner, ...]:
    return tuple(TableScanner(name=name, stage_weights=mix) for name, mix in mixes.items())


#: cohort -> how it is made
COHORTS: dict[str, AblationSettings] = {
    "planted": AblationSettings(
        effects={"t1": 0.05, "t2": 0.05, "dwi": 0.05, "ged4": 0.9},
        noise=90,
        shift_sd=0.5,
        scanners=_scanners(_MIXED),
        stage_law=StageLaw(step=1.0),
    ),
    "other": AblationSettings(
        effects={"t1": 0.12, "t2": 0.12, "ged4": 0.6},
        noise=150,
        shift_sd=0.5,
        scanners=_scanners(_STRONG),
        stage_law=StageLaw(step=0.8),
    ),
    "null": AblationSettings(
        effects={"t1": 0.05, "t2": 0.05, "dwi": 0.05, "ged4": 0.9},
        noise=90,
        shift_sd=0.5,
        scanners=_scanners(_EVEN),
        stage_law=StageLaw(step=0.0),
    ),
}
#: Factors in the order of their worth for known scanners, the first the most.
ORDER = {
    "planted": ("sequence", "harmonise", "select", "decoys"),
    "other": ("harmonise", "sequence", "select", "decoys"),
}
#: The factor that matters most for unseen scanners, where the shortcut is of no use.
FIRST_OOD = {"planted": "sequence", "other": "sequence"}


def ablation(cohort: str) -> dict[str, Any]:
    """Return the key ``ablate``: what is seen, harmonised, selected, and noise against noise."""
    plain = [c for c in COHORTS[cohort].effects if c != "ged4"]
    harmonised = {"name": "combat", "params": {"unseen": "pass"}}
    if cohort == "other":
        harmonised = {"name": "scale", "params": {"kind": "centre", "unseen": "pass"}}
    return {
        "factors": {
            "sequence": {"plain": {"channels": plain}, "hbp": {"channels": [*plain, "ged4"]}},
            "harmonise": {"none": {}, "yes": {"harmonise": harmonised}},
            "select": {
                "none": {},
                "mrmr": {"select": [{"name": "mrmr", "params": {"n_features": 15}}]},
            },
            "decoys": {
                "glcm": {"families": ["firstorder", "glcm"]},
                "glrlm": {"families": ["firstorder", "glrlm"]},
            },
        },
    }


STAGER = {"name": "logistic", "params": {"C": 1.0}}
