"""Before features: where the liver is, and the channels of a case on one grid."""

from radiofib.prepare.config import RegistrationPlan
from radiofib.prepare.masks import find_liver_masks
from radiofib.prepare.pair import PairRow
from radiofib.prepare.register import LOST, REFERENCE, Registered, register_cohort

__all__ = [
    "LOST",
    "REFERENCE",
    "PairRow",
    "Registered",
    "RegistrationPlan",
    "find_liver_masks",
    "register_cohort",
]
