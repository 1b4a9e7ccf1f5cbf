"""Statistics: arrays in, numbers with intervals out; pure functions, each with its source."""

from radiofib.stats.bootstrap import percentile_interval, resample_weights, weighted_pairs
from radiofib.stats.classification import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    mcc,
    mean_absolute_stage_error,
    sensitivity,
    specificity,
    weighted_kappa,
)
from radiofib.stats.estimate import Estimate
from radiofib.stats.probability import (
    Calibration,
    brier_scaled,
    brier_score,
    calibration,
    calibration_bins,
    log_loss,
    ranked_probability_score,
)
from radiofib.stats.proportions import clopper_pearson, wilson
from radiofib.stats.roc import (
    PairedAuc,
    auc,
    auc_interval,
    delong,
    delong_paired,
    logit_delong,
    multiclass_auc,
    newcombe,
    roc_curve,
)

__all__ = [
    "Calibration",
    "Estimate",
    "PairedAuc",
    "accuracy",
    "auc",
    "auc_interval",
    "balanced_accuracy",
    "brier_scaled",
    "brier_score",
    "calibration",
    "calibration_bins",
    "clopper_pearson",
    "confusion_matrix",
    "delong",
    "delong_paired",
    "log_loss",
    "logit_delong",
    "mcc",
    "mean_absolute_stage_error",
    "multiclass_auc",
    "newcombe",
    "percentile_interval",
    "ranked_probability_score",
    "resample_weights",
    "roc_curve",
    "sensitivity",
    "specificity",
    "weighted_kappa",
    "weighted_pairs",
    "wilson",
]
