"""What was computed and how: features, configuration, files, glossary."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from radiofib.report.blocks import (
    Block,
    Cell,
    Code,
    Column,
    Definitions,
    Group,
    Heading,
    Note,
    Paragraph,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.context import Context
from radiofib.report.format import count, pluralise, shorten, size
from radiofib.report.measures import methods

__all__ = ["configuration_section", "features_section", "files_section", "glossary_section"]

MOST_FAMILIES = 60
MOST_EXCERPT = 12
_MOST_YAML = 20_000


def features_section(context: Context) -> Section:
    """Build the section on features: families by channel and an excerpt of the codebook."""
    book = context.folder.table("codebook")
    if book is None and context.folder.features is not None:
        facts = context.folder.features.codebook
        book = facts.astype(str) if "column" in facts else None
    if book is None:
        sentence = f"{context.folder.why_not('codebook')} Features are not described."
        return Section("features", "Features", (Note(sentence),))
    if "role" in book:  # the exported codebook also describes patient, stage and covariates
        book = book[book["role"] == "feature"]
    for name in ("channel", "image", "family", "unit", "label", "ibsi_code"):
        if name not in book:
            book = book.assign(**{name: ""})
    blocks: list[Block] = [Paragraph(_overview(book)), _families(book), _excerpt(book)]
    return Section("features", "Features", tuple(blocks))


def _overview(book: pd.DataFrame) -> str:
    with_code = int((book["ibsi_code"] != "").sum())
    return (
        f"{pluralise(len(book), 'feature column')}: "
        f"{pluralise(book['channel'].nunique(), 'channel')}, "
        f"{pluralise(book['image'].nunique(), 'image type')} (original and filtered), "
        f"{pluralise(book['family'].nunique(), 'family', 'families')}; {count(with_code)} carry an "
        "IBSI code. The whole codebook is export/codebook.csv."
    )


def _families(book: pd.DataFrame) -> Table:
    channels = list(dict.fromkeys(book["channel"]))
    shown = channels[:10]
    counted = book.groupby(["family", "channel"]).size()
    families = list(dict.fromkeys(book["family"]))
    rows = []
    for family in families[:MOST_FAMILIES]:
        part = book[book["family"] == family]
        rows.append(
            (
                text(shorten(family or "other", 40)),
                *(
                    number(count(n), float(n))
                    for n in (int(counted.get((family, c), 0)) for c in shown)
                ),
                number(count(part["image"].nunique()), float(part["image"].nunique())),
                number(count(len(part)), float(len(part))),
            )
        )
    columns = (
        Column("Family"),
        *(
            Column(shorten(c or "none", 20), numeric=True, group="Columns by channel")
            for c in shown
        ),
        Column("Images", numeric=True),
        Column("All", numeric=True),
    )
    notes = []
    if len(channels) > len(shown):
        notes.append(f"{len(channels) - len(shown)} more channels are in the codebook.")
    if len(families) > MOST_FAMILIES:
        notes.append(f"{len(families) - MOST_FAMILIES} more families are in the codebook.")
    return Table(
        "Feature columns by family and channel.", columns, (Group("", tuple(rows)),), tuple(notes)
    )


def _excerpt(book: pd.DataFrame) -> Table:
    firsts = book.groupby("family", sort=False).head(1).head(MOST_EXCERPT)
    rows = tuple(
        (
            text(shorten(row["column"], 70)),
            text(shorten(row["label"], 120)),
            text(shorten(row["unit"], 20)),
            text(shorten(row["ibsi_code"], 12)),
        )
        for row in firsts.to_dict(orient="records")
    )
    columns = (Column("Column", mono=True), Column("Meaning"), Column("Unit"), Column("IBSI"))
    return Table(
        "From the codebook: the first column of each family.",
        columns,
        (Group("", rows),),
    )


def configuration_section(context: Context) -> Section:
    """Build the section on configuration and versions."""
    folder = context.folder
    blocks: list[Block] = []
    facts = [
        ("Study", folder.text("study")),
        ("Channels", ", ".join(folder.strings("channels"))),
        ("Feature engine", folder.text("engine")),
        ("Stager", context.model_name(folder.text("stager"))),
        ("Told the scanner", _scanner_flag(folder.mapping("stager"))),
        ("Parameters of the stager", _parameters(folder.mapping("stager"))),
        ("Settings", ", ".join(folder.strings("settings"))),
        ("Seed", folder.text("seed")),
        ("Extraction configuration (SHA-256)", folder.text("config_hash")),
        ("Study (SHA-256)", folder.text("study_hash")),
    ]
    shown = tuple((name, (shorten(value, 400),)) for name, value in facts if value)
    if shown:
        blocks.append(Definitions(shown))
    if folder.why_not("run"):
        blocks.append(Note(f"{folder.why_not('run')} The setup is known from other files only."))
    versions = folder.mapping("versions")
    if versions:
        rows = tuple(
            (text(shorten(k, 60)), text(shorten(v, 80))) for k, v in list(versions.items())[:60]
        )
        blocks.append(
            Table(
                "Versions.",
                (Column("Program"), Column("Version")),
                (Group("", rows),),
                sortable=False,
            )
        )
    path = folder.root / "study.yaml"
    if path.is_file():
        yaml = path.read_text(encoding="utf-8", errors="replace")
        cut = len(yaml) > _MOST_YAML
        blocks.append(Heading("Study file"))
        label = "study.yaml" + (", its beginning" if cut else "")
        blocks.append(Code(label, yaml[:_MOST_YAML].rstrip("\n")))
    else:
        blocks.append(Note("study.yaml is not in the run folder: the study is not shown."))
    return Section("configuration", "Configuration and versions", tuple(blocks))


def _scanner_flag(stager: Mapping[str, Any]) -> str:
    flag = stager.get("scanner_flag")
    return {True: "yes, as flags", False: "no"}[flag] if isinstance(flag, bool) else ""


def _parameters(stager: Mapping[str, Any]) -> str:
    given = stager.get("params")
    if not isinstance(given, dict) or not given:
        return "defaults" if isinstance(given, dict) else ""
    return ", ".join(f"{name} = {value}" for name, value in given.items())


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
    _File("predictions.csv", "probability of each stage for every test case"),
    _File("model.skops", "the stager, trained on all cases", stable=False),
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
        digest = _sha256(path)
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
    if absent:
        blocks.append(Note(f"Not in the run folder: {', '.join(absent)}."))
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


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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


def glossary_section(contexts: Sequence[Context]) -> Section:
    """Build the glossary: what each measure means and how it was computed here.

    Parameters
    ----------
    contexts : sequence of Context
        The runs on the page; methods of all of them are listed together.
    """
    merged: dict[str, dict[str, None]] = {}
    for context in contexts:
        for term, said in methods(context):
            merged.setdefault(term, {}).update(dict.fromkeys(said))
    terms = tuple((term, tuple(said)) for term, said in merged.items())
    blocks: list[Block] = [Definitions((*terms, *_GENERAL_TERMS))]
    if not terms:
        absent = next((s for c in contexts if (s := c.folder.why_not("metrics"))), "")
        blocks.insert(0, Note(f"{absent} No method is listed.".strip()))
    return Section("glossary", "Glossary and methods", tuple(blocks))


_GENERAL_TERMS = (
    (
        "By patient, by row",
        (
            "A patient's score is the mean probability of the patient's rows. By row, every row "
            "counts, and intervals are made by drawing patients, not rows.",
        ),
    ),
    ("Known scanners", ("Cross-validation grouped by patient; all scanners are in training.",)),
    ("Unseen scanners", ("Leave-one-scanner-out: the tested scanner is not in training.",)),
    (
        "Negative control",
        (
            "A model given facts of the acquisition instead of the image: matrix size, or the "
            "name of the scanner.",
        ),
    ),
    (
        "95 % CI",
        (
            "Confidence interval. Over many studies like this one, 95 % of such intervals hold "
            "the true value; it says nothing about patients unlike these.",
        ),
    ),
)
