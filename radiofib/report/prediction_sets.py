"""Which stages the stager cannot exclude: how often its sets are right, and how long they are."""

from __future__ import annotations

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
    Paragraph,
    Table,
    number,
    text,
)
from radiofib.report.certainty_rows import (
    MARKS,
    MOST_SCANNERS,
    interval_of,
    main_rows,
    settings_of,
)
from radiofib.report.context import Context
from radiofib.report.format import count, estimate, pluralise, shorten
from radiofib.report.shares import Share, ShareRow, Whole, parts_panel, percents, share_panel

__all__ = ["set_blocks", "set_cautions"]

#: calibration -> what it means for a case, in words
_WAYS = {
    "other folds": "Known scanners, limit from other patients",
    "same scanner": "Known scanners, limit from other patients of the same scanner",
    "training scanners": "Unseen scanner, limit from the training scanners",
    "other unseen scanners": "Unseen scanner, limit from other left-out scanners",
    "given": "Limit from predictions that were given",
}
#: What "other folds" means where scanners are not told apart.
_NO_SCANNERS = "Limit from other patients"
#: The ways that stand for their setting in the figure.
_PLAIN = {"cv": "other folds", "loso": "training scanners"}


def set_blocks(context: Context) -> list[Block]:
    """Return the part on prediction sets; nothing when the run made none."""
    frame = main_rows(context, "conformal")
    if frame is None:
        return []
    frame = frame[frame["coverage"].notna()]
    if not len(frame):
        return []
    nominal = float(frame["nominal"].iloc[0])
    blocks: list[Block] = [
        Heading("Which stages it cannot exclude"),
        Paragraph(_sets_in_words(context, frame, nominal)),
    ]
    less = max(0.0, 2 * nominal - 1)
    figure = _coverage_figure(context, frame, nominal)
    blocks += [figure] if figure is not None else []
    blocks += [_sizes_figure(context, frame), _coverage_table(context, frame)]
    blocks.append(
        Note(
            "What is promised: where the patients that the limit is from and new ones are drawn "
            f"alike and scored by one model, sets hold the true stage of at least "
            f"{percents(nominal)} of new patients on average; that is no promise for each stage "
            "or each scanner. Here the limits are from cross-validation, while the stored stager "
            f"is trained on everyone: theory then guarantees about {percents(less)} for the "
            f"models of all folds used together (cross-conformal sets), and {percents(nominal)} "
            "is nearly what is seen in practice. For a scanner that was not in training nothing "
            "is promised at all."
        )
    )
    return blocks


def set_cautions(context: Context) -> list[str]:
    """Return what the summary should say of sets that held the true stage too seldom."""
    frame = main_rows(context, "conformal")
    if frame is None:
        return []
    said = []
    for setting, way in _PLAIN.items():
        row = _row_of(frame[frame["setting"] == setting], way)
        if row is not None and row["verdict"]:
            where = context.setting_name(setting)
            said.append(
                f"Sets of stages that were cut to hold the true stage of "
                f"{percents(float(row['nominal']))} of patients held it in {interval_of(row)} "
                f"{'in' if where == 'cross-validation' else 'on'} {where}: the stager is surer of "
                "itself there than it should be."
            )
    return said


def _way(context: Context, way: str) -> str:
    """Return what a calibration means, in words."""
    if way == "other folds" and not context.several_scanners:
        return _NO_SCANNERS
    return _WAYS[way]


def _row_of(frame: pd.DataFrame, way: str) -> dict[Any, Any] | None:
    found = frame[(frame["calibration"] == way) & (frame["group"] == "all")]
    return found.to_dict(orient="records")[0] if len(found) else None


def _sets_in_words(context: Context, frame: pd.DataFrame, nominal: float) -> str:
    ordered = context.folder.mapping("scheme").get("ordered", True)
    said = [
        "In place of one stage, a patient can be given all stages that the stager cannot exclude"
        + (", neighbours in the order of stages" if ordered and len(context.levels) > 2 else "")
        + " (a prediction set; how far it reaches is learnt from other patients). They were cut so "
        f"that the true stage is among them in {percents(nominal)} of patients."
    ]
    for setting, start in (("cv", "On known scanners"), ("loso", "On unseen scanners")):
        row = _row_of(frame[frame["setting"] == setting], _PLAIN[setting])
        if row is None:
            continue
        if setting == "cv" and not context.several_scanners:
            start = "In cross-validation"
        low = str(row["verdict"]) != ""
        tail = ": less than promised" if low else ""
        said.append(
            f"{start} it was among them in {interval_of(row)} of "
            f"{pluralise(float(row['n_patients']), 'patient')}{tail}; a set held "
            f"{estimate(float(row['mean_size']), 1)} of {len(context.levels)} stages on average, "
            f"and {percents(float(row['singletons']))} of the sets a single one."
        )
    aware = _row_of(frame, "other unseen scanners")
    if aware is not None:
        said.append(
            "With limits from scanners that were themselves left out in turn, it was among them in "
            f"{interval_of(aware)}, in sets of {estimate(float(aware['mean_size']), 1)} stages."
        )
    return " ".join(said)


def _coverage_figure(context: Context, frame: pd.DataFrame, nominal: float) -> Figure | None:
    settings = [s for s in settings_of(frame) if s in _PLAIN]
    parts = {
        s: frame[(frame["setting"] == s) & (frame["calibration"] == _PLAIN[s])] for s in settings
    }
    rows = []
    for group, names in (("all", [""]), ("scanner", _scanners(frame)), ("stage", context.levels)):
        for name in names:
            shares = []
            for setting, part in parts.items():
                found = part[(part["group"] == group) & (part["subset"] == name)]
                for r in found.to_dict(orient="records")[:1]:
                    ends = (float(r["coverage"]), float(r["ci_low"]), float(r["ci_high"]))
                    shares.append(Share(setting, *ends))
            label = {"all": "All patients", "scanner": f"Scanner {shorten(name, 40)}"}.get(
                group, f"Stage {shorten(context.stage_name(name), 40)}"
            )
            if shares:
                rows.append(ShareRow(label, tuple(shares), strong=group == "all"))
    if not rows:
        return None
    key = [(s, context.setting_name(s)) for s in settings]
    drawn = share_panel(
        f"{context.prefix}coverage",
        rows,
        key,
        measure="Patients whose set holds the true stage",
        line=nominal,
        line_label=f"promised: {percents(nominal)}",
        start=0.6,
    )
    marks = "; ".join(f"{MARKS[s]}: {context.setting_name(s)}" for s in settings)
    caption = f"How often sets held the true stage, with 95 % confidence interval; {marks}."
    if "loso" in settings:
        caption += (
            " Limits of unseen scanners are from the training scanners, as if nothing had changed."
        )
    return Figure(caption, (drawn,), wide=True)


def _scanners(frame: pd.DataFrame) -> list[str]:
    names = frame.loc[frame["group"] == "scanner", "subset"]
    return sorted(dict.fromkeys(map(str, names)))[:MOST_SCANNERS]


def _sizes_figure(context: Context, frame: pd.DataFrame) -> Figure:
    bars = []
    for way in _WAYS:
        row = _row_of(frame, way)
        if row is not None:
            one, every = float(row["singletons"]), float(row["all_stages"])
            between = 1 - one - every
            parts = (one, every) if len(context.levels) < 3 else (one, between, every)
            bars.append(Whole(_way(context, way), parts))
    names = ["one stage", "both stages"]
    if len(context.levels) > 2:
        names = ["one stage", "some stages", "all stages: nothing said"]
    drawn = parts_panel(f"{context.prefix}sizes", bars, names, title="Length of the sets")
    return Figure(
        "How many stages the sets hold: the fewer, the more is said.", (drawn,), wide=True
    )


def _coverage_table(context: Context, frame: pd.DataFrame) -> Table:
    groups = []
    for way in _WAYS:
        part = frame[frame["calibration"] == way]
        if way not in _PLAIN.values():
            part = part[part["group"] != "stage"]
        rows = [_coverage_row(context, r) for r in part.to_dict(orient="records")]
        if rows:
            groups.append(
                Group(_way(context, way), tuple(rows[: MOST_SCANNERS + len(context.levels) + 1]))
            )
    columns = (
        Column("Patients"),
        Column("True stage in the set (95 % CI)", kind="estimate"),
        Column("Stages in a set", numeric=True),
        Column("One stage", numeric=True),
        Column("Patients", numeric=True),
        Column("Limit from", numeric=True),
    )
    notes = ["Limit from: patients whose scores the limit is from, the median over folds."]
    if (frame["verdict"] != "").any():
        notes.append("‡ Below what was promised: the whole interval lies below it.")
    said = frame.loc[frame["group"] == "all", "note"]
    notes += [f"{shorten(n, 300)}." for n in dict.fromkeys(said) if n][:4]
    model = context.model_name(str(frame["model"].iloc[0]))
    caption = (
        f"Prediction sets of {shorten(model, 80)}: how often they are right, how long they are."
    )
    return Table(caption, columns, tuple(groups), tuple(notes))


def _coverage_row(context: Context, row: dict[Any, Any]) -> tuple[Cell, ...]:
    name, low = str(row["subset"]), str(row["verdict"]) != ""
    label = {"all": "All", "scanner": f"Scanner {shorten(name, 40)}"}.get(
        str(row["group"]), f"Stage {shorten(context.stage_name(name), 40)}"
    )
    value, size, one = (float(row[c]) for c in ("coverage", "mean_size", "singletons"))
    n, source = float(row["n_patients"]), float(row["n_calibration"])
    return (
        text(label),
        Cell(interval_of(row) + (" ‡" if low else ""), sort=value, strong=low),
        number(estimate(size, 2), size),
        number(percents(one), one),
        number(count(n), n),
        number(count(source), source),
    )
