"""Whether an ablation can tell scanner and stage apart, and which factors depend on that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from radiofib.evaluation.audit.nesting import SPARSE, Nesting, scanner_by_stage
from radiofib.evaluation.audit.patients import patients_of
from radiofib.evaluation.audit.verdicts import nesting_verdict
from radiofib.study.ablate_config import LevelPatch
from radiofib.study.ablate_tables import Cases
from radiofib.table import FeatureTable

__all__ = ["SCANNER_KEYS", "Confounding", "scanner_confounding", "scanner_factors"]

#: Keys of a level that use the scanner, or take it away.
SCANNER_KEYS = frozenset({"scanner_flag", "flags", "interaction", "harmonise"})


@dataclass(frozen=True)
class Confounding:
    """What scanner and stage, taken together, leave open.

    Parameters
    ----------
    words : str
        The audit's words; empty where scanners and stages can be told apart.
    whole : bool
        Whether effects of scanners cannot be judged in the table at all; otherwise the words are
        about scanners of few patients alone.
    """

    words: str
    whole: bool


def scanner_factors(factors: Mapping[str, Mapping[str, LevelPatch]]) -> tuple[str, ...]:
    """Return the factors with a level that uses the scanner, or takes it away.

    Examples
    --------
    >>> aware = LevelPatch.parse({"scanner_flag": True}, where="level")
    >>> trees = LevelPatch.parse({"name": "xgboost"}, where="level")
    >>> plain = LevelPatch.parse({}, where="level")
    >>> scanner_factors({"flag": {"no": plain, "yes": aware}, "learner": {"a": plain, "b": trees}})
    ('flag',)
    """
    return tuple(
        factor
        for factor, levels in factors.items()
        if any(SCANNER_KEYS & set(patch.sets()) for patch in levels.values())
    )


def scanner_confounding(cases: Cases) -> Confounding:
    """Return what the audit says of scanners by stage, and whether that bars judgements.

    It does where every scanner has one stage, where scanners fall into groups that share none,
    and where a scanner of one stage has at least ten patients: a model that knows the scanner
    then knows the stage. Fewer patients are named, no more.

    Parameters
    ----------
    cases : Cases

    Examples
    --------
    >>> from radiofib.datacard import derive_scheme
    >>> frame = pd.DataFrame({"case": list("abcd"), "patient": list("abcd"),
    ...                       "y_true": ["f0", "f0", "f1", "f1"], "scanner": list("ppqq")})
    >>> scheme = derive_scheme(pd.Series(["f0", "f1"]), name="stage")
    >>> scanner_confounding(Cases(frame, scheme)).whole
    True
    """
    frame, scheme = cases.frame, cases.scheme
    if frame["y_true"].nunique() < 2:
        return Confounding("", False)
    obs = frame[["case", "patient", "scanner"]].reset_index(drop=True)
    stage = frame["y_true"].reset_index(drop=True)
    obs["stage"] = (
        pd.Categorical(stage, categories=list(scheme.levels), ordered=True)
        if scheme.ordered
        else stage
    )
    table = FeatureTable(pd.DataFrame(index=obs.index), obs)
    patients = patients_of(table, label="stage", scanner="scanner")
    nesting = scanner_by_stage(patients)
    row = nesting_verdict(nesting, patients)
    if row["verdict"] != "not identifiable":
        return Confounding("", False)
    return Confounding(str(row["finding"]), nesting.nested or not nesting.linked or _large(nesting))


def _large(nesting: Nesting) -> bool:
    """Tell whether a scanner of one stage has more than a few patients."""
    counts = nesting.counts.set_index("scanner").drop(columns="no_auc")
    single = counts.loc[list(nesting.one_stage)]
    return bool((single.sum(axis=1) >= SPARSE).any())
