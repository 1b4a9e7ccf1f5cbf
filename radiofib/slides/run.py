"""Many slides: each stands alone, finished ones are not measured again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from radiofib.errors import Failure, ModelError, RadiofibError, SlideError
from radiofib.parallel import effective_workers, map_pieces
from radiofib.provenance import (
    canonical_json,
    environment,
    hash_bytes,
    hash_file,
    hash_object,
    radiofib_version,
)
from radiofib.slides.cases import name_cases
from radiofib.slides.label_store import disk_explained
from radiofib.slides.labelling import LABELS, PIECES, UNFINISHED, Labeller, TileWatch
from radiofib.slides.measure import SlideMeasures, measure_slide
from radiofib.slides.picture import outline_png
from radiofib.slides.qupath import to_geojson
from radiofib.slides.reader import Slide, open_slide
from radiofib.slides.settings import SlideSettings
from radiofib.slides.specs import SLIDE_REGISTRY, codebook, column
from radiofib.table import MISSING_COLUMNS, FeatureTable

__all__ = ["PIECES", "run_slides"]

#: Raised when the way of measuring changes, so that nothing older is taken for finished.
_METHOD = 2
_OBS = ("case", "patient", "vendor", "mpp_x_um", "mpp_y_um", "mpp_source", "tissue_px_um")


@dataclass(frozen=True)
class _Job:
    case: str
    path: Path


@dataclass(frozen=True)
class _Outcome:
    piece: dict[str, Any] | None = None
    labels: str | None = None
    failure: Failure | None = None


def run_slides(
    paths: Iterable[str | Path],
    out: str | Path,
    *,
    mpp: float | None = None,
    workers: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    settings: SlideSettings | None = None,
    labeller: Labeller | None = None,
    tiles: Callable[[int, int], None] | None = None,
) -> tuple[FeatureTable, list[Failure]]:
    """Measure slides: tissue, core length, stain; outlines for QuPath; one row per slide.

    With a segmentation model the tissue is labelled too, and the labels kept.

    Parameters
    ----------
    paths : iterable of path
        Slides of any format OpenSlide reads, or plain TIFF, PNG or JPEG pictures. Cases are named
        by the stem (see :func:`~radiofib.slides.cases.name_cases` for equal stems).
    out : path
        Folder for ``<case>.geojson`` (QuPath annotations), ``<case>.png`` (picture with outline)
        and ``pieces/`` (one file per finished slide); with a model also ``labels/<case>.png``,
        whose values are the numbers of the classes.
    mpp : float, optional
        Side of a level-0 pixel in um, for slides that do not say.
    workers : int, optional
        Processes; default one per core. Results do not depend on it. With a model the cores are
        shared out: each process works on one slide with as many threads as there are cores for
        each process, so that a single slide has them all.
    progress : callable, optional
        Called with slides done, slides in all and the case just done.
    settings : SlideSettings, optional
        Resolutions and minimum sizes.
    labeller : Labeller, optional
        A segmentation model.
    tiles : callable, optional
        Called with tiles done and tiles in all of the slides begun, from another thread.

    Returns
    -------
    table : FeatureTable
        One row per measured slide, sorted by case; columns of
        :data:`~radiofib.slides.specs.SLIDE_REGISTRY`. No rows when every slide failed.
    failures : list of Failure
        One per slide that could not be measured, sorted by case.

    Raises
    ------
    UsageError
        When no slide is given or `mpp` is not a believable pixel size.

    Notes
    -----
    A slide is finished when its piece exists under the key of its case, content, pixel size,
    settings, model and version, and its outputs are as the piece says; a slide that was being
    labelled goes on after the last finished group of tiles. What is left in ``unfinished/`` belongs
    to slides that were stopped or broke off. A GeoJSON that was changed by hand is kept aside as
    ``<case>.kept-<hash>.geojson`` before a new one is written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table, failures = run_slides(["no-such.svs"], folder)
    >>> table.n_rows, failures[0].case, failures[0].reason
    (0, 'no-such', 'no-such.svs: no such file. Next: check the path.')
    """
    settings = settings or SlideSettings()
    jobs = [_Job(case, path) for case, path in name_cases(paths).items()]
    out = Path(out)
    (out / PIECES).mkdir(parents=True, exist_ok=True)
    workers = min(effective_workers(workers), len(jobs))
    if labeller is not None:
        labeller = replace(labeller, threads=max(1, effective_workers(None) // workers))
    work = partial(_finish, out=out, mpp=mpp, settings=settings, labeller=labeller)
    outcomes: dict[str, _Outcome] = {}
    with TileWatch(out, tiles) if labeller and tiles else nullcontext() as watch:
        for job, outcome in map_pieces(work, jobs, workers=workers, on_crash=_crashed):
            outcomes[job.case] = outcome
            if watch and outcome.piece and outcome.labels:
                watch.finished(outcome.labels, outcome.piece["tiles"])
            if progress is not None:
                progress(len(outcomes), len(jobs), job.case)
    with suppress(OSError):  # not empty: a slide broke off and may go on
        (out / UNFINISHED).rmdir()
    ordered = [outcomes[job.case] for job in jobs]
    pieces = [o.piece for o in ordered if o.piece is not None]
    return _table(pieces, settings, labeller), [o.failure for o in ordered if o.failure is not None]


def _crashed(job: _Job, error: Exception) -> _Outcome:
    reason = SlideError(
        "the process measuring the slide died",
        where=job.path.name,
        found=type(error).__name__,
        hint="free memory or use fewer workers, then run again",
    )
    return _Outcome(failure=Failure.from_error(reason, case=job.case, step="slide"))


def _finish(
    job: _Job, *, out: Path, mpp: float | None, settings: SlideSettings, labeller: Labeller | None
) -> _Outcome:
    try:
        with disk_explained(out.name), open_slide(job.path, mpp=mpp) as slide:
            content = slide.content_hash()
            labels = None if labeller is None else labeller.key(slide, content, settings)
            key = _key(job.case, slide, content, settings, labels)
            piece = _finished(out, job.case, key)
            if piece is None:
                with ExitStack() as stack:
                    found: dict[str, Any] = {}
                    if labeller is not None and labels is not None:
                        how = labeller.labelled(slide, out, job.case, key=labels, settings=settings)
                        found["segmentation"] = stack.enter_context(how)
                    measures = measure_slide(slide, settings, **found)
                tiles = labeller.tiles(out, labels) if labeller and labels else None
                piece = _write(out, job.case, key, slide, measures, tiles=tiles)
        return _Outcome(piece, labels)
    except (SlideError, ModelError, OSError, MemoryError) as error:
        return _Outcome(failure=Failure.from_error(error, case=job.case, step="slide"))
    except RadiofibError:
        raise
    except Exception as error:  # a defect on one slide must not cost the others
        return _Outcome(failure=Failure.from_error(error, case=job.case, step="slide"))


def _key(case: str, slide: Slide, content: str, settings: SlideSettings, labels: str | None) -> str:
    facts = {
        "case": case,
        "content": content,
        "method": _METHOD,
        "mpp": slide.mpp,
        "settings": settings.model_dump(),
        "version": radiofib_version(),
    }
    return hash_object(facts if labels is None else facts | {"labels": labels})


def _outputs(out: Path, case: str, *, labelled: bool) -> dict[str, Path]:
    paths = {kind: out / f"{case}.{kind}" for kind in ("geojson", "png")}
    return paths | {"labels": out / LABELS / f"{case}.png"} if labelled else paths


def _finished(out: Path, case: str, key: str) -> dict[str, Any] | None:
    """Return the piece of a finished slide, or None when anything of it is missing or changed."""
    piece = _read_piece(out / PIECES / f"{key}.json")
    if piece is None or piece["key"] != key:
        return None
    for kind, path in _outputs(out, case, labelled="labels" in piece["outputs"]).items():
        if not path.is_file() or hash_file(path) != piece["outputs"][kind]:
            return None
    return piece


def _read_piece(path: Path) -> dict[str, Any] | None:
    try:
        piece = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(piece, dict) and {"key", "obs", "outputs", "values", "missing"} <= set(piece)
    return piece if known else None


def _write(
    out: Path, case: str, key: str, slide: Slide, measures: SlideMeasures, *, tiles: int | None
) -> dict[str, Any]:
    """Write picture and outlines, then the piece that says they are whole."""
    contents = {
        "geojson": to_geojson(measures.annotations, key=key).encode(),
        "png": outline_png(measures.overview, (f.polygon for f in measures.fragments)),
    }
    paths = _outputs(out, case, labelled=tiles is not None)
    _keep_corrections(out, case, paths["geojson"], contents["geojson"])
    for kind, content in contents.items():
        _replace(paths[kind], content)
    piece = {
        "key": key,
        "case": case,
        "obs": {
            "case": case,
            "patient": case,
            "vendor": slide.vendor,
            "mpp_x_um": slide.mpp[0],
            "mpp_y_um": slide.mpp[1],
            "mpp_source": slide.mpp_source,
            "tissue_px_um": math.sqrt(measures.grid.cell_um2),
        },
        "values": {spec.key: _plain(measures.measured[spec.key]) for spec in SLIDE_REGISTRY},
        "missing": measures.missing,
        "outputs": {kind: hash_file(path) for kind, path in paths.items()},
        **({} if tiles is None else {"tiles": tiles, "tracts": _rows(measures.tracts)}),
    }
    _replace(out / PIECES / f"{key}.json", canonical_json(piece).encode())
    return piece


def _keep_corrections(out: Path, case: str, path: Path, new: bytes) -> None:
    """Set a GeoJSON aside that no run has written: someone's work is in it."""
    if not path.is_file():
        return
    digest = hash_bytes(path.read_bytes())
    if digest == hash_bytes(new):
        return
    pieces = (_read_piece(p) for p in (out / PIECES).glob("*.json"))
    ours = {p["outputs"]["geojson"] for p in pieces if p is not None and p.get("case") == case}
    if digest not in ours:
        path.replace(path.with_name(f"{case}.kept-{digest[:8]}.geojson"))


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(content)
    temporary.replace(path)


def _table(
    pieces: list[dict[str, Any]], settings: SlideSettings, labeller: Labeller | None
) -> FeatureTable:
    keys = [spec.key for spec in SLIDE_REGISTRY]
    X = pd.DataFrame(
        {column(key): [_float(piece["values"][key]) for piece in pieces] for key in keys},
        dtype="float64",
    )
    obs = pd.DataFrame([piece["obs"] for piece in pieces], columns=list(_OBS))
    missing = [
        {"case": piece["case"], "instance": "", "column": column(key), "reason": reason}
        for piece in pieces
        for key, reason in piece["missing"].items()
    ]
    provenance: Mapping[str, Any] = {
        "kind": "slides",
        "method": _METHOD,
        "settings": settings.model_dump(),
        "versions": environment(("openslide-python", "openslide-bin", "scikit-image", "numpy")),
        "pieces": {piece["case"]: piece["key"] for piece in pieces},
        **({} if labeller is None else {"segmentation": labeller.facts}),
    }
    return FeatureTable(
        X, obs, codebook(), pd.DataFrame(missing, columns=list(MISSING_COLUMNS)), provenance
    )


def _rows(tracts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows as JSON has them: what is not a number is null."""
    return [{k: _plain(v) if isinstance(v, float) else v for k, v in row.items()} for row in tracts]


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)
