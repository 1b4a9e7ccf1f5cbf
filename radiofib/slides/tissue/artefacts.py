"""What lies on a slide besides good tissue: pen, dust, folds, bubbles, dark ground, blur."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib.slides.tissue.find import channel_extremes, channel_mean, optical_density
from radiofib.slides.tissue.settings import ARTEFACT_KINDS, ArtefactSettings

__all__ = ["Artefacts", "find_artefacts"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

#: Label of what someone outlined as an artefact of no kind that is looked for.
OTHER_KIND = 1 + len(ARTEFACT_KINDS)
#: Twice the same tissue has its colour; dense epithelium or a tract among pale tissue takes up
#: more of the red alone. The factors of the channels differ no more than this.
_FOLD_HUE = 1.25
#: The densest part in this many stands for tissue without gaps, in a fold and beside it alike:
#: nuclei make cells uneven, and the densest ones beside it are denser than the mean fold is.
_SOLID_PART = 3
#: Gaps in the rim of a bubble up to twice this many cells are bridged.
_GAP = 3
_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, eq=False)
class Artefacts:
    """Artefacts on the tissue grid.

    Parameters
    ----------
    labels : ndarray of uint8
        0 where there is none, otherwise 1 + position in :data:`ARTEFACT_KINDS`; one more is an
        artefact of another kind, which someone outlined.

    Examples
    --------
    >>> found = Artefacts(np.array([[0, 1], [2, 2]], np.uint8))
    >>> found.mask("dust").sum(), found.any.sum()
    (np.int64(2), np.int64(3))
    """

    labels: Bytes

    @classmethod
    def none(cls, like: Bools) -> Self:
        """Return no artefacts on the grid of a mask."""
        return cls(np.zeros(like.shape, dtype=np.uint8))

    @property
    def any(self) -> Bools:
        """Where there is an artefact of any kind."""
        covered: Bools = self.labels > 0
        return covered

    @property
    def other(self) -> Bools:
        """Where there is an artefact of no kind that is looked for."""
        chosen: Bools = self.labels == OTHER_KIND
        return chosen

    def mask(self, kind: str) -> Bools:
        """Return where one kind lies."""
        chosen: Bools = self.labels == 1 + ARTEFACT_KINDS.index(kind)
        return chosen

    def added(self, kind: str, mask: Bools) -> Artefacts:
        """Return these artefacts and one more kind; what was there before stays."""
        known = kind in ARTEFACT_KINDS
        label = np.uint8(1 + ARTEFACT_KINDS.index(kind) if known else OTHER_KIND)
        return Artefacts(np.where(mask & ~self.any, label, self.labels))

    def over(self, other: Artefacts) -> Artefacts:
        """Return these artefacts and, where there are none, those of another."""
        return Artefacts(np.where(self.any, self.labels, other.labels))

    def spread(self, mask: Bools) -> Artefacts:
        """Return these artefacts and a mask, each cell of it of the kind of the nearest."""
        bare = mask & ~self.any
        if not bare.any():
            return self
        rows, columns = ndi.distance_transform_edt(
            ~self.any, return_distances=False, return_indices=True
        )
        return Artefacts(np.where(bare, self.labels[rows, columns], self.labels))


def find_artefacts(
    rgb: Bytes,
    stained: Bools,
    white: tuple[float, float, float],
    *,
    um: tuple[float, float],
    settings: ArtefactSettings | None = None,
) -> Artefacts:
    """Find pen, dust, dark ground, bubbles and folds on a low-resolution picture.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
        The slide.
    stained : ndarray of bool
        What differs from glass, as :func:`radiofib.slides.tissue.find.find_tissue` finds it.
    white : tuple of float
        Grey level of bare glass.
    um : tuple of float
        Width and height of a pixel in um.
    settings : ArtefactSettings, optional
        What counts.

    Notes
    -----
    All rules read optical density, which is proportional to what lies in the light path.

    - *Ink*: haematoxylin and eosin take up most light in green. Ink that takes up most in red
      (blue, green) or hardly any in red and as much in blue as in green (red ink) cannot be
      theirs; black ink takes up much everywhere.
    - *Dust* and *dark ground* (padding, edges of the slide): dark without colour; dust is small,
      dark ground reaches the border of the picture.
    - *Bubble*: a dark colourless rim, closed and round, and what lies in it.
    - *Fold*: density in all three channels at least `fold_factor` times that of the solid
      tissue beside it, in a narrow long band. Nuclei crowded together are dark too, but in red
      more than in blue.

    Examples
    --------
    >>> picture = np.full((60, 60, 3), 240, np.uint8)
    >>> picture[20:40, 10:50] = (40, 60, 150)
    >>> ink = find_artefacts(picture, picture[..., 0] < 200, (240.0,) * 3, um=(8.0, 8.0))
    >>> int(ink.mask("pen").sum())
    800
    """
    settings = settings or ArtefactSettings()
    density = optical_density(rgb, white)
    least = channel_extremes(density)[0]
    cell = um[0] * um[1]
    found = Artefacts.none(stained)
    neutral = _neutral(density)
    steps: dict[str, Callable[[], Bools]] = {
        "bubble": lambda: _bubbles(neutral, cell, settings),
        "pen": lambda: _pen(density, neutral & (least >= 0.5), neutral, um, settings),
        "dark ground": lambda: _dark_ground(neutral & (least >= 0.3), cell, settings),
        "dust": lambda: _dust(least, neutral, stained, cell, settings),
    }
    for kind, find in steps.items():
        if kind in settings.kinds:
            found = found.added(kind, find())
    if "fold" in settings.kinds:
        found = found.added("fold", _folds(density, stained & ~found.any, um, settings))
    return found


def _neutral(density: Floats) -> Bools:
    mean, (low, high) = channel_mean(density), channel_extremes(density)
    dark: Bools = (mean >= 0.1) & (high - low <= 0.42 * mean)
    return dark


def _large(mask: Bools, cells: float) -> Bools:
    labels, count = ndi.label(mask, structure=_EIGHT)
    keep = np.bincount(labels.ravel(), minlength=count + 1) >= cells
    keep[0] = False
    large: Bools = keep[labels]
    return large


def _regrown(core: Bools, within: Bools) -> Bools:
    """Return the parts of `within` that touch `core`."""
    grown: Bools = ndi.binary_propagation(core, mask=within | core, structure=_EIGHT)
    return grown


def _disc(radius: float) -> Bools:
    reach = int(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc: Bools = y**2 + x**2 <= radius**2 + 0.5
    return disc


def _pen(
    density: Floats,
    black: Bools,
    neutral: Bools,
    um: tuple[float, float],
    settings: ArtefactSettings,
) -> Bools:
    red, green, blue = (density[..., channel] for channel in range(3))
    reach = max(1.0, settings.min_pen_width_um / 2 / max(um) - 0.5)
    solid, thin = black, np.zeros_like(black)
    if settings.coloured_ink:
        # Nothing in haematoxylin and eosin is blue or green: even a thin line is ink. Blood and
        # muscle come near to red ink.
        thin = (red >= 1.15 * green) & (red >= 1.1 * blue) & (red >= 0.3)
        solid = solid | ((red <= 0.2 * green) & (blue >= 0.8 * green) & (green >= 0.5))
    core = _opened(solid, _disc(reach)) | _opened(thin, _disc(reach / 2))
    core = _large(core, settings.min_pen_um2 / (um[0] * um[1]))
    core[_at_border(neutral & core)] = False
    if not core.any():
        return core
    faint = neutral
    if settings.coloured_ink:
        # Where ink shares a cell with glass or tissue, its colour is nearer to theirs.
        faint = faint | ((red >= green) & (red >= blue) & (red >= 0.08))
        faint = faint | ((red <= 0.3 * green) & (blue >= 0.7 * green) & (green >= 0.25))
    return _regrown(core, faint & _near(core, 3))


def _opened(mask: Bools, element: Bools) -> Bools:
    opened: Bools = ndi.binary_opening(mask, element) if mask.any() else mask
    return opened


def _near(mask: Bools, cells: int) -> Bools:
    near: Bools = ndi.binary_dilation(mask, _EIGHT, iterations=cells)
    return near


def _at_border(mask: Bools) -> Bools:
    labels, count = ndi.label(mask, structure=_EIGHT)
    touching = np.zeros(count + 1, dtype=bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        touching[edge] = True
    touching[0] = False
    chosen: Bools = touching[labels]
    return chosen


def _dark_ground(dark: Bools, cell: float, settings: ArtefactSettings) -> Bools:
    ground = _large(_at_border(dark), settings.min_pen_um2 / cell)
    return _near(ground, 1) if ground.any() else ground


def _dust(
    least: Floats, neutral: Bools, stained: Bools, cell: float, settings: ArtefactSettings
) -> Bools:
    labels, count = ndi.label(neutral, structure=_EIGHT)
    size = np.bincount(labels.ravel(), minlength=count + 1) * cell
    darkest = np.zeros(count + 1)
    np.maximum.at(darkest, labels[neutral], least[neutral])
    # Clumped nuclei and pigment are dark as well: on tissue, only what is black is dust.
    on_tissue = np.bincount(labels.ravel(), stained.ravel(), minlength=count + 1) > 0
    chosen = (size < settings.min_pen_um2) & (darkest >= np.where(on_tissue, 0.5, 0.15))
    chosen[0] = False
    dust: Bools = chosen[labels]
    return dust


def _bubbles(neutral: Bools, cell: float, settings: ArtefactSettings) -> Bools:
    found = np.zeros_like(neutral)
    least = settings.min_bubble_um2 / cell
    # Over the edge of tissue the rim is of a mixed colour and has gaps.
    rims, _ = ndi.label(np.pad(ndi.binary_dilation(neutral, _disc(_GAP)), 1), structure=_EIGHT)
    dark = np.pad(neutral, 1)
    for number, place in enumerate(ndi.find_objects(rims), start=1):
        if rims[place].size < least:
            continue
        filled = ndi.binary_fill_holes(np.pad(rims[place] == number, 1))
        # Specks that hang on the rim go.
        filled = ndi.binary_opening(filled, _disc(0.25 * least**0.5 + _GAP))[1:-1, 1:-1]
        discs, _ = ndi.label(filled)
        for which, box in enumerate(ndi.find_objects(discs), start=1):
            disc = ndi.binary_erosion(np.pad(discs[box] == which, 1), _disc(_GAP))[1:-1, 1:-1]
            if not disc.any():
                continue
            height, width = (np.ptp(np.nonzero(disc.any(axis=k))[0]) + 1 for k in (1, 0))
            area = int(disc.sum())
            roundness = area / (np.pi / 4 * height * width)
            rim = dark[place][box] & disc
            slim = 0.5 <= height / width <= 2
            if area >= least and slim and 0.85 <= roundness <= 1.15 and rim.sum() < 0.6 * area:
                window = np.zeros(discs.shape, dtype=bool)
                window[box] = disc
                whole = np.zeros(rims.shape, dtype=bool)
                whole[place] = window
                found |= whole[1:-1, 1:-1]
    return found


def _folds(
    density: Floats, tissue: Bools, um: tuple[float, float], settings: ArtefactSettings
) -> Bools:
    if not tissue.any():
        return np.zeros_like(tissue)
    factor = np.full(tissue.shape, np.inf, dtype=np.float32)
    for channel in range(3):
        plane = np.where(tissue, density[..., channel], 0)
        typical = max(float(np.median(plane[tissue])), 0.02)
        np.minimum(factor, ndi.uniform_filter(plane, 3) / np.float32(typical), out=factor)
    dark = ndi.binary_closing(tissue & (factor >= settings.fold_factor), _EIGHT)
    dark = ndi.binary_opening(dark, _EIGHT)
    rim = tissue & (factor >= (1 + settings.fold_factor) / 2) & _near(dark, 2)
    dark = ndi.binary_closing(_regrown(dark, rim), _EIGHT)
    dark = _large(dark, settings.min_fold_um2 / (um[0] * um[1]))
    labels, _ = ndi.label(dark, structure=_EIGHT)
    found = np.zeros_like(tissue)
    for number, place in enumerate(ndi.find_objects(labels), start=1):
        piece = np.pad(labels[place] == number, 1)
        thick = 2 * float(ndi.distance_transform_edt(piece, sampling=um[::-1]).max())
        area = int(piece.sum()) * um[0] * um[1]
        long = thick <= settings.max_fold_width_um and area >= 2 * thick**2
        if long and _is_double(labels, number, place, density, tissue, settings):
            found[place] |= piece[1:-1, 1:-1]
    return found & tissue


def _solid(cells: Floats) -> Floats:
    """Return the mean of the densest part of some cells."""
    total = cells.sum(axis=1)
    mean: Floats = cells[total >= np.quantile(total, 1 - 1 / _SOLID_PART)].mean(axis=0)
    return mean


def _is_double(
    labels: NDArray[np.int32],
    number: int,
    place: tuple[slice, slice],
    density: Floats,
    tissue: Bools,
    settings: ArtefactSettings,
) -> bool:
    """Tell whether a dark band is twice the solid tissue beside it, in its colour."""
    around = tuple(slice(max(part.start - 8, 0), part.stop + 8) for part in place)
    piece = labels[around] == number
    beside = tissue[around] & _near(piece, 8) & ~_near(labels[around] > 0, 2)
    if beside.sum() < 0.3 * piece.sum():
        return False
    # Of fatty tissue most cells are partly vacuole: a portal tract is no fold for having none.
    factor = _solid(density[around][piece]) / np.maximum(_solid(density[around][beside]), 0.01)
    return bool(factor.min() >= settings.fold_factor and factor.max() <= _FOLD_HUE * factor.min())
