"""Feature tables in which the worth of each design choice was planted by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from radiofib.config import StrictModel
from radiofib.registry import column_name
from radiofib.simulate._deal import deal
from radiofib.simulate._random import child_rng
from radiofib.simulate.cohorts import TableScanner
from radiofib.simulate.laws import StageLaw
from radiofib.table import FeatureTable

__all__ = ["AblationSettings", "SimulatedAblation", "simulate_ablation_table"]

#: Family that holds what is known of the stage, and two that hold noise of the same kind.
SIGNAL, DECOYS = "firstorder", ("glcm", "glrlm")


class AblationSettings(StrictModel):
    """What each design choice is worth.

    Feature f of channel c, patient i, scanner s is
    ``a_cf z_i + common g_ic + sqrt(1 - common^2) e_if + shift_sf`` with trait z, one factor g for
    each channel and noise e. Choices that then matter, each by its own parameter:

    - which **channels** are seen: `effects`;
    - whether **scanners are harmonised**: `shift_sd` and the stage mixes of `scanners`. Where
      mixes differ, the scanner tells the stage to a model that sees the shift;
    - whether **features are selected**: `noise`, features that know nothing;
    - which of two **families** of noise is added to the first: none. Both are `decoys` wide and
      follow the same law, so that the choice changes nothing but chance.

    Parameters
    ----------
    stages : tuple of str
    effects : dict of channel to float
        Size of the effect of the trait on an informative feature; signs vary, sizes by x 0.5
        to 1.5.
    informative, noise : int
        Features of a channel with and without an effect, in the family ``firstorder``.
    decoys : int
        Features of a channel without an effect in each of the families ``glcm`` and ``glrlm``.
    common : float
        Loading on the channel's factor.
    shift_sd : float
        Standard deviation, between scanners, of the mean of each feature.
    scanners : tuple of TableScanner
    stage_law : StageLaw
        ``StageLaw(step=0)`` makes every choice worthless.
    """

    stages: tuple[str, ...] = ("s1", "s2", "s3", "s4")
    effects: dict[str, float]
    informative: int = Field(default=5, ge=0)
    noise: int = Field(default=40, ge=0)
    decoys: int = Field(default=5, ge=1)
    common: float = Field(default=0.3, ge=0, lt=1)
    shift_sd: float = Field(default=0.0, ge=0)
    scanners: tuple[TableScanner, ...]
    stage_law: StageLaw = StageLaw()


@dataclass(frozen=True, eq=False)
class SimulatedAblation:
    """A feature table and the truth it was made from.

    Parameters
    ----------
    table : FeatureTable
        ``obs`` has case, patient, stage and scanner.
    trait : ndarray
        Latent trait of each row.
    effects : Series
        Effect of the trait on each feature.
    shifts : DataFrame
        Shift of each feature (column) at each scanner (row).
    """

    table: FeatureTable
    trait: NDArray[np.float64]
    effects: pd.Series
    shifts: pd.DataFrame


def simulate_ablation_table(
    n_patients: int, *, seed: int, settings: AblationSettings
) -> SimulatedAblation:
    """Simulate a table in which design choices have known worth.

    Patient k is the same whatever `n_patients` is.

    Examples
    --------
    >>> scanners = (TableScanner(name="A"), TableScanner(name="B"))
    >>> settings = AblationSettings(effects={"t1": 0.3}, informative=1, noise=1, decoys=1,
    ...                             scanners=scanners)
    >>> made = simulate_ablation_table(8, seed=1, settings=settings)
    >>> list(made.table.X)[:3]
    ['t1_original_firstorder_f001', 't1_original_firstorder_f002', 't1_original_glcm_f001']
    >>> (made.effects != 0).tolist()
    [True, False, False, False]
    """
    dealt = deal(settings.scanners, settings.stages, n_patients)
    scanner = np.array([s for s, _ in dealt])
    level = np.array([j for _, j in dealt])
    columns, effects = _laws(settings, seed)
    shifts = settings.shift_sd * np.array(
        [
            child_rng(seed, "ablation-scanner", s).standard_normal(len(columns))
            for s in range(len(settings.scanners))
        ]
    )
    channel_of = np.array([list(settings.effects).index(c.split("_")[0]) for c in columns])
    trait = np.zeros(n_patients)
    values = np.empty((n_patients, len(columns)))
    for k in range(n_patients):
        rng = child_rng(seed, "ablation-patient", k)
        trait[k] = settings.stage_law.draw(int(level[k]), rng)
        factor = rng.standard_normal(len(settings.effects))[channel_of]
        own = np.sqrt(1 - settings.common**2) * rng.standard_normal(len(columns))
        values[k] = effects * trait[k] + settings.common * factor + own + shifts[scanner[k]]
    names = [f"p{k + 1:04d}" for k in range(n_patients)]
    obs = pd.DataFrame({"case": names, "patient": names})
    stages = [settings.stages[j] for j in level]
    obs["stage"] = pd.Categorical(stages, categories=list(settings.stages), ordered=True)
    obs["scanner"] = [settings.scanners[s].name for s in scanner]
    X = pd.DataFrame(values, columns=columns)
    return SimulatedAblation(
        FeatureTable(X, obs, provenance={"simulated": seed}),
        trait,
        pd.Series(effects, index=columns),
        pd.DataFrame(shifts, index=[s.name for s in settings.scanners], columns=columns),
    )


def _laws(settings: AblationSettings, seed: int) -> tuple[list[str], NDArray[np.float64]]:
    """Return the columns and the effect of the trait on each."""
    columns: list[str] = []
    effects: list[NDArray[np.float64]] = []
    for number, (channel, effect) in enumerate(settings.effects.items()):
        rng = child_rng(seed, "ablation-effects", number)
        count = settings.informative
        sizes = effect * rng.uniform(0.5, 1.5, count) * rng.choice([-1, 1], count)
        blank = np.zeros(settings.noise + len(DECOYS) * settings.decoys)
        effects += [sizes, blank]
        widths = {SIGNAL: count + settings.noise, **dict.fromkeys(DECOYS, settings.decoys)}
        columns += [
            column_name(channel, "original", family, f"f{j + 1:03d}")
            for family, width in widths.items()
            for j in range(width)
        ]
    return columns, np.concatenate(effects)
