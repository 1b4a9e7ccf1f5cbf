"""Rule out, rule in, or leave open: cut-offs are chosen on some patients, measured on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib import stats
from radiofib.errors import UsageError
from radiofib.evaluation.conformal_cases import commonest
from radiofib.evaluation.intervals import SPARSE
from radiofib.evaluation.predictions import check_predictions
from radiofib.evaluation.units import BinaryView, Unit, patient_unit, row_unit
from radiofib.staging import Target, check_levels, targets_for
from radiofib.stats import Cutoffs
from radiofib.stats.safe_cutoffs import safe_cutoffs

__all__ = ["ABSTAIN_COLUMNS", "AbstainRule", "abstain_table", "choose_for"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

ABSTAIN_COLUMNS = (
    *("model", "setting", "unit", "target", "rule", "chosen_on", "group", "subset"),
    *("low", "high", "metric", "estimate", "ci_low", "ci_high", "n", "n_patients"),
    *("method", "note"),
)
_OUT = ("sensitivity", "npv")
_IN = ("specificity", "ppv")
#: Shares of all cases, by what the rule says of them.
_SHARES = ("ruled_out", "grey_zone", "ruled_in")


@dataclass(frozen=True)
class AbstainRule:
    """What ruling out and ruling in have to reach.

    Parameters
    ----------
    rule_out, rule_in : float
        Wanted rates, above 0 and below 1.
    by : {"rates", "values"}
        ``rates``: sensitivity and specificity; ``values``: NPV and PPV.

    Examples
    --------
    >>> AbstainRule(0.95, 0.9).name
    'rule out at sensitivity 0.95, rule in at specificity 0.9'
    """

    rule_out: float = 0.9
    rule_in: float = 0.9
    by: str = "rates"

    def __post_init__(self) -> None:
        if self.by not in ("rates", "values"):
            raise UsageError("unknown kind of rule", expected="rates or values", found=self.by)
        for value in (self.rule_out, self.rule_in):
            if not 0 < value < 1:
                raise UsageError("wanted rates lie between 0 and 1", found=f"{value:g}")

    @property
    def name(self) -> str:
        """The rule in words."""
        out, into = ("sensitivity", "specificity") if self.by == "rates" else ("NPV", "PPV")
        return f"rule out at {out} {self.rule_out:g}, rule in at {into} {self.rule_in:g}"

    @property
    def wanted(self) -> dict[str, float]:
        """Metric -> what it has to reach."""
        names = (_OUT[0], _IN[0]) if self.by == "rates" else (_OUT[1], _IN[1])
        return dict(zip(names, (self.rule_out, self.rule_in), strict=True))


def choose_for(view: BinaryView, rule: AbstainRule) -> Cutoffs | None:
    """Return the cut-offs of a rule on some cases; None where they are of one side only."""
    if view.score is None or not view.both:
        return None
    return safe_cutoffs(view.positive, view.score, **rule.wanted)


def abstain_table(
    predictions: pd.DataFrame,
    *,
    levels: Sequence[str],
    ordered: bool | None = None,
    rule: AbstainRule | None = None,
    targets: Sequence[Target] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Measure an abstaining rule on cases that its cut-offs were not chosen on.

    For each model, setting and target, cut-offs (:func:`radiofib.stats.safe_cutoffs`) are chosen
    by patient: in setting ``loso`` on the cross-validated predictions of the training scanners
    where these are given (else on the predictions of the other scanners when they were left
    out), otherwise for each fold on the predictions of the other folds. Held-out cases below the
    lower one are ruled out, those from the upper one on ruled in, the others are the grey zone.

    Parameters
    ----------
    predictions : DataFrame
        As :func:`radiofib.evaluation.cross_validate` returns; of several models and settings.
    levels : sequence of str
        Stages in order.
    ordered : bool, optional
        Whether the order means anything; default: as the column ``ordered`` says, else yes.
    rule : AbstainRule, optional
    targets : sequence of Target, optional
        Default: :func:`radiofib.staging.targets_for`.
    level : float
        Of the intervals (Wilson's).

    Returns
    -------
    DataFrame
        :data:`ABSTAIN_COLUMNS`: ``sensitivity`` and ``npv`` of the rule-out cut-off,
        ``specificity`` and ``ppv`` of the rule-in cut-off, ``accuracy_of_decided``, and the
        shares ``ruled_out``, ``grey_zone``, ``ruled_in``; of all held-out patients and of each
        scanner. ``low`` and ``high`` are the cut-offs, their median over folds. Predictive values
        are those at the prevalence of these cases.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> y = np.tile(["f0", "f1"], 50)
    >>> p = 1 / (1 + np.exp(-(1.6 * (y == "f1") - 0.8 + rng.normal(size=100))))
    >>> rows = pd.DataFrame({"case": range(100), "y_true": y, "p_f0": 1 - p, "p_f1": p,
    ...                      "setting": "cv", "fold": np.arange(100) // 2 % 5})
    >>> found = abstain_table(rows, levels=["f0", "f1"]).set_index("metric")["estimate"]
    >>> found[["sensitivity", "specificity", "grey_zone"]].round(2).to_dict()
    {'sensitivity': 0.92, 'specificity': 0.92, 'grey_zone': 0.23}
    """
    names = check_levels(levels)
    frame = check_predictions(predictions, levels=names)
    if ordered is None:
        ordered = bool(frame["ordered"].iloc[0]) if "ordered" in frame else True
    asked = rule or AbstainRule()
    questions = targets_for(names, ordered=ordered) if targets is None else targets
    rows: list[dict[str, object]] = []
    for model, of_model in frame.groupby("model", sort=False):
        parts = {
            str(setting): _patients(part, names)
            for setting, part in of_model.groupby("setting", sort=False)
        }
        for setting, found in parts.items():
            for target in questions if found.names.size else ():
                head = {"model": model, "setting": setting, "unit": found.unit.name}
                head |= {"target": target.name, "rule": asked.name}
                rows += [{**head, **row} for row in _one(setting, target, parts, asked, level)]
    return pd.DataFrame(rows, columns=list(ABSTAIN_COLUMNS))


@dataclass(frozen=True, eq=False)
class _Patients:
    """Patients of one model and setting, with scanner and name of each."""

    unit: Unit
    scanners: NDArray[np.str_]
    names: NDArray[np.str_]


def _patients(frame: pd.DataFrame, levels: Sequence[str]) -> _Patients:
    known = frame[frame["y_true"].notna()]
    unit = patient_unit(row_unit(frame, levels))
    # As the unit has them: sorted by fold, then patient.
    keys = [f"{f}\x00{p}" for f, p in zip(known["fold"], known["patient"], strict=True)]
    different, owner = np.unique(np.array(keys, dtype=np.str_), return_inverse=True)
    scanners = known["scanner"].fillna("").to_numpy(dtype=np.str_)
    names = np.array([key.partition("\x00")[2] for key in different.tolist()], dtype=np.str_)
    return _Patients(unit, commonest(scanners, owner), names)


def _one(
    setting: str,
    target: Target,
    parts: dict[str, _Patients],
    rule: AbstainRule,
    level: float,
) -> list[dict[str, object]]:
    """Return the rows of one target."""
    own = parts[setting]
    view = own.unit.binary(target)
    if view.score is None or not view.both:
        return []
    kept = own.scanners[_concerned(own.unit, target)]
    chosen = _chosen(setting, view, parts, target, rule)
    if isinstance(chosen, str):
        reason = {"group": "all", "subset": "", "method": "none", "note": chosen}
        return [{**reason, "chosen_on": "", "n": kept.size, "n_patients": kept.size}]
    low, high, place, notes = chosen
    # Where each case is: -1 out, 0 grey, 1 in; each fold has cut-offs of its own.
    called = np.where(view.score < low, -1.0, np.where(view.score >= high, 1.0, 0.0))
    groups = [("all", "", np.ones(kept.size, dtype=np.bool_))]
    groups += [("scanner", str(s), kept == s) for s in np.unique(kept) if s]
    rows: list[dict[str, object]] = []
    for group, subset, inside in groups:
        note = notes if group == "all" else ""
        for row in _measured(view.positive[inside], called[inside], level, note):
            cuts = {"low": float(np.median(low[inside])), "high": float(np.median(high[inside]))}
            if view.turned:
                cuts = {"low": -cuts["low"], "high": -cuts["high"]}
            rows.append({"group": group, "subset": subset, "chosen_on": place, **cuts, **row})
    return rows


def _concerned(unit: Unit, target: Target) -> BoolArray:
    """Tell which patients a question is about."""
    about = target.concerns(unit.levels)
    kept: BoolArray = about[unit.codes]
    return kept


def _chosen(
    setting: str,
    view: BinaryView,
    parts: dict[str, _Patients],
    target: Target,
    rule: AbstainRule,
) -> tuple[FloatArray, FloatArray, str, str] | str:
    """Return both cut-offs of each case, where they were chosen, and notes; or why not."""
    folds, fold_names = view.unit.folds, view.unit.fold_names
    if len(fold_names) < 2:
        return "no other folds to choose cut-offs on"
    inside = setting == "loso" and "cv" in parts
    source = parts["cv" if inside else setting]
    asked = _concerned(source.unit, target)
    pool, origin, owners = source.unit.binary(target), source.scanners[asked], source.names[asked]
    tested = parts[setting].names[_concerned(parts[setting].unit, target)]
    place = "cross-validated patients of the training scanners" if inside else "the other folds"
    low, high = np.empty(folds.size), np.empty(folds.size)
    notes: dict[str, None] = {}
    for fold, name in enumerate(fold_names):
        rows = folds == fold
        if not rows.any():
            continue
        others = (origin != name) & (origin != "") if inside else folds != fold
        cut = choose_for(_part(pool, others & ~np.isin(owners, tested[rows])), rule)
        if cut is None:
            low[rows], high[rows] = -np.inf, np.inf
            notes[f"{name}: the others are of one side only, no one is decided"] = None
            continue
        low[rows], high[rows] = cut.low, cut.high
        notes |= dict.fromkeys(n for n in cut.note.split("; ") if n)
    spans = [_span("lower", low), _span("upper", high)]
    return low, high, place, "; ".join([*notes, *(s for s in spans if s)])


def _part(view: BinaryView, rows: BoolArray) -> BinaryView:
    assert view.score is not None
    return BinaryView(view.unit.subset(rows), view.positive[rows], view.score[rows], view.turned)


def _span(name: str, cuts: FloatArray) -> str:
    low, high = float(cuts.min()), float(cuts.max())
    return f"{name} {low:.4g} to {high:.4g}" if low < high else ""


def _measured(
    positive: BoolArray, called: FloatArray, level: float, note: str
) -> list[dict[str, object]]:
    """Return what a rule reaches among some patients."""
    n = positive.size
    found = stats.apply_cutoffs(positive, called, Cutoffs("", -0.5, 0.5, 0, 0), level=level)
    found = found[~found["metric"].str.contains("likelihood|undecided")]
    rows = [
        {
            "metric": r["metric"],
            "estimate": r["estimate"],
            "ci_low": r["ci_low"],
            "ci_high": r["ci_high"],
            "n": int(r["n"]),
            "n_patients": int(r["n"]),
            "method": f"{r['method']}, {level:.0%}",
            "note": _joined(str(r["note"]), _sparse(int(r["n"])), note),
        }
        for r in found.to_dict("records")
    ]
    for name, value in zip(_SHARES, (-1.0, 0.0, 1.0), strict=True):
        e = stats.proportion(called == value, level=level)
        rows.append(
            {
                "metric": name,
                "estimate": e.value,
                "ci_low": e.low,
                "ci_high": e.high,
                "n": n,
                "n_patients": n,
                "method": f"{e.method}, {level:.0%}",
                "note": _joined(e.note, _sparse(n), note),
            }
        )
    return rows


def _sparse(n: int) -> str:
    return f"sparse: {n} patients" if n < SPARSE else ""


def _joined(*parts: str) -> str:
    return "; ".join(p for p in parts if p)
