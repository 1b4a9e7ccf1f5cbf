"""Cohorts: one row per acquisition, read from a table or from a folder that a card describes."""

from radiofib.cohort.columns import CASE_COLUMNS, KNOWN_COLUMNS
from radiofib.cohort.model import Acquisition, Cohort

__all__ = ["CASE_COLUMNS", "KNOWN_COLUMNS", "Acquisition", "Cohort"]
