"""Regions of interest drawn on a few images, spread over the stages, for the report."""

from __future__ import annotations

from collections.abc import Sequence

from radiofib.cohort import Acquisition, Cohort
from radiofib.errors import Failure, RadiofibError
from radiofib.extract.doubts import Doubt
from radiofib.images import load_roi, overlay_png
from radiofib.study.burned_in import held_back, held_back_doubts
from radiofib.study.config import StudyConfig
from radiofib.study.folder import RunFolder
from radiofib.table import FeatureTable

__all__ = ["examples_step", "pick_examples"]

SLIDE_CHANNEL = "wsi"


def examples_step(
    study: StudyConfig, cohort: Cohort, table: FeatureTable, folder: RunFolder
) -> tuple[list[Failure], list[Doubt]]:
    """Draw a few regions of interest, spread over the stages, for the report.

    Pictures that show burned-in text are not drawn: the doubts name them.
    """
    folder.discard("examples")
    failures: list[Failure] = []
    held: list[Acquisition] = []
    picks = pick_examples(cohort.acquisitions, table, study.examples)
    for number, acquisition in enumerate(picks):
        try:
            roi = load_roi(
                acquisition.image,
                acquisition.mask,
                mask_label=acquisition.mask_label,
                channel=acquisition.channel,
            )
        except RadiofibError as error:
            failures.append(
                Failure.from_error(
                    error, case=acquisition.case, step="example", channel=acquisition.channel
                )
            )
            continue
        if held_back(study, acquisition, roi.pixels):
            held.append(acquisition)
            continue
        overlay_png(roi, folder.path(f"examples/{number + 1:02d}__{acquisition.channel}.png"))
    return failures, held_back_doubts(held, len(picks), "examples/")


def pick_examples(
    acquisitions: Sequence[Acquisition], table: FeatureTable, most: int
) -> list[Acquisition]:
    """Return up to `most` acquisitions with features, taking the stages in turn.

    Parameters
    ----------
    acquisitions : sequence of Acquisition
    table : FeatureTable
        Only cases of its rows are taken.
    most : int

    Examples
    --------
    >>> import pandas as pd
    >>> table = FeatureTable(pd.DataFrame({"f": [1.0]}), pd.DataFrame({"case": ["a"]}))
    >>> pick_examples((), table, 3)
    []
    """
    done = set(table.obs["case"])
    by_stage: dict[str, list[Acquisition]] = {}
    for acquisition in acquisitions:
        if acquisition.case in done and acquisition.channel != SLIDE_CHANNEL:
            by_stage.setdefault(acquisition.stage or "", []).append(acquisition)
    picked: list[Acquisition] = []
    queues = [by_stage[stage] for stage in sorted(by_stage)]
    for rank in range(max(map(len, queues), default=0)):
        picked += [queue[rank] for queue in queues if rank < len(queue)]
        if len(picked) >= most:
            break
    return picked[:most]
