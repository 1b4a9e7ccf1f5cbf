"""Fixed parts of a cohort: trained on one, tested on each of the others."""

from __future__ import annotations

import numpy as np

from radiofib.evaluation import Split, fixed_splits
from radiofib.evaluation.linked import copy_groups, is_missing
from radiofib.evaluation.split_forms import draw_parts
from radiofib.study.config import StudyConfig
from radiofib.table import FeatureTable

__all__ = ["fixed_parts", "training_rows"]

TRAIN = "train"
#: Parts held out for choosing; what the headline is about comes first.
_CHOOSING = ("val", "valid", "validation")


def fixed_parts(study: StudyConfig, rows: FeatureTable) -> list[Split]:
    """Return one split for each part of the cohort but the training part, ``test`` first.

    Parameters
    ----------
    study : StudyConfig
        Its ``evaluation.parts`` say how patients without a part are dealt.
    rows : FeatureTable
        Rows with a stage.

    Raises
    ------
    SplitError
        When there is no training part or no other, or a patient, or copies of one picture, are
        on both sides.

    Examples
    --------
    >>> import pandas as pd
    >>> study = StudyConfig(title="A", cohort="a.csv")
    >>> obs = pd.DataFrame({"case": list("abc"), "stage": ["f0", "f1", "f0"],
    ...                     "split": ["train", "external", "test"]})
    >>> table = FeatureTable(pd.DataFrame({"us_original_glcm_contrast": [1.0, 2.0, 3.0]}), obs)
    >>> [(split.name, split.test.tolist()) for split in fixed_parts(study, table)]
    [('test', [2]), ('external', [1])]
    """
    splits = fixed_splits(
        _patients(rows),
        _parts(study, rows),
        train=TRAIN,
        copies=copy_groups(rows.obs),
        cases=rows.obs["case"].tolist(),
    )
    return sorted(splits, key=lambda s: (s.name in _CHOOSING, s.name != "test", s.name))


def training_rows(study: StudyConfig, rows: FeatureTable) -> FeatureTable:
    """Return the rows that the stored stager learns from: the part ``train``, or all.

    All when the study is also tested in another way than on fixed parts.
    """
    if study.evaluation.settings != ("fixed",) or rows.n_rows == 0:
        return rows
    return rows.subset(np.array(_parts(study, rows)) == TRAIN)


def _patients(rows: FeatureTable) -> list[str]:
    """Return the patient of each row, or its case where no patient is named."""
    obs = rows.obs
    own = obs["patient"] if "patient" in obs else obs["case"]
    patients: list[str] = own.where(own.notna(), obs["case"]).astype(str).tolist()
    return patients


def _parts(study: StudyConfig, rows: FeatureTable) -> list[str]:
    """Return the part of each row, drawn where the cohort names none and the study says how."""
    given = rows.obs["split"].tolist() if "split" in rows.obs else [None] * rows.n_rows
    if not study.evaluation.parts:
        return ["" if is_missing(part) else str(part).strip() for part in given]
    stages = rows.obs["stage"].astype(str).tolist()
    shares = study.evaluation.parts
    return draw_parts(
        _patients(rows),
        stages,
        shares,
        given=given,
        random_state=study.seed,
        copies=copy_groups(rows.obs),
        cases=rows.obs["case"].tolist(),
    )
