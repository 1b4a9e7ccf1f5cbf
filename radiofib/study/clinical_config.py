"""What a study file may say under ``clinical:``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from radiofib.config import StrictModel
from radiofib.stats.serum import INPUTS, ULN_AST

__all__ = ["ClinicalConfig"]


class ClinicalConfig(StrictModel):
    """Clinical models that the features must add to.

    Parameters
    ----------
    covariates : list of str
        Columns of the cohort for the model ``clinical``, named before the analysis; numbers as
        they are, texts as flags.
    scores : list of {"fib4", "apri"}
        Serum scores, each a model of its own.
    columns : dict
        Column of the cohort for ``age`` (years), ``ast``, ``alt`` (U/l) and ``platelets``
        (10^9/l); left out: of the same name.
    uln_ast : float
        Upper limit of normal of AST in the laboratory, U/l.
    folds : int
        Inner folds from which the weight of the features beside a clinical model is learnt.
    thresholds : list of float
        Probabilities of treatment at which net benefits are compared.

    Examples
    --------
    >>> ClinicalConfig(covariates=["age", "sex"], scores=["fib4"]).uln_ast
    40.0
    >>> ClinicalConfig.parse({"scores": []}, where="study.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: study.yaml: name covariates or scores.
    """

    covariates: tuple[str, ...] = ()
    scores: tuple[Literal["fib4", "apri"], ...] = ()
    columns: dict[Literal["age", "ast", "alt", "platelets"], str] = Field(default_factory=dict)
    uln_ast: float = Field(default=ULN_AST, ge=5, le=200)
    folds: int = Field(default=5, ge=2)
    thresholds: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.25, 0.5, 0.75)

    @model_validator(mode="after")
    def _something_to_compare(self) -> Self:
        if not self.covariates and not self.scores:
            raise ValueError("name covariates or scores")
        for what, names in (("covariate", self.covariates), ("score", self.scores)):
            if len(set(names)) < len(names):
                raise ValueError(f"a {what} is named twice")
        unused = set(self.columns) - {q for s in self.scores for q in INPUTS[s]}
        if unused:
            raise ValueError(f"columns of no score: {', '.join(sorted(unused))}")
        return self
