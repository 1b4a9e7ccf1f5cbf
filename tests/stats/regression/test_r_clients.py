"""Regressions against the real R: ordinal, rms, lme4 and base, in one run of a script."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from radiofib.stats.regression import (
    additive,
    firth,
    fit_indices,
    influence,
    logistic,
    partial_proportional_odds,
    points_table,
    proportional_odds,
    proportionality,
    random_intercept,
    total_points,
    variance_inflation,
)

pytestmark = pytest.mark.clients
LEVELS = ["s1", "s2", "s3", "s4"]
TERMS = ["a", "b", "c"]

SCRIPT = r"""
suppressMessages({library(ordinal); library(rms); library(lme4)})
options(digits = 17)
d <- read.csv("data.csv")
d$stage <- factor(d$stage, ordered = TRUE)
say <- function(name, x) cat(name, paste(format(as.numeric(x), digits = 17), collapse = ","), "\n",
                             sep = "|")
tight <- clm.control(gradTol = 1e-12)
full <- clm(stage ~ a + b + c, data = d, control = tight)
say("nominal", nominal_test(clm(stage ~ a + b + c, data = d))[2:4, "LRT"])
part <- clm(stage ~ b + c, nominal = ~ a, data = d, control = tight)
say("partial", c(coef(part), sqrt(diag(vcov(part))), logLik(part)))
say("parallel", 2 * (logLik(clm(stage ~ 1, nominal = ~ a + b + c, data = d)) - logLik(full)))
l <- lrm(stage ~ a + b + c, data = d, eps = 1e-7, maxit = 50)
say("vif_lrm", vif(l))
g <- glm(y ~ a + b + c, binomial, data = d, epsilon = 1e-14)
say("glm", c(coef(g), sqrt(diag(vcov(g)))))
say("vif_glm", vif(g))
say("hat", hatvalues(g)); say("cook", cooks.distance(g))
lb <- lrm(y ~ a + b + c, data = d, eps = 1e-7, maxit = 50)
say("lrm_stats", lb$stats[c("Model L.R.", "C", "Dxy", "Gamma", "Tau-a", "R2", "Brier", "g", "gp")])
s <- lrm(y ~ rcs(a, 4) + b, data = d, eps = 1e-7, maxit = 50)
say("spline", coef(s))
without <- lrm(y ~ a + b, data = d, eps = 1e-7, maxit = 50)
say("bends", s$stats["Model L.R."] - without$stats["Model L.R."])
m <- glmer(y ~ a + b + (1 | scanner), d, binomial, nAGQ = 25,
           control = glmerControl(optimizer = "bobyqa", optCtrl = list(maxfun = 1e5)))
say("glmer", c(fixef(m), sqrt(diag(as.matrix(vcov(m)))), sqrt(VarCorr(m)$scanner[1])))
k <- clmm(stage ~ a + b + (1 | scanner), data = d, nAGQ = 25)
say("clmm", c(coef(k), sqrt(diag(vcov(k)))[1:5], as.numeric(VarCorr(k)$scanner)^0.5, logLik(k)))
dd <- datadist(d); options(datadist = "dd")
n <- nomogram(lb, a = c(-3, 0, 3), b = c(-2, 2), c = c(-4, 4), fun = plogis, fun.at = c(.2, .5))
say("nomogram", c(n$a$points, n$b$points, n$c$points))
# Firth by brute force, with its profile: nothing shared with our code.
X <- model.matrix(~ a + b, d[1:30, ]); y <- d$y[1:30]
loss <- function(b) { eta <- drop(X %*% b); p <- plogis(eta)
  -(sum(y * eta - log1p(exp(eta))) + 0.5 * determinant(t(X) %*% (X * (p * (1 - p))))$modulus) }
best <- optim(c(0, 0, 0), loss, method = "BFGS", control = list(reltol = 1e-16, maxit = 1000))
held <- function(v) { o <- optim(best$par[-2], function(b) loss(c(b[1], v, b[2])), method = "BFGS",
  control = list(reltol = 1e-16, maxit = 1000)); 2 * (o$value - best$value) - qchisq(.95, 1) }
limits <- c(uniroot(held, best$par[2] - c(5, 0), tol = 1e-9)$root,
            uniroot(held, best$par[2] + c(0, 5), tol = 1e-9)$root)
say("firth", c(best$par, limits))
# Brant's test from separate models, and its joint covariance, written in R.
q <- 3; cuts <- 3; X <- model.matrix(~ a + b + c, d); st <- as.integer(d$stage)
fits <- lapply(1:cuts, function(j) glm((st > j) ~ a + b + c, binomial, data = d, epsilon = 1e-14))
P <- sapply(fits, fitted); V <- matrix(0, cuts * q, cuts * q)
for (j in 1:cuts) for (l in 1:cuts) { lo <- min(j, l); hi <- max(j, l)
  W <- P[, hi] - P[, lo] * P[, hi]
  A <- solve(t(X) %*% (X * (P[, j] * (1 - P[, j]))))
  B <- solve(t(X) %*% (X * (P[, l] * (1 - P[, l]))))
  V[(j - 1) * q + 1:q, (l - 1) * q + 1:q] <- (A %*% (t(X) %*% (X * W)) %*% B)[-1, -1] }
b <- unlist(lapply(fits, function(f) coef(f)[-1]))
D <- rbind(cbind(diag(3), -diag(3), matrix(0, 3, 3)), cbind(diag(3), matrix(0, 3, 3), -diag(3)))
say("brant", t(D %*% b) %*% solve(D %*% V %*% t(D)) %*% (D %*% b))
"""


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    n = 240
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=TERMS)
    frame["c"] = 3 * (0.6 * frame["a"] + frame["c"])
    scanner = rng.integers(0, 6, n)
    latent = frame["a"] + 0.5 * frame["b"] + 0.8 * rng.normal(size=6)[scanner]
    latent = latent + 0.1 * frame["c"] + rng.logistic(size=n) * np.where(frame["a"] > 0, 1.4, 0.8)
    frame["stage"] = [LEVELS[k] for k in np.digitize(latent, [-1, 0.3, 1.5])]
    frame["y"] = (latent > 0.3).astype(int)
    frame["scanner"] = [f"m{k}" for k in scanner]
    return frame


@pytest.fixture(scope="module")
def r(data, tmp_path_factory):
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is not installed")
    folder = tmp_path_factory.mktemp("r")
    data.to_csv(folder / "data.csv", index=False)
    done = subprocess.run(
        ["Rscript", "-e", SCRIPT], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = (line.split("|") for line in done.stdout.splitlines() if line.count("|") >= 2)
    return {row[0]: np.array(row[1].split(","), dtype=float) for row in rows}


@pytest.fixture(scope="module")
def y(data):
    return data["stage"].map(LEVELS.index).to_numpy()


def test_tests_of_proportionality(data, y, r):
    table = proportionality(data[TERMS], y, LEVELS)
    ratio = table[table["test"] == "likelihood ratio"]["statistic"].to_numpy()
    assert ratio[:3] == pytest.approx(r["nominal"], abs=1e-6)
    assert ratio[3] == pytest.approx(r["parallel"][0], abs=1e-5)
    brant = table[(table["test"] == "Brant") & (table["term"] == "")]
    assert brant["statistic"].iloc[0] == pytest.approx(r["brant"][0], abs=1e-6)
    assert brant["df"].iloc[0] == 6
    # The score test has the same limit; with 240 cases it is near.
    score = table[table["test"] == "score"]["statistic"].iloc[0]
    assert score == pytest.approx(ratio[3], rel=0.25)


def test_partial_proportional_odds(data, y, r):
    fit = partial_proportional_odds(data[TERMS], y, LEVELS, ["a"])
    # clm: intercepts by cut, then the free term by cut with the other sign, then common slopes.
    order = [0, 1, 2, 5, 6, 7, 3, 4]
    sign = np.array([1, 1, 1, -1, -1, -1, 1, 1])
    values, se = np.split(r["partial"][:-1], 2)
    assert fit.estimates[order] * sign == pytest.approx(values, abs=1e-6)
    assert fit.se[order] == pytest.approx(se, abs=1e-6)
    assert fit.loglik == pytest.approx(r["partial"][-1], abs=1e-6)


def test_collinearity_and_influence(data, y, r):
    ordered = proportional_odds(data[TERMS], y, LEVELS)
    found = variance_inflation(ordered, data[TERMS])["vif"].to_numpy()
    assert found == pytest.approx(r["vif_lrm"], abs=1e-6)
    binary = logistic(data[TERMS], data["y"])
    assert np.r_[binary.estimates, binary.se] == pytest.approx(r["glm"], abs=1e-6)
    assert variance_inflation(binary, data[TERMS])["vif"].to_numpy() == pytest.approx(
        r["vif_glm"], abs=1e-6
    )
    table = influence(binary, data[TERMS], data["y"])
    assert table["leverage"].to_numpy() == pytest.approx(r["hat"], abs=1e-8)
    assert table["cook"].to_numpy() == pytest.approx(r["cook"], abs=1e-8)


def test_indices_of_a_binary_model(data, r):
    fit = logistic(data[TERMS], data["y"])
    table = fit_indices(fit, data[TERMS], data["y"]).set_index("index")["value"]
    names = ["likelihood_ratio", "c", "dxy", "gamma", "tau_a", "r2", "brier", "g", "gp"]
    assert table[names].to_numpy() == pytest.approx(r["lrm_stats"], abs=1e-7)


def test_splines(data, r):
    model = additive(data[["a", "b"]], data["y"], ["0", "1"], bent=["a"])
    assert model.fit.estimates == pytest.approx(r["spline"], abs=1e-6)
    bends = model.tests[model.tests["test"].str.endswith("bends")]
    assert bends["statistic"].iloc[0] == pytest.approx(r["bends"][0], abs=1e-6)


def test_random_intercepts(data, y, r):
    binary = random_intercept(data[["a", "b"]], data["y"], ["0", "1"], data["scanner"])
    assert binary.fit.estimates == pytest.approx(r["glmer"][:3], abs=2e-4)
    assert binary.fit.se == pytest.approx(r["glmer"][3:6], rel=5e-3)
    assert binary.sd == pytest.approx(r["glmer"][6], abs=2e-4)
    ordered = random_intercept(data[["a", "b"]], y, LEVELS, data["scanner"])
    assert ordered.fit.estimates == pytest.approx(r["clmm"][:5], abs=1e-4)
    assert ordered.fit.se == pytest.approx(r["clmm"][5:10], rel=5e-3)
    assert ordered.sd == pytest.approx(r["clmm"][10], abs=1e-4)
    assert ordered.fit.loglik == pytest.approx(r["clmm"][11], abs=1e-5)


def test_nomogram(data, r):
    fit = logistic(data[TERMS], data["y"])
    corners = pd.DataFrame({"a": [-3, 3, 0, 0], "b": [-2, 2, 2, 0], "c": [-4, 4, -4, 4]})
    table = points_table(fit, corners)
    ends = [table[table["term"] == t].set_index("value")["points"] for t in TERMS]
    ours = [*ends[0][[-3, 0, 3]], *ends[1][[-2, 2]], *ends[2][[-4, 4]]]
    assert ours == pytest.approx(r["nomogram"], abs=1e-6)
    assert table["points"].max() == pytest.approx(100)
    total = total_points(fit, corners)
    assert total["probability"].is_monotonic_increasing


def test_firth(data, r):
    fit = firth(data[["a", "b"]].head(30), data["y"].head(30))
    assert fit.estimates == pytest.approx(r["firth"][:3], abs=1e-5)
    assert fit.limits[1] == pytest.approx(r["firth"][3:], abs=1e-5)
