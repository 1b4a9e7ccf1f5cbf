"""One call that writes a feature table for R, SPSS, Stata, SAS, spreadsheets and Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyreadstat

from radiofib._checks import check_known
from radiofib.errors import ExportError, UsageError
from radiofib.export.build import build_sheet
from radiofib.export.columns import clean_frame
from radiofib.export.folder import staged
from radiofib.export.r import write_rds
from radiofib.export.sas import write_xpt
from radiofib.export.scripts import load_r, load_sps
from radiofib.export.sheet import Sheet
from radiofib.export.spss import write_sav
from radiofib.export.stata import write_dta
from radiofib.export.text import write_codebook, write_features, write_frame
from radiofib.export.workbook import write_workbook
from radiofib.table import FeatureTable

__all__ = ["FORMATS", "export_table"]

_WRITERS: dict[str, Callable[[Sheet, Path], None]] = {
    "csv": write_features,
    "rds": write_rds,
    "sav": write_sav,
    "dta": write_dta,
    "xpt": write_xpt,
    "xlsx": write_workbook,
}
_NAMES = {"xlsx": "codebook.xlsx"}
#: Formats of :func:`export_table`.
FORMATS = (*_WRITERS, "parquet")


def export_table(
    table: FeatureTable,
    out: str | Path,
    formats: Iterable[str] = ("csv", "parquet", "sav", "rds"),
    *,
    stage_labels: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write a feature table as files that open in R, SPSS, Stata, SAS and spreadsheets.

    ``codebook.csv`` (what each column is, its names elsewhere, its levels and codes) and
    ``missing.csv`` (why values are missing) are always written beside the table, and
    ``flags.csv`` where values are a convention or in pixels; ``load.R`` and ``load.sps`` come
    with ``rds`` and ``sav``. ``xlsx`` is the codebook as a workbook.

    Parameters
    ----------
    table : FeatureTable
        What to write.
    out : path
        Folder; made when absent. Older exports in it are replaced, all or none.
    formats : iterable of str, or str
        Of :data:`FORMATS`; a text such as ``"csv,rds"`` is split at commas.
    stage_labels : mapping of str to str, optional
        Level of column ``stage`` -> label to show, in order.

    Returns
    -------
    list of Path
        The files written, in name order.

    Raises
    ------
    UsageError
        For an unknown format.
    ExportError
        When a value does not fit a format, or the folder cannot be written; nothing is changed
        then.

    Notes
    -----
    csv, rds, parquet, dta and xlsx are byte-identical for equal tables; sav and xpt hold the time
    of writing and are equal in content. In CSV files a text that begins with ``=``, ``+``, ``-``,
    ``@``, tab or carriage return gets a leading apostrophe, so that a spreadsheet cannot run it.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> table = FeatureTable(pd.DataFrame({"us_original_firstorder_mean": [0.1 + 0.2, None]}),
    ...                      pd.DataFrame({"case": ["a", "b"]}))
    >>> with tempfile.TemporaryDirectory() as out:
    ...     [path.name for path in export_table(table, out, ["csv", "sav"])]
    ['codebook.csv', 'features.csv', 'features.sav', 'load.sps', 'missing.csv']
    """
    asked = _asked(formats)
    sheet = build_sheet(table, stage_labels)
    flags = table.provenance.get("flags")
    with staged(Path(out)) as (folder, written):
        write_codebook(sheet, folder / "codebook.csv")
        write_frame(sheet.missing, folder / "missing.csv")
        if flags:
            write_frame(pd.DataFrame(flags, dtype="str"), folder / "flags.csv")
        for name in asked:
            _write_one(name, table, sheet, folder / _NAMES.get(name, f"features.{name}"))
        if "rds" in asked:
            (folder / "load.R").write_text(load_r(sheet), encoding="utf-8", newline="\n")
        if "sav" in asked:
            (folder / "load.sps").write_text(load_sps(sheet), encoding="utf-8", newline="\n")
    if not flags:  # of an older export
        (Path(out) / "flags.csv").unlink(missing_ok=True)
    return written


def _asked(formats: Iterable[str]) -> list[str]:
    names = formats.split(",") if isinstance(formats, str) else list(formats)
    asked = list(dict.fromkeys(name.strip().lower().removeprefix(".") for name in names))
    for name in asked:
        check_known(name, FORMATS, what="format")
    if not asked:
        raise UsageError("no format was asked for", expected=", ".join(FORMATS))
    return asked


def _storable(table: FeatureTable, sheet: Sheet) -> FeatureTable:
    """Return the table with mixed Python objects as texts, as in the other formats."""
    objects = {str(c) for c in table.obs if table.obs[c].dtype == object}
    texts = {v.name: v.data for v in sheet.variables if v.kind == "text" and v.name in objects}
    obs = table.obs.assign(**texts) if texts else table.obs
    codebook, missing = clean_frame(table.codebook), clean_frame(table.missing)
    return FeatureTable(table.X, obs, codebook, missing, table.provenance)


def _write_one(name: str, table: FeatureTable, sheet: Sheet, path: Path) -> None:
    try:
        if name == "parquet":
            _storable(table, sheet).to_parquet(path)
        else:
            _WRITERS[name](sheet, path)
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, pa.ArrowException) as error:
        raise ExportError(
            f"the {name} file cannot be written",
            where=str(path.parent.parent),
            found=f"{type(error).__name__}: {error}",
            hint="check the space in the folder, or leave out this format",
        ) from error
