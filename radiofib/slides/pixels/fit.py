"""Train a pixel classifier on annotated slides, and say how well it does on slides left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from radiofib.errors import Failure, SlideError, UsageError
from radiofib.parallel import effective_workers
from radiofib.provenance import hash_file
from radiofib.slides.pixels.classifier import (
    PixelClassifier,
    PixelReader,
    label_block,
    save_classifier,
)
from radiofib.slides.pixels.examples import UNKNOWN, PixelExamples, read_examples
from radiofib.slides.pixels.features import PixelSettings
from radiofib.slides.qupath.files import AnnotatedSlide, match_annotations
from radiofib.slides.qupath.rasterise import on_grid
from radiofib.slides.reader import open_slide
from radiofib.slides.segmentation import Compartment, SlideClass

__all__ = ["FittedPixels", "fit_pixels"]

_RANK: dict[Compartment, int] = {"lobule": 0, "portal": 1, "other": 2}
_BACKGROUND = SlideClass("background", (128, 128, 128), "background")


@dataclass(frozen=True, eq=False)
class FittedPixels:
    """A trained classifier and how it does.

    Parameters
    ----------
    classifier : PixelClassifier
        Trained on all slides.
    scores : DataFrame
        One row per class: ``class, compartment, annotated_mm2, slides, dice`` and, over the
        slides, ``dice_mean, dice_min``. Dice is that of each slide labelled by a classifier
        trained on the others, on its annotated pixels; NaN with a single slide.
    failures : list of Failure
        Slides that could not be used.
    left_out : dict
        Case -> annotated pixels that are no examples because an artefact lies there, where there
        are some.
    own_mpp : dict
        Case -> um per pixel, across and down, of the slides that say so themselves.
    """

    classifier: PixelClassifier
    scores: pd.DataFrame
    failures: list[Failure]
    left_out: dict[str, int]
    own_mpp: dict[str, tuple[float, float]]


def fit_pixels(
    annotated: Iterable[str | Path],
    out: str | Path,
    *,
    slides: Iterable[str | Path] = (),
    rest: str | None = None,
    mpp: float | None = None,
    settings: PixelSettings | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> FittedPixels:
    """Train a pixel classifier on annotations from QuPath.

    Parameters
    ----------
    annotated : iterable of path
        GeoJSON files, or folders of them. Each object of a class other than ``Tissue``, ``ROI``,
        ``Region*``, ``Ignore*`` and ``Artefact`` is an example of its class, as far as no artefact
        lies on it; lobule needs examples too, or `rest`.
    out : path
        The ``.skops`` file to write.
    slides : iterable of path
        Slides or folders with them; default: beside the GeoJSON files.
    rest : str, optional
        Class of all tissue that carries no other annotation, within the regions if there are
        any: for slides whose tracts were all drawn.
    mpp : float, optional
        um per pixel of slides that do not say.
    settings : PixelSettings, optional
        Resolution, scales, trees.
    progress : callable, optional
        Called with step, number done and number in all.

    Returns
    -------
    FittedPixels

    Raises
    ------
    UsageError
        When nothing is annotated, or less than two classes are.

    Examples
    --------
    >>> fit_pixels([], "classifier.skops")
    Traceback (most recent call last):
    radiofib.errors.UsageError: no annotations are given. Next: name GeoJSON files or a folder of
    them.
    """
    settings = settings or PixelSettings()
    tell = progress or _silent
    pairs, failures = _pairs(annotated, slides)
    examples: list[PixelExamples] = []
    for number, pair in enumerate(pairs, start=1):
        try:
            examples.append(read_examples(pair, settings, rest=rest, mpp=mpp))
        except (SlideError, OSError, MemoryError) as error:
            failures.append(Failure.from_error(error, case=pair.case, step="fit-pixels"))
        tell("slides", number, len(pairs))
    if not examples:
        raise UsageError(
            "no annotated slide can be used",
            found="; ".join(f.reason for f in failures[:3]) or None,
            hint="correct the annotations, or name the slides (--slides)",
        )
    classes = _all_classes(examples)
    facts = {"slides": [[e.pair.case, e.digest] for e in examples], "rest": rest}
    matches = []
    for number, left_out in enumerate(examples if len(examples) > 1 else [], start=1):
        others = [e for e in examples if e is not left_out]
        trained = PixelClassifier(_train(others, classes, settings), classes, settings)
        matches.append(_matches(trained, left_out, mpp))
        tell("left out", number, len(examples))
    scores = _scores(examples, matches, classes)
    dice = {
        n: None if math.isnan(d) else d
        for n, d in zip(scores["class"], scores["dice"], strict=True)
    }
    forest = _train(examples, classes, settings)
    draft = PixelClassifier(forest, classes, settings, facts=facts | {"dice_left_out": dice})
    out = Path(out)
    save_classifier(draft, out)
    name = f"{out.name} {hash_file(out)[:8]}"
    classifier = PixelClassifier(forest, classes, settings, name, draft.facts)
    return FittedPixels(
        classifier,
        scores,
        sorted(failures, key=lambda f: f.case),
        {e.pair.case: e.left_out for e in examples if e.left_out},
        {e.pair.case: e.own_mpp for e in examples if e.own_mpp is not None},
    )


def _silent(_step: str, _done: int, _total: int) -> None:
    """Report nothing."""


def _pairs(
    annotated: Iterable[str | Path], slides: Iterable[str | Path]
) -> tuple[list[AnnotatedSlide], list[Failure]]:
    given = [Path(p) for p in annotated]
    if not given:
        raise UsageError("no annotations are given", hint="name GeoJSON files or a folder of them")
    if missing := [p for p in given if not p.exists()]:
        raise UsageError("no such file or folder", where=str(missing[0]), hint="check the path")
    places = [Path(p) for p in slides]
    folders = dict.fromkeys(p if p.is_dir() else p.parent for p in given)
    pairs: dict[Path, AnnotatedSlide] = {}
    failures: dict[tuple[str, str], Failure] = {}
    for folder in folders:
        whole = folder in given
        found, failed = match_annotations(folder, places)
        for pair in found:
            if whole or any(p.absolute() == pair.annotations.absolute() for p in given):
                pairs[pair.annotations.absolute()] = pair
        labels = {p.name.split(".geojson")[0] for p in given}
        for failure in failed:
            if whole or failure.case in labels:
                failures[failure.case, failure.reason] = failure
    # A slide that fits in one folder is no failure of the others.
    fitting = {pair.slide.stem for pair in pairs.values()}
    ordered = sorted(pairs.values(), key=lambda p: (p.case, p.annotations.name))
    return ordered, [f for f in failures.values() if f.case not in fitting]


def _all_classes(examples: Sequence[PixelExamples]) -> tuple[SlideClass, ...]:
    named: dict[str, SlideClass] = {}
    for one in (c for example in examples for c in example.classes):
        named.setdefault(one.name, one)
    if len(named) < 2:
        raise UsageError(
            "a classifier needs examples of two classes or more",
            found=", ".join(named) or "none",
            hint="annotate lobule as well, or name the class of all other tissue (--rest Lobule)",
        )
    background = named.pop(_BACKGROUND.name, _BACKGROUND)
    return (background, *sorted(named.values(), key=lambda c: (_RANK[c.compartment], c.name)))


def _train(
    examples: Sequence[PixelExamples], classes: Sequence[SlideClass], settings: PixelSettings
) -> RandomForestClassifier:
    parts = [
        (example.features[one.name], number)
        for example in examples
        for number, one in enumerate(classes)
        if one.name in example.features
    ]
    forest = RandomForestClassifier(
        n_estimators=settings.trees,
        max_depth=settings.depth,
        min_samples_leaf=settings.leaf,
        class_weight="balanced_subsample",
        random_state=settings.seed,
        n_jobs=effective_workers(None),
    )
    forest.fit(
        np.concatenate([part for part, _ in parts]),
        np.concatenate([np.full(len(part), number, np.int64) for part, number in parts]),
    )
    # Trees grow the same on any number of threads; their votes would be summed in any order.
    return forest.set_params(n_jobs=1)


def _matches(
    classifier: PixelClassifier, example: PixelExamples, mpp: float | None
) -> NDArray[np.int64]:
    """Return pixels rightly labelled, labelled and annotated of each class, shape (3, n)."""
    counts = np.zeros((3, len(classifier.classes)), dtype=np.int64)
    known = example.numbers(classifier.classes)
    inside = on_grid(example.tissue.mask, example.tissue_grid, example.grid)
    with open_slide(example.pair.slide, mpp=mpp or example.pair.mpp) as slide:
        reader = PixelReader.of(
            slide, example.grid, example.tissue, example.tissue_grid, classifier.settings
        )
        for frame in reader.blocks_with(known != UNKNOWN):
            truth = known[frame[0] : frame[2], frame[1] : frame[3]]
            given = label_block(reader, classifier, inside, frame)[truth != UNKNOWN]
            truth = truth[truth != UNKNOWN]
            for row, numbers in enumerate((truth[given == truth], given, truth)):
                counts[row] += np.bincount(numbers, minlength=counts.shape[1])
    return counts


def _scores(
    examples: Sequence[PixelExamples],
    matches: Sequence[NDArray[np.int64]],
    classes: Sequence[SlideClass],
) -> pd.DataFrame:
    rows = []
    for number, one in enumerate(classes):
        cells = [(np.count_nonzero(e.numbers(classes) == number), e.grid) for e in examples]
        own = [n * grid.cell_um2 / 1e6 for n, grid in cells if n]
        if not own:
            continue
        counts = np.array([m[:, number] for m in matches]).reshape(-1, 3)
        each = [_dice(*count) for count in counts if count[2] > 0]
        rows.append(
            {
                "class": one.name,
                "compartment": one.compartment,
                "annotated_mm2": math.fsum(own),
                "slides": len(own),
                "dice": _dice(*counts.sum(axis=0)) if each else math.nan,
                "dice_mean": float(np.mean(each)) if each else math.nan,
                "dice_min": min(each) if each else math.nan,
            }
        )
    return pd.DataFrame(rows)


def _dice(both: int, labelled: int, annotated: int) -> float:
    return float(2 * both / (labelled + annotated)) if labelled + annotated else math.nan
