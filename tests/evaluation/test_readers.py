"""Readers against models, each apart, on the cases that all scored."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib import stats
from radiofib.errors import TableError
from radiofib.evaluation import check_readings, compare_readers, read_readings
from radiofib.evaluation.readers import READER_COLUMNS
from radiofib.staging import targets_for

LEVELS = ("s1", "s2", "s3", "s4")
TARGETS = targets_for(LEVELS)
S4, S1 = (t.name for t in TARGETS)


def make_cases(n=120, models=9, seed=0):
    """A test set and models from useless to sharp."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, n)
    frames = []
    for number in range(models):
        logits = rng.normal(size=(n, 4))
        logits[np.arange(n), codes] += number / 3
        proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        frame = pd.DataFrame({"case": [f"c{i:03d}" for i in range(n)]})
        frame["y_true"] = np.array(LEVELS)[codes]
        frame[[f"p_{s}" for s in LEVELS]] = proba
        frames.append(frame.assign(model=f"m{number}"))
    return pd.concat(frames, ignore_index=True), codes


def make_readings(codes, *, readers=2, seed=1, noise=1.0, target="", reading=""):
    rng = np.random.default_rng(seed)
    frames = []
    for number in range(readers):
        score = np.clip(np.round(1 + 2 * codes + noise * rng.normal(size=codes.size)), 1, 7)
        frames.append(
            pd.DataFrame(
                {
                    "case": [f"c{i:03d}" for i in range(codes.size)],
                    "reader": f"R{number + 1}",
                    "score": score,
                    "target": target,
                    "reading": reading,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _readings(frame):
    return check_readings(frame, targets=TARGETS)[0]


def test_each_reader_meets_each_model_as_in_a_published_table():
    frame, codes = make_cases()
    found = compare_readers(frame, _readings(make_readings(codes)), levels=LEVELS)
    table = found.readers
    assert tuple(table.columns) == READER_COLUMNS
    assert len(table) == 2 * 9 * 2
    assert set(table["reader"]) == {"R1", "R2"}
    part = table[(table["target"] == S4) & (table["reader"] == "R1")]
    notes = part.set_index("model")["note"]
    ranked = part.sort_values("auc_model", ascending=False)["model"].tolist()
    assert notes[notes.str.contains("best of 9 models")].index.tolist() == [ranked[0]]
    middle = notes[notes.str.contains("median model: number 5 of 9")].index.tolist()
    assert middle == [ranked[4]]
    row = part[part["model"] == "m3"].iloc[0]
    mine = make_readings(codes).query("reader == 'R1'")["score"].to_numpy()
    theirs = frame.query("model == 'm3'")["p_s4"].to_numpy()
    test = stats.delong_paired(codes == 3, mine, theirs)
    assert row[["auc_reader", "auc_model", "difference", "z", "p"]].tolist() == pytest.approx(
        [test.first, test.second, test.difference, test.z, test.p]
    )
    assert (row["n"], row["n_pos"]) == (120, (codes == 3).sum())
    family = table[table["target"] == S4]
    np.testing.assert_allclose(family["p_adjusted"], stats.adjust_p(family["p"].to_numpy(), "holm"))
    assert set(family["adjustment"]) == {"Holm over 18"}
    up = (table["p"] < 0.05) & (table["difference"] > 0)
    down = (table["p"] < 0.05) & (table["difference"] < 0)
    assert table["arrow"].tolist() == np.select([up, down], ["↑", "↓"], "").tolist()
    assert {"↑", "↓"} & set(table["arrow"])


def test_a_stage_score_is_turned_for_the_low_stage():
    frame, codes = make_cases(models=1)
    found = compare_readers(frame, _readings(make_readings(codes)), levels=LEVELS)
    areas = found.readers.query("reader == 'R1'").set_index("target")["auc_reader"]
    score = make_readings(codes).query("reader == 'R1'")["score"]
    assert areas[S1] == pytest.approx(stats.auc(codes == 0, -score))
    about = make_readings(3 - codes, target=S1)
    mixed = compare_readers(frame, _readings(about), levels=LEVELS).readers
    assert set(mixed["target"]) == {S1}
    assert (mixed["auc_reader"] > 0.8).all()
    turned = compare_readers(
        frame, _readings(about.assign(score=8 - about["score"], direction="low")), levels=LEVELS
    ).readers
    pd.testing.assert_frame_equal(turned, mixed)


def test_wide_equals_long(tmp_path):
    _, codes = make_cases(models=1)
    long = make_readings(codes)
    wide = long.pivot_table(index="case", columns="reader", values="score").reset_index()
    wide.to_csv(tmp_path / "wide.csv", index=False)
    long.to_csv(tmp_path / "long.csv", index=False)
    a, b = (read_readings(tmp_path / f"{n}.csv", targets=TARGETS) for n in ("wide", "long"))
    pd.testing.assert_frame_equal(a[0], b[0])
    assert a[1] == b[1] == []


def test_the_cohort_is_shared_and_what_is_left_out_is_named():
    frame, codes = make_cases(models=2)
    readings = make_readings(codes)
    readings.loc[3, "score"] = np.nan
    readings = readings.drop(index=125)
    readings = pd.concat(
        [readings, pd.DataFrame({"case": ["zz"], "reader": ["R1"], "score": [4.0]})]
    )
    frame = frame.drop(index=7)
    checked, missing = check_readings(readings, targets=TARGETS)
    assert [(f.case, "R1" in f.reason) for f in missing] == [("c003", True)]
    found = compare_readers(frame, checked, levels=LEVELS)
    assert set(found.readers["n"]) == {117}
    assert found.readers["note"].str.contains("not every reader and model scored").all()
    named = {f.case: f.reason for f in found.failures}
    assert "'R2' gave no score" in named["c005"]
    assert "has no prediction" in named["zz"]
    with pytest.raises(TableError, match="no case of the readers has a prediction"):
        compare_readers(frame, checked.assign(case="x"), levels=LEVELS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": ["x", 2.0]}, r"readers, row 2, reader 'R1': not a score .*found 'x'"),
        ({"score": [1.0, np.inf]}, r"row 3, reader 'R1': not a score"),
        ({"case": ["a", "a"]}, r"rows 2, 3: reader 'R1' scored a case more than once"),
        ({"case": ["a", None]}, r"row 3: case is missing"),
        ({"target": ["s4_vs_s1-3", "s4_vs_s1"]}, r"row 3, column 'target': unknown target"),
        ({"direction": ["high", "up"]}, r"row 3, column 'direction': unknown direction 'up'"),
    ],
)
def test_bad_readings_are_named(change, message):
    frame = pd.DataFrame({"case": ["a", "b"], "reader": "R1", "score": [1.0, 2.0]})
    with pytest.raises(TableError, match=message):
        check_readings(frame.assign(**change), targets=TARGETS)
    for column, hint in (("case", "rename 'Case'"), ("score", "rename 'Score'")):
        with pytest.raises(TableError, match=hint):
            check_readings(frame.rename(columns={column: column.title()}), targets=TARGETS)


def test_ties_only_and_one_class_are_said():
    frame, codes = make_cases(models=1)
    flat = make_readings(codes).assign(score=4.0)
    found = compare_readers(frame, _readings(flat), levels=LEVELS)
    assert set(found.readers["auc_reader"]) == {0.5}
    assert found.readers["note"].str.contains("all scores of the first are equal").all()
    assert found.areas["note"].str.contains("all scores are equal").all()
    assert found.agreement["note"].str.contains("ties only|no spread").all()
    alone = frame.assign(y_true="s2")
    found = compare_readers(alone, _readings(make_readings(codes)), levels=LEVELS)
    assert found.readers["note"].str.contains("only one class").all()
    assert found.readers["p"].isna().all()
    assert found.mrmc.empty


def test_a_reading_meets_the_models_of_its_name():
    frame, codes = make_cases(models=2)
    frame["model"] = frame["model"].replace({"m0": "a [Contrast]", "m1": "a [NonContrast]"})
    readings = pd.concat(
        [make_readings(codes, reading=r, seed=s) for s, r in enumerate(("NonContrast", "Contrast"))]
    )
    found = compare_readers(frame, _readings(readings), levels=LEVELS)
    pairs = {tuple(p) for p in found.readers[["reader", "model"]].to_numpy()}
    assert pairs == {
        (f"R{k} [{r}]", f"a [{r}]") for k in (1, 2) for r in ("Contrast", "NonContrast")
    }
    sessions = found.mrmc[found.mrmc["first"] == "NonContrast"].set_index("target")
    by = readings.set_index(["reading", "reader"])["score"]
    sessions_in_order = ("NonContrast", "Contrast")
    scores = np.array([[by.loc[(r, k)] for k in ("R1", "R2")] for r in sessions_in_order])
    wanted = stats.mrmc(codes == 3, scores).differences.iloc[0]
    assert sessions.loc[S4, "difference"] == pytest.approx(wanted["difference"])
    assert sessions.loc[S4, "p"] == pytest.approx(wanted["p"])


def test_agreement_and_mean_of_readers():
    frame, codes = make_cases(models=1)
    readings = make_readings(codes, readers=3)
    found = compare_readers(frame, _readings(readings), levels=LEVELS)
    table = readings.pivot_table(index="case", columns="reader", values="score")
    icc = stats.intraclass(table.to_numpy()).set_index("type").loc["ICC2"]
    row = found.agreement.query("reader_a == 'all'").iloc[0]
    assert row["estimate"] == pytest.approx(icc["estimate"])
    values, both = np.unique(table[["R1", "R2"]].to_numpy(), return_inverse=True)
    both = both.reshape(-1, 2)
    confusion = stats.confusion_matrix(both[:, 0], both[:, 1], values.size)
    kappa = found.agreement.query("metric == 'quadratic_weighted_kappa'").iloc[0]
    assert kappa["estimate"] == pytest.approx(float(stats.weighted_kappa(confusion, values=values)))
    mean = found.mrmc.set_index("target").loc[S4]
    areas = [stats.auc(codes == 3, table[r]) for r in table]
    assert mean["auc_first"] == pytest.approx(np.mean(areas))
    assert mean["difference"] == pytest.approx(mean["auc_first"] - mean["auc_second"])
    # Nearly equal readers: the error of their mean is about that of one of them.
    copies = pd.concat([readings.query("reader == 'R1'").assign(reader=f"R{k}") for k in (1, 2)])
    same = compare_readers(frame, _readings(copies), levels=LEVELS)
    one = same.readers.query("target == @S4 and reader == 'R1'").iloc[0]
    both = same.mrmc.set_index("target").loc[S4]
    assert both["p"] == pytest.approx(one["p"])


@settings(max_examples=3)
@given(st.integers(0, 1000), st.integers(2, 4))
def test_repeats_order_and_names_of_patients_do_not_matter(seed, times):
    frame, codes = make_cases(n=40, models=2, seed=seed)
    readings = _readings(make_readings(codes, seed=seed + 1))
    plain = compare_readers(frame, readings, levels=LEVELS)
    rng = np.random.default_rng(seed)
    shuffled = compare_readers(
        frame.sample(frac=1, random_state=seed), readings.sample(frac=1, random_state=seed),
        levels=LEVELS,
    )  # fmt: skip
    key = ["reader", "model", "target"]
    for name in ("difference", "ci_low", "ci_high", "p"):
        a, b = (f.readers.set_index(key)[name].sort_index() for f in (plain, shuffled))
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    # The same patients several times, under other case names.
    copies = [(f"_{k}", k) for k in range(times)]
    cases = frame["case"].unique()
    named = dict(zip(cases, rng.permutation(cases), strict=True))
    many = pd.concat([frame.assign(patient=frame["case"].map(named), case=frame["case"] + s)
                      for s, _ in copies])  # fmt: skip
    again = pd.concat([readings.assign(case=readings["case"] + s) for s, _ in copies])
    repeated = compare_readers(many, again, levels=LEVELS)
    for name, table in repeated.tables.items():
        width, wanted = (t["ci_high"] - t["ci_low"] for t in (table, plain.tables[name]))
        np.testing.assert_allclose(width, wanted, rtol=0.02, err_msg=name)
