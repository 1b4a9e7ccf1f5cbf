"""Feature maps: every first-order and texture feature of the window around each voxel."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import nearest
from radiofib.engines.columns import image_tokens, is_shape
from radiofib.engines.config import ExtractionConfig
from radiofib.engines.extraction import Unusable, check_spacing, flatten, one_line, parts
from radiofib.engines.native.region import NativeRegion, prepare_region
from radiofib.engines.rules import unsupported_image
from radiofib.engines.settings import Settings, VoxelSettings
from radiofib.errors import EngineError, RadiofibError, UsageError
from radiofib.features.maps import WindowSettings, window_features
from radiofib.filters import filtered
from radiofib.preprocess import Box, Grid, grown
from radiofib.registry import FeatureSpec, image_token
from radiofib.roi import Roi

__all__ = ["MAP_METHOD", "FeatureMap", "NoMap", "feature_maps", "mapped_features"]

#: Raised when a value of a map may change, so that nothing older is taken for finished.
MAP_METHOD = 1


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """One feature at every voxel of a region.

    Parameters
    ----------
    column : str
        ``<channel>_<image>_<family>_<feature>``, as in a table of features.
    token : str
        The image it was measured on (``original``, ``log3mm``).
    spec : FeatureSpec
        The feature.
    inside : ndarray
        Values of the voxels of the region, in C order; NaN where the feature is not defined.
    region : NativeRegion
        The image after resampling, the voxels that have a value, and where they lie.
    """

    column: str
    token: str
    spec: FeatureSpec
    inside: NDArray[np.float64]
    region: NativeRegion

    @property
    def grid(self) -> Grid:
        """Where the voxels of :meth:`values` lie."""
        return self.region.grid

    def values(self, outside: float = 0.0) -> NDArray[np.float64]:
        """Return the map on the grid of the (possibly resampled) image."""
        found = np.full(self.region.mask.shape, outside)
        found[self.region.mask] = self.inside
        return found


@dataclass(frozen=True)
class NoMap:
    """Maps that a region cannot have, and why.

    Parameters
    ----------
    columns : tuple of str
        The maps asked for.
    reason : str
        Why there are none.
    """

    columns: tuple[str, ...]
    reason: str


def feature_maps(
    roi: Roi, config: ExtractionConfig, *, features: Sequence[str] | None = None
) -> Iterator[FeatureMap | NoMap]:
    """Yield the maps a configuration asks for, in the order of table columns.

    Values equal those of pyradiomics' voxel-based mode: windows of ``(2 kernelRadius + 1)``
    voxels along each axis, bins of the whole region. Where pyradiomics' value of a window
    depends on which other windows are taken with it (`joint_average` and `mcc` of a window in
    which a direction has no pair), it is that of the window taken alone (`voxelBatch` 1). Where
    the levels of neighbours are independent in a direction, `imc2` and `mcc` of that direction
    are 0 but for rounding, which pyradiomics' order of sums decides; the same order is used
    here, but without `symmetricalGLCM` that order depends on the other windows as well.

    Parameters
    ----------
    roi : Roi
        The region.
    config : ExtractionConfig
        What to measure: image types, features (shape has no map), settings, `voxel_settings`.
    features : sequence of str, optional
        Patterns (``glcm_contrast``, ``firstorder_*``); only features of the configuration that
        match one of them.

    Raises
    ------
    UsageError
        When nothing that is asked for has a map, or a pattern matches no feature.
    EngineError
        When the region can have no map at all.

    Examples
    --------
    >>> roi = Roi(np.arange(64.0).reshape(8, 8), np.ones((8, 8), dtype=bool), (1.0, 1.0), "us")
    >>> config = ExtractionConfig.parse({"featureClass": {"firstorder": ["Mean"]}}, where="doc")
    >>> [found] = feature_maps(roi, config)
    >>> found.column, found.values()[0, :3]
    ('us_original_firstorder_mean', array([4.5, 5. , 6. ]))
    """
    settings = flatten(config.settings, roi.ndim)
    check_spacing(roi, config, settings)
    strict = config.region_rules == "radiofib"
    specs = mapped_features(config, features)
    voxel = config.voxel_settings or VoxelSettings()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            region = prepare_region(roi, settings)
        except Unusable as reason:
            raise EngineError(
                "the region can have no feature map",
                found=str(reason),
                hint="check the mask and its label, or leave the image out",
            ) from reason
        box = grown(region.slices, voxel.kernel_radius, region.mask.shape)
        for image_type, own in config.ordered_image_types:
            for part in parts(image_type, flatten(own, roi.ndim)):
                yield from _image_type(roi, image_type, part, voxel, specs, region, box, strict)


def mapped_features(
    config: ExtractionConfig, patterns: Sequence[str] | None = None
) -> list[FeatureSpec]:
    """Return the features a configuration maps, in column order.

    Raises
    ------
    UsageError
        When there is none, or a pattern matches none.

    Examples
    --------
    >>> config = ExtractionConfig()
    >>> len(mapped_features(config)), len(mapped_features(config, ["glcm_*", "ngtdm_busyness"]))
    (93, 25)
    """
    specs = [spec for spec in config.features(3) if not is_shape(spec)]
    if not specs:
        raise UsageError(
            "there is no feature to map",
            expected="first-order or texture features",
            hint="shape has no map: ask for another featureClass",
        )
    if patterns is None:
        return specs
    for pattern in patterns:
        if not any(fnmatchcase(spec.key, pattern) for spec in specs):
            close = nearest(pattern, [spec.key for spec in specs])
            raise UsageError(
                f"no feature to map matches {pattern!r}",
                hint=f"did you mean {close!r}?" if close else "a pattern looks like glcm_*",
            )
    return [s for s in specs if any(fnmatchcase(s.key, pattern) for pattern in patterns)]


def _image_type(
    roi: Roi,
    image_type: str,
    settings: Settings,
    voxel: VoxelSettings,
    specs: list[FeatureSpec],
    region: NativeRegion,
    box: Box,
    strict: bool,
) -> Iterator[FeatureMap | NoMap]:
    def columns(token: str) -> tuple[str, ...]:
        return tuple(spec.column(roi.channel, token) for spec in specs)

    reason = _no_image(roi, image_type, settings, region, strict)
    done: set[str] = set()
    if reason is None:
        try:
            images = filtered(
                region.pixels,
                region.mask,
                region.spacing_mm,
                image_type,
                settings.as_pyradiomics(),
                box=box,
            )
            for name, image in images:
                token = image_token(name)
                found = _measure(image, region, settings, voxel, specs, box)
                done.add(token)
                if isinstance(found, str):
                    yield NoMap(columns(token), found)
                    continue
                for spec in specs:
                    column = spec.column(roi.channel, token)
                    yield FeatureMap(column, token, spec, found[spec.key], region)
        except RadiofibError as error:
            reason = str(error)
        except (ValueError, MemoryError, FloatingPointError) as error:
            reason = f"{image_type} failed: {one_line(error)}"
    for token in image_tokens(image_type, settings, roi.ndim):
        if token not in done:
            yield NoMap(columns(token), reason or f"{image_type} gave no image")


def _no_image(
    roi: Roi, image_type: str, settings: Settings, region: NativeRegion, strict: bool
) -> str | None:
    if image_type == "Original":
        return None
    if region.not_finite:
        return (
            f"{image_type} would spread NaN or infinity from outside the region "
            f"(voxels: {region.not_finite})"
        )
    if strict or (image_type == "LBP3D" and roi.ndim == 2):
        return unsupported_image(image_type, settings, region.size, region.spacing)
    return None


def _measure(
    image: NDArray[np.generic],
    region: NativeRegion,
    settings: Settings,
    voxel: VoxelSettings,
    specs: list[FeatureSpec],
    box: Box,
) -> dict[str, NDArray[np.float64]] | str:
    mask = region.mask[box]
    counted = image[mask] if voxel.masked_kernel else image
    if not np.all(np.isfinite(counted)):
        return "the image holds values that are NaN or infinite"
    forced = settings.force_2d_dimension if settings.force_2d and image.ndim == 3 else None
    return window_features(
        image,
        mask,
        region.spacing_mm,
        WindowSettings(
            radius=voxel.kernel_radius,
            masked=voxel.masked_kernel,
            bin_width=settings.bin_width,
            bin_count=settings.bin_count,
            distances=settings.distances,
            force_2d_dimension=forced,
            symmetrical=settings.symmetrical_glcm,
            weighting_norm=settings.weighting_norm,
            alpha=settings.gldm_a,
            voxel_array_shift=settings.voxel_array_shift,
            families=tuple(dict.fromkeys(spec.family for spec in specs)),
        ),
    )
