"""Labels of the slides of one run by a pixel classifier."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from radiofib.errors import ModelError
from radiofib.provenance import hash_file
from radiofib.slides.labels.files import read_labels
from radiofib.slides.labels.kept import LABELS, keep_labels
from radiofib.slides.labels.labeller import PIECES, Labeller, labels_key
from radiofib.slides.reader import Slide
from radiofib.slides.segmentation import Segmentation
from radiofib.slides.settings import SlideSettings
from radiofib.slides.tissue.clean import CleanTissue
from radiofib.store import read_record, write_record

if TYPE_CHECKING:  # else every run with a network would wait for scikit-learn, in each process
    from radiofib.slides.pixels.classifier import PixelClassifier

__all__ = ["AnyLabeller", "ClassicalLabeller"]

#: Raised when the way of labelling changes, so that nothing older is taken for finished.
_METHOD = 3


@dataclass(frozen=True)
class ClassicalLabeller:
    """A pixel classifier as it travels to processes; made by :meth:`of`.

    It does for a run what :class:`~radiofib.slides.Labeller` does with a network.

    Parameters
    ----------
    model : path
        The ``.skops`` file of ``radiofib slides fit-pixels``.
    facts : dict
        What labels depend on besides the slide.
    threads : int
        Unused: trees of one slide are asked one after the other.
    """

    model: Path
    facts: dict[str, Any] = field(hash=False)
    threads: int = 1

    @classmethod
    def of(cls, model: str | Path) -> Self:
        """Open a classifier, so that what is wrong with it shows before any slide is read.

        Raises
        ------
        ModelError
            As :func:`~radiofib.slides.pixels.classifier.load_classifier`.
        """
        from radiofib.slides.pixels.classifier import load_classifier

        path = Path(model).absolute()
        classifier = load_classifier(path)
        facts = {
            "classes": [[c.name, list(c.color), c.compartment] for c in classifier.classes],
            "maker": classifier.name,
            "sha256": hash_file(path),
            "source": "classical",
            "um_per_px": classifier.settings.um,
        }
        return cls(path, facts)

    def key(self, slide: Slide, content: str, settings: SlideSettings, case: str) -> str:
        """Return the hash of all that the kept labels of a slide depend on, their name too."""
        return labels_key(self.facts | {"method": _METHOD}, slide, content, settings, case)

    @contextmanager
    def labelled(
        self, slide: Slide, out: Path, case: str, *, key: str, tissue: CleanTissue
    ) -> Iterator[Segmentation]:
        """Give the labels of a slide: those of an earlier run, or new ones.

        Raises
        ------
        SlideError
            When the slide cannot be read, has no tissue, or is hardly stained.
        ModelError
            When the classifier's file has changed since the run began.
        """
        from radiofib.slides.pixels.classifier import segment_classical

        classifier = _opened(self.model, self.facts["sha256"])
        picture = f"{LABELS}/{case}.png"
        for needed in (out / LABELS, out / PIECES):
            needed.mkdir(parents=True, exist_ok=True)
        if read_record(out / PIECES, key, home=out) is not None:
            grid = slide.grid(classifier.settings.um, exact=True)
            labels = read_labels(out / picture)
            yield Segmentation(labels, grid, classifier.classes, "classical", classifier.name)
            return
        found = segment_classical(slide, tissue.tissue, classifier, tissue_grid=tissue.grid)
        keep_labels(found, out / picture)
        write_record(out / PIECES, key, {"case": case, "tiles": 0}, home=out, files=[picture])
        yield found

    def tiles(self, out: Path, key: str) -> int:
        """Return 0: a classifier works without tiles."""
        del out, key
        return 0


@lru_cache(maxsize=1)
def _opened(path: Path, digest: str) -> PixelClassifier:
    """Open a classifier once in each process."""
    from radiofib.slides.pixels.classifier import load_classifier

    if hash_file(path) != digest:
        raise ModelError("the classifier has changed since the run began", where=path.name)
    return load_classifier(path)


AnyLabeller = Labeller | ClassicalLabeller
