"""Regressions of the shared predictions beside R's: proportional odds, logistic, Firth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

INDICES = {
    "n": "Obs",
    "likelihood_ratio": "Model L.R.",
    "df": "d.f.",
    "p": "P",
    "c": "C",
    "dxy": "Dxy",
    "gamma": "Gamma",
    "tau_a": "Tau-a",
    "r2": "R2",
    "r2_n": "R2(120)",
    "r2_n_adjusted": "R2(2,120)",
    "r2_m": "R2(112.1)",
    "r2_m_adjusted": "R2(2,112.1)",
    "brier": "Brier",
    "g": "g",
    "gr": "gr",
    "gp": "gp",
}


def regressions(data: pd.DataFrame) -> dict[str, tuple[str, Any]]:
    """Return key: (R call, ours); empty where radiofib has no regressions."""
    try:
        from radiofib.stats import regression as models
    except ImportError:
        return {}
    frame = data.rename(columns={"score_a": "za", "score_b": "zb"})
    terms, stage = frame[["za", "zb"]], frame["stage"] - 1
    levels = ["1", "2", "3", "4"]
    fit = models.proportional_odds(terms, stage, levels)
    probit = models.proportional_odds(terms, stage, levels, link="probit")
    table = models.coefficients(fit)
    signs = np.where(np.arange(fit.estimates.size) < 3, -1, 1)
    indices = models.fit_indices(fit, terms, stage).set_index("index")["value"]
    tests = models.proportionality(terms, stage, levels)
    tests = tests[(tests["test"] == "likelihood ratio") & (tests["term"] != "")]
    plain, small = (
        models.logistic(frame[["za"]], frame["sig"]),
        models.firth(frame[["za"]], frame["sig"]),
    )
    clm, lrm = "ordinal::clm(stage ~ za + zb)", "rms::lrm(stage ~ za + zb)"
    call = "ordinal::clm(link = 'probit')"
    found: dict[str, tuple[str, Any]] = {
        "po.clm.coef": (clm, fit.estimates),
        "po.clm.se": (clm, fit.se),
        "po.clm.z": (clm, table["z"].to_numpy()),
        "po.clm.p": (clm, table["p"].to_numpy()),
        "po.clm.loglik": (clm, fit.loglik),
        "po.clm.aic": (clm, fit.aic),
        "po.clm.cond_H": (
            "kappa(clm Hessian)",
            float(np.linalg.cond(np.linalg.inv(fit.covariance))),
        ),
        "po.lrm.coef": (lrm, signs * fit.estimates),
        "po.lrm.se": (lrm, fit.se),
        "po.clm_probit.coef": (call, probit.estimates),
        "po.clm_probit.se": (call, probit.se),
        "po.nominal_test.LRT": ("ordinal::nominal_test", tests["statistic"].to_numpy()),
        "po.nominal_test.p": ("ordinal::nominal_test", tests["p"].to_numpy()),
        "po.pred_prob_first5": ("predict(clm)", models.stage_probabilities(fit, terms.head(5))),
        "firth.glm_coef": ("glm(sig ~ za, binomial)", plain.estimates),
        "firth.glm_se": ("glm(sig ~ za, binomial)", plain.se),
        "firth.firth_coef": ("brglm2::brglm_fit, AS_mean", small.estimates),
        "firth.firth_se": ("brglm2::brglm_fit, AS_mean", small.se),
    }
    for ours, theirs in INDICES.items():
        found[f"po.lrm.stats.{theirs}"] = (lrm, float(indices[ours]))
    return found
