"""A whole ablation on small tables: files, workers, restarts, failures, other tables."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from radiofib.errors import ConfigError, RadiofibError, TableError
from radiofib.evaluation import cross_validate
from radiofib.study import ablate as module
from radiofib.study import ablate_pieces
from radiofib.study.ablate import AblationResult, ablate_study
from radiofib.study.ablate_features import load_tables, table_of
from radiofib.study.ablate_tables import make_benches, view_columns
from radiofib.study.config import StudyConfig
from radiofib.study.folder import verify_run
from radiofib.table import FeatureTable

FACTORS: dict[str, Any] = {
    "sequence": {"plain": {"channels": ["t1"]}, "hbp": {"channels": ["t1", "ged4"]}},
    "learner": {"logistic": {}, "trees": {"name": "xgboost", "params": {"n_estimators": 5}}},
    "harmonise": {
        "none": {},
        "scale": {"harmonise": {"name": "scale", "params": {"unseen": "pass"}}},
    },
}


def make_table(n: int = 60, *, seed: int = 0, rows: int = 1) -> FeatureTable:
    """Return a table whose HBP channel knows the stage."""
    rng = np.random.default_rng(seed)
    level = np.arange(n) % 4
    names = [
        f"{c}_original_{f}_f{k}"
        for c in ("t1", "ged4")
        for f in ("firstorder", "glcm")
        for k in range(3)
    ]
    X = pd.DataFrame(rng.normal(size=(n * rows, len(names))), columns=names)
    X["ged4_original_firstorder_f0"] += 1.5 * np.repeat(level, rows)
    X.iloc[3 * rows : 4 * rows, 6:] = np.nan
    obs = pd.DataFrame({"case": np.repeat([f"c{k:02d}" for k in range(n)], rows)})
    obs["patient"] = obs["case"]
    if rows > 1:
        obs["instance"] = np.tile([f"w{k}" for k in range(rows)], n)
    labels = np.repeat(np.array(["s1", "s2", "s3", "s4"])[level], rows)
    obs["stage"] = pd.Categorical(labels, categories=["s1", "s2", "s3", "s4"], ordered=True)
    obs["scanner"] = np.repeat(np.array(["A", "B", "C"])[np.arange(n) // 4 % 3], rows)
    return FeatureTable(X, obs)


def make_study(factors: dict[str, Any] | None = None, **keys: Any) -> StudyConfig:
    data = {
        "title": "A <small> ablation",
        "stager": {"name": "logistic"},
        "ablate": {
            "factors": FACTORS if factors is None else factors,
            "features": "f.parquet",
            "folds": 3,
            **keys,
        },
    }
    return StudyConfig.parse(data, where="study")


def ablate(study: StudyConfig, root: Path, out: str = "out", workers: int = 1) -> AblationResult:
    return ablate_study(study, root=root, out=root / out, workers=workers)


def results(root: Path) -> dict[str, str]:
    """Return the hash of every result file."""
    return {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ablate")
    make_table().to_parquet(folder / "f.parquet")
    return folder


@pytest.fixture(scope="module")
def done(root: Path) -> AblationResult:
    return ablate(make_study(predictions=True), root)


def test_every_file_is_there_and_verified(done: AblationResult) -> None:
    assert done.n_runs == 8
    assert not done.failures
    names = {p.name for p in (done.out / "ablation").iterdir()} - {"pieces"}
    assert names == {
        *(f"{n}.csv" for n in ("design", "balance", "folds", "runs", "factors", "effects")),
        *("order.csv", "warnings.csv", "predictions.csv", "ablation.json"),
        *("factor_figure.svg", "factor_figure.png"),
    }
    assert (verify_run(done.out)["status"] == "ok").all()
    assert "pieces" not in (done.out / "manifest.json").read_text()


def test_predictions_are_those_of_cross_validation(done: AblationResult, root: Path) -> None:
    made = pd.read_csv(done.out / "ablation" / "predictions.csv")
    assert len(made) == 8 * 2 * 60
    study = make_study()
    assert study.ablate is not None
    _, runs = module.ablation_runs(study, study.ablate, study.seed)
    table = FeatureTable.from_parquet(root / "f.parquet")
    columns = [f"p_s{k}" for k in range(1, 5)]
    for run, setting in ((runs[3], "loso"), (runs[4], "cv"), (runs[7], "cv"), (runs[7], "loso")):
        seen = [c for c in table.X if c.split("_")[0] in run.channels]
        part = FeatureTable(table.X[seen], table.obs)
        levels = {factor: study.ablate.factors[factor][v] for factor, v in run.levels.items()}
        plan = module.apply_patches(study.stager, levels, where="run")
        alone, failures = cross_validate(
            part, plan.build(), setting=setting, folds=3, random_state=study.seed
        )
        assert not failures
        mine = made[(made["model"] == run.name) & (made["setting"] == setting)]
        both = alone.merge(mine, on="case", suffixes=("", "_mine"))
        assert len(both) == 60
        assert (both["fold"].astype(str) == both["fold_mine"].astype(str)).all()
        assert (both["domain"] == both["domain_mine"]).all()
        assert np.array_equal(both[columns], both[[f"{c}_mine" for c in columns]])


def test_scores_follow_from_the_predictions(done: AblationResult) -> None:
    made = pd.read_csv(done.out / "ablation" / "predictions.csv")
    runs = pd.read_csv(done.out / "ablation" / "runs.csv", keep_default_na=False)
    assert runs.groupby(["run", "domain", "target", "metric"]).size().max() == 1
    part = made[(made["model"] == "r005") & (made["setting"] == "loso")]
    areas, pairs = [], []
    for _, fold in part.groupby("fold"):
        last = fold["y_true"] == "s4"
        areas.append(roc_auc_score(last, fold["p_s4"]))
        pairs.append(last.sum() * (~last).sum())
    row = runs[(runs["run"] == "r005") & (runs["domain"] == "OOD")]
    row = row[(row["target"] == "s4_vs_s1-3") & (row["metric"] == "auc")].iloc[0]
    assert float(row["value"]) == pytest.approx(np.average(areas, weights=pairs))
    assert row["sequence"] == "hbp"
    effects = pd.read_csv(done.out / "ablation" / "effects.csv")
    hbp = effects[(effects["factor"] == "sequence") & (effects["metric"] == "auc")]
    assert (hbp["estimate"] > 0.1).all()
    order = pd.read_csv(done.out / "ablation" / "order.csv")
    assert (order.groupby(["domain", "target", "metric"])["factor"].first() == "sequence").all()


@pytest.mark.slow
def test_two_workers_write_the_same_bytes(done: AblationResult, root: Path) -> None:
    again = ablate(make_study(predictions=True), root, "two", workers=2)
    assert results(again.out) == results(done.out)


def test_a_restart_does_what_is_missing(
    done: AblationResult, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = results(done.out)
    asked: list[int] = []
    run_piece = ablate_pieces.run_piece

    def counted(piece: Any) -> Any:
        asked.append(len(piece.leaves))
        return run_piece(piece)

    monkeypatch.setattr(module, "run_piece", counted)
    ablate(make_study(predictions=True), root)
    assert asked == []
    stored = sorted((done.out / "ablation" / "pieces").glob("*.json"))
    assert len(stored) == 8 * 6
    stored[0].unlink()
    stored[1].write_text("{")
    ablate(make_study(predictions=True), root)
    assert sum(asked) == 2
    assert results(done.out) == before
    asked.clear()
    # Another factor level is new work; what the others found is still there.
    more = {**FACTORS, "learner": {**FACTORS["learner"], "forest": {"name": "random_forest"}}}
    more["learner"]["forest"]["params"] = {"n_estimators": 5}
    found = ablate(make_study(more), root)
    assert sum(asked) == 4 * 6
    assert found.n_runs == 12
    assert not (found.out / "ablation" / "predictions.csv").exists()


def test_equal_combinations_are_worked_out_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaves: list[int] = []
    cut = module.cut
    monkeypatch.setattr(
        module, "cut", lambda found, *rest: leaves.append(len(found)) or cut(found, *rest)
    )
    factors = {
        "learner": {"logistic": {}, "trees": {"name": "xgboost", "params": {"n_estimators": 3}}},
        # The default written out is no other stager.
        "fusion": {"none": {}, "early": {"fusion": "early"}},
    }
    found = ablate(make_study(factors, settings=["cv"]), root, "equal")
    assert found.n_runs == 4
    assert leaves == [2 * 3]
    effects = pd.read_csv(found.out / "ablation" / "effects.csv")
    assert set(effects.loc[effects["factor"] == "fusion", "note"]) == {"changes no score"}


def test_what_fails_is_listed_and_spoils_nothing_else(root: Path) -> None:
    factors = {
        "harmonise": {"none": {}, "strict": {"harmonise": "combat"}},
        "learner": {"logistic": {}, "broken": {"params": {"C": -1.0}}},
    }
    found = ablate(make_study(factors), root, "failing")
    # ComBat refuses unseen scanners unless told otherwise, and no penalty is negative.
    steps = {f.step for f in found.failures}
    assert "ablate r003, scanner A" in steps
    assert "ablate r003, fold 1" not in steps
    assert {f"ablate r002, fold {k}" for k in (1, 2, 3)} <= steps
    runs = pd.read_csv(found.out / "ablation" / "runs.csv", keep_default_na=False)
    lost = runs[runs["note"] != ""]
    assert sorted(zip(lost["run"], lost["domain"], strict=True)) == [
        ("r002", "ID"),
        ("r002", "OOD"),
        ("r003", "OOD"),
        ("r004", "ID"),
        ("r004", "OOD"),
    ]
    kept = runs[(runs["note"] == "") & (runs["domain"] == "ID")]
    assert set(kept["run"]) == {"r001", "r003"}
    page = (found.out / "ablation.html").read_text()
    assert "r003 (OOD)" in page
    assert "not seen in training" in page
    assert "not estimable" in page


def test_an_ablation_in_which_all_fails_says_so(root: Path) -> None:
    factors = {"learner": {"a": {"params": {"C": -1.0}}, "b": {"params": {"C": -2.0}}}}
    with pytest.raises(RadiofibError, match=r"no combination could be trained"):
        ablate(make_study(factors), root, "nothing")
    assert len(pd.read_csv(root / "nothing" / "failures.csv")) == 2 * 6


def test_levels_may_see_another_table_of_the_same_cases(root: Path) -> None:
    other = make_table(seed=1)
    keep = np.array([k for k in range(60) if k != 7])[::-1]
    shuffled = other.subset(keep)
    shuffled.X.columns = [c.replace("firstorder", "deep") for c in shuffled.X]
    FeatureTable(shuffled.X, shuffled.obs).to_parquet(root / "deep.parquet")
    make_table(rows=2, seed=2).to_parquet(root / "windows.parquet")
    factors = {
        "table": {
            "base": {},
            "deep": {"features": "deep.parquet"},
            "windows": {"features": "windows.parquet"},
        }
    }
    found = ablate(make_study(factors, predictions=True), root, "tables")
    assert [(f.case, f.reason.split(" ")[2]) for f in found.failures] == [("c07", "deep.parquet:")]
    made = pd.read_csv(found.out / "ablation" / "predictions.csv")
    folds = made.pivot_table(
        index="case", columns=["setting", "model"], values="fold", aggfunc="first"
    )
    assert folds.shape == (59, 6)
    for setting in ("cv", "loso"):
        assert folds[setting].eq(folds[setting].iloc[:, 0], axis=0).all(axis=None)
    runs = pd.read_csv(found.out / "ablation" / "runs.csv", keep_default_na=False)
    own = runs[(runs["target"] == "all") & (runs["metric"] == "auc") & (runs["domain"] == "ID")]
    assert (own["value"].astype(float) > 0.6).all()


def test_cases_without_a_feature_have_the_shares_of_the_training_rows(
    done: AblationResult, root: Path
) -> None:
    factors = {"sequence": {"all": {}, "hbp": {"channels": ["ged4"]}}}
    found = ablate(make_study(factors, predictions=True), root, "bare")
    made = pd.read_csv(found.out / "ablation" / "predictions.csv")
    row = made[(made["model"] == "r002") & (made["setting"] == "cv") & (made["case"] == "c03")]
    row = row.iloc[0]
    fold = made[(made["model"] == "r002") & (made["setting"] == "cv")]
    others = fold.loc[fold["fold"] != row["fold"], "y_true"]
    for level in ("s1", "s4"):
        assert row[f"p_{level}"] == pytest.approx((others == level).mean())
    warned = pd.read_csv(found.out / "ablation" / "warnings.csv")
    assert "1 cases without any feature: class shares" in set(warned["warning"])


def test_folds_that_are_dealt_again_are_more_values(root: Path) -> None:
    factors = {"sequence": FACTORS["sequence"]}
    found = ablate(make_study(factors, repeats=2, settings=["cv"]), root, "repeats")
    folds = pd.read_csv(found.out / "ablation" / "folds.csv", dtype={"fold": str})
    assert sorted(set(folds["fold"])) == ["1.1", "1.2", "1.3", "2.1", "2.2", "2.3"]
    effects = pd.read_csv(found.out / "ablation" / "effects.csv")
    assert set(effects["n_folds"]) == {6}
    assert effects["method"].str.contains("training sets 0.5").all()


def test_a_fraction_reports_its_balance(root: Path) -> None:
    found = ablate(make_study(design="fraction", runs=4, settings=["cv"]), root, "fraction")
    assert found.n_runs == 4
    balance = pd.read_csv(found.out / "ablation" / "balance.csv")
    assert balance["worst_association"].tolist() == [0.0, 0.0, 0.0]
    facts = json.loads((found.out / "ablation" / "ablation.json").read_text())
    assert (facts["design"]["kind"], facts["design"]["grid"]) == ("fraction", 8)


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({"main": "s4_vs_s1-2"}, ConfigError, "did you mean 's4_vs_s1-3'"),
        ({"factors": {"a": {"x": {"channels": ["t2"]}, "y": {}}}}, ConfigError, "channel 't2'"),
        ({"factors": {"a": {"x": {"families": ["glrm"]}, "y": {}}}}, ConfigError, "'glcm'"),
        (
            {"factors": {"a": {"x": {"flags": ["vendor"]}, "y": {}}}},
            TableError,
            "no column 'vendor'",
        ),
        ({"features": "absent.parquet"}, TableError, "absent.parquet"),
    ],
)
def test_what_the_table_does_not_have_is_refused_before_work(
    root: Path, keys: dict[str, Any], error: type[RadiofibError], message: str
) -> None:
    with pytest.raises(error, match=message):
        ablate(make_study(**keys), root, "refused")
    assert not (root / "refused" / "ablation").exists()


def test_a_study_without_factors_compares_nothing(root: Path) -> None:
    study = StudyConfig(title="A", cohort="c.csv")
    with pytest.raises(ConfigError, match="compares nothing"):
        ablate(study, root, "none")


def test_one_scanner_leaves_the_other_setting(root: Path) -> None:
    table = make_table()
    table.obs["scanner"] = "A"
    table.to_parquet(root / "one.parquet")
    found = ablate(make_study(features="one.parquet"), root, "one")
    assert [f.step for f in found.failures] == ["ablate loso"]
    factors = pd.read_csv(found.out / "ablation" / "factors.csv")
    assert set(factors["domain"]) == {"ID"}


def test_tables_must_agree_on_stages() -> None:
    first, second = make_table(12), make_table(12)
    second.obs.loc[2, "stage"] = "s1"
    with pytest.raises(TableError, match=r"b: tables disagree.*case 'c02'"):
        make_benches({"a": first, "b": second}, label="stage", context=())
    third = make_table(12)
    third.obs["case"] = [f"x{k}" for k in range(12)]
    with pytest.raises(TableError, match="no case is in all tables"):
        make_benches({"a": first, "b": third}, label="stage", context=())


def test_rows_without_stage_or_feature_are_listed() -> None:
    table = make_table(12)
    table.obs.loc[1, "stage"] = None
    table.X.iloc[2] = np.nan
    cases, benches, failures = make_benches({"a": table}, label="other", context=("scanner",))
    assert [(f.case, f.reason.split(":")[0]) for f in failures] == [
        ("c01", "no stage"),
        ("c02", "no feature has a value"),
    ]
    assert len(cases.frame) == 10
    assert benches["a"].values.shape == (10, 12)
    assert list(benches["a"].context) == ["scanner"]


def test_results_depend_on_everything_that_they_come_from() -> None:
    def digest(table: FeatureTable, context: tuple[str, ...] = ("scanner",)) -> str:
        return make_benches({"a": table}, label="stage", context=context)[1]["a"].digest

    first = make_table(12)
    assert digest(first) == digest(make_table(12))
    other = make_table(12)
    other.X.iloc[0, 0] += 1e-9
    moved = make_table(12)
    moved.obs.loc[0, "scanner"] = "B"
    renamed = make_table(12)
    renamed.X.columns = [f"x{c}" for c in renamed.X]
    assert len({digest(t) for t in (first, other, moved, renamed)}) == 4
    assert digest(first, ()) != digest(first)


def test_features_of_two_channels_need_both() -> None:
    X = pd.DataFrame({"t1_original_glcm_a": [1.0], "ged4_delta_glcm_b": [2.0]})
    table = FeatureTable(X, pd.DataFrame({"case": ["a"]}))
    book = pd.DataFrame({c: ["", ""] for c in table.codebook.columns})
    book["column"], book["channel"] = list(X), ["t1", "ged4+t1"]
    table = FeatureTable(X, table.obs, book)
    both = view_columns(table, channels=["t1", "ged4"], families=[], where="run")
    assert both == tuple(X)
    assert view_columns(table, channels=["t1"], families=[], where="run") == tuple(X)[:1]
    with pytest.raises(TableError, match="no feature is left"):
        view_columns(table, channels=["ged4"], families=[], where="run")


def test_the_first_table_that_a_level_names_is_seen() -> None:
    assert table_of([None, None]) == "the study's features"
    assert callable(load_tables)
