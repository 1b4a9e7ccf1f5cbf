"""Feature tables and stagers for statistics programs; the file of the CARE-Liver challenge."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from radiofib.export.submission import by_setting, read_cases, write_submission
from radiofib.export.submission_check import SubmissionProblem, check_submission
from radiofib.export.tables import FORMATS, export_table

if TYPE_CHECKING:
    from radiofib.export.models import MODEL_FORMATS, export_model
    from radiofib.export.refit import write_refit

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

#: Imported on first use: they load the stagers, which a table does without.
_LATER = {"MODEL_FORMATS": "models", "export_model": "models", "write_refit": "refit"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'radiofib.export' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"radiofib.export.{_LATER[name]}"), name)
    globals()[name] = value
    return value
