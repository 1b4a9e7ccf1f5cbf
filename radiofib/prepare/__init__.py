"""Before features: clean ultrasound, where the liver is, the channels of a case on one grid."""

from radiofib.prepare.config import RegistrationPlan
from radiofib.prepare.masks import find_liver_masks
from radiofib.prepare.pair import PairRow
from radiofib.prepare.register import LOST, REFERENCE, Registered, register_cohort
from radiofib.prepare.ultrasound import (
    PICTURE_SUFFIXES,
    Cleaned,
    clean_ultrasound,
    folder_cohort,
)
from radiofib.prepare.ultrasound_config import UltrasoundPlan

__all__ = [
    "LOST",
    "PICTURE_SUFFIXES",
    "REFERENCE",
    "Cleaned",
    "PairRow",
    "Registered",
    "RegistrationPlan",
    "UltrasoundPlan",
    "clean_ultrasound",
    "find_liver_masks",
    "folder_cohort",
    "register_cohort",
]
