"""Late fusion of channels: a stager for each, and a mean of their answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from radiofib._checks import check_known
from radiofib.staging.base import BaseStager
from radiofib.staging.blocks import Blocks, BoolArray
from radiofib.staging.gating import confidence, fit_gate, gate_weights, mixed, skill_weights
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.meta import MetaStager, fit_on, proba_of
from radiofib.staging.rows import Rows, inner_folds
from radiofib.staging.stagers import LogisticStager

__all__ = ["WEIGHTS", "LateFusionStager"]

FloatArray = NDArray[np.float64]

#: weights of :class:`LateFusionStager` -> what they are
WEIGHTS = {
    "mean": "equal",
    "performance": "in proportion to the skill in inner folds",
    "gated": "learnt in inner folds, with the confidence of each answer",
}


class LateFusionStager(MetaStager):
    """A stager for each channel, and a weighted mean of the answers of those a case has.

    Each copy of the inner stager (which may be a chain of steps) learns from the training rows
    that have its channel. A case's probabilities are a weighted mean over its own channels, so
    nothing is ever filled in for a channel that is missing; a case without any channel gets the
    shares of the stages. A channel whose rows are all of one stage is left out.

    With "performance" and "gated" the copies are also trained in inner folds, by patient, and
    the weights learnt from what they say of the rows they did not see.

    A column's channel is the text before its first underscore. Flags of context columns are no
    channel: give them to the inner stager, as a step of its chain.

    Parameters
    ----------
    stager : BaseStager, optional
        Default :class:`LogisticStager`.
    weights : {"mean", "performance", "gated"}
        Equal; in proportion to the channel's skill (log loss against that of the shares of the
        stages); a softmax over the channels that are there, of a bias of each channel and a
        slope on how sure its answer is, shrunk towards equal weights.
    folds : int
        Inner folds.
    penalty : float
        Of the gate, see :func:`radiofib.staging.gating.fit_gate`.
    scanner_column, patient_column : str, optional
        Columns of X that name scanner and patient.
    random_state : int
        Seed of the inner folds.

    Attributes
    ----------
    classes_ : ndarray
        Stages, sorted.
    channels_ : list of str
        Channels that have a stager.
    left_out_ : list of str
        Channels that have none.
    stagers_ : list of BaseStager
    shares_ : ndarray of shape (n_classes,)
        Of the training rows, by weight.
    bias_ : ndarray of shape (n_channels,)
        Logarithms of the weights when all channels are there and equally sure; minus infinity
        for a channel of weight 0.
    slope_ : float
        What the gate adds for confidence; 0 unless "gated".

    Raises
    ------
    StagerInputError
        When no channel has rows of two stages, or a stage has one patient and inner folds are
        needed.

    Examples
    --------
    >>> X = pd.DataFrame({"t1_f": [0.0, 1.0, 8.0, 9.0], "dwi_f": [np.nan, 0.0, 5.0, 4.0]})
    >>> stager = LateFusionStager().fit(X, ["s1", "s1", "s4", "s4"])
    >>> stager.channel_weights(X).to_dict("list")
    {'t1': [1.0, 0.5, 0.5, 0.5], 'dwi': [0.0, 0.5, 0.5, 0.5]}
    >>> stager.predict_proba(pd.DataFrame({"t1_f": [np.nan], "dwi_f": [np.nan]})).tolist()
    [[0.5, 0.5]]
    """

    def __init__(
        self,
        stager: BaseStager | None = None,
        *,
        weights: str = "mean",
        folds: int = 5,
        penalty: float = 1.0,
        scanner_column: str | None = None,
        patient_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.stager = stager
        self.weights = weights
        self.folds = folds
        self.penalty = penalty
        self.scanner_column = scanner_column
        self.patient_column = patient_column
        self.random_state = random_state

    def _parts(self) -> list[Any]:
        return [] if self.stager is None else [self.stager]

    def _fit_rows(self, rows: Rows) -> None:
        check_known(self.weights, WEIGHTS, what="weights of channels", error=StagerInputError)
        blocks = Blocks.of(list(rows.X.columns))
        present = blocks.present(rows.X.to_numpy())
        fitted = self._fit_channels(rows, blocks, present)
        self.channels_ = [n for n, f in zip(blocks.names, fitted, strict=True) if f is not None]
        self.left_out_ = [n for n in blocks.names if n not in self.channels_]
        self.stagers_ = [f for f in fitted if f is not None]
        if not self.stagers_:
            raise StagerInputError(
                "no channel has rows of two stages", found=f"{len(blocks.names)} channels"
            )
        codes = np.searchsorted(self.classes_, rows.y)
        share = np.bincount(codes, weights=rows.weight, minlength=self.classes_.size)
        self.shares_ = share / share.sum()
        self.bias_, self.slope_ = np.zeros(len(self.channels_)), 0.0
        if self.weights != "mean":
            self._learn_weights(rows, codes, blocks, present)

    def _learn_weights(
        self, rows: Rows, codes: NDArray[np.intp], blocks: Blocks, present: BoolArray
    ) -> None:
        proba, seen = self._unseen(rows, blocks, present)
        kept = [blocks.names.index(name) for name in self.channels_]
        proba, seen = proba[:, kept], seen[:, kept]
        if self.weights == "gated":
            self.bias_, self.slope_ = fit_gate(
                proba, seen, codes, rows.weight, penalty=self.penalty
            )
            return
        with np.errstate(divide="ignore"):
            self.bias_ = np.log(skill_weights(proba, seen, codes, rows.weight))

    def _unseen(
        self, rows: Rows, blocks: Blocks, present: BoolArray
    ) -> tuple[FloatArray, BoolArray]:
        """Return what copies that did not see a row say of it, and where there is one."""
        proba = np.zeros((len(rows.y), len(blocks.names), self.classes_.size))
        seen = np.zeros_like(present)
        for train, test in inner_folds(rows.y, self._patients(rows), self.folds, self.random_state):
            fitted = self._fit_channels(rows.take(train), blocks, present[train])
            part = rows.take(test)
            for k, stager in enumerate(fitted):
                if stager is not None:
                    proba[test, k] = self._answers(
                        stager, part.X, part.context, blocks.places[k], present[test, k]
                    )
                    seen[test, k] = present[test, k]
        return proba, seen

    def _fit_channels(
        self, rows: Rows, blocks: Blocks, present: BoolArray
    ) -> list[BaseStager | None]:
        """Return a fitted stager for each channel, None where the rows are of one stage."""
        fitted: list[BaseStager | None] = []
        for k, place in enumerate(blocks.places):
            part = Rows(rows.X.iloc[:, place], rows.y, rows.context, rows.weight)
            if not present[:, k].all():
                part = part.take(np.flatnonzero(present[:, k]))
            one_stage = np.unique(part.y).size < 2
            fitted.append(None if one_stage else fit_on(self.stager or LogisticStager(), part))
        return fitted

    def _answers(
        self,
        stager: BaseStager,
        X: pd.DataFrame,
        context: pd.DataFrame,
        place: NDArray[np.intp],
        present: BoolArray,
    ) -> FloatArray:
        """Return probabilities by one channel's stager, 0 where the channel is missing."""
        proba = np.zeros((len(X), self.classes_.size))
        own = np.flatnonzero(present)
        if own.size:
            part = X.iloc[own, place].reset_index(drop=True)
            where = context.iloc[own].reset_index(drop=True)
            proba[own] = proba_of(stager, part, where, self.classes_)
        return proba

    def channel_weights(self, X: pd.DataFrame | ArrayLike) -> pd.DataFrame:
        """Return the weight of each channel's answer in that of each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
            As for ``predict_proba``.

        Returns
        -------
        DataFrame
            One column for each of ``channels_``; rows add up to 1, and are 0 without a channel.
        """
        check_is_fitted(self)
        features, context = self._split(X, reset=False)
        numbers = np.asarray(features, dtype=np.float64)
        proba, present = self._channel_answers(*self._table(numbers, context))
        return pd.DataFrame(self._weights(proba, present), columns=self.channels_)

    def _rows_proba(self, X: pd.DataFrame, context: pd.DataFrame) -> FloatArray:
        proba, present = self._channel_answers(X, context)
        found = mixed(proba, self._weights(proba, present))
        # Nothing to go by: no channel at all.
        found[~present.any(axis=1)] = self.shares_
        return found

    def _channel_answers(
        self, X: pd.DataFrame, context: pd.DataFrame
    ) -> tuple[FloatArray, BoolArray]:
        """Return what each channel's stager says of each row, and where there is one."""
        blocks = Blocks.of(list(X.columns))
        kept = [blocks.names.index(name) for name in self.channels_]
        present = blocks.present(X.to_numpy())[:, kept]
        answers = [
            self._answers(stager, X, context, blocks.places[k], present[:, c])
            for c, (k, stager) in enumerate(zip(kept, self.stagers_, strict=True))
        ]
        return np.stack(answers, axis=1), present

    def _weights(self, proba: FloatArray, present: BoolArray) -> FloatArray:
        """Return the weight of each channel a row has; equal ones where all of them have none."""
        bias = self.bias_
        some = present & np.isfinite(bias)
        none = ~some.any(axis=1)
        some[none] = present[none]
        finite = np.where(np.isfinite(bias), bias, 0.0)
        return gate_weights(finite, self.slope_, confidence(proba), some)
