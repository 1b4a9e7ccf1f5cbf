"""The native engine: pyradiomics' numbers on numpy and numba."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cached_property
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.engines.base import RoiFeatures
from radiofib.engines.columns import promised_columns
from radiofib.engines.config import ExtractionConfig
from radiofib.engines.extraction import Extraction, Measured, Unusable
from radiofib.engines.native.region import NativeRegion, prepare_region
from radiofib.engines.native.texture import measure_texture
from radiofib.engines.native.warm import warm_up
from radiofib.engines.settings import Settings
from radiofib.features import shape, shape2d
from radiofib.filters import filtered
from radiofib.parallel import effective_workers, one_thread
from radiofib.registry import image_token
from radiofib.roi import Roi

__all__ = ["NativeEngine"]

#: Raised when a value may change, so that nothing older is taken for finished.
METHOD = 2
_LIBRARIES = ("numpy", "scipy", "numba", "SimpleITK", "PyWavelets", "scikit-image")
#: Compiles what profile ibsi needs.
_TINY = Roi(
    np.arange(27.0).reshape(3, 3, 3), np.arange(27).reshape(3, 3, 3) > 4, (1.0, 1.0, 1.0), "x"
)


class NativeEngine:
    """Features equal to pyradiomics', without it.

    Every setting of a pyradiomics parameter file holds. One crop, one discretisation per image
    and one set of matrices serve all families.

    Parameters
    ----------
    threads : int
        Threads that filter and measure the images of a region at the same time. Values are the
        same bytes for any number.

    Examples
    --------
    >>> engine = NativeEngine()
    >>> roi = Roi(np.arange(64.0).reshape(8, 8), np.ones((8, 8), dtype=bool), (1.0, 1.0), "us")
    >>> config = ExtractionConfig.parse({"featureClass": {"firstorder": ["Mean"]}}, where="doc")
    >>> engine.extract(roi, config).values
    {'us_original_firstorder_mean': 31.5}
    """

    name = "native"

    def __init__(self, *, threads: int = 1) -> None:
        self.threads = effective_workers(threads)

    @cached_property
    def version(self) -> str:
        """Method and the libraries its values depend on."""
        libraries = ", ".join(f"{name} {metadata.version(name)}" for name in _LIBRARIES)
        return f"native {METHOD}, {libraries}"

    def columns(self, config: ExtractionConfig, channel: str, ndim: int) -> list[str]:
        """Return the columns :meth:`extract` fills; see :func:`promised_columns`."""
        return promised_columns(config, channel, ndim)

    def get_ready(self, config: ExtractionConfig) -> None:
        """Compile what the configuration needs, so that worker processes find it compiled."""
        with warnings.catch_warnings(), np.errstate(all="ignore"), one_thread():
            warnings.simplefilter("ignore")
            if config.profile == "ibsi":
                self._extract(_TINY, config.model_copy(update={"ibsi": None}))
            else:
                warm_up(config.image_types)

    def extract(self, roi: Roi, config: ExtractionConfig) -> RoiFeatures:
        """Compute the features of a region.

        Raises
        ------
        EngineError
            When the region holds NaN or infinite intensities, or settings do not fit it.
        """
        with warnings.catch_warnings(), np.errstate(all="ignore"), one_thread():
            warnings.simplefilter("ignore")
            return self._extract(roi, config)

    def _extract(self, roi: Roi, config: ExtractionConfig) -> RoiFeatures:
        if config.profile == "ibsi":
            from radiofib.engines.ibsi.extraction import extract_ibsi  # the lesser-used half

            return extract_ibsi(roi, config, threads=self.threads)
        columns = self.columns(config, roi.channel, roi.ndim)
        return _Extraction(roi, config, columns, threads=self.threads).run()


class _Extraction(Extraction[NativeRegion, NDArray[np.generic]]):
    """One region with the package's own filters and kernels."""

    def prepared(self, settings: Settings) -> NativeRegion:
        return prepare_region(self.roi, settings, image_types=self.config.image_types)

    def shape(
        self,
        family: str,
        names: list[str],  # noqa: ARG002 - a whole family costs no more than one of it
        prepared: NativeRegion,
        settings: Settings,
    ) -> Measured:
        mask = prepared.shape_mask[prepared.slices]
        spacing = prepared.spacing_mm
        if family == "shape":
            return shape.compute(mask, spacing), {}
        if mask.ndim == 3:
            axis = settings.force_2d_dimension
            mask = np.take(mask, 0, axis=axis)
            spacing = tuple(s for i, s in enumerate(spacing) if i != axis)
        return shape2d.compute(mask, spacing), {}

    def images(
        self, image_type: str, settings: Settings, prepared: NativeRegion
    ) -> Iterator[tuple[str, NDArray[np.generic]]]:
        options: dict[str, Any] = settings.as_pyradiomics()
        for name, image in filtered(
            prepared.pixels,
            prepared.mask,
            prepared.spacing_mm,
            image_type,
            options,
            box=prepared.slices,
        ):
            yield image_token(name), image

    def measure(
        self,
        image: NDArray[np.generic],
        image_type: str,
        settings: Settings,
        prepared: NativeRegion,
        families: list[str],
    ) -> Iterator[tuple[str, Measured | str]]:
        yield from measure_texture(
            _inside(image, prepared, image_type),
            prepared.layouts,
            prepared.spacing_mm,
            settings,
            families,
            guard_memory=self.strict,
        )


def _inside(
    image: NDArray[np.generic], prepared: NativeRegion, image_type: str
) -> NDArray[np.generic]:
    """Return the intensities of the region's voxels in C order."""
    values: NDArray[np.generic] = image[prepared.layouts.mask]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise Unusable(f"{image_type} gave values that are NaN or infinite")
    return values
