"""What a case offers to the functional indices, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_known
from radiofib.errors import MaskError, UsageError
from radiofib.roi import Roi

__all__ = ["TISSUES", "CaseFeatures", "ChannelInput", "Verdict"]

Verdict = Literal["good", "look", "failed"]

#: Masks beside the region of interest. ``liver`` is the whole organ, for volumes, where the
#: region leaves vessels, lesions or the capsule out; ``background`` is air; the four regions lie
#: in parenchyma free of vessels; lobes are drawn on one axial slice with the line of the author
#: in the name.
TISSUES = (
    "liver",
    "spleen",
    "muscle",
    "background",
    "region_1",
    "region_2",
    "region_3",
    "region_4",
    "caudate_harbin",
    "right_lobe_harbin",
    "caudate_awaya",
    "right_lobe_awaya",
    "segments_1_3",
    "segments_4_8",
)


@dataclass(frozen=True, eq=False)
class ChannelInput:
    """One channel of one case, with what is known about its intensities.

    Parameters
    ----------
    roi : Roi
        Liver: pixels, mask and spacing. `pixels` are raw intensities, as the scanner gives
        them, or T1 in ms for a T1 map.
    raw : bool
        False after anything that changes the intensities of this channel on its own:
        normalisation, clipping by percentile, or a bias field of its own (its mean level is
        arbitrary). True after resampling.
    commensurable : bool, optional
        True when this channel is known to share one intensity scale and sequence with every
        other channel of the case that says so, False when known not to share a scale, None
        when nobody knows.
    scale : tuple of float, optional
        Slope and intercept of the series as the scanner wrote them (DICOM), when known. Not
        those of NIfTI, which are about storage: equal ones prove nothing. Leave it out once
        values were brought to one scale by other means, and say `commensurable`.
    sequence : str
        Any name of the sequence with its settings, when known; channels with different names
        are never compared.
    minutes : float, optional
        Time of this phase after injection (``hbp_minutes`` of the cohort).
    tissues : mapping
        Name, one of :data:`TISSUES`, to a boolean mask of the shape of the region's.
    registered : {"good", "look", "failed"}, optional
        Verdict on the registration to the reference channel; None for the reference itself and
        for a channel with a mask of its own.
    registered_reason : str
        Why the verdict is what it is.

    Raises
    ------
    MaskError
        When a tissue is not a boolean mask of the shape of the region.
    UsageError
        When a tissue has an unknown name, or a number is not finite.

    Examples
    --------
    >>> pixels = np.full((2, 2, 2), 5.0)
    >>> roi = Roi(pixels, pixels > 0, (1.0, 1.0, 1.0), "ged4")
    >>> ChannelInput(roi, raw=True, minutes=20).scale is None
    True
    >>> ChannelInput(roi, raw=True, tissues={"spleeen": roi.mask})
    Traceback (most recent call last):
    radiofib.errors.UsageError: channel ged4: unknown tissue 'spleeen' (expected liver, spleen,
    muscle, background, region_1, region_2, region_3, region_4, caudate_harbin, right_lobe_harbin,
    caudate_awaya, right_lobe_awaya, segments_1_3, segments_4_8). Next: did you mean 'spleen'?
    """

    roi: Roi
    raw: bool
    commensurable: bool | None = None
    scale: tuple[float, float] | None = None
    sequence: str = ""
    minutes: float | None = None
    tissues: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    registered: Verdict | None = None
    registered_reason: str = ""

    def __post_init__(self) -> None:
        where = f"channel {self.roi.channel}"
        for name, mask in self.tissues.items():
            check_known(name, TISSUES, what="tissue", where=where)
            if mask.dtype != np.bool_ or mask.shape != self.roi.mask.shape:
                raise MaskError(
                    f"mask of {name} must be boolean and on the grid of the liver",
                    where=where,
                    expected=f"bool {self.roi.mask.shape}",
                    found=f"{mask.dtype} {mask.shape}",
                )
        if self.minutes is not None and not 0 < self.minutes < float("inf"):
            raise UsageError(
                "minutes after injection must be above 0", where=where, found=str(self.minutes)
            )
        if self.scale is not None and not (
            all(isfinite(v) for v in self.scale) and self.scale[0] != 0
        ):
            raise UsageError(
                "scale must be a slope other than 0 and an intercept",
                where=where,
                found=str(self.scale),
            )


@dataclass(frozen=True)
class CaseFeatures:
    """Values of one case: every promised column, and why some are missing or special.

    Parameters
    ----------
    values : dict
        Column to value, in column order; NaN when missing.
    missing : dict
        Column to reason, for exactly the columns that are NaN.
    flags : dict
        Column to remark on a value that is there.
    warnings : tuple of str
        What looks wrong in the case itself, such as swapped phases.

    Examples
    --------
    >>> CaseFeatures({"ged4_original_functional_liver_volume_ml": 1400.0}).missing
    {}
    """

    values: dict[str, float]
    missing: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
