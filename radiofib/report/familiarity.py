"""Which cases are unlike those of training, scanner by scanner, and whose scores drift."""

from __future__ import annotations

import math
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
from radiofib.report.format import count, estimate, p_value, shorten
from radiofib.report.shares import Share, ShareRow, percents, share_panel

__all__ = ["familiarity_blocks"]

#: Of training-like cases, this share lies beyond the limit of familiarity.
LIMIT = 0.05


def familiarity_blocks(context: Context) -> list[Block]:
    """Return the part on unfamiliar cases; nothing when the run measured no distance."""
    frame = main_rows(context, "quality")
    if frame is None:
        return []
    settings = settings_of(frame)
    names = list(dict.fromkeys(map(str, frame["scanner"])))[:MOST_SCANNERS]
    rows = []
    for name in names:
        shares = []
        for setting in settings:
            part = frame[(frame["scanner"] == name) & (frame["setting"] == setting)]
            for r in part.to_dict(orient="records")[:1]:
                ends = (float(r["unfamiliar"]), float(r["ci_low"]), float(r["ci_high"]))
                shares.append(Share(setting, *ends))
        label = "Scanner not recorded" if name == "not recorded" else f"Scanner {shorten(name, 40)}"
        rows.append(ShareRow(label, tuple(shares)))
    drawn = share_panel(
        f"{context.prefix}unfamiliar",
        rows,
        [(s, context.setting_name(s)) for s in settings if s in MARKS],
        measure="Cases unlike those of training",
        line=LIMIT,
        line_label=f"by chance: {percents(LIMIT)}",
    )
    marks = "; ".join(f"{MARKS[s]}: {context.setting_name(s)}" for s in settings if s in MARKS)
    caption = f"Cases beyond the limit of familiarity, with 95 % confidence interval; {marks}."
    blocks: list[Block] = [
        Heading("Cases unlike those of training"),
        Paragraph(_quality_in_words(context, frame)),
        Figure(caption, (drawn,), wide=True),
        _quality_table(context, frame),
    ]
    if (context.folder.root / "model_uncertainty.npz").is_file():
        blocks.append(
            Note(
                "model_uncertainty.npz beside model.skops lets radiofib predict say the same of "
                "new cases: how familiar each is, which stages cannot be excluded, who is ruled "
                "out or in, and in one line which scanner's cases are unlike those of training."
            )
        )
    return blocks


def _quality_in_words(context: Context, frame: pd.DataFrame) -> str:
    said = [
        "For each case the distance of its features from those of the training cases was measured, "
        "channel by channel. A case is called unfamiliar when fewer than 1 in 20 cases like those "
        "of training are as far away: whatever the stager says of it is then a guess beyond what "
        "it has seen. Among cases like those of training, 5 % are called so by chance."
    ]
    for setting, start in (("cv", "On known scanners"), ("loso", "Of unseen scanners")):
        part = frame[(frame["setting"] == setting) & frame["unfamiliar"].notna()]
        total = float(part["n"].sum())
        if not len(part) or not math.isfinite(total) or total <= 0:
            continue
        if setting == "cv" and not context.several_scanners:
            start = "In cross-validation"
        share = float((part["unfamiliar"].clip(0, 1) * part["n"]).sum()) / total
        named = part[part["verdict"].str.contains("unfamiliar")]["scanner"]
        tail = ""
        if len(named):
            tail = f", more than chance explains at {shorten(', '.join(map(str, named)), 120)}"
        said.append(f"{start}, {percents(share)} of the cases were{tail}.")
    return " ".join(said)


def _quality_table(context: Context, frame: pd.DataFrame) -> Table:
    groups = []
    for setting in settings_of(frame):
        part = frame[frame["setting"] == setting]
        rows = tuple(
            _quality_row(r) for r in part.head(2 * MOST_SCANNERS).to_dict(orient="records")
        )
        groups.append(Group(context.setting_name(setting).capitalize(), rows))
    columns = (
        Column("Scanner"),
        Column("Unfamiliar (95 % CI)", kind="estimate"),
        Column("By chance (p)", numeric=True),
        Column("Most in"),
        Column("A channel missing", numeric=True),
        Column("Here", numeric=True, group="Mean predicted stage"),
        Column("Training", numeric=True, group="Mean predicted stage"),
        Column("Drift (p)", numeric=True),
        Column("Cases", numeric=True),
    )
    notes = [
        "By chance: probability of at least as many unfamiliar patients if they were like those of "
        "training. Mean predicted stage: 0 is the lowest; drift compares its distribution with "
        "that of training patients (Kolmogorov-Smirnov). Another mix of stages moves it as well."
    ]
    return Table("Quality control by scanner.", columns, tuple(groups), tuple(notes))


def _quality_row(row: dict[Any, Any]) -> tuple[Cell, ...]:
    share, chance, gap, here, there, drift, n = (
        float(row[c])
        for c in ("unfamiliar", "p_excess", "missing", "score", "score_training", "drift_p", "n")
    )
    found = "unfamiliar" in str(row["verdict"])
    moved = "drift" in str(row["verdict"])
    return (
        text(shorten(row["scanner"], 40)),
        Cell(interval_of(row, "unfamiliar"), sort=share, strong=found),
        number(p_value(chance), chance),
        text(shorten(row["channel"], 20) or "–"),
        number(percents(gap), gap),
        number(estimate(here, 2), here),
        number(estimate(there, 2), there),
        Cell(p_value(drift), sort=drift if math.isfinite(drift) else None, strong=moved),
        number(count(n), n),
    )
