"""The last step of a study for a challenge: predict what has no stage and write its file."""

from __future__ import annotations

from typing import Any

import pandas as pd

from radiofib._checks import list_some
from radiofib.cohort import Cohort
from radiofib.errors import Failure, ModelError, RadiofibError
from radiofib.evaluation import predict_table
from radiofib.export import write_submission
from radiofib.provenance import hash_file
from radiofib.staging import load_stager
from radiofib.study.channel_sets import FLAG_PRIOR, ChannelSet, channel_sets, class_shares
from radiofib.study.config import StudyConfig
from radiofib.study.folder import RunFolder
from radiofib.study.model import labelled
from radiofib.study.progress import Progress
from radiofib.table import FeatureTable, unguard_frame

__all__ = ["SUBMISSION_FILES", "predict_unlabelled", "submission_step"]

#: What the step writes: the challenge's file, and the same with all stages and flags.
SUBMISSION_FILES = ("LiFS_pred.csv", "submission.csv")


def submission_step(
    study: StudyConfig,
    table: FeatureTable,
    cohort: Cohort,
    folder: RunFolder,
    features_hash: str,
    tell: Progress,
) -> list[Failure]:
    """Predict every case without a stage in each channel set and write ``LiFS_pred.csv``.

    The models are those of the training step, which saw labelled cases alone. A case without
    any feature of a set gets the class shares of that set's training cases; it is flagged in
    ``submission.csv`` and listed as a failure.
    """
    if study.submission is None:
        folder.discard(*SUBMISSION_FILES)
        return []
    cases = _unlabelled(cohort)
    sets = channel_sets(study)
    trained = {s.model_file: folder.root / s.model_file for s in sets}
    key: dict[str, Any] = {
        "features": features_hash,
        "cases": list(cases),
        "sets": {s.name: s.members for s in sets},
        "models": {n: hash_file(p) if p.is_file() else None for n, p in trained.items()},
    }

    def work() -> None:
        if cohort.scheme is None or not cases:
            raise ModelError(
                "there is no case to submit",
                expected="cases without a stage, beside cases with one",
                found=f"{len(cohort.cases)} cases, all with a stage" if cohort.cases else "none",
                hint="lay validation cases beside the training cases, or leave out 'submission'",
            )
        levels = cohort.scheme.levels
        found = {s.name: predict_unlabelled(s, table, cases, levels, folder) for s in sets}
        frames = [frame.assign(channels=name) for name, frame in found.items()]
        folder.write_frame("submission.csv", pd.concat(frames, ignore_index=True))
        write_submission(found, folder.path("LiFS_pred.csv"), cases)

    tell("submission", 0, 1)
    try:
        folder.step("submission", key, SUBMISSION_FILES, work)
    except RadiofibError as error:
        return [Failure.from_error(error, case="", step="submission")]
    tell("submission", 1, 1)
    rows = pd.read_csv(folder.root / "submission.csv", dtype=str, keep_default_na=False)
    return _flagged(unguard_frame(rows), {s.name: s for s in sets})


def predict_unlabelled(
    channels: ChannelSet,
    table: FeatureTable,
    cases: tuple[str, ...],
    levels: tuple[str, ...],
    folder: RunFolder,
) -> pd.DataFrame:
    """Return ``case, p_<level>..., flag`` of each case, in their order.

    Raises
    ------
    ModelError
        When the stager of the set was not trained.
    """
    path = folder.root / channels.model_file
    if not path.is_file():
        raise ModelError(
            "the stager of a channel set was not trained",
            where=f"channels {channels.name}",
            hint="see the step 'train' in failures.csv",
        )
    seen = channels.of(table)
    train = labelled(seen)
    shares = class_shares(train.obs["stage"].astype(str).tolist(), levels)
    columns = [f"p_{level}" for level in levels]
    rows = seen.subset(seen.obs["case"].isin(cases).to_numpy())
    predicted = pd.DataFrame(columns=["case", *columns], dtype=float)
    if rows.n_rows:
        model, _ = load_stager(path)
        predicted = predict_table(model, rows, levels=levels)
    twice = predicted["case"][predicted["case"].duplicated()]
    if len(twice):
        raise ModelError(
            "a case to submit has several rows",
            found=list_some(dict.fromkeys(twice), 4),
            hint="give one image of each channel for a case",
        )
    # A case of which nothing could be measured has no row in the table.
    frame = predicted.set_index("case")[columns].reindex(list(cases)).astype(float)
    empty = frame.isna().all(axis=1).to_numpy()
    frame.loc[empty, columns] = shares
    return frame.assign(flag=[FLAG_PRIOR if e else "" for e in empty]).reset_index()


def _unlabelled(cohort: Cohort) -> tuple[str, ...]:
    known = {a.case for a in cohort.acquisitions if a.stage is not None}
    return tuple(c for c in cohort.cases if c not in known)


def _flagged(rows: pd.DataFrame, sets: dict[str, ChannelSet]) -> list[Failure]:
    failures = []
    for case, name in rows.loc[rows["flag"] != "", ["case", "channels"]].itertuples(index=False):
        error = ModelError(
            "submitted with the class shares of the training cases",
            where=f"case {case!r}, channels {name}",
            found=f"no feature of {list_some(sets[name].channels) or 'any channel'}",
            hint="give images and masks of these channels",
        )
        failures.append(Failure.from_error(error, case=case, step="submission"))
    return failures
