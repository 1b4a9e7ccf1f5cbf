"""Statistics: arrays in, numbers with intervals out; pure functions, each with its source."""

from radiofib.stats.auc_intervals import auc_interval, hanley_mcneil, newcombe
from radiofib.stats.bca import (
    acceleration,
    bca_interval,
    bootstrap,
    jackknife_weights,
    patient_strata,
)
from radiofib.stats.bootstrap import percentile_interval, resample_weights, weighted_pairs
from radiofib.stats.calibration import (
    Calibration,
    calibration,
    calibration_bins,
    calibration_groups,
    expected_calibration_error,
    hosmer_lemeshow,
    spiegelhalter,
)
from radiofib.stats.calibration_curve import calibration_curve, calibration_errors
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
from radiofib.stats.decision import decision_curve, net_benefit, net_benefit_difference
from radiofib.stats.delong import (
    AucDifference,
    auc_covariance,
    delong,
    delong_paired,
    delong_unpaired,
    logit_delong,
)
from radiofib.stats.estimate import Estimate, HypothesisTest
from radiofib.stats.multiclass import multiclass_auc
from radiofib.stats.probability import (
    brier_scaled,
    brier_score,
    log_loss,
    ranked_probability_score,
)
from radiofib.stats.proportions import clopper_pearson, wilson
from radiofib.stats.roc import Placements, auc, placements, roc_curve
from radiofib.stats.smooth import lowess, restricted_spline

__all__ = [
    "AucDifference",
    "Calibration",
    "Estimate",
    "HypothesisTest",
    "Placements",
    "acceleration",
    "accuracy",
    "auc",
    "auc_covariance",
    "auc_interval",
    "balanced_accuracy",
    "bca_interval",
    "bootstrap",
    "brier_scaled",
    "brier_score",
    "calibration",
    "calibration_bins",
    "calibration_curve",
    "calibration_errors",
    "calibration_groups",
    "clopper_pearson",
    "confusion_matrix",
    "decision_curve",
    "delong",
    "delong_paired",
    "delong_unpaired",
    "expected_calibration_error",
    "hanley_mcneil",
    "hosmer_lemeshow",
    "jackknife_weights",
    "log_loss",
    "logit_delong",
    "lowess",
    "mcc",
    "mean_absolute_stage_error",
    "multiclass_auc",
    "net_benefit",
    "net_benefit_difference",
    "newcombe",
    "patient_strata",
    "percentile_interval",
    "placements",
    "ranked_probability_score",
    "resample_weights",
    "restricted_spline",
    "roc_curve",
    "sensitivity",
    "specificity",
    "spiegelhalter",
    "weighted_kappa",
    "weighted_pairs",
    "wilson",
]
