"""Who was analysed: the flow of cases, and the cohort by scanner and stage."""

from __future__ import annotations

from collections.abc import Mapping

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
from radiofib.report.format import count, percent, pluralise, setting_label, shorten

__all__ = ["cohort_section", "flow_section", "flow_steps"]

#: Longest table that is printed whole.
MOST_ROWS = 40
_READ_STEPS = ("cohort", "read", "image", "mask")
_UNKNOWN = "not recorded"


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
    """Return the boxes of the flow diagram, counted from the files.

    Numbers are counted independently in each file, never derived from one another, except the
    acquisitions read: those listed less those that failed on reading.
    """
    folder = context.folder
    cohort, failures = folder.table("cohort"), folder.table("failures")
    steps: list[FlowStep] = []
    counts = folder.mapping("counts")
    before = after = None
    if failures is not None and len(failures):
        early = failures["step"].isin(_READ_STEPS)
        before, after = failures[early], failures[~early]
    if cohort is not None:
        what = (
            pluralise(len(cohort), "acquisition"),
            f"{pluralise(cohort['case'].nunique(), 'case')}, "
            f"{pluralise(_patients(cohort), 'patient')}",
        )
        steps.append(FlowStep("In the cohort", what, *_left("Not read", before)))
        lost = 0 if before is None else len(_acquisitions(before))
        steps.append(
            FlowStep(
                "Images read",
                (pluralise(len(cohort) - lost, "acquisition"),),
                *_left("Failed later", after),
            )
        )
    elif counts:
        shown = tuple(f"{shorten(k, 30)}: {shorten(v, 30)}" for k, v in list(counts.items())[:6])
        steps.append(FlowStep("In the cohort (from run.json)", shown))
    facts = folder.features
    if facts is not None:
        lines = [f"{pluralise(facts.n_rows, 'row')} of {pluralise(len(facts.columns), 'column')}"]
        if "case" in facts.obs:
            lines.append(
                f"{pluralise(facts.obs['case'].nunique(), 'case')}, "
                f"{pluralise(_patients(facts.obs), 'patient')}"
            )
        unlabelled = _without_stage(facts.obs)
        left = ("Not staged", (f"{pluralise(unlabelled, 'row')} without a stage",))
        steps.append(FlowStep("In the feature table", tuple(lines), *(left if unlabelled else ())))
    analysed = _analysed(context)
    if analysed:
        steps.append(FlowStep("Analysed", analysed))
    return steps


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
        where = setting_label(setting)
        lines.append(
            f"{where}: {pluralise(_rows(part), 'row')}, {pluralise(_patients(part), 'patient')}"
        )
    return tuple(lines)


def flow_section(context: Context) -> Section:
    """Build the section on the flow of cases."""
    steps = flow_steps(context)
    blocks: list[Block] = []
    absent = [context.folder.why_not(n) for n in ("cohort", "failures", "features", "predictions")]
    if len(steps) > 1:
        caption = "Flow of cases. Every box is counted in its own file of the run folder."
        blocks.append(Figure(caption, (flow_panel("flow", steps),), wide=True))
    blocks += [Note(f"{sentence} The flow leaves it out.") for sentence in absent if sentence]
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
    if "channel" in cohort and len(set(cohort["channel"])) > 1:
        blocks.append(_channel_table(cohort))
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


def _channel_table(cohort: pd.DataFrame) -> Table:
    frame = cohort.assign(scanner=_scanners(cohort))
    channels = list(dict.fromkeys(frame["channel"]))[:20]
    scanners = sorted(frame["scanner"].unique())[:8]
    total: Mapping[str, int] = {s: _rows(frame[frame["scanner"] == s]) for s in scanners}
    rows = []
    for channel in channels:
        part = frame[frame["channel"] == channel]
        row = [text(shorten(channel, 30))]
        for scanner in scanners:
            n = _rows(part[part["scanner"] == scanner])
            row.append(number(f"{count(n)} ({percent(n, total[scanner])})", float(n)))
        n = _rows(part)
        row.append(number(f"{count(n)} ({percent(n, _rows(frame))})", float(n)))
        rows.append(tuple(row))
    columns = (
        Column("Channel"),
        *(Column(shorten(s, 30), numeric=True) for s in scanners),
        Column("All", numeric=True),
    )
    notes = ("A channel that is missing more often on one scanner or in one stage is a shortcut.",)
    caption = "Rows with each channel, by scanner (share of that scanner's rows)."
    return Table(caption, columns, (Group("", tuple(rows)),), notes, sortable=False)
