"""What every engine does with a region: one image after the other, nothing lost by one failure.

An engine fills in how images are prepared, filtered and measured; which columns there are, which
images a region can carry, and how reasons and flags are kept is the same for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import partial
from math import isfinite, isnan
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from radiofib.engines.base import RoiFeatures
from radiofib.engines.columns import column_of, image_tokens, is_shape
from radiofib.engines.config import ExtractionConfig
from radiofib.engines.conventions import in_pixels
from radiofib.engines.rules import WHOLE_PICTURE, unsupported_image
from radiofib.engines.settings import Settings
from radiofib.errors import EngineError
from radiofib.parallel import Crew
from radiofib.registry import FeatureSpec
from radiofib.roi import Roi

__all__ = [
    "NOT_DEFINED",
    "Extraction",
    "Measured",
    "PreparedRegion",
    "Unusable",
    "check_finite",
    "check_spacing",
    "flatten",
    "one_line",
    "parts",
]

#: Voxels times images from which on threads gain more than they cost.
WORTH_THREADS = 500_000
#: Why a feature has no value, when nothing was raised.
NOT_DEFINED = "not defined for this region"
#: Feature (name in the registry) to value, and to remark where the value is a convention.
Measured = tuple[dict[str, float], dict[str, str]]


class Unusable(Exception):  # noqa: N818 - it carries a reason, it is no error of the program
    """The region, or one image of it, cannot carry a feature; the message is the reason."""


class PreparedRegion(Protocol):
    """What the common rules need to know of a prepared region."""

    @property
    def size(self) -> tuple[int, ...]:
        """Pixels along x, y (and z)."""

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of pixels along x, y (and z), in mm."""

    @property
    def box(self) -> NDArray[np.int64]:
        """Bounding box of the region (x low, x high, y low, ...)."""

    @property
    def not_finite(self) -> int:
        """Number of voxels outside the region that are NaN or infinite."""


R = TypeVar("R", bound=PreparedRegion)
Picture = TypeVar("Picture")


class Extraction(ABC, Generic[R, Picture]):
    """One region under one configuration.

    Parameters
    ----------
    roi : Roi
        The region.
    config : ExtractionConfig
        What to extract.
    columns : list of str
        The columns promised.
    threads : int
        Threads that filter and measure images at the same time; values do not depend on it.
    """

    def __init__(
        self, roi: Roi, config: ExtractionConfig, columns: list[str], *, threads: int = 1
    ) -> None:
        self.threads = threads
        self.roi = roi
        self.config = config
        self.strict = config.region_rules == "radiofib"
        self.features = config.features(roi.ndim)
        self.values = dict.fromkeys(columns, float("nan"))
        self.missing: dict[str, str] = {}
        self.flags: dict[str, str] = {}

    # -- what an engine fills in -----------------------------------------------------------

    @abstractmethod
    def prepared(self, settings: Settings) -> R:
        """Return the region ready for filtering; raise :class:`Unusable` when it is none."""

    @abstractmethod
    def shape(self, family: str, names: list[str], prepared: R, settings: Settings) -> Measured:
        """Return shape features by registry name."""

    @abstractmethod
    def images(
        self, image_type: str, settings: Settings, prepared: R
    ) -> Iterator[tuple[str, Picture]]:
        """Yield token and image of one image type."""

    @abstractmethod
    def measure(
        self, image: Picture, image_type: str, settings: Settings, prepared: R, families: list[str]
    ) -> Iterator[tuple[str, Measured | str]]:
        """Yield each family with its values, or with the reason why it has none.

        Raises
        ------
        Unusable
            When the image carries no family at all.
        """

    def why_no_image(self, image_type: str) -> str:
        """Return why an image type gave no image, when nothing was raised."""
        return f"{image_type} gave no image"

    def why_no_value(self) -> str:
        """Return why a feature has no value, when nothing was raised."""
        return NOT_DEFINED

    # -- what is common --------------------------------------------------------------------

    def run(self) -> RoiFeatures:
        """Fill every promised column with a value, or with the reason why it has none."""
        settings = flatten(self.config.settings, self.roi.ndim)
        check_spacing(self.roi, self.config, settings)
        try:
            prepared = self.prepared(settings)
        except Unusable as reason:
            return RoiFeatures(self.values, dict.fromkeys(self.values, str(reason)))
        with Crew(self._threads()) as crew:
            crew.add(partial(self._shapes, prepared, settings))
            for image_type, own in self.config.ordered_image_types:
                for part in parts(image_type, flatten(own, self.roi.ndim)):
                    crew.add(partial(self._images, crew, image_type, part, prepared))
        for column, value in self.values.items():
            if isnan(value):
                self.missing.setdefault(column, self.why_no_value())
        order = {column: i for i, column in enumerate(self.values)}
        return RoiFeatures(
            self.values,
            {c: self.missing[c] for c in sorted(self.missing, key=order.__getitem__)},
            {c: self.flags[c] for c in sorted(self.flags, key=order.__getitem__)},
        )

    def _threads(self) -> int:
        if self.threads == 1:
            return 1
        images = sum(
            len(image_tokens(image_type, settings, self.roi.ndim))
            for image_type, settings in self.config.ordered_image_types
        )
        worth = images > 1 and images * self.roi.n_voxels >= WORTH_THREADS
        return self.threads if worth else 1

    def _shapes(self, prepared: R, settings: Settings) -> None:
        for family in ("shape", "shape2D"):
            specs = [s for s in self.features if s.family == family.lower()]
            if not specs:
                continue
            reason = self._no_shape(family, prepared, settings)
            if reason is not None:
                self._skip("original", specs, reason)
                continue
            try:
                found = self.shape(family, [s.name for s in specs], prepared, settings)
            except Exception as error:  # whatever an outline breaks, the texture goes on
                self._skip("original", specs, f"{family} failed: {one_line(error)}")
                continue
            self._keep("original", "Original", specs, found)

    def _no_shape(self, family: str, prepared: R, settings: Settings) -> str | None:
        if self.strict and bool(self.roi.mask.all()):
            return WHOLE_PICTURE
        if family == "shape":
            return "3-D shape needs a 3-D region" if self.roi.ndim == 2 else None
        if self.roi.ndim == 2:
            return None
        if not settings.force_2d:
            return "2-D shape of a 3-D image needs force2D"
        axis = 2 - settings.force_2d_dimension
        slices = int(prepared.box[2 * axis + 1] - prepared.box[2 * axis] + 1)
        return (
            f"2-D shape needs a region of one slice, this one has {slices}" if slices > 1 else None
        )

    def _images(self, crew: Crew, image_type: str, settings: Settings, prepared: R) -> None:
        specs = [s for s in self.features if not is_shape(s)]
        if not specs:
            return
        reason = self._no_image(image_type, settings, prepared)
        done: set[str] = set()
        if reason is None:
            try:
                for token, image in self.images(image_type, settings, prepared):
                    done.add(token)
                    crew.offer(
                        partial(self._image, token, image_type, image, settings, specs, prepared)
                    )
            except Exception as error:  # a filter that fails leaves the others alone
                reason = f"{image_type} failed: {one_line(error)}"
        for token in image_tokens(image_type, settings, self.roi.ndim):
            if token not in done:
                self._skip(token, specs, reason or self.why_no_image(image_type))

    def _no_image(self, image_type: str, settings: Settings, prepared: R) -> str | None:
        if image_type == "Original":
            return None
        if prepared.not_finite:
            return (
                f"{image_type} would spread NaN or infinity from outside the region "
                f"(voxels: {prepared.not_finite})"
            )
        if self.strict or (image_type == "LBP3D" and self.roi.ndim == 2):
            return unsupported_image(image_type, settings, prepared.size, prepared.spacing)
        return None

    def _image(
        self,
        token: str,
        image_type: str,
        image: Picture,
        settings: Settings,
        specs: list[FeatureSpec],
        prepared: R,
    ) -> None:
        families = list(dict.fromkeys(s.family for s in specs))
        members = {f: [s for s in specs if s.family == f] for f in families}
        try:
            for family, found in self.measure(image, image_type, settings, prepared, families):
                those = members.pop(family)
                if isinstance(found, str):
                    self._skip(token, those, found)
                else:
                    self._keep(token, image_type, those, found)
        except Unusable as reason:
            self._skip(token, specs, str(reason))
        except Exception as error:  # an image that fails leaves the others alone
            for those in members.values():
                self._skip(token, those, f"{image_type} failed: {one_line(error)}")

    def _keep(self, token: str, image_type: str, specs: list[FeatureSpec], found: Measured) -> None:
        values, remarks = found
        for spec in specs:
            column = column_of(spec, self.roi.channel, token)
            value = values.get(spec.name, float("nan"))
            if not isfinite(value):
                self.missing[column] = self.why_no_value()
                continue
            self.values[column] = value
            remark = remarks.get(spec.name)
            if remark is None and not self.roi.spacing_known:
                remark = in_pixels(spec, image_type)
            if remark is not None:
                self.flags[column] = remark

    def _skip(self, token: str, specs: list[FeatureSpec], reason: str) -> None:
        for spec in specs:
            self.missing[column_of(spec, self.roi.channel, token)] = reason


def flatten(settings: Settings, ndim: int) -> Settings:
    """Return the settings as they read for a 2-D image.

    A picture is already flat: `force2D` is implied, and of a spacing (x, y, z) the first two
    count. Texture of a picture equals that of one slice with `force2D` and
    `force2Ddimension` 0.

    Examples
    --------
    >>> flatten(Settings(force_2d=True, resampled_pixel_spacing=[1, 1, 0]), 2).given()
    {'resampledPixelSpacing': [1.0, 1.0], 'force2D': False, 'force2Ddimension': 0}
    """
    spacing = settings.resampled_pixel_spacing
    if ndim == 2:
        flat: dict[str, Any] = {"force2D": False, "force2Ddimension": 0}
        if spacing is not None:
            flat["resampledPixelSpacing"] = list(spacing[:2])
        return settings.merged(Settings.model_validate(flat))
    if spacing is not None and len(spacing) == 2:
        raise EngineError(
            "resampledPixelSpacing does not fit the image",
            expected="3 numbers (x, y, z) for a 3-D image",
            found=f"{len(spacing)} numbers",
            hint="add a third number; 0 keeps the spacing of that axis",
        )
    return settings


def check_finite(roi: Roi, settings: Settings) -> int:
    """Return how many voxels outside the region are NaN or infinite.

    Raises
    ------
    EngineError
        When such a voxel lies in the region, or would be spread over it by normalising or
        resampling.
    """
    if not np.issubdtype(roi.pixels.dtype, np.floating):
        return 0
    finite = np.isfinite(roi.pixels)
    inside = int(np.count_nonzero(~finite & roi.mask))
    if inside:
        raise EngineError(
            "the region holds intensities that are NaN or infinite",
            expected="numbers in every voxel of the mask",
            found=f"{inside} of {roi.n_voxels} voxels",
            hint="correct the image, or leave these voxels out of the mask",
        )
    outside = int(np.count_nonzero(~finite))
    resampled = settings.interpolator and settings.resampled_pixel_spacing
    if outside and (settings.normalize or resampled):
        raise EngineError(
            "the image holds values that are NaN or infinite, which normalising or resampling "
            "would spread",
            found=f"{outside} of {roi.pixels.size} voxels outside the region",
            hint="replace them, for example by 0",
        )
    return outside


def check_spacing(roi: Roi, config: ExtractionConfig, settings: Settings) -> None:
    """Raise when a region would be resampled whose image does not give the size of a pixel.

    Raises
    ------
    EngineError
        Under the region rules of radiofib; those of pyradiomics take a pixel for 1 mm.
    """
    strict = config.region_rules == "radiofib"
    if strict and settings.resampled_pixel_spacing and not roi.spacing_known:
        raise EngineError(
            "the image cannot be resampled, because it does not say how large a pixel is",
            hint="remove resampledPixelSpacing, or set region_rules to pyradiomics to take "
            "a pixel for 1 mm",
        )


def parts(image_type: str, settings: Settings) -> list[Settings]:
    """Cut a filter into parts that can fail alone: one LoG width at a time.

    Examples
    --------
    >>> [part.sigma for part in parts("LoG", Settings(sigma=[3, 1]))]
    [(1.0,), (3.0,)]
    """
    if image_type != "LoG":
        return [settings]
    return [
        settings.merged(Settings.model_validate({"sigma": [sigma]}))
        for sigma in sorted(set(settings.sigma))
    ]


def one_line(error: Exception) -> str:
    r"""Return class and last line of an error.

    Examples
    --------
    >>> one_line(ValueError("first\nlast"))
    'ValueError: last'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    name = type(error).__name__
    return f"{name}: {lines[-1]}" if lines else name
