"""What the cohort writers share: who gets which scanner and stage, and what is reported of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from radiofib.errors import UsageError
from radiofib.parallel import map_pieces
from radiofib.simulate._random import quota_sequence
from radiofib.simulate.laws import StageLaw, auc_ceiling

__all__ = ["Site", "deal", "run_pieces", "stage_facts"]

P = TypeVar("P")
R = TypeVar("R")


class Site(Protocol):
    """Any scanner: a name, a share of the patients, a stage mix."""

    @property
    def name(self) -> str: ...
    @property
    def weight(self) -> float: ...
    @property
    def stage_weights(self) -> tuple[float, ...]: ...


def check_per_stage(
    what: str, values: Sequence[float], stages: Sequence[str], scanner: str
) -> None:
    """Refuse a list that does not hold one number for each stage."""
    if len(values) != len(stages):
        raise UsageError(
            f"{what!r} needs one number for each stage",
            where=f"scanner {scanner}",
            expected=str(len(stages)),
            found=str(len(values)),
        )


def deal(scanners: Sequence[Site], stages: Sequence[str], n: int) -> list[tuple[int, int]]:
    """Deal a scanner (its number) and a stage level to each of `n` patients, both by quota.

    Raises
    ------
    UsageError
        When `n` is not positive, two scanners share a name, or a stage mix does not fit.
    """
    if n < 1:
        raise UsageError("a cohort needs at least one patient", found=str(n))
    number = {scanner.name: i for i, scanner in enumerate(scanners)}
    if len(number) < len(scanners):
        raise UsageError("two scanners share a name", found=", ".join(s.name for s in scanners))
    for scanner in scanners:
        check_per_stage("stage_weights", scanner.stage_weights, stages, scanner.name)
    names = quota_sequence({s.name: s.weight for s in scanners}, n)
    levels = {
        s.name: iter(
            quota_sequence({str(j): w for j, w in enumerate(s.stage_weights)}, names.count(s.name))
        )
        for s in scanners
    }
    return [(number[name], int(next(levels[name]))) for name in names]


def stage_facts(law: StageLaw, stages: Sequence[str], levels: Iterable[int]) -> dict[str, Any]:
    """Return the counts of a cohort by stage and the best AUC that its trait allows.

    Examples
    --------
    >>> stage_facts(StageLaw(step=0), ("S1", "S2"), [0, 0, 1])
    {'stage_counts': {'S1': 2, 'S2': 1}, 'auc_ceiling': {'S2_or_higher': 0.5}}
    """
    drawn = list(levels)
    mix = [drawn.count(j) for j in range(len(stages))]
    ceiling = {
        f"{stages[j]}_or_higher": auc_ceiling(law, mix, range(j, len(mix)))
        for j in range(1, len(mix))
        if 0 < sum(mix[j:]) < sum(mix)
    }
    return {"stage_counts": dict(zip(stages, mix, strict=True)), "auc_ceiling": ceiling}


def run_pieces(
    function: Callable[[P], R], pieces: Mapping[str, P], workers: int | None
) -> dict[str, R]:
    """Apply a function to named pieces in processes; return results by name, in given order."""

    def crashed(piece: P, error: Exception) -> R:
        name = next(n for n, p in pieces.items() if p == piece)
        raise UsageError(
            "a worker process died", where=name, found=str(error), hint="use fewer workers"
        ) from error

    names = {id(piece): name for name, piece in pieces.items()}
    done = {
        names[id(piece)]: result
        for piece, result in map_pieces(
            function, list(pieces.values()), workers=workers, on_crash=crashed
        )
    }
    return {name: done[name] for name in pieces}
