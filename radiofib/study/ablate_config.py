"""The key ``ablate`` of a study: design choices as factors, their levels, which are tried."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from radiofib._checks import check_known, list_some
from radiofib.config import StrictModel
from radiofib.errors import ConfigError
from radiofib.staging.plan import StagerPlan

__all__ = ["OWN_KEYS", "AblationConfig", "LevelPatch", "apply_patches"]

#: Keys of a level that choose what the stager sees; the others are those of ``stager``.
OWN_KEYS = ("channels", "features", "families")
#: Columns of the tables beside those of the factors.
_TAKEN = {"run", "domain", "setting", "fold", "target", "metric", "value", "n", "n_pos", "note"}
_FACTOR = re.compile(r"^[a-z][a-z0-9_]{0,30}$")
_LEVEL = re.compile(r"^[A-Za-z0-9][A-Za-z0-9 +._-]{0,30}$")
#: Names that YAML reads as something else than text.
_QUOTE = "put the name in quotes: YAML reads yes, no, on, off and numbers as values"


class LevelPatch(StagerPlan):
    """What a level changes: keys of ``stager``, and what the stager sees.

    Keys that are left out stay as the study has them.

    Parameters
    ----------
    channels : list of str
        See these channels alone: a sequence set.
    families : list of str
        See these families of features alone.
    features : str
        See another feature table of the same cases (registration, dimension, embedding), a path
        relative to the root folder.

    Examples
    --------
    >>> LevelPatch.parse({"harmonise": "combat", "channels": ["t1"]}, where="study").sets()
    ('channels', 'harmonise')
    """

    channels: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    features: str | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        for key in ("channels", "families"):
            values = getattr(self, key)
            if key in self.model_fields_set and (not values or len(set(values)) < len(values)):
                raise ValueError(f"{key!r} must list at least one name, each once")
        return self

    def sets(self) -> tuple[str, ...]:
        """Return the keys that are set; parameters of the learner count as its name."""
        return tuple(sorted({"name" if k == "params" else k for k in self.model_fields_set}))

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write the keys that are set alone: what is left out is the study's."""
        return {k: v for k, v in write(self).items() if k in self.model_fields_set}

    def given(self) -> dict[str, Any]:
        """Return the keys that are set, with their values."""
        return self.model_dump(mode="json", exclude_unset=True)


class AblationConfig(StrictModel):
    """Design choices to compare, each against the others, in the same folds.

    Parameters
    ----------
    factors : dict of factor to dict of level to patch
        The first level of a factor is the one the others are compared with. Factors must not
        set the same key.
    design : {"grid", "fraction"}
        Every combination of levels, or a balanced fraction of them.
    runs : int
        Combinations of a fraction.
    folds, repeats : int
        Folds of the cross-validation, and how often they are dealt anew: more values make
        intervals for known scanners narrower.
    settings : list of {"cv", "loso"}
        Cross-validation (known scanners: ID) and leave-one-scanner-out (unseen ones: OOD).
    main : str, optional
        Target whose AUC the figure and the sentences are about; named before the analysis. Left
        out: the mean of AUC and accuracy over all targets.
    features : str, optional
        Feature table to use in place of the cohort's images, relative to the root folder.
    predictions : bool
        Also write the predictions of every combination.
    seed : int, optional
        Seed of folds, design and stagers; by default the study's.

    Examples
    --------
    >>> config = AblationConfig.parse(
    ...     {"factors": {"learner": {"linear": {}, "boosted": {"name": "xgboost"}}}}, where="study")
    >>> config.size, config.references
    (2, {'learner': 'linear'})
    >>> AblationConfig.parse({"factors": {"a": {"x": {}, "y": {"selct": []}}}}, where="study")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: factor 'a', level 'y': unknown key 'selct' (expected name, params,
    scanner_flag, flags, interaction, harmonise, missing, select, reduce, fusion, ordinal, stack,
    balance, curriculum, recalibrate, vote, channels, families, features). Next: did you mean
    'select'?
    """

    factors: dict[str, dict[str, LevelPatch]]
    design: Literal["grid", "fraction"] = "grid"
    runs: int = Field(default=64, ge=2, le=512)
    folds: int = Field(default=5, ge=2)
    repeats: int = Field(default=1, ge=1, le=20)
    settings: tuple[Literal["cv", "loso"], ...] = ("cv", "loso")
    main: str | None = None
    features: str | None = None
    predictions: bool = False
    seed: int | None = Field(default=None, ge=0)

    @property
    def size(self) -> int:
        """Number of combinations of all levels."""
        count = 1
        for levels in self.factors.values():
            count *= len(levels)
        return count

    @property
    def references(self) -> dict[str, str]:
        """The first level of each factor."""
        return {factor: next(iter(levels)) for factor, levels in self.factors.items()}

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        """Refuse unknown keys of levels by factor and level, and take an empty level as {}."""
        if not isinstance(data, dict) or not isinstance(data.get("factors"), dict):
            return data
        known = [k for k in LevelPatch.model_fields if k not in OWN_KEYS] + [
            k for k in LevelPatch.model_fields if k in OWN_KEYS
        ]
        factors: dict[Any, Any] = {}
        for factor, levels in data["factors"].items():
            if not isinstance(levels, dict):
                return data
            _check_name(factor, _FACTOR, "factor", "lower-case letters, digits and '_'")
            factors[factor] = {}
            for level, patch in levels.items():
                where = f"factor {factor!r}"
                _check_name(
                    level, _LEVEL, "level", "letters, digits, ' ', '+', '.', '_', '-'", where
                )
                if isinstance(patch, dict):
                    for key in patch:
                        check_known(
                            str(key),
                            known,
                            what="key",
                            where=f"{where}, level {level!r}",
                            error=ConfigError,
                        )
                factors[factor][level] = {} if patch is None else patch
        return {**data, "factors": factors}

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        if not self.factors:
            raise _refused("an ablation needs at least one factor")
        owner: dict[str, str] = {}
        for factor, levels in self.factors.items():
            if factor in _TAKEN:
                raise _refused(f"{factor!r} is a column of the results: name the factor otherwise")
            if len(levels) < 2:
                raise _refused(f"factor {factor!r} needs at least two levels")
            _check_different(factor, levels)
            for key in sorted({key for patch in levels.values() for key in patch.sets()}):
                if key in owner:
                    what = "'name' or 'params'" if key == "name" else repr(key)
                    raise _refused(f"factors {owner[key]!r} and {factor!r} both set {what}")
                owner[key] = factor
        if not self.settings or len(set(self.settings)) < len(self.settings):
            raise _refused("'settings' must list 'cv', 'loso' or both, each once")
        return self


def apply_patches(base: StagerPlan, patches: Mapping[str, LevelPatch], *, where: str) -> StagerPlan:
    """Return the stager of a combination: the study's, with the keys that the levels set.

    A level that names another learner does not keep the parameters of the study's.

    Parameters
    ----------
    base : StagerPlan
    patches : mapping of factor to LevelPatch
    where : str
        The combination, for messages.

    Raises
    ------
    ConfigError
        When the whole does not fit together.

    Examples
    --------
    >>> base = StagerPlan(name="logistic", params={"C": 1.0}, scanner_flag=True)
    >>> patch = LevelPatch.parse({"name": "random_forest"}, where="level")
    >>> apply_patches(base, {"learner": patch}, where="run").model_dump(exclude_unset=True)
    {'name': 'random_forest', 'params': {}, 'scanner_flag': True}
    """
    data = base.model_dump(mode="json", exclude_unset=True)
    for patch in patches.values():
        new = {k: v for k, v in patch.given().items() if k not in OWN_KEYS}
        if new.get("name", base.name) != base.name:
            data["params"] = {}
        data |= new
    return StagerPlan.parse(data, where=where)


def _refused(problem: str) -> ConfigError:
    """Return the error of factors that do not go together; all of them would be no finding."""
    return ConfigError(problem, where="ablate")


def _check_name(
    name: Any, pattern: re.Pattern[str], what: str, expected: str, where: str | None = None
) -> None:
    if not isinstance(name, str) or not pattern.match(name):
        raise ConfigError(
            f"not a name of a {what}",
            where=where,
            expected=f"at most 31 {expected}",
            found=repr(name),
            hint=None if isinstance(name, str) else _QUOTE,
        )


def _check_different(factor: str, levels: Mapping[str, LevelPatch]) -> None:
    seen: dict[str, str] = {}
    for level, patch in levels.items():
        given = repr(sorted(patch.given().items()))
        if given in seen:
            same = list_some([seen[given], level])
            raise _refused(f"levels of factor {factor!r} change the same: {same}")
        seen[given] = level
