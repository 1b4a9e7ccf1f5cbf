"""What was computed and how: features, configuration, glossary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from radiofib.report.blocks import (
    Block,
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
from radiofib.report.format import count, pluralise, shorten
from radiofib.report.measures import methods

__all__ = ["configuration_section", "features_section", "glossary_section"]

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
