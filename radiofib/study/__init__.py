"""Runs a study from images to report, single steps of it, and the demo."""

from radiofib.study.config import StudyConfig, find_study
from radiofib.study.demo import run_demo
from radiofib.study.folder import RunFolder, verify_run
from radiofib.study.judge import READER_FAILURES, FileEvaluation, evaluate_file
from radiofib.study.prepare import prepare_cohort, read_sections, register_files
from radiofib.study.run import RunResult, run_study, write_failures
from radiofib.study.slides import write_slide_table
from radiofib.study.tables import (
    config_for,
    extract_cohort,
    open_cohort,
    predict_features,
    scanner_notes,
    train_table,
    write_evaluation,
)

__all__ = [
    "READER_FAILURES",
    "FileEvaluation",
    "RunFolder",
    "RunResult",
    "StudyConfig",
    "config_for",
    "evaluate_file",
    "extract_cohort",
    "find_study",
    "open_cohort",
    "predict_features",
    "prepare_cohort",
    "read_sections",
    "register_files",
    "run_demo",
    "run_study",
    "scanner_notes",
    "train_table",
    "verify_run",
    "write_evaluation",
    "write_failures",
    "write_slide_table",
]
