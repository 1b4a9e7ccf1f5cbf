"""A classical liver localiser: no atlas, no training, and flagged as such wherever it was used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.errors import MaskError
from radiofib.images.grids import Grid
from radiofib.images.image import Image
from radiofib.provenance import hash_array
from radiofib.segment.body import WorkingImage, working_image
from radiofib.segment.grids import on_grid, to_itk
from radiofib.segment.localiser_settings import LocaliserSettings
from radiofib.segment.organ import Organ, find_organ

__all__ = ["LOCALISER_SOURCE", "Localised", "localise_liver"]

#: How every output names a mask of the localiser.
LOCALISER_SOURCE = "classical localiser"
_HINT = "give a mask, a folder of masks (--masks DIR) or a segmentation model for this case"


@dataclass(frozen=True, eq=False)
class Localised:
    """A mask by the classical localiser.

    Parameters
    ----------
    mask : Image
        1 inside, 0 outside, on the grid of the image.
    facts : mapping
        ``volume_ml``; ``radius_mm`` of the largest ball inside; ``mode`` and ``sd`` of its
        intensity on the working scale; ``rival``, the score of the next best intensity over that
        of the one taken; ``clear_edge``, the share of the surface with another intensity behind
        it; ``cut_below`` and ``cut_above``, whether the field of view cuts it.
    notes : tuple of str
        The flag first, then what was unusual.
    source : str
        Always :data:`LOCALISER_SOURCE`.
    """

    mask: Image
    facts: Mapping[str, float | bool]
    notes: tuple[str, ...]
    source: str = LOCALISER_SOURCE


def localise_liver(
    image: Image, settings: LocaliserSettings | None = None, *, where: str | None = None
) -> Localised:
    """Locate the liver of an abdominal volume without atlas or training.

    The volume is turned to LPS and resampled to 3 mm; MR is corrected by N4. Inside the body,
    the largest even organ on the patient's right is sought by intensity mode, opening, place
    and a watershed of the gradient (:mod:`radiofib.segment.organ`). It is carried back as a
    signed distance, interpolated linearly, which smooths the steps of the working grid.

    It finds the liver of most T1-like, contrast-enhanced and CT volumes. It does not tell the
    liver from what touches it at the same intensity, and misses parts of another intensity:
    large lesions, a lobe that the field of view cuts off. Its Dice is in
    ``benchmarks/results/liver_localiser.md``.

    Parameters
    ----------
    image : Image
        A volume with true directions: left and right are told by them alone.
    settings : LocaliserSettings, optional
        Thresholds.
    where : str, optional
        What to call the image in messages.

    Raises
    ------
    MaskError
        When the image is no volume, shows no abdomen, or what is found is no plausible liver.

    Examples
    --------
    >>> empty = Image(np.zeros((9, 9, 9)), (9.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel()))
    >>> localise_liver(empty)
    Traceback (most recent call last):
    radiofib.errors.MaskError: no body is found in the volume.
    """
    settings = settings or LocaliserSettings()
    grid = Grid.of(image)
    if grid is None or image.ndim != 3 or not image.spacing_known:
        raise MaskError(
            "the localiser needs a volume with a known voxel size",
            where=where,
            found=f"{image.ndim} axes, voxel size {'known' if image.spacing_known else 'unknown'}",
        )
    if image.pixels.dtype.kind == "f" and not np.isfinite(image.pixels).all():
        raise MaskError("the image has values that are not numbers", where=where)
    work = working_image(image, settings, where)
    organ = find_organ(work, settings)
    if organ is None:
        raise MaskError("nothing even is found where the liver should be", where=where, hint=_HINT)
    facts = _facts(organ, work)
    _check(organ, work, facts, settings, where)
    notes = [
        f"mask by the {LOCALISER_SOURCE}: not drawn or checked by a reader",
        *_said(facts),
    ]
    pixels = _carried(organ.region, work.grid, grid)
    if not pixels.any():
        raise MaskError("nothing of the liver is left on the image's grid", where=where)
    mask = Image(
        pixels,
        image.spacing_mm,
        image.origin_mm,
        image.direction,
        source_hash=hash_array(pixels),
        notes=tuple(notes),
    )
    return Localised(mask, facts, tuple(notes))


def _facts(organ: Organ, work: WorkingImage) -> dict[str, float | bool]:
    step = work.grid.spacing_mm[0]
    slices = np.flatnonzero(organ.region.any(axis=(1, 2)))
    return {
        "volume_ml": round(float(np.count_nonzero(organ.region)) * step**3 / 1000, 3),
        "radius_mm": round(organ.radius_mm, 3),
        "mode": round(organ.mode, 6),
        "sd": round(organ.sd, 6),
        "rival": round(organ.rival, 4),
        "clear_edge": round(organ.clear_edge, 4),
        "cut_below": bool(slices[0] == 0),
        "cut_above": bool(slices[-1] == organ.region.shape[0] - 1),
    }


def _check(
    organ: Organ,
    work: WorkingImage,
    facts: Mapping[str, float | bool],
    settings: LocaliserSettings,
    where: str | None,
) -> None:
    cut = bool(facts["cut_below"] or facts["cut_above"])
    low, high = settings.volume_ml
    if cut:
        low = settings.cut_volume_ml
    if not low <= facts["volume_ml"] <= high:
        view = "cut by the field of view" if cut else "wholly inside the field of view"
        raise MaskError(
            "what the localiser found is no plausible liver",
            where=where,
            expected=f"{low:g} to {high:g} ml",
            found=f"{facts['volume_ml']:.0f} ml, {view}",
            hint=_HINT,
        )
    if organ.radius_mm < settings.radius_mm:
        raise MaskError(
            "what the localiser found is too thin for a liver",
            where=where,
            expected=f"a ball of {settings.radius_mm:g} mm radius inside",
            found=f"{organ.radius_mm:.0f} mm",
            hint=_HINT,
        )
    step = settings.spacing_mm
    height = float(np.count_nonzero(organ.region.any(axis=(1, 2)))) * step
    if height > settings.height_mm:
        raise MaskError(
            "what the localiser found is too high for a liver",
            where=where,
            expected=f"at most {settings.height_mm:g} mm",
            found=f"{height:.0f} mm",
            hint=_HINT,
        )
    columns = np.flatnonzero(work.body.any(axis=(0, 1)))
    place = float(np.argwhere(organ.region)[:, 2].mean() - columns[0]) / max(len(columns), 1)
    if place > 0.5:
        raise MaskError(
            "what the localiser found lies on the patient's left",
            where=where,
            found=f"{place:.0%} of the body's width from the right",
            hint=_HINT,
        )


def _said(facts: Mapping[str, float | bool]) -> list[str]:
    ends = [end for end in ("below", "above") if facts[f"cut_{end}"]]
    if not ends:
        return []
    return [
        f"the field of view cuts it {' and '.join(ends)}: its volume of "
        f"{facts['volume_ml']:.0f} ml is not that of the liver"
    ]


def _carried(region: NDArray[np.bool_], source: Grid, target: Grid) -> NDArray[np.uint8]:
    """Carry a region to the image's grid by its signed distance, interpolated linearly."""
    step = source.spacing_mm[0]
    inside = ndimage.distance_transform_edt(region, step)
    outside = ndimage.distance_transform_edt(~region, step)
    signed = to_itk((inside - outside).astype(np.float32), source)
    distance = sitk.GetArrayFromImage(on_grid(signed, target, sitk.sitkLinear, edge=True))
    found: NDArray[np.uint8] = (distance > 0).astype(np.uint8)
    return found
