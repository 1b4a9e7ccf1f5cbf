"""The pyradiomics engine: its filters and feature classes, one region at a time.

It calls pyradiomics' own functions in the order of its feature extractor and gives the same
numbers, but a filter or class that fails loses only its own columns, every promised column is
there with a reason when it is missing, and nothing global is left changed.
"""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import metadata
from typing import Any

import numpy as np
import SimpleITK as sitk

from radiofib._extras import require
from radiofib.engines.base import RoiFeatures
from radiofib.engines.columns import image_tokens, is_shape, promised_columns
from radiofib.engines.config import ExtractionConfig
from radiofib.engines.conventions import in_pixels, value_conventions
from radiofib.engines.prepare import Prepared, Unusable, flatten, prepare
from radiofib.engines.rules import WHOLE_PICTURE, glcm_too_large, unsupported_image
from radiofib.engines.settings import Settings
from radiofib.errors import EngineError
from radiofib.registry import FeatureSpec, image_token
from radiofib.roi import Roi

__all__ = ["PyradiomicsEngine"]

_DISTRIBUTIONS = ("pyradiomics-cuda", "pyradiomics")
_LIBRARIES = ("SimpleITK", "numpy", "scipy", "PyWavelets", "scikit-image")
_UNDEFINED = "not defined for this region: pyradiomics returned NaN or infinity"


class PyradiomicsEngine:
    """Features by the `radiomics` module of pyradiomics or a distribution that provides it.

    A 2-D region is given to pyradiomics as a 2-D image: its texture equals that of one slice
    with ``force2D``, and LoG, which pyradiomics refuses for single slices, is the 2-D filter.

    Examples
    --------
    >>> engine = PyradiomicsEngine()
    >>> roi = Roi(np.arange(64.0).reshape(8, 8), np.ones((8, 8), dtype=bool), (1.0, 1.0), "us")
    >>> config = ExtractionConfig.parse({"featureClass": {"firstorder": ["Mean"]}}, where="doc")
    >>> engine.extract(roi, config).values
    {'us_original_firstorder_mean': 31.5}
    """

    name = "pyradiomics"

    @cached_property
    def version(self) -> str:
        """Distribution that provides `radiomics`, and the libraries its values depend on."""
        found = []
        for names in (_DISTRIBUTIONS, *((name,) for name in _LIBRARIES)):
            for name in names:
                try:
                    found.append(f"{name} {metadata.version(name)}")
                    break
                except metadata.PackageNotFoundError:
                    continue
        return ", ".join(found)

    def columns(self, config: ExtractionConfig, channel: str, ndim: int) -> list[str]:
        """Return the columns :meth:`extract` fills; see :func:`promised_columns`."""
        return promised_columns(config, channel, ndim)

    def extract(self, roi: Roi, config: ExtractionConfig) -> RoiFeatures:
        """Compute the features of a region.

        Raises
        ------
        EngineError
            When the region holds NaN or infinite intensities, or settings do not fit it.
        MissingExtraError
            When pyradiomics is not installed.
        """
        require("radiomics", purpose="the pyradiomics engine")
        return _Extraction(roi, config, self.columns(config, roi.channel, roi.ndim)).run()


class _Log(logging.Handler):
    """Keeps what pyradiomics says, to be given as reasons."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        lines = [line.strip() for line in record.getMessage().splitlines() if line.strip()]
        if lines:
            self._said.append((record.levelno, lines[-1]))

    def clear(self) -> None:
        self._said.clear()

    def last(self, otherwise: str, level: int = logging.WARNING) -> str:
        said = [line for severity, line in self._said if severity >= level]
        return f"pyradiomics: {said[-1]}" if said else otherwise


@contextmanager
def _quiet() -> Iterator[_Log]:
    """Divert pyradiomics' log and numpy's warnings, and put everything back."""
    logger = logging.getLogger("radiomics")
    before = (logger.handlers, logger.level, logger.propagate, logger.disabled)
    log = _Log()
    logger.handlers, logger.propagate, logger.disabled = [log], False, False
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield log
    finally:
        logger.handlers, _, logger.propagate, logger.disabled = before
        logger.setLevel(before[1])


class _Extraction:
    """One region under one configuration."""

    def __init__(self, roi: Roi, config: ExtractionConfig, columns: list[str]) -> None:
        self.roi = roi
        self.config = config
        self.strict = config.region_rules == "radiofib"
        self.features = config.features(roi.ndim)
        self.values = dict.fromkeys(columns, float("nan"))
        self.missing: dict[str, str] = {}
        self.flags: dict[str, str] = {}

    def run(self) -> RoiFeatures:
        settings = flatten(self.config.settings, self.roi.ndim)
        self._refuse_unknown_spacing(settings)
        with _quiet() as log:
            try:
                prepared = prepare(self.roi, settings)
            except Unusable as reason:
                return RoiFeatures(self.values, dict.fromkeys(self.values, str(reason)))
            self._shape(prepared, settings, log)
            for image_type, own in self.config.ordered_image_types:
                self._filtered(image_type, flatten(own, self.roi.ndim), prepared, log)
        for column, value in self.values.items():
            if np.isnan(value):
                self.missing.setdefault(column, "pyradiomics gave no value")
        order = {column: i for i, column in enumerate(self.values)}
        return RoiFeatures(
            self.values,
            {c: self.missing[c] for c in sorted(self.missing, key=order.__getitem__)},
            {c: self.flags[c] for c in sorted(self.flags, key=order.__getitem__)},
        )

    def _refuse_unknown_spacing(self, settings: Settings) -> None:
        if self.strict and settings.resampled_pixel_spacing and not self.roi.spacing_known:
            raise EngineError(
                "the image cannot be resampled, because it does not say how large a pixel is",
                hint="remove resampledPixelSpacing, or set region_rules to pyradiomics to take "
                "a pixel for 1 mm",
            )

    # -- shape ---------------------------------------------------------------------------

    def _shape(self, prepared: Prepared, settings: Settings, log: _Log) -> None:
        for family in ("shape", "shape2D"):
            specs = [s for s in self.features if s.family == family.lower()]
            if not specs:
                continue
            reason = self._no_shape(family, prepared, settings)
            if reason is None:
                self._measure(
                    family,
                    specs,
                    "original",
                    *_crop(prepared.image, prepared.shape_mask, prepared.box),
                    settings,
                    log,
                )
            else:
                self._skip("original", specs, reason)

    def _no_shape(self, family: str, prepared: Prepared, settings: Settings) -> str | None:
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

    # -- filtered images -----------------------------------------------------------------

    def _filtered(self, image_type: str, settings: Settings, prepared: Prepared, log: _Log) -> None:
        specs = [s for s in self.features if not is_shape(s)]
        if not specs:
            return
        for part in _parts(image_type, settings):
            tokens = image_tokens(image_type, part, self.roi.ndim)
            log.clear()
            reason = self._no_image(image_type, part, prepared)
            done: set[str] = set()
            if reason is None:
                try:
                    for token, image, options in _images(image_type, part, prepared):
                        self._image(token, image_type, image, options, specs, prepared, log)
                        done.add(token)
                except Exception as error:  # pyradiomics raises anything; other filters go on
                    reason = f"{image_type} failed in pyradiomics: {_one_line(error)}"
            for token in tokens:
                if token not in done:
                    self._skip(token, specs, reason or log.last(f"{image_type} gave no image"))

    def _no_image(self, image_type: str, settings: Settings, prepared: Prepared) -> str | None:
        if image_type == "Original":
            return None
        if prepared.not_finite:
            return (
                f"{image_type} would spread NaN or infinity from outside the region "
                f"(voxels: {prepared.not_finite})"
            )
        if image_type == "LBP3D" and self.roi.ndim == 2:
            return unsupported_image(image_type, settings, prepared.size, prepared.spacing)
        if self.strict:
            return unsupported_image(image_type, settings, prepared.size, prepared.spacing)
        return None

    def _image(
        self,
        token: str,
        image_type: str,
        image: Any,
        settings: Settings,
        specs: list[FeatureSpec],
        prepared: Prepared,
        log: _Log,
    ) -> None:
        image, mask = _crop(image, prepared.mask, prepared.box)
        values = sitk.GetArrayViewFromImage(image)[sitk.GetArrayViewFromImage(mask) == 1]
        if not np.all(np.isfinite(values)):
            self._skip(token, specs, f"{image_type} gave values that are NaN or infinite")
            return
        for family in dict.fromkeys(s.family for s in specs):
            members = [s for s in specs if s.family == family]
            too_large = family == "glcm" and self.strict
            reason = glcm_too_large(values, settings, self.roi.ndim) if too_large else None
            if reason is not None:
                self._skip(token, members, reason)
                continue
            self._measure(family, members, token, image, mask, settings, log, image_type)

    def _measure(
        self,
        family: str,
        specs: list[FeatureSpec],
        token: str,
        image: Any,
        mask: Any,
        settings: Settings,
        log: _Log,
        image_type: str = "Original",
    ) -> None:
        """Run one pyradiomics feature class and keep values, reasons and flags."""
        log.clear()
        names = {s.pyradiomics_name.split("_", 1)[1]: s for s in specs}
        try:
            calculator = _feature_class(family)(
                image, mask, **{**settings.as_pyradiomics(), "label": 1}
            )
            for name in names:
                calculator.enableFeatureByName(name)
            found = calculator.execute()
            remarks = value_conventions(family, calculator)
        except Exception as error:  # pyradiomics raises anything; other classes go on
            self._skip(token, specs, f"{family} failed in pyradiomics: {_one_line(error)}")
            return
        for name, spec in names.items():
            column = spec.column(self.roi.channel, token)
            value = float(np.real(np.squeeze(found.get(name, np.nan))))
            if not np.isfinite(value):
                self._skip(token, [spec], log.last(_UNDEFINED, logging.ERROR))
                continue
            self.values[column] = value
            remark = remarks.get(name)
            if remark is None and not self.roi.spacing_known:
                remark = in_pixels(spec, image_type)
            if remark is not None:
                self.flags[column] = remark

    def _skip(self, token: str, specs: list[FeatureSpec], reason: str) -> None:
        for spec in specs:
            self.missing[spec.column(self.roi.channel, token)] = reason


def _feature_class(family: str) -> Any:
    module = importlib.import_module(f"radiomics.{family}")
    [found] = [
        member
        for name, member in vars(module).items()
        if name.startswith("Radiomics") and getattr(member, "__module__", "") == module.__name__
    ]
    return found


def _crop(image: Any, mask: Any, box: Any) -> tuple[Any, Any]:
    operations = require("radiomics", purpose="the pyradiomics engine").imageoperations
    cropped: tuple[Any, Any] = operations.cropToTumorMask(image, mask, box)
    return cropped


def _parts(image_type: str, settings: Settings) -> list[Settings]:
    """Cut a filter into parts that can fail alone: one LoG width at a time."""
    if image_type != "LoG":
        return [settings]
    return [
        settings.merged(Settings.model_validate({"sigma": [sigma]}))
        for sigma in sorted(set(settings.sigma))
    ]


def _images(
    image_type: str, settings: Settings, prepared: Prepared
) -> Iterator[tuple[str, Any, Settings]]:
    operations = require("radiomics", purpose="the pyradiomics engine").imageoperations
    make = getattr(operations, f"get{image_type}Image")
    options = {**settings.as_pyradiomics(), "label": 1}
    for image, name, _ in make(prepared.image, prepared.mask, **options):
        yield image_token(name), image, settings


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    name = type(error).__name__
    return f"{name}: {lines[-1]}" if lines else name
