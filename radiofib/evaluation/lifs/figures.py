"""The figures of the LiFS paper as SVG, drawn from cells: the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from radiofib.evaluation.lifs.cells import DOMAINS, LIFS_SETTINGS, SUBTASKS
from radiofib.evaluation.lifs.summary import best_and_median, contrast_gain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["figure_contrast", "figure_factor", "figure_readers"]

#: Blue and vermilion of Okabe and Ito, told apart without colour vision.
_COLOURS = {"ID": "#0072B2", "OOD": "#D55E00"}
_GREY = "#8c8c8c"
_MARKS = ("D", "s", "^", "v", "P", "X")


def figure_readers(
    cells: pd.DataFrame, path: Path, comparisons: pd.DataFrame | None = None
) -> Path:
    """Draw figure 3: readers beside best and median method, AUC of each cell.

    Grey dots are all methods, filled dots the best and the median of them, other marks the
    readers. With `comparisons` (:func:`~radiofib.evaluation.lifs.compare_readers`) an asterisk
    stands at a reader whose unadjusted p against the best method is below .05.

    Returns
    -------
    Path
    """
    chosen = best_and_median(cells)
    area = cells[cells["metric"] == "AUC"]
    readers = list(dict.fromkeys(area.loc[area["kind"] == "radiologist", "reader"]))
    places = [(s, d, t) for d in DOMAINS for s in LIFS_SETTINGS for t in SUBTASKS]

    def draw(axis: Axes) -> None:
        for x, (setting, domain, subtask) in enumerate(places):
            here = area[
                (area["setting"] == setting)
                & (area["domain"] == domain)
                & (area["subtask"] == subtask)
            ]
            own = here.loc[here["kind"] == "method", "percent"].dropna()
            axis.scatter([x - 0.25] * len(own), own, s=14, color=_GREY, linewidths=0)
            row = chosen[
                (chosen["setting"] == setting)
                & (chosen["domain"] == domain)
                & (chosen["subtask"] == subtask)
            ]
            for what, filled in (("best", True), ("median", False)):
                if len(row):
                    colour = _COLOURS[domain]
                    face = colour if filled else "white"
                    value = float(row[f"{what}_percent"].iloc[0])
                    axis.scatter([x], [value], s=46, color=face, edgecolors=colour, zorder=3)
            for k, reader in enumerate(readers):
                mine = here.loc[here["reader"] == reader, "percent"].dropna()
                if len(mine):
                    value = float(mine.iloc[0])
                    spot = x + 0.18 + 0.16 * k
                    axis.scatter([spot], [value], s=34, marker=_MARKS[k % 6], color="black")
                    if _differs(comparisons, reader, setting, domain, subtask):
                        axis.text(spot, value + 1, "*", ha="center")
        for k, reader in enumerate(readers):
            axis.scatter([], [], s=34, marker=_MARKS[k % 6], color="black", label=reader)
        axis.scatter([], [], s=46, color=_GREY, label="best method")
        axis.scatter([], [], s=46, color="white", edgecolors=_GREY, label="median method")
        axis.scatter([], [], s=14, color=_GREY, label="each method")
        axis.axhline(50, color=_GREY, linewidth=0.8, linestyle=":")
        labels = [f"{d}\n{s}\n{t.replace('_', ' ')}" for s, d, t in places]
        axis.set_xticks(range(len(places)), labels, fontsize=7)
        axis.set_ylabel("AUC (%)")
        axis.set_ylim(0, 100)
        axis.legend(fontsize=7, ncols=3, loc="lower left", frameon=False)

    return _save(draw, path, (9.0, 4.2), "Readers beside the best and the median method")


def _differs(
    comparisons: pd.DataFrame | None, reader: str, setting: str, domain: str, subtask: str
) -> bool:
    if comparisons is None or comparisons.empty:
        return False
    row = comparisons[
        (comparisons["reader"] == reader)
        & (comparisons["setting"] == setting)
        & (comparisons["domain"] == domain)
        & (comparisons["target"] == subtask)
        & (comparisons["rank"] == "best")
    ]
    return len(row) > 0 and bool(row["p"].iloc[0] < 0.05)


def figure_factor(scores: pd.DataFrame, factor: str, path: Path) -> Path:
    """Draw figures 4a to 4c: aggregate score by level of one factor, ID and OOD.

    Bars are means, lines standard deviations (n - 1) where a level has two methods or more; the
    number of methods stands under each level.

    Parameters
    ----------
    scores : DataFrame
        As :func:`~radiofib.evaluation.lifs.factor_scores` returns.
    factor : str
    path : path
    """
    part = scores[scores["factor"] == factor].reset_index(drop=True)

    def draw(axis: Axes) -> None:
        for k, domain in enumerate(DOMAINS):
            spot = np.arange(len(part)) + (k - 0.5) * 0.36
            spread = part[f"{domain}_sd"].fillna(0.0)
            axis.bar(spot, part[domain], 0.34, color=_COLOURS[domain], label=domain)
            several = (spread > 0).to_numpy()
            axis.errorbar(
                spot[several],
                part[domain][several],
                yerr=spread[several],
                fmt="none",
                ecolor="black",
                capsize=3,
                linewidth=1,
            )
            for x, value in zip(spot, part[domain], strict=True):
                axis.text(x, 2, f"{value:.1f}", ha="center", fontsize=7, color="white")
        labels = [f"{v}\nn = {n}" for v, n in zip(part["level"], part["methods"], strict=True)]
        axis.set_xticks(range(len(part)), labels, fontsize=8)
        axis.set_ylabel("aggregate score (%)")
        axis.set_ylim(0, 100)
        axis.legend(fontsize=8, frameon=False, ncols=2, loc="upper right")

    return _save(draw, path, (4.2, 3.4), f"Aggregate score by {factor}")


def figure_contrast(cells: pd.DataFrame, path: Path, domain: str = "OOD") -> Path:
    """Draw figure 4d: what each method gains in AUC from the contrast phases."""
    gain = contrast_gain(cells)
    gain = gain[(gain["kind"] == "method") & (gain["domain"] == domain)]
    names = list(dict.fromkeys(gain["reader"]))
    shades = (_COLOURS[domain], "#E8A87C")

    def draw(axis: Axes) -> None:
        for k, subtask in enumerate(SUBTASKS):
            own = gain[gain["subtask"] == subtask].set_index("reader")["gain"].reindex(names)
            spot = np.arange(len(names)) + (k - 0.5) * 0.36
            label = subtask.replace("_", " ")
            axis.barh(spot, own.fillna(0.0), 0.34, color=shades[k], label=label)
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_yticks(range(len(names)), names, fontsize=8)
        axis.invert_yaxis()
        axis.set_xlabel(f"AUC with contrast minus without, {domain} (points)")
        axis.legend(fontsize=7, frameon=False)

    return _save(draw, path, (4.6, 3.6), "Gain from the contrast phases")


def _save(draw: Callable[[Axes], Any], path: Path, size: tuple[float, float], title: str) -> Path:
    """Draw on a canvas of its own and write an SVG without date or random names."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: Any = {
        "svg.hashsalt": "radiofib",
        "svg.fonttype": "none",
        "font.family": "DejaVu Sans",
    }
    with mpl.rc_context(dict(mpl.rcParamsDefault) | settings):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        axis = figure.add_subplot()
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        draw(axis)
        axis.set_title(title, fontsize=9)
        temporary = path.with_name(f".{path.name}.part")
        metadata = {"Date": None, "Creator": None, "Title": title}
        figure.savefig(temporary, format="svg", metadata=metadata)
    temporary.replace(path)
    return path
