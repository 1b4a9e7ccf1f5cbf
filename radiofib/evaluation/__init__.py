"""Splits that keep patients and scanners apart, and what they show."""

from radiofib.evaluation.apply import predict_table
from radiofib.evaluation.crossval import SETTINGS, control_tables, cross_validate
from radiofib.evaluation.evaluator import METRIC_COLUMNS, Evaluation, evaluate
from radiofib.evaluation.predictions import (
    PredictionsWarning,
    check_predictions,
    prediction_levels,
    read_predictions,
)
from radiofib.evaluation.readers import READER_COLUMNS, ReaderStudy, compare_readers
from radiofib.evaluation.readings import READING_COLUMNS, check_readings, read_readings
from radiofib.evaluation.split_forms import (
    NestedSplit,
    fixed_splits,
    id_ood_splits,
    leave_one_centre_out,
    link_copies,
    nested_folds,
    read_split_file,
)
from radiofib.evaluation.splits import (
    Split,
    check_no_leak,
    leave_one_scanner_out,
    patient_folds,
)

__all__ = [
    "METRIC_COLUMNS",
    "READER_COLUMNS",
    "READING_COLUMNS",
    "SETTINGS",
    "Evaluation",
    "NestedSplit",
    "PredictionsWarning",
    "ReaderStudy",
    "Split",
    "check_no_leak",
    "check_predictions",
    "check_readings",
    "compare_readers",
    "control_tables",
    "cross_validate",
    "evaluate",
    "fixed_splits",
    "id_ood_splits",
    "leave_one_centre_out",
    "leave_one_scanner_out",
    "link_copies",
    "nested_folds",
    "patient_folds",
    "predict_table",
    "prediction_levels",
    "read_predictions",
    "read_readings",
    "read_split_file",
]
