"""Sets of a study: the same cases, seen through some of their channels or of their features."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radiofib._checks import check_known, list_some
from radiofib.cohort import Cohort
from radiofib.datacard import DataCard
from radiofib.engines import ExtractionConfig
from radiofib.errors import ConfigError
from radiofib.registry import (
    DEEP,
    DELTA_FEATURES,
    FEATURES,
    FUNCTIONAL_FEATURES,
    IBSI_FEATURES,
    INSTANCE_FEATURES,
    LIVER_FEATURES,
    ULTRASOUND_FEATURES,
)
from radiofib.slides.specs import SLIDE_REGISTRY
from radiofib.study.config import StudyConfig
from radiofib.table import FeatureTable

__all__ = [
    "FLAG_PRIOR",
    "ChannelSet",
    "channel_sets",
    "check_channel_sets",
    "check_feature_sets",
    "class_shares",
    "fill_with_prior",
    "main_model",
    "of_families",
    "within",
]

#: Names of a set's members that are no families.
_WORDS = ("handcrafted", "embedding")
_REGISTRIES = (
    FEATURES,
    ULTRASOUND_FEATURES,
    LIVER_FEATURES,
    FUNCTIONAL_FEATURES,
    INSTANCE_FEATURES,
    IBSI_FEATURES,
    DELTA_FEATURES,
    SLIDE_REGISTRY,
)
#: What the column ``flag`` says of a prediction without any feature behind it.
FLAG_PRIOR = "prior: no feature of these channels"


@dataclass(frozen=True)
class ChannelSet:
    """Channels, or families of features, that one stager may see.

    Parameters
    ----------
    name : str
        Name in the study file and in the column ``channels``; "" for all features of a study
        that names no sets.
    channels : tuple of str
        The channels; all when empty.
    model_file : str
        Where its stager is stored; the first set's is ``model.skops``.
    families : tuple of str
        Families of features, or ``handcrafted`` and ``embedding``; all when empty.

    Examples
    --------
    >>> ChannelSet("NonContrast", ("t1", "t2"), "model_noncontrast.skops").label("logistic")
    'logistic [NonContrast]'
    """

    name: str
    channels: tuple[str, ...]
    model_file: str
    families: tuple[str, ...] = ()

    @property
    def members(self) -> list[str]:
        """What it was made of: channels or families."""
        return list(self.channels or self.families)

    def of(self, table: FeatureTable) -> FeatureTable:
        """Return the rows of a table with the features of this set alone."""
        seen = within(table, self.channels)
        return of_families(seen, self.families) if self.families else seen

    def label(self, model: str) -> str:
        """Return the name of a model that sees this set alone."""
        return f"{model} [{self.name}]" if self.name else model


def channel_sets(study: StudyConfig) -> tuple[ChannelSet, ...]:
    """Return the channel sets of a study, in the order of the study file.

    Examples
    --------
    >>> study = StudyConfig(title="A", cohort="a.csv", channel_sets={"All": ["t1", "ged4"],
    ...                                                             "Plain": ["t1"]})
    >>> [(s.name, s.model_file) for s in channel_sets(study)]
    [('All', 'model.skops'), ('Plain', 'model_plain.skops')]
    >>> channel_sets(StudyConfig(title="A", cohort="a.csv"))
    (ChannelSet(name='', channels=(), model_file='model.skops', families=()),)
    """
    if not study.channel_sets and not study.feature_sets:
        return (ChannelSet("", (), "model.skops"),)
    found = []
    for number, (name, members) in enumerate((study.channel_sets or study.feature_sets).items()):
        file = f"model_{name.lower()}.skops" if number else "model.skops"
        if study.channel_sets:
            found.append(ChannelSet(name, members, file))
        else:
            found.append(ChannelSet(name, (), file, families=members))
    return tuple(found)


def main_model(study: StudyConfig) -> str:
    """Return the name of the model that the report's headline is about: the first set's."""
    return channel_sets(study)[0].label(study.stager.name)


def check_channel_sets(study: StudyConfig, cohort: Cohort) -> None:
    """Refuse a channel that neither data card nor cohort knows, naming the nearest.

    Raises
    ------
    ConfigError
        When a set names an unknown channel.
    """
    known = list(DataCard.read(study.card).channels) if study.card else []
    known += [c for c in cohort.channels if c not in known]
    for name, channels in study.channel_sets.items():
        for channel in channels:
            where = f"study, channel set {name!r}"
            check_known(channel, known, what="channel", where=where, error=ConfigError)


def check_feature_sets(study: StudyConfig, config: ExtractionConfig) -> None:
    """Refuse a family that no registry knows, or an embedding without a network.

    Whether a family that is known has features only the table tells (:func:`of_families`).

    Raises
    ------
    ConfigError
        Naming the set, and the nearest family.

    Examples
    --------
    >>> study = StudyConfig(title="A", cohort="a.csv", feature_sets={"Net": ["embeding"]})
    >>> check_feature_sets(study, ExtractionConfig())
    Traceback (most recent call last):
    radiofib.errors.ConfigError: study, feature set 'Net': unknown family of features 'embeding'
    (expected handcrafted, embedding, ...). Next: did you mean 'embedding'?
    """
    known = [*_WORDS, *(f for registry in _REGISTRIES for f in registry.families), DEEP]
    for name, families in study.feature_sets.items():
        where = f"study, feature set {name!r}"
        for family in families:
            check_known(family, known, what="family of features", where=where, error=ConfigError)
            if family in ("embedding", DEEP) and config.embedding is None:
                raise ConfigError(
                    "the set is to see an embedding, and the extraction names no network",
                    where=where,
                    hint="name one under 'embedding' in the extraction, or leave the set out",
                )


def within(table: FeatureTable, channels: Sequence[str]) -> FeatureTable:
    """Return the rows of a table with the features of these channels alone.

    A feature belongs to them when each channel that the codebook names for it does; facts of
    image files (``geom_<channel>_...``) of other channels go too. No channels means all.

    Examples
    --------
    >>> X = pd.DataFrame({"t1_mean": [1.0], "ged4_mean": [2.0]})
    >>> obs = pd.DataFrame({"case": ["a"], "geom_ged4_width": [9.0]})
    >>> plain = within(FeatureTable(X, obs), ["t1"])
    >>> list(plain.X), list(plain.obs)
    (['t1_mean'], ['case'])
    """
    if not channels:
        return table
    book = dict(zip(table.codebook["column"], table.codebook["channel"], strict=True))
    allowed = set(channels)

    def belongs(column: str) -> bool:
        named = book.get(column) or column.partition("_")[0]
        return {c for c in re.split(r"[^a-z0-9]+", str(named).lower()) if c} <= allowed

    kept = [c for c in table.X if belongs(str(c))]
    others = [
        c for c in table.obs if str(c).startswith("geom_") and str(c).split("_")[1] not in allowed
    ]
    return FeatureTable(
        table.X[kept],
        table.obs.drop(columns=others),
        table.codebook[table.codebook["column"].isin(kept)].reset_index(drop=True),
        table.missing,
        table.provenance,
    )


def of_families(table: FeatureTable, families: Sequence[str]) -> FeatureTable:
    """Return the rows of a table with the features of some families alone.

    Parameters
    ----------
    table : FeatureTable
    families : sequence of str
        Families as the codebook names them; ``embedding`` is what networks computed,
        ``handcrafted`` everything else.

    Raises
    ------
    ConfigError
        When a family has no feature in the table, naming those that have.

    Examples
    --------
    >>> X = pd.DataFrame({"us_original_glcm_contrast": [1.0]})
    >>> table = FeatureTable(X, pd.DataFrame({"case": ["a"]}))
    >>> list(of_families(table, ["handcrafted"]).X)
    ['us_original_glcm_contrast']
    """
    column = dict(zip(table.codebook["column"], table.codebook["family"], strict=True))
    family = {str(c): str(column.get(c) or _named_family(str(c))) for c in table.X}
    words = {"embedding": {DEEP}, "handcrafted": set(family.values()) - {DEEP}}
    known = [*words, *sorted(set(family.values()) - {""})]
    wanted: set[str] = set()
    for name in families:
        check_known(name, known, what="family of features", error=ConfigError)
        wanted |= words.get(name, {name})
    kept = [name for name, own in family.items() if own in wanted]
    if not kept:
        raise ConfigError(
            "a feature set has no features",
            expected=f"features of {', '.join(families)}",
            found=list_some(sorted(set(family.values()) - {""})) or "none",
            hint="name families that the extraction computes",
        )
    return FeatureTable(
        table.X[kept],
        table.obs,
        table.codebook[table.codebook["column"].isin(kept)].reset_index(drop=True),
        table.missing,
        table.provenance,
    )


def _named_family(column: str) -> str:
    """Return the third part of a column's name; a table from elsewhere may have no codebook."""
    parts = column.split("_", 3)
    return parts[2] if len(parts) == 4 else ""


def class_shares(stages: Sequence[str], levels: Sequence[str]) -> np.ndarray:
    """Return the share of each level: what can be said of a case without any feature.

    Examples
    --------
    >>> class_shares(["s1", "s4", "s4", "s4"], ["s1", "s2", "s4"]).tolist()
    [0.25, 0.0, 0.75]
    """
    given = list(stages)
    return np.array([given.count(level) for level in levels]) / max(len(given), 1)


def fill_with_prior(
    predictions: pd.DataFrame, empty: np.ndarray, levels: Sequence[str]
) -> pd.DataFrame:
    """Give rows without any feature the class shares of their fold's training rows, and flag them.

    Parameters
    ----------
    predictions : DataFrame
        Of one model and setting, with ``y_true, fold`` and ``p_<level>``; the training rows of
        a fold are those of the others.
    empty : ndarray of bool
        Rows that have no feature.
    levels : sequence of str
        Stages in order.

    Examples
    --------
    >>> rows = pd.DataFrame({"y_true": ["a", "b", "b"], "fold": ["1", "2", "2"],
    ...                      "p_a": [0.9, 0.2, 0.1], "p_b": [0.1, 0.8, 0.9]})
    >>> filled = fill_with_prior(rows, np.array([True, False, False]), ["a", "b"])
    >>> filled["p_b"].tolist(), filled["flag"].tolist()
    ([1.0, 0.8, 0.9], ['prior: no feature of these channels', '', ''])
    """
    columns = [f"p_{level}" for level in levels]
    filled = predictions.copy()
    filled["flag"] = np.where(empty, FLAG_PRIOR, "")
    for fold in dict.fromkeys(filled.loc[empty, "fold"]):
        others = filled.loc[filled["fold"] != fold, "y_true"]
        rows = empty & (filled["fold"] == fold).to_numpy()
        filled.loc[rows, columns] = class_shares(others.tolist(), levels)
    return filled
