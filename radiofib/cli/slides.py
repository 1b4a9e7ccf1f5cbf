"""Commands on biopsy slides."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofib.cli._shared import Workers, finish, progress_bar, say
from radiofib.cli.slides_agreement import slides_agreement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from radiofib.errors import Failure
    from radiofib.table import FeatureTable

__all__ = ["register"]


class Decoder(StrEnum):
    """What decodes pixels of slides."""

    openslide = "openslide"
    vips = "vips"


class StainNorm(StrEnum):
    """How colours are brought to a reference."""

    none = "none"
    macenko = "macenko"
    reinhard = "reinhard"


#: Pixel sizes that differ by less are one, differently rounded.
_SAME_SIZE = 0.001
#: Cases named on the screen; more are counted.
_FIRST = 5

slides_app = typer.Typer(help="Biopsy slides.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    slides_app.command("run")(slides_run)
    slides_app.command("remeasure")(slides_remeasure)
    slides_app.command("qupath-script")(slides_qupath_script)
    slides_app.command("fit-pixels")(slides_fit_pixels)
    slides_app.command("agreement")(slides_agreement)
    app.add_typer(slides_app, name="slides")


@slides_app.callback()
def _slides() -> None:
    """Measure biopsy slides and hand them to QuPath."""


def slides_run(
    slides: Annotated[list[Path], typer.Argument(help="Slides, or folders of them.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    model: Annotated[
        Path | None,
        typer.Option(help="For portal tracts: network (.onnx) or pixel classifier (.skops)."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings of the measures (.yaml), such as the stain.")
    ] = None,
    stages: Annotated[
        Path | None,
        typer.Option(help="CSV with case and stage: from stage 3 on tracts are not countable."),
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="Facts the network does not state (.yaml or .json).")
    ] = None,
    portal: Annotated[
        list[str] | None, typer.Option(help="Class that is portal tract; may be repeated.")
    ] = None,
    tissue: Annotated[
        list[str] | None, typer.Option(help="Class that is lobule; may be repeated.")
    ] = None,
    overlap: Annotated[
        float, typer.Option(help="Share of a tile that neighbours have in common, up to 0.5.")
    ] = 0.0,
    stain_norm: Annotated[
        StainNorm, typer.Option(help="Bring colours to a reference before the network sees them.")
    ] = StainNorm.none,
    batch: Annotated[int | None, typer.Option(help="Tiles the network is given at once.")] = None,
    provider: Annotated[
        list[str] | None, typer.Option(help="Where the network runs: cpu, cuda ...")
    ] = None,
    mpp: Annotated[float | None, typer.Option(help="um per pixel, where a slide has none.")] = None,
    decoder: Annotated[
        Decoder, typer.Option(help="What reads pixels; vips is faster on TIFF, with equal results.")
    ] = Decoder.openslide,
    workers: Workers = None,
) -> None:
    """Measure slides: tissue, stain, portal tracts; write GeoJSON for QuPath.

    With --model the tissue is labelled by a segmentation network, such as HOTSPoT's after radiofib
    onnx convert, or by a pixel classifier of radiofib slides fit-pixels; the labels are kept in
    labels/, and tracts.csv has one row for each portal tract. Cores are shared out among the
    slides worked on at once (--workers). A run that was stopped goes on where it was.

    Example: radiofib slides run biopsy1.svs biopsy2.ndpi --out slides --model hotspot.onnx
    """
    from radiofib.slides import (
        SegmentSettings,
        SlideSettings,
        find_slides,
        run_slides,
        tract_features,
        tract_table,
    )
    from radiofib.slides.morphometry.stages import read_stages
    from radiofib.slides.pieces import earlier_cases
    from radiofib.study import RunFolder, slide_labeller, write_failures, write_slide_tables

    facts = {
        "overlap": overlap,
        "portal": portal or [],
        "tissue": tissue or [],
        "stain_normalisation": stain_norm.value,
        "batch": batch,
        "providers": provider or ["cpu"],
    }
    found = find_slides(slides)
    labeller = slide_labeller(model, card, SegmentSettings.parse(facts, where="options"))
    known = None if stages is None else read_stages(stages)
    settings = None if config is None else SlideSettings.from_yaml(config)
    results = RunFolder(out)
    aside = _aside(out)
    with progress_bar() as tell:
        tell("slides", 0, len(found))
        table, failures = run_slides(
            found,
            out,
            mpp=mpp,
            decoder=decoder.value,
            workers=workers,
            progress=lambda done, total, _: tell("slides", done, total),
            settings=settings,
            labeller=labeller,
            stages=known,
            tiles=lambda done, total: tell("tiles", done, total),
        )
    _unknown(known, stages, table, failures)
    _own_sizes(mpp, _said_sizes(table))
    _warn(dict(zip(table.obs["case"], table.obs["warnings"], strict=True)))
    tracts = None if labeller is None else tract_features(tract_table(table, out), table)
    write_slide_tables(table, out, tracts)
    listing = write_failures(results, failures)
    if labeller is not None and labeller.facts.get("source") == "classical":
        typer.echo(f"portal tracts by a classical pixel classifier: {labeller.facts['maker']}")
    _earlier(earlier_cases(out, set(table.obs["case"])), out)
    for name in sorted(_aside(out) - aside):
        say(f"{name}: someone's corrections, kept under this name and not used here")
    typer.echo(f"{table.n_rows} of {table.n_rows + len(failures)} slides measured: {out}")
    finish(failures, useful=table.n_rows > 0, where=listing)


def slides_remeasure(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with corrected GeoJSON.")],
    out: Annotated[Path, typer.Option(help="Another folder to write.")],
    slides: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SLIDE]...", help="Slides or their folder; default beside DIR."),
    ] = None,
    mpp: Annotated[float | None, typer.Option(help="um per pixel, where a slide has none.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Other settings than those of the run (.yaml).")
    ] = None,
    stages: Annotated[
        Path | None, typer.Option(help="CSV with case and stage, of the run.")
    ] = None,
    um: Annotated[float, typer.Option(help="Side of a cell for counting annotations, um.")] = 1.0,
    workers: Workers = None,
) -> None:
    """Measure slides again after their GeoJSON was corrected in QuPath.

    What was deleted is gone, what was added counts; DIR itself is not changed. Settings are those
    of the run; give --stages as for the run.

    Example: radiofib slides remeasure slides biopsy1.svs biopsy2.ndpi --out corrected
    """
    from radiofib.slides import SlideSettings, tract_features
    from radiofib.slides.morphometry.stages import read_stages
    from radiofib.slides.remeasure import remeasure_slides
    from radiofib.study import RunFolder, write_failures, write_slide_tables

    known = None if stages is None else read_stages(stages)
    with progress_bar() as tell:
        found = remeasure_slides(
            folder,
            slides or (),
            out=out,
            um=um,
            mpp=mpp,
            workers=workers,
            progress=lambda done, total, _: tell("slides", done, total),
            settings=None if config is None else SlideSettings.from_yaml(config),
            stages=known,
        )
    _unknown(known, stages, found.table, found.failures)
    _own_sizes(mpp, _said_sizes(found.table))
    tracts = tract_features(found.tracts, found.table) if len(found.tracts) else None
    write_slide_tables(found.table, out, tracts)
    results = RunFolder(out)
    results.write_frame("corrections.csv", found.corrections)
    listing = write_failures(results, found.failures)
    _warn(dict(found.corrections[["case", "notes"]].itertuples(index=False)))
    _warn(dict(zip(found.table.obs["case"], found.table.obs["warnings"], strict=True)))
    n = found.table.n_rows
    typer.echo(f"{n} of {n + len(found.failures)} slides measured again: {out}")
    finish(found.failures, useful=n > 0, where=listing)


def _unknown(
    stages: Mapping[str, float] | None,
    where: Path | None,
    table: FeatureTable,
    failures: Sequence[Failure],
) -> None:
    """Say which stages are of no slide, and which slides have no stage under their name."""
    from radiofib._checks import list_some

    if stages is None or where is None:
        return
    measured = list(table.obs["case"])
    others = sorted(set(stages) - {*measured, *(f.case for f in failures)})
    if others:
        of = f"{len(others)} of {len(stages)} cases with a stage"
        say(f"{where.name}: {of} are no slides: {list_some(others, _FIRST)}")
    cases = [case for case in measured if case not in stages]
    if cases:
        of = f"{len(cases)} of {len(measured)} slides"
        say(f"no stage for {of}: {list_some(cases, _FIRST)}; tracts are counted there")


def _own_sizes(mpp: float | None, sizes: Mapping[str, tuple[float, float]]) -> None:
    """Say which of the slides that say their pixel size `mpp` was given for and not used."""
    from radiofib._checks import list_some

    if mpp is None:
        return
    other = [
        f"{case} ({_um(*size)})"
        for case, size in sizes.items()
        if any(abs(mpp / own - 1) > _SAME_SIZE for own in size)
    ]
    if other:
        says = "it says its" if len(other) == 1 else "they say their"
        named = list_some(other)
        say(f"--mpp {mpp:g} is not used for {named}: {says} own pixel size, which was used")


def _said_sizes(table: FeatureTable) -> dict[str, tuple[float, float]]:
    own = table.obs[table.obs["mpp_source"] == "slide"]
    sizes = zip(own["mpp_x_um"], own["mpp_y_um"], strict=True)
    return dict(zip(own["case"], sizes, strict=True))


def _um(x: float, y: float) -> str:
    return f"{x:g} um" if x == y else f"{x:g} x {y:g} um"


def _warn(notes: Mapping[str, str]) -> None:
    """Say what is to be looked at in slides that were measured all the same."""
    for case, note in notes.items():
        if note:
            say(f"{case}: {note}")


def _earlier(cases: Sequence[str], out: Path) -> None:
    """Say whose files an earlier run has left: pictures and outlines that no table is of."""
    from radiofib._checks import list_some

    if cases:
        say(f"{list_some(cases)}: files of an earlier run stay in {out}, in no table of this run")


def _aside(out: Path) -> set[str]:
    """Return the names of corrected outlines that runs have set aside in a folder."""
    return {path.name for path in out.glob("*.kept-*.geojson")}


def slides_qupath_script(
    out: Annotated[Path, typer.Option(help="Folder with the GeoJSON files; made when absent.")],
) -> None:
    """Write two scripts that load a folder of GeoJSON into a QuPath project, and export it again.

    Example: radiofib slides qupath-script --out slides
    """
    from radiofib.slides.qupath.scripts import write_qupath_scripts

    made = not out.exists()
    for path in write_qupath_scripts(out):
        typer.echo(f"{path}: open it in QuPath's script editor and press Run once")
    if made or not any(out.glob("*.geojson*")):
        new = "a new folder" if made else "no GeoJSON yet"
        say(f"{out}: {new}; the scripts read from it and export to it, wherever you move it")


def slides_fit_pixels(
    annotated: Annotated[list[Path], typer.Argument(help="GeoJSON files, or folders of them.")],
    out: Annotated[Path, typer.Option(help="Classifier to write (.skops).")],
    slides: Annotated[
        list[Path] | None,
        typer.Option(help="Slide or folder of slides; repeat it. Default: beside the GeoJSON."),
    ] = None,
    rest: Annotated[
        str | None,
        typer.Option(help="Class of all tissue that is not annotated, e.g. Lobule."),
    ] = None,
    um: Annotated[float, typer.Option(help="Side of a pixel of the classifier, um.")] = 4.0,
    mpp: Annotated[float | None, typer.Option(help="um per pixel, where a slide has none.")] = None,
) -> None:
    """Train a classical H&E segmentation on annotations from QuPath.

    Says the Dice of each class on slides left out of training.

    Example: radiofib slides fit-pixels annotated --rest Lobule --out classifier.skops
    """
    from radiofib.errors import UsageError
    from radiofib.slides.pixels.features import PixelSettings
    from radiofib.slides.pixels.fit import fit_pixels

    if out.suffix.lower() != ".skops":
        raise UsageError(
            "a pixel classifier is told by its suffix",
            where=str(out),
            expected="a name that ends in .skops",
            hint=f"write to {out.with_suffix('.skops')}",
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with progress_bar() as tell:
        found = fit_pixels(
            annotated,
            out,
            slides=slides or (),
            rest=rest,
            mpp=mpp,
            settings=PixelSettings(um=um),
            progress=tell,
        )
    table = found.scores.round({"annotated_mm2": 4, "dice": 3, "dice_mean": 3, "dice_min": 3})
    typer.echo(table.to_string(index=False, na_rep="-"))
    n = len(found.classifier.facts["slides"])
    how = f"each of {n} slides by the others" if n > 1 else "not validated: a single slide"
    typer.echo(f"Dice: {how}. Written: {out}")
    _own_sizes(mpp, found.own_mpp)
    for case, pixels in found.left_out.items():
        say(f"{case}: {pixels} annotated pixels of {um:g} um lie under artefacts, left out")
    failures = out.with_name(f"{out.stem}_failures.csv")
    if found.failures:
        from radiofib.study import RunFolder, write_failures

        failures = write_failures(RunFolder(out.parent), found.failures, failures.name)
    finish(found.failures, useful=True, where=failures)
