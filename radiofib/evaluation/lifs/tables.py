"""All tables and figures of the protocol in one folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from radiofib.errors import TableError
from radiofib.evaluation.audit.grim import grim
from radiofib.evaluation.files import write_tables
from radiofib.evaluation.lifs.cells import published_cells
from radiofib.evaluation.lifs.collapse import find_collapse
from radiofib.evaluation.lifs.figures import figure_contrast, figure_factor, figure_readers
from radiofib.evaluation.lifs.summary import (
    aggregate_scores,
    best_and_median,
    contrast_gain,
    factor_scores,
)

__all__ = ["beside_published", "write_lifs"]

_FIGURES = ("registration", "dimension", "fusion")


def beside_published(cells: pd.DataFrame) -> pd.DataFrame:
    """Return own cells followed by the published ones; ``data`` keeps them apart.

    A method of the same name as a published one is marked ``(own)``.

    Examples
    --------
    >>> beside_published(published_cells().iloc[:1])["reader"].tolist()[:2]
    ['ResNet3D (own)', 'ResNet3D']
    """
    known = set(published_cells()["reader"])
    names = [f"{r} (own)" if r in known else r for r in cells["reader"]]
    return pd.concat([cells.assign(reader=names), published_cells()], ignore_index=True)


def write_lifs(
    cells: pd.DataFrame,
    out: str | Path,
    *,
    methods: pd.DataFrame | None = None,
    comparisons: pd.DataFrame | None = None,
) -> list[Path]:
    """Write every table and figure of the protocol that the cells allow.

    ``cells.csv`` (with the numbers of cases near n that give each accuracy), ``aggregate.csv``,
    ``best_median.csv``, ``collapse.csv``, ``contrast_gain.csv``; with `methods` also
    ``factors.csv`` and a figure for each factor: ``figure_4a_registration.svg``,
    ``figure_4b_dimension.svg``, ``figure_4c_fusion.svg`` and, for other factors,
    ``figure_factor_<name>.svg``; ``figure_3_readers.svg``, ``figure_4d_contrast.svg``; with
    `comparisons` also ``readers.csv``.

    Parameters
    ----------
    cells : DataFrame
    out : path
        Folder, made when absent.
    methods : DataFrame, optional
        Design of the methods.
    comparisons : DataFrame, optional
        As :func:`~radiofib.evaluation.lifs.compare_readers` returns.

    Returns
    -------
    list of Path
        The files, tables first.
    """
    out = Path(out)
    tables = {
        "cells": _with_denominators(cells),
        "aggregate": aggregate_scores(cells),
        "best_median": best_and_median(cells),
        "collapse": find_collapse(cells),
        "contrast_gain": contrast_gain(cells),
    }
    if methods is not None:
        try:
            tables["factors"] = factor_scores(cells, methods)
        except TableError:
            # Methods of another table than the cells: nothing to group.
            methods = None
    if comparisons is not None:
        tables["readers"] = comparisons
    written = write_tables(out, tables)
    if len(tables["best_median"]):
        written.append(figure_readers(cells, out / "figure_3_readers.svg", comparisons))
    if methods is not None:
        factors = list(dict.fromkeys(tables["factors"]["factor"]))
        for factor in factors:
            place = _FIGURES.index(factor) if factor in _FIGURES else -1
            name = f"figure_4{'abc'[place]}_{factor}" if place >= 0 else f"figure_factor_{factor}"
            written.append(figure_factor(tables["factors"], factor, out / f"{name}.svg"))
    gain = tables["contrast_gain"]
    if ((gain["domain"] == "OOD") & (gain["kind"] == "method")).any():
        written.append(figure_contrast(cells, out / "figure_4d_contrast.svg"))
    return written


def _with_denominators(cells: pd.DataFrame) -> pd.DataFrame:
    """Add the numbers of cases near n that give each printed accuracy."""
    given = []
    for metric, percent, n in zip(cells["metric"], cells["percent"], cells["n"], strict=True):
        if metric != "ACC" or pd.isna(percent) or pd.isna(n):
            given.append("")
            continue
        given.append(" ".join(map(str, grim(f"{percent:.2f}", int(n)).denominators)))
    return cells.assign(denominators=given)
