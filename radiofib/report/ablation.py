"""The page of an ablation: which design choices matter, by how much, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from radiofib.report.ablation_files import DOMAINS, SETTINGS, Ablation, read_ablation
from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Definitions,
    Figure,
    Group,
    Items,
    Note,
    Paragraph,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.factor_figure import draw_factors, figure_png, figure_svg, inline_svg
from radiofib.report.format import (
    count,
    estimate_with_interval,
    p_value,
    pluralise,
    shorten,
    signed,
)
from radiofib.report.page import write_sections
from radiofib.report.writing import write_text

__all__ = ["PAGE", "ablation_sections", "write_ablation_page"]

PAGE = "ablation.html"
#: Fewer folds than this say little of the spread between them.
_FEW_FOLDS = 5
_MOST_FAILURES = 20
_LIMIT = 0.05


def write_ablation_page(root: str | Path) -> Path:
    """Write figure and page of an ablation from its files alone.

    ``ablation/factor_figure.svg`` and ``.png``, and ``ablation.html``: one file that needs no
    other. Equal files give equal bytes.

    Parameters
    ----------
    root : path
        Folder that ``radiofib ablate`` wrote.

    Raises
    ------
    UsageError
        When it is no such folder.
    """
    ablation = read_ablation(Path(root))
    figure = draw_factors(ablation.main("factors"), measure=ablation.measure)
    base = ablation.root / "ablation" / "factor_figure"
    write_text(base.with_suffix(".svg"), figure_svg(figure))
    temporary = base.with_name(f".{base.name}.png.part")
    temporary.write_bytes(figure_png(figure))
    temporary.replace(base.with_suffix(".png"))
    title = f"Ablation: {shorten(ablation.facts.get('title') or 'design choices', 180)}"
    version = ablation.facts.get("versions", {}).get("radiofib", "")
    said = f"radiofib {version} · configuration {str(ablation.facts['config_hash'])[:12]}"
    return write_sections(ablation_sections(ablation), ablation.root / PAGE, title, said)


def ablation_sections(ablation: Ablation) -> tuple[Section, ...]:
    """Return the sections of the page in reading order."""
    return (
        _summary(ablation),
        _differences(ablation),
        _levels(ablation),
        _method(ablation),
        _trouble(ablation),
        _files(),
    )


def _summary(ablation: Ablation) -> Section:
    """Say in sentences which choices matter, and draw the figure."""
    design = ablation.facts["design"]
    what = "all combinations" if design["kind"] == "grid" else "a balanced fraction"
    judged = ablation.measure
    judged = judged[0].lower() + judged[1:] if judged.startswith("Mean") else judged
    tried = pluralise(design["runs"], "combination")
    patients = pluralise(ablation.facts["counts"]["patients"], "patient")
    lead = (
        f"{tried} of {pluralise(len(ablation.factors), 'factor')} ({what}) on {patients}, all in "
        f"the same folds. Judged by: {judged}."
    )
    blocks: list[Block] = [Paragraph(lead, lead=True)]
    for domain in ablation.domains:
        blocks += _sentences(ablation, domain)
    figure = draw_factors(ablation.main("factors"), measure=ablation.measure)
    caption = (
        f"{ablation.measure} by level of each factor: mean over the combinations with that level, "
        "and one standard deviation (n − 1) to either side. The spread is that of combinations, "
        "not of patients: whether a difference is more than chance is for the table below."
    )
    blocks.append(Figure(caption, (inline_svg("factors", figure),)))
    return Section("matters", "Which choices matter", tuple(blocks))


def _sentences(ablation: Ablation, domain: str) -> list[Block]:
    """Say for a domain which factors are beyond noise, largest first, and which are not."""
    order = ablation.main("order")
    effects = ablation.main("effects")
    order, effects = order[order["domain"] == domain], effects[effects["domain"] == domain]
    beyond, hints, others = [], [], []
    for row in order.to_dict(orient="records"):
        own = effects[effects["factor"] == row["factor"]]
        name = str(row["factor"]).replace("_", " ")
        clear, hinted = own[own["p_adjusted"] < _LIMIT], own[own["p"] < _LIMIT]
        if len(clear):
            beyond.append(f"{name}: " + "; ".join(_change(r) for r in clear.to_dict("records")))
        elif len(hinted):
            hints.append(f"{name}: " + "; ".join(_change(r) for r in hinted.to_dict("records")))
        elif own["estimate"].notna().any():
            widest = own.loc[own["estimate"].abs().idxmax()]
            others.append(f"{name} ({_change(widest.to_dict())})")
        else:
            others.append(f"{name} (cannot be told)")
    where = f"On {DOMAINS[domain]} ({domain})"
    known = int(effects["p"].notna().sum())
    blocks: list[Block] = []
    if beyond:
        said = (
            f"{where}, beyond noise (p < {_LIMIT} after Holm's adjustment for {known} differences"
        )
        blocks.append(Paragraph(f"{said}), the largest factor first:"))
        blocks.append(Items(tuple(shorten(b, 400) for b in beyond)))
    else:
        blocks.append(Paragraph(f"{where}, no difference is beyond noise."))
    if hints:
        said = "A hint, no more: the interval leaves out 0, but among so many differences such a "
        blocks.append(Paragraph(f"{said}one comes about by chance too."))
        blocks.append(Items(tuple(shorten(h, 400) for h in hints)))
    if others:
        said = "Not told from noise, with the largest difference of each: " + "; ".join(others)
        blocks.append(Paragraph(f"{shorten(said, 1200)}."))
    folds = effects["n_folds"].max() if len(effects) else 0
    if domain == "OOD" and folds < _FEW_FOLDS:
        blocks.append(
            Note(
                f"{pluralise(folds, 'scanner')} left out in turn: intervals for unseen scanners "
                "rest on as many values and are wide. No difference found is not no difference.",
                caution=True,
            )
        )
    explained = effects["explained"].dropna()
    if len(explained) and explained.iloc[0] < 0.8:
        share = f"{100 * float(explained.iloc[0]):.0f} %"
        blocks.append(
            Note(
                f"{where}, main effects explain {share} of the differences between combinations:"
                " some choices work differently together than alone. See ablation/runs.csv."
            )
        )
    return blocks


def _change(row: Mapping[Any, Any]) -> str:
    """Say by how much a level differs from its reference."""
    value = float(row["estimate"])
    sign = "+" if value > 0 else ""
    shown = estimate_with_interval(value, row["ci_low"], row["ci_high"])
    return f"{row['level']} against {row['reference']} {sign}{shown}"


def _differences(ablation: Ablation) -> Section:
    """Tabulate the effects of the main measure."""
    effects = ablation.main("effects")
    groups = []
    for factor, levels in ablation.factors.items():
        rows = []
        for level in levels[1:]:
            cells = [text(f"{level} − {levels[0]}")]
            for domain in ablation.domains:
                found = effects[
                    (effects["domain"] == domain)
                    & (effects["factor"] == factor)
                    & (effects["level"] == level)
                ]
                cells += _effect_cells(found)
            rows.append(tuple(cells))
        groups.append(Group(factor.replace("_", " "), tuple(rows)))
    columns = [Column("Difference")]
    for domain in ablation.domains:
        spanned = f"{DOMAINS[domain]} ({domain})"
        columns += [
            Column("Estimate (95 % interval)", kind="estimate", group=spanned),
            Column("p, adjusted", numeric=True, group=spanned),
        ]
    notes = [
        f"{domain}: {method}; {pluralise(folds, 'fold')}, {pluralise(runs, 'combination')}."
        for domain, method, folds, runs in effects[["domain", "method", "n_folds", "n_runs"]]
        .drop_duplicates()
        .itertuples(index=False)
    ]
    notes += [f"{shorten(n, 200)}." for n in dict.fromkeys(effects["note"]) if n]
    caption = (
        f"{ablation.measure}: what a level changes against the reference of its factor, the "
        "others as they are. Bold: beyond noise."
    )
    table = Table(caption, tuple(columns), tuple(groups), tuple(notes), sortable=False)
    return Section("differences", "Differences between levels", (table,))


def _effect_cells(found: pd.DataFrame) -> list[Cell]:
    if found.empty or pd.isna(found["estimate"].iloc[0]):
        return [text("not estimable"), text("–")]
    row = found.iloc[0]
    clear = bool(row["p_adjusted"] < _LIMIT)
    shown = estimate_with_interval(row["estimate"], row["ci_low"], row["ci_high"])
    return [
        Cell(shown, sort=float(row["estimate"]), strong=clear),
        Cell(p_value(row["p_adjusted"]), strong=clear),
    ]


def _levels(ablation: Ablation) -> Section:
    """Tabulate mean and standard deviation by level."""
    factors = ablation.main("factors")
    shown = [*ablation.domains, *(["drop"] if len(ablation.domains) == 2 else [])]
    names = {"ID": "ID", "OOD": "OOD", "drop": "ID − OOD"}
    groups = []
    for factor, levels in ablation.factors.items():
        rows = []
        for level in levels:
            own = factors[(factors["factor"] == factor) & (factors["level"] == level)]
            most = float(own["n"].max()) if len(own) else 0.0
            cells = [text(level), number(count(most), most)]
            for domain in shown:
                found = own[own["domain"] == domain]
                cells.append(_mean_cell(found))
            rows.append(tuple(cells))
        groups.append(Group(factor.replace("_", " "), tuple(rows)))
    columns = (
        Column("Level"),
        Column("Combinations", numeric=True),
        *(Column(names[d], kind="estimate") for d in shown),
    )
    caption = f"{ablation.measure}: mean ± standard deviation (n − 1) over combinations."
    notes = ("The first level of a factor is the one that others are compared with.",)
    table = Table(caption, columns, tuple(groups), notes, sortable=False)
    return Section("levels", "Scores by level", (table,))


def _mean_cell(found: pd.DataFrame) -> Cell:
    if found.empty or pd.isna(found["mean"].iloc[0]):
        return text("–")
    mean, sd = float(found["mean"].iloc[0]), float(found["sd"].iloc[0])
    spread = f" ± {sd:.3f}" if sd == sd else ""
    return Cell(f"{signed(mean)}{spread}", sort=mean)


def _method(ablation: Ablation) -> Section:
    """Say what was compared and how."""
    facts = ablation.facts
    counts, design = facts["counts"], facts["design"]
    labels = facts["scheme"]["labels"]
    stages = ", ".join(f"{labels.get(k, k)} {v}" for k, v in counts["stages"].items())
    folds = [
        f"{DOMAINS[d]}: {pluralise(len(facts['folds'][s]), 'fold' if d == 'ID' else 'scanner')}"
        for d, s in SETTINGS.items()
        if s in facts["folds"]
    ]
    tried = f"{design['runs']} of {design['grid']}"
    terms = (
        ("Cases", (f"{count(counts['cases'])} of {count(counts['patients'])} patients",)),
        ("Stages", (stages,)),
        ("Combinations", (tried if design["kind"] == "fraction" else str(design["runs"]),)),
        ("Folds", tuple(folds)),
        ("Stager of the study", (shorten(json.dumps(facts["stager"], sort_keys=True), 300),)),
        ("Seed", (str(facts["seed"]),)),
    )
    balance = ablation.tables["balance"]
    rows = tuple(
        (
            text(str(row["factor"]).replace("_", " ")),
            number(count(row["levels"]), row["levels"]),
            text(
                count(row["fewest"])
                if row["fewest"] == row["most"]
                else f"{count(row['fewest'])} to {count(row['most'])}"
            ),
            number(signed(row["worst_association"]), row["worst_association"]),
        )
        for row in balance.to_dict(orient="records")
    )
    columns = (
        Column("Factor"),
        Column("Levels", numeric=True),
        Column("Combinations of a level"),
        Column("Largest association", numeric=True),
    )
    notes = (
        "Association with another factor (Cramér's V): 0 where every level meets every other in "
        "proportion, so that their effects do not mix.",
    )
    how = (
        "Effects are those of a mixed model: factors are fixed, folds and the effect of each "
        "factor in each fold are random. All combinations share patients, so an effect averaged "
        "over many of them is no surer than its agreement from fold to fold. Training sets of "
        "folds overlap; the variance is corrected for that (Nadeau and Bengio, 2003)."
    )
    return Section(
        "method",
        "What was compared",
        (
            Definitions(terms),
            Table("Balance of the design.", columns, (Group("", rows),), notes, sortable=False),
            Paragraph(how),
        ),
    )


def _trouble(ablation: Ablation) -> Section:
    """Say what failed and what was warned of."""
    failures, warned = ablation.tables["failures"], ablation.tables["warnings"]
    lost = ablation.tables["runs"]
    lost = lost[lost["note"] != ""]
    blocks: list[Block] = []
    if len(lost):
        said = f"{pluralise(len(lost), 'combination')} without a score in a domain: "
        names = [f"{r} ({d})" for r, d in lost[["run", "domain"]].itertuples(index=False)]
        blocks.append(Note(shorten(said + ", ".join(names), 600) + ".", caution=True))
    if len(failures):
        rows = tuple(
            (text(shorten(row["case"] or row["step"], 80)), text(shorten(row["reason"], 300)))
            for row in failures.head(_MOST_FAILURES).to_dict(orient="records")
        )
        more = len(failures) - _MOST_FAILURES
        notes = (f"{count(more)} more: failures.csv.",) if more > 0 else ()
        columns = (Column("Case or step"), Column("Reason", kind="prose"))
        caption = "What could not be done."
        blocks.append(Table(caption, columns, (Group("", rows),), notes, sortable=False))
    if len(warned):
        top = warned["warning"].value_counts().head(5)
        items = [f"{shorten(w, 200)} ({pluralise(n, 'fold')})" for w, n in top.items()]
        blocks += [Paragraph("Stagers warned:"), Items(tuple(items))]
    if not blocks:
        blocks.append(Paragraph("Nothing failed."))
    return Section("trouble", "What could not be done", tuple(blocks))


def _files() -> Section:
    items = (
        "ablation/runs.csv: one row for each combination, domain, target and metric.",
        "ablation/folds.csv: the same by fold.",
        "ablation/factors.csv: mean, standard deviation and number by level; drop is ID − OOD.",
        "ablation/effects.csv: the mixed model for every target and metric.",
        "ablation/order.csv: factors by how far apart their levels are.",
        "ablation/design.csv, balance.csv: what was combined, and how evenly.",
        "ablation/factor_figure.svg, .png: the figure above.",
    )
    return Section("files", "Files", (Items(items),))
