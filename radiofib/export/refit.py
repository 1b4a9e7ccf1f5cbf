"""Scripts that refit a run's interpretable models in R and SPSS, beside its export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from radiofib.export.build import build_sheet
from radiofib.export.folder import staged
from radiofib.export.refit_models import read_models
from radiofib.export.refit_r import refit_r
from radiofib.export.refit_spss import refit_sps
from radiofib.table import FeatureTable, read_frame

__all__ = ["write_refit"]


def write_refit(
    table: FeatureTable,
    coefficients: str | Path,
    out: str | Path,
    *,
    levels: Sequence[str],
    stage_labels: Mapping[str, str] | None = None,
    ordered: bool = True,
) -> list[Path]:
    """Write ``refit.R`` and ``refit.sps`` beside an export, or nothing.

    Each loads the exported table, fits the interpretable models again and prints coefficients
    that should equal ours; what cannot be fitted from that table alone is named instead.
    ``refit.R`` needs ``features.rds`` in the folder, ``refit.sps`` ``features.sav``; one that
    has no table is not written, and an older one is removed.

    Parameters
    ----------
    table : FeatureTable
        The table as it was exported.
    coefficients : path
        ``interpret/coefficients.csv`` of the run; nothing is written where it does not exist.
    out : path
        The export folder.
    levels : sequence of str
        Levels of the stage, in order.
    stage_labels : mapping of str to str, optional
        As given to :func:`~radiofib.export.export_table`.
    ordered : bool
        Whether the order of the levels means anything.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ExportError
        When the coefficients are not as expected, a name cannot be written as SPSS syntax, or
        the folder cannot be written.
    """
    source, out = Path(coefficients), Path(out)
    tables = {"refit.R": "features.rds", "refit.sps": "features.sav"}
    due = [n for n, t in tables.items() if source.is_file() and (out / t).is_file()]
    for name in set(tables) - set(due):
        (out / name).unlink(missing_ok=True)
    if not due:
        return []
    by_name = {v.name: v for v in build_sheet(table, stage_labels).variables}
    frame = read_frame(source, text=("model", "target", "kind", "term", "unit", "note"))
    models, left_out = read_models(frame, by_name, levels, ordered=ordered)
    with staged(out) as (folder, written):
        for name in due:
            make = refit_r if name == "refit.R" else refit_sps
            text = make(models, by_name, left_out)
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return written
