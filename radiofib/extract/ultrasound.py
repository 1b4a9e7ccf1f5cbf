"""Features of B-mode ultrasound, beside an engine's texture: section ``ultrasound``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radiofib.cohort import Acquisition
from radiofib.cohort.columns import KIDNEY_COLUMN
from radiofib.engines import ExtractionConfig, RoiFeatures
from radiofib.errors import RadiofibError
from radiofib.features.ultrasound.settings import Machine, UltrasoundSettings
from radiofib.images import hash_source, load_roi
from radiofib.provenance import hash_object
from radiofib.registry import ULTRASOUND_FEATURES, FeatureSpec
from radiofib.roi import Roi

__all__ = [
    "compile_ultrasound",
    "region_of_echoes",
    "ultrasound_columns",
    "ultrasound_inputs",
    "with_ultrasound_features",
]


def _specs(config: ExtractionConfig, channel: str, ndim: int) -> list[FeatureSpec]:
    settings = config.ultrasound
    if settings is None or channel not in settings.channels:
        return []
    return [s for s in ULTRASOUND_FEATURES if s.family in settings.features and s.applies_to(ndim)]


def ultrasound_columns(config: ExtractionConfig, channel: str, ndim: int) -> list[str]:
    """Return the columns that section ``ultrasound`` of a configuration adds for one channel.

    Examples
    --------
    >>> config = ExtractionConfig.parse({"ultrasound": {"features": ["depth"]}}, where="example")
    >>> ultrasound_columns(config, "us", 2)
    ['us_original_depth_attenuation', 'us_original_depth_grey_depth_slope']
    >>> ultrasound_columns(config, "t1", 3)
    []
    """
    return [spec.column(channel) for spec in _specs(config, channel, ndim)]


def ultrasound_inputs(acquisition: Acquisition, config: ExtractionConfig) -> dict[str, str]:
    """Return hashes of what the values depend on besides image and mask: machine and kidney."""
    settings = config.ultrasound
    if settings is None or acquisition.channel not in settings.channels:
        return {}
    machine = _machine(acquisition, settings)
    found = {"machine": hash_object(machine.model_dump(mode="json"))}
    if (kidney := acquisition.extra.get(KIDNEY_COLUMN)) is not None:
        found[KIDNEY_COLUMN] = hash_source(kidney)
    return found


def with_ultrasound_features(
    features: RoiFeatures, roi: Roi, acquisition: Acquisition, config: ExtractionConfig
) -> RoiFeatures:
    """Add what section ``ultrasound`` asks for to an engine's features.

    Parameters
    ----------
    features : RoiFeatures
        Of the engine.
    roi : Roi
        The region, with the greys as the machine showed them.
    acquisition : Acquisition
        Whose scanner names the machine, whose ``kidney_mask`` the renal cortex, and whose
        ``apex_y_px, apex_x_px`` the place where the beams meet, unless the settings say it.
    config : ExtractionConfig
        What was asked for.
    """
    specs = _specs(config, roi.channel, roi.ndim)
    settings = config.ultrasound
    if not specs or settings is None:
        return features
    from radiofib.features.ultrasound import ultrasound_features

    kidney, reason = None, ""
    if "hepatorenal" in settings.features:
        kidney, reason = _kidney(acquisition)
    found = ultrasound_features(
        roi,
        _machine(acquisition, settings),
        families=settings.features,
        kidney=kidney,
    )
    columns = {spec.key: spec.column(roi.channel) for spec in specs}
    missing = {
        columns[key]: reason if reason and key.startswith("hepatorenal") else why
        for key, why in found.missing.items()
    }
    return RoiFeatures(
        features.values | {column: found.values[key] for key, column in columns.items()},
        features.missing | missing,
        features.flags | {columns[key]: remark for key, remark in found.flags.items()},
    )


def _machine(acquisition: Acquisition, settings: UltrasoundSettings) -> Machine:
    """Return what is known of the machine, and where the beams of this very picture meet."""
    machine = settings.machine_of(acquisition.scanner)
    row, column = (acquisition.extra.get(name) for name in ("apex_y_px", "apex_x_px"))
    if row is None or column is None or machine.apex_px is not None:
        return machine
    return machine.model_copy(update={"apex_px": (float(row), float(column))})


def region_of_echoes(drawn: Roi, measured: Roi) -> Roi:
    """Return the greys as they came under the region as it was cleaned."""
    if drawn.pixels.shape != measured.mask.shape:
        return drawn
    return drawn if drawn is measured else replace(drawn, mask=measured.mask)


def _kidney(acquisition: Acquisition) -> tuple[NDArray[np.bool_] | None, str]:
    """Return the renal cortex on the grid of the image, or why a given mask cannot be used."""
    path = acquisition.extra.get(KIDNEY_COLUMN)
    if path is None:
        return None, ""
    try:
        return load_roi(acquisition.image, path, channel=acquisition.channel).mask, ""
    except RadiofibError as error:
        return None, f"the mask of the kidney cannot be used: {error.problem}"


def compile_ultrasound(config: ExtractionConfig) -> None:
    """Compile the kernels before worker processes need them."""
    if config.ultrasound is not None:
        from radiofib.features.ultrasound import ultrasound_features

        pixels = np.arange(1600.0).reshape(40, 40) % 97
        ultrasound_features(Roi(pixels, pixels >= 0, (1.0, 1.0), "us"))
