"""Statistics: arrays in, numbers with intervals out; pure functions, each with its source.

What you want, and where it is:

- an AUC with its interval: ``auc_interval`` (chooses and names the method), ``delong``,
  ``newcombe``; over several classes ``multiclass_auc_interval``, over ordered stages
  ``obuchowski``, ``ordinal_c_index``, ``standardised_auc``; part of it ``partial_auc``;
- two AUCs: ``delong_paired``, ``delong_unpaired``, ``delong_several``, ``permutation_paired``;
  several readers: ``mrmc``; many comparisons: ``adjust_p``, ``max_statistic``;
- any measure with an interval by patient: ``bootstrap`` (BCa), from parts ``resample_weights``,
  ``jackknife_weights``, ``bca_interval``;
- decisions: ``choose_cutoffs`` on training cases, ``apply_cutoffs`` on others,
  ``diagnostic_table``, ``predictive_values`` at a stated prevalence, ``decision_curve``;
- probabilities: ``brier_score``, ``log_loss``, ``ranked_probability_score``, ``calibration``,
  ``calibration_curve``, ``calibration_errors``, ``hosmer_lemeshow``, ``spiegelhalter``;
- agreement: ``kappa``, ``intraclass``, ``bland_altman``, ``concordance``,
  ``krippendorff_alpha``, ``mask_agreement``; of counts, areas and labels of slides in one table
  ``count_agreement``, ``measurement_agreement``, ``stage_association``, ``label_overlap``
  (from ``label_counts``, ``overlap_of_counts``);
- tests: ``mcnemar``, ``cochran_q``, ``correlations``, ``jonckheere``, ``cochran_armitage``;
- batches: ``combat``.

`clusters` is always the patient of each case: with it, rows repeated within patients leave
intervals as they are.
"""

from radiofib.stats.agreement import Kappa, kappa, kappa_by_patient, krippendorff_alpha
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
    disagreement_weights,
    mcc,
    mean_absolute_stage_error,
    sensitivity,
    specificity,
    weighted_kappa,
)
from radiofib.stats.combat import combat
from radiofib.stats.correlation import correlations
from radiofib.stats.counted_labels import label_counts, label_overlap, overlap_of_counts
from radiofib.stats.decision import decision_curve, net_benefit, net_benefit_difference
from radiofib.stats.delong import (
    AucDifference,
    auc_covariance,
    delong,
    delong_paired,
    delong_several,
    delong_unpaired,
    logit_delong,
)
from radiofib.stats.diagnostic import (
    balanced_accuracy_interval,
    diagnostic_table,
    likelihood_ratio,
    mcc_interval,
    predictive_values,
)
from radiofib.stats.estimate import Estimate, HypothesisTest
from radiofib.stats.influence import influence_covariance
from radiofib.stats.measurement_agreement import (
    count_agreement,
    measurement_agreement,
    stage_association,
)
from radiofib.stats.mrmc import Mrmc, mrmc, mrmc_from_areas
from radiofib.stats.multiclass import multiclass_auc, multiclass_auc_interval
from radiofib.stats.multiplicity import adjust_p, max_statistic
from radiofib.stats.ordinal_auc import (
    obuchowski,
    ordinal_c_index,
    pairwise_auc,
    standardised_auc,
)
from radiofib.stats.overlap import dice, jaccard, mask_agreement, surface_distances
from radiofib.stats.paired import (
    cochran_q,
    discordant,
    mcnemar,
    mcnemar_by_patient,
    paired_difference,
)
from radiofib.stats.partial_auc import partial_auc
from radiofib.stats.permutation import permutation_labels, permutation_paired
from radiofib.stats.probability import (
    brier_scaled,
    brier_score,
    log_loss,
    ranked_probability_score,
)
from radiofib.stats.proportions import clopper_pearson, effective_size, proportion, wilson
from radiofib.stats.reliability import bland_altman, concordance, intraclass
from radiofib.stats.roc import Placements, auc, placements, roc_curve
from radiofib.stats.smooth import lowess, restricted_spline
from radiofib.stats.thresholds import Cutoffs, apply_cutoffs, choose_cutoffs
from radiofib.stats.trend import cochran_armitage, jonckheere

__all__ = [
    "AucDifference",
    "Calibration",
    "Cutoffs",
    "Estimate",
    "HypothesisTest",
    "Kappa",
    "Mrmc",
    "Placements",
    "acceleration",
    "accuracy",
    "adjust_p",
    "apply_cutoffs",
    "auc",
    "auc_covariance",
    "auc_interval",
    "balanced_accuracy",
    "balanced_accuracy_interval",
    "bca_interval",
    "bland_altman",
    "bootstrap",
    "brier_scaled",
    "brier_score",
    "calibration",
    "calibration_bins",
    "calibration_curve",
    "calibration_errors",
    "calibration_groups",
    "choose_cutoffs",
    "clopper_pearson",
    "cochran_armitage",
    "cochran_q",
    "combat",
    "concordance",
    "confusion_matrix",
    "correlations",
    "count_agreement",
    "decision_curve",
    "delong",
    "delong_paired",
    "delong_several",
    "delong_unpaired",
    "diagnostic_table",
    "dice",
    "disagreement_weights",
    "discordant",
    "effective_size",
    "expected_calibration_error",
    "hanley_mcneil",
    "hosmer_lemeshow",
    "influence_covariance",
    "intraclass",
    "jaccard",
    "jackknife_weights",
    "jonckheere",
    "kappa",
    "kappa_by_patient",
    "krippendorff_alpha",
    "label_counts",
    "label_overlap",
    "likelihood_ratio",
    "log_loss",
    "logit_delong",
    "lowess",
    "mask_agreement",
    "max_statistic",
    "mcc",
    "mcc_interval",
    "mcnemar",
    "mcnemar_by_patient",
    "mean_absolute_stage_error",
    "measurement_agreement",
    "mrmc",
    "mrmc_from_areas",
    "multiclass_auc",
    "multiclass_auc_interval",
    "net_benefit",
    "net_benefit_difference",
    "newcombe",
    "obuchowski",
    "ordinal_c_index",
    "overlap_of_counts",
    "paired_difference",
    "pairwise_auc",
    "partial_auc",
    "patient_strata",
    "percentile_interval",
    "permutation_labels",
    "permutation_paired",
    "placements",
    "predictive_values",
    "proportion",
    "ranked_probability_score",
    "resample_weights",
    "restricted_spline",
    "roc_curve",
    "sensitivity",
    "specificity",
    "spiegelhalter",
    "stage_association",
    "standardised_auc",
    "surface_distances",
    "weighted_kappa",
    "weighted_pairs",
    "wilson",
]
