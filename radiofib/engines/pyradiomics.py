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
from radiofib.engines.columns import promised_columns
from radiofib.engines.config import ExtractionConfig
from radiofib.engines.conventions import value_conventions
from radiofib.engines.extraction import Extraction, Measured, Unusable, one_line
from radiofib.engines.prepare import Prepared, prepare
from radiofib.engines.rules import glcm_too_large
from radiofib.engines.settings import Settings
from radiofib.registry import FEATURES, image_token
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

    def get_ready(self, config: ExtractionConfig) -> None:
        """Do nothing: pyradiomics is compiled."""

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
        columns = self.columns(config, roi.channel, roi.ndim)
        with _quiet() as log:
            return _Extraction(roi, config, columns, log).run()


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


class _Extraction(Extraction[Prepared, Any]):
    """One region, with pyradiomics' own functions."""

    def __init__(self, roi: Roi, config: ExtractionConfig, columns: list[str], log: _Log) -> None:
        super().__init__(roi, config, columns)
        self.log = log

    def prepared(self, settings: Settings) -> Prepared:
        return prepare(self.roi, settings)

    def shape(
        self, family: str, names: list[str], prepared: Prepared, settings: Settings
    ) -> Measured:
        image, mask = _crop(prepared.image, prepared.shape_mask, prepared.box)
        return self._class(family, names, image, mask, settings)

    def images(
        self, image_type: str, settings: Settings, prepared: Prepared
    ) -> Iterator[tuple[str, Any]]:
        self.log.clear()
        operations = require("radiomics", purpose="the pyradiomics engine").imageoperations
        make = getattr(operations, f"get{image_type}Image")
        options = {**settings.as_pyradiomics(), "label": 1}
        for image, name, _ in make(prepared.image, prepared.mask, **options):
            yield image_token(name), image

    def measure(
        self,
        image: Any,
        image_type: str,
        settings: Settings,
        prepared: Prepared,
        families: list[str],
    ) -> Iterator[tuple[str, Measured | str]]:
        image, mask = _crop(image, prepared.mask, prepared.box)
        values = sitk.GetArrayViewFromImage(image)[sitk.GetArrayViewFromImage(mask) == 1]
        if not np.all(np.isfinite(values)):
            raise Unusable(f"{image_type} gave values that are NaN or infinite")
        for family in families:
            too_large = family == "glcm" and self.strict
            reason = glcm_too_large(values, settings, self.roi.ndim) if too_large else None
            if reason is not None:
                yield family, reason
                continue
            names = [s.name for s in self.features if s.family == family]
            try:
                found = self._class(family, names, image, mask, settings)
            except Exception as error:  # pyradiomics raises anything; other classes go on
                yield family, f"{family} failed in pyradiomics: {one_line(error)}"
                continue
            yield family, found

    def _class(
        self, family: str, names: list[str], image: Any, mask: Any, settings: Settings
    ) -> Measured:
        """Run one pyradiomics feature class."""
        self.log.clear()
        theirs = {
            FEATURES[f"{family.lower()}_{n}"].pyradiomics_name.split("_", 1)[1]: n for n in names
        }
        calculator = _feature_class(family)(
            image, mask, **{**settings.as_pyradiomics(), "label": 1}
        )
        for name in theirs:
            calculator.enableFeatureByName(name)
        found = calculator.execute()
        remarks = value_conventions(family, calculator)
        values = {
            ours: float(np.real(np.squeeze(found.get(name, np.nan))))
            for name, ours in theirs.items()
        }
        return values, {theirs[n]: text for n, text in remarks.items() if n in theirs}

    def why_no_image(self, image_type: str) -> str:
        return self.log.last(f"{image_type} gave no image")

    def why_no_value(self) -> str:
        return self.log.last(_UNDEFINED, logging.ERROR)


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
