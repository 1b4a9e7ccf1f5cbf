"""Cohorts in which the scanner does or does not confound the stage, and ones with lost blocks.

Settings of :func:`radiofib.simulate.cohorts.simulate_table` alone: the law is that of any other
tabular cohort. Their numbers were chosen before anything was fitted to them, from what the law
implies: a ridge regression that knows the law of ``confounded`` exactly and looks at pooled rows
loses 0.017 of AUC on a scanner that was left out, against one that looks within scanners.
"""

from __future__ import annotations

from radiofib.simulate.cohorts import TableScanner, TableSettings
from radiofib.simulate.laws import StageLaw

__all__ = ["BLOCK_COHORTS", "SCANNER_COHORTS"]


def _scanners(
    *mixes: tuple[float, ...], missing: dict[str, tuple[float, ...]] | None = None
) -> tuple[TableScanner, ...]:
    """Return one scanner for each mix of stages, of equal size, called A, B, C ..."""
    return tuple(
        TableScanner(name=name, stage_weights=mix, missing=missing or {})
        for name, mix in zip("ABCDEFGH"[: len(mixes)], mixes, strict=True)
    )


_UNEQUAL = _scanners((4, 3, 2, 1), (1, 2, 3, 4), (4, 2, 2, 1), (1, 2, 2, 4))
_EQUAL = _scanners(*[(1, 1, 1, 1)] * 4)

#: name -> settings of a cohort of four scanners.
#:
#: - ``confounded``: mixes of stages differ, features shift by 0.5 standard deviations;
#: - ``plain``: equal mixes, no shift: the scanner is a name;
#: - ``other_confounded``, ``other_plain``: as those, with other effects, widths and mixes;
#: - ``nothing``: as ``confounded``, with features that know nothing of the stage.
SCANNER_COHORTS: dict[str, TableSettings] = {
    "confounded": TableSettings(
        features_per_channel=15, effect=0.3, shift_sd=0.5, scale_sd=0.1, scanners=_UNEQUAL
    ),
    "plain": TableSettings(
        features_per_channel=15, effect=0.3, shift_sd=0.0, scale_sd=0.0, scanners=_EQUAL
    ),
    "other_confounded": TableSettings(
        channels=("t1", "dwi", "ged4"),
        features_per_channel=30,
        informative=0.1,
        effect=0.45,
        shift_sd=0.35,
        scale_sd=0.2,
        scanners=_scanners((5, 2, 2, 1), (1, 1, 3, 5), (2, 2, 2, 2), (1, 2, 2, 5)),
    ),
    "other_plain": TableSettings(
        channels=("t1", "dwi", "ged4"),
        features_per_channel=30,
        informative=0.1,
        effect=0.45,
        shift_sd=0.0,
        scale_sd=0.0,
        scanners=_EQUAL,
    ),
    "nothing": TableSettings(
        features_per_channel=15,
        shift_sd=0.5,
        scale_sd=0.1,
        scanners=_UNEQUAL,
        stage_law=StageLaw(step=0.0),
    ),
}

_SOME: dict[str, tuple[float, ...]] = {"dwi": (0.2, 0.2, 0.2, 0.2), "t1": (0.1, 0.1, 0.1, 0.1)}

#: name -> settings of a cohort of one scanner in which DWI and T1 are missing at random.
#:
#: - ``linked``: half of the features know the trait, so that channels predict each other;
#: - ``unlinked``: no feature knows it: channels say nothing of each other.
BLOCK_COHORTS: dict[str, TableSettings] = {
    "linked": TableSettings(
        features_per_channel=15,
        informative=0.5,
        effect=0.6,
        shift_sd=0.0,
        scale_sd=0.0,
        scanners=_scanners((1, 1, 1, 1), missing=_SOME),
    ),
    "unlinked": TableSettings(
        features_per_channel=15,
        informative=0.0,
        shift_sd=0.0,
        scale_sd=0.0,
        scanners=_scanners((1, 1, 1, 1), missing=_SOME),
    ),
}
