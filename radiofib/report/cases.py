"""Who was analysed: the flow of cases, and the cohort by scanner and stage."""

from __future__ import annotations

import re

import pandas as pd

from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Group,
    Note,
    Paragraph,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.context import Context
from radiofib.report.figures import FlowStep, flow_panel
from radiofib.report.format import count, percent, pluralise, shorten

__all__ = ["cohort_section", "flow_section", "flow_steps"]

#: Longest table that is printed whole.
MOST_ROWS = 40
#: ``step`` of failures.csv, by where in the flow a case is lost.
_READ_STEPS = ("cohort", "read")
_MEASURE_STEPS = ("extract", "slide", "slides")
_ANALYSIS_STEPS = ("train", "evaluate", "split", "cv", "loso")
#: Errors of a line of the cohort table, which never became an acquisition.
_TABLE_ERRORS = ("CohortError", "DataCardError")
_UNKNOWN = "not recorded"
_GEOMETRY = re.compile(r"^geom_([a-z][a-z0-9]*)_")


def _patients(frame: pd.DataFrame) -> int:
    return int(frame["patient" if "patient" in frame else "case"].nunique())


def _rows(frame: pd.DataFrame) -> int:
    keys = [c for c in ("case", "instance") if c in frame]
    return len(frame[keys].drop_duplicates())


def _tally(frame: pd.DataFrame, most: int = 4) -> tuple[str, ...]:
    """Count failures by class of error."""
    kind = frame["error"] if "error" in frame else frame["step"]
    counted = kind.replace("", "unnamed error").value_counts()
    counted = counted.sort_index().sort_values(ascending=False, kind="stable")
    lines = [f"{count(n)} {shorten(name, 40)}" for name, n in counted.iloc[:most].items()]
    if len(counted) > most:
        lines.append(f"{count(counted.iloc[most:].sum())} of other kinds")
    return tuple(lines)


def flow_steps(context: Context) -> list[FlowStep]:
    """Return the boxes of the flow diagram.

    Each number is counted in the file that holds it. Only the images read are a sum: those
    measured and those whose measurement failed.
    """
    folder = context.folder
    failures = folder.table("failures")
    if failures is None or not len(failures):
        failures = pd.DataFrame({c: [] for c in ("case", "step", "error", "reason")}, dtype=str)
    early = failures["step"].isin(_READ_STEPS)
    extract = failures["step"].isin(_MEASURE_STEPS)
    late = failures["step"].isin(_ANALYSIS_STEPS)
    steps = _cohort_step(context, failures[early])
    facts = folder.features
    measured = facts.provenance.get("pieces") if facts is not None else None
    failed = _left("Not measured", failures[extract])
    if isinstance(measured, int) and steps:
        read = measured + len(_acquisitions(failures[extract]))
        steps.append(FlowStep("Read", (pluralise(read, "image"),), *failed))
    elif steps and failed[0]:
        both = _left("Not read or not measured", failures[early | extract])
        steps[-1] = FlowStep(steps[-1].title, steps[-1].lines, *both)
    if facts is not None:
        lines = [f"{pluralise(facts.n_rows, 'row')} of {pluralise(len(facts.columns), 'feature')}"]
        if "case" in facts.obs:
            lines.append(
                f"{pluralise(facts.obs['case'].nunique(), 'case')}, "
                f"{pluralise(_patients(facts.obs), 'patient')}"
            )
        if isinstance(measured, int):
            lines.insert(0, f"from {pluralise(measured, 'image')}")
        title, left = _left("Not analysed", failures[late])
        unlabelled = _without_stage(facts.obs)
        if unlabelled:
            title = title or "Not analysed"
            left = (f"{pluralise(unlabelled, 'row')} without a stage", *left)
        steps.append(FlowStep("In the feature table", tuple(lines), title, left))
    analysed = _analysed(context)
    if analysed:
        steps.append(FlowStep("Analysed", analysed))
    return steps


def _cohort_step(context: Context, unread: pd.DataFrame) -> list[FlowStep]:
    cohort, counts = context.folder.table("cohort"), context.folder.mapping("counts")
    lines = []
    acquisitions = counts.get("acquisitions")
    if cohort is not None and "channel" in cohort:
        acquisitions = len(cohort)
    if isinstance(acquisitions, int):
        lines.append(pluralise(acquisitions, "image"))
    if cohort is not None:
        lines.append(
            f"{pluralise(cohort['case'].nunique(), 'case')}, "
            f"{pluralise(_patients(cohort), 'patient')}"
        )
    elif isinstance(counts.get("cases"), int):
        lines.append(pluralise(counts["cases"], "case"))
    if not lines:
        return []
    table = unread["error"].isin(_TABLE_ERRORS) if "error" in unread else unread["step"] == ""
    title, left = _left("Not read", unread[~table])
    if table.any():
        title = title or "Not in the cohort"
        left = (*left, f"{pluralise(int(table.sum()), 'line')} refused before this count")
    return [FlowStep("In the cohort", tuple(lines), title, left)]


def _left(title: str, failures: pd.DataFrame | None) -> tuple[str, tuple[str, ...]]:
    if failures is None or not len(failures):
        return "", ()
    return f"{title}: {count(len(failures))}", _tally(failures)


def _acquisitions(failures: pd.DataFrame) -> pd.DataFrame:
    keys = [c for c in ("case", "channel", "instance") if c in failures]
    return failures[keys].drop_duplicates()


def _without_stage(obs: pd.DataFrame) -> int:
    return int(obs["stage"].isna().sum()) if "stage" in obs else 0


def _analysed(context: Context) -> tuple[str, ...]:
    frame = context.folder.table("predictions")
    if frame is None:
        return ()
    if "model" in frame and context.main_model in set(frame["model"]):
        frame = frame[frame["model"] == context.main_model]
    if "setting" not in frame:
        return (f"{pluralise(_rows(frame), 'row')}, {pluralise(_patients(frame), 'patient')}",)
    lines = []
    for setting in dict.fromkeys(frame["setting"]):
        part = frame[frame["setting"] == setting]
        where = context.setting_name(setting)
        lines.append(
            f"{where}: {pluralise(_rows(part), 'row')}, {pluralise(_patients(part), 'patient')}"
        )
    return tuple(lines)


def flow_section(context: Context) -> Section:
    """Build the section on the flow of cases."""
    steps = flow_steps(context)
    blocks: list[Block] = []
    names = ("cohort", "failures", "features", "predictions")
    absent = [sentence for n in names if (sentence := context.folder.why_not(n))]
    if len(steps) > 1:
        caption = "Flow of cases, each box counted in its own file of the run folder."
        blocks.append(
            Figure(caption, (flow_panel(f"{context.prefix}flow-drawing", steps),), wide=True)
        )
    if absent:
        blocks.append(Note(f"{' '.join(absent)} The flow is drawn without."))
    return Section("flow", "Flow of cases", tuple(blocks))


def cohort_section(context: Context) -> Section:
    """Build the section that describes the cohort."""
    cohort = context.folder.table("cohort")
    if cohort is None:
        sentence = f"{context.folder.why_not('cohort')} The cohort is not described."
        return Section("cohort", "Cohort", (Note(sentence),))
    card = context.folder.mapping("card")
    blocks: list[Block] = []
    said = [shorten(card.get("description", ""), 800)]
    if card.get("name"):
        said.insert(0, f"Data card: {shorten(card['name'])}.")
    if card.get("licence"):
        said.append(f"Licence: {shorten(card['licence'])}.")
    if any(said):
        blocks.append(Paragraph(" ".join(s for s in said if s)))
    scheme = context.folder.mapping("scheme").get("name")
    if "stage" in cohort:
        blocks.append(_stage_table(context, cohort, str(scheme) if scheme else ""))
    else:
        blocks.append(Note("cohort.csv has no column 'stage': cases are not counted by stage."))
    presence = _presence(context, cohort)
    if presence is not None:
        blocks.append(_channel_table(presence))
    return Section("cohort", "Cohort", tuple(blocks))


def _scanners(frame: pd.DataFrame) -> pd.Series:
    if "scanner" not in frame:
        return pd.Series(_UNKNOWN, index=frame.index)
    return frame["scanner"].replace("", _UNKNOWN)


def _stage_table(context: Context, cohort: pd.DataFrame, scheme: str) -> Table:
    frame = pd.DataFrame(
        {
            "scanner": _scanners(cohort),
            "stage": [context.stage_name(v) if v else _UNKNOWN for v in cohort["stage"]],
            "patient": cohort["patient" if "patient" in cohort else "case"],
            "row": cohort["case"].str.cat(
                cohort["instance"] if "instance" in cohort else [""] * len(cohort), sep="\n"
            ),
        }
    )
    known = [context.labels[level] for level in context.levels]
    present = set(frame["stage"])
    others = sorted(present - set(known) - {_UNKNOWN})
    shown = [s for s in dict.fromkeys(known) if s in present or len(known) <= 8] + others[:12]
    shown += [_UNKNOWN] if _UNKNOWN in present else []
    scanners = list(dict.fromkeys(sorted(frame["scanner"])))

    def cells(name: str, part: pd.DataFrame) -> tuple[Cell, ...]:
        by_stage = part.groupby("stage")[["patient", "row"]].nunique()
        row = [text(shorten(name, 60))]
        for stage in shown:
            p, r = (int(by_stage[c].get(stage, 0)) for c in ("patient", "row"))
            row.append(number(_both(p, r), float(p)))
        total = (part["patient"].nunique(), part["row"].nunique())
        return (*row, number(_both(*total), float(total[0])))

    rows = tuple(cells(s, frame[frame["scanner"] == s]) for s in scanners[:MOST_ROWS])
    groups = [Group("", rows)]
    if len(scanners) > 1:
        groups.append(Group("", (cells("All scanners", frame),)))
    columns = (
        Column("Scanner"),
        *(Column(shorten(s, 30), numeric=True) for s in shown),
        Column("All", numeric=True),
    )
    notes = ["Patients; in brackets rows (case and instance), where they are not the same number."]
    if frame.groupby("patient")["stage"].nunique().max() > 1:
        notes.append("Some patients have rows of several stages and are counted in each.")
    if len(scanners) > MOST_ROWS:
        more = len(scanners) - MOST_ROWS
        notes.append(f"{count(more)} more scanners are in cohort.csv.")
    by = f" ({shorten(scheme, 60)})" if scheme else ""
    caption = f"Patients and rows by scanner and stage{by}."
    return Table(caption, columns, tuple(groups), tuple(notes), sortable=len(rows) > 2)


def _both(patients: int, rows: int) -> str:
    return count(patients) if patients == rows else f"{count(patients)} ({count(rows)})"


def _presence(context: Context, cohort: pd.DataFrame) -> pd.DataFrame | None:
    """Return scanner and, for each channel, whether a row has it; None with one channel.

    A cohort file by acquisition says it itself; else the feature table's header facts
    (``geom_<channel>_...``) do: they are empty where a channel is absent.
    """
    facts = context.folder.features
    if "channel" in cohort:
        keys = [c for c in ("case", "instance") if c in cohort]
        wide = pd.crosstab([cohort[c] for c in keys], cohort["channel"]) > 0
        scanner = cohort.assign(scanner=_scanners(cohort)).groupby(keys)["scanner"].first()
        frame = wide[list(dict.fromkeys(cohort["channel"]))].assign(scanner=scanner)
    elif facts is not None:
        found: dict[str, pd.Series] = {}
        for column in facts.obs:
            match = _GEOMETRY.match(str(column))
            if match:
                seen = facts.obs[column].notna()
                found[match[1]] = found[match[1]] | seen if match[1] in found else seen
        scanner = _scanners(facts.obs.astype({c: object for c in facts.obs if c == "scanner"}))
        frame = pd.DataFrame(found).assign(scanner=scanner.fillna(_UNKNOWN))
    else:
        return None
    return frame.reset_index(drop=True) if frame.shape[1] > 2 else None


def _channel_table(presence: pd.DataFrame) -> Table:
    channels = [str(c) for c in presence.columns if c != "scanner"][:20]
    scanners = sorted(presence["scanner"].unique())[:8]
    parts = [presence[presence["scanner"] == s] for s in scanners] + [presence]
    rows = []
    for channel in channels:
        row = [text(shorten(channel, 30))]
        for part in parts:
            n = int(part[channel].sum())
            row.append(number(f"{count(n)} ({percent(n, len(part))})", float(n)))
        rows.append(tuple(row))
    columns = (
        Column("Channel"),
        *(Column(shorten(s, 30), numeric=True) for s in [*scanners, "All"]),
    )
    notes = ["A channel that is missing more often on one scanner or in one stage is a shortcut."]
    if presence["scanner"].nunique() > len(scanners):
        notes.append("Eight scanners are shown; the last column counts all.")
    caption = "Rows that have each channel, by scanner (share of that scanner's rows)."
    return Table(caption, columns, (Group("", tuple(rows)),), tuple(notes), sortable=False)
