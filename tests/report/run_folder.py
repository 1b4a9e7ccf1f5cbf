"""Build a run folder as ``radiofib run`` writes it, with made-up but consistent numbers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from scipy.stats import rankdata

from radiofib.table import CODEBOOK_COLUMNS, FeatureTable

LEVELS = ("s1", "s2", "s3", "s4")
SCANNERS = ("Vendor A", "Vendor B1", "Vendor B2", "Vendor C")
TARGETS = {"s4_vs_s1-3": {"s4"}, "s1_vs_s2-4": {"s1"}}
CHANNELS = ("t1", "ged4")
#: how far scores follow the stage, on known and on unseen scanners
SKILL = {
    "random_forest": (1.5, 0.7),
    "xgboost": (1.4, 0.75),
    "logistic": (1.1, 0.8),
    "control_geometry": (1.0, 0.1),
    "control_scanner": (0.8, 0.0),
}
MIX = {
    "Vendor A": (42, 19, 9, 29),
    "Vendor B1": (21, 16, 6, 50),
    "Vendor B2": (3, 10, 9, 38),
    "Vendor C": (2, 5, 3, 20),
}


def auc_of(y: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve by midranks."""
    m, n = int(y.sum()), int((~y).sum())
    return float((rankdata(score)[y].sum() - m * (m + 1) / 2) / (m * n)) if m and n else np.nan


def hanley(a: float, m: int, n: int) -> tuple[float, float]:
    """Hanley and McNeil's interval: good enough for a made-up folder."""
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    se = np.sqrt((a * (1 - a) + (m - 1) * (q1 - a * a) + (n - 1) * (q2 - a * a)) / (m * n))
    return max(0.0, a - 1.96 * se), min(1.0, a + 1.96 * se)


def make_cohort(instances: int = 1, scale: float = 1.0) -> pd.DataFrame:
    """One line for each acquisition."""
    lines = []
    number = 0
    for scanner, counts in MIX.items():
        for level, n in zip(LEVELS, counts, strict=True):
            for _ in range(max(1, round(n * scale))):
                number += 1
                for instance in range(instances):
                    for channel in CHANNELS:
                        if channel == "t1" and number % 17 == 0:
                            continue
                        lines.append(
                            {
                                "case": f"{number:04d}-{scanner.split()[1]}",
                                "patient": f"p{number:04d}",
                                "instance": str(instance) if instances > 1 else "",
                                "channel": channel,
                                "image": f"images/{number:04d}_{channel}.nii.gz",
                                "mask": f"masks/{number:04d}.nii.gz",
                                "stage": level,
                                "scanner": scanner,
                            }
                        )
    return pd.DataFrame(lines)


def make_predictions(cohort: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Out-of-fold probabilities of every model in both settings."""
    rng = np.random.default_rng(seed)
    rows = cohort.drop_duplicates(["case", "instance"]).reset_index(drop=True)
    code = rows["stage"].map({level: i for i, level in enumerate(LEVELS)}).to_numpy()
    patient = rows["patient"].astype("category").cat.codes.to_numpy()
    shared = rng.normal(size=patient.max() + 1)[patient]
    frames = []
    for model, skills in SKILL.items():
        for setting, skill in zip(("cv", "loso"), skills, strict=True):
            latent = skill * (code - 1.5) / 1.3 + 0.8 * shared + 0.6 * rng.normal(size=len(rows))
            centres = (np.arange(4) - 1.5) / 1.1
            logits = -((latent[:, None] - centres) ** 2) / 1.2
            p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            frame = rows[["case", "patient", "instance"]].copy()
            frame["y_true"] = rows["stage"]
            for i, level in enumerate(LEVELS):
                frame[f"p_{level}"] = p[:, i]
            frame["scanner"] = rows["scanner"]
            frame["domain"] = "in_scanner" if setting == "cv" else "unseen_scanner"
            frame["setting"] = setting
            folds = (patient % 5).astype(str) if setting == "cv" else rows["scanner"]
            frame["fold"] = folds
            frame["model"] = model
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def scanner_rows(
    head: dict[str, Any], part: pd.DataFrame, target: str, positive: set[str]
) -> list[dict[str, Any]]:
    """The AUC of each left-out scanner."""
    lines = []
    for scanner, here in part.groupby("scanner"):
        scores = here.assign(score=here[[f"p_{v}" for v in positive]].sum(axis=1))
        mean = scores.groupby("patient").agg({"y_true": "first", "score": "mean"})
        y = mean["y_true"].isin(positive).to_numpy()
        m, n = int(y.sum()), int((~y).sum())
        a = auc_of(y, mean["score"].to_numpy())
        low, high = hanley(a, m, n) if m and n else (np.nan, np.nan)
        note = f"scanner {scanner}" + ("; sparse: few" if min(m, n) < 10 else "")
        if not (m and n):
            note += "; no AUC: only rows of one stage"
        lines.append(
            {
                **head,
                "metric": "auc_scanner",
                "estimate": a,
                "ci_low": low,
                "ci_high": high,
                "n": len(y),
                "n_pos": m,
                "n_patients": len(y),
                "method": "AUC of one scanner",
                "note": note,
                "subset": str(scanner),
            }
        )
    return lines


def make_evaluation(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Metrics and curves in the columns of the contract."""
    metrics: list[dict[str, Any]] = []
    roc, calibration, confusion = [], [], []
    p_columns = [f"p_{level}" for level in LEVELS]
    for (model, setting), part in predictions.groupby(["model", "setting"], sort=False):
        by_patient = part.groupby("patient", as_index=False).agg(
            {"y_true": "first", **dict.fromkeys(p_columns, "mean")}
        )
        for unit, frame in (("patient", by_patient), ("row", part)):
            head = {"model": model, "setting": setting, "unit": unit}
            n_patients = len(by_patient)
            called = np.array(LEVELS)[frame[p_columns].to_numpy().argmax(axis=1)]
            table = pd.crosstab(frame["y_true"], called)
            confusion += [
                {**head, "true": t, "predicted": p, "n": int(table.loc[t, p])}
                for t in table.index
                for p in table.columns
            ]
            accuracy = float((called == frame["y_true"]).mean())
            metrics.append(
                {
                    **head,
                    "target": "stages",
                    "metric": "accuracy",
                    "estimate": accuracy,
                    "ci_low": accuracy - 0.05,
                    "ci_high": accuracy + 0.05,
                    "n": len(frame),
                    "n_pos": np.nan,
                    "n_patients": n_patients,
                    "method": "share correct; Wilson",
                    "note": "",
                }
            )
            stages = {
                "macro_auc": np.mean(
                    [
                        auc_of((frame["y_true"] == v).to_numpy(), frame[f"p_{v}"].to_numpy())
                        for v in LEVELS
                    ]
                ),
                "quadratic_weighted_kappa": 0.61,
                "mean_absolute_stage_error": 0.48,
            }
            metrics += [
                {
                    **metrics[-1],
                    "metric": name,
                    "estimate": value,
                    "ci_low": value - 0.06,
                    "ci_high": value + 0.06,
                    "method": "most probable stage; 95% percentile interval of 1000 bootstraps "
                    "of patients within class and fold (Rao-Wu weights)",
                }
                for name, value in stages.items()
            ]
            for target, positive in TARGETS.items():
                y = frame["y_true"].isin(positive).to_numpy()
                score = frame[[f"p_{level}" for level in positive]].sum(axis=1).to_numpy()
                m, n = int(y.sum()), int((~y).sum())
                a = auc_of(y, score)
                low, high = hanley(a, m, n)
                note = "sparse: fewer than 10 on one side" if min(m, n) < 10 else ""
                full = {
                    **head,
                    "target": target,
                    "n": len(y),
                    "n_pos": m,
                    "n_patients": n_patients,
                    "note": note,
                }
                how = (
                    "mean of folds; 1,000 patient-clustered bootstrap samples, percentile"
                    if unit == "row"
                    else "mean of folds; DeLong"
                )
                metrics.append(
                    {
                        **full,
                        "metric": "auc",
                        "estimate": a,
                        "ci_low": low,
                        "ci_high": high,
                        "method": how,
                    }
                )
                if setting == "loso" and unit == "patient":
                    metrics += scanner_rows(full, part, target, positive)
                call = score >= 0.5
                for name, value, size in (
                    ("sensitivity", call[y].mean(), m),
                    ("specificity", (~call)[~y].mean(), n),
                ):
                    half = 1.96 * np.sqrt(value * (1 - value) / size)
                    metrics.append(
                        {
                            **full,
                            "metric": name,
                            "estimate": value,
                            "ci_low": max(0, value - half),
                            "ci_high": min(1, value + half),
                            "method": "threshold 0.5; Wilson",
                        }
                    )
                metrics.append(
                    {
                        **full,
                        "metric": "brier",
                        "estimate": float(np.mean((score - y) ** 2)),
                        "ci_low": np.nan,
                        "ci_high": np.nan,
                        "method": "mean square",
                    }
                )
                metrics.append(
                    {
                        **full,
                        "metric": "calibration_slope",
                        "estimate": 0.83,
                        "ci_low": 0.61,
                        "ci_high": 1.05,
                        "method": "logistic regression on the logit of the score",
                    }
                )
                order = np.argsort(-score, kind="stable")
                tpr = np.concatenate([[0], np.cumsum(y[order]) / m])
                fpr = np.concatenate([[0], np.cumsum(~y[order]) / n])
                roc.append(
                    pd.DataFrame(
                        {
                            **head,
                            "target": target,
                            "fpr": fpr,
                            "tpr": tpr,
                            "threshold": np.concatenate([[np.inf], score[order]]),
                        }
                    )
                )
                bins = np.array_split(np.argsort(score, kind="stable"), 8)
                for i, members in enumerate(bins):
                    share = float(y[members].mean())
                    half = 1.96 * np.sqrt(max(share * (1 - share), 0.02) / len(members))
                    calibration.append(
                        {
                            **head,
                            "target": target,
                            "bin": i,
                            "p_mean": float(score[members].mean()),
                            "observed": share,
                            "ci_low": max(0, share - half),
                            "ci_high": min(1, share + half),
                            "n": len(members),
                        }
                    )
    columns = [
        "model",
        "setting",
        "unit",
        "target",
        "metric",
        "estimate",
        "ci_low",
        "ci_high",
        "n",
        "n_pos",
        "n_patients",
        "method",
        "note",
        "subset",
    ]
    return {
        "metrics": pd.DataFrame(metrics)[columns].fillna({"subset": ""}),
        "roc": pd.concat(roc, ignore_index=True),
        "calibration": pd.DataFrame(calibration),
        "confusion": pd.DataFrame(confusion),
    }


FAMILIES = {
    "shape": ("mesh_volume", "sphericity", "surface_area"),
    "firstorder": ("mean", "entropy", "skewness"),
    "glcm": ("contrast", "correlation"),
    "glszm": ("small_area_emphasis", "zone_entropy"),
}


def make_codebook() -> pd.DataFrame:
    """A codebook of a few families for two channels and two images."""
    lines = []
    for channel in CHANNELS:
        for image in ("original", "wllh"):
            for family, names in FAMILIES.items():
                if family == "shape" and image != "original":
                    continue
                for name in names:
                    column = f"{channel}_{image}_{family}_{name}"
                    lines.append(
                        {
                            "column": column,
                            "label": f"{name.replace('_', ' ')} of {family}",
                            "unit": "grey" if family == "firstorder" else "1",
                            "channel": channel,
                            "image": image,
                            "family": family,
                            "feature": name,
                            "pyradiomics_name": "",
                            "ibsi_code": "Q4LE" if name == "mean" else "",
                            "alias": column[:31],
                            "formula": "sum(x) / N",
                            "citation": "IBSI 2020",
                        }
                    )
    return pd.DataFrame(lines, columns=list(CODEBOOK_COLUMNS))


def make_failures(cohort: pd.DataFrame, n: int = 7) -> pd.DataFrame:
    """Failures of three kinds."""
    kinds = (
        (
            "read",
            "MaskError",
            "{image}: the mask is empty (expected label 5; found 0). "
            "Next: check the mask and its label.",
        ),
        (
            "read",
            "ImageError",
            "{image}: cannot be read (expected NIfTI, NRRD or DICOM; "
            "found 512 bytes). Next: export the image again.",
        ),
        (
            "extract",
            "EngineError",
            "case {case}: region holds 1 voxel (expected 8 or more; "
            "found 1). Next: check the mask.",
        ),
    )
    records = cohort.to_dict(orient="records")
    lines = []
    for i in range(n):
        row = records[(i * 13) % len(records)]
        step, error, reason = kinds[(i // 2) % 3]
        lines.append(
            {
                **{c: row[c] for c in ("case", "channel", "instance")},
                "step": step,
                "error": error,
                "reason": reason.format(image=row["image"], case=row["case"]),
            }
        )
    columns = ["case", "channel", "instance", "step", "error", "reason"]
    return pd.DataFrame(lines, columns=columns)


def make_missing(cohort: pd.DataFrame, n: int = 60) -> pd.DataFrame:
    """Missing values of two kinds."""
    records = cohort.to_dict(orient="records")
    lines = []
    for i in range(n):
        row = records[(i * 7) % len(records)]
        if i % 3:
            column, reason = "t1_original_firstorder_mean", "channel t1 is not there for this case"
        else:
            column = "ged4_wllh_glszm_zone_entropy"
            reason = f"region of {i + 4} voxels is too small for a wavelet (needs 64)"
        lines.append(
            {"case": row["case"], "instance": row["instance"], "column": column, "reason": reason}
        )
    return pd.DataFrame(lines, columns=["case", "instance", "column", "reason"])


def write_picture(path: Path, seed: int, size: tuple[int, int] = (320, 260)) -> None:
    """A grey speckled picture with the outline of a region in colour."""
    rng = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    body = 40 + 90 * np.exp(-((((x - width / 2) / 110) ** 2 + ((y - height / 2) / 85) ** 2) ** 3))
    speckle = rng.rayleigh(1.0, (height // 2 + 1, width // 2 + 1)).repeat(2, 0).repeat(2, 1)
    grey = np.clip(body * (0.6 + 0.35 * speckle[:height, :width]), 0, 255)
    picture = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    distance = np.hypot((x - width * 0.45) / 80, (y - height * 0.5) / 60)
    picture[np.abs(distance - 1) < 0.02] = (230, 159, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def build_run(
    root: Path,
    *,
    seed: int = 0,
    instances: int = 1,
    scale: float = 1.0,
    cohort: pd.DataFrame | None = None,
    failures: pd.DataFrame | None = None,
    missing: pd.DataFrame | None = None,
    pictures: int = 6,
    slides: bool = False,
    run: dict[str, Any] | None = None,
) -> Path:
    """Write a whole run folder and return it."""
    cohort = make_cohort(instances, scale) if cohort is None else cohort
    failures = make_failures(cohort) if failures is None else failures
    missing = make_missing(cohort) if missing is None else missing
    predictions = make_predictions(cohort, seed)
    book = make_codebook()
    rows = cohort.drop_duplicates(["case", "instance"]).reset_index(drop=True)
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(len(rows), len(book))), columns=list(book["column"]))
    obs = rows[["case", "patient", "instance", "stage", "scanner"]].copy()
    obs["stage"] = pd.Categorical(obs["stage"], list(LEVELS), ordered=True)
    if not obs["instance"].any():
        obs = obs.drop(columns="instance")
    for channel in CHANNELS:
        has = rows["case"].isin(cohort.loc[cohort["channel"] == channel, "case"])
        obs[f"geom_{channel}_nx"] = np.where(has, 256.0, np.nan)
    provenance = {
        "engine": "pyradiomics",
        "pieces": len(cohort) - len(failures),
        "notes": {"t1: mask resampled to the image grid": 12},
        "flags": [
            {"column": "t1_original_glcm_correlation", "remark": "one grey level", "regions": 3}
        ],
    }
    for folder in ("features", "export", "evaluation", "examples"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    FeatureTable(X, obs, book, missing, provenance).to_parquet(root / "features/features.parquet")
    facts = {
        "title": "Staging liver fibrosis on gadoxetate-enhanced MRI",
        "study": "lifs_ucl_corrected",
        "card": {
            "name": "LiFS (simulated)",
            "licence": "CC BY 4.0",
            "description": "Simulated cohort: T1-weighted and hepatobiliary-phase MRI of "
            "patients with a Scheuer stage from biopsy or resection, four scanners.",
        },
        "scheme": {
            "name": "scheuer",
            "levels": list(LEVELS),
            "labels": {v: v.upper() for v in LEVELS},
            "ordered": True,
        },
        "channels": list(CHANNELS),
        "engine": "pyradiomics",
        "stager": {"name": "random_forest", "scanner_flag": False, "params": {}},
        "settings": ["cv", "loso"],
        "seed": 0,
        "versions": {
            "python": "3.11.9",
            "radiofib": "0.1.0",
            "numpy": "2.2.6",
            "scikit-learn": "1.7.2",
        },
        "config_hash": hashlib.sha256(b"study").hexdigest(),
        "counts": {
            "cases": int(rows["case"].nunique()),
            "acquisitions": len(cohort),
            "rows": len(rows),
            "patients": int(rows["patient"].nunique()),
            "failures": len(failures),
        },
        "main": {"model": "random_forest", "setting": "cv", "target": "s4_vs_s1-3"},
        "notes": ["The cohort is simulated: its numbers say nothing about patients."],
        **(run or {}),
    }
    (root / "run.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    (root / "study.yaml").write_text(
        "# corrected feature set\ntitle: Staging liver fibrosis\ncohort: cohort.csv\n"
        "scheme: scheuer\nchannels: [t1, ged4]\nengine: pyradiomics\n"
        "stagers:\n  - random_forest\n  - xgboost\n  - logistic\n"
        "settings:\n  cv: {folds: 5}\n  loso: {column: scanner}\nseed: 0\n",
        encoding="utf-8",
    )
    frames = {
        "cohort.csv": obs.drop(columns=[c for c in obs if c.startswith("geom_")]),
        "failures.csv": failures,
        "predictions.csv": predictions,
        "export/codebook.csv": book,
        "export/missing.csv": missing,
        "export/features.csv": pd.concat([obs, X], axis=1),
    }
    frames |= {f"evaluation/{k}.csv": v for k, v in make_evaluation(predictions).items()}
    for name, frame in frames.items():
        frame.to_csv(root / name, index=False)
    for name in ("model.skops", "export/features.sav", "export/features.rds"):
        (root / name).write_bytes(b"stand-in for " + name.encode())
    for i in range(pictures):
        row = cohort.iloc[(i * 5) % len(cohort)]
        name = f"{row['case']}__{row['channel']}.png"
        write_picture(root / "examples" / name, i)
    if slides:
        _write_slides(root / "slides")
    _write_manifest(root)
    return root


def _write_slides(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(
        {
            "case": ["biopsy-01", "biopsy-02", "biopsy-03"],
            "patient": ["b1", "b2", "b3"],
            "mpp_x_um": [0.253, 0.253, 0.506],
            "segmentation_source": "classical",
            "segmentation_maker": "forest.skops 1a2b3c4d",
            "wsi_original_morphometry_tissue_area_mm2": [12.41, 8.07, 15.2],
            "wsi_original_morphometry_core_length_mm": [18.3, 11.9, 22.6],
            "wsi_original_morphometry_fragment_count": [1.0, 3.0, 2.0],
        }
    )
    frame.to_csv(folder / "slides.csv", index=False)
    (folder / "slides.codebook.csv").write_text("column,label\nno_table_of_slides,none\n")
    for i, case in enumerate(frame["case"]):
        write_picture(folder / f"{case}.png", 50 + i, (400, 160))


def _write_manifest(root: Path) -> None:
    files = {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }
    (root / "manifest.json").write_text(json.dumps(files, indent=1), encoding="utf-8")
