"""How numbers and names are shown: fixed rules, so that equal content gives equal text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

__all__ = [
    "NO_GEOMETRY",
    "clean",
    "count",
    "estimate",
    "estimate_with_interval",
    "interval",
    "model_label",
    "p_value",
    "percent",
    "pluralise",
    "setting_label",
    "shorten",
    "side_label",
    "signed",
    "significant",
    "size",
    "target_label",
    "target_levels",
]

MINUS = "\u2212"
DASH = "\u2013"
#: Why a run has no control that knows the image size.
NO_GEOMETRY = "sizes and voxels of the images do not differ, or the controls were left out"
NOTHING = "\u2013"  # an empty cell

# C0 controls, surrogates and non-characters are not allowed in HTML; they would break the page.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

_MODELS = {
    "random_forest": "Random forest",
    "xgboost": "XGBoost",
    "logistic": "Logistic regression",
    "proportional_odds": "Proportional odds",
    "partial_proportional_odds": "Partial proportional odds",
    "firth": "Firth's logistic regression",
    "elastic_net": "Elastic net",
    "control_geometry": "Control: image size only",
    "control_scanner": "Control: scanner only",
    "control_missingness": "Control: missing values only",
    "control_missing": "Control: missing values only",
}
_SETTINGS = {
    "cv": "known scanners",
    "loso": "unseen scanners",
    "test": "test set",
    "external": "external set",
    "val": "validation set",
}


def clean(text: object) -> str:
    r"""Return text without characters that HTML forbids; each becomes the replacement mark.

    Examples
    --------
    >>> clean("a\x00b") == "a\ufffdb"
    True
    """
    return _UNPRINTABLE.sub("\ufffd", str(text))


def count(value: float | int | None) -> str:
    """Show a whole number with thousands separators, or a dash when there is none.

    Examples
    --------
    >>> count(12345), count(float("nan"))
    ('12,345', '–')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{round(value):,}".replace("-", MINUS)


def pluralise(number: float | int | None, noun: str, plural: str | None = None) -> str:
    """Show a count with its noun.

    Examples
    --------
    >>> pluralise(1, "case"), pluralise(1200, "case"), pluralise(2, "study", "studies")
    ('1 case', '1,200 cases', '2 studies')
    """
    word = noun if number == 1 else (plural or f"{noun}s")
    return f"{count(number)} {word}"


def estimate(value: float | None, digits: int = 3) -> str:
    """Show an estimate; one that is not quite 0 or 1 is never rounded to it.

    Examples
    --------
    >>> estimate(0.8124), estimate(0.99996), estimate(1.0), estimate(-0.25, 2)
    ('0.812', '>0.999', '1.000', '−0.25')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    step = 10.0**-digits
    if 1 - step / 2 <= value < 1:
        return f">{1 - step:.{digits}f}"
    if 0 < value < step / 2:
        return f"<{step:.{digits}f}"
    return signed(value, digits)


def signed(value: float, digits: int = 3) -> str:
    """Show a number with a true minus sign and no negative zero.

    Examples
    --------
    >>> signed(-0.5, 2), signed(-0.0001)
    ('−0.50', '0.000')
    """
    text = f"{abs(value):.{digits}f}"
    return text if value >= 0 or float(text) == 0 else f"{MINUS}{text}"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Show an interval: a dash between its ends, "to" where one of them is negative.

    Examples
    --------
    >>> interval(0.731, 0.99999), interval(-0.1, 0.2, 2)
    ('0.731–1.000', '−0.10 to 0.20')
    """
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    between = DASH if low >= 0 else " to "
    return f"{signed(low, digits)}{between}{signed(high, digits)}"


def estimate_with_interval(
    value: float | None, low: float | None, high: float | None, digits: int = 3
) -> str:
    """Show an estimate and, when there is one, its interval in brackets.

    Examples
    --------
    >>> estimate_with_interval(0.8, 0.7, 0.9)
    '0.800 (0.700–0.900)'
    """
    ends = interval(low, high, digits)
    return f"{estimate(value, digits)} ({ends})" if ends else estimate(value, digits)


def p_value(value: float | None) -> str:
    """Show a p value; a small one is bounded, never zero.

    Examples
    --------
    >>> p_value(0.0312), p_value(0.0004), p_value(0.8), p_value(float("nan"))
    ('0.031', '<0.001', '0.80', '–')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return estimate(value, 3 if value < 0.1 else 2)


def significant(value: float, digits: int = 3) -> str:
    """Show a number of any size with so many significant digits.

    Examples
    --------
    >>> significant(0.012345), significant(1234.5), significant(-2e-9), significant(40.0)
    ('0.0123', '1,234', '−2.00e-09', '40')
    """
    if not math.isfinite(value):
        return NOTHING
    size_of = abs(value)
    if value == int(value) and size_of < 1e9:
        return count(value)
    if size_of < 1e-4 or size_of >= 1e9:
        shown = f"{size_of:.{digits - 1}e}"
    else:
        decimals = max(0, digits - 1 - math.floor(math.log10(size_of)))
        shown = f"{size_of:,.{decimals}f}"
    return f"{MINUS}{shown}" if value < 0 else shown


def percent(part: float, whole: float) -> str:
    """Show a share in percent without false precision.

    Examples
    --------
    >>> percent(1, 3), percent(1, 1000), percent(999, 1000), percent(0, 0)
    ('33 %', '<1 %', '>99 %', '–')
    """
    if not whole:
        return NOTHING
    share = 100 * part / whole
    if 0 < share < 1:
        return "<1 %"
    if 99 < share < 100:
        return ">99 %"
    return f"{share:.0f} %"


def size(n_bytes: int) -> str:
    """Show a file size.

    Examples
    --------
    >>> size(512), size(2048), size(3_500_000)
    ('512 B', '2.0 kB', '3.5 MB')
    """
    if n_bytes < 1000:
        return f"{n_bytes} B"
    value = float(n_bytes)
    units = ["kB", "MB", "GB"]
    value /= 1000
    while value >= 999.95 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.1f} {units[0]}"


def shorten(text: object, most: int = 160) -> str:
    """Cut long text at `most` characters and say so with an ellipsis.

    Examples
    --------
    >>> shorten("abcdef", 4)
    'abc…'
    """
    words = clean(text)
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def model_label(name: str) -> str:
    """Return the display name of a model; unknown names, and a set in brackets, stay as they are.

    Examples
    --------
    >>> model_label("control_geometry"), model_label("resnet34")
    ('Control: image size only', 'resnet34')
    >>> model_label("random_forest [NonContrast]")
    'Random forest [NonContrast]'
    """
    own, bracket, rest = name.partition(" [")
    return _MODELS.get(own, own) + bracket + rest


def is_outside(setting: str) -> bool:
    """Tell whether a setting tests patients from elsewhere than training.

    Examples
    --------
    >>> is_outside("loso"), is_outside("external"), is_outside("cv")
    (True, True, False)
    """
    return setting in ("loso", "external")


def setting_label(name: str) -> str:
    """Return the display name of a validation setting.

    Examples
    --------
    >>> setting_label("loso")
    'unseen scanners'
    """
    return _SETTINGS.get(name, name)


def target_levels(target: str, levels: list[str]) -> tuple[list[str], list[str]] | None:
    """Split a target's name into its positive and negative levels, in the scheme's order.

    Parameters
    ----------
    target : str
        ``<positive>_vs_<negative>``; a side is one level or a span ``s1-3`` (or ``s1-s3``).
    levels : list of str
        All levels in order.

    Returns
    -------
    tuple of two lists, or None when the name does not follow the pattern.

    Examples
    --------
    >>> target_levels("s4_vs_s1-3", ["s1", "s2", "s3", "s4"])
    (['s4'], ['s1', 's2', 's3'])
    >>> target_levels("severity", ["s1", "s2"]) is None
    True
    """
    sides = target.split("_vs_")
    if len(sides) != 2:
        return None
    positive, negative = (_span(side, levels) for side in sides)
    if sides[1] == "rest":
        negative = [level for level in levels if level not in positive]
    return (positive, negative) if positive and negative else None


def _span(side: str, levels: list[str]) -> list[str]:
    if side in levels:
        return [side]
    first, _, last = side.partition("-")
    if first not in levels or not last:
        return []
    prefix = first.rstrip("0123456789")
    end = last if last in levels else f"{prefix}{last}"
    if end not in levels or levels.index(end) < levels.index(first):
        return []
    return levels[levels.index(first) : levels.index(end) + 1]


def target_label(target: str, levels: list[str], labels: Mapping[str, str]) -> str:
    """Show a target with the labels of its levels.

    Examples
    --------
    >>> target_label("s4_vs_s1-3", ["s1", "s2", "s3", "s4"], {"s1": "S1", "s3": "S3", "s4": "S4"})
    'S4 vs S1–S3'
    >>> target_label("l4_vs_l1-l3", ["l1", "l2", "l3", "l4"], {"l1": "Ludwig 1", "l3": "Ludwig 3"})
    'l4 vs Ludwig 1–3'
    >>> target_label("b_vs_rest", ["a", "b", "c"], {"b": "B"}), target_label("stages", [], {})
    ('B vs the rest', 'all stages')
    """
    if target in ("stages", "stage"):
        return "all stages"
    sides = target_levels(target, levels)
    if sides is None:
        return target
    positive, negative = (side_label(side, labels) for side in sides)
    return f"{positive} vs {'the rest' if target.endswith('_vs_rest') else negative}"


def side_label(side: list[str], labels: Mapping[str, str]) -> str:
    """Show the levels of one side of a comparison, which follow one another.

    Examples
    --------
    >>> side_label(["f2", "f3", "f4"], {"f2": "F2", "f4": "F4"})
    'F2–F4'
    """
    first, last = labels.get(side[0], side[0]), labels.get(side[-1], side[-1])
    if len(side) == 1:
        return first
    word, _, end = last.rpartition(" ")
    same_word = bool(word) and first.startswith(f"{word} ") and end.isdecimal()
    return f"{first}{DASH}{end if same_word else last}"
