"""The region that is measured: without lesion, capsule, vessels and ducts, and large enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import MaskError
from radiofib.images.image import Image
from radiofib.preprocess.hygiene.erosion import eroded
from radiofib.preprocess.hygiene.settings import RegionHygiene, VesselSettings
from radiofib.preprocess.hygiene.vessels import find_vessels

__all__ = ["CleanRegion", "clean_region"]


@dataclass(frozen=True, eq=False)
class CleanRegion:
    """What is left of a region, and what was taken out.

    Parameters
    ----------
    mask : ndarray of bool
        What is left.
    excluded : dict of str to ndarray of bool
        What each step took, in order: ``lesion``, ``capsule``, ``vessels``, ``bile_ducts``.
        The parts do not overlap; together with `mask` they are the region as given.
    notes : tuple of str
        What was done, with volumes.
    """

    mask: NDArray[np.bool_]
    excluded: dict[str, NDArray[np.bool_]]
    notes: tuple[str, ...]


def clean_region(
    image: Image,
    mask: NDArray[np.bool_],
    settings: RegionHygiene,
    *,
    lesion: NDArray[np.bool_] | None = None,
) -> CleanRegion:
    """Take out of a liver mask what is not parenchyma, in the order of :class:`RegionHygiene`.

    Parameters
    ----------
    image : Image
        Volume or picture; vessels are looked for in its intensities.
    mask : ndarray of bool
        The liver, on the image's grid.
    settings : RegionHygiene
        What to take out, and how much must be left.
    lesion : ndarray of bool, optional
        Lesions, on the image's grid.

    Returns
    -------
    CleanRegion
        What is left, what each step took, and notes.

    Raises
    ------
    MaskError
        When a mask does not fit the image or is empty, a distance or volume is asked of an
        image without pixel size, or too little is left: with what is left and what was asked.
    ImageError
        When vessels cannot be looked for (constant intensities).

    Examples
    --------
    >>> image = Image(np.zeros((5, 9, 9)), (2.0, 1.0, 1.0), (0.0,) * 3, tuple(np.eye(3).ravel()))
    >>> mask = np.zeros((5, 9, 9), dtype=bool); mask[:, 1:8, 1:8] = True
    >>> found = clean_region(image, mask, RegionHygiene(erode_mm=1))
    >>> int(found.mask.sum()), found.notes
    (125, ('capsule of 1 mm: 0.24 ml of 0.49 ml (49.0 %) left out',))
    >>> clean_region(image, mask, RegionHygiene(erode_mm=1, min_volume_ml=1))
    Traceback (most recent call last):
    radiofib.errors.MaskError: too little of the region is left (expected at least 1 ml; found 0.25
    ml (125 voxels) of 0.49 ml as given; left out: capsule 0.24 ml). Next: lower erode_mm or the
    least volume, or check the mask.
    """
    _check(image, mask, settings, lesion)
    excluded: dict[str, NDArray[np.bool_]] = {}
    notes: list[str] = []
    total = mask
    left = mask.copy()

    def take(name: str, part: NDArray[np.bool_], words: str) -> None:
        nonlocal left
        excluded[name] = part & left
        left = left & ~part
        notes.append(f"{words}: {_share(image, excluded[name], total)} left out")

    if settings.exclude_lesions and lesion is not None:
        take("lesion", lesion, "lesion mask")
    if settings.erode_mm > 0:
        keep = eroded(mask, image.spacing_mm, settings.erode_mm)
        take("capsule", mask & ~keep, f"capsule of {settings.erode_mm:g} mm")
    for name, asked in (("vessels", settings.vessels), ("bile_ducts", settings.bile_ducts)):
        if asked is not None and left.any():
            found = find_vessels(image.pixels, left, image.spacing_mm, asked)
            take(name, found, _words(name, asked))
    _check_enough(image, mask, left, excluded, settings)
    return CleanRegion(left, excluded, tuple(notes))


def _words(name: str, asked: VesselSettings) -> str:
    polarity = "bright and dark" if asked.polarity == "both" else asked.polarity
    how = f"k {asked.k:g}" if asked.method == "threshold" else f"from {asked.least_response:g}"
    return f"{name.replace('_', ' ')} ({asked.method}, {polarity}, {how})"


def _check(
    image: Image,
    mask: NDArray[np.bool_],
    settings: RegionHygiene,
    lesion: NDArray[np.bool_] | None,
) -> None:
    for name, given in (("region", mask), ("lesion", lesion)):
        if given is None:
            continue
        if given.shape != image.pixels.shape or given.dtype != np.bool_:
            raise MaskError(
                f"the mask of the {name} does not fit the image",
                expected=f"bool, shape {image.pixels.shape}",
                found=f"{given.dtype}, shape {given.shape}",
                hint="carry the mask to the image's grid first",
            )
    if not mask.any():
        raise MaskError("the region is empty", hint="check the mask and its label")
    lengths = {
        "erode_mm": settings.erode_mm > 0,
        "vessels": settings.vessels is not None,
        "bile_ducts": settings.bile_ducts is not None,
        "min_volume_ml": settings.min_volume_ml is not None,
    }
    asked = [name for name, is_set in lengths.items() if is_set]
    if asked and not image.spacing_known:
        raise MaskError(
            "the image does not say how large a pixel is, and millimetres are asked for",
            found=", ".join(asked),
            hint="give the spacing, or leave these settings out",
        )
    if settings.min_volume_ml is not None and image.ndim != 3:
        raise MaskError(
            "min_volume_ml needs a volume", found="a picture", hint="use min_voxels instead"
        )


def _check_enough(
    image: Image,
    mask: NDArray[np.bool_],
    left: NDArray[np.bool_],
    excluded: dict[str, NDArray[np.bool_]],
    settings: RegionHygiene,
) -> None:
    number = int(np.count_nonzero(left))
    asked = []
    if settings.min_volume_ml is not None:
        enough = number * image.voxel_volume_mm3 / 1000 >= settings.min_volume_ml
        asked += [] if enough else [f"at least {settings.min_volume_ml:g} ml"]
    if settings.min_voxels is not None and number < settings.min_voxels:
        asked.append(f"at least {settings.min_voxels:,} voxels")
    if number == 0 and not asked:
        asked.append("at least 1 voxel")
    if asked:
        taken = ", ".join(f"{name} {_size(image, part)}" for name, part in excluded.items())
        raise MaskError(
            "too little of the region is left",
            expected=" and ".join(asked),
            found=f"{_size(image, left)} ({number:,} voxels) of {_size(image, mask)} as given"
            + (f"; left out: {taken}" if taken else ""),
            hint="lower erode_mm or the least volume, or check the mask",
        )


def _size(image: Image, part: NDArray[np.bool_]) -> str:
    number = int(np.count_nonzero(part))
    if image.ndim != 3 or not image.spacing_known:
        return f"{number:,} voxels"
    ml = number * image.voxel_volume_mm3 / 1000
    return f"{ml:,.0f} ml" if ml >= 100 else f"{ml:.3g} ml"


def _share(image: Image, part: NDArray[np.bool_], total: NDArray[np.bool_]) -> str:
    taken, whole = np.count_nonzero(part), np.count_nonzero(total)
    return f"{_size(image, part)} of {_size(image, total)} ({100 * taken / whole:.1f} %)"
