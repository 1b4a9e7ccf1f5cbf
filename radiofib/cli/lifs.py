"""Commands about the LiFS benchmark: published, score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["register"]

lifs = typer.Typer(help="The protocol of the LiFS benchmark.", no_args_is_help=True)

Out = Annotated[Path, typer.Option(help="Folder to write.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.add_typer(lifs, name="lifs")


@lifs.command()
def published(out: Out = Path("lifs")) -> None:
    """Write the published results: aggregate scores, collapse, factors, figures 3 and 4.

    Example: radiofib lifs published --out lifs
    """
    from radiofib.evaluation.lifs import published_cells, published_methods, write_lifs

    cells = published_cells()
    written = write_lifs(cells, out, methods=published_methods())
    _tell(cells)
    typer.echo(f"{len(written)} files: {out}")


@lifs.command()
def score(
    predictions: Annotated[
        list[str],
        typer.Argument(
            help="Tables with column channels, Contrast=FILE NonContrast=FILE, or run folders."
        ),
    ],
    out: Out = Path("lifs"),
    ood: Annotated[
        str, typer.Option(help="Scanners out of distribution, with commas; else as marked.")
    ] = "",
    readers: Annotated[
        Path | None,
        typer.Option(help="Readings: case, reader, channels, target, score (.csv)."),
    ] = None,
    methods: Annotated[
        Path | None, typer.Option(help="Design: method and one column for each factor (.csv).")
    ] = None,
    card: Annotated[
        str | None, typer.Option(help="Data card of the cases; 'lifs' only for the real ones.")
    ] = None,
    n_boot: Annotated[int, typer.Option(help="Bootstraps of the adjusted p values.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstraps.")] = 0,
) -> None:
    """Score predictions by the protocol, beside the published results.

    Published rows are of other data unless --card lifs says that the cases are the real ones. Run
    folders become methods of the folders' names, so that several runs stand in one table.

    Example: radiofib lifs score run/predictions.csv --ood C --out lifs

    Example: radiofib lifs score runs/lifs_ucl runs/lifs_sdu --out lifs
    """
    from radiofib.evaluation.files import write_tables
    from radiofib.evaluation.lifs import (
        beside_published,
        compare_readers,
        score_cells,
        with_domain,
        write_lifs,
    )
    from radiofib.table import read_frame

    frame = _read(predictions)
    scanners = [name.strip() for name in ood.split(",") if name.strip()]
    cells = score_cells(frame, ood=scanners, data="LiFS" if card == "lifs" else "other data")
    comparisons = None
    if readers is not None:
        rows = with_domain(frame, set(scanners))
        readings = read_frame(readers)
        comparisons = compare_readers(rows, readings, n_boot=n_boot, random_state=seed)
    design = None if methods is None else read_frame(methods)
    written = write_lifs(cells, out, methods=design, comparisons=comparisons)
    both = beside_published(cells)
    write_tables(out, {"beside_published": both})
    _tell(both)
    typer.echo(f"{len(written) + 1} files: {out}")


def _read(predictions: list[str]) -> pd.DataFrame:
    """Return all predictions in one table, the setting in column ``channels``."""
    import pandas as pd

    from radiofib.evaluation.lifs import LIFS_SETTINGS
    from radiofib.table import read_frame

    frames = []
    for given in predictions:
        setting, mark, name = given.partition("=")
        named = bool(mark) and setting in LIFS_SETTINGS
        path = Path(name if named else given)
        run = path.name if path.is_dir() else ""
        frame = read_frame(path / "predictions.csv" if run else path)
        if run:
            frame = _of_run(frame, run)
        if "model" not in frame:
            frame["model"] = "model"
        frames.append(frame.assign(channels=setting) if named else frame)
    return _without_controls(pd.concat(frames, ignore_index=True))


def _of_run(frame: pd.DataFrame, run: str) -> pd.DataFrame:
    """Name the stager of a run, as it is after its correction, after the folder."""
    from radiofib.evaluation.recalibration import UNCALIBRATED

    before = frame["model"].astype(str).str.endswith(UNCALIBRATED)
    return _without_controls(frame[~before]).assign(model=run)


def _without_controls(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out the negative controls of a run, which are no methods."""
    if "model" not in frame:
        return frame
    return frame[~frame["model"].astype(str).str.startswith("control_")].reset_index(drop=True)


def _tell(cells: pd.DataFrame) -> None:
    import math

    from radiofib.evaluation.lifs import aggregate_scores, find_collapse

    scores = aggregate_scores(cells)
    collapse = find_collapse(cells)
    typer.echo(f"{'':<22}{'ID':>7}{'OOD':>7}{'drop':>7}  collapse: decision, rank; data")
    methods = scores[scores["kind"] != "radiologist"]
    for reader, data, *values in methods[["reader", "data", "ID", "OOD", "drop"]].to_numpy():
        own = collapse[collapse["reader"] == reader]
        decision = int(own["decision_collapse"].isin(["yes", "suspected"]).sum())
        rank = int((own["rank_collapse"] == "yes").sum())
        numbers = "".join(f"{v:7.2f}" if math.isfinite(v) else f"{'-':>7}" for v in values)
        tail = f"{decision}, {rank} of {len(own)}; {data}"
        typer.echo(f"{reader[:21]:<22}{numbers}  {tail}"[:80])
