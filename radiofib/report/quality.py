"""What went wrong: failures, missing values and duplicates, grouped and counted, never dumped."""

from __future__ import annotations

import fnmatch

import pandas as pd

from radiofib.report.audit import audit_blocks
from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
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
from radiofib.report.copies import copy_blocks
from radiofib.report.doubts import doubt_blocks
from radiofib.report.format import count, percent, pluralise, shorten
from radiofib.report.reasons import general_reason, without_file_names
from radiofib.table import unguard_frame

__all__ = ["quality_section"]

MOST_GROUPS = 15
#: Up to this many failures are listed one by one.
MOST_LISTED = 20


def quality_section(context: Context) -> Section:
    """Build the section on data quality: the audit first, then failures and gaps."""
    blocks = [
        *audit_blocks(context),
        *copy_blocks(context),
        Heading("Failures"),
        *_failures(context),
    ]
    blocks += [Heading("Missing feature values"), *_missing(context)]
    blocks += _remarks(context)
    blocks += doubt_blocks(context)
    recorded = {"duplicates": "Duplicates", "flags": "Flags"}
    for name, title in recorded.items():
        blocks += _recorded(context, name, title)
    return Section("quality", "Data quality", tuple(blocks))


def _failures(context: Context) -> list[Block]:
    frame = context.folder.table("failures")
    if frame is None:
        return [Note(f"{context.folder.why_not('failures')} Failures are not listed.")]
    if not len(frame):
        return [Paragraph("Nothing failed.")]
    names = frozenset(frame["case"]) - {""}
    frame = frame.assign(
        general=[general_reason(r, names) for r in frame["reason"]],
        error=frame.get("error", ""),
    )
    groups = [(keys, part) for keys, part in frame.groupby(["step", "error", "general"], sort=True)]
    groups.sort(key=lambda item: -len(item[1]))
    rows = tuple(
        (
            text(shorten(keys[2] or "no reason given", 240)),
            text(shorten(keys[0], 30)),
            text(shorten(keys[1], 40)),
            number(count(len(part)), float(len(part))),
            number(count(len(set(part["case"]) - {""})), float(len(set(part["case"]) - {""}))),
            text(shorten(", ".join([c for c in dict.fromkeys(part["case"]) if c][:3]), 80)),
        )
        for keys, part in groups[:MOST_GROUPS]
    )
    columns = (
        Column("Reason (… stands for what differs)", kind="prose"),
        Column("Step"),
        Column("Error"),
        Column("Failures", numeric=True),
        Column("Cases", numeric=True),
        Column("For example"),
    )
    notes = [_more(len(groups), MOST_GROUPS, "reason"), "All are in failures.csv."]
    n_cases = len(names)
    where = f" in {pluralise(n_cases, 'case')}" if n_cases else " of the run as a whole"
    said = f"{pluralise(len(frame), 'failure')}{where}, of {pluralise(len(groups), 'kind')}."
    if n_cases:
        said += " The other cases went on."
    blocks: list[Block] = [
        Paragraph(said),
        Table("Failures by reason.", columns, (Group("", rows),), tuple(n for n in notes if n)),
    ]
    if len(frame) <= MOST_LISTED:
        blocks.append(_listed(frame))
    return blocks


def _message(reason: str) -> Cell:
    return text(shorten(without_file_names(reason), 400))


def _listed(frame: pd.DataFrame) -> Table:
    wanted = [c for c in ("case", "channel", "instance", "step") if c in frame]
    wanted = [c for c in wanted if c in ("case", "step") or frame[c].any()]
    columns = (*(Column(c.capitalize()) for c in wanted), Column("Message", kind="prose"))
    rows = tuple(
        (
            *(text(shorten(row[c], 80)) for c in wanted),
            _message(row["reason"]),
        )
        for row in frame.to_dict(orient="records")
    )
    return Table("Every failure, with its message.", columns, (Group("", rows),))


def _more(n: int, shown: int, noun: str) -> str:
    return f"{pluralise(n - shown, f'more {noun}')} not shown." if n > shown else ""


def _missing(context: Context) -> list[Block]:
    frame = context.folder.table("missing")
    facts = context.folder.features
    if frame is None and facts is not None and {"case", "column", "reason"} <= set(facts.missing):
        frame = facts.missing.astype(str)
    if frame is None:
        return [Note(f"{context.folder.why_not('missing')} Missing values are not listed.")]
    if not len(frame):
        return [Paragraph("No feature value is missing.")]
    book = context.folder.table("codebook")
    family: dict[str, str] = {}
    if book is not None and "family" in book:
        channel = book["channel"] if "channel" in book else [""] * len(book)
        family = {
            c: f"{ch} {f}".strip()
            for c, ch, f in zip(book["column"], channel, book["family"], strict=True)
        }
    # Reasons repeat: each different text is worked on once.
    general = {r: general_reason(r) for r in frame["reason"].unique()}
    frame = frame.assign(general=frame["reason"].map(general))
    known = [str(c) for c in book["column"]] if book is not None and "column" in book else []
    known = known or list(facts.columns if facts is not None else ())
    # "dwi_*" stands for all columns of that name.
    meant = {p: fnmatch.filter(known, p) or [p] for p in frame["column"].unique()}
    groups = sorted(frame.groupby("general", sort=True), key=lambda item: -len(item[1]))
    rows = tuple(
        _missing_row(str(reason), part, family, meant) for reason, part in groups[:MOST_GROUPS]
    )
    columns = (
        Column("Reason (… stands for what differs)", kind="prose"),
        Column("Values", numeric=True),
        Column("Columns", numeric=True),
        Column("Cases", numeric=True),
        Column("Feature families"),
    )
    values = sum(len(meant[p]) for p in frame["column"])
    columns_hit = {c for p in frame["column"].unique() for c in meant[p]}
    said = (
        f"{pluralise(values, 'value')} missing in "
        f"{pluralise(len(columns_hit), 'column')} of "
        f"{pluralise(frame['case'].nunique(), 'case')}"
    )
    if facts is not None and facts.columns and facts.n_rows:
        said += f", {percent(values, facts.n_rows * len(facts.columns))} of all values"
    notes = [_more(len(groups), MOST_GROUPS, "reason")]
    if context.folder.table("missing") is not None:
        notes.append(
            "Each gap with its reason is in export/missing.csv; dwi_* there stands for all "
            "columns that begin so."
        )
    return [
        Paragraph(f"{said}."),
        Table(
            "Missing feature values by reason.",
            columns,
            (Group("", rows),),
            tuple(n for n in notes if n),
        ),
    ]


def _missing_row(
    reason: str, part: pd.DataFrame, family: dict[str, str], meant: dict[str, list[str]]
) -> tuple[Cell, ...]:
    columns = list(dict.fromkeys(c for p in part["column"].unique() for c in meant[p]))
    values = sum(len(meant[p]) for p in part["column"])
    families = sorted({family.get(c, "") for c in columns} - {""})
    shown = ", ".join(families[:6]) + (f" and {len(families) - 6} more" if families[6:] else "")
    return (
        text(shorten(reason or "no reason given", 240)),
        number(count(values), float(values)),
        number(count(len(columns)), float(len(columns))),
        number(count(part["case"].nunique()), float(part["case"].nunique())),
        text(shorten(shown, 200)),
    )


def _remarks(context: Context) -> list[Block]:
    """Show what the extraction remarked on regions and values it did compute."""
    facts = context.folder.features
    provenance = facts.provenance if facts is not None else {}
    rows: list[tuple[str, int, int]] = []
    notes, flags = provenance.get("notes"), provenance.get("flags")
    if isinstance(notes, dict):
        rows += [(str(k), v, 0) for k, v in notes.items() if isinstance(v, int)]
    if isinstance(flags, list):
        by_remark: dict[str, list[int]] = {}
        for flag in flags:
            if isinstance(flag, dict) and isinstance(flag.get("regions"), int):
                by_remark.setdefault(str(flag.get("remark", "")), []).append(flag["regions"])
        rows += [(remark, max(n), len(n)) for remark, n in by_remark.items()]
    if not rows:
        return []
    rows.sort(key=lambda row: (-row[1], row[0]))
    shown = tuple(
        (
            text(shorten(remark, 240)),
            number(count(regions), float(regions)),
            number(count(columns) if columns else "\u2013", float(columns)),
        )
        for remark, regions, columns in rows[:MOST_GROUPS]
    )
    head = (
        Column("Remark", kind="prose"),
        Column("Images", numeric=True),
        Column("Columns", numeric=True),
    )
    more = _more(len(rows), MOST_GROUPS, "remark")
    return [
        Heading("Remarks on what was measured"),
        Table(
            "Remarks of the extraction (# stands for a number).",
            head,
            (Group("", shown),),
            (more,) if more else (),
        ),
    ]


def _recorded(context: Context, name: str, title: str) -> list[Block]:
    """Show a list that a run may have recorded; nothing is said when it has not."""
    path = context.folder.root / f"{name}.csv"
    if not path.is_file():
        return []
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        frame = unguard_frame(frame)
    except (ValueError, pd.errors.ParserError):
        return [Heading(title), Note(f"{name}.csv is not readable as CSV.")]
    if not len(frame):
        return [Heading(title), Paragraph(f"{name}.csv lists none.")]
    names = [str(c) for c in frame.columns[:6]]
    rows = tuple(
        tuple(text(shorten(row[c], 240)) for c in names)
        for row in frame.head(MOST_LISTED).to_dict(orient="records")
    )
    note = _more(len(frame), MOST_LISTED, "row")
    table = Table(
        f"{title}: {pluralise(len(frame), 'row')} of {name}.csv.",
        tuple(Column(shorten(c, 40)) for c in names),
        (Group("", rows),),
        (note,) if note else (),
    )
    return [Heading(title), table]
