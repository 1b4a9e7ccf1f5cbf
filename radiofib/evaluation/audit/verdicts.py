"""One plain sentence for each check, with the figures behind it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from radiofib._checks import list_some
from radiofib.evaluation.audit.controls import CONTROLS
from radiofib.evaluation.audit.nesting import Nesting
from radiofib.evaluation.audit.patients import Patients

__all__ = ["ALPHA", "CHECKS", "VERDICT_COLUMNS", "control_verdict", "copy_verdicts", "verdict"]

VERDICT_COLUMNS = (
    "check",
    "verdict",
    "finding",
    "evidence",
    "statistic",
    "ci_low",
    "ci_high",
    "n",
)
#: check -> question it answers
CHECKS = {
    "scanner_by_stage": "Can scanner and stage be told apart?",
    "scanner": "Does the scanner alone tell the stage?",
    "scanner_from_features": "Do the features tell the scanner?",
    "geometry": "Do facts of the image files alone tell the stage?",
    "missingness": "Does it tell the stage which features are missing?",
    "informative_missing": "Within a scanner, does a missing channel tell the stage?",
    "case_order": "Does the order or number of the cases tell the stage?",
    "identifiers": "Are identifiers among the features?",
    "exact_duplicates": "Do rows repeat?",
    "near_duplicates": "Do rows of different patients nearly repeat?",
    "duplicates_across_stages": "Do copies bear different stages?",
    "duplicates_across_splits": "Do copies stand in different splits?",
    "patients_across_splits": "Do patients stand in different splits?",
    "shuffled_labels": "Do shuffled labels reach more than chance?",
}
#: Chance, over all tests of an audit together, of any finding in a table without a problem.
ALPHA = 0.001
#: How one row surely repeats another, by values or by picture, and how pictures do.
EXACT_KINDS = ("exact", "same file", "same pixels")
PICTURE_KINDS = ("same file", "same pixels", "same picture", "same sweep")
Row = dict[str, Any]


def verdict(
    check: str,
    kind: str,
    finding: str,
    *,
    evidence: str = "",
    statistic: float = math.nan,
    low: float = math.nan,
    high: float = math.nan,
    n: int | None = None,
) -> Row:
    """Return one row of :data:`VERDICT_COLUMNS`."""
    values = (check, kind, finding, evidence, statistic, low, high, n)
    return dict(zip(VERDICT_COLUMNS, values, strict=True))


def control_verdict(check: str, tests: pd.DataFrame, reason: str = "") -> Row:
    """Judge a control by its tests: ``p_adjusted`` covers all tests of the audit.

    The question with the smallest p value speaks. A control that is not told from chance is
    clear only up to the upper limit of its interval, which the sentence gives.
    """
    own = tests[(tests["check"] == check) & tests["auc"].notna()]
    if own.empty:
        return verdict(check, "not tested", reason or _NOT_TESTED.get(check, _FEW))
    best = own.sort_values(["p", "auc"], ascending=[True, False], kind="stable").iloc[0]
    found = bool(best["p_adjusted"] < ALPHA)
    numbers = _interval(best["auc"], best["ci_low"], best["ci_high"])
    chance = f"within what shuffled labels reach (adjusted p {best['p_adjusted']:.2g})"
    if check == "scanner_from_features":
        text = (
            f"features tell scanner {best['target']} from the others with AUC {numbers}; a model "
            "may learn the machine"
            if found
            else f"scanner {best['target']} from the others: AUC {numbers}, {chance}"
        )
    else:
        text = f"{CONTROLS[check]} alone: AUC {numbers} for {best['target']}, "
        text += "through the same folds" if found else chance
    if found and check == "case_order":
        text += "; within scanners, cases were sorted or numbered by stage"
    return verdict(
        check,
        "found" if found else "clear",
        text,
        evidence="controls.csv",
        statistic=float(best["auc"]),
        low=float(best["ci_low"]),
        high=float(best["ci_high"]),
        n=int(best["n"]),
    )


_FEW = "fewer than five patients on one side of every question"
_NOT_TESTED = {
    "geometry": "no size or spacing of images in the table (columns geom_*), or none differs",
    "scanner": "fewer than two scanners are named",
    "scanner_from_features": "fewer than two scanners with enough patients are named",
    "missingness": "nothing is missing, or nothing varies",
}


def _interval(value: float, low: float, high: float) -> str:
    if not math.isfinite(low):
        return f"{value:.2f}"
    return f"{value:.2f} ({low:.2f}-{high:.2f})"


def shuffled_verdict(tests: pd.DataFrame, shuffles: int, reason: str = "") -> Row:
    """Judge the shuffles: their mean must not lie above 0.5."""
    own = tests[tests["check"] == "shuffled_labels"]
    if own.empty:
        return verdict("shuffled_labels", "not tested", reason or _FEW)
    worst = own.sort_values("auc", ascending=False, kind="stable").iloc[0]
    # Half the width of the middle 95 % is two standard deviations of one shuffle.
    error = (worst["ci_high"] - worst["ci_low"]) / 4 / math.sqrt(shuffles)
    found = bool(worst["auc"] > 0.5 + 5 * error)
    span = f"{worst['ci_low']:.2f}-{worst['ci_high']:.2f}"
    text = f"shuffled labels reach AUC {worst['auc']:.2f} on average, from {span}"
    text += ": the folds leak" if found else ": what chance gives here"
    return verdict(
        "shuffled_labels",
        "found" if found else "clear",
        text,
        evidence="controls.csv",
        statistic=float(worst["auc"]),
        low=float(worst["ci_low"]),
        high=float(worst["ci_high"]),
        n=int(worst["n"]),
    )


def missing_verdict(tests: pd.DataFrame, count: int) -> Row:
    """Judge missing blocks by the exact tests within scanners."""
    check = "informative_missing"
    if tests.empty:
        return verdict(check, "not tested", "nothing is missing in enough patients", n=count)
    significant = tests[tests["p_adjusted"] < ALPHA]
    best = (significant if len(significant) else tests).sort_values("p", kind="stable").iloc[0]
    shares = (
        f"{best['missing_pos']}/{best['n_pos']} against {best['missing_neg']}/{best['n_neg']} "
        f"({best['target']})"
    )
    if len(significant):
        blocks = list_some(dict.fromkeys(significant["block"]), 4)
        where = f" on scanner {best['scanner']}" if best["scanner"] != "all" else ""
        text = f"missing tells the stage: {blocks}; {best['block']}{where} lacks in {shares}"
    else:
        text = f"missing does not tell the stage; nearest {best['block']}, lacking in {shares}"
    return verdict(
        check,
        "found" if len(significant) else "clear",
        text,
        evidence="missing.csv",
        statistic=float(best["odds_ratio"]),
        low=float(best["ci_low"]),
        high=float(best["ci_high"]),
        n=count,
    )


def identifier_verdict(found: pd.DataFrame, patients: Patients) -> Row:
    """Judge identifiers among the features."""
    columns = list(dict.fromkeys(found["column"]))
    if not columns:
        text = f"none of {patients.table.n_features} features looks like an identifier"
        kind = "clear"
    else:
        first = found.iloc[0]
        text = f"{list_some(columns, 4)}: {first['detail']}; take it out of the features"
        kind = "found"
    return verdict(
        "identifiers",
        kind,
        text,
        evidence="identifiers.csv",
        statistic=float(len(columns)),
        n=patients.table.n_features,
    )


def copy_verdicts(
    pairs: pd.DataFrame, patients: Patients, columns: int, dimension: float
) -> list[Row]:
    """Judge copies: exact, near, across stages, across splits."""
    rows = patients.table.n_rows
    certain = pairs["kind"].isin(EXACT_KINDS)
    exact, near = pairs[certain], pairs[~certain]
    split = "split" in patients.table.obs
    across = pairs[
        (pairs["split_a"] != pairs["split_b"]) & (pairs[["split_a", "split_b"]] != "").all(axis=1)
    ]
    torn = pairs[pairs["stage_a"] != pairs["stage_b"]]
    pictures = bool(pairs["kind"].isin(PICTURE_KINDS).any())
    looked = columns > 0 or pictures
    few = "too few columns that tell rows apart"
    result = [
        _copies("exact_duplicates", exact, rows, "repeat another row", looked, few),
        _copies(
            "near_duplicates",
            near,
            rows,
            "are near another patient's row, share values with it alone, or show its picture",
            math.isfinite(dimension) or pictures,
            "too few rows or columns for distances",
        ),
    ]
    either = looked or math.isfinite(dimension)
    result.append(
        _copies("duplicates_across_stages", torn, rows, "are copies of another stage", either, few)
    )
    unsplit = "no column 'split'" if not split else few
    result.append(
        _copies(
            "duplicates_across_splits",
            across,
            rows,
            "are copies of another split",
            either and split,
            unsplit,
        )
    )
    return result


def _copies(check: str, pairs: pd.DataFrame, rows: int, words: str, tested: bool, why: str) -> Row:
    if not tested:
        return verdict(check, "not tested", why, n=rows)
    if pairs.empty:
        return verdict(
            check, "clear", f"none of {rows} rows", evidence="duplicates.csv", statistic=0.0, n=rows
        )
    own = int(pairs["same_patient"].sum())
    some = list_some(
        (f"{a} = {b}" for a, b in zip(pairs["case_b"], pairs["case_a"], strict=True)), 3
    )
    inside = f"; {own} within a patient" if own else ""
    text = f"{len(pairs)} of {rows} rows {words}{inside}: {some}"
    return verdict(
        check, "found", text, evidence="duplicates.csv", statistic=float(len(pairs)), n=rows
    )


def split_verdict(patients: Patients) -> Row:
    """Judge whether patients keep to one split."""
    check = "patients_across_splits"
    obs = patients.table.obs
    if "split" not in obs:
        return verdict(check, "not tested", "no column 'split'", n=patients.count)
    frame = pd.DataFrame({"patient": patients.owner, "split": obs["split"].astype(object)})
    frame = frame[frame["split"].notna()]
    several = frame.groupby("patient")["split"].nunique()
    torn = [patients.names[int(k)] for k in several.index[several > 1]]
    text = (
        f"{len(torn)} patients have rows in several splits: {list_some(torn, 4)}"
        if torn
        else f"each of {patients.count} patients is in one split"
    )
    return verdict(
        check, "found" if torn else "clear", text, statistic=float(len(torn)), n=patients.count
    )


def nesting_verdict(nesting: Nesting, patients: Patients) -> Row:
    """Judge whether scanner and stage can be told apart at all."""
    say: Callable[[str, str], Row] = lambda kind, text: verdict(  # noqa: E731
        "scanner_by_stage", kind, text, evidence="scanner_by_stage.csv", n=patients.count
    )
    if nesting.scanners < 2:
        return verdict("scanner_by_stage", "not tested", "fewer than two scanners are named")
    if nesting.nested:
        return say(
            "not identifiable",
            "every scanner has one stage only: effects of scanner and stage are one, no method "
            "can harmonise them, and no scanner has an AUC",
        )
    if not nesting.linked:
        return say(
            "not identifiable",
            "scanners fall into groups that share no stage: scanner effects between the groups "
            "are not identifiable",
        )
    if nesting.one_stage:
        return say(
            "not identifiable",
            f"{list_some(nesting.one_stage, 4)}: one stage only, so there is no AUC on that "
            "scanner, and its effect is not identifiable apart from the stage",
        )
    lacking = nesting.counts[nesting.counts["no_auc"] != ""]
    text = f"{nesting.scanners} scanners, {nesting.empty} empty and {nesting.sparse} sparse cells"
    if len(lacking):
        text += (
            f"; no AUC for {list_some(lacking['no_auc'], 2)} on {list_some(lacking['scanner'], 3)}"
        )
    return say("clear", text)
