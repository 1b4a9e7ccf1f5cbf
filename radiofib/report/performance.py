"""How well the stager does: headline, comparison with negative controls, forest plot."""

from __future__ import annotations

import math
import re

import pandas as pd

from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Definitions,
    Figure,
    Group,
    Heading,
    Note,
    Paragraph,
    Section,
    Table,
    text,
)
from radiofib.report.context import SPARSE_NOTE, Context, Metric, is_control
from radiofib.report.figures import ForestGroup, ForestRow, Interval, forest_panel
from radiofib.report.format import (
    NO_GEOMETRY,
    count,
    estimate_with_interval,
    pluralise,
    shorten,
)
from radiofib.report.measures import metric_name, metric_rank
from radiofib.report.scanners import scanner_table

__all__ = ["comparison_table", "main_table", "performance_section"]


def _cell(metric: Metric | None, *, control: bool = False) -> Cell:
    if metric is None or not math.isfinite(metric.value):
        return Cell("–", control=control)
    shown = estimate_with_interval(metric.value, metric.low, metric.high)
    return Cell(shown + (" †" if metric.sparse else ""), sort=metric.value, control=control)


def _units(context: Context) -> list[str]:
    return context.units[:1] if context.units_agree else context.units[:2]


#: The first whole number of a note is what differs between notes of one kind.
_NUMBER = re.compile(r"(?<![\w.-])[1-9]\d*(?![\w.%-])")
MOST_TARGETS = 12
MOST_NOTES = 12
_UNIT_TITLES = {"patient": "By patient", "row": "By row"}


def performance_section(context: Context) -> Section:
    """Build the section on performance."""
    if context.metrics is None or not context.targets:
        sentence = context.folder.why_not("metrics") or "evaluation/metrics.csv holds no AUC."
        return Section("performance", "Performance", (Note(f"{sentence} Nothing is claimed."),))
    blocks: list[Block] = [Paragraph(_introduction(context)), comparison_table(context)]
    blocks.append(_forest(context))
    scanners = scanner_table(context)
    if scanners is not None:
        blocks += [Heading("Left-out scanners"), scanners]
    blocks += [Heading("All measures of the stager"), main_table(context)]
    blocks += _notes(context)
    return Section("performance", "Performance", tuple(blocks))


def _introduction(context: Context) -> str:
    target = context.target_name(context.main_target)
    said = [
        f"The comparison of the headline, {target}, was named in the study beforehand."
        if context.named_beforehand
        else f"The study names no comparison beforehand; the headline shows the first, {target}."
    ]
    if "cv" in context.settings:
        said.append(
            f"{context.setting_name('cv').capitalize()}: patients are divided into folds by stage, "
            "and each is predicted by a model that saw none of that patient's images"
            + (", but saw others of the same scanner." if context.several_scanners else ".")
        )
    if "loso" in context.settings:
        said.append(
            "Unseen scanners: all images of one scanner are left out of training and predicted, "
            "scanner by scanner."
        )
    if {"test", "external"} & set(context.settings):
        said.append(
            "Sets: parts of the cohort that training did not see, each tested once by the stager "
            "that learned from the training part."
        )
    if set(context.units) >= {"patient", "row"} and not context.units_agree:
        said.append(
            "By patient: the mean score of a patient's rows. By row: every row counts, intervals "
            "allow for rows of one patient being alike."
        )
    if any(is_control(m) for m in context.models):
        said.append(
            "Controls are models that never see the image: what they reach, the acquisition "
            "gives away."
        )
    return " ".join(said)


def comparison_table(context: Context) -> Table:
    """Build the table of AUCs: models by settings and units, one group for each target."""
    pairs = [(unit, setting) for unit in _units(context) for setting in context.settings[:4]]
    columns = (
        Column("Model"),
        *(
            Column(
                context.setting_name(setting).capitalize(),
                kind="estimate",
                group=_UNIT_TITLES.get(unit, unit),
            )
            for unit, setting in pairs
        ),
    )
    groups = tuple(
        Group(_target_title(context, target), _model_rows(context, target, pairs))
        for target in context.targets[:MOST_TARGETS]
    )
    notes = ["AUC with 95 % confidence interval. How each interval was made is in the glossary."]
    if any("†" in c.text for g in groups for r in g.rows for c in r):
        notes.append(SPARSE_NOTE)
    if context.units_agree:
        notes.append("Every patient has one row, so results by row are the same.")
    if "control_geometry" not in context.models:
        notes.append(f"There is no control by image size: {NO_GEOMETRY}.")
    if len(context.targets) > MOST_TARGETS:
        notes.append(
            f"{len(context.targets) - MOST_TARGETS} more targets are in evaluation/metrics.csv."
        )
    both = " on known and unseen scanners" if {"cv", "loso"} <= set(context.settings) else ""
    beside = ", next to the negative controls" if any(map(is_control, context.models)) else ""
    caption = f"Discrimination{both}{beside}."
    return Table(caption, columns, groups, tuple(notes))


def _auc_title(context: Context, target: str) -> str:
    return "All stages, macro AUC" if target == "stages" else context.target_title(target)


def _target_title(context: Context, target: str) -> str:
    title = _auc_title(context, target)
    for unit, noun in (("patient", "patient"), ("row", "row")):
        found = next(
            (
                m
                for s in context.settings
                if (m := context.auc(context.main_model, s, unit, target))
            ),
            None,
        )
        if found is not None and math.isfinite(found.n):
            total = pluralise(found.n, noun)
            positive = f"{count(found.n_pos)} of " if math.isfinite(found.n_pos) else ""
            return f"{title} ({positive}{total})"
    return title


def _model_rows(
    context: Context, target: str, pairs: list[tuple[str, str]]
) -> tuple[tuple[Cell, ...], ...]:
    rows = []
    for model in context.models:
        found = [context.auc(model, setting, unit, target) for unit, setting in pairs]
        if not any(found):
            continue
        control = is_control(model)
        name = Cell(shorten(context.model_name(model), 60), control=control)
        rows.append((name, *(_cell(m, control=control) for m in found)))
    return tuple(rows)


def _forest(context: Context) -> Figure:
    unit = context.main_unit
    groups = []
    for target in context.targets[:6]:
        rows = []
        for model in context.models[:12]:
            intervals = tuple(
                Interval(setting, m.value, m.low, m.high)
                for setting in context.settings[:2]
                if (m := context.auc(model, setting, unit, target)) is not None
            )
            if intervals:
                name = shorten(context.model_name(model), 60)
                rows.append(ForestRow(name, intervals, control=is_control(model)))
        title = _auc_title(context, target)
        groups.append(ForestGroup(title, tuple(rows)))
    by = "patient" if unit == "patient" else "row"
    keys = [(k, context.setting_name(k)) for k in context.settings[:2]]
    marks = ((context.inside, "filled circle"), (context.outside, "open diamond"))
    key = [f"{mark}: {context.setting_name(k)}" for k, mark in marks if k in context.settings]
    if any(map(is_control, context.models)):
        key.append("grey: controls that never see the image")
    caption = f"AUC by {by} with 95 % confidence interval; {'; '.join(key)}."
    return Figure(caption, (forest_panel(f"{context.prefix}forest", groups, keys),), wide=True)


def main_table(context: Context) -> Table:
    """Build the table of every metric of the main model in the main unit."""
    frame = context.metrics
    unit = context.main_unit
    names: dict[tuple[str, str], None] = {}
    if frame is not None:
        part = frame[(frame["model"] == context.main_model) & (frame["unit"] == unit)]
        names = dict.fromkeys(zip(part["target"], part["metric"], strict=True))
    targets = context.targets + sorted({t for t, _ in names} - set(context.targets))
    groups = []
    for target in targets[:MOST_TARGETS]:
        rows = []
        for metric in sorted((m for t, m in names if t == target), key=metric_rank)[:40]:
            found = [
                context.metric(context.main_model, s, unit, target, metric)
                for s in context.settings[:4]
            ]
            rows.append((text(shorten(metric_name(metric), 60)), *map(_cell, found)))
        groups.append(Group(context.target_title(target), tuple(rows)))
    columns = (
        Column("Measure"),
        *(
            Column(context.setting_name(s).capitalize(), kind="estimate")
            for s in context.settings[:4]
        ),
    )
    notes = (
        f"Estimate with 95 % confidence interval where there is one. {SPARSE_NOTE}",
        "Other models and units are in evaluation/metrics.csv.",
    )
    caption = f"All measures of the stager ({context.model_name(context.main_model)}), by {unit}."
    return Table(caption, columns, tuple(groups), notes)


def _notes(context: Context) -> list[Block]:
    """Collect the notes recorded with metrics, each once, with where it applies."""
    frame = context.metrics
    if frame is None or "note" not in frame:
        return []
    noted = frame[frame["note"] != ""]
    noted = noted.assign(note=noted["note"].str.split("; ")).explode("note", ignore_index=True)
    noted = noted[~noted["note"].str.startswith("scanner ")]
    if not len(noted):
        return []
    noted = noted.assign(
        note=[context.note_text(_NUMBER.sub("…", note, count=1)) for note in noted["note"]]
    )
    control = {m: is_control(m) for m in context.models}
    by_note = sorted(
        noted.groupby("note"),
        key=lambda item: (all(map(control.get, item[1]["model"])), -len(item[1])),
    )
    terms = [(shorten(note, 300), (_where(context, part),)) for note, part in by_note[:MOST_NOTES]]
    blocks: list[Block] = [
        Heading("Notes recorded with these numbers (… stands for a number)"),
        Definitions(tuple(terms)),
    ]
    if len(by_note) > MOST_NOTES:
        more = pluralise(len(by_note) - MOST_NOTES, "more note")
        blocks.append(Note(f"{more}: column 'note' of evaluation/metrics.csv."))
    return blocks


def _where(context: Context, part: pd.DataFrame) -> str:
    places = dict.fromkeys(
        f"{context.model_name(m)}, {context.setting_name(s)}, {context.target_name(t)}"
        for m, s, t in zip(part["model"], part["setting"], part["target"], strict=True)
    )
    shown = "; ".join(list(places)[:4])
    more = f"; and {len(places) - 4} more" if len(places) > 4 else ""
    return f"{pluralise(len(part), 'number')}: {shorten(shown, 400)}{more}."
