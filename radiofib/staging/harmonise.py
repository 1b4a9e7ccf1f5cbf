"""Harmonisation of scanners as steps: ComBat, and scaling scanner by scanner."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_known, list_some
from radiofib.staging.batches import ScannerStep
from radiofib.staging.columns import column_deviations, column_means, column_medians
from radiofib.staging.inputs import StagerInputError
from radiofib.stats.batch_effects import (
    BatchEffects,
    estimate_batch_effects,
    estimate_new_batch,
    remove_batch_effects,
)

__all__ = ["KINDS", "ComBatHarmoniser", "ScannerScaler"]

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]

#: kind of :class:`ScannerScaler` -> what is taken away, and what is divided by
KINDS = {
    "zscore": "mean, standard deviation",
    "median": "median, 1.4826 times the median absolute deviation",
    "centre": "mean, nothing",
}
#: Makes the median absolute deviation of a normal distribution its standard deviation.
_NORMAL = 1.4826


class ComBatHarmoniser(ScannerStep):
    r"""Parametric ComBat, learnt on the training rows alone, for new rows of the same scanners.

    A value x of feature g at scanner i becomes

    .. math:: \frac{(x - \alpha_g) / \sigma_g - \gamma^*_{ig}}{\delta^*_{ig}} \sigma_g + \alpha_g

    with the mean :math:`\alpha` and the deviation within scanners :math:`\sigma` of the training
    rows, and location and scale of the scanner shrunk over its features (see
    :func:`radiofib.stats.combat`, to which the training rows are equal).

    The stage is never looked at, neither as a covariate nor otherwise: values fitted with it
    would carry the labels. Where stages differ between scanners, a part of what they do to
    features is therefore taken for the scanner and lost; what is left is what tells stages apart
    within a scanner.

    A feature is learnt from the rows that have it. One that is constant within a scanner stays
    as it is, and so does a feature of a scanner that had fewer than two values of it in
    training. With one scanner there is nothing to bring together, and rows stay as they are.

    Parameters
    ----------
    scanner_column : str, optional
        Column of the context that names the scanner; None when all rows are of one.
    mean_only : bool
        Location alone.
    reference : str, optional
        Scanner whose rows stay as they are and to which the others are brought.
    unseen : {"refuse", "pass", "own"}
        A row of a scanner that was not seen in training, or that names none: an error, or the
        row as it is (raw, as after a scanner without location and scale of its own), or a batch
        learnt from the scanner's own rows among those transformed. The last needs `min_rows` of
        them in one call, and a row's result then depends on the others: single cases cannot be
        predicted, and rows without a name are refused. In training, rows without a name are
        refused too, or with "pass" take no part.
    min_rows : int
        Fewest training rows of a scanner.
    few : {"refuse", "pool"}
        Scanners with fewer: an error, or one batch of them all.

    Attributes
    ----------
    scanners_ : list of str
        Names of the batches.
    batch_of_ : dict of str to int
        Batch of each known scanner.
    mean_, spread_ : ndarray of shape (n_features,)
        :math:`\alpha` and :math:`\sigma`.
    standard_ : ndarray of bool, shape (n_features,)
        Features that were learnt.
    shift_, scale_ : ndarray of shape (n_batches, n_features)
        :math:`\gamma^*` and :math:`\delta^{2*}`.
    learnt_ : ndarray of bool, shape (n_batches, n_features)
        False where values stay as they are.

    Raises
    ------
    StagerInputError
        When a scanner is unseen, missing or rare and that is to be refused, the reference does
        not occur, or fewer than two features vary within every scanner.

    References
    ----------
    Johnson WE, Li C, Rabinovic A. Biostatistics 2007;8:118-127. Scanners in radiomics: Orlhac F
    et al. J Nucl Med 2018;59:1321-1328.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> context = pd.DataFrame({"scanner": np.repeat(["a", "b"], 30)})
    >>> X = pd.DataFrame(rng.normal(size=(60, 20))) + 3.0 * (context[["scanner"]] == "b").to_numpy()
    >>> X.columns = [f"t1_f{i}" for i in range(20)]
    >>> step = ComBatHarmoniser("scanner").fit(X, context=context)
    >>> found = step.transform(X, context=context).groupby(context["scanner"]).mean()
    >>> bool((found.loc["a"] - found.loc["b"]).abs().max() < 0.5)
    True
    >>> step.transform(X[:1], context=pd.DataFrame({"scanner": ["c"]}))
    Traceback (most recent call last):
    radiofib.staging.inputs.StagerInputError: column 'scanner': scanner 'c' was not seen in
    training (expected a, b). Next: train with rows of it, or choose unseen='pass' or unseen='own'.
    """

    def __init__(
        self,
        scanner_column: str | None = None,
        *,
        mean_only: bool = False,
        reference: str | None = None,
        unseen: str = "refuse",
        min_rows: int = 5,
        few: str = "refuse",
    ) -> None:
        self.scanner_column = scanner_column
        self.mean_only = mean_only
        self.reference = reference
        self.unseen = unseen
        self.min_rows = min_rows
        self.few = few

    def _learn_batches(self, values: FloatArray, codes: Codes) -> None:
        n_batches = len(self.scanners_)
        home = self._home()
        found = estimate_batch_effects(
            values, codes, n_batches, mean_only=self.mean_only, home=home
        )
        if n_batches > 1 and found.learnt.any(axis=0).sum() < 2:
            raise StagerInputError(
                "ComBat needs two features that vary within every scanner",
                found=f"{int(found.standard.sum())} of {values.shape[1]} "
                f"at the scanners {list_some(self.scanners_)}",
                hint="ScannerScaler treats each feature by itself",
            )
        self.mean_, self.spread_, self.standard_ = found.mean, found.spread, found.standard
        self.shift_, self.scale_, self.learnt_ = found.shift, found.scale, found.learnt

    def _home(self) -> int | None:
        if self.reference is None:
            return 0 if len(self.scanners_) == 1 else None
        known = [n for n in self.scanners_ if n in self.batch_of_]
        check_known(str(self.reference), known, what="reference scanner", error=StagerInputError)
        return self.scanners_.index(str(self.reference))

    def _apply_known(self, values: FloatArray, codes: Codes) -> FloatArray:
        return remove_batch_effects(values, codes, self._effects())

    def _apply_own(self, values: FloatArray) -> FloatArray:
        own = estimate_new_batch(values, self._effects(), mean_only=self.mean_only)
        return remove_batch_effects(values, np.zeros(len(values), dtype=np.intp), own)

    def _effects(self) -> BatchEffects:
        return BatchEffects(
            self.mean_,
            self.spread_,
            np.zeros((0, self.mean_.size)),
            self.shift_,
            self.scale_,
            self.learnt_,
            self.standard_,
        )


class ScannerScaler(ScannerStep):
    """Centre and scale of each scanner by itself, feature by feature.

    Values become ``(x - centre) / scale`` with centre and scale of the scanner's training rows.
    In a linear model centring by scanner is the same as a flag for each scanner without a
    penalty: slopes are learnt within scanners (Frisch and Waugh). The stage is never looked at.

    Where a scanner has a scale of 0 (one value, or constant) that of all scanners is divided by
    (pooled within scanners, or 1 where that is 0 too); where it has no value of a feature, centre
    and scale are those of all training rows.

    Parameters
    ----------
    scanner_column : str, optional
        Column of the context that names the scanner; None when all rows are of one.
    kind : {"zscore", "median", "centre"}
        Mean and standard deviation, median and median absolute deviation (times 1.4826), or the
        mean alone.
    unseen : {"refuse", "pass", "own"}
        A row of a scanner that was not seen in training, or that names none: an error, or centre
        and scale of all training rows (deviation within scanners), or those of the scanner's own
        rows among those transformed. The last needs `min_rows` of them in one call, and a row's
        result then depends on the others: single cases cannot be predicted, the stages the
        scanner happens to see move its centre, and rows without a name are refused. In training,
        rows without a name are refused too, or with "pass" take no part.
    min_rows : int
        Fewest training rows of a scanner.
    few : {"refuse", "pool"}
        Scanners with fewer: an error, or one batch of them all.

    Attributes
    ----------
    scanners_ : list of str
        Names of the batches.
    batch_of_ : dict of str to int
        Batch of each known scanner.
    centre_, scale_ : ndarray of shape (n_batches, n_features)
    pooled_centre_, pooled_scale_ : ndarray of shape (n_features,)
        For rows that pass.

    Raises
    ------
    StagerInputError
        When a scanner is unseen, missing or rare and that is to be refused.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"t1_f": [1.0, 3.0, 10.0, 30.0]})
    >>> context = pd.DataFrame({"scanner": ["a", "a", "b", "b"]})
    >>> step = ScannerScaler("scanner", min_rows=2, unseen="pass").fit(X, context=context)
    >>> step.transform(X, context=context)["t1_f"].tolist()
    [-1.0, 1.0, -1.0, 1.0]
    >>> step.pooled_centre_.tolist(), step.pooled_scale_.round(2).tolist()
    ([11.0], [7.11])
    """

    def __init__(
        self,
        scanner_column: str | None = None,
        *,
        kind: str = "zscore",
        unseen: str = "refuse",
        min_rows: int = 5,
        few: str = "refuse",
    ) -> None:
        self.scanner_column = scanner_column
        self.kind = kind
        self.unseen = unseen
        self.min_rows = min_rows
        self.few = few

    def _learn_batches(self, values: FloatArray, codes: Codes) -> None:
        check_known(self.kind, KINDS, what="kind of scaling", error=StagerInputError)
        n_batches = len(self.scanners_)
        parts = [values[codes == code] for code in range(n_batches)]
        centre = np.array([self._centre(part) for part in parts])
        left = np.concatenate([part - c for part, c in zip(parts, centre, strict=True)])
        self.pooled_centre_ = self._centre(values, 0.0)
        pooled = self._scale(left, np.zeros(values.shape[1]))
        self.pooled_scale_ = np.where(pooled > 0, pooled, 1.0)
        scale = np.array([self._scale(part, c) for part, c in zip(parts, centre, strict=True)])
        self.centre_ = np.where(np.isnan(centre), self.pooled_centre_, centre)
        self.scale_ = np.where(scale > 0, scale, self.pooled_scale_)

    def _apply_known(self, values: FloatArray, codes: Codes) -> FloatArray:
        # The last line is that of rows that pass: their number is -1.
        centre = np.vstack([self.centre_, self.pooled_centre_])
        scale = np.vstack([self.scale_, self.pooled_scale_])
        scaled: FloatArray = (values - centre[codes]) / scale[codes]
        return scaled

    def _apply_own(self, values: FloatArray) -> FloatArray:
        centre = self._centre(values, 0.0)
        scale = self._scale(values, centre)
        scaled: FloatArray = (values - centre) / np.where(scale > 0, scale, self.pooled_scale_)
        return scaled

    def _centre(self, values: FloatArray, empty: float = np.nan) -> FloatArray:
        middle = column_medians if self.kind == "median" else column_means
        return middle(values, empty)

    def _scale(self, values: FloatArray, centre: FloatArray) -> FloatArray:
        """Return the deviation from the centre; NaN where there is no value."""
        if self.kind == "centre":
            return np.ones(values.shape[1])
        deviation = column_deviations(values, centre)
        if self.kind == "zscore":
            return deviation
        robust = _NORMAL * column_medians(np.abs(values - centre))
        # More than half of the values are equal: the ordinary deviation is left.
        return np.where(robust > 0, robust, deviation)
