"""Scikit-learn estimators that turn features into stage probabilities."""

from radiofib.staging.base import BaseStager
from radiofib.staging.chain import ChainStager
from radiofib.staging.continuation_ratio import ContinuationRatioStager
from radiofib.staging.elastic_net import ElasticNetStager
from radiofib.staging.firth import FirthStager
from radiofib.staging.flags import ScannerFlags
from radiofib.staging.inputs import StagerInputError, stager_frame
from radiofib.staging.linear import FallbackWarning
from radiofib.staging.meta import MetaStager
from radiofib.staging.names import STAGERS, check_order, make_stager
from radiofib.staging.persistence import TRUSTED_TYPES, load_stager, save_stager
from radiofib.staging.plan import PartConfig, StagerPlan
from radiofib.staging.proportional_odds import ProportionalOddsStager
from radiofib.staging.rows import Rows
from radiofib.staging.stagers import LogisticStager, RandomForestStager, XGBoostStager
from radiofib.staging.steps import RowStep, Step
from radiofib.staging.targets import Target, check_levels, targets_for

__all__ = [
    "STAGERS",
    "TRUSTED_TYPES",
    "BaseStager",
    "ChainStager",
    "ContinuationRatioStager",
    "ElasticNetStager",
    "FallbackWarning",
    "FirthStager",
    "LogisticStager",
    "MetaStager",
    "PartConfig",
    "ProportionalOddsStager",
    "RandomForestStager",
    "RowStep",
    "Rows",
    "ScannerFlags",
    "StagerInputError",
    "StagerPlan",
    "Step",
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
