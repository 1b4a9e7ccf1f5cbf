"""One page that holds several runs side by side: metrics, what differs, paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase

import pandas as pd

from radiofib.errors import UsageError
from radiofib.report.blocks import (
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
from radiofib.report.differences import cohorts_section, differences_section
from radiofib.report.figures import ForestGroup, ForestRow, Interval, forest_panel
from radiofib.report.folder import read_run
from radiofib.report.format import (
    count,
    estimate_with_interval,
    shorten,
    target_levels,
)
from radiofib.report.measures import metric_name, metric_rank
from radiofib.report.paired import paired_difference
from radiofib.staging import Target

__all__ = ["comparison_sections", "read_runs"]

MOST_RUNS = len(ascii_uppercase)
MOST_TARGETS = 8
MOST_METRICS = 20


def read_runs(run_dirs: Sequence[str | Path]) -> tuple[tuple[str, ...], tuple[Context, ...]]:
    """Read run folders and name them A, B, C ...

    Raises
    ------
    UsageError
        When there are fewer than two or too many, one is named twice, or one holds several runs.
    """
    if not 2 <= len(run_dirs) <= MOST_RUNS:
        raise UsageError(
            "a comparison needs two or more runs",
            expected=f"2 to {MOST_RUNS} run folders",
            found=str(len(run_dirs)),
        )
    resolved = [Path(d).resolve() for d in run_dirs]
    for i, path in enumerate(resolved):
        if path in resolved[:i]:
            raise UsageError(
                "a run is named twice", where=str(run_dirs[i]), hint="name each run once"
            )
    folders = [read_run(d) for d in run_dirs]
    for folder in folders:
        parts = folder.strings("parts")
        if parts:
            raise UsageError(
                "this folder holds several runs",
                where=str(folder.root),
                found=", ".join(parts[:5]),
                hint=f"name one of them, for example {folder.root / parts[0]}",
            )
    return tuple(ascii_uppercase[: len(folders)]), tuple(Context(f) for f in folders)


def comparison_sections(names: Sequence[str], contexts: Sequence[Context]) -> tuple[Section, ...]:
    """Return the sections of the page.

    Parameters
    ----------
    names : sequence of str
        Letters of the runs.
    contexts : sequence of Context
        The runs.
    """
    return (
        _runs_section(names, contexts),
        _metrics_section(names, contexts),
        _paired_section(names, contexts),
        differences_section(names, contexts),
        cohorts_section(names, contexts),
    )


def _title(context: Context) -> str:
    return shorten(context.folder.text("title") or context.folder.root.name, 100)


def _runs_section(names: Sequence[str], contexts: Sequence[Context]) -> Section:
    rows = tuple(
        (
            text(name),
            text(_title(c)),
            text(shorten(c.folder.root.resolve().name, 60)),
            text(shorten(c.model_name(c.main_model), 40)),
            *_counts(c),
            text(shorten(c.target_name(c.main_target), 60) or "–"),
        )
        for name, c in zip(names, contexts, strict=True)
    )
    columns = (
        Column("Run"),
        Column("Title", kind="prose"),
        Column("Folder"),
        Column("Stager"),
        Column("Patients", numeric=True),
        Column("Features", numeric=True),
        Column("Comparison of its headline"),
    )
    said = (
        "Metrics of each run's own stager, as the runs recorded them. A difference is claimed only "
        "where both runs predicted the same patients, and always with its interval; two intervals "
        "side by side are no test."
    )
    table = Table("The runs.", columns, (Group("", rows),), sortable=False)
    return Section("runs", "Runs", (Paragraph(said, lead=True), table))


def _counts(context: Context) -> tuple[Cell, Cell]:
    counts = context.folder.mapping("counts")
    cells = []
    for key in ("patients", "features"):
        value = counts.get(key)
        is_known = isinstance(value, int)
        cells.append(number(count(value), float(value or 0)) if is_known else text("–"))
    return cells[0], cells[1]


def _shared_targets(contexts: Sequence[Context]) -> list[str]:
    """Return targets of at least two runs, in the order of the first that has them."""
    seen = [t for c in contexts for t in c.targets]
    return [t for t in dict.fromkeys(seen) if seen.count(t) > 1][:MOST_TARGETS]


def _metrics_section(names: Sequence[str], contexts: Sequence[Context]) -> Section:
    targets = _shared_targets(contexts)
    title = "Metrics side by side"
    if not targets:
        said = "No two runs answer the same question: nothing can be put side by side."
        return Section("metrics", title, (Note(said, caution=True),))
    settings = list(dict.fromkeys(s for c in contexts for s in c.settings))[:4]
    groups, forests = [], []
    for target in targets:
        shown = next(c for c in contexts if target in c.targets)
        for setting in settings:
            rows = _metric_rows(contexts, target, setting)
            if rows:
                where = _setting_title(contexts, setting)
                groups.append(Group(f"{shown.target_title(target)}, {where}", rows))
        forests.append(
            ForestGroup(shown.target_title(target), _forest_rows(names, contexts, target))
        )
    columns = (Column("Measure"), *(Column(f"Run {n}", kind="estimate") for n in names))
    notes = (
        "Estimate with 95 % interval; a value without interval is no ground for a claim.",
        "By patient where a run was evaluated by patient.",
    )
    table = Table("Measures of every run's stager.", columns, tuple(groups), notes)
    keys = [(s, _setting_title(contexts, s)) for s in settings[:2]]
    caption = (
        "AUC of every run with 95 % interval; filled circle: "
        + "; open diamond: ".join(label for _, label in keys)
        + "."
    )
    panel = forest_panel("compare-forest", [f for f in forests if f.rows], keys)
    return Section("metrics", title, (table, Figure(caption, (panel,), wide=True)))


def _setting_title(contexts: Sequence[Context], setting: str) -> str:
    """Return a setting's name as the first run that has it calls it."""
    shown = next((c for c in contexts if setting in c.settings), contexts[0])
    return shown.setting_name(setting)


def _metric_rows(
    contexts: Sequence[Context], target: str, setting: str
) -> tuple[tuple[Cell, ...], ...]:
    found: dict[str, None] = {}
    for c in contexts:
        frame = c.metrics
        if frame is not None:
            part = frame[
                (frame["model"] == c.main_model)
                & (frame["unit"] == c.main_unit)
                & (frame["target"] == target)
                & (frame["setting"] == setting)
            ]
            found |= dict.fromkeys(map(str, part["metric"]))
    rows = []
    for metric in sorted(found, key=metric_rank)[:MOST_METRICS]:
        cells = [_value(c, target, setting, metric) for c in contexts]
        rows.append((text(shorten(metric_name(metric), 60)), *cells))
    return tuple(rows)


def _value(context: Context, target: str, setting: str, metric: str) -> Cell:
    found = context.metric(context.main_model, setting, context.main_unit, target, metric)
    if found is None or not math.isfinite(found.value):
        return text("–")
    return number(estimate_with_interval(found.value, found.low, found.high), found.value)


def _forest_rows(
    names: Sequence[str], contexts: Sequence[Context], target: str
) -> tuple[ForestRow, ...]:
    rows = []
    for name, c in zip(names, contexts, strict=True):
        intervals = tuple(
            Interval(s, m.value, m.low, m.high)
            for s in c.settings[:2]
            if (m := c.auc(c.main_model, s, c.main_unit, target)) is not None and m.has_interval
        )
        if intervals:
            rows.append(ForestRow(f"Run {name}: {c.model_name(c.main_model)}"[:60], intervals))
    return tuple(rows)


def _paired_section(names: Sequence[str], contexts: Sequence[Context]) -> Section:
    groups = []
    for i in range(1, len(contexts)):
        rows = _pair(contexts[0], contexts[i])
        if rows:
            groups.append(Group(f"Run {names[0]} minus run {names[i]}", rows))
    title = "Paired differences"
    if not groups:
        said = (
            "No run shares predicted patients, stages and a question with the first one: no "
            "difference is claimed."
        )
        return Section("paired", title, (Note(said),))
    columns = (
        Column("Question"),
        Column("Setting"),
        Column("Difference of AUC (95 % CI)", kind="estimate"),
        Column("Patients", numeric=True),
        Column("Positive", numeric=True),
        Column("How", kind="prose"),
    )
    n = sum(len(g.rows) for g in groups)
    notes = (
        "Paired DeLong on mean probabilities of the patients that both runs predicted.",
        "Patients are matched by name; whether a name means one person is for you to know.",
        f"Intervals are not adjusted for the {n} differences in this table.",
    )
    caption = "Differences of AUC on shared patients."
    return Section("paired", title, (Table(caption, columns, tuple(groups), notes),))


def _pair(first: Context, second: Context) -> tuple[tuple[Cell, ...], ...]:
    rows: list[tuple[Cell, ...]] = []
    if not first.levels or first.levels != second.levels:
        return ()
    for target in first.targets[:MOST_TARGETS]:
        sides = target_levels(target, first.levels)
        if sides is None:
            continue
        question = Target(target, frozenset(sides[0]), frozenset(sides[1]))
        for setting in [s for s in first.settings if s in second.settings][:4]:
            frames = [_predictions(c, setting) for c in (first, second)]
            if frames[0] is None or frames[1] is None:
                continue
            found = paired_difference(frames[0], frames[1], question, first.levels)
            if not found.n:
                continue
            shown = estimate_with_interval(found.difference, found.low, found.high)
            if not (math.isfinite(found.low) and math.isfinite(found.high)):
                shown = "no interval, no claim"
            rows.append(
                (
                    text(shorten(first.target_name(target), 80)),
                    text(shorten(first.setting_name(setting), 40)),
                    number(shown, found.difference),
                    number(count(found.n), float(found.n)),
                    number(count(found.n_pos), float(found.n_pos)),
                    text(shorten(found.note, 200)),
                )
            )
    return tuple(rows)


def _predictions(context: Context, setting: str) -> pd.DataFrame | None:
    """Return the main model's predictions in a setting, probabilities as numbers."""
    frame = context.folder.table("predictions")
    columns = [f"p_{level}" for level in context.levels]
    if frame is None or not {"setting", *columns} <= set(frame):
        return None
    frame = frame[frame["setting"] == setting]
    if "model" in frame:
        frame = frame[frame["model"] == context.main_model]
    return frame.assign(**{c: pd.to_numeric(frame[c], errors="coerce") for c in columns})
