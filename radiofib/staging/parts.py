"""The parts of a stager by name: what a study file may put before, around and inside it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

from radiofib._checks import check_known
from radiofib.errors import ConfigError
from radiofib.staging.block_regression import BlockRegression
from radiofib.staging.blocks import STRATEGIES, BlockDropout, BlockFill
from radiofib.staging.clusters import CorrelationClusters
from radiofib.staging.context import ContextFlags, ScannerInteraction
from radiofib.staging.cumulative import CumulativeStager
from radiofib.staging.curriculum import UncertaintyWeights
from radiofib.staging.embedding import ChannelEmbedding
from radiofib.staging.extreme import ExtremeStager
from radiofib.staging.fusion import LateFusionStager
from radiofib.staging.harmonise import ComBatHarmoniser, ScannerScaler
from radiofib.staging.imbalance import BagStager, ClassWeights, SmoteRows
from radiofib.staging.param_types import check_types
from radiofib.staging.recalibrate import METHODS, RecalibratedStager
from radiofib.staging.reduce import PartialLeastSquares, PrincipalComponents
from radiofib.staging.relevance import RelevanceFilter
from radiofib.staging.selection import NearConstant, ReliabilityFilter
from radiofib.staging.stability import StabilityFilter
from radiofib.staging.stacking import StackingStager, VotingStager

__all__ = ["PARTS", "Part", "make_part"]


@dataclass(frozen=True)
class Part:
    """A class and the parameters that its name stands for.

    Parameters
    ----------
    kind : type
        A :class:`Step`, :class:`RowStep` or a stager made of stagers.
    fixed : dict
        Parameters that follow from the name and cannot be given.
    """

    kind: type
    fixed: dict[str, Any] = field(default_factory=dict)


#: section of a stager's settings -> name -> part
PARTS: dict[str, dict[str, Part]] = {
    "harmonise": {"combat": Part(ComBatHarmoniser), "scale": Part(ScannerScaler)},
    "missing": {
        **{name: Part(BlockFill, {"strategy": name}) for name in STRATEGIES},
        "regress": Part(BlockRegression),
        "dropout": Part(BlockDropout),
    },
    "select": {
        "near_constant": Part(NearConstant),
        "correlation": Part(CorrelationClusters),
        "reliability": Part(ReliabilityFilter),
        "mrmr": Part(RelevanceFilter),
        "stability": Part(StabilityFilter),
    },
    "reduce": {"pca": Part(PrincipalComponents), "pls": Part(PartialLeastSquares)},
    "context": {"flags": Part(ContextFlags), "interaction": Part(ScannerInteraction)},
    "fusion": {"middle": Part(ChannelEmbedding), "late": Part(LateFusionStager)},
    "ordinal": {"cumulative": Part(CumulativeStager), "extreme": Part(ExtremeStager)},
    "balance": {
        "class_weight": Part(ClassWeights),
        "smote": Part(SmoteRows),
        "bags": Part(BagStager),
    },
    "curriculum": {"uncertainty": Part(UncertaintyWeights)},
    "recalibrate": {name: Part(RecalibratedStager, {"method": name}) for name in METHODS},
    "vote": {"folds": Part(VotingStager)},
    "stack": {"logistic": Part(StackingStager)},
}

#: Parameters that the plan fills in from the study, not the study file.
_FROM_STUDY = ("scanner_column", "patient_column", "random_state", "stager", "stagers")


def make_part(section: str, name: str, params: dict[str, Any], **given: Any) -> Any:
    """Return an untrained part by section and name.

    Parameters
    ----------
    section, name : str
        Keys of :data:`PARTS`.
    params : dict
        Parameters from a study file; unknown ones are refused, naming the nearest.
    **given
        ``stager`` or ``stagers`` to wrap, and what follows from the study (``scanner_column,
        patient_column, random_state``); passed where the part has a parameter of that name.

    Raises
    ------
    ConfigError
        When section, name or a parameter is unknown, or a parameter is of the wrong type.

    Examples
    --------
    >>> make_part("selekt", "mrmr", {})
    Traceback (most recent call last):
    radiofib.errors.ConfigError: unknown section of a stager 'selekt' (expected harmonise, missing,
    select, reduce, context, fusion, ordinal, balance, curriculum, recalibrate, ...). Next: did you
    mean 'select'?
    """
    check_known(section, PARTS, what="section of a stager", error=ConfigError)
    check_known(name, PARTS[section], what=f"part of {section!r}", error=ConfigError)
    part = PARTS[section][name]
    accepted = list(inspect.signature(part.kind).parameters)
    own = [p for p in accepted if p not in part.fixed and p not in _FROM_STUDY]
    for key in params:
        check_known(key, own, what=f"parameter of {section} {name!r}", error=ConfigError)
    check_types(part.kind, params, what=f"{section} {name!r}")
    filled = {key: value for key, value in given.items() if key in accepted}
    return part.kind(**{**filled, **part.fixed, **params})
