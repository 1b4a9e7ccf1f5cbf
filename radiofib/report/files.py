"""The files of a run: what each is, its hash, how to open it, and what is not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radiofib.provenance import hash_file
from radiofib.report.blocks import (
    Block,
    Cell,
    Code,
    Column,
    Group,
    Heading,
    Note,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.checklists import CHECKLIST_NAMES
from radiofib.report.context import Context
from radiofib.report.format import size
from radiofib.report.layouts import TABLES, TableLayout

__all__ = ["files_section"]


@dataclass(frozen=True)
class _File:
    """A file of a run: what it is, whether each run writes it, whether its bytes are stable."""

    path: str
    what: str
    always: bool = True
    stable: bool = True


_FILES = (
    _File("study.yaml", "the study as it was run"),
    _File("run.json", "facts of the run: model, settings, versions, counts"),
    _File("cohort.csv", "the cohort: patient, stage, scanner, covariates"),
    _File("failures.csv", "what could not be done, with the reason"),
    _File("doubts.csv", "what looks wrong in cases that were measured all the same", always=False),
    _File("predictions.csv", "probability of each stage for every test case"),
    _File("model.skops", "the stager, trained on all cases", stable=False),
    _File("model_uncertainty.npz", "with the stager: how sure it is of new cases", False, False),
    _File("LiFS_pred.csv", "the challenge's file: cases without a stage", always=False),
    _File("submission.csv", "the same with every stage, and flags", always=False),
    _File("registration.csv", "how well each channel was aligned, with reasons", always=False),
    _File("features/features.parquet", "features with codebook and provenance"),
    _File("export/codebook.csv", "meaning, unit, family and formula of each column"),
    _File("export/missing.csv", "why a value is missing"),
    _File("export/features.csv", "features, for any program", always=False),
    _File("export/features.parquet", "features, for Python, R (arrow), Spark", always=False),
    _File("export/features.rds", "features, ordered stages and labels, for R", always=False),
    _File("export/load.R", "R code that loads it", always=False),
    _File("export/features.sav", "features, labels, levels, for SPSS and PSPP", False, False),
    _File("export/load.sps", "SPSS syntax that loads it", always=False),
    _File("export/features.dta", "features, for Stata", False, False),
    _File("export/features.xpt", "features, for SAS", False, False),
    _File("export/codebook.xlsx", "the codebook as a workbook", False, False),
    _File("evaluation/metrics.csv", "every measure with interval, method, note"),
    _File("evaluation/roc.csv", "points of the ROC curves"),
    _File("evaluation/calibration.csv", "points of the calibration curves"),
    _File("evaluation/confusion.csv", "called against true stage"),
    _File("evaluation/calibration_curve.csv", "flexible calibration curves", always=False),
    _File("evaluation/decision_curves.csv", "net benefit at each threshold", always=False),
    _File("evaluation/thresholds.csv", "thresholds and what they reach", always=False),
    _File("evaluation/conformal.csv", "how often prediction sets are right", always=False),
    _File("evaluation/prediction_sets.csv", "stages not excluded, for each case", always=False),
    _File("evaluation/abstain.csv", "rule-out and rule-in cut-offs, grey zone", always=False),
    _File("evaluation/quality.csv", "unfamiliar cases and drift, by scanner", always=False),
    _File("evaluation/distance.csv", "how familiar each case is", always=False),
    _File("evaluation/comparisons.csv", "models compared on the same cases", always=False),
    _File("evaluation/readers.csv", "readers against models", always=False),
    _File("evaluation/clinical_predictions.csv", "predictions of clinical models", always=False),
    _File("evaluation/clinical_metrics.csv", "measures of clinical models", always=False),
    _File("evaluation/added_value.csv", "what features add to clinical models", always=False),
    _File("evaluation/serum_cutoffs.csv", "published cut-offs of serum scores", always=False),
    _File("evaluation/feature_counts.csv", "are there enough patients", always=False),
    _File("evaluation/importance.csv", "what the stager goes by", always=False),
    _File("evaluation/partial_dependence.csv", "probability along a feature", always=False),
    _File("interpret/coefficients.csv", "coefficients, standard errors, odds ratios", always=False),
    _File("interpret/tests.csv", "tests of what the model assumes", always=False),
    _File("interpret/points.csv", "points of the nomogram", always=False),
    _File("interpret/total_points.csv", "probability of total points", always=False),
    _File("audit/verdicts.csv", "what the audit looked for and found", always=False),
    _File("cam/cam.csv", "class activation maps: which case, channel, question", always=False),
    _File("cam/doubts.csv", "pictures without a map: names may be burned in", always=False),
    *(
        _File(f"checklists/{name}.csv", f"{words}, filled from this run", always=False)
        for name, words in CHECKLIST_NAMES.items()
    ),
)


def files_section(context: Context) -> Section:
    """Build the section on files: what each is, its hash, how to open it in R and SPSS."""
    root = context.folder.root
    rows: list[tuple[Cell, ...]] = []
    absent = []
    changed = []
    recorded = _manifest(root)
    for file in _FILES:
        path = root / file.path
        if not path.is_file():
            absent += [file.path] if file.always else []
            continue
        digest = hash_file(path)
        if recorded.get(file.path, digest) != digest:
            changed.append(file.path)
        n = path.stat().st_size
        rows.append(
            (
                text(file.path),
                text(file.what),
                number(size(n), float(n)) if file.stable else text("–"),
                text(digest[:16] if file.stable else "in manifest.json"),
            )
        )
    columns = (
        Column("File", mono=True),
        Column("What it is"),
        Column("Size", numeric=True),
        Column("SHA-256, first 16", mono=True),
    )
    notes = (
        "Whole hashes are in manifest.json. Files whose format holds the time of writing are the "
        "same in content, not in bytes, and are not hashed here.",
    )
    blocks: list[Block] = [Table("Files of this run.", columns, (Group("", tuple(rows)),), notes)]
    said = [f"Not in the run folder: {', '.join(absent)}."] if absent else []
    untaken = [f"{t.what} ({t.path})" for t in TABLES.values() if t.what and _is_absent(root, t)]
    said += [f"Not part of this run: {', '.join(untaken)}."] if untaken else []
    if said:
        blocks.append(Note(" ".join(said)))
    blocks += [
        Note(sentence, caution=True)
        for sentence in context.folder.problems.values()
        if "cannot be used" in sentence
    ]
    if changed:
        blocks.append(
            Note(
                f"Changed since the run (hash differs from manifest.json): {', '.join(changed)}.",
                caution=True,
            )
        )
    blocks += _opening(root)
    return Section("files", "Files, and how to open them", tuple(blocks))


def _is_absent(root: Path, layout: TableLayout) -> bool:
    return not (root / layout.path).is_file()


def _manifest(root: Path) -> Mapping[str, Any]:
    """Return path -> SHA-256 of manifest.json, in either of its plausible shapes."""
    path = root / "manifest.json"
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    files = value.get("files", value) if isinstance(value, dict) else {}
    return files if isinstance(files, dict) else {}


def _opening(root: Path) -> list[Block]:
    """Return code that opens the files that are there."""
    lines = []
    if (root / "export/load.R").is_file():
        lines.append('source("export/load.R", chdir = TRUE)      # -> features, codebook')
    elif (root / "export/features.rds").is_file():
        lines.append('features <- readRDS("export/features.rds")  # stages are ordered factors')
    elif (root / "export/features.csv").is_file():
        lines.append('features <- read.csv("export/features.csv", na.strings = "")')
    if lines:
        lines.append("table(features$stage, features$scanner)")
    if (root / "evaluation/metrics.csv").is_file():
        lines += [
            'metrics <- read.csv("evaluation/metrics.csv")',
            'subset(metrics, metric == "auc" & unit == "patient")',
        ]
    if (root / "predictions.csv").is_file():
        lines += [
            'predictions <- read.csv("predictions.csv")',
            '# With pROC say direction = "<": it turns the direction of a bad score silently.',
        ]
    blocks: list[Block] = []
    if lines:
        blocks += [Heading("R"), Code("R, from the run folder", "\n".join(lines))]
    if (root / "export/features.sav").is_file():
        syntax = "GET FILE='export/features.sav'.\nCROSSTABS /TABLES=stage BY scanner."
        if (root / "export/load.sps").is_file():
            syntax = f"* export/load.sps does this and shows the dictionary.\n{syntax}"
        blocks += [Heading("SPSS and PSPP"), Code("SPSS syntax, from the run folder", syntax)]
    return blocks
