"""How far the two engines are apart: features, matrices, filtered voxels, grey levels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from radiofib.engines import ExtractionConfig
from radiofib.engines.columns import image_tokens
from radiofib.engines.extraction import flatten
from radiofib.features.matrices import Matrices
from radiofib.registry import natural_scale, parse_column
from radiofib.roi import Roi
from tests.equality.watch import FAMILIES, Image, Watched, counts_of, native, reference

__all__ = ["BOUND", "LOG_BOUND", "LOG_IMAGE", "NGTDM_BOUND", "Apart", "compare", "judge"]

#: Features: |ours - theirs| <= BOUND max(|theirs|, natural scale).
BOUND = 1e-9
#: Features of the recursive LoG, whose support has no end.
LOG_BOUND = 1e-6
#: Voxels filtered by LoG, in shares of the range of the region.
LOG_IMAGE = 1e-8
#: Sums of the neighbouring grey tone differences, relative.
NGTDM_BOUND = 1e-12


@dataclass
class Apart:
    """Differences of one image type, over any number of regions.

    Parameters
    ----------
    values : int
        Features compared.
    undefined : int
        Features that neither side defines.
    largest, feature : float, str
        Largest |ours - theirs| / max(|theirs|, natural scale), and of which column.
    by_scale, scaled : int, set of str
        Values that are equal by their natural scale alone: more than the bound apart in shares
        of the value, which is close to 0. And which features these are.
    matrices, counts, bits : int
        Count matrices compared, numbers in them, and numbers that differ.
    ngtdm : float
        Largest relative difference of a sum of tone differences.
    image : float
        Largest difference of a filtered voxel in shares of the range of the region.
    voxels, bins : int
        Filtered voxels, and how many of them are in another bin.
    wrong : list of str
        What is out of bound.
    """

    values: int = 0
    undefined: int = 0
    largest: float = 0.0
    feature: str = ""
    by_scale: int = 0
    scaled: set[str] = field(default_factory=set)
    matrices: int = 0
    counts: int = 0
    bits: int = 0
    ngtdm: float = 0.0
    image: float = 0.0
    voxels: int = 0
    bins: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Apart) -> None:
        """Take in the differences of another region."""
        for name in (
            *("values", "undefined", "by_scale"),
            *("matrices", "counts", "bits", "voxels", "bins"),
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.ngtdm, self.image = max(self.ngtdm, other.ngtdm), max(self.image, other.image)
        if other.largest > self.largest:
            self.largest, self.feature = other.largest, other.feature
        self.scaled |= other.scaled
        self.wrong += other.wrong


def compare(roi: Roi, config: ExtractionConfig) -> dict[str, Apart]:
    """Run both engines on a region and return their differences by image type.

    Shape counts as part of the original image.
    """
    ours, theirs = native(roi, config), reference(roi, config)
    found = {name: Apart() for name in config.image_types}
    first = next(iter(found.values()))
    if list(ours.features.values) != list(theirs.features.values):
        first.wrong.append("the columns differ")
        return found
    if [i.token for i in ours.images] != [i.token for i in theirs.images]:
        first.wrong.append("the images differ")
        return found
    types = _types(roi, config)
    for column, value in ours.features.values.items():
        apart = found.get(types.get(column.split("_")[1], ""), first)
        if np.isnan(value) and np.isnan(theirs.features.values[column]):
            apart.undefined += 1
        else:
            judge(apart, column, value, roi, theirs)
    for what in ("missing", "flags"):
        mine, yours = getattr(ours.features, what), getattr(theirs.features, what)
        for column in set(mine) ^ set(yours):
            first.wrong.append(f"{column}: {what} differ")
    if ours.features.flags != theirs.features.flags:
        first.wrong.append("flags differ")
    for mine_image, their_image in zip(ours.images, theirs.images, strict=True):
        apart = found[their_image.image_type]
        _image(apart, mine_image, their_image)
        alpha = config.settings_for(their_image.image_type).gldm_a
        _matrices(apart, mine_image, their_image, alpha)
    return found


def _types(roi: Roi, config: ExtractionConfig) -> dict[str, str]:
    """Return the image type of every token a column can have."""
    return {
        token: name
        for name, settings in config.ordered_image_types
        for token in image_tokens(name, flatten(settings, roi.ndim), roi.ndim)
    }


def _size(theirs: Watched, roi: Roi) -> float:
    """Return the largest diameter of a region in mm, of its box where it has no shape."""
    for column, value in theirs.features.values.items():
        if column.endswith(("_maximum_3d_diameter", "_maximum_diameter")) and np.isfinite(value):
            return value
    sides = [np.ptp(where) + 1 for where in np.nonzero(roi.mask)]
    return float(np.linalg.norm(np.multiply(sides, roi.spacing_mm)))


def _scale(column: str, roi: Roi, reference: Watched) -> float:
    token = column.split("_")[1]
    grey, levels, voxels = 0.0, 1, roi.n_voxels
    for image in reference.images:
        if image.token == token and image.values.size:
            grey, voxels = float(np.abs(image.values).max()), image.values.size
            levels = 1 if image.levels is None else int(image.levels.max())
    return natural_scale(
        parse_column(column).spec, grey=grey, levels=levels, voxels=voxels, mm=_size(reference, roi)
    )


def judge(apart: Apart, column: str, ours: float, roi: Roi, reference: Watched) -> None:
    """Hold one value against the reference, in shares of the value or of its natural scale."""
    theirs = reference.features.values[column]
    apart.values += 1
    if np.isnan(ours) or np.isnan(theirs):
        apart.wrong.append(f"{column}: {ours!r} and not {theirs!r}")
        return
    difference = abs(ours - theirs)
    if difference == 0:
        return
    scale = _scale(column, roi, reference)
    share = difference / max(abs(theirs), scale) if theirs or scale else np.inf
    if share > apart.largest:
        apart.largest, apart.feature = share, column
    bound = LOG_BOUND if column.split("_")[1].startswith("log") else BOUND
    if difference > bound * abs(theirs):
        apart.by_scale += 1
        apart.scaled.add(parse_column(column).spec.key)
    if share > bound:
        apart.wrong.append(f"{column}: {ours!r} and not {theirs!r}, scale {scale:.3g}")


def _image(apart: Apart, ours: Image, theirs: Image) -> None:
    apart.voxels += theirs.values.size
    if ours.values.shape != theirs.values.shape:
        apart.wrong.append(
            f"{theirs.token}: {ours.values.size} voxels and not {theirs.values.size}"
        )
        return
    mine, yours = ours.values.astype(np.float64), theirs.values.astype(np.float64)
    if not np.all(np.isfinite(yours)):
        if not np.array_equal(np.isfinite(mine), np.isfinite(yours)):
            apart.wrong.append(f"{theirs.token}: other voxels are not finite")
        return
    difference, width = float(np.abs(mine - yours).max()), float(np.ptp(yours))
    share = difference / (width or float(np.abs(yours).max()) or 1.0)
    apart.image = max(apart.image, share)
    bound = {"LoG": LOG_IMAGE, "LBP3D": BOUND}.get(theirs.image_type, 0.0)
    if share > bound:
        apart.wrong.append(f"{theirs.token}: voxels are {share:.2g} of the range apart")
    if ours.levels is not None and theirs.levels is not None:
        moved = int(np.count_nonzero(ours.levels != theirs.levels))
        apart.bins += moved
        if moved:
            apart.wrong.append(f"{theirs.token}: {moved} voxels in another bin")


def _matrices(apart: Apart, ours: Image, theirs: Image, alpha: int) -> None:
    if theirs.levels is None:
        return
    mine: Matrices = ours.matrices["all"]
    present = np.unique(theirs.levels) - 1
    if present.tolist() != (mine.levels.grey_levels - 1).tolist():
        apart.wrong.append(f"{theirs.token}: other grey levels occur")
        return
    for family in FAMILIES:
        if family not in theirs.matrices:
            continue
        whole = theirs.matrices[family]
        apart.matrices += 1
        apart.counts += whole.size
        if family == "ngtdm":
            _sums(apart, theirs.token, mine.ngtdm(), whole[present])
            continue
        counts, columns = counts_of(mine, family, alpha)
        if int(columns.max(initial=0)) >= whole.shape[1]:
            apart.bits += counts.size
            apart.wrong.append(f"{theirs.token}: {family} is larger")
            continue
        rows = np.ix_(present, present if family == "glcm" else columns)
        differing = int(np.count_nonzero(counts != whole[rows]))
        # What lies outside the rows and columns we keep must be empty.
        differing += round(abs(float(whole.sum()) - float(whole[rows].sum())))
        apart.bits += differing
        if differing:
            apart.wrong.append(f"{theirs.token}: {differing} counts of {family} differ")


def _sums(apart: Apart, token: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    differing = int(np.count_nonzero(ours[:, [0, 2]] != theirs[:, [0, 2]]))
    apart.bits += differing
    difference = np.abs(ours[:, 1] - theirs[:, 1])
    size = np.abs(theirs[:, 1])
    share = float(np.max(difference / np.where(size > 0, size, 1.0), initial=0.0))
    apart.ngtdm = max(apart.ngtdm, share)
    if differing or share > NGTDM_BOUND:
        apart.wrong.append(f"{token}: ngtdm differs by {share:.2g}, {differing} counts")
