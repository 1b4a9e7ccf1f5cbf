"""Cohorts whose features add to covariates and serum scores, or do not; drawn for these tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofib.table import FeatureTable

#: cohort -> weights of (age and serum, imaging alone) in the disease, and what features see:
#: (imaging alone, age and serum), in standard deviations of their own noise
COHORTS = {
    # Features see a part of the disease that age and serum do not.
    "added": {"disease": (1.2, 1.5), "features": (1.0, 0.5)},
    # Features tell the stage, but only what age and serum tell better.
    "nothing beyond": {"disease": (1.8, 0.0), "features": (0.0, 0.7)},
    # Features know nothing at all.
    "noise": {"disease": (1.8, 0.0), "features": (0.0, 0.0)},
}
N_PATIENTS, N_FEATURES, N_INFORMATIVE = 240, 24, 6
STAGES = ("s1", "s2", "s3", "s4")


def clinical_cohort(cohort: str, seed: int, n: int = N_PATIENTS) -> FeatureTable:
    """Return a table with age (years), sex, AST and ALT (U/l), platelets (10^9/l) in ``obs``."""
    made = COHORTS[cohort]
    rng = np.random.default_rng([seed, sorted(COHORTS).index(cohort)])
    clinic, imaging = rng.normal(size=(2, n))
    old, ill = rng.normal(size=(2, n))
    age = np.clip(52 + 12 * (0.7 * clinic + 0.7 * old), 18, 88).round()
    ast = np.exp(3.7 + 0.35 * (0.8 * clinic + 0.6 * ill) + 0.15 * rng.normal(size=n)).round()
    alt = np.exp(np.log(ast) + 0.25 * rng.normal(size=n)).round()
    platelets = np.clip(210 - 45 * (0.8 * clinic + 0.6 * rng.normal(size=n)), 25, 480).round()
    # What covariates tell is a sum of what is on file, so that they can say all of it.
    known = 0.5 * (age - 52) / 12 + 0.4 * (ast - 42) / 16 - 0.5 * (platelets - 210) / 46
    weights = made["disease"]
    latent = weights[0] * known + weights[1] * imaging + rng.logistic(size=n)
    cuts = np.quantile(latent, [0.3, 0.5, 0.7])
    stage = np.array(STAGES)[np.searchsorted(cuts, latent)]
    seen = made["features"]
    X = rng.normal(size=(n, N_FEATURES))
    X[:, :N_INFORMATIVE] += (seen[0] * imaging + seen[1] * known)[:, None]
    obs = pd.DataFrame({"case": [f"c{k:03d}" for k in range(n)]})
    obs["patient"] = obs["case"]
    obs["stage"] = pd.Categorical(stage, STAGES, ordered=True)
    obs["age"], obs["sex"] = age, rng.choice(["female", "male"], n)
    obs["ast"], obs["alt"], obs["platelets"] = ast, alt, platelets
    names = [f"t1_original_sim_f{k:03d}" for k in range(N_FEATURES)]
    return FeatureTable(pd.DataFrame(X, columns=names), obs)
