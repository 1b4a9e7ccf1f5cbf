"""Phantoms and cohorts with known truth.

Parameters are frozen models with documented defaults, written into ``truth.json`` beside the
data. Stage acts through one law (:mod:`radiofib.simulate.laws`) of moderate size.
"""

from radiofib.simulate.laws import StageLaw, auc_ceiling
from radiofib.simulate.ultrasound import (
    ULTRASOUND_SCANNERS,
    EchoLaw,
    UltrasoundScanner,
    write_ultrasound_cohort,
)

__all__ = [
    "ULTRASOUND_SCANNERS",
    "EchoLaw",
    "StageLaw",
    "UltrasoundScanner",
    "auc_ceiling",
    "write_ultrasound_cohort",
]
