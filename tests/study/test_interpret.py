"""The interpretable model of a study: the four tables, honest p, patients and not rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import ConfigError, ModelError
from radiofib.stats.regression import COEFFICIENT_COLUMNS, TEST_COLUMNS
from radiofib.study import InterpretConfig, StudyConfig, interpret_table, run_study, verify_run
from radiofib.study.interpret import FILES
from radiofib.table import FeatureTable
from radiofib.table.guard import unguard_frame
from tests.study.builders import STUDY, write_pictures, write_study

LEVELS = ["f0", "f1", "f2", "f3"]
COLUMN = "us_original_firstorder_entropy"


def cohort(n=160, seed=0, **changes):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 6)), columns=[f"us_f{i}" for i in range(6)])
    obs = pd.DataFrame(
        {
            "case": [f"c{i:03d}" for i in range(n)],
            "patient": [f"p{i:03d}" for i in range(n)],
            "scanner": rng.choice(["A", "B", "C"], n),
            "sex": rng.choice(["f", "m"], n),
            "age": rng.normal(60, 10, n),
        }
    )
    latent = 1.2 * X["us_f0"] + 1.0 * (obs["scanner"] == "A") + rng.logistic(size=n)
    obs["stage"] = [LEVELS[k] for k in np.digitize(latent, [-1, 0.3, 1.5])]
    return FeatureTable(X, obs.assign(**changes))


def interpreted(table, **settings):
    return interpret_table(table, InterpretConfig(**settings), levels=LEVELS)


def terms_of(found):
    table = found.coefficients
    return table[table["kind"] == "term"].set_index("term")


def test_tables_have_the_agreed_columns():
    found = interpreted(cohort(), terms=["us_f0", "age", "sex"], scanner="covariate")
    assert found.coefficients.columns.tolist() == ["model", "target", *COEFFICIENT_COLUMNS]
    assert found.tests.columns.tolist() == ["model", "target", *TEST_COLUMNS]
    assert found.points.columns.tolist() == ["model", "term", "value", "points"]
    assert found.total_points.columns.tolist() == ["model", "target", "total", "probability"]
    table = found.coefficients
    assert table["kind"].tolist() == ["threshold"] * 3 + ["term"] * 5
    assert table["term"].tolist()[:4] == ["f0|f1", "f1|f2", "f2|f3", "us_f0"]
    assert table["label"].tolist()[5:] == [
        "sex: m against f",
        "scanner: B against A",
        "scanner: C against A",
    ]
    assert table["p"].notna().all()
    assert set(found.total_points["target"]) == {"f1-f3_vs_f0", "f2-f3_vs_f0-f1", "f3_vs_f0-f2"}
    assert found.points["points"].max() == pytest.approx(100)


def test_rows_repeated_ten_times_change_nothing():
    table = cohort()
    again = np.repeat(np.arange(table.n_rows), 10)
    obs = table.obs.iloc[again].reset_index(drop=True)
    obs["case"] = [f"{c}_{i % 10}" for i, c in enumerate(obs["case"])]
    many = FeatureTable(table.X.iloc[again].reset_index(drop=True), obs)
    once, ten = (interpreted(t, terms=["us_f0", "age"]) for t in (table, many))
    assert ten.coefficients["se"].to_numpy() == pytest.approx(once.coefficients["se"].to_numpy())
    assert "mean of the rows of each patient (1600 rows)" in ten.tests["note"].iloc[0]


def test_chosen_terms_have_no_p_unless_split():
    table = cohort()
    seen = interpreted(table, select={"terms": 2, "pairs": 5})
    terms = terms_of(seen)
    assert terms.index[0] == "us_f0"
    assert terms["p"].isna().all()
    assert terms["note"].str.contains("chosen on these patients").all()
    overall = seen.tests[seen.tests["test"] == "likelihood ratio"]
    assert overall["p"].isna().all()
    apart = interpreted(table, select={"terms": 2, "pairs": 5}, split=True)
    assert terms_of(apart)["p"].notna().all()
    assert apart.tests["statistic"].iloc[0] == pytest.approx(81, abs=1)
    assert "fitted on the other" in apart.tests["note"].iloc[0]


@pytest.mark.slow
def test_split_samples_keep_the_size_of_the_test():
    """On pure noise, p of terms chosen on the other half is uniform; on the same half it is not."""
    small = 0
    for seed in range(20):
        table = cohort(120, seed=seed)
        stage = np.random.default_rng(100 + seed).permutation(table.obs["stage"])
        noise = FeatureTable(table.X, table.obs.assign(stage=stage))
        found = interpreted(noise, model="logistic", select={"terms": 1, "pairs": 5}, split=True)
        small += terms_of(found)["p"].iloc[0] < 0.05
    # 20 x 0.05 = 1; five or more has a chance of 0.3 %.
    assert small < 5


def test_standardised_slopes_are_slopes_times_the_deviation():
    table = cohort()
    plain = terms_of(interpreted(table, terms=["us_f0", "sex"]))
    by_sd = interpreted(table, terms=["us_f0", "sex"], standardised=True)
    scaled = terms_of(by_sd)
    spread = table.X["us_f0"].std()
    assert scaled.loc["us_f0", "estimate"] == pytest.approx(plain.loc["us_f0", "estimate"] * spread)
    assert scaled.loc["us_f0", "unit"].startswith("SD = ")
    assert scaled.loc["sex_is_m", "estimate"] == pytest.approx(plain.loc["sex_is_m", "estimate"])
    # Points are read off the raw value all the same.
    values = by_sd.points.query("term == 'us_f0'")["value"]
    assert values.min() <= table.X["us_f0"].min()


def test_missing_values_are_counted_and_never_filled():
    age = np.full(160, 60.0) + np.arange(160) % 7
    age[:9] = np.nan
    found = interpreted(cohort(age=age), terms=["us_f0", "age"])
    note = found.tests["note"].iloc[0]
    assert "9 of 160 patients left out, missing age (9)" in note
    assert "not imputed" in note
    assert found.tests["statistic"].iloc[0] == 151


def test_random_scanner_and_its_spread():
    found = interpreted(cohort(), model="logistic", terms=["us_f0"], scanner="random")
    tests = found.tests.set_index("test")
    assert tests.loc["scanner: deviation", "term"].tolist() == ["A", "B", "C"]
    assert 0 < tests.loc["scanner: likelihood ratio", "p"] <= 1
    assert "fewer than 5 groups" in terms_of(found)["note"].iloc[0]


def test_separation_is_said():
    table = cohort()
    step = FeatureTable(table.X, table.obs.assign(stage=np.where(table.X["us_f1"] > 1, "f3", "f0")))
    binary = interpreted(step, model="logistic", terms=["us_f1"])
    assert "Firth" in terms_of(binary)["note"].iloc[0]
    ordered = interpreted(step, terms=["us_f1"])
    assert terms_of(ordered)["note"].str.contains("ridge penalty").all()
    assert terms_of(ordered)["p"].isna().all()
    assert (ordered.tests["test"] == "separation").any()


def test_patients_of_several_stages_and_unknown_scanners_are_left_out():
    table = cohort()
    obs = table.obs.copy()
    obs.loc[1, "patient"], obs.loc[[0, 1], "stage"] = "p000", ["f0", "f3"]
    obs.loc[5, "scanner"] = None
    found = interpreted(FeatureTable(table.X, obs), terms=["us_f0"], scanner="covariate")
    assert found.tests["statistic"].iloc[0] == 157
    assert "1 patients with rows of different stages left out" in found.tests["note"].iloc[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"terms": ["us_f9"]}, "unknown term of 'interpret' 'us_f9'"),
        ({"terms": ["scanner"]}, "scanner: covariate"),
        ({"model": "logistic", "terms": ["us_f0"], "target": "f9_vs_f0"}, "unknown target"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        interpreted(cohort(), **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "name the terms"),
        ({"terms": ["a", "a"]}, "named twice"),
        ({"terms": ["a"], "split": True}, "belongs to 'select'"),
        ({"terms": ["a"], "model": "firth", "scanner": "random"}, "random scanner"),
        ({"terms": ["a"], "target": "x"}, "binary model"),
        ({"term": ["a"]}, "did you mean 'terms'"),
    ],
)
def test_the_study_file_is_strict(settings, message):
    with pytest.raises(ConfigError, match=message):
        StudyConfig.parse({"title": "t", "cohort": "c.csv", "interpret": settings}, where="s.yaml")


def test_texts_of_one_value_are_left_out_and_names_stay_apart():
    found = interpreted(cohort(ward="x"), terms=["us_f0", "ward"])
    assert terms_of(found).index.tolist() == ["us_f0"]
    assert "left out, the same in all patients: ward" in found.tests["note"].iloc[0]
    with pytest.raises(ConfigError, match="name of another column"):
        interpreted(cohort(sex_is_m=1.0), terms=["us_f0", "sex"])


def test_whole_numbers_with_gaps_are_numbers():
    grade = pd.array([None, *(np.arange(159) % 4)], dtype="Int64")
    found = interpreted(cohort(grade=grade), terms=["us_f0", "grade"])
    assert "missing grade (1)" in found.tests["note"].iloc[0]


def test_too_little_to_fit():
    table = cohort()
    with pytest.raises(ModelError, match="two stages"):
        interpreted(FeatureTable(table.X, table.obs.assign(stage="f0")), terms=["us_f0"])
    with pytest.raises(ModelError, match="no term varies"):
        interpreted(cohort(age=50.0), terms=["age"])
    with pytest.raises(ConfigError, match="with an order"):
        interpret_table(table, InterpretConfig(terms=["age"]), levels=LEVELS, ordered=False)


def test_a_run_writes_the_tables_and_forgets_them(tmp_path):
    quick = STUDY.replace("{folds: 3, n_boot: 100}", "{settings: [cv], folds: 2, n_boot: 100}")
    text = quick + "export: [csv]\nexamples: 0\n"
    text += f"interpret:\n  model: firth\n  terms: [{COLUMN}, '=age']\n"
    frame = write_pictures(tmp_path, n_patients=8, images=1)
    frame["=age"] = frame["patient"].str[1:].astype(int) % 5 + 40.0
    path = write_study(tmp_path, frame, text)
    study = StudyConfig.from_yaml(path)
    first = run_study(study, root=tmp_path, out=tmp_path / "a", workers=1)
    assert not [f for f in first.failures if f.step == "interpret"]
    run_study(study, root=tmp_path, out=tmp_path / "b", workers=2)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (verify_run(tmp_path / "a")["status"] == "ok").all()
    table = pd.read_csv(tmp_path / "a" / FILES[0])
    assert table["term"].tolist() == ["intercept", COLUMN, "'=age"]
    assert unguard_frame(table)["term"].iloc[2] == "=age"
    assert table["target"].unique().tolist() == ["f4_vs_f0-f3"]
    wrong = study.model_copy(update={"interpret": InterpretConfig(terms=["nothing"])})
    failed = run_study(wrong, root=tmp_path, out=tmp_path / "a", workers=1).failures
    assert [f.step for f in failed if f.step == "interpret"] == ["interpret"]
    assert not (tmp_path / "a/interpret").exists()
