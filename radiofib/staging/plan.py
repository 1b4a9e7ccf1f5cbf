"""From settings to an untrained stager: what comes before, around and inside the learner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field, model_validator

from radiofib.config import StrictModel
from radiofib.staging.base import BaseStager
from radiofib.staging.chain import ChainStager
from radiofib.staging.names import ORDINAL, check_order, make_stager
from radiofib.staging.parts import PARTS, make_part
from radiofib.staging.steps import RowStep, Step

__all__ = ["PartConfig", "StagerPlan"]

#: One table, channels as components, or a stager for each channel.
FUSIONS = ("early", "middle", "late")
#: Learners whose probabilities are not those of the training mix.
_SHIFTED = ("xgboost_focal",)


class PartConfig(StrictModel):
    """A part by name, with its parameters.

    Parameters
    ----------
    name : str
        A name of its section in :data:`radiofib.staging.parts.PARTS`.
    params : dict
        Its parameters; unknown ones are refused by the part itself.
    """

    name: str
    params: dict[str, Any] = Field(default_factory=dict)


class StagerPlan(StrictModel):
    """Which stager, what it is told of the scanner, and what is done before and around it.

    Everything here is learnt on the training rows of a fold alone. The order is: `harmonise`,
    `missing`, `select`, `reduce`, `interaction` and `flags`, `balance`, `curriculum`, then the
    learner (`ordinal` around it, `stack` beside it); `fusion: late` does this for every channel
    on its own; `vote`, then `recalibrate` stand around the whole.

    Parameters
    ----------
    name : str
        A name that :func:`radiofib.staging.make_stager` knows.
    params : dict
        Parameters of the stager; unknown ones are refused by the stager itself.
    scanner_flag : bool
        Give the stager the scanner as one-hot flags; an unseen scanner is none of the known.
    flags : list of str
        Further context columns given as flags: ``vendor``, ``field_t``.
    interaction : bool
        Also give each feature's deviation within each known scanner.
    harmonise : part, optional
        Take scanner effects out of the features.
    missing : list of parts
        What becomes of features and channels that are missing; by default the learner's own way.
    select : list of parts
        Filters of features, one after the other.
    reduce : part, optional
        Components in place of features.
    fusion : part, optional
        ``early`` (the default: one table), ``middle`` or ``late``.
    ordinal : part, optional
        Around the learner: cumulative targets, or extreme stages with cut-offs.
    stack : list of parts
        Further learners; a small logistic regression is learnt on what all of them say.
    balance : part, optional
        Against unequal stages: weights, bags or synthetic rows. Nothing by default.
    curriculum : part, optional
        Weights of training rows by how sure a quick stager is of them.
    recalibrate : part, optional
        Correct the probabilities by inner folds. Left out: done (``logistic``) where `balance`,
        class weights or a focal loss shifted them; ``none`` never.
    vote : part, optional
        Average over copies that left out one inner fold each.

    Examples
    --------
    >>> StagerPlan().build()
    LogisticStager()
    >>> StagerPlan(name="logistic", scanner_flag=True).build()
    LogisticStager(scanner_column='scanner')
    >>> StagerPlan.parse({"select": [{"name": "mrmr", "param": {}}]}, where="study")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: study: 'select.0.param' is not a known key (expected name, params).
    Next: did you mean 'params'?
    """

    name: str = "logistic"
    params: dict[str, Any] = Field(default_factory=dict)
    scanner_flag: bool = False
    flags: tuple[str, ...] = ()
    interaction: bool = False
    harmonise: PartConfig | None = None
    missing: tuple[PartConfig, ...] = ()
    select: tuple[PartConfig, ...] = ()
    reduce: PartConfig | None = None
    fusion: PartConfig | None = None
    ordinal: PartConfig | None = None
    stack: tuple[PartConfig, ...] = ()
    balance: PartConfig | None = None
    curriculum: PartConfig | None = None
    recalibrate: PartConfig | None = None
    vote: PartConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        """Read ``combat`` as ``{name: combat}``, and one part where several may stand."""
        if not isinstance(data, dict):
            return data
        found = dict(data)
        for key, value in data.items():
            field = cls.model_fields.get(key)
            if field is None or "PartConfig" not in str(field.annotation):
                continue
            if key in ("missing", "select", "stack"):
                several = [] if value is None else value
                several = several if isinstance(several, list | tuple) else [several]
                found[key] = [_named(one) for one in several]
            else:
                found[key] = _named(value)
        return found

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.fusion is not None:
            if self.fusion.name not in FUSIONS:
                raise ValueError(f"unknown fusion {self.fusion.name!r}: {', '.join(FUSIONS)}")
            if self.fusion.name == "early" and self.fusion.params:
                raise ValueError("'fusion: early' has no parameters")
        known = [*PARTS["recalibrate"], "none"]
        if self.recalibrate is not None and self.recalibrate.name not in known:
            raise ValueError(f"unknown recalibrate {self.recalibrate.name!r}: {', '.join(known)}")
        if "scanner" in self.flags:
            raise ValueError("the scanner is given by 'scanner_flag: true', not in 'flags'")
        return self

    @property
    def uses_scanner(self) -> bool:
        """Whether any part of it must know the scanner."""
        return self.scanner_flag or self.interaction or self.harmonise is not None

    def check_order(self, levels: Sequence[str], *, ordered: bool) -> None:
        """Refuse stages without an order where any part of the plan reads one.

        Raises
        ------
        ConfigError
            Naming the part.
        """
        for one in (self.name, *(member.name for member in self.stack)):
            check_order(one, levels, ordered=ordered)
        if self.ordinal is not None:
            check_order(ORDINAL[0], levels, ordered=ordered, said=f"ordinal: {self.ordinal.name}")

    def steps(
        self, *, scanner_column: str = "scanner", random_state: int = 0
    ) -> list[Step | RowStep]:
        """Return the untrained steps before the learner, in order."""
        study = {
            "scanner_column": scanner_column,
            "patient_column": "patient",
            "random_state": random_state,
        }
        found: list[Any] = []

        def add(section: str, part: PartConfig | None) -> None:
            if part is not None:
                found.append(make_part(section, part.name, part.params, **study))

        add("harmonise", self.harmonise)
        for part in self.missing:
            add("missing", part)
        for part in self.select:
            add("select", part)
        add("reduce", self.reduce)
        if self._fusion == "middle":
            add("fusion", self.fusion)
        if self.interaction:
            add("context", PartConfig(name="interaction"))
        if self.flags:
            add("context", PartConfig(name="flags", params={"columns": self.flags}))
        if self.balance is not None and not self._wraps("balance", self.balance):
            add("balance", self.balance)
        add("curriculum", self.curriculum)
        return found

    def learner(self, *, scanner_column: str = "scanner", random_state: int = 0) -> BaseStager:
        """Return the untrained learner at the end of the steps."""
        own: dict[str, Any] = {"scanner_column": scanner_column, "random_state": random_state}
        column = scanner_column if self.scanner_flag else None
        learners = [
            self._around(
                "ordinal",
                self.ordinal,
                make_stager(
                    one.name, scanner_column=column, random_state=random_state, **one.params
                ),
                **own,
            )
            for one in (PartConfig(name=self.name, params=self.params), *self.stack)
        ]
        if not self.stack:
            return learners[0]
        return self._around("stack", PartConfig(name="logistic"), learners, **own)

    def build(self, *, scanner_column: str = "scanner", random_state: int = 0) -> BaseStager:
        """Return the untrained stager: the bare learner when nothing else is asked for.

        Raises
        ------
        ConfigError
            When a name or a parameter is unknown; the nearest known one is named.
        """
        own: dict[str, Any] = {"scanner_column": scanner_column, "random_state": random_state}
        stager = self.learner(**own)
        steps = self.steps(**own)
        if steps:
            column = scanner_column if self.uses_scanner else None
            stager = ChainStager(stager, steps, scanner_column=column, random_state=random_state)
        balance = self.balance
        if balance is not None and self._wraps("balance", balance):
            stager = self._around("balance", balance, stager, **own)
        if self._fusion == "late":
            stager = self._around("fusion", self.fusion, stager, **own)
        stager = self._around("vote", self.vote, stager, **own)
        return self._around("recalibrate", self.correction(), stager, **own)

    def correction(self) -> PartConfig | None:
        """Return the recalibration: the one asked for, or the default where one is needed."""
        if self.recalibrate is not None:
            return None if self.recalibrate.name == "none" else self.recalibrate
        shifted = self.balance is not None or self.name in _SHIFTED
        shifted = shifted or self.params.get("class_weight") is not None
        return PartConfig(name="logistic") if shifted else None

    @property
    def control(self) -> Self:
        """The bare learner of this plan, for tables that know nothing of the liver."""
        params = {key: value for key, value in self.params.items() if key != "monotone"}
        return type(self)(name=self.name, params=params)

    @property
    def _fusion(self) -> str:
        return "early" if self.fusion is None else self.fusion.name

    @staticmethod
    def _wraps(section: str, part: PartConfig) -> bool:
        known = PARTS[section].get(part.name)
        return known is not None and issubclass(known.kind, BaseStager)

    def _around(
        self,
        section: str,
        part: PartConfig | None,
        inside: Any,
        *,
        scanner_column: str,
        random_state: int,
    ) -> BaseStager:
        """Return a stager around one stager or several; the one as it is without a part."""
        if part is None:
            alone: BaseStager = inside
            return alone
        wrapped: BaseStager = make_part(
            section,
            part.name,
            part.params,
            **{"stagers" if isinstance(inside, list) else "stager": inside},
            scanner_column=scanner_column if self.uses_scanner else None,
            patient_column="patient",
            random_state=random_state,
        )
        return wrapped


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value
