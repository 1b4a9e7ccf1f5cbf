"""Size of a pixel of pictures: what the cohort says of it, and features that need it."""

from __future__ import annotations

from dataclasses import replace

from radiofib.cohort import Acquisition
from radiofib.cohort.geometry import UNKNOWN_PIXEL, parse_pixel
from radiofib.engines import RoiFeatures
from radiofib.engines.conventions import IN_PIXELS
from radiofib.roi import Roi

__all__ = ["UNSIZED", "sized", "without_lengths"]

#: Why a feature in mm has no value.
UNSIZED = "the size of a pixel is not known"


def sized(roi: Roi, acquisition: Acquisition) -> Roi:
    """Give a picture that does not say it the size of a pixel that the cohort says.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> roi = Roi(np.ones((2, 2)), np.ones((2, 2), bool), (1.0, 1.0), "us", spacing_known=False)
    >>> one = Acquisition("c1", "p1", "us", Path("c1.png"), extra={"pixel_mm": "0.25"})
    >>> sized(roi, one).spacing_mm
    (0.25, 0.25)
    """
    told = acquisition.extra.get("pixel_mm")
    if told in (None, UNKNOWN_PIXEL) or roi.spacing_known or roi.ndim != 2:
        return roi
    return replace(roi, spacing_mm=parse_pixel(str(told)), spacing_known=True)


def without_lengths(features: RoiFeatures, acquisition: Acquisition) -> RoiFeatures:
    """Leave out lengths in pixels, where the cohort says that the size of a pixel is not known.

    Other pictures keep them with a remark, as pyradiomics does; here they would stand in one
    column with lengths in mm of other cases.

    Examples
    --------
    >>> from pathlib import Path
    >>> found = RoiFeatures({"us_area": 9.0, "us_mean": 5.0}, {}, {"us_area": IN_PIXELS})
    >>> one = Acquisition("c1", "p1", "us", Path("c1.png"), extra={"pixel_mm": "unknown"})
    >>> without_lengths(found, one).missing
    {'us_area': 'the size of a pixel is not known'}
    """
    if acquisition.extra.get("pixel_mm") != UNKNOWN_PIXEL:
        return features
    lost = [column for column, flag in features.flags.items() if IN_PIXELS in flag]
    return replace(
        features,
        values={**features.values, **dict.fromkeys(lost, float("nan"))},
        missing={**features.missing, **dict.fromkeys(lost, UNSIZED)},
        flags={c: flag for c, flag in features.flags.items() if c not in lost},
    )
