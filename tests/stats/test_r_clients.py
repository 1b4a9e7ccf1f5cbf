"""R itself on fresh data: what the stored values do not cover."""

from __future__ import annotations

import math
import os
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from radiofib import stats

pytestmark = pytest.mark.clients

CODE = r"""
suppressMessages({library(pROC); library(rms); library(boot); library(psych)})
d <- read.csv("data.csv"); e <- read.csv("other.csv")
say <- function(name, x) cat(name, sprintf("%.17g", as.numeric(x)), "\n")
r <- roc(d$y, d$a, levels = c(0, 1), direction = "<", quiet = TRUE)
s <- roc(e$y, e$a, levels = c(0, 1), direction = "<", quiet = TRUE)
for (f in c("specificity", "sensitivity")) for (k in c(FALSE, TRUE))
  say(paste0("partial ", f, " ", k), suppressWarnings(auc(r, partial.auc = c(1, 0.8),
      partial.auc.focus = f, partial.auc.correct = k, allow.invalid.partial.auc.correct = TRUE)))
u <- roc.test(r, s, paired = FALSE, method = "delong")
say("unpaired", c(u$statistic, u$parameter, u$p.value))
say("sparse", ci.auc(e$y[1:30], e$a[1:30], levels = c(0, 1), direction = "<", quiet = TRUE))
say("lowess", lowess(d$p, d$y, iter = 0)$y)
k <- quantile(qlogis(d$p), c(0.05, 0.35, 0.65, 0.95))
f <- lrm(y ~ rcs(qlogis(p), k), data = d, eps = 1e-12)
g <- seq(min(d$p), max(d$p), length.out = 11)
z <- predict(f, data.frame(p = g), se.fit = TRUE)
say("curve", plogis(z$linear.predictors)); say("curve low",
    plogis(z$linear.predictors - qnorm(0.975) * z$se.fit))
n <- tapply(d$y, g <- cut(d$p, unique(quantile(d$p, 0:10 / 10)), include.lowest = TRUE), length)
o <- tapply(d$y, g, sum); x <- tapply(d$p, g, sum)
q <- sum((o - x)^2 / (x * (1 - x / n))); say("hosmer", c(q, pchisq(q, 10, lower.tail = FALSE)))
w <- sum((d$y - d$p) * (1 - 2 * d$p)) / sqrt(sum((1 - 2 * d$p)^2 * d$p * (1 - d$p)))
say("spiegelhalter", w)
for (m in c("spearman", "kendall")) {
  h <- suppressWarnings(cor.test(d$a, d$stage, method = m, exact = FALSE))
  say(m, c(h$estimate, h$p.value)) }
say("mcnemar", c(mcnemar.test(matrix(c(5, 9, 17, 6), 2), correct = FALSE)$p.value,
                 mcnemar.test(matrix(c(5, 9, 17, 6), 2))$p.value))
t <- prop.trend.test(tapply(d$y, d$stage, sum), tapply(d$y, d$stage, length))
say("trend", c(t$statistic, t$p.value))
p <- c(0.001, 0.2, 0.03, 0.04, 0.9, 0.0002)
say("holm", p.adjust(p, "holm")); say("bh", p.adjust(p, "BH"))
i <- ICC(as.matrix(d[c("r1", "r2", "r3")]), lmer = FALSE)$results
say("icc", i$ICC); say("icc low", i$`lower bound`); say("icc high", i$`upper bound`)
c0 <- cohen.kappa(table(factor(d$k1, 0:3), factor(d$k2, 0:3)))$confid
say("kappa", c0[2, ])
set.seed(1)
b <- boot(d$a[d$y == 1], function(v, w) sum(v * w), R = 9999, stype = "w")
say("bca", boot.ci(b, type = "bca", L = empinf(b, type = "jack"))$bca[4:5])
L <- empinf(data = d$a[d$y == 1], statistic = function(v, w) sum(v * w), stype = "w", type = "jack")
say("acceleration", sum(L^3) / (6 * sum(L^2)^1.5))
"""


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(11)

    def draw(n):
        stage = rng.integers(0, 4, n)
        p = 1 / (1 + np.exp(-(rng.normal(size=n) + stage - 1.5)))
        first = np.clip(stage + rng.integers(-1, 2, n), 0, 3)
        frame = pd.DataFrame(
            {
                "y": (rng.random(n) < p).astype(int),
                "p": p,
                "a": (rng.normal(size=n) + 0.7 * stage).round(1),
                "stage": stage,
                "k1": first,
                "k2": np.clip(first + rng.integers(-1, 2, n), 0, 3),
            }
        )
        for rater in ("r1", "r2", "r3"):
            frame[rater] = stage + rng.normal(size=n)
        return frame

    return draw(150), draw(90)


@pytest.fixture(scope="module")
def r(frames, tmp_path_factory):
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("Rscript is not installed")
    for package in ("pROC", "rms", "boot", "psych"):
        check = [rscript, "-e", f'quit(status = !requireNamespace("{package}", quietly = TRUE))']
        if subprocess.run(check, check=False, capture_output=True).returncode:
            pytest.skip(f"R's package {package} is not installed")
    folder = tmp_path_factory.mktemp("r")
    for name, frame in zip(("data.csv", "other.csv"), frames, strict=True):
        frame.to_csv(folder / name, index=False, float_format="%.17g")
    (folder / "check.R").write_text(CODE, encoding="utf-8")
    done = subprocess.run(
        [rscript, "check.R"],
        cwd=folder,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, list[float]] = {}
    for line in done.stdout.splitlines():
        words = line.split()
        split = next(i for i, w in enumerate(words) if w[0].isdigit() or w[0] == "-")
        found[" ".join(words[:split])] = [float(w) for w in words[split:]]
    return found


def close(values, tolerance=1e-9):
    return pytest.approx(values, abs=tolerance, rel=tolerance)


def test_partial_and_unpaired_areas(r, frames):
    d, e = frames
    for focus in ("specificity", "sensitivity"):
        for name, standardised in (("FALSE", False), ("TRUE", True)):
            found = stats.partial_auc(
                d["y"], d["a"], 0.8, 1, focus=focus, standardised=standardised, n_boot=0
            )
            assert [found.value] == close(r[f"partial {focus} {name}"])
    test = stats.delong_unpaired(d["y"], d["a"], e["y"], e["a"])
    assert [test.statistic, test.df, test.p] == close(r["unpaired"])
    part = stats.delong(e["y"][:30], e["a"][:30])
    assert [part.low, part.value, part.high] == close(r["sparse"])


def test_calibration(r, frames):
    d, _ = frames
    order = np.argsort(d["p"], kind="stable")
    assert stats.lowess(d["p"], d["y"])[order].tolist() == close(r["lowess"])
    curve = stats.calibration_curve(d["y"], d["p"], points=11)
    assert curve["method"].iloc[0] == "logistic spline, 4 knots"
    assert curve["observed"].tolist() == close(r["curve"], 1e-6)
    assert curve["ci_low"].tolist() == close(r["curve low"], 1e-6)
    chi = stats.hosmer_lemeshow(d["y"], d["p"])
    assert [chi.statistic, chi.p] == close(r["hosmer"])
    assert [stats.spiegelhalter(d["y"], d["p"]).statistic] == close(r["spiegelhalter"])


def test_correlations_and_trends(r, frames):
    d, _ = frames
    frame = stats.correlations(d["a"], d["stage"]).set_index("method")
    for ours, theirs in (("spearman", "spearman"), ("kendall_tau_b", "kendall")):
        assert frame.loc[ours, ["estimate", "p"]].tolist() == close(r[theirs])
    tests = [stats.mcnemar(9, 17, m).p for m in ("chi-square", "corrected")]
    assert tests == close(r["mcnemar"])
    trend = stats.cochran_armitage(d["y"], d["stage"], 4)
    assert [trend.statistic**2, trend.p] == close(r["trend"])
    p = [0.001, 0.2, 0.03, 0.04, 0.9, 0.0002]
    assert stats.adjust_p(p).tolist() == close(r["holm"])
    assert stats.adjust_p(p, "benjamini-hochberg").tolist() == close(r["bh"])


def test_agreement(r, frames):
    d, _ = frames
    table = stats.intraclass(d[["r1", "r2", "r3"]])
    assert table["estimate"].tolist() == close(r["icc"])
    assert table["ci_low"].tolist() == close(r["icc low"])
    assert table["ci_high"].tolist() == close(r["icc high"])
    own = stats.kappa(stats.confusion_matrix(d["k1"], d["k2"], 4), error="psych")
    assert [own.low, own.value, own.high] == close(r["kappa"])


def test_bca_is_that_of_boot(r, frames):
    d, _ = frames
    x = d["a"].to_numpy()[d["y"] == 1]
    jackknife = (x.sum() - x) / (x.size - 1)
    assert [stats.acceleration(jackknife)] == close(r["acceleration"])
    found = stats.bootstrap(lambda w: w @ x / w.sum(axis=1), np.zeros(x.size), n_boot=9999)
    width = r["bca"][1] - r["bca"][0]
    assert [found.low, found.high] == pytest.approx(r["bca"], abs=0.04 * width)
    assert math.isfinite(found.low)
