"""What an engine is: a region and a configuration in, numbers and reasons out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from radiofib._checks import check_known
from radiofib.engines.config import ExtractionConfig
from radiofib.errors import ConfigError
from radiofib.roi import Roi

__all__ = ["Engine", "RoiFeatures", "get_engine"]


@dataclass(frozen=True)
class RoiFeatures:
    """Values of one region: every promised column, and why some are missing or special.

    Parameters
    ----------
    values : dict
        Column to value, in column order; NaN when missing.
    missing : dict
        Column to reason, for exactly the columns that are NaN.
    flags : dict
        Column to remark, for values that are a convention and not a measurement (the
        skewness of equal intensities is 0 by convention), or in pixels and not in mm.

    Examples
    --------
    >>> RoiFeatures({"t1_original_firstorder_mean": 4.0}).missing
    {}
    """

    values: dict[str, float]
    missing: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """Computes features of regions."""

    @property
    def name(self) -> str:
        """Name as in a configuration."""

    @property
    def version(self) -> str:
        """Everything whose change may change a value: part of the key of a finished piece."""

    def columns(self, config: ExtractionConfig, channel: str, ndim: int) -> list[str]:
        """Return the columns :meth:`extract` fills, in table order."""

    def get_ready(self, config: ExtractionConfig) -> None:
        """Do what would else be done first in every worker process."""

    def extract(self, roi: Roi, config: ExtractionConfig) -> RoiFeatures:
        """Compute the features of a region.

        Raises
        ------
        EngineError
            When nothing can be computed, because the image holds no usable numbers.
        """


def _pyradiomics(threads: int) -> Engine:  # noqa: ARG001 - its state is that of the process
    from radiofib.engines.pyradiomics import PyradiomicsEngine

    return PyradiomicsEngine()


def _native(threads: int) -> Engine:
    from radiofib.engines.native import NativeEngine

    return NativeEngine(threads=threads)


_ENGINES: dict[str, Callable[[int], Engine]] = {"native": _native, "pyradiomics": _pyradiomics}


def get_engine(name: str, *, threads: int = 1) -> Engine:
    """Return the engine of a name.

    Parameters
    ----------
    name : str
        ``native`` or ``pyradiomics``.
    threads : int
        Threads for one region, where the engine can use them; values do not depend on it.

    Raises
    ------
    ConfigError
        When there is no such engine.
    MissingExtraError
        When what it needs is not installed.

    Examples
    --------
    >>> get_engine("pyradiomic")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: unknown engine 'pyradiomic' (expected native, pyradiomics). Next:
    did you mean 'pyradiomics'?
    """
    return _ENGINES[check_known(name, _ENGINES, what="engine", error=ConfigError)](threads)
