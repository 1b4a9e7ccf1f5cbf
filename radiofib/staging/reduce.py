"""A few components in place of many columns."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.parallel import one_thread
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.linear import directions, median_imputer
from radiofib.staging.selector import stage_codes
from radiofib.staging.standardise import learn_scaling, standardised
from radiofib.staging.steps import Step

__all__ = ["Components", "PartialLeastSquares", "PrincipalComponents", "partial_least_squares"]

FloatArray = NDArray[np.float64]

#: Most components that are tried for a share of the variance by partial least squares.
_MOST = 50


class Components(Step):
    """Base of the steps that put components in place of columns.

    Missing values take the median of the training rows, columns are centred and scaled by the
    training rows, and each component is a weighted sum of them. A subclass stores its parameters
    in ``__init__`` (among them ``n_components``) and defines ``_directions``.

    Components mix channels: a name (``pc01``) has no channel in front, and
    :func:`~radiofib.staging.rows.block_of` finds a block of its own for each. Steps that treat
    whole channels (filling, dropping, fusing) belong before this one.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components_, n_features)
        Weights of the standardised columns.
    n_components_ : int
    explained_ : ndarray of shape (n_components_,)
        Share of the variance of the standardised columns that each component carries.
    imputer_ : SimpleImputer
    scaler_ : StandardScaler
    """

    n_components: int | float
    _prefix = "pc"

    @abstractmethod
    def _directions(
        self, columns: FloatArray, y: NDArray[Any] | None, most: int
    ) -> tuple[FloatArray, FloatArray]:
        """Return at most so many weights, and the share of variance of each."""

    def _learn(self, frame: pd.DataFrame, y: NDArray[Any] | None, context: pd.DataFrame) -> None:  # noqa: ARG002
        whole = isinstance(self.n_components, int | np.integer)
        if not (self.n_components >= 1 if whole else 0 < self.n_components <= 1):
            raise StagerInputError(
                "n_components is a number of components or a share of the variance",
                expected="a whole number from 1 on, or a share above 0, up to 1",
                found=f"{self.n_components}",
            )
        if len(frame) < 2:
            raise StagerInputError("components need more than 1 sample", found="n_samples = 1")
        values = frame.to_numpy()
        self.imputer_ = median_imputer().fit(values)
        filled = self.imputer_.transform(values)
        self.scaler_ = learn_scaling(filled)
        columns = standardised(self.scaler_, filled)
        most = min(len(frame) - 1, frame.shape[1])
        if whole:
            most = min(most, int(self.n_components))
        with one_thread():
            weights, explained = self._directions(columns, y, most)
        if not whole:
            reached = np.cumsum(explained) >= self.n_components - 1e-9
            used = int(np.argmax(reached)) + 1 if reached.any() else len(explained)
            weights, explained = weights[:used], explained[:used]
        if not len(weights):
            raise StagerInputError(
                f"{type(self).__name__} finds nothing to put together",
                found=f"{frame.shape[1]} features, none of which varies",
            )
        self.weights_, self.explained_ = weights, explained
        self.n_components_ = len(weights)

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG002
        columns = self.scaler_.transform(self.imputer_.transform(frame.to_numpy()))
        with one_thread():
            found = columns @ self.weights_.T
        return pd.DataFrame(found, columns=self._names_out())

    def _names_out(self) -> list[str]:
        wide = max(2, len(str(self.n_components_)))
        return [f"{self._prefix}{i:0{wide}d}" for i in range(1, self.n_components_ + 1)]


class PrincipalComponents(Components):
    """Principal components of the standardised columns.

    Parameters
    ----------
    n_components : int or float
        Number of components (fewer where the training rows span fewer), or the share of the
        variance that they carry together at least.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components_, n_features)
        Weights of the standardised columns, of length 1; the largest of each is positive.
    n_components_, explained_, imputer_, scaler_

    References
    ----------
    Jolliffe IT. Principal Component Analysis, 2nd ed. Springer 2002.

    Examples
    --------
    >>> X = pd.DataFrame({"t1_a": [1.0, 2, 3, 4], "t1_b": [2.0, 4, 6, 8], "t2_c": [1.0, 0, 0, 1]})
    >>> step = PrincipalComponents(2).fit(X)
    >>> step.get_feature_names_out().tolist(), step.explained_.round(2).tolist()
    (['pc01', 'pc02'], [0.67, 0.33])
    """

    def __init__(self, n_components: int | float = 0.9) -> None:
        self.n_components = n_components

    def _directions(
        self,
        columns: FloatArray,
        y: NDArray[Any] | None,  # noqa: ARG002
        most: int,
    ) -> tuple[FloatArray, FloatArray]:
        _, scores, turned = directions(columns)
        size = (scores**2).sum(axis=0)
        return turned[:most], size[:most] / size.sum() if size.size else size


class PartialLeastSquares(Components):
    """Components of the standardised columns that follow the number of the stage.

    Stages are numbered 0, 1, 2 ... in their sorted order. Selection by the outcome: keep it
    inside the fold.

    Parameters
    ----------
    n_components : int or float
        Number of components (fewer where nothing of the stage is left), or the share of the
        variance of the *columns* that they carry together (50 components at most).

    Attributes
    ----------
    weights_ : ndarray of shape (n_components_, n_features)
        Weights of the standardised columns.
    n_components_, explained_, imputer_, scaler_

    References
    ----------
    Wold S, Sjostrom M, Eriksson L. Chemometr Intell Lab Syst 2001;58:109-130.

    Examples
    --------
    >>> X = pd.DataFrame({"t1_a": [1.0, 2, 3, 4], "t1_b": [2.0, 4, 6, 9], "t2_c": [1.0, 0, 0, 1]})
    >>> step = PartialLeastSquares(1).fit(X, ["s1", "s1", "s4", "s4"])
    >>> step.get_feature_names_out().tolist(), step.transform(X)["pls01"].round(1).tolist()
    (['pls01'], [-1.8, -0.7, 0.5, 2.0])
    """

    _prefix = "pls"

    def __init__(self, n_components: int | float = 3) -> None:
        self.n_components = n_components

    def _directions(
        self, columns: FloatArray, y: NDArray[Any] | None, most: int
    ) -> tuple[FloatArray, FloatArray]:
        codes, _ = stage_codes(y, type(self).__name__)
        return partial_least_squares(columns, codes.astype(np.float64), min(most, _MOST))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def partial_least_squares(
    columns: FloatArray, outcome: FloatArray, most: int
) -> tuple[FloatArray, FloatArray]:
    r"""Return the weights of the components of one outcome, and the variance they carry.

    Each round takes :math:`w \propto X^T y`, :math:`t = X w`, :math:`p = X^T t / t^T t` and
    takes :math:`t p^T` away from X; weights of the columns as they were given are
    :math:`W (P^T W)^{-1}`.

    Parameters
    ----------
    columns : ndarray of shape (n, p)
        Centred.
    outcome : ndarray of shape (n,)
    most : int
        Most components; fewer where the outcome no longer goes with what is left.

    Returns
    -------
    weights : ndarray of shape (components, p)
    explained : ndarray of shape (components,)
        Share of the sum of squares of the columns.

    References
    ----------
    Wold H. In: Multivariate Analysis, Academic Press 1966:391-420.

    Examples
    --------
    >>> x = np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    >>> weights, explained = partial_least_squares(x, np.array([0.0, 1.0, 2.0]), 2)
    >>> weights.tolist(), explained.tolist()
    ([[1.0, 0.0]], [1.0])
    """
    left, centred = columns.copy(), outcome - outcome.mean()
    whole = float((columns**2).sum())
    first = float(np.linalg.norm(columns.T @ centred))
    weights, loadings, explained = [], [], []
    for _ in range(most):
        way = left.T @ centred
        size = float(np.linalg.norm(way))
        if size <= 1e-9 * max(first, 1e-300):
            break
        way /= size
        score = left @ way
        square = float(score @ score)
        loading = left.T @ score / square
        left -= np.outer(score, loading)
        weights.append(way)
        loadings.append(loading)
        explained.append(square * float(loading @ loading) / whole)
    if not weights:
        return np.zeros((0, columns.shape[1])), np.zeros(0)
    w, p = np.array(weights), np.array(loadings)
    return np.linalg.solve((p @ w.T).T, w), np.array(explained)
