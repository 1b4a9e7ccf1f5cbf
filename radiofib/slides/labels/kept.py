"""Labels of a slide as a picture that says by itself what its values stand for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from radiofib.slides.labels.files import read_labels, read_note, write_labels
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.segmentation import Segmentation, SlideClass

__all__ = ["LABELS", "keep_labels", "kept_labels", "kept_names"]

#: Folder under the output folder with one picture of labels for each slide.
LABELS = "labels"


def keep_labels(found: Segmentation, path: Path) -> None:
    """Write labels as a picture, whole or not at all."""
    facts = {
        "classes": [[c.name, list(c.color), c.compartment] for c in found.classes],
        "maker": found.maker,
        "source": found.source,
        "step": [found.grid.step_x, found.grid.step_y],
    }
    temporary = path.with_name(f".{path.name}.part")
    colors = [c.color for c in found.classes]
    um = (found.grid.um_x, found.grid.um_y)
    write_labels(temporary, found.labels, colors, um, note=json.dumps(facts, sort_keys=True))
    temporary.replace(path)


def kept_labels(path: Path, slide: Slide) -> Segmentation | None:
    """Read labels that :func:`keep_labels` wrote, with all that was known of them.

    Parameters
    ----------
    path : Path
        The ``.png``.
    slide : Slide
        Whose labels they are.

    Returns
    -------
    Segmentation or None
        None when the file is missing, was written by something else, or is of a slide of another
        size.

    Raises
    ------
    SlideError
        When the picture is damaged.
    """
    note = read_note(path)
    if note is None:
        return None
    facts: dict[str, Any] = json.loads(note)
    classes = tuple(SlideClass(name, tuple(color), kind) for name, color, kind in facts["classes"])
    labels = read_labels(path)
    height, width = labels.shape
    step_x, step_y = facts["step"]
    if (width, height) != (int(slide.size[0] / step_x), int(slide.size[1] / step_y)):
        return None
    grid = Grid(width, height, step_x, step_y, step_x * slide.mpp[0], step_y * slide.mpp[1])
    return Segmentation(labels, grid, classes, facts["source"], facts["maker"])


def kept_names(path: Path) -> tuple[str, ...]:
    """Return the names of the classes of a picture of labels, empty where it names none.

    Examples
    --------
    >>> kept_names(Path("no-such.png"))
    ()
    """
    try:
        facts = json.loads(read_note(path) or "{}")
        return tuple(str(name) for name, *_ in facts.get("classes", ()))
    except (ValueError, TypeError, AttributeError):  # the note of something else
        return ()
