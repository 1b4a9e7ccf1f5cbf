"""R's values beside ours: every key of the shared oracle, intraclass correlation and ComBat.

Usage: python benchmarks/r_agreement.py [--data ../shared/data/stats] [--out benchmarks/results]

Reads `r_oracle_A.json` (values that R printed to 15 digits) and the data they are of, computes
each with `radiofib.stats`, and stores one table: value, R call, R's value, ours, difference. Exit
status 1 when a value differs by more than its tolerance or is computed nowhere. Bootstrap limits
(random), `polr` with its default optimiser and `psych`'s lmer (both off by 5e-6) and lrm's
`Max Deriv` (a residual of the optimiser) are not compared.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _r_regression import regressions

from radiofib import stats
from radiofib.provenance import environment

DATA = Path(os.environ.get("RADIOFIB_EXTERNAL_DATA", "../shared/data")) / "stats"
LEFT_OUT = re.compile(r"(^|\.)(boot_|polr_|psych_lmer_)|Max Deriv")
#: Fitted models; the rest is closed form.
FITTED = re.compile(r"^(po|firth)\.|^cal\..*\.(cal_|citl_|val_prob\.(Intercept|Slope|U|Q))")
Found = dict[str, tuple[str, Any]]


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield the path and value of each number."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(tree, list):
        for place, value in enumerate(tree):
            yield from leaves(value, f"{path}[{place}]")
    elif isinstance(tree, int | float):
        yield path, float(tree)


def spread(found: Found) -> dict[str, tuple[str, float]]:
    """Return our numbers under the paths of the oracle."""
    result: dict[str, tuple[str, float]] = {}
    for key, (call, value) in found.items():
        plain = value.tolist() if isinstance(value, np.ndarray) else value
        result |= {path: (call, number) for path, number in leaves(plain, key)}
    return result


def areas(data: pd.DataFrame) -> Found:
    found: Found = {}
    for truth in ("sig", "cirr"):
        y = data[truth]
        for score in ("score_a", "score_b"):
            x, key = data[score], f"auc.{truth}_{score}"
            plain, logit = stats.delong(y, x), stats.logit_delong(y, x)
            place = stats.placements(y, x)
            cut = stats.choose_cutoffs(y, x, "youden")
            shares = stats.apply_cutoffs(y, x, cut).set_index("metric")["estimate"]
            hanley = stats.hanley_mcneil(plain.value, place.n_pos, place.n_neg, level=0.05)
            z = stats.estimate.z_value(0.05)
            values = {
                "auc": ("pROC::auc", plain.value),
                "delong_var": ("pROC::var", float(stats.auc_covariance([place])[0, 0])),
                "delong_ci_lo": ("pROC::ci", plain.low),
                "delong_ci_hi": ("pROC::ci", plain.high),
                "logit_delong_ci_lo": ("by formula, Pepe 2003", logit.low),
                "logit_delong_ci_hi": ("by formula, Pepe 2003", logit.high),
                "hanley_mcneil_var": ("by formula", ((hanley.high - hanley.value) / z) ** 2),
                "n_pos": ("table", place.n_pos),
                "n_neg": ("table", place.n_neg),
                "youden_best.threshold": ("pROC::coords(best)", cut.high),
                "youden_best.sensitivity": ("pROC::coords(best)", shares["sensitivity"]),
                "youden_best.specificity": ("pROC::coords(best)", shares["specificity"]),
            }
            found |= {f"{key}.{name}": value for name, value in values.items()}
        pair = stats.delong_paired(y, data["score_a"], data["score_b"])
        names = {"diff": pair.difference, "cov": pair.covariance, "z": pair.z, "p": pair.p}
        names |= {"ci_diff_lo": pair.low, "ci_diff_hi": pair.high}
        call = "pROC::roc.test(paired)"
        found |= {f"paired.{truth}.{name}": (call, value) for name, value in names.items()}
    return found


def several_classes(data: pd.DataFrame) -> Found:
    found: Found = {}
    y = data["stage"].to_numpy() - 1
    for model in "ab":
        proba = data[[f"{model}_p{k}" for k in range(1, 5)]].to_numpy()
        expected = proba @ np.arange(1, 5)
        index = stats.ordinal_c_index(y, expected, 4).value
        kendall = stats.correlations(expected, y).set_index("method")["estimate"]
        rps = float(stats.ranked_probability_score(y, proba).mean())
        micro = stats.multiclass_auc(y, proba, "micro")
        values = {
            "ovr_auc": ("pROC::auc", [stats.auc(y == k, proba[:, k]) for k in range(4)]),
            "macro_ovr": ("mean of pROC::auc", stats.multiclass_auc(y, proba)),
            "weighted_ovr": ("weighted.mean", stats.multiclass_auc(y, proba, "weighted")),
            "micro": ("pROC::auc, pooled", micro),
            "hand_till_ovo_macro": ("by formula", stats.multiclass_auc(y, proba, "hand_till")),
            "multiROC_macro_interp": (
                "multiROC::multi_roc",
                stats.multiclass_auc(y, proba, "macro_curve"),
            ),
            "multiROC_micro": ("multiROC::multi_roc", micro),
            "brier_multiclass_sum": ("by formula", float(stats.brier_score(y, proba).mean())),
            "rps_unnormalised": ("by formula", 3 * rps),
            "rps_normalised_Km1": ("by formula", rps),
            "logloss": ("by formula", float(stats.log_loss(y, proba).mean())),
            "ordinal_c_index_expected_stage": ("Hmisc::rcorr.cens", index),
            "somers_dxy": ("Hmisc::somers2", 2 * index - 1),
            "kendall_tau_b": ("cor(method = 'kendall')", float(kendall["kendall_tau_b"])),
        }
        found |= {f"multi_{model}.{name}": value for name, value in values.items()}
    return found


def probabilities(data: pd.DataFrame) -> Found:
    found: Found = {}
    for key in ("sig_a", "sig_b", "cirr_a", "cirr_b"):
        truth, model = key.split("_")
        y, p = data[truth], data[f"p_{truth}_{model}"]
        fit, score = stats.calibration(y, p), stats.spiegelhalter(y, p)
        chi = stats.hosmer_lemeshow(y, p, fitted=True)
        table = stats.calibration_groups(y, p)
        errors = stats.calibration_errors(y, p).set_index("metric")["estimate"]
        area, brier = stats.auc(y, p), float(stats.brier_score(y, p).mean())
        n, hits = table["n"].to_numpy(), table["n_pos"].to_numpy()
        expected = table["expected"].to_numpy()
        cuts, hl = np.quantile(p, np.linspace(0, 1, 11)), "ResourceSelection::hoslem.test"
        values: Found = {
            "brier": ("by formula", brier),
            "brier_scaled": ("by formula", stats.brier_scaled(y, p)),
            "logloss": ("by formula", float(stats.log_loss(y, p).mean())),
            "cal_slope": ("glm(y ~ qlogis(p))", fit.slope),
            "cal_slope_se": ("glm(y ~ qlogis(p))", fit.slope_se),
            "cal_intercept_joint": ("glm(y ~ qlogis(p))", fit.intercept),
            "cal_intercept_joint_se": ("glm(y ~ qlogis(p))", fit.intercept_se),
            "citl_offset": ("glm(y ~ 1, offset = qlogis(p))", fit.in_the_large),
            "citl_offset_se": ("glm(y ~ 1, offset = qlogis(p))", fit.in_the_large_se),
            "EO": ("by formula", float(errors["EO"])),
            "spiegelhalter_z": ("by formula", score.statistic),
            "spiegelhalter_p": ("by formula", score.p),
            "hl_chisq": (hl, chi.statistic),
            "hl_df": (hl, chi.df),
            "hl_p": (hl, chi.p),
            "hl_breaks_type7": ("quantile(type = 7)", cuts),
            "hl_obs": (hl, np.column_stack([n - hits, hits])),
            "hl_exp": (hl, np.column_stack([n - expected, expected])),
        }
        names = {"Dxy": 2 * area - 1, "C (ROC)": area, "Brier": brier}
        names |= {"Intercept": fit.intercept, "Slope": fit.slope}
        names |= {"S:z": score.statistic, "S:p": score.p}
        names |= {k: float(v) for k, v in errors.items() if k not in ("EO", "D:p")}
        values |= {f"val_prob.{k}": ("rms::val.prob", v) for k, v in names.items()}
        found |= {f"cal.{key}.{name}": value for name, value in values.items()}
    return found


def decisions(data: pd.DataFrame, oracle: dict[str, Any]) -> Found:
    found: Found = {}
    for key in ("sig_a", "cirr_a"):
        truth, model = key.split("_")
        y, p = data[truth], data[f"p_{truth}_{model}"]
        curve = stats.decision_curve(y, p, oracle["dca"][key]["thresholds"])
        cuts, gain = curve["threshold"].to_numpy(), curve["net_benefit"].to_numpy()
        # No probability equals a threshold here, so "at least" and "above" agree.
        for name, call, value in (
            ("thresholds", "as given", cuts),
            ("threshold_order", "dcurves::dca", cuts),
            ("dcurves_nb", "dcurves::dca", gain),
            ("dcurves_nb_all", "dcurves::dca", curve["treat_all"].to_numpy()),
            ("formula_nb_ge", "by formula", gain),
            ("formula_nb_gt", "by formula", gain),
        ):
            found[f"dca.{key}.{name}"] = (call, value)
        counts = stats.confusion_matrix(y, (p >= 0.5) * 1, 2)
        (tn, fp), (fn, tp) = counts.tolist()
        table = stats.diagnostic_table(counts).set_index("metric")
        exact = stats.clopper_pearson(tp + tn, tp + tn + fp + fn)
        values: Found = {
            name: ("table", count)
            for name, count in (("TP", tp), ("FP", fp), ("TN", tn), ("FN", fn))
        }
        for name, metric in (
            ("sens", "sensitivity"),
            ("spec", "specificity"),
            ("ppv", "ppv"),
            ("npv", "npv"),
            ("acc", "accuracy"),
        ):
            row = table.loc[metric, ["estimate", "ci_low", "ci_high"]].to_list()
            values[f"{name}_wilson"] = ("prop.test(correct = FALSE)", row)
        values["acc_clopper"] = ("binom.test", [exact.low, exact.high])
        values["mcc"] = ("by formula", float(table.loc["mcc", "estimate"]))
        youden = float(stats.sensitivity(counts) + stats.specificity(counts) - 1)
        values["youden"] = ("by formula", youden)
        found |= {f"ops.{key}.{name}": value for name, value in values.items()}
    right = [data[f"pred_{m}"] == data["stage"] for m in "ab"]
    _, first, second, _ = stats.discordant(*right)
    found["mcnemar.b"] = ("table", first)
    found["mcnemar.c"] = ("table", second)
    found["mcnemar.exact_p"] = ("binom.test", stats.mcnemar(first, second).p)
    return found


def agreement(data: pd.DataFrame) -> Found:
    found: Found = {}
    for key in ("rater1_vs_rater2", "pred_a_vs_stage"):
        first, second = key.split("_vs_")
        counts = stats.confusion_matrix(data[first] - 1, data[second] - 1, 4)
        for name, weights, short in (
            ("unweighted", "none", "unw"),
            ("linear", "linear", "linear"),
            ("quadratic", "quadratic", "quadratic"),
        ):
            one = stats.kappa(counts, weights)
            found |= {
                f"kappa.{key}.{name}.kappa": ("irr::kappa2", one.value),
                f"kappa.{key}.{name}.z0": ("irr::kappa2", one.z0),
                f"kappa.{key}.{name}.p0": ("irr::kappa2", one.p0),
                f"kappa.{key}.vcd_{short}": ("vcd::Kappa", [one.value, one.se]),
            }
        own = stats.kappa(counts, error="psych")
        limits = ("psych::cohen.kappa", [own.low, own.value, own.high])
        found[f"kappa.{key}.psych_quadratic_ci"] = limits
    for key, second in (("score_a_b", "score_b"), ("score_a_stage", "stage")):
        frame = stats.correlations(data["score_a"], data[second]).set_index("method")
        row = frame.loc["pearson"]
        lin = stats.concordance(data["score_a"], data[second]).value
        values = {
            "pearson": ("cor.test", row["estimate"]),
            "p": ("cor.test", row["p"]),
            "ci_lo": ("cor.test", row["ci_low"]),
            "ci_hi": ("cor.test", row["ci_high"]),
            "spearman": ("cor(method = 'spearman')", frame.loc["spearman", "estimate"]),
            "kendall_tau_b": ("cor(method = 'kendall')", frame.loc["kendall_tau_b", "estimate"]),
            "lin_ccc": ("by formula, Lin 1989", lin),
        }
        found |= {f"cor.{key}.{k}": (call, float(v)) for k, (call, v) in values.items()}
    return found


def others(folder: Path) -> Found:
    """Return what is not of the shared predictions: ICC, degenerate scores."""
    ratings = pd.read_csv(folder / "icc_n40_k3.csv").to_numpy()
    table = stats.intraclass(ratings)
    names = {"ICC": "estimate", "F": "f", "df1": "df1", "df2": "df2", "p": "p"}
    names |= {"lo": "ci_low", "hi": "ci_high"}
    found: Found = {
        f"icc_3r.psych_aov.{theirs}": ("psych::ICC(lmer = FALSE)", table[ours].to_numpy())
        for theirs, ours in names.items()
    }
    rows = table.set_index("type")
    for short, name in (("icc21", "ICC2"), ("icc31", "ICC3")):
        row = rows.loc[name]
        found[f"icc_3r.{short}"] = ("irr::icc", float(row["estimate"]))
        found[f"icc_3r.{short}_ci"] = ("irr::icc", [row["ci_low"], row["ci_high"]])
    found["icc_3r.icc21_F"] = ("irr::icc", float(rows.loc["ICC2", "f"]))
    extreme = pd.read_csv(folder / "degenerate_n70.csv")
    for name in ("perfect", "const"):
        one = stats.delong(extreme["y"], extreme[name])
        place = stats.placements(extreme["y"], extreme[name])
        found[f"degenerate.{name}_auc"] = ("pROC::auc", one.value)
        found[f"degenerate.{name}_var"] = ("pROC::var", float(stats.auc_covariance([place])[0, 0]))
        found[f"degenerate.{name}_ci"] = ("pROC::ci", [one.low, one.value, one.high])
    return found


def rows(folder: Path) -> Iterator[tuple[str, str, float, float, float]]:
    """Yield value, R call, R's value, ours (NaN when computed nowhere) and the tolerance."""
    oracle = json.loads((folder / "r_oracle_A.json").read_text(encoding="utf-8"))
    data, main = pd.read_csv(folder / "predA_n120.csv"), oracle["A_n120"]
    found = areas(data) | several_classes(data) | probabilities(data)
    found |= decisions(data, main) | agreement(data) | regressions(data)
    ours = spread(found | others(folder))
    rest = {key: value for key, value in oracle.items() if key not in ("meta", "A_n120")}
    for path, value in [*leaves(main), *leaves(rest)]:
        if LEFT_OUT.search(path):
            continue
        call, number = ours.get(path, ("-", math.nan))
        yield path, call, value, number, 1e-6 if FITTED.match(path) else 1e-8
    batch = pd.read_csv(folder / "combat_n90_p30.csv")
    expected = pd.read_csv(folder / "combat_sva_nocov.csv").to_numpy()
    moved = stats.combat(batch.filter(regex=r"^f\d"), batch["batch"])
    place = np.unravel_index(np.abs(moved - expected).argmax(), expected.shape)
    where = f"combat, largest difference of {expected.size} (row {place[0]}, f{place[1]:02d})"
    yield where, "sva::ComBat", float(expected[place]), float(moved[place]), 1e-10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    table, counts = [], {"equal": 0, "different": 0, "not computed": 0}
    for path, call, theirs, ours, tolerance in rows(options.data):
        gap = abs(ours - theirs)
        verdict = "not computed" if math.isnan(ours) else "equal"
        if verdict == "equal" and not gap <= tolerance:
            verdict = "different"
        counts[verdict] += 1
        mine = "" if math.isnan(ours) else f"{ours:.15g}"
        shown = "" if math.isnan(ours) else f"{gap:.1e}"
        cells = [f"`{path}`", call, f"{theirs:.15g}", mine, shown, f"{tolerance:.0e}", verdict]
        table.append("| " + " | ".join(cells) + " |")
    versions = ", ".join(f"{k} {v}" for k, v in environment(("numpy", "scipy")).items())
    lines = [
        "# Agreement with R",
        "",
        f"Written by `python benchmarks/r_agreement.py` with {versions}. R 4.2.2 with pROC 1.18.0, "
        "rms 6.5.0, ordinal 2022.11.16, psych 2.2.9, irr 0.84.1, vcd 1.4.11, dcurves 0.5.1, "
        "ResourceSelection 0.3.6, brglm2 0.9, sva. Differences and tolerances are absolute; 1e-6 "
        "for fitted models, as R's own optimisers stop there.",
        "",
        "| " + " | ".join(counts) + " |",
        "|" + "---|" * len(counts),
        "| " + " | ".join(str(c) for c in counts.values()) + " |",
        "",
        "| value | R call | R | radiofib | difference | tolerance | verdict |",
        "|---|---|---|---|---|---|---|",
        *table,
    ]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "r_agreement.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return int(counts["different"] > 0 or counts["not computed"] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
