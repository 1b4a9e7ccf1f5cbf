"""Runs a study from images to report, single steps of it, and the demo.

Public names are imported when they are first used: who aligns images needs no stager.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiofib._lazy import lazy_names

if TYPE_CHECKING:
    from radiofib.study.ablate import AblationResult, ablate_study
    from radiofib.study.config import StudyConfig, find_study
    from radiofib.study.demo import run_demo
    from radiofib.study.doubts import write_doubts
    from radiofib.study.extraction import config_for, extract_cohort, open_cohort
    from radiofib.study.folder import RunFolder, verify_run, write_failures
    from radiofib.study.foresee import StudyWarning
    from radiofib.study.interpret import Interpretation, interpret_table
    from radiofib.study.interpret_config import InterpretConfig
    from radiofib.study.judge import READER_FAILURES, FileEvaluation, evaluate_file
    from radiofib.study.prepare import prepare_cohort, read_sections, register_files
    from radiofib.study.run import RunResult, run_study
    from radiofib.study.slide_tables import slide_labeller, write_slide_tables
    from radiofib.study.tables import (
        predict_features,
        scanner_notes,
        train_table,
        write_evaluation,
    )
    from radiofib.study.ultrasound import clean_files, open_pictures, read_plan

#: public name -> module that has it
_HOME = {
    "AblationResult": "ablate",
    "FileEvaluation": "judge",
    "InterpretConfig": "interpret_config",
    "Interpretation": "interpret",
    "READER_FAILURES": "judge",
    "RunFolder": "folder",
    "RunResult": "run",
    "StudyConfig": "config",
    "StudyWarning": "foresee",
    "ablate_study": "ablate",
    "clean_files": "ultrasound",
    "config_for": "extraction",
    "evaluate_file": "judge",
    "extract_cohort": "extraction",
    "find_study": "config",
    "interpret_table": "interpret",
    "open_cohort": "extraction",
    "open_pictures": "ultrasound",
    "predict_features": "tables",
    "prepare_cohort": "prepare",
    "read_plan": "ultrasound",
    "read_sections": "prepare",
    "register_files": "prepare",
    "run_demo": "demo",
    "run_study": "run",
    "scanner_notes": "tables",
    "slide_labeller": "slide_tables",
    "train_table": "tables",
    "verify_run": "folder",
    "write_doubts": "doubts",
    "write_evaluation": "tables",
    "write_failures": "folder",
    "write_slide_tables": "slide_tables",
}

__all__ = [
    "READER_FAILURES",
    "AblationResult",
    "FileEvaluation",
    "InterpretConfig",
    "Interpretation",
    "RunFolder",
    "RunResult",
    "StudyConfig",
    "StudyWarning",
    "ablate_study",
    "clean_files",
    "config_for",
    "evaluate_file",
    "extract_cohort",
    "find_study",
    "interpret_table",
    "open_cohort",
    "open_pictures",
    "predict_features",
    "prepare_cohort",
    "read_plan",
    "read_sections",
    "register_files",
    "run_demo",
    "run_study",
    "scanner_notes",
    "slide_labeller",
    "train_table",
    "verify_run",
    "write_doubts",
    "write_evaluation",
    "write_failures",
    "write_slide_tables",
]

__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
