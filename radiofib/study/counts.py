"""The step of a study that sets the features of its stager against the number of patients."""

from __future__ import annotations

import pandas as pd

from radiofib.datacard import StageScheme
from radiofib.errors import Failure, RadiofibError
from radiofib.evaluation.feature_counts import feature_counts
from radiofib.study.channel_sets import channel_sets
from radiofib.study.config import StudyConfig
from radiofib.study.folder import RunFolder
from radiofib.study.model import build_stager, check_scanner, labelled
from radiofib.study.progress import Progress
from radiofib.table import FeatureTable

__all__ = ["counts_step"]

_OUTPUT = "evaluation/feature_counts.csv"
_STEP = "feature counts"


def counts_step(
    study: StudyConfig,
    table: FeatureTable,
    scheme: StageScheme | None,
    folder: RunFolder,
    features_hash: str,
    tell: Progress,
) -> list[Failure]:
    """Count what the stager chooses from, once for each channel set; too few is no failure."""
    sets = [(s, labelled(s.of(table))) for s in channel_sets(study)]
    # A set of which no case has a channel has no stager, hence nothing to count.
    sets = [(s, rows) for s, rows in sets if rows.n_rows]
    if scheme is None or not sets:
        folder.discard(_OUTPUT)
        return []
    key = {
        "features": features_hash,
        "stager": study.stager.model_dump(),
        "seed": study.seed,
        "folds": study.evaluation.folds,
        "channel_sets": {s.name: s.members for s, _ in sets},
    }

    def work() -> None:
        frames = []
        for number, (channels, rows) in enumerate(sets):
            tell(_STEP, number, len(sets))
            check_scanner(study, rows)
            counted = feature_counts(
                rows,
                build_stager(study),
                folds=study.evaluation.folds,
                random_state=study.seed,
            )
            counted.insert(0, "model", channels.label(study.stager.name))
            frames.append(counted)
        folder.write_frame(_OUTPUT, pd.concat(frames, ignore_index=True))

    try:
        folder.step(_STEP, key, (_OUTPUT,), work)
    except RadiofibError as error:
        folder.discard(_OUTPUT)
        return [Failure.from_error(error, case="", step=_STEP)]
    tell(_STEP, len(sets), len(sets))
    return []
