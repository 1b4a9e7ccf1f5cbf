"""The stagers by name, and which of them need stages in order."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from radiofib._checks import check_known, list_some
from radiofib.errors import ConfigError
from radiofib.staging.additive import ExplainableBoostingStager
from radiofib.staging.base import BaseStager
from radiofib.staging.boosting import FocalXGBoostStager, OrdinalXGBoostStager
from radiofib.staging.continuation_ratio import ContinuationRatioStager
from radiofib.staging.elastic_net import ElasticNetStager
from radiofib.staging.firth import FirthStager
from radiofib.staging.param_types import check_types
from radiofib.staging.proportional_odds import ProportionalOddsStager
from radiofib.staging.stagers import LogisticStager, RandomForestStager, XGBoostStager

__all__ = ["ORDINAL", "STAGERS", "check_order", "make_stager"]

#: name -> stager
STAGERS: dict[str, type[BaseStager]] = {
    "random_forest": RandomForestStager,
    "xgboost": XGBoostStager,
    "xgboost_ordinal": OrdinalXGBoostStager,
    "xgboost_focal": FocalXGBoostStager,
    "logistic": LogisticStager,
    "proportional_odds": ProportionalOddsStager,
    "continuation_ratio": ContinuationRatioStager,
    "elastic_net": ElasticNetStager,
    "firth": FirthStager,
    "explainable_boosting": ExplainableBoostingStager,
}


#: Stagers that take the sorted classes for the order of the stages.
ORDINAL = ("proportional_odds", "continuation_ratio", "elastic_net", "xgboost_ordinal")


def check_order(
    name: str, levels: Sequence[str], *, ordered: bool, said: str | None = None
) -> None:
    """Refuse an ordinal stager for stages that have no order, or another than their names.

    `said` is what the message calls it; ``stager '<name>'`` when left out.

    Raises
    ------
    ConfigError
        When the stager would read an order that is not there.

    Examples
    --------
    >>> check_order("proportional_odds", ["s1", "s2", "s3"], ordered=True)
    >>> check_order("proportional_odds", ["none", "mild", "severe"], ordered=True)
    Traceback (most recent call last):
    radiofib.errors.ConfigError: stager 'proportional_odds' needs stages whose names sort in their
    order (found none, mild, severe). Next: name them so (s1, s2 ...), or use 'logistic'.
    """
    if name not in ORDINAL or len(levels) < 3:
        return
    if not ordered or list(levels) != sorted(levels):
        raise ConfigError(
            f"{said or f'stager {name!r}'} needs stages whose names sort in their order",
            found=list_some(levels) if ordered else f"{list_some(levels)} without an order",
            hint="name them so (s1, s2 ...), or use 'logistic'",
        )


def make_stager(
    name: str, *, scanner_column: str | None = None, random_state: int = 0, **params: Any
) -> BaseStager:
    """Return an untrained stager by name.

    Parameters
    ----------
    name : str
        A key of :data:`STAGERS`.
    scanner_column : str, optional
        Text column that names the scanner; None for a scanner-blind model.
    random_state : int
        Seed.
    **params
        Parameters of that stager.

    Raises
    ------
    ConfigError
        When the name or a parameter is unknown (the nearest known one is named), or a parameter
        is of the wrong type.

    Examples
    --------
    >>> make_stager("logistic", C=1.0)
    LogisticStager(C=1.0)
    >>> make_stager("randomforest")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: unknown stager 'randomforest' (expected random_forest, xgboost,
    xgboost_ordinal, xgboost_focal, logistic, proportional_odds, continuation_ratio, elastic_net,
    firth, explainable_boosting). Next: did you mean 'random_forest'?
    """
    check_known(name, STAGERS, what="stager", error=ConfigError)
    kind = STAGERS[name]
    known = list(inspect.signature(kind).parameters)
    for given in params:
        check_known(given, known, what=f"parameter of stager {name!r}", error=ConfigError)
    check_types(kind, params, what=f"stager {name!r}")
    return kind(scanner_column=scanner_column, random_state=random_state, **params)
