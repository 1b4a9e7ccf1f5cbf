"""Simulated pictures with known statistics, and what must come back, as stated beforehand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.features.ultrasound import LogCompression, Machine
from radiofib.roi import Roi
from radiofib.simulate.speckle import (
    attenuated_speckle,
    fractal_surface,
    homodyned_k_envelope,
    nakagami_envelope,
    to_greys,
)
from radiofib.simulate.ultrasound import log_compress, speckle_envelope

FILE = Path(__file__).parents[2] / "reference" / "ultrasound_truth.csv"
#: How envelopes become pictures: 90 dB, from -75 to +15 dB about an amplitude of 1.
GAIN_DB, RANGE_DB = 30.0, 90.0
LAW = LogCompression(dynamic_range_db=RANGE_DB, top_db=RANGE_DB / 2 - GAIN_DB)


@dataclass(frozen=True)
class Case:
    """One row of the reference: a picture, what is known of the machine, and the truth."""

    name: str
    set: str
    feature: str
    simulator: str
    parameters: dict[str, Any]
    shape: tuple[int, int]
    seeds: int
    truth: float
    tolerance: float
    relative: bool

    @property
    def allowed(self) -> float:
        return self.tolerance * abs(self.truth) if self.relative else self.tolerance

    @property
    def machine(self) -> Machine:
        if self.simulator == "fractal_surface":
            return Machine()
        extra = {k: self.parameters[k] for k in ("frequency_mhz",) if k in self.parameters}
        return Machine(compression=LAW, flat_tgc=True, **extra)

    def roi(self, seed: int) -> Roi:
        rng = np.random.default_rng(seed)
        greys = _DRAWN[self.simulator](self.shape, rng, self.parameters)
        spacing = float(self.parameters.get("pixel_mm", 0.3))
        return Roi(greys, np.ones(greys.shape, bool), (spacing, spacing), "us")


def _speckle(
    shape: tuple[int, int], rng: np.random.Generator, parameters: dict[str, Any]
) -> NDArray[np.uint8]:
    return _compressed(speckle_envelope(np.ones(shape), rng=rng, **parameters))


def _compressed(envelope: NDArray[np.float64]) -> NDArray[np.uint8]:
    return log_compress(envelope, gain_db=GAIN_DB, dynamic_range_db=RANGE_DB)


_DRAWN: dict[str, Callable[..., NDArray[np.uint8]]] = {
    "speckle_envelope": _speckle,
    "nakagami_envelope": lambda s, r, p: _compressed(nakagami_envelope(s, r, **p)),
    "homodyned_k_envelope": lambda s, r, p: _compressed(homodyned_k_envelope(s, r, **p)),
    "attenuated_speckle": lambda s, r, p: _compressed(attenuated_speckle(s, r, **p)),
    "fractal_surface": lambda s, r, p: to_greys(fractal_surface(s, r, **p)),
}


def cases() -> list[Case]:
    """Read the reference."""
    return [
        Case(
            row.case,
            row.set,
            row.feature,
            row.simulator,
            json.loads(row.parameters),
            (row.rows, row.columns),
            row.seeds,
            row.truth,
            row.tolerance,
            row.kind == "relative",
        )
        for row in pd.read_csv(FILE).itertuples(index=False)
    ]
