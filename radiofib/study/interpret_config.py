"""What a study file may say under ``interpret:``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from radiofib.config import StrictModel

__all__ = ["InterpretConfig", "SelectConfig"]


class SelectConfig(StrictModel):
    """Terms chosen by looking at the stage.

    Parameters
    ----------
    method : {"elastic_net_stability"}
        How: see :func:`radiofib.stats.regression.stability_selection`.
    terms : int
        How many features are chosen.
    pairs : int
        Random partitions of the patients into halves.
    """

    method: Literal["elastic_net_stability"] = "elastic_net_stability"
    terms: int = Field(default=5, ge=1, le=50)
    pairs: int = Field(default=50, ge=5)


class InterpretConfig(StrictModel):
    """An interpretable model with tables for a statistician.

    Parameters
    ----------
    model : {"proportional_odds", "logistic", "firth"}
        The first is about all stages in order, the others about one comparison.
    terms : list of str
        Feature columns and covariates of the cohort, named before the analysis.
    select : SelectConfig, optional
        Also choose features by the outcome. p values are then left empty, unless `split`.
    split : bool
        Choose on one half of the patients and fit on the other, so that p values hold.
    standardised : bool
        Coefficients by standard deviation of a term instead of by its unit.
    scanner : {"none", "covariate", "random"}
        Leave the scanner out, give it a coefficient each, or a random intercept.
    target : str, optional
        Comparison of a binary model, such as ``f2-f4_vs_f0-f1``; left out: the study's `main`,
        else the first.

    Examples
    --------
    >>> InterpretConfig(terms=["age"]).model
    'proportional_odds'
    >>> InterpretConfig.parse({"model": "firth"}, where="study.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: study.yaml: name the terms, or have them chosen with 'select'.
    """

    model: Literal["proportional_odds", "logistic", "firth"] = "proportional_odds"
    terms: tuple[str, ...] = ()
    select: SelectConfig | None = None
    split: bool = False
    standardised: bool = False
    scanner: Literal["none", "covariate", "random"] = "none"
    target: str | None = None

    @model_validator(mode="after")
    def _something_to_fit(self) -> Self:
        if not self.terms and self.select is None:
            raise ValueError("name the terms, or have them chosen with 'select'")
        if len(set(self.terms)) < len(self.terms):
            raise ValueError("a term is named twice")
        if self.split and self.select is None:
            raise ValueError("'split' belongs to 'select': named terms need no split")
        if self.model == "firth" and self.scanner == "random":
            raise ValueError("a random scanner goes with 'logistic' or 'proportional_odds'")
        if self.model == "proportional_odds" and self.target is not None:
            raise ValueError("'target' belongs to a binary model")
        return self
