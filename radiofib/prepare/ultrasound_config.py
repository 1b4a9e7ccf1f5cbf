"""How ultrasound screens become images with a region, as a study file says it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from radiofib.config import StrictModel
from radiofib.errors import ConfigError
from radiofib.images.ultrasound import check_choice
from radiofib.preprocess.ultrasound import CleanSettings, PatchSettings
from radiofib.registry import check_channel

__all__ = ["RegionSettings", "UltrasoundPlan"]


class RegionSettings(StrictModel):
    """What is measured.

    Parameters
    ----------
    source : {"given_or_patches", "given", "patches", "image"}
        The cohort's mask (a mask picture, or LabelMe, CVAT or COCO polygons), patches of
        parenchyma found automatically, the mask where there is one and patches elsewhere, or all
        of the image that shows echo.
    labels : tuple of str
        Labels of polygons that count; needed when a file has several.
    each : bool
        Whether each patch is an instance of its own, rather than all of them one region.
    least_px : int
        Fewest pixels of a region.
    least_kept : float
        Share of a given region that must lie in the image, off text, graphics and colour.
    patches : PatchSettings
        Where patches are taken.

    Examples
    --------
    >>> RegionSettings(source="given", labels=("liver",)).labels
    ('liver',)
    """

    source: Literal["given_or_patches", "given", "patches", "image"] = "given_or_patches"
    labels: tuple[str, ...] = ()
    each: bool = False
    least_px: int = Field(default=64, ge=1)
    least_kept: float = Field(default=0.5, ge=0, le=1)
    patches: PatchSettings = PatchSettings()


class UltrasoundPlan(StrictModel):
    """What is done with the ultrasound pictures of a cohort before features.

    Parameters
    ----------
    channels : tuple of str
        Channels that are ultrasound. The first is that of images without a channel: of a folder,
        or of a table without such a column.
    frames : {"middle", "first", "all"} or int
        Frames of a film: the middle one, the first, all, or every n-th. With several, each is
        an instance.
    pixel_mm : float, optional
        Side of a pixel, for pictures that are not calibrated and have no ``pixel_mm`` in the
        cohort. Without any, features in mm are missing.
    clean : CleanSettings
        How the image is found and what is blanked.
    region : RegionSettings
        What is measured.
    pictures : bool
        Whether to draw what was taken.

    Examples
    --------
    >>> UltrasoundPlan.parse({"frames": 5}, where="study.yaml").frames
    5
    >>> UltrasoundPlan.parse({"frames": "last"}, where="study.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: study.yaml: 'frames': rule for frames is not known (expected all,
    first, middle, or a whole number n from 1 for every n-th; found 'last').
    """

    channels: tuple[str, ...] = Field(default=("us",), min_length=1)
    frames: str | int = "middle"
    pixel_mm: float | None = Field(default=None, gt=0)
    clean: CleanSettings = CleanSettings()
    region: RegionSettings = RegionSettings()
    pictures: bool = True

    @field_validator("channels")
    @classmethod
    def _channels(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_channel(name) for name in value)

    @field_validator("frames")
    @classmethod
    def _frames(cls, value: str | int) -> str | int:
        try:
            return check_choice(value)
        except ConfigError as error:
            raise ValueError(str(error)) from error
