"""Newton's method with step halving, for log-likelihoods that are concave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

__all__ = ["Maximum", "maximise"]

FloatArray = NDArray[np.float64]
#: Parameters -> value, gradient, negative second derivatives (or their expectation).
Objective = Callable[[FloatArray], tuple[float, FloatArray, FloatArray]]


@dataclass(frozen=True)
class Maximum:
    """Where the objective is largest.

    Parameters
    ----------
    at : ndarray
        Parameters.
    value : float
        The objective there.
    information : ndarray
        Negative second derivatives there.
    converged : bool
        Whether the last step was negligible.
    """

    at: FloatArray
    value: float
    information: FloatArray
    converged: bool


def maximise(
    objective: Objective, start: FloatArray, *, max_iter: int = 200, tol: float = 1e-10
) -> Maximum:
    """Climb from `start` until a full step changes nothing.

    Parameters
    ----------
    objective : callable
        Returns value (``-inf`` where not allowed), gradient and information.
    start : ndarray
        An allowed point.
    max_iter : int
        Most steps.
    tol : float
        Largest step, relative to the parameters, that counts as none.

    Examples
    --------
    >>> def parabola(x):
    ...     return -((x[0] - 3) ** 2), -2 * (x - 3), np.array([[2.0]])
    >>> maximise(parabola, np.zeros(1)).at.tolist()
    [3.0]
    """
    at = np.array(start, dtype=np.float64)
    value, gradient, information = objective(at)
    converged = at.size == 0
    for _ in range(0 if converged else max_iter):
        step = _step(information, gradient)
        scale, found = 1.0, None
        while scale > 1e-10:
            tried = objective(at + scale * step)
            if tried[0] >= value - 1e-13 * (1.0 + abs(value)):
                found = tried
                break
            scale /= 2
        if found is None:
            break
        at, (value, gradient, information) = at + scale * step, found
        if np.max(np.abs(scale * step)) <= tol * (1.0 + np.max(np.abs(at))):
            converged = True
            break
    return Maximum(at, value, information, converged)


def _step(information: FloatArray, gradient: FloatArray) -> FloatArray:
    """Solve information x step = gradient; lean on the gradient where it is not positive."""
    damping = 0.0
    size = max(float(np.max(np.abs(np.diag(information)))), 1e-300)
    while True:
        try:
            factor = cho_factor(information + damping * np.eye(gradient.size))
            step: FloatArray = cho_solve(factor, gradient)
        except LinAlgError:
            damping = max(10.0 * damping, 1e-10 * size)
            continue
        return step
