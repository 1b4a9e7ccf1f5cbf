"""How far measures and labels of slides agree with readers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofib.cli._shared import DONE_WITH_FAILURES, finish, say

if TYPE_CHECKING:
    import pandas as pd

    from radiofib.errors import Failure

__all__ = ["slides_agreement"]

_WIDTH = 80


def slides_agreement(
    slides: Annotated[Path, typer.Argument(help="slides.csv or .parquet, or the folder of a run.")],
    out: Annotated[Path, typer.Option(help="Table to write (.csv).")],
    readers: Annotated[
        Path | None,
        typer.Option(help="CSV, XLSX or SAV: case, measures, and reader or stage if there are."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Folder of label pictures or GeoJSON, by case.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Folder with the same by someone else.")
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            help="Name of each class of label pictures, in order; repeat it. Default: as the "
            "pictures of a run say, else numbers.",
        ),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Also averages over batches of so many pictures.")
    ] = None,
    um: Annotated[float, typer.Option(help="Side of a cell for GeoJSON, um.")] = 1.0,
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
) -> None:
    """Compare slides with readers: counts, areas, lengths, stages, labels.

    Counts: weighted kappa by numeric distance, ICC(A,1), Bland-Altman. Areas and lengths: ICC(A,1),
    Bland-Altman, Pearson. A column stage: Spearman, Jonckheere and Pearson of portal and collagen
    percent. Two folders of labels: Dice and IoU of each class; a case whose labels cannot be
    compared costs itself only.

    Example: radiofib slides agreement slides --readers readers.csv --out agreement.csv
    """
    import pandas as pd

    from radiofib._checks import list_some
    from radiofib.errors import UsageError
    from radiofib.slides.agreement.labels import label_agreement, pair_labels
    from radiofib.slides.agreement.measures import read_slides, reader_agreement
    from radiofib.slides.agreement.readings import read_readings
    from radiofib.study import RunFolder, write_failures

    if (labels is None) != (reference is None):
        raise UsageError("labels are compared with a reference", hint="--labels and --reference")
    if readers is None and labels is None:
        raise UsageError("nothing to compare with", hint="--readers, or --labels and --reference")
    measured, ours = read_slides(slides)
    frames: list[pd.DataFrame] = []
    left_out: list[str] = []
    failures: list[Failure] = []
    if readers is not None:
        readings = read_readings(readers)
        frames.append(reader_agreement(measured, readings, level, ours=ours))
        lost = sorted(readings.cases - set(measured.index))
        left_out += [f"{readers.name}: no slide for {list_some(lost)}"] if lost else []
        unread = sorted(set(measured.index) - readings.cases)
        notes = [f"no reading of {list_some(unread)}"] if unread else []
        notes += [f"column not used: {name}" for name in readings.unused]
        if readings.repeated:
            notes.append("several slides of one patient: the intervals are too narrow")
        for note in notes:
            say(note)
    if labels is not None and reference is not None:
        pairs = pair_labels(labels, reference)
        if pairs.unmatched:
            left_out.append(f"in one folder only: {list_some(pairs.unmatched)}")
        sizes = measured.get("mpp_x_um", pd.Series(dtype="float64"))
        mpp = {str(case): float(size) for case, size in sizes.items()}
        found, failures = label_agreement(pairs, names=classes or (), mpp=mpp, um=um, batch=batch)
        frames += [found] if len(found) else []
    results = RunFolder(out.absolute().parent)
    listing = out.with_name(f"{out.stem}_failures.csv")
    listing.unlink(missing_ok=True)
    if failures:
        write_failures(results, failures, listing.name)
    if not frames:
        finish(failures, useful=False, where=listing)
    table = pd.concat(frames, ignore_index=True)
    written = results.write_frame(out.name, table)
    for line in _lines(table):
        typer.echo(line)
    typer.echo(f"{len(table)} rows: {out if not out.is_absolute() else written}")
    for note in left_out:
        say(note)
    finish(failures, useful=True, where=listing)
    if left_out:
        raise typer.Exit(DONE_WITH_FAILURES)


def _lines(table: pd.DataFrame) -> list[str]:
    """Return the table for the screen: one block for each comparison, 80 columns at most."""
    lines = []
    for names, part in table.groupby(["measure", "first", "second"], sort=False):
        measure, first, second = map(str, names)
        lines.append(f"{measure.replace('morphometry_', '')}: {first} and {second}"[:_WIDTH])
        for row in part.to_dict("records"):
            low, high = row["ci_low"], row["ci_high"]
            interval = "" if math.isnan(low) else f"{low:.3g} to {high:.3g}"
            p = "" if math.isnan(row["p"]) else f"p {max(row['p'], 1e-16):.2g}"
            value = "-" if math.isnan(row["estimate"]) else f"{row['estimate']:.3g}"
            text = f"  {row['metric']:<26}{value:>8}  {interval:<20}  n {row['n']:<5} {p}"
            if value == "-":
                text = f"  {row['metric']:<26}{value:>8}  n {row['n']:<5} {row['note']}"
            lines.append(text.rstrip()[:_WIDTH])
    return lines
