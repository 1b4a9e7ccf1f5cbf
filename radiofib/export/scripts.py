"""Short scripts that load an export, for people who open the folder in R or SPSS."""

from __future__ import annotations

from radiofib.export.sheet import Sheet

__all__ = ["load_r", "load_sps"]


def load_r(sheet: Sheet) -> str:
    """Return an R script that reads ``features.rds`` beside it.

    Only base R is needed. Names of columns are not written into code, so a name from outside
    cannot become code.
    """
    features = sum(v.role == "feature" for v in sheet.variables)
    return f"""\
# Reads features.rds, which lies beside this script. Run it from this folder:
#   setwd("...")    then    source("load.R")
# Doubles are exact, stages are ordered factors, missing values are NA.
features <- readRDS("features.rds")
codebook <- attr(features, "codebook")
missing_reasons <- attr(features, "missing_reasons")
stopifnot(nrow(features) == {sheet.n_rows}L, ncol(features) == {len(sheet.variables)}L)
is_feature <- codebook$role == "feature"    # {features} columns
labels <- vapply(features, attr, character(1), "label")
if ("stage" %in% names(features)) print(table(features$stage, useNA = "ifany"))
"""


def load_sps(sheet: Sheet) -> str:
    """Return SPSS syntax that reads ``features.sav`` beside it."""
    stage = next((v for v in sheet.variables if v.name == "stage"), None)
    count = f"FREQUENCIES VARIABLES={stage.sav_name}.\n" if stage is not None else ""
    return f"""\
* Encoding: UTF-8.
* Reads features.sav, which lies beside this file. In SPSS first set the folder: CD 'folder'.
* Features are shown with 13 digits (E20.12); the file holds every bit.
SET FORMAT=F20.12.
GET FILE='features.sav'.
DISPLAY DICTIONARY.
{count}"""
