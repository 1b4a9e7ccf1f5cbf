"""Scikit-learn estimators that turn features into stage probabilities."""

from radiofib.staging.base import BaseStager
from radiofib.staging.flags import ScannerFlags
from radiofib.staging.inputs import StagerInputError, stager_frame
from radiofib.staging.persistence import TRUSTED_TYPES, load_stager, save_stager
from radiofib.staging.stagers import (
    STAGERS,
    LogisticStager,
    RandomForestStager,
    XGBoostStager,
    make_stager,
)
from radiofib.staging.targets import Target, check_levels, targets_for

__all__ = [
    "STAGERS",
    "TRUSTED_TYPES",
    "BaseStager",
    "LogisticStager",
    "RandomForestStager",
    "ScannerFlags",
    "StagerInputError",
    "Target",
    "XGBoostStager",
    "check_levels",
    "load_stager",
    "make_stager",
    "save_stager",
    "stager_frame",
    "targets_for",
]
