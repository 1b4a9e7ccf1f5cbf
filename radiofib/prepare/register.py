"""Cohort to aligned cohort: every channel brought to its case's reference channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path

import pandas as pd
import SimpleITK as sitk

from radiofib._checks import list_some
from radiofib.cohort import Acquisition, Cohort
from radiofib.cohort.columns import FILE_COLUMNS, FLAT_CHANNELS
from radiofib.cohort.failures import failure_of
from radiofib.cohort.folders import folder_names
from radiofib.cohort.geometry import odd_phases, parse_geometry
from radiofib.errors import CohortError, EngineError, Failure, RadiofibError
from radiofib.images import hash_source
from radiofib.parallel import map_pieces
from radiofib.prepare.config import RegistrationPlan
from radiofib.prepare.pair import PairDone, PairRow, PairWork, Task, crashed, do_pair
from radiofib.provenance import radiofib_version
from radiofib.store import tidy

__all__ = ["REFERENCE", "Registered", "register_cohort"]

#: What ``registration`` says of the reference channel itself.
REFERENCE = "reference"
#: And how it begins for a channel that must not be measured.
LOST = "failed: "
_PIECES = "pieces"


@dataclass(frozen=True)
class Registered:
    """What became of a cohort.

    Parameters
    ----------
    cohort : Cohort
        Aligned images or native ones, each with its mask, and a fact ``registration``:
        ``reference``, ``good``, ``look``, ``native: why``, or ``failed: why`` for a channel that
        is not to be measured.
    quality : DataFrame
        One row a pair, see :class:`radiofib.prepare.PairRow`.
    failures : list of Failure
        Channels that are not measured because they could not be aligned.
    pairs : int
        Channels that were to be aligned.
    """

    cohort: Cohort
    quality: pd.DataFrame
    failures: list[Failure]
    pairs: int


def register_cohort(
    cohort: Cohort,
    plan: RegistrationPlan,
    folder: str | Path,
    *,
    workers: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Registered:
    """Align every channel of every case to the case's reference channel.

    Each pair is one piece of work: ``<folder>/<case>/<channel>.nii.gz`` is the channel on the
    reference's grid, ``.tfm`` the transform from the reference's frame to the channel's,
    ``.png`` a checkerboard, ``<channel>_mask.nii.gz`` the reference's mask on the channel's own
    grid. A run that is stopped and started again does only what is missing; files do not depend on
    the number of workers.

    A reference without a mask takes that of the first channel that has one, carried over. Pictures
    and slides are left as they are.

    Parameters
    ----------
    cohort : Cohort
        Channels of cases.
    plan : RegistrationPlan
        What to do.
    folder : path
        Where to write; made when absent.
    workers : int, optional
        Processes; default one per core.
    progress : callable, optional
        Called with (done, total, text) after each pair.

    Raises
    ------
    CohortError
        When no case has the reference channel.
    RadiofibError
        When a pair failed and the plan says stop.
    """
    home = Path(folder)
    tidy(home)
    tidy(home / _PIECES)
    groups = [(key, [a for a in group if _alignable(a)]) for key, group in cohort.rows]
    names = folder_names(key for key, _ in groups)
    references = {key: _reference(group, plan.to) for key, group in groups}
    if not any(references.values()):
        raise CohortError(
            f"no case has the reference channel {plan.to!r}",
            where=cohort.source or None,
            found=list_some(cohort.channels),
            hint="name one of them as registration reference",
        )
    tasks = [
        Task(reference, a, names[key])
        for key, group in groups
        if (reference := references[key]) is not None
        for a in group
        if a is not reference
    ]
    work = PairWork(plan, home, home / _PIECES, _versions())
    done: dict[tuple[str, str, str], PairDone] = {}
    results = map_pieces(partial(do_pair, work=work), tasks, workers=workers, on_crash=crashed)
    for task, result in results:
        if result.failure is not None:
            result = replace(result, failure=result.failure.below(cohort.root))
        done[task.moving.key] = result
        if progress is not None:
            state = "failed" if result.failure else "kept" if result.reused else "done"
            progress(len(done), len(tasks), f"{task.moving.case} {task.moving.channel}: {state}")
    for key, group in groups:
        _doubt_files(references[key], group, done)
    settled = _Settled(plan, home)
    for key, group in groups:
        settled.case(references[key], group, done)
    others = [a for a in cohort.acquisitions if not _alignable(a)]
    settled.stop_if_asked()
    order = {a.key: i for i, a in enumerate(cohort.acquisitions)}
    kept = sorted([*settled.kept, *others], key=lambda a: order[a.key])
    quality = pd.DataFrame(
        [asdict(row) for t in tasks if (row := done[t.moving.key].row) is not None],
        columns=[f.name for f in fields(PairRow)],
    )
    ready = replace(cohort, acquisitions=tuple(kept))
    return Registered(ready, quality, settled.failures, len(tasks))


def _alignable(acquisition: Acquisition) -> bool:
    return acquisition.channel not in FLAT_CHANNELS


def _reference(group: list[Acquisition], channel: str) -> Acquisition | None:
    return next((a for a in group if a.channel == channel), None)


def _doubt_files(
    reference: Acquisition | None,
    group: list[Acquisition],
    done: dict[tuple[str, str, str], PairDone],
) -> None:
    """Ask to look at a phase unlike the others of its series, and at one file in two channels."""
    keys = {a.channel: a.key for a in group if a.key in done and done[a.key].row is not None}
    rows = {c: row for c, key in keys.items() if (row := done[key].row) is not None}
    if reference is None or not rows:
        return
    texts = {c: row.native_geometry for c, row in rows.items()}
    # A copy of the reference has been noticed by its voxels.
    copies = _copies(texts, {a.channel: a.image for a in group if a.channel in texts})
    texts[reference.channel] = next(iter(rows.values())).reference_geometry
    odd = odd_phases({c: parse_geometry(text)[:2] for c, text in texts.items()})
    for channel, why in [*odd.items(), *copies.items()]:
        # What is wrong with the reference is wrong with every pair.
        for other in keys if channel == reference.channel else (channel,):
            rows[other] = rows[other].doubted(why)
            done[keys[other]] = replace(done[keys[other]], row=rows[other])


def _copies(texts: dict[str, str], files: dict[str, Path]) -> dict[str, str]:
    """Find channels with the same file; only files of one size and geometry are read again."""
    twins: dict[tuple[str, str], list[str]] = {}
    for channel, text in texts.items():
        if list(texts.values()).count(text) > 1:
            twins.setdefault((text, hash_source(files[channel])), []).append(channel)
    return {
        channel: f"{' and '.join(same)} are one and the same file: which is it?"
        for same in twins.values()
        if len(same) > 1
        for channel in same
    }


def _versions() -> str:
    return f"radiofib {radiofib_version()}, SimpleITK {sitk.Version.VersionString()}"


class _Settled:
    """Takes one case after another and decides what is measured of it."""

    def __init__(self, plan: RegistrationPlan, home: Path) -> None:
        self.plan = plan
        self.home = home
        self.kept: list[Acquisition] = []
        self.failures: list[Failure] = []
        self._stop: list[str] = []

    def case(
        self,
        reference: Acquisition | None,
        group: list[Acquisition],
        done: dict[tuple[str, str, str], PairDone],
    ) -> None:
        if reference is None:
            for a in group:
                self._without(a, f"the case has no channel {self.plan.to} to align to", None)
            return
        broken = next(
            (done[a.key] for a in group if a is not reference and done[a.key].reference_failed),
            None,
        )
        if broken is not None and broken.failure is not None:
            self.failures.append(broken.failure)
            for a in group:
                if a is not reference:
                    self._without(a, f"{self.plan.to} cannot be used", None)
            self._lost(reference, broken.failure)
            return
        rows = {a.channel: done[a.key].row for a in group if a is not reference}
        masked = self._with_mask(reference, rows)
        self.kept.append(_told(masked, REFERENCE))
        for a in group:
            if a is reference:
                continue
            result = done[a.key]
            row = result.row
            if row is None and result.failure is not None:
                # It could not be read, so its native grid is no way out either.
                self.failures.append(result.failure)
                self._lost(a, result.failure)
            elif row is None:
                self._without(a, "it was not tried", masked)
            elif row.verdict == "failed":
                self._without(a, row.reasons or "alignment failed", masked)
            elif row.verdict == "look" and self.plan.on_look != "use":
                self._without(a, row.reasons, masked, self.plan.on_look)
            else:
                self.kept.append(self._aligned(a, row, masked))

    def _with_mask(self, reference: Acquisition, rows: dict[str, PairRow | None]) -> Acquisition:
        """Give a reference without a mask that of the first aligned channel that has one."""
        if reference.mask is not None:
            return reference
        for channel, row in rows.items():
            if row is not None and row.mask_there and row.verdict == "good":
                mask = self.home / row.mask_there
                return _told(
                    replace(reference, mask=mask, mask_label=None),
                    REFERENCE,
                    mask_source=f"carried from {channel}",
                )
        return reference

    def _aligned(self, a: Acquisition, row: PairRow, reference: Acquisition) -> Acquisition:
        if self.plan.grid == "native":
            if a.mask is not None or not row.mask_here:
                return _told(a, row.verdict)
            return _told(replace(a, mask=self.home / row.mask_here, mask_label=None), row.verdict)
        image = self.home / row.image
        if row.mask:
            moved = replace(a, image=image, mask=self.home / row.mask, mask_label=None)
        else:
            moved = replace(a, image=image, mask=reference.mask, mask_label=reference.mask_label)
        # Other organs are outlined on the reference; the channel's own outlines lie elsewhere now.
        files = {c: reference.extra.get(c) for c in _organs(a, reference)}
        extra = {k: v for k, v in {**a.extra, **files}.items() if v is not None}
        return _told(replace(moved, extra=extra), row.verdict, native_geometry=row.native_geometry)

    def _without(
        self, a: Acquisition, reason: str, reference: Acquisition | None, rule: str | None = None
    ) -> None:
        """Apply the rule for a channel that is not aligned."""
        rule = rule or self.plan.on_failure
        what = f"{a.channel} is not aligned to {self.plan.to}: {reason}"
        if rule == "native":
            mask, label = a.mask, a.mask_label
            if mask is None and reference is not None:
                mask, label = reference.mask, reference.mask_label
            native = replace(a, mask=mask, mask_label=label)
            self.kept.append(_told(native, f"native: {reason}"))
            return
        if rule == "stop":
            self._stop.append(f"{a.case} {a.channel}")
        error = EngineError(
            what, hint="look at the pictures; registration's on_failure says what follows"
        )
        failure = failure_of(a, error, "register")
        self.failures.append(failure)
        self._lost(a, failure)

    def _lost(self, a: Acquisition, failure: Failure) -> None:
        """Keep the row with its reason, so that no table takes it for a channel never acquired."""
        self.kept.append(_told(a, f"{LOST}{failure.reason}"))

    def stop_if_asked(self) -> None:
        if self._stop:
            raise RadiofibError(
                "channels could not be aligned, and the study says to stop",
                found=list_some(self._stop, 5),
                hint="look at registration.csv, or choose on_failure: missing or native",
            )


def _organs(a: Acquisition, reference: Acquisition) -> list[str]:
    return [c for c in FILE_COLUMNS if c in a.extra or c in reference.extra]


def _told(a: Acquisition, registration: str, **facts: str) -> Acquisition:
    return replace(a, extra={**a.extra, "registration": registration, **facts})
