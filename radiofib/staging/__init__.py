"""Scikit-learn estimators that turn features into stage probabilities."""

from radiofib.staging.base import BaseStager
from radiofib.staging.continuation_ratio import ContinuationRatioStager
from radiofib.staging.elastic_net import ElasticNetStager
from radiofib.staging.firth import FirthStager
from radiofib.staging.flags import ScannerFlags
from radiofib.staging.inputs import StagerInputError, stager_frame
from radiofib.staging.linear import FallbackWarning
from radiofib.staging.names import STAGERS, check_order, make_stager
from radiofib.staging.persistence import TRUSTED_TYPES, load_stager, save_stager
from radiofib.staging.proportional_odds import ProportionalOddsStager
from radiofib.staging.stagers import LogisticStager, RandomForestStager, XGBoostStager
from radiofib.staging.targets import Target, check_levels, targets_for

__all__ = [
    "STAGERS",
    "TRUSTED_TYPES",
    "BaseStager",
    "ContinuationRatioStager",
    "ElasticNetStager",
    "FallbackWarning",
    "FirthStager",
    "LogisticStager",
    "ProportionalOddsStager",
    "RandomForestStager",
    "ScannerFlags",
    "StagerInputError",
    "Target",
    "XGBoostStager",
    "check_levels",
    "check_order",
    "load_stager",
    "make_stager",
    "save_stager",
    "stager_frame",
    "targets_for",
]
