"""The feature table, and tables of other people read as one."""

from radiofib.table.aggregate import DEFAULT_STATISTICS, aggregate_instances
from radiofib.table.columns import OBS_COLUMNS
from radiofib.table.guard import guard, guard_frame, unguard_frame
from radiofib.table.model import CODEBOOK_COLUMNS, MISSING_COLUMNS, FeatureTable, join_tables
from radiofib.table.reading import read_frame

__all__ = [
    "CODEBOOK_COLUMNS",
    "DEFAULT_STATISTICS",
    "MISSING_COLUMNS",
    "OBS_COLUMNS",
    "FeatureTable",
    "aggregate_instances",
    "guard",
    "guard_frame",
    "join_tables",
    "read_frame",
    "unguard_frame",
]
