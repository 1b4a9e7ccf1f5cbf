"""Fixed parts of a cohort: trained on one, tested on each of the others."""

from __future__ import annotations

import numpy as np

from radiofib._checks import list_some
from radiofib.errors import SplitError
from radiofib.evaluation import Split, fixed_splits
from radiofib.evaluation.drawn_parts import draw_parts
from radiofib.evaluation.linked import copy_groups, is_missing, link_groups
from radiofib.extract.doubts import Doubt
from radiofib.study.config import StudyConfig
from radiofib.table import FeatureTable

__all__ = ["fixed_parts", "left_out", "training_rows"]

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


def left_out(study: StudyConfig, rows: FeatureTable) -> list[Doubt]:
    """Return what is said of patients in no part because a picture of theirs is in a given one.

    Parameters
    ----------
    study, rows
        As in :func:`fixed_parts`; nothing is said of a study whose parts are not drawn, or whose
        parts cannot be.

    Examples
    --------
    >>> import pandas as pd
    >>> parts = {"settings": ["fixed"], "parts": {"train": 0.6, "test": 0.4}}
    >>> study = StudyConfig(title="A", cohort="a.csv", evaluation=parts)
    >>> obs = pd.DataFrame({"case": list("abc"), "patient": ["p1", "p2", "p3"], "stage": "f0",
    ...                     "split": ["external", None, None], "image_group": ["g1", "g1", None]})
    >>> table = FeatureTable(pd.DataFrame({"us_original_glcm_contrast": [1.0, 2.0, 3.0]}), obs)
    >>> [one] = left_out(study, table)
    >>> one.doubt[:70]
    "1 patient without a part shares a picture with one of part 'external':"
    """
    if "fixed" not in study.evaluation.settings or not study.evaluation.parts:
        return []
    try:
        parts = _parts(study, rows)
    except SplitError:
        return []  # the evaluation says why
    who = _patients(rows)
    linked = link_groups(who, copy_groups(rows.obs))
    given = {group: part for group, part in zip(linked, _given(rows), strict=True) if part}
    doubts = []
    for name in dict.fromkeys(given.values()):
        alone = [
            patient
            for patient, group, part in zip(who, linked, parts, strict=True)
            if not part and given[group] == name
        ]
        alone = list(dict.fromkeys(alone))
        if not alone:
            continue
        many = len(alone) > 1
        doubts.append(
            Doubt(
                "",
                "",
                "",
                f"{len(alone)} {'patients' if many else 'patient'} without a part "
                f"{'share' if many else 'shares'} a picture with one of part {name!r}: "
                f"{list_some(alone, most=20)} {'are' if many else 'is'} left out of training and "
                "of every part, which keeps that part as it was given; give all of them one part "
                "(column 'split'), or take the copies out",
            )
        )
    return doubts


def _patients(rows: FeatureTable) -> list[str]:
    """Return the patient of each row, or its case where no patient is named."""
    obs = rows.obs
    own = obs["patient"] if "patient" in obs else obs["case"]
    patients: list[str] = own.where(own.notna(), obs["case"]).astype(str).tolist()
    return patients


def _parts(study: StudyConfig, rows: FeatureTable) -> list[str]:
    """Return the part of each row, drawn where the cohort names none and the study says how."""
    given = _given(rows)
    if not study.evaluation.parts:
        return given
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


def _given(rows: FeatureTable) -> list[str]:
    """Return the part that the cohort names for each row, "" for none."""
    given = rows.obs["split"].tolist() if "split" in rows.obs else [None] * rows.n_rows
    return ["" if is_missing(part) else str(part).strip() for part in given]
