"""Rare stages: weights, synthetic rows, and bags with as many patients of each stage.

Each of these shifts the probabilities towards the rare stages: the package uses none of them by
default, and one that is used belongs inside a
:class:`~radiofib.staging.recalibrate.RecalibratedStager`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from radiofib._checks import list_some
from radiofib._extras import require
from radiofib.staging.base import BaseStager
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.meta import MetaStager, fit_on
from radiofib.staging.rows import Rows
from radiofib.staging.stacking import mean_proba
from radiofib.staging.stagers import LogisticStager
from radiofib.staging.steps import RowStep

__all__ = ["BagStager", "ClassWeights", "ImbalanceWarning", "SmoteRows", "stage_bags"]

FloatArray = NDArray[np.float64]
Places = NDArray[np.intp]


class ImbalanceWarning(UserWarning):
    """A rare stage could not be helped as asked."""


class ClassWeights(RowStep):
    r"""Weigh training rows by their stage.

    ``balanced`` multiplies the weight of a row of stage k by :math:`W / (K W_k)`, where
    :math:`W_k` is the weight of all rows of that stage (their number, when there are no weights
    yet) and W the sum over K stages: each stage then weighs the same, and all rows together as
    much as before.

    Parameters
    ----------
    class_weight : "balanced" or mapping of stage to weight
        A mapping names every stage of the training rows; weights are above 0.

    References
    ----------
    King G, Zeng L. Polit Anal 2001;9:137-163.

    Examples
    --------
    >>> rows = Rows(pd.DataFrame({"f": [0.0, 1.0, 2.0, 3.0]}), np.array(["s1"] * 3 + ["s4"]),
    ...             pd.DataFrame(index=range(4)))
    >>> ClassWeights().train_rows(rows).weight.round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """

    def __init__(self, class_weight: Any = "balanced") -> None:
        self.class_weight = class_weight

    def train_rows(self, rows: Rows) -> Rows:
        """Return the same rows with their new weights.

        Raises
        ------
        StagerInputError
            When a stage has no weight, or one that is not above 0.
        """
        stages, codes = np.unique(rows.y, return_inverse=True)
        before = np.ones(len(codes)) if rows.weight is None else rows.weight
        if isinstance(self.class_weight, Mapping):
            factor = _given_weights(self.class_weight, stages)
        elif isinstance(self.class_weight, str) and self.class_weight == "balanced":
            factor = before.sum() / (stages.size * np.bincount(codes, weights=before))
        else:
            raise StagerInputError(
                "class_weight is not understood",
                expected="'balanced', or a weight for each stage",
                found=repr(self.class_weight),
            )
        return replace(rows, weight=before * factor[codes])


def _given_weights(given: Mapping[Any, float], stages: NDArray[Any]) -> FloatArray:
    """Return the weight of each stage; keys of a study file may be numbers or text."""
    known = {str(key): value for key, value in given.items()}
    missing = [str(s) for s in stages.tolist() if str(s) not in known]
    if missing:
        raise StagerInputError(
            "class_weight must name every stage",
            expected=list_some(stages.tolist()),
            found=list_some(known) or "no stage",
        )
    found = np.array([known[str(s)] for s in stages.tolist()], dtype=np.float64)
    if not (np.isfinite(found) & (found > 0)).all():
        raise StagerInputError("class weights must be above 0", found=list_some(found.tolist()))
    return found


class SmoteRows(RowStep):
    """Add synthetic rows of the rare stages (SMOTE, by imbalanced-learn).

    A synthetic row lies at a random place between a row and one of its nearest neighbours of
    the same stage. Neighbours are found among features divided by their deviation over the
    training rows, missing values filled by their median. Where the parent that the synthetic
    row is nearer to has a missing value, it has one too; it also gets that parent's context
    (patient, scanner) and weight.

    A synthetic row knows two patients and is named after one of them: put the step inside a
    stager that makes inner folds (``StackingStager([ChainStager(s, [SmoteRows()])])``), never
    before it.

    Parameters
    ----------
    k_neighbors : int
        Neighbours a row is joined with; fewer when its stage has fewer rows.
    ratio : float
        Rows a smaller stage is brought up to, as a share of the largest stage's; up to 1.
    random_state : int
        Seed.

    References
    ----------
    Chawla NV et al. J Artif Intell Res 2002;16:321-357.

    Examples
    --------
    >>> rows = Rows(pd.DataFrame({"f": [0.0, 1.0, 2.0, 3.0, 8.0, 9.0]}),
    ...             np.array(["s1"] * 4 + ["s4"] * 2), pd.DataFrame(index=range(6)))
    >>> more = SmoteRows(k_neighbors=1).train_rows(rows)
    >>> more.y.tolist()[6:], bool(more.X["f"][6:].between(8, 9).all())
    (['s4', 's4'], True)
    """

    def __init__(self, k_neighbors: int = 5, ratio: float = 1.0, random_state: Any = 0) -> None:
        self.k_neighbors = k_neighbors
        self.ratio = ratio
        self.random_state = random_state

    def train_rows(self, rows: Rows) -> Rows:
        """Return the rows, and after them the synthetic ones, stage by stage.

        Raises
        ------
        MissingExtraError
            When imbalanced-learn is not installed.
        StagerInputError
            When a parameter is out of range.
        """
        if self.k_neighbors < 1 or not 0 < self.ratio <= 1:
            raise StagerInputError(
                "SMOTE needs a neighbour and a ratio above 0 up to 1",
                found=f"{self.k_neighbors} and {self.ratio:g}",
            )
        smote = require("imblearn", purpose="SMOTE").over_sampling.SMOTE
        stages, codes = np.unique(rows.y, return_inverse=True)
        counts = np.bincount(codes)
        wanted = round(self.ratio * int(counts.max()))
        random = check_random_state(self.random_state)
        values, centre, scale = _standardised(rows.X.to_numpy(dtype=np.float64))
        made, parents = [], []
        for code in range(stages.size):
            seed, missing = int(random.randint(2**31 - 1)), wanted - int(counts[code])
            if missing <= 0:
                continue
            neighbours = self._neighbours(stages.tolist()[code], int(counts[code]))
            if neighbours == 0:
                continue
            sampler = smote(
                sampling_strategy={code: wanted}, k_neighbors=neighbours, random_state=seed
            )
            new, parent = _synthetic(sampler, values, codes, code)
            made.append(new)
            parents.append(parent)
        if not made:
            return rows
        parent = np.concatenate(parents)
        X = np.vstack(made) * scale + centre
        X[rows.X.isna().to_numpy()[parent]] = np.nan
        grown = rows.take(np.r_[np.arange(len(codes)), parent])
        both = np.vstack([rows.X.to_numpy(dtype=np.float64), X])
        return replace(grown, X=pd.DataFrame(both, columns=rows.X.columns))

    def _neighbours(self, stage: Any, count: int) -> int:
        """Return how many neighbours a row of the stage is joined with, and say when fewer."""
        found = min(self.k_neighbors, count - 1)
        if found < self.k_neighbors:
            what = f"joined with {found} neighbours" if found else "left as they are"
            warnings.warn(
                f"stage {stage!r} has {count} training rows, too few for {self.k_neighbors} "
                f"neighbours: {what}",
                ImbalanceWarning,
                stacklevel=4,
            )
        return found


def _standardised(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return filled features about 0 in units of their deviation, and how to undo that."""
    known = ~np.isnan(values)
    centre = np.zeros(values.shape[1])
    some = known.any(axis=0)
    centre[some] = np.nanmedian(values[:, some], axis=0)
    filled = np.where(known, values, centre)
    scale = filled.std(axis=0)
    scale[scale == 0] = 1.0
    return (filled - centre) / scale, centre, scale


def _synthetic(
    sampler: Any, values: FloatArray, codes: Places, code: int
) -> tuple[FloatArray, Places]:
    """Return synthetic rows of a stage, and the parent that each is nearer to.

    imbalanced-learn does not tell the parents. So every row of the stage gets a column of its
    own: interpolated like any other, its own and its neighbour's hold how near each parent is.
    Any two rows are equally far apart in these columns, so that neighbours stay who they are.
    """
    inside = np.flatnonzero(codes == code)
    small = 1e-3
    marks = np.zeros((len(values), inside.size))
    marks[inside, np.arange(inside.size)] = small
    with threadpool_limits(limits=1):
        found, _ = sampler.fit_resample(np.hstack([values, marks]), codes)
    new = np.asarray(found)[len(values) :]
    width = values.shape[1]
    return new[:, :width], inside[new[:, width:].argmax(axis=1)]


class BagStager(MetaStager):
    """The mean of models that each saw as many patients of every stage.

    Each bag holds all rows of the patients of the rarest stage, and of every other stage all
    rows of as many patients, drawn without replacement: those that were used least so far, so
    that over the bags all patients serve equally often, give or take one. A patient whose rows
    differ in stage counts as the commonest of them (the last of equals).

    Parameters
    ----------
    stager : BaseStager, optional
        Default :class:`LogisticStager`.
    n_bags : int
        Number of bags.
    scanner_column, patient_column : str, optional
        Columns of X that name scanner and patient. Without the latter every row is taken for
        a patient of its own.
    random_state : int
        Seed of the bags; the stager has a seed of its own.

    Attributes
    ----------
    classes_ : ndarray
        Stages, sorted.
    stagers_ : list of BaseStager
        One for each bag.

    References
    ----------
    Liu XY, Wu J, Zhou ZH. IEEE Trans Syst Man Cybern B 2009;39:539-550 (EasyEnsemble). Wallace
    BC et al. ICDM 2011:754-763.

    Examples
    --------
    >>> X = pd.DataFrame({"f": [0.0, 1.0, 2.0, 3.0, 8.0, 9.0]})
    >>> bags = BagStager(n_bags=3).fit(X, ["s1"] * 4 + ["s4"] * 2)
    >>> len(bags.stagers_), bags.predict(X).tolist()
    (3, ['s1', 's1', 's1', 's1', 's4', 's4'])
    """

    def __init__(
        self,
        stager: BaseStager | None = None,
        n_bags: int = 10,
        *,
        scanner_column: str | None = None,
        patient_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.stager = stager
        self.n_bags = n_bags
        self.scanner_column = scanner_column
        self.patient_column = patient_column
        self.random_state = random_state

    def _parts(self) -> list[Any]:
        return [] if self.stager is None else [self.stager]

    def _fit_rows(self, rows: Rows) -> None:
        if self.n_bags < 1:
            raise StagerInputError("at least one bag is needed", found=str(self.n_bags))
        codes = np.searchsorted(self.classes_, rows.y)
        random = check_random_state(self.random_state)
        bags = stage_bags(codes, self._patients(rows), self.n_bags, random)
        stager = self.stager or LogisticStager()
        self.stagers_ = [fit_on(stager, rows.take(bag)) for bag in bags]

    def _rows_proba(self, X: pd.DataFrame, context: pd.DataFrame) -> FloatArray:
        return mean_proba(self.stagers_, X, context, self.classes_)


def stage_bags(
    codes: Places, patients: NDArray[Any] | None, n_bags: int, random: np.random.RandomState
) -> list[Places]:
    """Return rows of bags with as many patients of each stage as the rarest has.

    Parameters
    ----------
    codes : ndarray of int, shape (n_rows,)
        Stages 0 ... K - 1.
    patients : ndarray of shape (n_rows,), optional
        None when every row is a patient of its own.
    n_bags : int
    random : RandomState

    Returns
    -------
    list of ndarray of int
        Positions of rows, ascending.

    Examples
    --------
    >>> codes = np.array([0, 0, 0, 0, 1, 1])
    >>> bags = stage_bags(codes, None, 2, np.random.RandomState(0))
    >>> [codes[bag].tolist() for bag in bags], np.unique(np.concatenate(bags)).tolist()
    ([[0, 0, 1, 1], [0, 0, 1, 1]], [0, 1, 2, 3, 4, 5])
    """
    names = np.arange(len(codes)) if patients is None else patients
    different, member = np.unique(names, return_inverse=True)
    counts = np.zeros((different.size, int(codes.max()) + 1), dtype=np.intp)
    np.add.at(counts, (member, codes), 1)
    # The last of equals: the first one from behind.
    stage = counts.shape[1] - 1 - counts[:, ::-1].argmax(axis=1)
    groups = [np.flatnonzero(stage == k) for k in np.unique(stage)]
    size = min(len(group) for group in groups)
    used = np.zeros(different.size, dtype=np.intp)
    bags = []
    for _ in range(n_bags):
        chosen = np.zeros(different.size, dtype=np.bool_)
        for group in groups:
            order = np.lexsort((random.permutation(len(group)), used[group]))
            chosen[group[order[:size]]] = True
        used += chosen
        bags.append(np.flatnonzero(chosen[member]))
    return bags
