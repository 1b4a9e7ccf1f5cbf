"""Labels of the slides of one run: made, kept as a picture, found again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from radiofib.deep.card import read_sidecar
from radiofib.errors import ModelError
from radiofib.provenance import canonical_json, hash_object, radiofib_version
from radiofib.slides.labels.files import read_labels
from radiofib.slides.labels.kept import LABELS, keep_labels
from radiofib.slides.labels.segment import segment_slide
from radiofib.slides.labels.segmenter import Segmenter, open_segmenter
from radiofib.slides.labels.settings import SegmentSettings
from radiofib.slides.labels.store import tiles_done
from radiofib.slides.reader import Slide
from radiofib.slides.segmentation import Segmentation
from radiofib.slides.settings import SlideSettings
from radiofib.slides.tissue.clean import CleanTissue
from radiofib.slides.tissue.stain_norm import StainMap, fit_stain_map
from radiofib.store import read_record, write_record

__all__ = [
    "LABELS",
    "PIECES",
    "UNFINISHED",
    "Labeller",
    "TileWatch",
    "labels_key",
    "tissue_facts",
]

#: Folder under the output folder with a record of each finished slide.
PIECES = "pieces"
#: Folder of labels under way; gone when all slides are done.
UNFINISHED = "unfinished"
#: Raised when the way of labelling changes, so that nothing older is taken for finished.
_METHOD = 3
#: What of the slide settings decides what tissue is.
_TISSUE = ("tissue_um", "min_tissue_um2", "max_hole_um2", "artefacts")


@dataclass(frozen=True)
class Labeller:
    """A segmentation model as it travels to processes; made by :meth:`of`.

    Parameters
    ----------
    model : path
        The ``.onnx`` file.
    card : str
        Stated facts of its card, as canonical JSON.
    settings : SegmentSettings
        How it is laid over slides.
    threads : int
        Tiles at once in each process.
    facts : dict
        What labels depend on besides the slide.
    """

    model: Path
    card: str
    settings: SegmentSettings
    threads: int
    facts: dict[str, Any] = field(hash=False)

    @classmethod
    def of(
        cls,
        model: str | Path,
        *,
        card: str | Path | Mapping[str, Any] | None = None,
        settings: SegmentSettings | None = None,
        threads: int = 1,
    ) -> Self:
        """Open a model, so that what is wrong with it shows before any slide is read.

        Raises
        ------
        RadiofibError
            As :func:`~radiofib.slides.labels.segmenter.open_segmenter`.
        """
        settings = settings or SegmentSettings()
        stated = dict(card) if isinstance(card, Mapping) else read_sidecar(card) if card else {}
        text = canonical_json(stated)
        path = Path(model).absolute()
        # Not kept open: where slides are divided among processes, this one labels none.
        facts = open_segmenter(path, settings, stated=stated).facts()
        return cls(path, text, settings, threads, facts)

    def key(self, slide: Slide, content: str, settings: SlideSettings, case: str) -> str:
        """Return the hash of all that the kept labels of a slide depend on, their name too."""
        return labels_key(self.facts | {"method": _METHOD}, slide, content, settings, case)

    @contextmanager
    def labelled(
        self, slide: Slide, out: Path, case: str, *, key: str, tissue: CleanTissue
    ) -> Iterator[Segmentation]:
        """Give the labels of a slide: those of an earlier run, or new ones.

        They are kept as ``labels/<case>.png`` with a record ``pieces/<key>.json``; the raw file
        they are mapped from is deleted at the end.

        Raises
        ------
        SlideError
            When the slide cannot be read, has no tissue, or the disk is full.
        ModelError
            When the network fails, or the model file has changed since the run began.
        """
        segmenter = self._segmenter()
        folder, picture = out / UNFINISHED, f"{LABELS}/{case}.png"
        for needed in (folder, out / LABELS, out / PIECES):
            needed.mkdir(parents=True, exist_ok=True)
        if read_record(out / PIECES, key, home=out) is not None:
            grid = slide.grid(segmenter.um, exact=True)
            labels = read_labels(out / picture, into=folder / f"{key}.again")
            found = Segmentation(labels, grid, segmenter.classes, "model", segmenter.name)
        else:
            colours = self._colours(slide, tissue)
            found = segment_slide(
                slide,
                segmenter,
                folder,
                key=key,
                tissue=tissue,
                threads=self.threads,
                recolour=colours,
            )
            keep_labels(found, out / picture)
            tiles = tiles_done(folder)[key][1]
            content: dict[str, Any] = {"case": case, "tiles": tiles}
            if colours is not None:
                content["stain_map"] = colours.provenance()
            write_record(out / PIECES, key, content, home=out, files=[picture])
        try:
            yield found
        finally:  # the picture has it all
            del found
            _remove(folder, key)

    def tiles(self, out: Path, key: str) -> int:
        """Return of how many tiles the labels of a finished slide are."""
        record = read_record(out / PIECES, key, home=out)
        return 0 if record is None else int(record["tiles"])

    def _colours(self, slide: Slide, tissue: CleanTissue) -> StainMap | None:
        """Return what gives the network the colours of the reference."""
        method = self.settings.stain_normalisation
        if method == "none":
            return None
        return fit_stain_map(slide, tissue.grid, tissue.tissue, method)

    def _segmenter(self) -> Segmenter:
        segmenter = _opened(self.model, _stamp(self.model), self.card, self.settings)
        if segmenter.facts() != self.facts:
            raise ModelError("the model has changed since the run began", where=self.model.name)
        return segmenter


@lru_cache(maxsize=1)
def _opened(path: Path, stamp: tuple[int, int], card: str, settings: SegmentSettings) -> Segmenter:
    """Open a model once in each process, and again when `stamp` says the file is another."""
    del stamp
    return open_segmenter(path, settings, stated=json.loads(card))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        facts = path.stat()
    except OSError:
        return (0, 0)  # opening it says what is wrong
    return facts.st_mtime_ns, facts.st_size


def labels_key(
    model: Mapping[str, Any], slide: Slide, content: str, settings: SlideSettings, case: str
) -> str:
    """Return the hash of all that the kept labels of a slide depend on, their name too.

    Parameters
    ----------
    model : mapping
        Facts of what labels, and the version of the way of labelling.
    slide : Slide
        Open.
    content : str
        Hash of the slide's content.
    settings : SlideSettings
        What counts as tissue.
    case : str
        Name of the slide.
    """
    return hash_object(
        {
            "case": case,
            "content": content,
            "mpp": slide.mpp,
            "model": dict(model),
            "tissue": tissue_facts(settings),
            "version": radiofib_version(),
        }
    )


def tissue_facts(settings: SlideSettings) -> dict[str, Any]:
    """Return what of the settings decides where tissue is, and so what is labelled.

    Examples
    --------
    >>> tissue_facts(SlideSettings(tissue_um=4.0))["tissue_um"]
    4.0
    """
    return settings.model_dump(include={*_TISSUE}) | {"stain": settings.tracts.stain}


def _remove(folder: Path, key: str) -> None:
    """Delete what was under way for a slide."""
    for path in folder.glob(f"{key}.*"):
        with suppress(OSError):  # some systems keep a file that is still mapped
            path.unlink(missing_ok=True)


class TileWatch:
    """Tells how many tiles are done while slides are labelled, in this process or in others.

    It looks at the records on disk twice a second, and is told of slides that are finished;
    records that an earlier run left and nobody goes on with are not counted.

    Parameters
    ----------
    out : path
        Output folder of the run.
    tell : callable
        Called with tiles done and tiles in all of the slides begun so far, from a thread.
    """

    def __init__(self, out: Path, tell: Callable[[int, int], None]) -> None:
        self._folder, self._tell = out / UNFINISHED, tell
        self._left = tiles_done(self._folder)
        self._seen: dict[str, tuple[int, int]] = {}
        self._finished: dict[str, tuple[int, int]] = {}
        self._end = Event()
        self._thread = Thread(target=self._watch, name="tiles", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()
        self._look()

    def finished(self, key: str, tiles: int) -> None:
        """Take note that the labels under a key are whole."""
        self._finished[key] = (tiles, tiles)

    def _watch(self) -> None:
        while not self._end.wait(0.5):
            self._look()

    def _look(self) -> None:
        found = {k: v for k, v in tiles_done(self._folder).items() if v != self._left.get(k)}
        # A record that is gone belongs to a slide that is measured now, or has failed.
        seen = self._seen | found | dict(self._finished)
        if seen != self._seen:
            self._tell(sum(d for d, _ in seen.values()), sum(t for _, t in seen.values()))
        self._seen = seen
