"""Feature tables with known effects, scanner shifts, missing blocks and planted shortcuts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from radiofib._checks import check_known
from radiofib.config import StrictModel
from radiofib.errors import UsageError
from radiofib.registry import aliases, column_name
from radiofib.simulate._deal import check_per_stage, deal, stage_facts
from radiofib.simulate._random import child_rng, even_flags
from radiofib.simulate.laws import StageLaw
from radiofib.table import CODEBOOK_COLUMNS, MISSING_COLUMNS, FeatureTable

__all__ = ["Shortcuts", "SimulatedTable", "TableScanner", "TableSettings", "simulate_table"]

_REASON = "channel was not taken"


class TableScanner(StrictModel):
    """One scanner of a tabular cohort.

    Parameters
    ----------
    name : str
        Name in the ``scanner`` column.
    weight : float
        Share of the patients.
    stage_weights : tuple of float
        Stage mix; unequal mixes confound scanner and stage.
    missing : dict of channel to tuple of float
        Rate at which a channel's block is missing, for each stage; rates that differ between
        stages make missingness informative.
    """

    name: str
    weight: float = Field(default=1.0, gt=0)
    stage_weights: tuple[float, ...] = (1, 1, 1, 1)
    missing: dict[str, tuple[float, ...]] = Field(default_factory=dict)


class Shortcuts(StrictModel):
    """What a model could learn instead of the disease; nothing by default.

    Parameters
    ----------
    geometry : float
        Rise of the column ``geom_matrix`` with stage level, in its own standard deviations
        within a stage; 0 leaves it unrelated to stage.
    id_column : bool
        Add a feature column ``case_number`` whose numbers were given out in order of stage.
    duplicates : int
        Rows that repeat another patient's features under a new name.
    """

    geometry: float = 0.0
    id_column: bool = False
    duplicates: int = Field(default=0, ge=0)


class TableSettings(StrictModel):
    """How a tabular cohort is made.

    Feature f of patient i on scanner s is
    ``scale_sf * (effect_f z_i + common g_ic + e_if) + shift_sf`` with trait z, one factor g for
    each channel, and noise e whose variance brings everything but z to 1. A second row of the
    same patient shares z and g and half of e's variance.

    Parameters
    ----------
    stages, channels : tuple of str
        Labels in order; names of the blocks.
    features_per_channel : int
        Width of a block.
    informative : float
        Share of features with an effect.
    effect : float
        Size of these effects; signs and sizes vary by feature (x 0.5 to 1.5).
    common : float
        Loading on the channel's factor: features of a channel correlate by its square.
    shift_sd, scale_sd : float
        Deviation between scanners of each feature's mean and log scale.
    scanners : tuple of TableScanner
        Their mixes; equal by default, so scanner and stage are not confounded.
    rows_per_patient : int
        Rows of each patient.
    stage_law : StageLaw
        ``StageLaw(step=0)`` makes the null cohort.
    shortcuts : Shortcuts
        What to plant.
    """

    stages: tuple[str, ...] = ("s1", "s2", "s3", "s4")
    channels: tuple[str, ...] = ("t1", "t2", "dwi", "ged4")
    features_per_channel: int = Field(default=25, ge=1)
    informative: float = Field(default=0.2, ge=0, le=1)
    effect: float = 0.4
    common: float = Field(default=0.5, ge=0, lt=1)
    shift_sd: float = Field(default=0.5, ge=0)
    scale_sd: float = Field(default=0.1, ge=0)
    scanners: tuple[TableScanner, ...] = (
        TableScanner(name="A"),
        TableScanner(name="B1"),
        TableScanner(name="B2"),
    )
    rows_per_patient: int = Field(default=1, ge=1)
    stage_law: StageLaw = StageLaw()
    shortcuts: Shortcuts = Shortcuts()


@dataclass(frozen=True, eq=False)
class SimulatedTable:
    """A feature table and the truth it was made from.

    Parameters
    ----------
    table : FeatureTable
        What a study is given; ``obs`` has case, patient, stage, scanner and ``geom_matrix``.
    trait : ndarray
        Latent trait of each row.
    effects : Series
        Effect of the trait on each feature, at scale 1.
    shifts : DataFrame
        Shift of each feature (column) at each scanner (row).
    duplicates : tuple of (case, case)
        Planted pairs, copy first.
    auc_ceiling : dict
        Best AUC the trait allows for "stage k or higher" at the cohort's mix.
    """

    table: FeatureTable
    trait: NDArray[np.float64]
    effects: pd.Series
    shifts: pd.DataFrame
    duplicates: tuple[tuple[str, str], ...]
    auc_ceiling: dict[str, float]


def simulate_table(
    n_patients: int = 120, *, seed: int = 0, settings: TableSettings | None = None
) -> SimulatedTable:
    """Simulate a feature table.

    Patient k is the same whatever `n_patients` is (planted duplicates aside).

    Examples
    --------
    >>> made = simulate_table(8, settings=TableSettings(channels=("t1",), features_per_channel=2))
    >>> made.table.X.round(2).head(2)
       t1_original_sim_f001  t1_original_sim_f002
    0                 -0.26                  2.61
    1                  0.55                  1.38
    >>> made.table.obs["stage"].tolist()
    ['s1', 's1', 's1', 's2', 's2', 's2', 's3', 's3']
    """
    settings = settings or TableSettings()
    _check(settings)
    dealt = deal(settings.scanners, settings.stages, n_patients)
    scanner_of, level_of = [s for s, _ in dealt], [level for _, level in dealt]
    columns = _columns(settings)
    effects, shifts, scales = _laws(settings, columns, seed)
    trait = np.zeros(n_patients)
    values = []
    for k in range(n_patients):
        rng = child_rng(seed, "table-patient", k)
        trait[k] = settings.stage_law.draw(level_of[k], rng)
        clean = _patient(settings, trait[k], effects.to_numpy(), rng)
        values.append(clean * scales[scanner_of[k]] + shifts.to_numpy()[scanner_of[k]])
    rows = settings.rows_per_patient
    X = pd.DataFrame(np.concatenate(values), columns=columns)
    obs = _obs(settings, scanner_of, level_of, seed)
    pairs = _plant(settings, X, obs, seed)
    missing = _take_away(settings, X, obs, scanner_of, level_of, seed)
    table = FeatureTable(X, obs, _codebook(settings, list(X.columns)), missing, {"simulated": seed})
    facts = stage_facts(settings.stage_law, settings.stages, level_of)
    return SimulatedTable(
        table, np.repeat(trait, rows), effects, shifts, pairs, facts["auc_ceiling"]
    )


def _check(settings: TableSettings) -> None:
    for scanner in settings.scanners:
        for channel, rates in scanner.missing.items():
            check_per_stage(f"missing {channel}", rates, settings.stages, scanner.name)
            check_known(
                channel,
                settings.channels,
                what="channel among the missing ones",
                where=f"scanner {scanner.name}",
            )


def _columns(settings: TableSettings) -> list[str]:
    return [
        column_name(channel, "original", "sim", f"f{j + 1:03d}")
        for channel in settings.channels
        for j in range(settings.features_per_channel)
    ]


def _laws(
    settings: TableSettings, columns: list[str], seed: int
) -> tuple[pd.Series, pd.DataFrame, NDArray[np.float64]]:
    width = settings.features_per_channel
    effects = []
    for c in range(len(settings.channels)):
        rng = child_rng(seed, "table-effects", c)
        chosen = rng.permutation(width) < round(settings.informative * width)
        size = rng.uniform(0.5, 1.5, width) * rng.choice([-1, 1], width)
        effects.append(np.where(chosen, settings.effect * size, 0.0))
    names = [s.name for s in settings.scanners]
    drawn = [child_rng(seed, "table-scanner", s) for s in range(len(names))]
    shifts = np.array([settings.shift_sd * r.standard_normal(len(columns)) for r in drawn])
    scales = np.exp([settings.scale_sd * r.standard_normal(len(columns)) for r in drawn])
    return (
        pd.Series(np.concatenate(effects), index=columns),
        pd.DataFrame(shifts, index=names, columns=columns),
        scales,
    )


def _patient(
    settings: TableSettings, trait: float, effects: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the patient's rows, before the scanner."""
    width, count = settings.features_per_channel, len(effects)
    factor = np.repeat(rng.standard_normal(len(settings.channels)), width)
    noise = np.sqrt(1 - settings.common**2)
    lasting = rng.standard_normal(count)
    rows = []
    for _ in range(settings.rows_per_patient):
        e = lasting
        if settings.rows_per_patient > 1:
            e = np.sqrt(0.5) * lasting + np.sqrt(0.5) * rng.standard_normal(count)
        rows.append(effects * trait + settings.common * factor + noise * e)
    return np.array(rows)


def _obs(
    settings: TableSettings, scanner_of: list[int], level_of: list[int], seed: int
) -> pd.DataFrame:
    rows = settings.rows_per_patient
    records = []
    for k, (s, level) in enumerate(zip(scanner_of, level_of, strict=True)):
        rng = child_rng(seed, "table-geometry", k)
        matrix = 256 + 32 * s + 8 * (rng.standard_normal() + settings.shortcuts.geometry * level)
        for r in range(rows):
            case = f"p{k + 1:04d}" if rows == 1 else f"p{k + 1:04d}-{r + 1}"
            records.append(
                {
                    "case": case,
                    "patient": f"p{k + 1:04d}",
                    "stage": settings.stages[level],
                    "scanner": settings.scanners[s].name,
                    "geom_matrix": round(float(matrix), 3),
                }
            )
    obs = pd.DataFrame(records)
    obs["stage"] = pd.Categorical(obs["stage"], categories=list(settings.stages), ordered=True)
    return obs


def _plant(
    settings: TableSettings, X: pd.DataFrame, obs: pd.DataFrame, seed: int
) -> tuple[tuple[str, str], ...]:
    """Copy rows over rows of other patients, and number the cases by stage, if asked."""
    plants = settings.shortcuts
    pairs = []
    if plants.duplicates:
        order = child_rng(seed, "table-duplicates").permutation(len(X))
        if 2 * plants.duplicates > len(X):
            raise UsageError("too few rows for the duplicates", found=str(len(X)))
        for source, copy in order[: 2 * plants.duplicates].reshape(-1, 2):
            X.iloc[copy] = X.iloc[source].to_numpy()
            pairs.append((str(obs["case"].iloc[copy]), str(obs["case"].iloc[source])))
    if plants.id_column:
        rank = np.lexsort((np.arange(len(obs)), obs["stage"].cat.codes))
        number = np.empty(len(obs))
        number[rank] = np.arange(1.0, len(obs) + 1)
        X["case_number"] = number
    return tuple(pairs)


def _take_away(
    settings: TableSettings,
    X: pd.DataFrame,
    obs: pd.DataFrame,
    scanner_of: list[int],
    level_of: list[int],
    seed: int,
) -> pd.DataFrame:
    """Make blocks missing and list why."""
    rows = settings.rows_per_patient
    reasons: list[dict[str, str]] = []
    for s, scanner in enumerate(settings.scanners):
        for channel, rates in sorted(scanner.missing.items()):
            block = [c for c in X.columns if c.startswith(f"{channel}_")]
            for level, rate in enumerate(rates):
                key = (s, settings.channels.index(channel), level)
                offset = float(child_rng(seed, "table-missing", *key).random())
                own = [
                    k
                    for k, pair in enumerate(zip(scanner_of, level_of, strict=True))
                    if pair == (s, level)
                ]
                for k, gone in zip(own, even_flags(rate, len(own), offset), strict=True):
                    for row in range(k * rows, (k + 1) * rows) if gone else ():
                        X.loc[row, block] = np.nan
                        case = str(obs["case"].iloc[row])
                        reasons += [
                            {"case": case, "instance": "", "column": c, "reason": _REASON}
                            for c in block
                        ]
    return pd.DataFrame(reasons, columns=list(MISSING_COLUMNS)).astype("str")


def _codebook(settings: TableSettings, columns: list[str]) -> pd.DataFrame:
    short = aliases(columns)
    records = []
    for column in columns:
        channel, _, rest = column.partition("_")
        simulated = channel in settings.channels
        record = dict.fromkeys(CODEBOOK_COLUMNS, "")
        record |= {"column": column, "label": f"simulated feature {column}", "unit": "1"}
        record |= {"channel": channel if simulated else "", "alias": short[column]}
        record |= {"image": "original", "family": "sim", "feature": rest.split("_")[-1]}
        records.append(record | {"formula": "see TableSettings", "citation": "simulated"})
    return pd.DataFrame(records, columns=list(CODEBOOK_COLUMNS))
