"""What the boosted stagers share: settings of XGBoost, monotone columns, boosters as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import xgboost
from sklearn.utils import check_random_state

from radiofib._checks import check_known
from radiofib.staging.inputs import StagerInputError

__all__ = ["as_booster", "as_bytes", "monotone_setting", "tree_settings"]


def tree_settings(stager: Any, n_flags: int = 0) -> dict[str, Any]:
    """Return the settings of trees and sampling that a boosted stager was given.

    Parameters
    ----------
    stager : BaseStager
        With the parameters of :class:`radiofib.staging.stagers.XGBoostStager`.
    n_flags : int
        Columns of scanner flags after the features; they are never constrained.

    Returns
    -------
    dict
        For ``xgboost.train``; the objective is not in it.

    Examples
    --------
    >>> from radiofib.staging.stagers import XGBoostStager
    >>> tree_settings(XGBoostStager(max_depth=4))["max_depth"]
    4
    """
    settings = {
        "tree_method": "hist",
        "nthread": 1,
        "verbosity": 0,
        "seed": int(check_random_state(stager.random_state).randint(2**31 - 1)),
        "eta": stager.learning_rate,
        "max_depth": stager.max_depth,
        "min_child_weight": stager.min_child_weight,
        "subsample": stager.subsample,
        "colsample_bytree": stager.colsample_bytree,
        "lambda": stager.reg_lambda,
        "max_bin": stager.max_bin,
    }
    directions = getattr(stager, "monotone", None)
    if directions:
        named = getattr(stager, "feature_names_in_", None)
        count = int(stager.n_features_in_)
        names = [f"x{i}" for i in range(count)] if named is None else [str(n) for n in named]
        settings["monotone_constraints"] = monotone_setting(directions, names, n_flags)
    return settings


def monotone_setting(directions: Mapping[str, int], names: Sequence[str], n_flags: int) -> str:
    """Return monotone directions as XGBoost reads them: one number for each column.

    Parameters
    ----------
    directions : mapping of column to +1 or -1
        +1 for a feature that rises with stage, -1 for one that falls.
    names : sequence of str
        Feature columns in their order.
    n_flags : int
        Columns after them that are left free.

    Raises
    ------
    StagerInputError
        When a column is unknown or a direction is neither +1 nor -1.

    Examples
    --------
    >>> monotone_setting({"b": -1}, ["a", "b"], 1)
    '(0,-1,0)'
    """
    if not isinstance(directions, Mapping):
        raise StagerInputError(
            "monotone must be None or map columns to directions",
            expected="a mapping such as {'t1_original_glcm_contrast': 1}",
            found=type(directions).__name__,
        )
    for column, direction in directions.items():
        check_known(column, names, what="monotone column", error=StagerInputError)
        if isinstance(direction, bool) or direction not in (1, -1):
            raise StagerInputError(
                "a monotone direction must be +1 (rises with stage) or -1 (falls)",
                where=f"column {column!r}",
                found=repr(direction),
            )
    each = [int(directions.get(name, 0)) for name in names] + [0] * n_flags
    return f"({','.join(map(str, each))})"


def as_bytes(booster: Any) -> bytes:
    """Return a booster in XGBoost's own portable format, for a file without foreign objects."""
    return bytes(booster.save_raw("ubj"))


def as_booster(stored: bytes) -> Any:
    """Return the booster that :func:`as_bytes` wrote."""
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(stored))
    return booster
