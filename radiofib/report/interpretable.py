"""The interpretable model: coefficients, odds ratios, tests, and points to add up by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Group,
    Heading,
    Note,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.context import Context
from radiofib.report.format import (
    NOTHING,
    count,
    p_value,
    pluralise,
    shorten,
    signed,
    significant,
)
from radiofib.report.nomogram import NomogramAxis, nomogram_panel
from radiofib.report.odds import OddsRow, odds_panel

__all__ = ["interpretable_section"]

MOST_MODELS = 3
MOST_TERMS = 60
MOST_DRAWN = 25


def interpretable_section(context: Context) -> Section | None:
    """Build the section on the interpretable model; None when none was fitted."""
    frame = context.folder.table("coefficients")
    tests = context.folder.table("tests")
    blocks: list[Block] = []
    if frame is not None and len(frame):
        models = list(dict.fromkeys(zip(frame["model"], frame["target"], strict=True)))
        for i, (model, target) in enumerate(models[:MOST_MODELS]):
            part = frame[(frame["model"] == model) & (frame["target"] == target)]
            blocks += _model(context, part, model, target, i + 1)
        if len(models) > MOST_MODELS:
            more = pluralise(len(models) - MOST_MODELS, "more model")
            blocks.append(Note(f"{more}: interpret/coefficients.csv."))
    if tests is not None and len(tests):
        blocks += [Heading("Tests of the model"), _tests(context, tests)]
    blocks += _nomograms(context)
    return Section("model", "Interpretable model", tuple(blocks)) if blocks else None


def _name(context: Context, model: str, target: str) -> str:
    return f"{_shown(context, model)}, {context.target_name(target)}"


def _shown(context: Context, model: str) -> str:
    name = context.model_name(model)
    shown = name if name != model else model.replace("_", " ")
    return f"{shown[:1].upper()}{shown[1:]}"


def _term(row: Mapping[Any, Any]) -> str:
    shown = str(row["label"] or row["term"])
    return f"{shown} ({row['unit']})" if row["unit"] not in ("", "1") else shown


def _model(context: Context, frame: pd.DataFrame, model: str, target: str, i: int) -> list[Block]:
    name = shorten(_name(context, model, target), 120)
    terms = frame[frame["kind"] != "threshold"].head(MOST_TERMS)
    cuts = frame[frame["kind"] == "threshold"]
    groups = [Group("Terms" if len(cuts) else "", tuple(map(_row, _records(terms))))]
    if len(cuts):
        groups.append(Group("Thresholds between stages", tuple(map(_row, _records(cuts)))))
    columns = (
        Column("Term", kind="prose"),
        Column("Coefficient", numeric=True),
        Column("SE", numeric=True),
        Column("Odds ratio (95 % CI)", kind="estimate"),
        Column("z", numeric=True),
        Column("p", numeric=True),
    )
    notes = [
        "Odds ratio for one unit more of the term, the others held. Names of columns and intervals "
        "of coefficients are in interpret/coefficients.csv."
    ]
    if frame["p"].isna().any():
        notes.append(
            "–: p values stand only where terms were named beforehand or chosen on other patients."
        )
    notes += [f"{shorten(n, 300)}." for n in list(dict.fromkeys(frame["note"]))[:4] if n]
    if int((frame["kind"] != "threshold").sum()) > MOST_TERMS:
        notes.append(f"The first {MOST_TERMS} terms; all are in interpret/coefficients.csv.")
    blocks: list[Block] = [
        Heading(name),
        Table(f"Coefficients: {name}.", columns, tuple(groups), tuple(notes)),
    ]
    drawn = [
        OddsRow(shorten(_term(r), 70), *(float(r[c]) for c in ("odds_ratio", "or_low", "or_high")))
        for r in _records(terms)
        if float(r["odds_ratio"]) > 0 and math.isfinite(float(r["odds_ratio"]))
    ]
    if drawn:
        panel = odds_panel(f"{context.prefix}odds-{i}", drawn[:MOST_DRAWN])
        caption = f"Odds ratios with 95 % intervals on a logarithmic axis: {name}."
        blocks.append(Figure(caption, (panel,), wide=True))
    return blocks


def _records(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    return frame.to_dict(orient="records")


def _row(row: Mapping[Any, Any]) -> tuple[Cell, ...]:
    value, se, z, p = (float(row[c]) for c in ("estimate", "se", "z", "p"))
    ratio, or_low, or_high = (float(row[c]) for c in ("odds_ratio", "or_low", "or_high"))
    return (
        text(shorten(_term(row), 120)),
        number(_plain(value, 3), value),
        number(_plain(se, 3), se),
        number(_ratio(ratio, or_low, or_high), ratio),
        number(_plain(z), z),
        number(p_value(p), p),
    )


def _ratio(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return "–"
    if not (math.isfinite(low) and math.isfinite(high)):
        return significant(value)
    return f"{significant(value)} ({significant(low)} to {significant(high)})"


def _plain(value: float, digits: int = 2) -> str:
    """Show a statistic; 0 and 1 are values like any other."""
    return signed(value, digits) if math.isfinite(value) else NOTHING


def _tests(context: Context, frame: pd.DataFrame) -> Table:
    shown = frame.head(MOST_TERMS)
    groups = []
    for (model, target), part in shown.groupby(["model", "target"], sort=False):
        rows = tuple(
            (
                text(shorten(str(row["test"]).replace("_", " "), 80)),
                text(shorten(row["term"] or "all", 70)),
                number(_plain(row["statistic"]), row["statistic"]),
                number(count(row["df"]), row["df"]),
                number(p_value(row["p"]), row["p"]),
                text(shorten(row["note"], 200)),
            )
            for row in part.to_dict(orient="records")
        )
        groups.append(Group(shorten(_name(context, str(model), str(target)), 90), rows))
    columns = (
        Column("Test"),
        Column("Term"),
        Column("Statistic", numeric=True),
        Column("df", numeric=True),
        Column("p", numeric=True),
        Column("Note", kind="prose"),
    )
    more = len(frame) - MOST_TERMS
    notes = (f"{pluralise(more, 'more test')} in interpret/tests.csv.",) if more > 0 else ()
    return Table("Tests of what the model assumes.", columns, tuple(groups), notes)


def _nomograms(context: Context) -> list[Block]:
    points, totals = context.folder.table("points"), context.folder.table("total_points")
    if points is None or not len(points):
        return []
    blocks: list[Block] = []
    labels = _labels(context)
    for i, model in enumerate(list(dict.fromkeys(points["model"]))[:MOST_MODELS]):
        part = points[(points["model"] == model) & points["points"].notna()]
        axes = [
            NomogramAxis(
                shorten(labels.get(str(term), str(term)), 60),
                tuple(zip(rows["points"], map(_value, rows["value"]), strict=True)),
            )
            for term, rows in part.groupby("term", sort=False)
        ]
        below = [] if totals is None else _probabilities(context, totals[totals["model"] == model])
        if not axes:
            continue
        name = shorten(_shown(context, str(model)), 60)
        panel = nomogram_panel(f"{context.prefix}nomogram-{i + 1}", axes[:15], below)
        caption = (
            f"Nomogram of {name}: read the points of each value on the top axis, add them up, and "
            "read the probability below the total. For research only."
        )
        blocks += [Figure(caption, (panel,), wide=True), _points_table(part, labels, name)]
    return [Heading("Points to add up"), *blocks] if blocks else []


def _labels(context: Context) -> dict[str, str]:
    frame = context.folder.table("coefficients")
    if frame is None:
        return {}
    return {str(r["term"]): _term(r) for r in frame.to_dict(orient="records")}


def _value(shown: str) -> str:
    try:
        return significant(float(shown))
    except ValueError:
        return shorten(shown, 20)


def _probabilities(
    context: Context, frame: pd.DataFrame
) -> list[tuple[str, tuple[tuple[float, float], ...]]]:
    found = []
    for target, part in list(frame.dropna(subset=["total", "probability"]).groupby("target"))[:4]:
        ordered = part.sort_values("total", kind="stable")
        pairs = tuple(zip(ordered["total"], ordered["probability"], strict=True))
        found.append((shorten(context.target_name(str(target)), 60), pairs))
    return found


def _points_table(frame: pd.DataFrame, labels: Mapping[str, str], name: str) -> Table:
    groups = tuple(
        Group(
            shorten(labels.get(str(term), str(term)), 90),
            tuple(
                (
                    text(_value(row["value"])),
                    number(_plain(row["points"], 1), float(row["points"])),
                )
                for row in rows.head(30).to_dict(orient="records")
            ),
        )
        for term, rows in list(frame.groupby("term", sort=False))[:15]
    )
    columns = (Column("Value"), Column("Points", numeric=True))
    return Table(f"Points of {name}.", columns, groups, sortable=False)
