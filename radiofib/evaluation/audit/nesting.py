"""Which stages were seen on which scanner, and what cannot be told apart because of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from radiofib.evaluation.audit.patients import Patients

__all__ = ["Nesting", "scanner_by_stage"]

#: Fewer patients than this in a cell are called sparse.
SPARSE = 10


@dataclass(frozen=True, eq=False)
class Nesting:
    """Patients by scanner and stage.

    Parameters
    ----------
    counts : DataFrame
        ``scanner``, one column for each stage, ``no_auc``: the questions for which the scanner
        has patients on one side only, so that it has no AUC of its own.
    scanners : int
        Scanners with a name.
    nested : bool
        Whether every scanner has one stage only: then effects of scanner and stage cannot be
        told apart by any method, and harmonisation would take the stage away with the scanner.
    one_stage : tuple of str
        Scanners with one stage.
    linked : bool
        Whether scanners are linked through shared stages. When they fall into groups that share
        no stage, effects between groups are not identifiable.
    sparse : int
        Cells with some but fewer than ten patients.
    empty : int
        Cells without a patient.
    """

    counts: pd.DataFrame
    scanners: int
    nested: bool
    one_stage: tuple[str, ...]
    linked: bool
    sparse: int
    empty: int


def scanner_by_stage(patients: Patients) -> Nesting:
    """Count patients by scanner and stage and say what is not identifiable."""
    levels = list(patients.levels)
    known = [k for k, s in enumerate(patients.scanners) if s is not None]
    machines = sorted({str(patients.scanners[k]) for k in known})
    table = np.zeros((len(machines), len(levels)), dtype=np.intp)
    place = {m: i for i, m in enumerate(machines)}
    rank = {level: j for j, level in enumerate(levels)}
    for k in known:
        table[place[str(patients.scanners[k])], rank[str(patients.stages[k])]] += 1
    frame = pd.DataFrame(table, columns=levels)
    frame.insert(0, "scanner", machines)
    sides = []
    for row in table:
        here = {level for level, n in zip(levels, row, strict=True) if n}
        lacking = [
            t.name for t in patients.targets if not (here & t.positive) or not (here & t.negative)
        ]
        sides.append("; ".join(lacking))
    frame["no_auc"] = sides
    single = tuple(m for m, row in zip(machines, table, strict=True) if (row > 0).sum() == 1)
    return Nesting(
        frame,
        len(machines),
        len(machines) > 1 and len(single) == len(machines),
        single,
        _linked(table > 0),
        int(((table > 0) & (table < SPARSE)).sum()),
        int((table == 0).sum()),
    )


def _linked(seen: np.ndarray) -> bool:
    """Tell whether scanners hang together through shared stages."""
    if len(seen) == 0:
        return True
    reached = np.zeros(len(seen), dtype=np.bool_)
    reached[0] = True
    for _ in range(len(seen)):
        stages = seen[reached].any(axis=0)
        reached |= (seen & stages).any(axis=1)
    return bool(reached.all())
