"""Nyul's landmarks of a study: learned from one split, and said so where that split is tested."""

from __future__ import annotations

from dataclasses import replace

from radiofib.cohort import Cohort
from radiofib.engines import ExtractionConfig
from radiofib.errors import ConfigError
from radiofib.extract.landmarks import write_landmarks
from radiofib.images import hash_source
from radiofib.study.config import StudyConfig
from radiofib.study.folder import RunFolder

__all__ = ["check_landmarks", "learn_step"]

FOLDER = "landmarks"


def check_landmarks(study: StudyConfig, config: ExtractionConfig) -> None:
    """Refuse a split that would teach landmarks nobody asks for.

    Raises
    ------
    ConfigError
        When ``landmark_split`` is given and no normalisation is by ``nyul``.
    """
    prepared = config.liver.preprocessing if config.liver else None
    ask = prepared.normalise if prepared else None
    if study.landmark_split is not None and (ask is None or ask.method != "nyul"):
        raise ConfigError(
            "landmark_split has no effect without normalisation by nyul",
            where="study",
            hint="set liver: preprocessing: normalise: {method: nyul}, or leave it out",
        )


def learn_step(
    study: StudyConfig, cohort: Cohort, config: ExtractionConfig, folder: RunFolder
) -> tuple[Cohort, ExtractionConfig]:
    """Learn landmarks from the cases of ``landmark_split`` and point the configuration at them.

    The cohort gets a note on how many of the cases that the stager is tested on were among them:
    for these the scale is not unseen.
    """
    if study.landmark_split is None:
        folder.discard(FOLDER)
        return cohort, config
    check_landmarks(study, config)
    assert config.liver is not None
    training = [a for a in cohort.acquisitions if a.extra.get("split") == study.landmark_split]
    files = tuple(f"{FOLDER}/{c}.json" for c in dict.fromkeys(a.channel for a in training))
    liver = config.liver
    key = {
        "preprocessing": liver.model_dump(mode="json")["preprocessing"],
        "cases": [
            [*a.key, hash_source(a.image), None if a.mask is None else hash_source(a.mask)]
            for a in training
        ],
    }

    def work() -> None:
        write_landmarks(training, liver, folder.root / FOLDER)

    folder.step("landmarks", key, files, work)
    learned = liver.model_copy(update={"landmarks": str(folder.root / FOLDER)})
    cases = {a.case for a in training}
    tested = {a.case for a in cohort.acquisitions if a.stage is not None} & cases
    note = (
        f"Nyul landmarks were learned from {len(cases)} case(s) of split "
        f"{study.landmark_split!r}; {len(tested)} of them are also among the cases with a stage "
        "that the stager is tested on, so their intensity scale is not unseen"
    )
    noted = replace(cohort, notes=(*cohort.notes, note))
    return noted, config.model_copy(update={"liver": learned})
