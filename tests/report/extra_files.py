"""Write the files of steps that not every run takes, with made-up but consistent numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib.evaluation import feature_counts as counts
from radiofib.evaluation.abstain import abstain_table
from radiofib.evaluation.conformal import prediction_sets
from radiofib.evaluation.quality import quality_table, stage_score
from radiofib.staging.chain import ChainStager
from radiofib.staging.selection import NearConstant
from radiofib.stats import delong_paired
from radiofib.table import FeatureTable
from tests.report.run_folder import LEVELS, TARGETS, auc_of, write_picture

MAIN = "random_forest"
TERMS = (
    ("age", "Age at imaging", "years"),
    ("ged4_original_glcm_contrast", "Contrast of co-occurrence, hepatobiliary phase", "1"),
    ("t1_original_firstorder_entropy", "Entropy, T1", "bit"),
    ("ged4_original_shape_sphericity", "Sphericity", "1"),
)


def _scores(predictions: pd.DataFrame, model: str, setting: str, target: str) -> pd.DataFrame:
    part = predictions[(predictions["model"] == model) & (predictions["setting"] == setting)]
    columns = [f"p_{level}" for level in TARGETS[target]]
    scored = part.assign(score=part[columns].sum(axis=1))
    mean = scored.groupby("patient").agg({"y_true": "first", "score": "mean"})
    return mean.assign(y=mean["y_true"].isin(TARGETS[target]))


def decision_and_calibration(predictions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decision curves and smooth calibration curves of the main model."""
    decision: list[dict[str, Any]] = []
    smooth: list[dict[str, Any]] = []
    for setting in ("cv", "loso"):
        for target in TARGETS:
            head = {"model": MAIN, "setting": setting, "unit": "patient", "target": target}
            scored = _scores(predictions, MAIN, setting, target)
            y, p = scored["y"].to_numpy(), scored["score"].to_numpy()
            for t in np.linspace(0.02, 0.9, 45):
                odds = t / (1 - t)
                call = p >= t
                benefit = (call & y).mean() - odds * (call & ~y).mean()
                decision.append(
                    {
                        **head,
                        "threshold": t,
                        "net_benefit": benefit,
                        "ci_low": benefit - 0.05,
                        "ci_high": benefit + 0.05,
                        "treat_all": y.mean() - odds * (~y).mean(),
                        "standardised": benefit / y.mean(),
                        "n": len(y),
                        "n_pos": int(y.sum()),
                        "note": "",
                    }
                )
            for at in np.linspace(p.min(), p.max(), 60):
                weight = np.exp(-(((p - at) / 0.12) ** 2))
                share = float((weight * y).sum() / weight.sum())
                smooth.append(
                    {
                        **head,
                        "p": at,
                        "observed": share,
                        "ci_low": max(0, share - 0.09),
                        "ci_high": min(1, share + 0.09),
                    }
                )
    decision.append(
        {
            "model": MAIN,
            "setting": "cv",
            "unit": "patient",
            "target": "s1_vs_s2-4",
            "threshold": np.nan,
            "net_benefit": np.nan,
            "note": "refused: the scores are not probabilities",
        }
    )
    return pd.DataFrame(decision), pd.DataFrame(smooth)


def thresholds(predictions: pd.DataFrame) -> pd.DataFrame:
    """Thresholds by two rules with what they reach."""
    lines = []
    for setting in ("cv", "loso"):
        for target in TARGETS:
            scored = _scores(predictions, MAIN, setting, target)
            y, p = scored["y"].to_numpy(), scored["score"].to_numpy()
            for rule, cut in (("youden", 0.46), ("rule_out_sensitivity_0.9", 0.21)):
                call = p >= cut
                for metric, value in (
                    ("sensitivity", call[y].mean()),
                    ("specificity", (~call)[~y].mean()),
                    ("npv", (~y)[~call].mean() if (~call).any() else np.nan),
                ):
                    lines.append(
                        {
                            "model": MAIN,
                            "setting": setting,
                            "unit": "patient",
                            "target": target,
                            "rule": rule,
                            "threshold": cut,
                            "metric": metric,
                            "estimate": value,
                            "ci_low": max(0, value - 0.07),
                            "ci_high": min(1, value + 0.07),
                            "n": len(y),
                            "method": "threshold of the training folds; Wilson",
                            "note": "",
                        }
                    )
    return pd.DataFrame(lines)


def comparisons(predictions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Models against the main one, and two readers on a scale of seven points."""
    models: list[dict[str, Any]] = []
    readers: list[dict[str, Any]] = []
    rng = np.random.default_rng(5)
    for setting in ("cv", "loso"):
        for target in TARGETS:
            own = _scores(predictions, MAIN, setting, target)
            y = own["y"].to_numpy()
            tail = {"n": len(y), "n_pos": int(y.sum()), "method": "paired DeLong", "note": ""}
            for other in ("xgboost", "logistic", "control_geometry"):
                score = _scores(predictions, other, setting, target)["score"]
                found = delong_paired(y, own["score"], score)
                models.append(
                    {
                        **{"model_a": MAIN, "model_b": other, "setting": setting},
                        **{"unit": "patient", "target": target},
                        "auc_a": _auc(y, own["score"]),
                        "auc_b": _auc(y, score),
                        **_paired(found, 3),
                        **tail,
                    }
                )
            for reader, skill in (("Reader 1", 1.0), ("Reader 2", 2.4)):
                latent = y * skill + rng.normal(size=len(y)) + 2.5
                rating = np.clip(np.round(latent), 1, 7)
                found = delong_paired(y, rating, own["score"])
                significant = found.p < 0.05
                readers.append(
                    {
                        **{"reader": reader, "model": MAIN, "setting": setting},
                        **{"unit": "patient", "target": target},
                        "auc_reader": _auc(y, rating),
                        "auc_model": _auc(y, own["score"]),
                        **_paired(found, 2),
                        "arrow": ("↑" if found.difference > 0 else "↓") if significant else "",
                        **tail,
                        "note": "best model" if reader == "Reader 1" else "",
                    }
                )
    return pd.DataFrame(models), pd.DataFrame(readers)


def _auc(y: np.ndarray, score: Any) -> float:
    return auc_of(y, np.asarray(score))


def _paired(found: Any, times: int) -> dict[str, Any]:
    return {
        "difference": found.difference,
        "ci_low": found.low,
        "ci_high": found.high,
        "z": found.z,
        "p": found.p,
        "p_adjusted": min(1.0, found.p * times),
        "adjustment": "Holm",
    }


def interpretation() -> dict[str, pd.DataFrame]:
    """A proportional odds model with tests, points and probabilities."""
    head = {"model": "proportional_odds", "target": "stage"}
    estimates = (0.031, 0.84, -0.42, -2.6)
    errors = (0.012, 0.21, 0.30, 1.4)
    lines: list[dict[str, Any]] = []
    for (term, label, unit), b, se in zip(TERMS, estimates, errors, strict=True):
        low, high = b - 1.96 * se, b + 1.96 * se
        lines.append(
            {
                **head,
                **{"kind": "term", "term": term, "label": label, "unit": unit},
                **{"estimate": b, "se": se, "ci_low": low, "ci_high": high},
                **{"odds_ratio": np.exp(b), "or_low": np.exp(low), "or_high": np.exp(high)},
                **{"z": b / se, "p": 0.003 if term == "age" else np.nan, "note": ""},
            }
        )
    for i, cut in enumerate((-1.2, 0.3, 1.9)):
        lines.append(
            {
                **head,
                **{"kind": "threshold", "term": f"{LEVELS[i]}|{LEVELS[i + 1]}", "label": ""},
                **{"unit": "", "estimate": cut, "se": 0.3, "z": cut / 0.3},
                **{"ci_low": cut - 0.59, "ci_high": cut + 0.59, "note": ""},
            }
        )
    tests = pd.DataFrame(
        [
            {**head, "test": "proportional_odds", "term": "", "statistic": 9.2, "df": 8, "p": 0.33},
            {**head, "test": "vif", "term": "age", "statistic": 1.3, "df": np.nan, "p": np.nan},
        ]
    ).assign(note="")
    points = pd.DataFrame(
        [
            {"model": "proportional_odds", "term": term, "value": value, "points": worth}
            for term, pairs in {
                "age": ((30, 0), (50, 31), (70, 62), (85, 85.5)),
                TERMS[1][0]: ((0.5, 0), (1.0, 33), (2.0, 100)),
                TERMS[2][0]: ((5.5, 0), (4.0, 18.4)),
            }.items()
            for value, worth in pairs
        ]
    )
    total = np.linspace(0, 204, 40)
    totals = pd.concat(
        pd.DataFrame(
            {
                "model": "proportional_odds",
                "target": target,
                "total": total,
                "probability": 1 / (1 + np.exp(-(total - middle) / 25)),
            }
        )
        for target, middle in (("s4_vs_s1-3", 120), ("s2-4_vs_s1", 60))
    )
    return {
        "coefficients": pd.DataFrame(lines),
        "tests": tests,
        "points": points,
        "total_points": totals,
    }


def certainty(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Prediction sets and cut-offs of the main model; distances that grow on unseen scanners."""
    own = predictions[predictions["model"] == MAIN].reset_index(drop=True)
    own.attrs["radiofib: repeats were warned about"] = True
    sets = prediction_sets(own, levels=LEVELS)
    abstain = abstain_table(own, levels=LEVELS)
    rng = np.random.default_rng(6)
    far = np.where(own["setting"] == "loso", rng.random(len(own)) < 0.4, False)
    p = np.where(far, 0.01, np.maximum(rng.random(len(own)), 0.03))
    cases = own[["setting", "patient", "scanner"]].assign(
        distance_p=p,
        unfamiliar=p <= 0.05,
        unfamiliar_channel=np.where(p <= 0.05, "ged4", ""),
        score=stage_score(own),
        missing=rng.random(len(own)) < 0.1,
    )
    known = cases.loc[cases["setting"] == "cv", "score"].to_numpy()
    parts = []
    for setting, part in cases.groupby("setting"):
        unseen = setting == "loso"
        found = quality_table(
            part,
            training_scores=known if unseen else None,
            known=() if unseen else tuple(part["scanner"].unique()),
        )
        parts.append(found.assign(model=MAIN, setting=setting))
    return {"conformal": sets.coverage, "abstain": abstain, "quality": pd.concat(parts)}


def importance(columns: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Importance by feature, by group of correlated features and by channel; dependence."""
    rng = np.random.default_rng(3)
    lines = []
    for kind in ("shap", "permutation"):
        head = {"model": MAIN, "target": "s4_vs_s1-3", "kind": kind, "note": ""}
        for by, names in (
            ("feature", columns),
            ("cluster", ["cluster 1", "cluster 2", "cluster 3"]),
            ("channel", ["t1", "ged4"]),
        ):
            for i, name in enumerate(names):
                members = "; ".join(columns[i * 3 : i * 3 + 3]) if by == "cluster" else name
                value = float(rng.gamma(1.2, 0.02)) - (0.004 if kind == "permutation" else 0)
                sd = 0.005 if kind == "permutation" else np.nan
                lines.append(
                    {**head, "group_by": by, "group": name, "members": members}
                    | {"importance": value, "sd": sd}
                )
    grid = np.linspace(0, 1, 20)
    dependence = pd.concat(
        pd.DataFrame(
            {
                "model": MAIN,
                "target": "s4_vs_s1-3",
                "feature": column,
                "value": 10.0**i * (grid * 4 - 1),
                "probability": 0.2 + 0.5 / (1 + np.exp(-(grid - 0.5) * (6 - i))),
            }
        )
        for i, column in enumerate(columns[:4])
    )
    return pd.DataFrame(lines), dependence


def feature_counts(predictions: pd.DataFrame, n_features: int) -> pd.DataFrame:
    """Sample-size check of a table with this many columns, of which one is constant."""
    patients = predictions.drop_duplicates("patient")
    X = pd.DataFrame(np.random.default_rng(8).normal(size=(len(patients), n_features)))
    X = X.rename(columns=lambda i: f"t1_f{i}").assign(t1_f0=1.0)
    stage = pd.Categorical(patients["y_true"], categories=LEVELS, ordered=True)
    obs = pd.DataFrame({"case": patients["patient"].to_numpy(), "stage": stage})
    stager = ChainStager(steps=[NearConstant()])
    return counts.feature_counts(FeatureTable(X, obs), stager).assign(model=MAIN)


def audit() -> pd.DataFrame:
    """Verdicts of every kind."""
    return pd.DataFrame(
        [
            ("duplicates", "clear", "no two images are equal", "hashes of voxels"),
            (
                "scanner_from_features",
                "found",
                "the features tell the scanner",
                "audit/scanner.csv",
            ),
            (
                "stage_by_scanner",
                "not identifiable",
                "one scanner has one stage only",
                "cohort.csv",
            ),
            ("case_number", "not tested", "cases have no numbers", ""),
        ],
        columns=["check", "verdict", "finding", "evidence"],
    ).assign(
        statistic=[np.nan, 0.93, np.nan, np.nan],
        ci_low=[np.nan, 0.9, np.nan, np.nan],
        ci_high=[np.nan, 0.96, np.nan, np.nan],
        n=[232, 232, 232, np.nan],
    )


def clinical() -> dict[str, pd.DataFrame]:
    """Clinical models: added value, measures and published cut-offs."""
    added: list[dict[str, Any]] = []
    measured: list[dict[str, Any]] = []
    for setting in ("cv", "loso"):
        for base, adds in (("clinical", True), ("fib4", False)):
            head = {"setting": setting, "base": base, "model": f"{base} + features"}
            test = {"target": "stages", "measure": "likelihood_ratio", "threshold": np.nan}
            added.append(
                {
                    **head,
                    **test,
                    **{"estimate": 12.3 if adds else 0.4, "p": 0.0005 if adds else 0.5},
                    **{"p_adjusted": 0.001 if adds else 0.5, "adjustment": "Holm over 2"},
                    **{"verdict": "added" if adds else "not shown", "n": 200},
                    **{"method": "half the likelihood ratio, score from folds"},
                    "note": f"{base} missing in 3 of 200 rows: median of the training rows",
                }
            )
            for target in TARGETS:
                for measure, value in (("auc_difference", 0.061), ("brier_difference", -0.012)):
                    added.append(
                        {
                            **{**head, "target": target, "measure": measure, "estimate": value},
                            **{"ci_low": value - 0.02, "ci_high": value + 0.02, "n": 200},
                            **{"p": 0.02, "p_adjusted": 0.04, "n_pos": 60, "method": "DeLong"},
                        }
                    )
                measured += [
                    {
                        **{"model": model, "setting": setting, "unit": "patient"},
                        **{"target": target, "metric": "auc", "estimate": 0.7134},
                        **{"ci_low": 0.65, "ci_high": 0.78, "n": 200, "n_pos": 60},
                        **{"n_patients": 200, "method": "DeLong", "note": ""},
                    }
                    for model in (base, f"{base} + features")
                ]
    cutoffs = [
        {
            **{"score": "fib4", "cutoff": 1.45, "rule": "out", "published_for": "Ishak 4-6"},
            **{"citation": "Sterling RK et al. Hepatology 2006", "target": target},
            **{"measure": measure, "estimate": 0.8321, "ci_low": 0.7, "ci_high": 0.9},
            **{"hits": 50, "n": 60, "method": "Wilson"},
        }
        for target in TARGETS
        for measure in ("sensitivity", "specificity", "share")
    ]
    return {
        "added_value": pd.DataFrame(added),
        "clinical_metrics": pd.DataFrame(measured),
        "serum_cutoffs": pd.DataFrame(cutoffs),
    }


def add_everything(root: Path) -> Path:
    """Add the files of every optional step to a run folder and return it."""
    predictions = pd.read_csv(root / "predictions.csv")
    columns = list(pd.read_csv(root / "export/codebook.csv")["column"])
    decision, smooth = decision_and_calibration(predictions)
    models, readers = comparisons(predictions)
    important, dependence = importance(columns)
    frames = {
        "evaluation/decision_curves.csv": decision,
        "evaluation/calibration_curve.csv": smooth,
        "evaluation/thresholds.csv": thresholds(predictions),
        "evaluation/comparisons.csv": models,
        "evaluation/readers.csv": readers,
        "evaluation/feature_counts.csv": feature_counts(predictions, len(columns)),
        "evaluation/importance.csv": important,
        "evaluation/partial_dependence.csv": dependence,
        "audit/verdicts.csv": audit(),
        **{f"evaluation/{k}.csv": v for k, v in certainty(predictions).items()},
        **{f"evaluation/{k}.csv": v for k, v in clinical().items()},
        **{f"interpret/{k}.csv": v for k, v in interpretation().items()},
    }
    maps = [
        {
            **{"case": f"case-{i}", "channel": "t1", "file": f"case-{i}.png"},
            **{"target": "s4_vs_s1-3", "kind": "grad-cam", "note": ""},
        }
        for i in range(3)
    ]
    frames["cam/cam.csv"] = pd.DataFrame(maps)
    for name, frame in frames.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(root / name, index=False)
    for i in range(3):
        write_picture(root / "cam" / f"case-{i}.png", 70 + i)
    _add_registration(root)
    return root


def _add_registration(root: Path) -> None:
    lines = [
        {
            **{"case": f"case-{i}", "channel": "t1", "to": "ged4"},
            **{
                "verdict": ("good", "look", "failed")[i],
                "reasons": ("", "small shift", "no mask")[i],
            },
            **{"dice_before": 0.7, "dice_after": 0.9, "inverse_consistency_mm": 0.4},
            **{"shift_mm": 4.0, "rotation_deg": 1.5, "picture": f"case-{i}.png"},
        }
        for i in range(3)
    ]
    pd.DataFrame(lines).to_csv(root / "registration.csv", index=False)
    for i in range(3):
        write_picture(root / "registration" / f"case-{i}.png", 80 + i)
