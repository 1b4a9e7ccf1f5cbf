"""Labels of a whole slide by a network: read tiles, ask, stitch; nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import SlideError
from radiofib.feed import in_order
from radiofib.slides.labels.segmenter import Segmenter
from radiofib.slides.labels.stitch import blended_labels, stitched_labels
from radiofib.slides.labels.store import LabelStore
from radiofib.slides.labels.tiles import TileGroup, Tiling, group_tiles, tiles_on_tissue
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.segmentation import Segmentation
from radiofib.slides.tissue.clean import CleanTissue, clean_tissue

__all__ = ["SlidePlan", "plan_slide", "segment_slide"]

_READERS = 2
#: A slide may be this many times coarser than the network wants; beyond it shows it nothing.
MOST_ENLARGED = 2.0

Tile = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class SlidePlan:
    """Which tiles of a slide a network is asked about.

    Parameters
    ----------
    grid : Grid
        Pixels at the resolution of the network.
    tiling : Tiling
        Tiles on it.
    groups : tuple of TileGroup
        In the order they are worked on.
    """

    grid: Grid
    tiling: Tiling
    groups: tuple[TileGroup, ...]


def plan_slide(slide: Slide, segmenter: Segmenter, tissue: CleanTissue | None = None) -> SlidePlan:
    """Find the tiles that touch the tissue of a slide.

    Parameters
    ----------
    slide : Slide
        Open.
    segmenter : Segmenter
        From :func:`~radiofib.slides.labels.segmenter.open_segmenter`.
    tissue : CleanTissue, optional
        Its tissue; default: found here. Tiles on artefacts that lie on tissue are asked too: who
        looks at the slide may say that they are none.

    Raises
    ------
    SlideError
        When pixels cannot be read, the slide is not brightfield, holds no tissue, or is more than
        :data:`MOST_ENLARGED` times coarser than the network wants.
    """
    if min(slide.mpp) > MOST_ENLARGED * segmenter.um:
        raise SlideError(
            "the slide is too coarse for the model",
            where=slide.name,
            expected=f"at most {MOST_ENLARGED * segmenter.um:g} um per pixel",
            found=f"{min(slide.mpp):g}",
            hint="scan it at a higher magnification, or use a model for this one",
        )
    tissue = tissue or clean_tissue(slide)
    grid = slide.grid(segmenter.um, exact=True)
    tiling = Tiling(grid.width, grid.height, segmenter.tile, segmenter.stride)
    margin = segmenter.settings.margin_um
    chosen = tiles_on_tissue(tissue.whole, tissue.grid, grid, tiling, margin_um=margin)
    return SlidePlan(grid, tiling, group_tiles(chosen, tiling))


def segment_slide(
    slide: Slide,
    segmenter: Segmenter,
    folder: Path,
    *,
    key: str,
    tissue: CleanTissue | None = None,
    threads: int = 1,
    recolour: Callable[[Tile], Tile] | None = None,
) -> Segmentation:
    """Label a slide by a network, going on where an earlier run under the same key ended.

    Two threads read groups of tiles ahead; `threads` others run the network, each one tile at a
    time with one thread inside, so that a tile's labels depend on that tile alone; the caller's
    thread stitches in the order of the groups. Labels are therefore the same for any number of
    threads, and after any interruption.

    Parameters
    ----------
    slide : Slide
        Open.
    segmenter : Segmenter
        From :func:`~radiofib.slides.labels.segmenter.open_segmenter`.
    folder : path
        Where labels grow, ``<key>.labels`` with its record ``<key>.done``.
    key : str
        Hash of all that the labels depend on.
    tissue : CleanTissue, optional
        Of the slide; default: found here.
    threads : int
        Tiles at once.
    recolour : callable, optional
        Gives the tile that the network sees for one of the slide, such as a
        :class:`~radiofib.slides.tissue.stain_norm.StainMap`.

    Returns
    -------
    Segmentation
        Its labels are the raw file mapped into memory; delete the files when it is kept elsewhere.

    Raises
    ------
    SlideError
        When pixels cannot be read, there is no tissue, or the disk is full.
    ModelError
        When the network fails.
    """
    plan = plan_slide(slide, segmenter, tissue)
    with LabelStore(
        folder,
        key,
        (plan.grid.height, plan.grid.width),
        [group.box for group in plan.groups],
        [len(group.tiles) for group in plan.groups],
    ) as store:
        for number, found in _asked(slide, segmenter, plan, store.finished, threads, recolour):
            group = plan.groups[number]
            stitch: Any = blended_labels if segmenter.blends else stitched_labels
            store.write(number, stitch(group, plan.tiling, found))
        labels = store.labels()
    return Segmentation(labels, plan.grid, segmenter.classes, "model", segmenter.name)


@dataclass(frozen=True, eq=False)
class _Part:
    """Tiles of one group that the network is given at once."""

    group: int
    tiles: list[Tile]


def _asked(
    slide: Slide,
    segmenter: Segmenter,
    plan: SlidePlan,
    first: int,
    threads: int,
    recolour: Callable[[Tile], Tile] | None,
) -> Iterator[tuple[int, list[NDArray[Any]]]]:
    """Yield the number of each group from `first` on with what the network says on its tiles."""

    def ask(part: _Part) -> list[NDArray[Any]]:
        seen = part.tiles if recolour is None else [recolour(tile) for tile in part.tiles]
        return segmenter.run(seen)

    # A GPU does one thing at a time; threads would only hold its memory.
    threads = 1 if segmenter.on_gpu else threads
    found: list[NDArray[Any]] = []
    for ready in in_order(
        _parts(slide, segmenter, plan, first), ask, threads=threads, ahead=2 * threads
    ):
        if ready.value is None:
            raise ready.error or SlideError("a tile was lost", where=slide.name)
        found += ready.value
        number = ready.item.group
        if len(found) == len(plan.groups[number].tiles):
            yield number, found
            found = []


def _parts(slide: Slide, segmenter: Segmenter, plan: SlidePlan, first: int) -> Iterator[_Part]:
    """Yield the tiles of the groups from `first` on, while the next groups are read."""

    def read(number: int) -> list[Tile]:
        return _read_tiles(slide, plan, plan.groups[number])

    numbers = range(first, len(plan.groups))
    for ready in in_order(numbers, read, threads=_READERS, ahead=_READERS):
        if ready.value is None:
            raise ready.error or SlideError("a tile was lost", where=slide.name)
        for start in range(0, len(ready.value), segmenter.batch):
            yield _Part(ready.item, ready.value[start : start + segmenter.batch])


def _read_tiles(slide: Slide, plan: SlidePlan, group: TileGroup) -> list[Tile]:
    """Read all tiles of a group at once; beyond the slide they have the colour of bare ground."""
    left, top, right, bottom = group.reach(plan.tiling)
    pixels = slide.read_large(plan.grid, left, top, right - left, bottom - top)
    side, stride = plan.tiling.tile, plan.tiling.stride
    tiles = []
    for row, column in group.tiles:
        y, x = row * stride - top, column * stride - left
        part = pixels[y : y + side, x : x + side]
        slide.keep(plan.grid, left + x, top + y, part)
        if part.shape[:2] != (side, side):
            whole = np.empty((side, side, 3), dtype=np.uint8)
            whole[...] = slide.ground
            whole[: part.shape[0], : part.shape[1]] = part
            part = whole
        tiles.append(part)
    return tiles
