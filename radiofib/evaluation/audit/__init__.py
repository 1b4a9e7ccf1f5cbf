"""What a table would teach a model beside the disease: controls, copies, identifiers."""

from radiofib.evaluation.audit.grim import Grim, grim, grim_table, read_percentages
from radiofib.evaluation.audit.run import Audit, audit
from radiofib.evaluation.audit.verdicts import ALPHA, CHECKS, VERDICT_COLUMNS

__all__ = [
    "ALPHA",
    "CHECKS",
    "VERDICT_COLUMNS",
    "Audit",
    "Grim",
    "audit",
    "grim",
    "grim_table",
    "read_percentages",
]
