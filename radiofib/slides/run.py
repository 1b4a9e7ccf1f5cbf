"""Many slides: each stands alone, finished ones are not measured again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from radiofib.errors import Failure, ModelError, RadiofibError, SlideError
from radiofib.parallel import effective_workers, map_pieces
from radiofib.provenance import (
    hash_object,
    radiofib_version,
)
from radiofib.slides.cases import check_out_folder, name_cases
from radiofib.slides.labels.classical import AnyLabeller
from radiofib.slides.labels.labeller import PIECES, UNFINISHED, Labeller, TileWatch
from radiofib.slides.labels.store import disk_explained
from radiofib.slides.measure import measure_slide
from radiofib.slides.pieces import METHOD, finished_piece, slide_table, write_piece
from radiofib.slides.reader import Decoder, Slide, open_slide
from radiofib.slides.settings import SlideSettings
from radiofib.slides.tissue.clean import clean_tissue
from radiofib.table import FeatureTable

__all__ = ["PIECES", "run_slides"]


@dataclass(frozen=True)
class _Job:
    case: str
    path: Path
    stage: float | None = None


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
    decoder: Decoder = "openslide",
    workers: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    settings: SlideSettings | None = None,
    labeller: AnyLabeller | None = None,
    stages: Mapping[str, float] | None = None,
    tiles: Callable[[int, int], None] | None = None,
) -> tuple[FeatureTable, list[Failure]]:
    """Measure slides: tissue, core length, stain; outlines for QuPath; one row per slide.

    With a segmentation model or a pixel classifier the tissue is labelled too, the labels are
    kept, and portal tracts are counted and measured; :func:`~radiofib.slides.tract_table` has
    one row for each.

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
    decoder : {"openslide", "vips"}
        What decodes pixels, see :func:`~radiofib.slides.open_slide`; results do not depend on it.
    workers : int, optional
        Processes; default one per core. Results do not depend on it. With a model the cores are
        shared out: each process works on one slide with as many threads as there are cores for
        each process, so that a single slide has them all. Then each process takes about 550 MB on
        a biopsy, and the one that shares out 230 MB; with one worker there is no other.
    progress : callable, optional
        Called with slides done, slides in all and the case just done.
    settings : SlideSettings, optional
        Resolutions and minimum sizes, and what counts as a portal tract.
    labeller : Labeller or ClassicalLabeller, optional
        A segmentation model or a pixel classifier.
    stages : mapping, optional
        Case to stage of fibrosis: where it is septal or more, tracts are not countable and their
        counts are missing. Never for tables a stager learns from: what is missing would tell it
        the stage.
    tiles : callable, optional
        Called with tiles done and tiles in all of the slides begun, from another thread; a pixel
        classifier has no tiles.

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
        When no slide is given, a slide lies in `out`, or `mpp` is not a believable pixel size.

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
    known = stages or {}
    jobs = [_Job(case, path, known.get(case)) for case, path in name_cases(paths).items()]
    out = Path(out)
    check_out_folder((job.path for job in jobs), out)
    (out / PIECES).mkdir(parents=True, exist_ok=True)
    workers = min(effective_workers(workers), len(jobs))
    if labeller is not None:
        labeller = replace(labeller, threads=max(1, effective_workers(None) // workers))
    work = partial(_finish, out=out, mpp=mpp, decoder=decoder, settings=settings, labeller=labeller)
    tiled = isinstance(labeller, Labeller)
    outcomes: dict[str, _Outcome] = {}
    with TileWatch(out, tiles) if tiled and tiles else nullcontext() as watch:
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
    provenance = {
        "method": METHOD,
        "settings": settings.model_dump(),
        "pieces": {piece["case"]: piece["key"] for piece in pieces},
        **({} if labeller is None else {"segmentation": labeller.facts}),
    }
    return slide_table(pieces, provenance), [o.failure for o in ordered if o.failure is not None]


def _crashed(job: _Job, error: Exception) -> _Outcome:
    reason = SlideError(
        "the process measuring the slide died",
        where=job.path.name,
        found=type(error).__name__,
        hint="free memory or use fewer workers, then run again",
    )
    return _Outcome(failure=Failure.from_error(reason, case=job.case, step="slide"))


def _finish(
    job: _Job,
    *,
    out: Path,
    mpp: float | None,
    decoder: Decoder,
    settings: SlideSettings,
    labeller: AnyLabeller | None,
) -> _Outcome:
    try:
        with disk_explained(out.name), open_slide(job.path, mpp=mpp, decoder=decoder) as slide:
            content = slide.content_hash()
            labels = None if labeller is None else labeller.key(slide, content, settings, job.case)
            key = _key(job, slide, content, settings, labels)
            piece = finished_piece(out, job.case, key)
            if piece is None:
                tissue = clean_tissue(slide, settings)
                with ExitStack() as stack:
                    found = maker = None
                    if labeller is not None and labels is not None:
                        found = stack.enter_context(
                            labeller.labelled(slide, out, job.case, key=labels, tissue=tissue)
                        )
                        maker = (found.source, found.maker)
                    measures = measure_slide(slide, settings, found, job.stage, tissue=tissue)
                    del found  # its file is about to go
                piece = write_piece(
                    out,
                    job.case,
                    key,
                    slide,
                    measures,
                    maker=maker,
                    tiles=labeller.tiles(out, labels) if labeller and labels else None,
                )
        return _Outcome(piece, labels)
    except (SlideError, ModelError, OSError, MemoryError) as error:
        return _Outcome(failure=Failure.from_error(error, case=job.case, step="slide"))
    except RadiofibError:
        raise
    except Exception as error:  # a defect on one slide must not cost the others
        return _Outcome(failure=Failure.from_error(error, case=job.case, step="slide"))


def _key(job: _Job, slide: Slide, content: str, settings: SlideSettings, labels: str | None) -> str:
    facts = {
        "case": job.case,
        "content": content,
        "method": METHOD,
        "mpp": slide.mpp,
        "settings": settings.model_dump(),
        "stage": job.stage,
        "version": radiofib_version(),
    }
    return hash_object(facts if labels is None else facts | {"labels": labels})
