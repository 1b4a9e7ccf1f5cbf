"""What the cohort alone tells of a study before anything is measured: how it cannot be tested."""

from __future__ import annotations

import pandas as pd

from radiofib.cohort import Cohort
from radiofib.errors import SplitError
from radiofib.evaluation import leave_one_scanner_out, patient_folds
from radiofib.study.config import StudyConfig
from radiofib.study.parts import fixed_parts
from radiofib.table import FeatureTable

__all__ = ["StudyWarning", "impossible_splits"]


class StudyWarning(UserWarning):
    """Something a study cannot do, or that a person should look at."""


def impossible_splits(study: StudyConfig, cohort: Cohort) -> list[SplitError]:
    """Return why settings of a study cannot be evaluated, before hours of features.

    What cannot be read later makes a cohort smaller, never larger: folds that cannot be made of
    all patients cannot be made at all.

    Parameters
    ----------
    study : StudyConfig
        Its ``evaluation`` says how the stager is tested.
    cohort : Cohort
        Patients and stages; of one without stages nothing is said.

    Returns
    -------
    list of SplitError
        One for each such setting.

    Examples
    --------
    >>> rows = [{"case": c, "image": f"{c}.png", "channel": "us", "stage": s}
    ...         for c, s in zip("abcd", ("F0", "F0", "F1", "F1"))]
    >>> cohort = Cohort.from_frame(pd.DataFrame(rows), scheme="metavir", check_files=False)
    >>> [error] = impossible_splits(StudyConfig(title="A", cohort="a.csv"), cohort)
    >>> print(error)
    a.csv: the study cannot be tested by setting 'cv': stage 'f0' has too few patients for 5 folds
    (2 stages have too few) (expected at least 5 patients; found 2 patients). Next: ask for 2 folds
    ('evaluation: {folds: 2}'), or join stages that are next to each other.
    """
    obs = cohort.obs()
    if cohort.scheme is None:
        return []
    obs = obs[obs["stage"].notna()].reset_index(drop=True)
    several = "scanner" in obs and len(obs["scanner"].dropna().unique()) > 1
    refused = []
    for setting in study.evaluation.settings if len(obs) else ():
        try:
            if setting != "loso" or several:
                _split(setting, study, obs)
        except SplitError as error:
            refused.append(_told(error, setting, study))
    return refused


def _split(setting: str, study: StudyConfig, obs: pd.DataFrame) -> None:
    if setting == "fixed":
        nothing = pd.DataFrame({"us_original_glcm_contrast": 0.0}, index=obs.index)
        fixed_parts(study, FeatureTable(nothing, obs))
        return
    patients = obs["patient"].fillna(obs["case"]).astype(str).tolist()
    if setting == "cv":
        stages = obs["stage"].astype(str).tolist()
        patient_folds(patients, stages, folds=study.evaluation.folds, random_state=study.seed)
    else:
        leave_one_scanner_out(patients, obs["scanner"].tolist())


def _told(error: SplitError, setting: str, study: StudyConfig) -> SplitError:
    hint = error.hint
    if hint and " folds" in hint:
        number = hint.split(" folds")[0].rsplit(" ", 1)[-1]
        key = f"'evaluation: {{folds: {number}}}'"
        hint = hint.replace(f"{number} folds", f"{number} folds ({key})", 1)
    return SplitError(
        f"the study cannot be tested by setting {setting!r}: {error.problem}",
        where=str(study.cohort) if study.cohort is not None else error.where,
        expected=error.expected,
        found=error.found,
        hint=hint,
    )
