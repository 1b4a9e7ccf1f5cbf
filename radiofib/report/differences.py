"""What differs between runs: settings, versions, hashes, cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from radiofib.provenance import hash_file
from radiofib.report.blocks import (
    Block,
    Column,
    Group,
    Note,
    Paragraph,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.context import Context
from radiofib.report.format import count, pluralise, shorten

__all__ = ["cohorts_section", "differences_section"]

MOST_KEYS = 80
_SHORT = 12


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested mappings: ``evaluation.folds`` -> "5"."""
    found: dict[str, str] = {}
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, Mapping) and inner:
            found |= _flat(inner, f"{name}.")
        else:
            found[name] = "" if inner is None else str(inner)
    return found


def _hash(context: Context, name: str) -> str:
    path = context.folder.root / name
    return hash_file(path) if path.is_file() else ""


def differences_section(names: Sequence[str], contexts: Sequence[Context]) -> Section:
    """Build the section on settings: hashes of every run, and the keys that differ."""
    hashed = [
        ("Study", [c.folder.text("study_hash") for c in contexts]),
        ("Extraction", [c.folder.text("config_hash") for c in contexts]),
        ("cohort.csv", [_hash(c, "cohort.csv") for c in contexts]),
        ("features/features.parquet", [_hash(c, "features/features.parquet") for c in contexts]),
        ("predictions.csv", [_hash(c, "predictions.csv") for c in contexts]),
    ]
    rows = tuple(
        (
            text(what),
            *(text(shorten(v[:_SHORT], 20) or "–") for v in values),
            text(_verdict(values)),
        )
        for what, values in hashed
    )
    columns = (Column("Hash of"), *(Column(n, mono=True) for n in names), Column("Verdict"))
    note = (f"SHA-256, first {_SHORT} characters.",)
    blocks: list[Block] = [
        Table("Hashes of settings and data.", columns, (Group("", rows),), note, sortable=False),
        *_keys(names, contexts),
    ]
    return Section("differences", "What differs between the runs", tuple(blocks))


def _verdict(values: Sequence[str]) -> str:
    if not all(values):
        return "not recorded"
    return "same" if len(set(values)) == 1 else "differs"


def _keys(names: Sequence[str], contexts: Sequence[Context]) -> list[Block]:
    flat = []
    for context in contexts:
        run = {f"versions.{k}": str(v) for k, v in context.folder.mapping("versions").items()}
        flat.append({**_flat(context.folder.study()), **run})
    keys = list(dict.fromkeys(k for f in flat for k in f))
    differing = [k for k in keys if len({f.get(k) for f in flat}) > 1]
    if not differing:
        return [Paragraph("Study files and versions are the same in every key.")]
    rows = tuple(
        (text(shorten(k, 80)), *(text(shorten(f.get(k, "absent") or "none", 200)) for f in flat))
        for k in differing[:MOST_KEYS]
    )
    columns = (Column("Key", mono=True), *(Column(n, kind="prose") for n in names))
    more = len(differing) - MOST_KEYS
    notes = (f"{pluralise(more, 'more key')} differ.",) if more > 0 else ()
    said = f"{pluralise(len(differing), 'key')} of the study files or versions differ."
    caption = "Keys of study.yaml, and versions, that are not the same."
    return [Paragraph(said), Table(caption, columns, (Group("", rows),), notes)]


def cohorts_section(names: Sequence[str], contexts: Sequence[Context]) -> Section:
    """Build the section on cohorts: stages of each run, and patients that runs share."""
    cohorts = [c.folder.table("cohort") for c in contexts]
    known = [(n, c, f) for n, c, f in zip(names, contexts, cohorts, strict=True) if f is not None]
    if not known:
        return Section("cohorts", "Cohorts", (Note("No run has cohort.csv."),))
    blocks: list[Block] = [_stages(known), _shared(known)]
    return Section("cohorts", "Cohorts", tuple(blocks))


def _people(frame: pd.DataFrame) -> pd.Series:
    return frame["patient" if "patient" in frame else "case"]


def _stages(known: Sequence[tuple[str, Context, pd.DataFrame]]) -> Table:
    counted: list[dict[str, int]] = []
    for _, context, frame in known:
        if "stage" not in frame:
            counted.append({})
            continue
        named = frame.assign(
            shown=[context.stage_name(v) or "not recorded" for v in frame["stage"]]
        )
        by_stage = named.groupby("shown")[str(_people(frame).name)].nunique()
        counted.append({str(k): int(v) for k, v in by_stage.items()})
    stages = sorted({s for c in counted for s in c})[:12]
    rows = tuple(
        (
            text(name),
            *(number(count(c.get(s, 0)), float(c.get(s, 0))) for s in stages),
            number(count(_people(frame).nunique()), float(_people(frame).nunique())),
        )
        for (name, _, frame), c in zip(known, counted, strict=True)
    )
    columns = (
        Column("Run"),
        *(Column(shorten(s, 30), numeric=True) for s in stages),
        Column("All", numeric=True),
    )
    return Table("Patients of each run by stage.", columns, (Group("", rows),), sortable=False)


def _shared(known: Sequence[tuple[str, Context, pd.DataFrame]]) -> Table:
    people = [set(_people(frame)) for _, _, frame in known]
    rows = tuple(
        (
            text(name),
            *(number(count(len(own & other)), float(len(own & other))) for other in people),
        )
        for (name, _, _), own in zip(known, people, strict=True)
    )
    columns = (Column("Run"), *(Column(f"Also in {n}", numeric=True) for n, _, _ in known))
    notes = ("Patients are matched by their name in cohort.csv.",)
    caption = "Patients that two runs share."
    return Table(caption, columns, (Group("", rows),), notes, sortable=False)
