"""The audit on tables whose problems are known: a quick part, and the whole on demand."""

from __future__ import annotations

import csv
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from radiofib.errors import TableError
from radiofib.evaluation.audit import CHECKS, VERDICT_COLUMNS, audit, grim, read_percentages
from radiofib.evaluation.audit.controls import _beside_scanner
from radiofib.evaluation.audit.copies import exact_pairs, shared_values
from radiofib.evaluation.audit.missing import exact_within_strata, mantel_haenszel
from radiofib.evaluation.audit.neighbours import near_pairs
from radiofib.evaluation.audit.patients import stratified_folds
from radiofib.evaluation.audit.smoother import FoldSmoother, _rare_test, against_shuffles
from radiofib.simulate import PLANTED, AuditPlants, simulate_audit_table
from radiofib.table import FeatureTable

CLAIMS = Path(__file__).parent.parent / "reference" / "audit_claims.csv"


@pytest.fixture(scope="module")
def planted():
    made = simulate_audit_table(360, seed=77, plants=PLANTED, features_per_channel=8)
    return made, audit(made.table, shuffles=200)


def test_each_planted_problem_is_named(planted):
    made, done = planted
    assert not made.wrong - set(done.found)
    assert not set(done.found) - made.wrong - made.follows
    pairs = done.evidence["duplicates"]
    named = {
        (frozenset((a, b)), kind == "exact")
        for a, b, kind in pairs[["case_a", "case_b", "kind"]].itertuples(index=False)
    }
    assert named == {(frozenset((a, b)), exact) for a, b, exact in made.copies}
    assert set(done.evidence["identifiers"]["column"]) == {"case_number"}
    said = done.verdicts.set_index("check")["finding"]
    assert "dwi on scanner B1 lacks" in said["informative_missing"]
    assert said["identifiers"].startswith("case_number: 360 different whole numbers")


def test_verdicts_have_the_agreed_form(planted, tmp_path):
    _, done = planted
    assert tuple(done.verdicts.columns) == VERDICT_COLUMNS
    assert done.verdicts["check"].tolist() == list(CHECKS)
    assert set(done.verdicts["verdict"]) <= {"clear", "found", "not identifiable", "not tested"}
    found = done.verdicts[done.verdicts["verdict"] == "found"]
    names = {p.name for p in done.write(tmp_path)}
    assert set(found["evidence"]) - {""} <= names
    again = pd.read_csv(tmp_path / "verdicts.csv", keep_default_na=False)
    assert again["finding"].tolist() == done.verdicts["finding"].tolist()


@pytest.mark.parametrize("step", [0.6, 0.0], ids=["with signal", "without signal"])
def test_a_clean_table_is_not_accused(step):
    made = simulate_audit_table(180, seed=31, features_per_channel=8, stage_step=step)
    assert audit(made.table, shuffles=200).found == ()


def test_the_same_table_gives_the_same_bytes_and_row_order_names_no_one(tmp_path):
    made = simulate_audit_table(120, seed=8, features_per_channel=4)
    for name in ("a", "b"):
        audit(made.table, shuffles=100).write(tmp_path / name)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_the_claims_hold_over_twenty_seeds():
    from benchmarks.audit import measure

    variants = [
        *("variant", "variant clean", "variant null", "variant null planted"),
        *("second variant", "second variant clean", "second variant null"),
    ]
    cohorts = ["clean", "planted", "other", "other clean", "null", "null planted", *variants]
    frame = measure(cohorts, 20)
    share = frame.set_index(["cohort", "measure"])["share"]
    with CLAIMS.open(encoding="utf-8") as stream:
        claim = {(r["cohort"], r["measure"]): float(r["value"]) for r in csv.DictReader(stream)}
    quiet = "share of cohorts without any finding"
    assert share["clean", "specificity"] >= claim["clean", quiet]
    assert share["null", "specificity"] >= claim["null", quiet]
    unplanted = claim["other", "share of cohorts without an unplanted finding"]
    assert share["other", "specificity"] >= unplanted
    assert share["other clean", "specificity"] >= unplanted
    for cohort in ("planted", "other"):
        least = claim[cohort, "share of planted problems named"]
        each = share[cohort][share[cohort].index.str.startswith("named: ")]
        assert (each >= least).all(), each
    exact = claim["planted", "share of planted exact copies named"]
    assert share["planted", "exact copies named"] >= exact
    assert (
        share["planted", "near copies named"]
        >= claim["planted", "share of planted near copies named"]
    )
    assert claim["planted", "unplanted pairs named"] == 0
    assert share["planted", "no unplanted pair"] == 1
    for cohort in variants:
        if (cohort, quiet) in claim:
            assert share[cohort, "specificity"] >= claim[cohort, quiet]
            continue
        least = claim[cohort, "share of planted problems named"]
        each = share[cohort][share[cohort].index.str.startswith("named: ")]
        assert (each >= least).all(), each
        unplanted = claim[cohort, "share of cohorts without an unplanted finding"]
        assert share[cohort, "specificity"] >= unplanted
        for kind in ("exact", "near"):
            least = claim[cohort, f"share of planted {kind} copies named"]
            assert share[cohort, f"{kind} copies named"] >= least
        assert claim[cohort, "unplanted pairs named"] == 0
        assert share[cohort, "no unplanted pair"] == 1


def test_stage_nested_in_scanner_is_not_identifiable():
    rng = np.random.default_rng(2)
    stage = np.repeat(["f0", "f1"], 30)
    X = pd.DataFrame(rng.normal(size=(60, 5)), columns=[f"us_{c}" for c in "abcde"])
    obs = pd.DataFrame({"case": [f"c{i}" for i in range(60)], "stage": stage})
    obs["scanner"] = np.where(stage == "f0", "A", "B")
    done = audit(FeatureTable(X, obs), shuffles=100)
    said = done.verdicts.set_index("check")
    assert said.loc["scanner_by_stage", "verdict"] == "not identifiable"
    assert "one stage only" in said.loc["scanner_by_stage", "finding"]
    assert done.evidence["scanner_by_stage"]["no_auc"].tolist() == ["f1_vs_f0", "f1_vs_f0"]
    obs.loc[:9, "scanner"] = "B"
    done = audit(FeatureTable(X, obs), shuffles=100)
    said = done.verdicts.set_index("check").loc["scanner_by_stage"]
    assert said["verdict"] == "not identifiable"
    assert said["finding"].startswith("A: one stage only, so there is no AUC on that scanner")


def test_small_and_odd_tables_are_answered_not_refused():
    X = pd.DataFrame({"us_a": [1.0, 2.0, np.nan], "us_b": [1.0, 1.0, 1.0], "us_c": [np.nan] * 3})
    obs = pd.DataFrame({"case": ["a", "b", "c"], "stage": ["f0", "f1", "f0"]})
    done = audit(FeatureTable(X, obs))
    assert done.found == ()
    folded = done.verdicts.set_index("check").loc["case_order"]
    assert folded["finding"] == "too few patients for folds: 3, at least 20 needed"
    with pytest.raises(TableError, match="all rows have one stage"):
        audit(FeatureTable(X, obs.assign(stage="f0")))
    with pytest.raises(TableError, match="no column 'grade'"):
        audit(FeatureTable(X, obs), label="grade")
    with pytest.raises(TableError, match=r"case 'a', column 'us_a': feature is infinite"):
        audit(FeatureTable(X.assign(us_a=[np.inf, 1.0, 2.0]), obs))


def test_rows_repeated_ten_times_are_seen_and_patients_counted_once():
    made = simulate_audit_table(60, seed=4, features_per_channel=4)
    table = made.table
    ten = FeatureTable(
        pd.concat([table.X] * 10, ignore_index=True),
        pd.concat([table.obs] * 10, ignore_index=True),
    )
    once, often = audit(table, shuffles=100), audit(ten, shuffles=100)
    same = ["check", "target", "auc", "ci_low", "ci_high", "p", "n"]
    pd.testing.assert_frame_equal(
        once.evidence["controls"][same], often.evidence["controls"][same], rtol=1e-6, atol=1e-9
    )
    assert often.found == ("exact_duplicates",)
    said = often.verdicts.set_index("check").loc["exact_duplicates", "finding"]
    assert said.startswith("540 of 600 rows repeat another row; 540 within a patient")


@pytest.mark.parametrize("digits", [3, 8, 15])
def test_copies_survive_another_file_format(digits):
    rng = np.random.default_rng(3)
    X = 10.0 ** rng.uniform(-6, 6, 12) * rng.normal(size=(50, 12))
    X[30] = [float(f"%.{digits}g" % v) for v in X[7]]
    exact, _, columns = exact_pairs(X)
    near = near_pairs(X, np.arange(50))
    found = exact.tolist() if digits > 6 else near.pairs.tolist()
    assert found == [[7, 30]]
    assert columns == 12


def test_two_contours_on_one_image_share_its_extremes():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(60, 80))
    X[12, ::8] = X[40, ::8]
    X[:9, 3] = -1.5  # a floor that many rows share
    pairs, counts = shared_values(X, np.arange(60))
    assert (pairs.tolist(), counts.tolist()) == ([[12, 40]], [10])
    same_patient = np.where(np.arange(60) == 40, 12, np.arange(60))
    assert shared_values(X, same_patient)[0].size == 0


def test_columns_that_repeat_prove_no_copy():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 3, size=(200, 4)).astype(float)
    assert exact_pairs(counts)[2] == 0
    obs = pd.DataFrame({"case": [f"c{i}" for i in range(200)], "stage": ["f0", "f1"] * 100})
    table = FeatureTable(pd.DataFrame(counts, columns=list("abcd")), obs)
    assert audit(table, shuffles=100).found == ()


@pytest.mark.parametrize("seed", range(5))
def test_the_exact_test_is_fishers_in_one_stratum(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.random(40) < 0.3, rng.random(40) < 0.5
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    assert exact_within_strata(a, b, ["x"] * 40) == pytest.approx(fisher_exact(table)[1], rel=1e-9)
    odds = mantel_haenszel(a, b, ["x"] * 40)
    assert odds.value == pytest.approx(table[0][0] * table[1][1] / (table[0][1] * table[1][0]))


def test_the_exact_test_is_not_misled_by_a_confounder():
    # The classes differ between strata and the missing share too; within strata they are unrelated.
    a = np.r_[np.arange(200) % 10 == 0, np.arange(200) % 2 == 0]
    b = np.r_[np.arange(200) // 10 % 4 == 0, np.arange(200) // 10 % 4 != 0]
    assert exact_within_strata(a, b, ["x"] * 400) < 1e-4
    assert exact_within_strata(a, b, ["x"] * 200 + ["y"] * 200) > 0.5


def test_percentages_and_the_denominators_that_fit(tmp_path):
    assert grim("74.58", 120).denominators == (118,)
    assert grim("73.11", 120).denominators == (119,)
    assert not grim("74.49", 120).fits
    for n in (7, 70, 120):
        assert all(grim(f"{100 * k / n:.2f}", n).fits for k in range(n + 1))
    path = tmp_path / "published.csv"
    path.write_text("reader,percent\nUCL,74.58\nUoN,92.86\n")
    found = read_percentages(path, 70)
    assert found["fits"].tolist() == [False, True]
    with pytest.raises(TableError, match="the number of cases is not known"):
        read_percentages(path)
    path.write_text("percent,n\n50,10\n120,10\n")
    with pytest.raises(TableError, match="row 3, column 'percent': not a percentage"):
        read_percentages(path)


def test_one_problem_alone_is_named_alone():
    made = simulate_audit_table(160, seed=6, plants=AuditPlants(id_column=True, id_step=7))
    assert audit(made.table, shuffles=100).found == ("identifiers",)


def test_a_channel_missing_by_halves_of_the_scale_is_named():
    # No question of the challenge parts the stages there.
    plants = AuditPlants(missing={"A": (0.5, 0.5, 0.1, 0.1)})
    made = simulate_audit_table(360, seed=12, plants=plants, features_per_channel=4)
    done = audit(made.table, shuffles=100)
    assert done.found == ("informative_missing",)
    missing = done.evidence["missing"]
    assert missing.loc[missing["p"].idxmin(), "target"] == "s3-4_vs_s1-2"
    controls = done.evidence["controls"]
    assert set(controls.loc[controls["check"] == "scanner", "target"]) == {
        *("s4_vs_s1-3", "s1_vs_s2-4", "s3-4_vs_s1-2")
    }


def test_groups_that_no_line_shows_are_seen():
    # One column in three lumps, of which the middle one holds the positive patients; beside it
    # one wide column that knows nothing and would drown them.
    rng = np.random.default_rng(3)
    lump = np.arange(150) % 3
    y = rng.random(150) < np.where(lump == 1, 0.75, 0.25)
    X = np.column_stack([10 * lump + rng.normal(size=150), rng.normal(size=150)])
    splits = stratified_folds(y.astype(str))
    assert against_shuffles(FoldSmoother(X, splits), y, shuffles=100).p < 1e-4
    assert against_shuffles(FoldSmoother(X[:, 1:], splits), y, shuffles=100).p > 0.05


def test_few_positive_patients_are_judged_by_very_many_shuffles():
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(8, 3))
    kernel = kernel @ kernel.T
    strata = [np.arange(5), np.arange(5, 8)]
    rare = np.isin(np.arange(8), (0, 2, 6))
    found = _rare_test(kernel, rare, strata, 1)
    sums = [
        kernel[np.ix_([*pair, one], [*pair, one])].sum()
        for pair in combinations(range(5), 2)
        for one in range(5, 8)
    ]
    exact = np.mean(np.array(sums) >= kernel[np.ix_(rare, rare)].sum() - 1e-9)
    assert found == pytest.approx(exact, abs=4 * np.sqrt(exact / 200_000))


@pytest.mark.external
def test_real_tables(external_data, tmp_path):
    found = {}
    for name in ("WORC-Liver", "HCC-TACE-Seg", "Colorectal-Liver-Metastases"):
        frame = pd.read_csv(external_data / "tabular" / "radmlbench" / f"{name}.gz")
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        table = FeatureTable.read(tmp_path / f"{name}.csv", label="Target", case="ID")
        done = audit(table, label="Target", shuffles=100)
        found[name] = set(done.found)
        if name == "WORC-Liver":
            # Two pairs of regions share extremes of filtered maps to the last digit, all other
            # pairs at most one value: each pair was drawn on one image.
            columns = ["case_a", "case_b", "kind", "columns_equal"]
            pairs = done.evidence["duplicates"][columns].to_numpy().tolist()
            assert pairs == [
                ["Liver-061", "Liver-125", "shared values", 11],
                ["Liver-134", "Liver-167", "shared values", 16],
            ]
    assert found["HCC-TACE-Seg"] == found["Colorectal-Liver-Metastases"] == set()
    assert found["WORC-Liver"] == {"near_duplicates", "duplicates_across_stages"}


@pytest.mark.external
def test_real_ultrasound_is_numbered_by_class(external_data, tmp_path):
    frame = pd.read_csv(external_data / "us" / "byra_rois" / "rois_com_classes.csv")
    frame["patient"] = frame["nome"].str.extract(r"ROI_(\d+)_")[0]
    frame = frame.drop(columns=frame.filter(like="hu_").columns)
    frame.to_csv(tmp_path / "rois.csv", index=False)
    table = FeatureTable.read(tmp_path / "rois.csv", label="classe", case="nome")
    assert (table.n_rows, table.patients) == (550, 55)
    done = audit(table, label="classe", shuffles=100)
    assert "case_order" in done.found
    order = done.verdicts.set_index("check").loc["case_order"]
    assert order["statistic"] == 1.0
    assert order["n"] == 55


def test_the_stage_among_the_features_is_named():
    made = simulate_audit_table(120, seed=5, features_per_channel=4)
    table = made.table
    stage = table.obs["stage"].astype(str)
    code = stage.astype("category").cat.codes.astype(float)
    rng = np.random.default_rng(0)
    planted = {
        "us_stage_num": code,
        "us_odd_codes": code.map({0.0: 7.5, 1.0: -1.0, 2.0: 3.0, 3.0: 0.25}),
        "us_halves": code.mask(rng.random(len(code)) < 0.3),
        "us_jittered": -code + rng.uniform(-0.4, 0.4, len(code)),
        "us_halved": (code > 1).astype(float) + rng.integers(0, 2, len(code)),
    }
    X = table.X.assign(**planted)
    done = audit(FeatureTable(X, table.obs), shuffles=100)
    found = done.evidence["identifiers"]
    assert set(found.loc[found["rule"] == "determines the stage", "column"]) == set(planted) - {
        "us_halved"
    }
    said = done.verdicts.set_index("check").loc["identifiers"]
    assert said["verdict"] == "found"
    assert "determines the stage: 4 different values, each in one stage only" in said["finding"]


def test_our_own_outputs_among_the_features_are_named():
    made = simulate_audit_table(60, seed=5, features_per_channel=4)
    rng = np.random.default_rng(0)
    level = made.table.obs["stage"].astype(str).iloc[0]
    names = ("y_true", "fold", "distance_p", f"p_{level}")
    noise = {name: rng.normal(size=60) for name in (*names, "p_other")}
    done = audit(FeatureTable(made.table.X.assign(**noise), made.table.obs), shuffles=100)
    found = done.evidence["identifiers"]
    assert set(found["column"]) == set(names)
    assert set(found["rule"]) == {"an output of radiofib"}
    assert "an output of radiofib" in done.verdicts.set_index("check").loc["identifiers", "finding"]


@pytest.mark.filterwarnings("error")
def test_a_column_that_a_scanner_lacks_has_no_mean_to_take_off() -> None:
    X = np.array([[1.0, np.nan], [3.0, np.nan], [5.0, 2.0], [9.0, 6.0]])
    found = _beside_scanner(X, SimpleNamespace(scanners=["a", "a", "b", "b"]))
    np.testing.assert_array_equal(found[:, 2], [-1, 1, -2, 2])
    np.testing.assert_array_equal(found[:, 3], [np.nan, np.nan, -2, 2])
