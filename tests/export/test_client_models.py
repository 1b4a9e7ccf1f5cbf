"""Models in the programs they are for: predictions and refits in R, refits in PSPP."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiofib.export import export_model, export_table, write_refit
from radiofib.export.model_r import write_r_model
from radiofib.export.portable import Linear, PortableModel, probabilities
from radiofib.stats.regression import proportional_odds, stage_probabilities
from radiofib.table import FeatureTable
from tests.export.builders import EVIL, STAGE_LABELS, fitted_models, stager_and_rows
from tests.export.clients import pspp, r

pytestmark = pytest.mark.clients

PREDICT = """
source("predict_stage.R")
model <- readRDS("model.rds")
data <- readRDS("features.rds")
p <- predict_stage(data[rev(seq_along(data))], model)    # the order of columns is no matter
stopifnot(identical(levels(p$predicted), model$classes), nrow(p) == nrow(data))
write.table(sprintf("%a", unlist(p[seq_along(model$classes)])), "p.txt", quote = FALSE,
            row.names = FALSE, col.names = FALSE)
"""


def predicted(folder: Path, classes: int) -> np.ndarray:
    texts = (folder / "p.txt").read_text().split()
    return np.array([float.fromhex(t) for t in texts]).reshape(classes, -1).T


@pytest.mark.parametrize(
    ("kind", "levels"),
    [
        *itertools.product(("logistic", "random_forest", "xgboost"), (2, 4)),
        ("proportional_odds", 4),
        ("continuation_ratio", 4),
        ("firth", 2),
    ],
)
def test_r_gives_the_probabilities_of_the_stager(kind, levels, tmp_path):
    stager, X = stager_and_rows(kind, levels, "scanner")
    X = X.rename(columns={"f5": EVIL})
    stager.feature_names_in_ = np.array([*stager.feature_names_in_[:-1], EVIL], dtype=object)
    export_model(stager, tmp_path, "r")
    obs = pd.DataFrame({"case": [f"c{i}" for i in range(len(X))], "scanner": X["scanner"]})
    export_table(FeatureTable(X.drop(columns="scanner"), obs), tmp_path, "rds")
    r(PREDICT, tmp_path)
    got = predicted(tmp_path, levels)
    exact = 1e-6 if kind == "xgboost" else 1e-10  # XGBoost itself adds in single precision
    np.testing.assert_allclose(got, stager.predict_proba(X), rtol=0, atol=exact)
    assert not (tmp_path / "pwned").exists()


def test_r_gives_the_probabilities_of_a_proportional_odds_model(tmp_path):
    table, _, _ = fitted_models(80, "x2")
    table = table.subset(table.obs["stage"].notna().to_numpy())
    X = table.X.fillna(table.X.median())
    codes = table.obs["stage"].cat.codes.to_numpy()
    fit = proportional_odds(X, codes, list(STAGE_LABELS))
    size = len(fit.terms)
    line = Linear(np.zeros(size), np.ones(size), fit.slopes[:, None], fit.cut_values)
    names = tuple(STAGE_LABELS)
    model = PortableModel(names, fit.terms, None, (), X.median().to_numpy(), "cumulative", line)
    due = stage_probabilities(fit, X)
    np.testing.assert_allclose(probabilities(model, X.to_numpy()), due, rtol=0, atol=1e-12)
    write_r_model(model, tmp_path)
    export_table(FeatureTable(X, table.obs), tmp_path, "rds")
    r(PREDICT, tmp_path)
    np.testing.assert_allclose(predicted(tmp_path, 4), due, rtol=0, atol=1e-10)


def test_r_says_what_is_wrong_with_the_data(tmp_path):
    export_model(stager_and_rows("logistic", 2, None)[0], tmp_path, "r")
    lines = r(
        """
source("predict_stage.R")
model <- readRDS("model.rds")
d <- as.data.frame(setNames(rep(list(c(1, NA)), 6), model$features))
said <- function(d) cat(tryCatch(predict_stage(d, model), error = conditionMessage), "\\n")
stopifnot(nrow(predict_stage(d, model)) == 2, nrow(predict_stage(d[0, ], model)) == 0)
said(d[-1]); d$f1 <- c(Inf, 1); said(d); d$f1 <- c("a", "b"); said(d)
""",
        tmp_path,
    )
    assert [line.strip() for line in lines] == [
        "1 columns of the model are not in the data: f0",
        "column holds infinity: f1",
        "column is not numeric: f1",
    ]


@pytest.fixture(scope="module", params=[1, 2], ids=["a row each", "two rows each"])
def refitted(request, tmp_path_factory):
    """An export with a hostile column and a hostile scanner, refit scripts beside it."""
    out = tmp_path_factory.mktemp("refit")
    table, frame, estimates = fitted_models(250, EVIL, rows=request.param)
    export_table(table, out, ["rds", "sav"], stage_labels=STAGE_LABELS)
    frame.to_csv(out / "coefficients.csv", index=False)
    levels = list(STAGE_LABELS)
    source = out / "coefficients.csv"
    write_refit(table, source, out, levels=levels, stage_labels=STAGE_LABELS)
    return estimates, out


@pytest.mark.parametrize("package", ["ordinal", "rms"])
def test_r_prints_our_coefficients(package, refitted):
    due, folder = refitted
    script = (folder / "refit.R").read_text(encoding="utf-8")
    if r(f'cat(nzchar(system.file(package = "{package}")))', folder) != ["TRUE"]:
        pytest.skip(f"R's package {package} is not installed")
    other = {"ordinal": "rms", "rms": "ordinal"}[package]
    lines = r(script.replace(f'has("{other}")', "FALSE"), folder)
    found = {}
    for line in lines:
        if match := re.match(r"(\w+), s", line):
            title = match[1]
        elif match := re.match(r" *(-?\d+\.\d{12}) +(-?\d+\.\d{12}) ", line):
            found.setdefault(title, []).append([float(match[1]), float(match[2])])
    for model in ("logistic", "proportional_odds"):
        both = np.array(found[model])
        np.testing.assert_allclose(both[:, 1], due[model], rtol=0, atol=1e-12)
        np.testing.assert_allclose(both[:, 0], due[model], rtol=0, atol=1e-6)
    assert f"with {package}::" in "\n".join(lines)
    assert any("not refitted: ebm, stage" in line for line in lines)
    firth = lines.index("firth, s1_vs_s2-4")
    said = "\n".join(lines[firth : firth + 6])
    assert "logistf" in said  # refitted with it, or told that it is missing
    assert not (folder / "pwned").exists()


def test_pspp_prints_our_coefficients(refitted):
    due, folder = refitted
    syntax = (folder / "refit.sps").read_text(encoding="utf-8")
    shown = pspp(syntax[: syntax.index("ECHO 'proportional_odds")], folder)
    assert "not refitted: ebm" in shown
    # The table of coefficients: B is the first cell after the name, the constant the last row.
    start = shown.index("Variables in the Equation")
    block = shown[start : shown.index("Exp(B)", start)]
    numbers = re.findall(r"(?m)^\|[^|\n]*\| *(-?\d*\.\d{12}|-?\d\.\d+E[+-]\d+)\|", block)
    estimates = due["logistic"]
    np.testing.assert_allclose(
        [float(n) for n in numbers], [*estimates[1:], estimates[0]], rtol=0, atol=1e-6
    )
    assert not (folder / "pwned").exists()
