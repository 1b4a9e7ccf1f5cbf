"""Fusion of channels: a stager for each and a mean of their answers, or scores for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from radiofib._checks import check_known
from radiofib.staging.base import BaseStager
from radiofib.staging.blocks import Blocks, BoolArray
from radiofib.staging.columns import column_deviations, column_means, principal_directions
from radiofib.staging.gating import confidence, fit_gate, gate_weights, mixed, skill_weights
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.meta import MetaStager, fit_on, proba_of
from radiofib.staging.rows import Rows, inner_folds
from radiofib.staging.stagers import LogisticStager
from radiofib.staging.steps import Step

__all__ = ["EMBEDDINGS", "WEIGHTS", "ChannelEmbedding", "LateFusionStager", "pls_directions"]

FloatArray = NDArray[np.float64]

#: weights of :class:`LateFusionStager` -> what they are
WEIGHTS = {
    "mean": "equal",
    "performance": "in proportion to the skill in inner folds",
    "gated": "learnt in inner folds, with the confidence of each answer",
}
#: kind of :class:`ChannelEmbedding` -> what the scores are
EMBEDDINGS = {
    "pca": "principal components",
    "pls": "partial least squares on the number of the stage",
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


class ChannelEmbedding(Step):
    """A few scores of each channel in place of its columns, for one stager over all channels.

    Columns are standardised by the rows that have the channel (a single missing value counts as
    the mean) and turned into scores of mean 0; a channel that a row does not have has scores of
    0, that of an average row. Columns that come out are ``<channel>_all_<kind>_<number>``.

    Scores by partial least squares are made with the stages of the training rows: of columns many
    more than rows, they fit these better than new ones, and a stager behind them trusts them too
    much. Few components and a recalibrated stager go with them.

    Parameters
    ----------
    n_components : int
        Most scores of a channel.
    kind : {"pca", "pls"}
        Principal components, or partial least squares on the stage's number in their order.
    indicator : bool
        Add a column ``<channel>_all_block_missing`` for each channel missing in training.

    Attributes
    ----------
    mean_, deviation_ : ndarray of shape (n_features,)
    directions_ : list of ndarray of shape (columns of the channel, scores of the channel)
    told_ : list of str
        Channels that have an indicator.

    References
    ----------
    de Jong S. Chemom Intell Lab Syst 1993;18:251-263 (partial least squares).

    Examples
    --------
    >>> X = pd.DataFrame({"t1_a": [1.0, 2.0, 3.0], "t1_b": [2.0, 4.0, 6.0],
    ...                   "dwi_a": [5.0, np.nan, 7.0]})
    >>> step = ChannelEmbedding(indicator=True).fit(X)
    >>> step.transform(X).round(2).to_dict("list")
    {'t1_all_pca_1': [-1.73, 0.0, 1.73], 'dwi_all_pca_1': [-1.0, 0.0, 1.0],
     'dwi_all_block_missing': [0.0, 1.0, 0.0]}
    """

    def __init__(
        self, n_components: int = 5, *, kind: str = "pca", indicator: bool = False
    ) -> None:
        self.n_components = n_components
        self.kind = kind
        self.indicator = indicator

    def _learn(
        self,
        frame: pd.DataFrame,
        y: NDArray[Any] | None,
        context: pd.DataFrame,  # noqa: ARG002
    ) -> None:
        check_known(self.kind, EMBEDDINGS, what="kind of embedding", error=StagerInputError)
        if self.n_components < 1:
            raise StagerInputError("n_components must be 1 or more", found=str(self.n_components))
        if self.kind == "pls" and y is None:
            raise StagerInputError(
                "kind='pls' requires y to be passed, but the target y is None",
                hint="kind='pca' does without",
            )
        values = frame.to_numpy()
        blocks = Blocks.of(list(frame.columns))
        present = blocks.present(values)
        self.mean_ = column_means(values, 0.0)
        deviation = column_deviations(values, self.mean_)
        self.deviation_ = np.where(deviation > 0, deviation, 1.0)
        standard = self._standard(values)
        level = None if y is None else np.unique(y, return_inverse=True)[1].astype(np.float64)
        self.directions_ = []
        with threadpool_limits(limits=1):
            for k, place in enumerate(blocks.places):
                own = np.flatnonzero(present[:, k])
                part = standard[np.ix_(own, place)]
                if self.kind == "pca" or level is None:
                    found = principal_directions(part, self.n_components)
                else:
                    found = pls_directions(part, level[own], self.n_components)
                self.directions_.append(found)
        self.told_ = blocks.ever_missing(present) if self.indicator else []

    def _standard(self, values: FloatArray) -> FloatArray:
        """Return standardised values, 0 where missing."""
        standard = (values - self.mean_) / self.deviation_
        return np.where(np.isnan(standard), 0.0, standard)

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG002
        values = frame.to_numpy()
        blocks = Blocks.of(list(frame.columns))
        standard = self._standard(values)
        with threadpool_limits(limits=1):
            parts = [
                standard[:, place] @ found
                for place, found in zip(blocks.places, self.directions_, strict=True)
            ]
        missing = ~blocks.present(values)[:, [blocks.names.index(name) for name in self.told_]]
        found = np.hstack([*parts, missing.astype(np.float64)])
        return pd.DataFrame(found, columns=self._names_out())

    def _names_out(self) -> list[str]:
        names = Blocks.of(self._names_in()).names
        scores = [
            f"{name}_all_{self.kind}_{i + 1}"
            for name, found in zip(names, self.directions_, strict=True)
            for i in range(found.shape[1])
        ]
        return [*scores, *(f"{name}_all_block_missing" for name in self.told_)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.kind == "pls"
        return tags


def pls_directions(centred: FloatArray, target: FloatArray, most: int) -> FloatArray:
    r"""Return directions R so that the columns of X R are the scores of partial least squares.

    Each score has the largest covariance with the target among those that are uncorrelated with
    the ones before (SIMPLS with one target).

    Parameters
    ----------
    centred : ndarray of shape (n, p)
        Columns of mean 0, complete.
    target : ndarray of shape (n,)
    most : int
        Most directions; fewer when nothing of the target is left to go along with.

    Returns
    -------
    ndarray of shape (p, k)
        Directions of length 1 before they are made uncorrelated.

    Examples
    --------
    >>> x = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]])
    >>> pls_directions(x, np.array([-2.0, 2.0, 0.0, 0.0]), 2).tolist()
    [[1.0], [0.0]]
    """
    n, p = centred.shape
    if n < 2:
        return np.zeros((p, 0))
    cross = centred.T @ (target - target.mean())
    first = float(np.linalg.norm(cross))
    basis = np.zeros((p, 0))
    found: list[FloatArray] = []
    while len(found) < min(most, p, n - 1):
        size = float(np.linalg.norm(cross))
        if size <= 1e-10 * max(first, 1e-300):
            break
        direction = cross / size
        scores = centred @ direction
        if not scores @ scores > 0:
            break
        loading = centred.T @ scores / (scores @ scores)
        # Twice, or rounding leaves a part of the directions before.
        for _ in range(2):
            loading = loading - basis @ (basis.T @ loading)
        length = float(np.linalg.norm(loading))
        if length <= 1e-12:
            break
        basis = np.column_stack([basis, loading / length])
        found.append(direction)
        cross = cross - basis @ (basis.T @ cross)
    return np.column_stack(found) if found else np.zeros((p, 0))
