"""Stagers for other programs: the same probabilities, nothing executed, all files or none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost
from typer.testing import CliRunner

from radiofib import _extras
from radiofib.cli.app import app
from radiofib.errors import ExportError, MissingExtraError, ModelError, UsageError
from radiofib.export import export_model, models
from radiofib.export.dissect import portable_model
from radiofib.export.model_csv import coefficient_rows
from radiofib.export.model_onnx import run_onnx, write_onnx
from radiofib.export.portable import Linear, PortableModel, probabilities
from radiofib.staging import make_stager, save_stager
from tests.export.builders import EVIL, stager_and_rows

KINDS = ("logistic", "random_forest", "xgboost")
ORDERED = ("proportional_odds", "continuation_ratio", "elastic_net")
LINEAR = ("logistic", *ORDERED, "firth")
FITTING = {
    **dict.fromkeys(LINEAR, ("csv", "r", "onnx")),
    "random_forest": ("r", "onnx"),
    "xgboost": ("r", "xgboost", "onnx"),
}
#: XGBoost adds its leaves in single precision.
EXACT = {**dict.fromkeys((*LINEAR, "random_forest"), 1e-13), "xgboost": 1e-6}


def inputs_of(model: PortableModel, X: pd.DataFrame) -> np.ndarray:
    flags = [
        [float(s == known) for known in model.scanners] for s in X.get("scanner", [None] * len(X))
    ]
    return np.hstack([X[list(model.features)], np.array(flags).reshape(len(X), -1)])


@pytest.mark.parametrize("levels", [2, 4])
@pytest.mark.parametrize("scanner", [None, "scanner"])
@pytest.mark.parametrize("kind", [*KINDS, *ORDERED, "firth"])
def test_every_file_gives_the_probabilities_of_the_stager(kind, scanner, levels, tmp_path):
    if kind == "firth" and levels > 2:
        pytest.skip("for two stages only")
    stager, X = stager_and_rows(kind, levels, scanner)
    due = stager.predict_proba(X)
    model = portable_model(stager)
    plain = probabilities(model, X[list(model.features)].to_numpy(), list(X.get("scanner", [])))
    np.testing.assert_allclose(plain, due, rtol=0, atol=EXACT[kind])
    written = export_model(stager, tmp_path, FITTING[kind])
    assert {"model.rds", "predict_stage.R", "model.onnx"} <= {p.name for p in written}
    matrix = inputs_of(model, X)
    single = 1e-6 if kind in ("xgboost", "random_forest") else 1e-13
    np.testing.assert_allclose(run_onnx(tmp_path / "model.onnx", matrix), due, rtol=0, atol=single)
    if kind == "xgboost":
        booster = xgboost.Booster()
        booster.load_model(tmp_path / "model.json")
        raw = booster.predict(xgboost.DMatrix(matrix))
        got = raw if raw.ndim == 2 else np.column_stack([1 - raw, raw])
        np.testing.assert_allclose(got, due, rtol=0, atol=1e-6)
        # A list of base scores is read wrongly, without a word, before version 3.1.
        assert '"base_score":"5E-1"' in (tmp_path / "model.json").read_text()
        places = pd.read_csv(tmp_path / "inputs.csv")
        assert places["place"].tolist() == list(range(1, matrix.shape[1] + 1))


def cumulative() -> PortableModel:
    line = Linear(np.array([5.0]), np.array([2.0]), np.array([[1.5]]), np.array([-1.0, 0.5]))
    return PortableModel(("a", "b", "c"), ("x",), None, (), np.array([5.0]), "cumulative", line)


def test_a_proportional_odds_model_as_onnx_and_as_coefficients(tmp_path):
    model = cumulative()
    rows = np.array([[1.0], [5.0], [9.0], [np.nan]])
    due = probabilities(model, rows)
    # P(a) at the centre is the logistic function of the first threshold.
    assert due[1, 0] == pytest.approx(1 / (1 + np.exp(1.0)), abs=1e-15)
    assert due[3].tolist() == due[1].tolist()
    write_onnx(model, tmp_path)
    np.testing.assert_allclose(run_onnx(tmp_path / "model.onnx", rows), due, rtol=0, atol=1e-14)
    table = coefficient_rows(model)
    assert table["role"].tolist() == ["threshold", "threshold", "feature"]
    assert table["raw"].tolist() == [2.75, 4.25, 0.75]


@pytest.mark.parametrize("levels", [2, 4])
def test_the_coefficients_on_the_raw_scale_are_the_model(levels, tmp_path):
    stager, X = stager_and_rows("logistic", levels, "scanner")
    export_model(stager, tmp_path, "csv")
    table = pd.read_csv(tmp_path / "coefficients.csv")
    filled = X[list(stager.feature_names_in_)]
    terms = table[table["role"] == "feature"].drop_duplicates("term")
    filled = filled.fillna(dict(zip(terms["term"], terms["median"], strict=True)))
    eta = {}
    for name, rows in table.groupby("class"):
        eta[name] = np.full(len(X), rows.loc[rows["role"] == "intercept", "raw"].item())
        for term, role, raw in rows[["term", "role", "raw"]].itertuples(index=False):
            if role == "feature":
                eta[name] = eta[name] + raw * filled[term].to_numpy()
            elif role == "scanner":
                eta[name] = eta[name] + raw * (X["scanner"] == term.removeprefix("scanner = "))
    scores = np.exp(np.column_stack(list(eta.values())))
    if levels == 2:
        scores = np.column_stack([np.ones(len(X)), scores])
    got = scores / scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got, stager.predict_proba(X), rtol=0, atol=1e-12)


def test_equal_models_give_equal_bytes_and_a_file_gives_what_the_model_gives(tmp_path):
    stager, _ = stager_and_rows("xgboost", 4, "scanner")
    save_stager(stager, tmp_path / "model.skops")
    first = export_model(stager, tmp_path / "one", FITTING["xgboost"])
    second = export_model(tmp_path / "model.skops", tmp_path / "two", ",".join(FITTING["xgboost"]))
    assert [p.name for p in first] == [p.name for p in second]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name


def test_the_default_is_what_fits_and_needs_nothing_else(tmp_path):
    names = {
        kind: [p.name for p in export_model(stager_and_rows(kind, 2, None)[0], tmp_path / kind)]
        for kind in KINDS
    }
    assert names == {
        "logistic": ["coefficients.csv", "model.rds", "predict_stage.R"],
        "random_forest": ["model.rds", "predict_stage.R"],
        "xgboost": ["inputs.csv", "model.json", "model.rds", "predict_stage.R"],
    }


def test_names_from_outside_stay_data(tmp_path):
    stager, X = stager_and_rows("logistic", 2, None)
    stager.fit(X.rename(columns={X.columns[0]: EVIL, X.columns[1]: "=1+1"}), X["f0"].fillna(0) > 0)
    export_model(stager, tmp_path, ("csv", "r"))
    assert EVIL[:8] not in (tmp_path / "predict_stage.R").read_text()
    table = pd.read_csv(tmp_path / "coefficients.csv")
    assert table["term"].tolist()[1:3] == [EVIL, "'=1+1"]


@pytest.mark.parametrize(
    ("kind", "formats", "message"),
    [
        ("random_forest", "csv", "only a linear stager has coefficients"),
        ("logistic", "r,xgboost", "only an XGBoost stager"),
        ("logistic", "onx", "did you mean 'onnx'"),
        ("logistic", "", "no format was asked for"),
    ],
)
def test_formats_that_do_not_fit_are_refused_and_nothing_is_written(
    kind, formats, message, tmp_path
):
    stager, _ = stager_and_rows(kind, 2, None)
    with pytest.raises(UsageError, match=message):
        export_model(stager, tmp_path / "out", formats)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_a_file_that_would_differ_is_refused(tmp_path, monkeypatch):
    stager, _ = stager_and_rows("logistic", 2, None)
    monkeypatch.setattr(models, "run_onnx", lambda _path, x: np.full((len(x), 2), 0.5))
    with pytest.raises(ExportError, match="onnx file would give other probabilities"):
        export_model(stager, tmp_path, "r,onnx")
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_onnx_the_message_says_what_to_install(tmp_path, monkeypatch):
    stager, _ = stager_and_rows("logistic", 2, None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert _extras.EXTRAS["onnx"][0] == "onnx-export"
    with pytest.raises(MissingExtraError, match=r"radiofib\[onnx-export\]"):
        export_model(stager, tmp_path, "onnx")


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "model.skops").write_bytes(b"PK not a model")
    with pytest.raises(ModelError, match="not a model written by radiofib"):
        export_model(tmp_path / "model.skops", tmp_path / "out")


def test_the_command_takes_a_model_or_a_table(tmp_path: Path) -> None:
    X = pd.DataFrame({"f": [0.0, 1.0, 9.0, 8.0]})
    save_stager(make_stager("logistic").fit(X, ["s1", "s1", "s4", "s4"]), tmp_path / "m.skops")
    done = CliRunner().invoke(
        app, ["export", str(tmp_path / "m.skops"), "--out", str(tmp_path / "m")]
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "m" / "coefficients.csv").is_file()
    X.assign(case=list("abcd")).to_csv(tmp_path / "t.csv", index=False)
    X.assign(case=list("abcd")).to_excel(tmp_path / "t.xlsx", index=False)
    for name in ("t.csv", "t.xlsx"):
        out = tmp_path / f"out_{name}"
        command = ["export", str(tmp_path / name), "--to", "sav,xlsx", "--out", str(out)]
        assert CliRunner().invoke(app, command).exit_code == 0
    again = ["export", str(tmp_path / "out_t.csv" / "features.sav"), "--to", "csv"]
    done = CliRunner().invoke(app, [*again, "--out", str(tmp_path / "again")])
    assert done.exit_code == 0, done.output
    assert pd.read_csv(tmp_path / "again" / "features.csv")["f"].tolist() == X["f"].tolist()
