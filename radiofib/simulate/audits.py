"""Feature tables for audits: clean ones, and ones in which each problem was planted by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from radiofib.config import StrictModel
from radiofib.errors import UsageError
from radiofib.simulate._random import child_rng
from radiofib.simulate.cohorts import Shortcuts, TableScanner, TableSettings, simulate_table
from radiofib.simulate.laws import StageLaw
from radiofib.table import FeatureTable

__all__ = [
    "LIFS_MIX",
    "PLANTED",
    "AuditPlants",
    "PlantedCopies",
    "SimulatedAudit",
    "simulate_audit_table",
]

#: Training cases of LiFS by scanner and stage S1 to S4 (data card ``lifs``).
LIFS_MIX = {"A": (55, 25, 12, 38), "B1": (39, 29, 11, 91), "B2": (3, 10, 9, 38)}
_CHANNELS = ("t1", "t2", "dwi", "ged4")


class PlantedCopies(StrictModel):
    """Rows of one patient that return under the name of another.

    Parameters
    ----------
    pairs : int
        How many.
    noise : float
        Noise added to the copy, in standard deviations of each feature; 0 is an exact copy.
    stages : {"same", "different"}
        Whether the other patient has the same stage.
    splits : {"same", "different"}
        Whether the other patient is in the same published split.
    """

    pairs: int = Field(ge=1)
    noise: float = Field(default=0.0, ge=0)
    stages: Literal["same", "different"] = "same"
    splits: Literal["same", "different"] = "same"


class AuditPlants(StrictModel):
    """What is wrong with a table; nothing by default.

    Parameters
    ----------
    scanner_mix : dict of scanner to tuple of float
        Weights of the stages at each scanner. Unequal mixes let the scanner tell the stage. By
        default the three scanners are equal.
    scanner_shift : float
        Standard deviation, between scanners, of the mean of each feature.
    geometry : float
        Rise of the image matrix with each stage, in its own standard deviations.
    copies : tuple of PlantedCopies
        Copies, exact or near.
    missing : dict of scanner to tuple of float
        Rates at which DWI is missing for each stage at a scanner, on top of `missing_everywhere`.
    id_column : bool
        A feature column of case numbers that were given out in order of stage.
    id_step : int
        Distance between these numbers.
    split_patients : int
        Patients with rows in both splits; needs two rows for each patient.
    """

    scanner_mix: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    scanner_shift: float = Field(default=0.0, ge=0)
    geometry: float = 0.0
    copies: tuple[PlantedCopies, ...] = ()
    missing: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    id_column: bool = False
    id_step: int = Field(default=1, ge=1)
    split_patients: int = Field(default=0, ge=0)


#: All problems at once, as strong as they are in LiFS: its mix of stages, its eight pairs of
#: equal cases, three of them across splits, and DWI missing at B1 in 25/79 and 2/91.
PLANTED = AuditPlants(
    scanner_mix={name: tuple(map(float, mix)) for name, mix in LIFS_MIX.items()},
    scanner_shift=0.5,
    geometry=0.5,
    copies=(
        PlantedCopies(pairs=3),
        PlantedCopies(pairs=3, splits="different"),
        PlantedCopies(pairs=2, stages="different"),
        PlantedCopies(pairs=4, noise=0.05),
    ),
    missing={"B1": (0.32, 0.32, 0.32, 0.02)},
    id_column=True,
)


@dataclass(frozen=True, eq=False)
class SimulatedAudit:
    """A table, what is wrong with it, and what may follow from that.

    Parameters
    ----------
    table : FeatureTable
        ``obs`` has case, patient, stage, scanner, split and ``geom_matrix``.
    wrong : frozenset of str
        Names of the checks of the audit that must find something.
    follows : frozenset of str
        Checks that may find something too, because one problem shows in several of them.
    copies : tuple of (str, str, bool)
        Planted pairs: the copy, its source, and whether it is exact.
    missing_channel, id_column : str
        The informative channel and the column of case numbers; empty when not planted.
    """

    table: FeatureTable
    wrong: frozenset[str]
    follows: frozenset[str]
    copies: tuple[tuple[str, str, bool], ...]
    missing_channel: str = ""
    id_column: str = ""


def simulate_audit_table(
    n_patients: int = 360,
    *,
    seed: int = 0,
    plants: AuditPlants | None = None,
    features_per_channel: int = 15,
    stage_step: float = 0.6,
    rows_per_patient: int = 1,
    missing_everywhere: float = 0.05,
) -> SimulatedAudit:
    """Simulate a table with known problems, or none.

    A clean table is not an empty one. Its features know the stage; one channel is missing at
    random; it holds columns that look wrong and are not: voxel counts (whole numbers, all
    different), ages (whole numbers), a constant, two columns that are nearly the same, a column
    with a heavy tail; patients with two rows resemble themselves. Patients stand in random
    order, which says nothing of their stage.

    Parameters
    ----------
    n_patients : int
    seed : int
    plants : AuditPlants, optional
        What is wrong; nothing by default.
    features_per_channel : int
    stage_step : float
        Distance between stages in the trait (:class:`StageLaw`); 0 leaves features without any
        knowledge of the stage.
    rows_per_patient : int
    missing_everywhere : float
        Rate at which DWI is missing in every stage and at every scanner.

    Examples
    --------
    >>> clean = simulate_audit_table(24, seed=1)
    >>> sorted(clean.wrong), clean.table.n_rows
    ([], 24)
    >>> plants = AuditPlants(id_column=True, copies=(PlantedCopies(pairs=1),))
    >>> sorted(simulate_audit_table(24, seed=1, plants=plants).wrong)
    ['exact_duplicates', 'identifiers']
    """
    plants = plants or AuditPlants()
    mix = plants.scanner_mix or dict.fromkeys(LIFS_MIX, (1.0, 1.0, 1.0, 1.0))
    everywhere = (missing_everywhere,) * 4
    scanners = tuple(
        TableScanner(
            name=name,
            weight=sum(weights),
            stage_weights=weights,
            missing={"dwi": plants.missing.get(name, everywhere)},
        )
        for name, weights in mix.items()
    )
    settings = TableSettings(
        channels=_CHANNELS,
        features_per_channel=features_per_channel,
        shift_sd=plants.scanner_shift,
        scale_sd=0.0,
        scanners=scanners,
        rows_per_patient=rows_per_patient,
        stage_law=StageLaw(step=stage_step),
        shortcuts=Shortcuts(geometry=plants.geometry),
    )
    made = simulate_table(n_patients, seed=seed, settings=settings).table
    X, obs = _shuffled(made, seed)
    obs["split"] = _splits(obs, plants.split_patients, seed)
    _add_decoys(X, seed)
    copies = _plant_copies(X, obs, plants.copies, seed)
    column = ""
    if plants.id_column:
        column = "case_number"
        X[column] = _numbers(obs, plants.id_step)
    table = FeatureTable(X, obs)
    wrong, follows = _truth(plants, copies)
    channel = "dwi" if plants.missing else ""
    return SimulatedAudit(table, wrong, follows, copies, channel, column)


def _shuffled(table: FeatureTable, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put patients into random order and number them in it."""
    patients = table.obs["patient"].unique()
    order = child_rng(seed, "audit-order").permutation(len(patients))
    place = {patients[old]: new for new, old in enumerate(order)}
    rank = table.obs["patient"].map(place).to_numpy()
    rows = np.argsort(rank, kind="stable")
    X = table.X.iloc[rows].reset_index(drop=True)
    obs = table.obs.iloc[rows].reset_index(drop=True)
    number = rank[rows] + 1
    obs["patient"] = [f"p{k:04d}" for k in number]
    within = obs.groupby("patient").cumcount() + 1
    several = within.max() > 1
    obs["case"] = [
        f"p{k:04d}-{r}" if several else f"p{k:04d}" for k, r in zip(number, within, strict=True)
    ]
    return X, obs


def _splits(obs: pd.DataFrame, torn: int, seed: int) -> list[str]:
    """Give three in ten patients to the test split; tear some patients apart if asked."""
    patients = obs["patient"].unique()
    order = child_rng(seed, "audit-split").permutation(len(patients))
    test = set(patients[order[: round(0.3 * len(patients))]])
    split = ["test" if p in test else "train" for p in obs["patient"]]
    if torn and not obs["patient"].duplicated().any():
        raise UsageError("patients with one row cannot be torn apart", hint="rows_per_patient=2")
    for patient in patients[order[-torn:]] if torn else ():
        split[int(np.flatnonzero(obs["patient"] == patient)[-1])] = "test"
    return split


def _plant_copies(
    X: pd.DataFrame, obs: pd.DataFrame, planted: tuple[PlantedCopies, ...], seed: int
) -> tuple[tuple[str, str, bool], ...]:
    """Write rows over rows of other patients; every row takes part at most once."""
    pairs: list[tuple[str, str, bool]] = []
    free = child_rng(seed, "audit-copies").permutation(len(X)).tolist()
    spread = X.std().to_numpy()
    columns = {name: obs[name].astype(str).to_numpy() for name in ("stage", "split", "patient")}
    for kind, wanted in enumerate(planted):
        rng = child_rng(seed, "audit-copy-noise", kind)
        for _ in range(wanted.pairs):
            found = next(
                (
                    (a, b)
                    for i, a in enumerate(free)
                    for b in free[i + 1 :]
                    if columns["patient"][a] != columns["patient"][b]
                    and (columns["stage"][a] == columns["stage"][b]) == (wanted.stages == "same")
                    and (columns["split"][a] == columns["split"][b]) == (wanted.splits == "same")
                ),
                None,
            )
            if found is None:
                raise UsageError("too few rows for the copies", found=str(len(X)))
            source, copy = found
            free.remove(source)
            free.remove(copy)
            noise = wanted.noise * spread * rng.standard_normal(X.shape[1])
            X.iloc[copy] = X.iloc[source].to_numpy() + noise
            pairs.append(
                (str(obs["case"].iloc[copy]), str(obs["case"].iloc[source]), wanted.noise == 0)
            )
    return tuple(pairs)


def _add_decoys(X: pd.DataFrame, seed: int) -> None:
    """Add columns that look like identifiers, keys or faults and are none."""
    rng = child_rng(seed, "audit-decoys")
    n = len(X)
    first = X.iloc[:, 0]
    X["ged4_original_shape_voxel_number"] = np.round(60000 + 15000 * rng.standard_normal(n))
    X["clin_age"] = np.round(55 + 12 * rng.standard_normal(n))
    X["t1_original_sim_constant"] = 1.0
    X["t1_original_sim_twin"] = first + 0.01 * rng.standard_normal(n)
    X["t2_original_sim_energy"] = np.exp(3 * rng.standard_normal(n))


def _numbers(obs: pd.DataFrame, step: int) -> np.ndarray:
    """Return case numbers in order of stage, one for each row."""
    rank = np.lexsort((np.arange(len(obs)), obs["stage"].cat.codes))
    numbers = np.empty(len(obs))
    numbers[rank] = 1000.0 + step * np.arange(len(obs))
    return numbers


def _truth(
    plants: AuditPlants, copies: tuple[tuple[str, str, bool], ...]
) -> tuple[frozenset[str], frozenset[str]]:
    wrong, follows = set(), set()
    if plants.scanner_mix:
        wrong.add("scanner")
        # The matrix differs between scanners, and so tells the stage with them.
        follows |= {"geometry", "scanner_from_features"}
    if plants.scanner_shift:
        wrong.add("scanner_from_features")
    if plants.geometry:
        wrong.add("geometry")
    if any(exact for *_, exact in copies):
        wrong.add("exact_duplicates")
    if any(not exact for *_, exact in copies):
        wrong.add("near_duplicates")
    if any(kind.stages == "different" for kind in plants.copies):
        wrong.add("duplicates_across_stages")
    if any(kind.splits == "different" for kind in plants.copies):
        wrong.add("duplicates_across_splits")
    if plants.missing:
        wrong.add("informative_missing")
        # A missing block is a fact about the scanner too.
        follows |= {"missingness", "scanner_from_features"}
    if plants.id_column:
        wrong.add("identifiers")
    if plants.split_patients:
        wrong.add("patients_across_splits")
    return frozenset(wrong), frozenset(follows - wrong)
