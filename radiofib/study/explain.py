"""The step that explains the stager of a study."""

from __future__ import annotations

import pandas as pd

from radiofib.datacard import StageScheme
from radiofib.errors import Failure, RadiofibError
from radiofib.evaluation.explain import explain_stager
from radiofib.study.channel_sets import channel_sets
from radiofib.study.config import StudyConfig
from radiofib.study.folder import RunFolder
from radiofib.study.model import build_stager, labelled
from radiofib.study.progress import Progress
from radiofib.table import FeatureTable

__all__ = ["explain_step"]

_OUTPUTS = ("evaluation/importance.csv", "evaluation/partial_dependence.csv")


def explain_step(
    study: StudyConfig,
    table: FeatureTable,
    scheme: StageScheme | None,
    folder: RunFolder,
    features_hash: str,
    workers: int | None,
    tell: Progress,
) -> list[Failure]:
    """Explain the stager of each channel set on held-out folds, when the study asks for it.

    Writes ``evaluation/importance.csv`` and ``evaluation/partial_dependence.csv``.
    """
    rows = labelled(table)
    if study.explain is None or scheme is None or rows.n_rows == 0:
        folder.discard(*_OUTPUTS)
        return []
    asked = study.explain
    key = {
        "features": features_hash,
        "stager": study.stager.model_dump(),
        "explain": asked.model_dump(mode="json"),
        "folds": study.evaluation.folds,
        "seed": study.seed,
        "channel_sets": {s.name: s.members for s in channel_sets(study)},
    }

    def work() -> None:
        found = []
        sets = channel_sets(study)
        for number, channels in enumerate(sets):
            tell("explain", number, len(sets))
            seen = channels.of(rows)
            found.append(
                explain_stager(
                    seen,
                    build_stager(study),
                    levels=scheme.levels,
                    ordered=scheme.ordered,
                    model_name=channels.label(study.stager.name),
                    folds=study.evaluation.folds,
                    repeats=asked.repeats,
                    correlation=asked.correlation,
                    top=asked.top,
                    grid=asked.grid,
                    random_state=study.seed,
                    workers=workers,
                )
            )
        tell("explain", len(sets), len(sets))
        tables = ([f.importance for f in found], [f.partial_dependence for f in found])
        for name, parts in zip(_OUTPUTS, tables, strict=True):
            folder.write_frame(name, pd.concat(parts, ignore_index=True))

    try:
        folder.step("explain", key, _OUTPUTS, work)
    except RadiofibError as error:
        folder.discard(*_OUTPUTS)
        return [Failure.from_error(error, case="", step="explain")]
    return []
