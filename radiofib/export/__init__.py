"""Feature tables and stagers for statistics programs; the file of the CARE-Liver challenge."""

from radiofib.export.models import MODEL_FORMATS, export_model
from radiofib.export.refit import write_refit
from radiofib.export.submission import by_setting, read_cases, write_submission
from radiofib.export.submission_check import SubmissionProblem, check_submission
from radiofib.export.tables import FORMATS, export_table

__all__ = [
    "FORMATS",
    "MODEL_FORMATS",
    "SubmissionProblem",
    "by_setting",
    "check_submission",
    "export_model",
    "export_table",
    "read_cases",
    "write_refit",
    "write_submission",
]
