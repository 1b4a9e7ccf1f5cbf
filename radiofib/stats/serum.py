"""Serum scores of liver fibrosis, FIB-4 and APRI, with their units and published cut-offs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_same_length
from radiofib.errors import UsageError

__all__ = ["CUTOFFS", "INPUTS", "POSSIBLE", "ULN_AST", "SerumCutoff", "apri", "fib4"]

FloatArray = NDArray[np.float64]
#: Upper limit of normal of AST, U/l, where the laboratory's own is not known.
ULN_AST = 40.0


@dataclass(frozen=True)
class _Quantity:
    """Unit and possible values of a measurement, and what values outside them mostly are."""

    unit: str
    low: float
    high: float
    too_low: str
    too_high: str


#: Possible is what a living patient may have, not what is normal.
_QUANTITIES = {
    "age": _Quantity("years", 0, 120, "an age is not negative", "months or days? Give years"),
    "ast": _Quantity(
        "U/l", 3, 50_000, "ukat/l? Multiply by 60", "a value in another unit? Give U/l"
    ),
    "alt": _Quantity(
        "U/l", 3, 50_000, "ukat/l? Multiply by 60", "a value in another unit? Give U/l"
    ),
    "platelets": _Quantity(
        "10^9/l", 1, 2500, "10^12/l? Multiply by 1000", "counts per ul? Divide by 1000"
    ),
}
#: quantity -> lowest and highest possible value, unit
POSSIBLE = {name: (q.low, q.high, q.unit) for name, q in _QUANTITIES.items()}
#: score -> what it needs
INPUTS = {"fib4": ("age", "ast", "alt", "platelets"), "apri": ("ast", "platelets")}


@dataclass(frozen=True)
class SerumCutoff:
    """A published cut-off of a serum score.

    Parameters
    ----------
    score : {"fib4", "apri"}
    value : float
    rule : {"out", "in"}
        Rule out below the value, or rule in above it.
    question : str
        What it was published for.
    citation : str
    from_age : float
        Years from which it is for; 0 for all.
    """

    score: str
    value: float
    rule: str
    question: str
    citation: str
    from_age: float = 0.0


_STERLING = "Sterling RK et al. Hepatology 2006;43:1317-1325"
_WAI = "Wai CT et al. Hepatology 2003;38:518-526"
_MCPHERSON = "McPherson S et al. Am J Gastroenterol 2017;112:740-751"
#: Published cut-offs. They hold for the stages they were published for, in those patients.
CUTOFFS = (
    SerumCutoff("fib4", 1.45, "out", "Ishak 4-6 (HIV and hepatitis C)", _STERLING),
    SerumCutoff("fib4", 3.25, "in", "Ishak 4-6 (HIV and hepatitis C)", _STERLING),
    SerumCutoff("fib4", 2.0, "out", "F3-F4 at 65 years and above (NAFLD)", _MCPHERSON, 65.0),
    SerumCutoff("apri", 0.5, "out", "Ishak 3-6 (hepatitis C)", _WAI),
    SerumCutoff("apri", 1.5, "in", "Ishak 3-6 (hepatitis C)", _WAI),
    SerumCutoff("apri", 1.0, "out", "Ishak 5-6 (hepatitis C)", _WAI),
    SerumCutoff("apri", 2.0, "in", "Ishak 5-6 (hepatitis C)", _WAI),
)


def fib4(
    age: ArrayLike,
    ast: ArrayLike,
    alt: ArrayLike,
    platelets: ArrayLike,
    *,
    rows: Sequence[str] | None = None,
) -> FloatArray:
    r"""Return the FIB-4 index of each patient.

    .. math:: \mathrm{FIB4} = \frac{age \times AST}{platelets \times \sqrt{ALT}}

    Parameters
    ----------
    age : array-like
        Years. The index rises with age by construction; it was made in patients of 35 to 65.
    ast, alt : array-like
        U/l.
    platelets : array-like
        10^9/l.
    rows : sequence of str, optional
        What a row is called in a message; its number by default.

    Returns
    -------
    ndarray
        No unit is named for it; NaN where a value is missing.

    Raises
    ------
    UsageError
        When a value is impossible in its unit, naming the row and the unit it may be in.

    References
    ----------
    Sterling RK et al. Hepatology 2006;43:1317-1325.

    Examples
    --------
    >>> fib4([50, 61], [80, np.nan], [64, 30], [100, 210]).tolist()
    [5.0, nan]
    >>> fib4([50], [80], [64], [100_000])
    Traceback (most recent call last):
    radiofib.errors.UsageError: row 1: platelets are not possible in 10^9/l (expected 1 to 2500;
    found 100000 (1 in all)). Next: counts per ul? Divide by 1000.
    """
    given = {"age": age, "ast": ast, "alt": alt, "platelets": platelets}
    years, aspartate, alanine, counts = _checked(given, rows)
    result: FloatArray = years * aspartate / (counts * np.sqrt(alanine))
    return result


def apri(
    ast: ArrayLike,
    platelets: ArrayLike,
    *,
    uln_ast: float = ULN_AST,
    rows: Sequence[str] | None = None,
) -> FloatArray:
    r"""Return the AST to platelet ratio index of each patient.

    .. math:: \mathrm{APRI} = \frac{AST / ULN}{platelets} \times 100

    Parameters
    ----------
    ast : array-like
        U/l.
    platelets : array-like
        10^9/l.
    uln_ast : float
        Upper limit of normal of AST in the laboratory, U/l. The score is in inverse proportion
        to it, and so are the cut-offs worth as much as it is right.
    rows : sequence of str, optional
        What a row is called in a message; its number by default.

    Returns
    -------
    ndarray
        NaN where a value is missing.

    Raises
    ------
    UsageError
        When a value is impossible in its unit, naming the row and the unit it may be in.

    References
    ----------
    Wai CT et al. Hepatology 2003;38:518-526.

    Examples
    --------
    >>> apri([80], [100], uln_ast=40).tolist()
    [2.0]
    >>> apri([1.2], [100])
    Traceback (most recent call last):
    radiofib.errors.UsageError: row 1: ast is not possible in U/l (expected 3 to 50000; found 1.2
    (1 in all)). Next: ukat/l? Multiply by 60.
    """
    if not 5 <= uln_ast <= 200:
        raise UsageError(
            "the upper limit of normal of AST is not possible in U/l",
            expected="5 to 200",
            found=f"{uln_ast:g}",
        )
    aspartate, counts = _checked({"ast": ast, "platelets": platelets}, rows)
    result: FloatArray = aspartate / uln_ast / counts * 100
    return result


def _checked(given: dict[str, ArrayLike], rows: Sequence[str] | None) -> list[FloatArray]:
    """Return the values as floats, NaN where missing; refuse what no patient can have."""
    values = {name: np.asarray(v, dtype=np.float64).ravel() for name, v in given.items()}
    check_same_length(**values)
    for name, column in values.items():
        quantity = _QUANTITIES[name]
        wrong = np.flatnonzero((column < quantity.low) | (column > quantity.high))
        if wrong.size:
            value = column[wrong[0]]
            row = f"row {wrong[0] + 1}" if rows is None else rows[int(wrong[0])]
            verb = "are" if name == "platelets" else "is"
            raise UsageError(
                f"{name} {verb} not possible in {quantity.unit}",
                where=row,
                expected=f"{quantity.low:g} to {quantity.high:g}",
                found=f"{value:.10g} ({wrong.size} in all)",
                hint=quantity.too_low if value < quantity.low else quantity.too_high,
            )
    return list(values.values())
