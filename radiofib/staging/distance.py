r"""How far a case is from the training cases, and how often a training-like case is as far.

A stager answers for any row of numbers, also for one from a scanner unlike all it was trained
on. The distance says so before anyone relies on the answer: a warning, not a correction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.errors import ModelError
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.plane import NORMAL_IQR, Plane
from radiofib.staging.rows import block_of
from radiofib.staging.steps import Step
from radiofib.stats.conformal import conformal_p, smallest_calibration

__all__ = ["LIMIT", "TrainingDistance", "feature_blocks"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: A case is unfamiliar when at most this share of training-like cases is as far away.
LIMIT = 0.05
#: Fewer training rows than this have no block of their own.
_FEWEST = 3
#: Name of the block of the columns that share their first word with no other.
OTHER = "other"


def feature_blocks(columns: Sequence[str]) -> list[str]:
    """Return the block of each column; a channel of one column belongs to the block "other".

    Examples
    --------
    >>> feature_blocks(["t1_original_a", "t1_original_b", "age"])
    ['t1', 't1', 'other']
    """
    blocks = [block_of(c) for c in columns]
    return [b if blocks.count(b) > 1 else OTHER for b in blocks]


class TrainingDistance(Step):
    r"""Tells how far each case is from the training cases, channel by channel and in all.

    Each channel (block of columns) has a :class:`Plane`: how far a case lies along the directions
    in which training cases vary (T2), and how far off them (Q), as in multivariate process
    control. Both are turned into deviations u, v from what unseen training cases have (median
    and interquartile range of the logarithms), of which only being too far counts:
    :math:`d = u_+^2 + v_+^2`; the distance of a case is the sum over the channels it has.

    The reference is the distance of the training cases to planes that were learnt without them,
    in folds by patient: to a plane of its own a case would be too near. ``distance_p`` is the
    share of the reference that is at least as far, see
    :func:`radiofib.stats.conformal.conformal_p`, among the training cases that have the same
    channels; where fewer than 19 patients do, all cases stand in with what they have. So of new
    cases like those of training, about 5 % have a p of at most 0.05, whatever is missing.

    Parameters
    ----------
    share : float
        Share of a channel's variance that the directions hold.
    most_components : int
        Most directions of a channel; also at most one for every five training rows.
    folds : int
        Folds of the reference.
    patient_column : str, optional
        Column of the context that names the patient; without it each row is one.
    random_state : int
        Seed of the folds.

    Attributes
    ----------
    blocks_ : list of str
        Channels with a plane, in the order of the columns.
    planes_ : list of dict of ndarray
        Parameters of each :class:`Plane`.
    spread_ : ndarray of shape (n_blocks, 2, 2)
        Middle and spread of both logarithms among unseen training cases.
    reference_ : ndarray of shape (n_rows, n_blocks)
        d of the training rows, NaN where a channel is missing.
    reference_patients_ : ndarray of int, shape (n_rows,)

    References
    ----------
    Jackson JE, Mudholkar GS. Technometrics 1979;21:341-349 (T2 and Q). Bates S, Candes E, Lei L,
    Romano Y, Sesia M. Testing for outliers with conformal p-values. Ann Stat 2023;51:149-178.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(60, 4)), columns=["t1_a", "t1_b", "t2_a", "t2_b"])
    >>> distance = TrainingDistance().fit(X)
    >>> far = X.head(2).assign(t2_a=9.0)
    >>> distance.transform(far).round(2).to_dict("list")
    {'distance_p': [0.02, 0.02], 't1_distance_p': [1.0, 1.0], 't2_distance_p': [0.02, 0.02]}
    """

    def __init__(
        self,
        share: float = 0.9,
        most_components: int = 20,
        folds: int = 10,
        *,
        patient_column: str | None = None,
        random_state: int = 0,
    ) -> None:
        self.share = share
        self.most_components = most_components
        self.folds = folds
        self.patient_column = patient_column
        self.random_state = random_state

    def _learn(
        self,
        frame: pd.DataFrame,
        y: NDArray[Any] | None,  # noqa: ARG002
        context: pd.DataFrame,
    ) -> None:
        values = frame.to_numpy()
        patients = self._patient_codes(context, len(frame))
        if patients.max(initial=0) < 1:
            raise StagerInputError(
                "distances need training cases of at least two patients",
                found=f"n_samples={len(frame)}, patients={np.unique(patients).size}",
            )
        if self.folds < 2:
            raise StagerInputError("folds must be at least 2", found=str(self.folds))
        names = np.array(feature_blocks(self._names_in()))
        present = {
            b: ~np.isnan(values[:, names == b]).all(axis=1) for b in dict.fromkeys(names.tolist())
        }
        self.blocks_ = [b for b, rows in present.items() if rows.sum() >= _FEWEST]
        self.columns_ = [np.flatnonzero(names == b) for b in self.blocks_]
        raw = np.full((len(frame), len(self.blocks_), 2), np.nan)
        self.planes_ = []
        fold_of = self._folds(patients)
        for place, (block, columns) in enumerate(zip(self.blocks_, self.columns_, strict=True)):
            part, rows = values[:, columns], present[block]
            self.planes_.append(vars(self._plane(part[rows])).copy())
            for fold in np.unique(fold_of[rows]):
                train, test = rows & (fold_of != fold), rows & (fold_of == fold)
                if train.sum() >= _FEWEST:
                    raw[test, place] = self._plane(part[train]).distances(part[test])
        self.spread_ = _spread(raw)
        self.reference_ = _deviations(raw, self.spread_)
        self.reference_patients_ = patients

    def _plane(self, values: FloatArray) -> Plane:
        """Learn the plane of some rows; a column that is missing in all of them is constant."""
        empty = np.isnan(values).all(axis=0)
        filled = np.where(empty, 0.0, values)
        return Plane.learn(filled, self.share, self.most_components)

    def _patient_codes(self, context: pd.DataFrame, n: int) -> NDArray[np.intp]:
        if self.patient_column is None:
            return np.arange(n)
        names = context[self.patient_column].to_numpy(dtype=str)
        return np.unique(names, return_inverse=True)[1]

    def _folds(self, patients: NDArray[np.intp]) -> NDArray[np.intp]:
        """Deal patients into folds."""
        count = int(patients.max()) + 1
        order = np.random.default_rng(self.random_state).permutation(count)
        dealt = np.empty(count, dtype=np.intp)
        dealt[order] = np.arange(count) % min(self.folds, count)
        return dealt[patients]

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG002
        values = frame.to_numpy()
        raw = np.full((len(frame), len(self.blocks_), 2), np.nan)
        for place, (columns, plane) in enumerate(zip(self.columns_, self.planes_, strict=True)):
            part = values[:, columns]
            rows = ~np.isnan(part).all(axis=1)
            if rows.any():
                raw[rows, place] = Plane(**plane).distances(part[rows])
        found = _deviations(raw, self.spread_)
        columns_out = [self._all_blocks(found)]
        for place in range(len(self.blocks_)):
            own = self.reference_[:, place]
            known = ~np.isnan(own)
            columns_out.append(self._p(own[known], found[:, place], known))
        return pd.DataFrame(np.column_stack(columns_out), columns=self._names_out())

    def _all_blocks(self, found: FloatArray) -> FloatArray:
        """Return p of the sum over the channels a case has, against cases that have them too."""
        p = np.full(len(found), np.nan)
        patterns, kind = np.unique(~np.isnan(found), axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            if not pattern.any():
                continue
            rows = kind.reshape(-1) == number
            reference, known = self._like(pattern)
            p[rows] = self._p(reference, found[rows][:, pattern].sum(axis=1), known)
        return p

    def _like(self, pattern: BoolArray) -> tuple[FloatArray, BoolArray]:
        """Return distances over some channels of training rows, and which rows they are of."""
        part = self.reference_[:, pattern]
        whole: BoolArray = np.asarray(~np.isnan(part).any(axis=1))
        enough = smallest_calibration(LIMIT)
        if np.unique(self.reference_patients_[whole]).size >= enough:
            return part[whole].sum(axis=1), whole
        some: BoolArray = np.asarray(~np.isnan(part).all(axis=1))
        if not some.any():
            return np.zeros(0), some
        return np.nanmean(part[some], axis=1) * int(pattern.sum()), some

    def _p(self, reference: FloatArray, values: FloatArray, rows: BoolArray) -> FloatArray:
        if reference.size == 0:
            return np.full(len(values), np.nan)
        return conformal_p(reference, values, self.reference_patients_[rows])

    def _names_out(self) -> list[str]:
        return ["distance_p", *(f"{block}_distance_p" for block in self.blocks_)]

    def state(self) -> tuple[dict[str, Any], dict[str, FloatArray]]:
        """Return what was learnt as plain values and as arrays, for :meth:`from_state`."""
        plain = {
            "parameters": self.get_params(),
            "names": self._names_in(),
            "named": hasattr(self, "feature_names_in_"),
            "blocks": list(self.blocks_),
            "columns": [c.tolist() for c in self.columns_],
        }
        arrays = {
            "spread": self.spread_,
            "reference": self.reference_,
            "patients": self.reference_patients_.astype(np.float64),
        }
        for number, plane in enumerate(self.planes_):
            arrays |= {f"plane{number}_{name}": values for name, values in plane.items()}
        return plain, arrays

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, FloatArray]) -> Self:
        """Return the distance whose :meth:`state` this is.

        Raises
        ------
        ModelError
            When a part is missing or of another shape.
        """
        try:
            made = cls(**plain["parameters"])
            names = [str(n) for n in plain["names"]]
            made.n_features_in_ = len(names)
            if plain["named"]:
                made.feature_names_in_ = np.array(names, dtype=object)
            made.blocks_ = [str(b) for b in plain["blocks"]]
            made.columns_ = [np.array(c, dtype=np.intp) for c in plain["columns"]]
            made.spread_, made.reference_ = arrays["spread"], arrays["reference"]
            made.reference_patients_ = arrays["patients"].astype(np.intp)
            parts = tuple(Plane.__dataclass_fields__)
            made.planes_ = [
                {part: arrays[f"plane{k}_{part}"] for part in parts}
                for k in range(len(made.blocks_))
            ]
            shapes = [p["components"].shape[1] for p in made.planes_]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ModelError(
                "the distance to training cannot be read", found=f"{type(error).__name__}: {error}"
            ) from error
        if shapes != [c.size for c in made.columns_] or made.reference_.ndim != 2:
            raise ModelError("the distance to training cannot be read", found="shapes that differ")
        return made


def _spread(raw: FloatArray) -> FloatArray:
    """Return middle and spread of each channel's logarithms, shape (n_blocks, 2, 2)."""
    found = np.zeros((*raw.shape[1:], 2))
    found[..., 1] = 1.0
    for place in range(raw.shape[1]):
        known = raw[~np.isnan(raw[:, place, 0]), place]
        if len(known):
            low, middle, high = np.percentile(known, [25, 50, 75], axis=0)
            found[place, :, 0] = middle
            spread = (high - low) / NORMAL_IQR
            found[place, :, 1] = np.where(spread > 0, spread, 1.0)
    return found


def _deviations(raw: FloatArray, spread: FloatArray) -> FloatArray:
    """Return d of each row and channel: only what is too far counts."""
    u = (raw - spread[..., 0]) / spread[..., 1]
    squared: FloatArray = (np.maximum(u, 0.0) ** 2).sum(axis=-1)
    return squared
