"""Fixed parts: trained on one, tested on the others, no patient on two sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.datacard.schemes import derive_scheme
from radiofib.errors import ConfigError, SplitError
from radiofib.evaluation.drawn_parts import draw_parts
from radiofib.staging import load_stager
from radiofib.study import RunFolder, StudyConfig
from radiofib.study.model import evaluate_step, train_step
from radiofib.study.parts import fixed_parts, left_out, training_rows
from radiofib.study.progress import silent
from radiofib.study.uncertainty import uncertainty_step
from radiofib.table import FeatureTable
from tests._examples import examples

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
TEXT = {
    "title": "Parts",
    "cohort": "cohort.csv",
    "stager": {"name": "logistic", "params": {"C": 1.0}},
    "evaluation": {"settings": ["fixed"], "parts": SHARES, "n_boot": 100, "controls": False},
}
STUDY = StudyConfig.parse(TEXT, where="study.yaml")


def _table(patients: int = 80, images: int = 2) -> FeatureTable:
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(patients), images)
    late = who % 2
    X = pd.DataFrame({"us_original_firstorder_mean": 2.0 * late + rng.normal(size=len(who))})
    obs = pd.DataFrame(
        {
            "case": [f"p{k:02d}_{i}" for i, k in enumerate(who)],
            "patient": [f"p{k:02d}" for k in who],
            "stage": np.where(late, "f4", "f0"),
            "split": [("external" if k >= 60 else None) for k in who],
        }
    )
    return FeatureTable(X, obs)


def test_parts_are_dealt_by_patient_and_the_external_set_is_never_learnt_from(
    tmp_path: Path,
) -> None:
    table, scheme, folder = _table(), derive_scheme(["f0", "f4"]), RunFolder(tmp_path)
    assert train_step(STUDY, table, scheme, folder, "h", silent) == []
    assert evaluate_step(STUDY, table, scheme, folder, "h", silent) == []
    assert uncertainty_step(STUDY, table, scheme, folder, "h", silent) == []
    rows = pd.read_csv(tmp_path / "predictions.csv")
    counts = rows.groupby("setting")["patient"].nunique()
    assert counts.to_dict() == {"external": 20, "test": 12, "val": 12}
    learnt = training_rows(STUDY, table)
    assert len(set(learnt.obs["patient"])) == 36
    assert not set(learnt.obs["patient"]) & set(rows["patient"])
    # What is stored is what was tested.
    stager, _ = load_stager(tmp_path / "model.skops")
    mine = stager.fit(learnt.X, learnt.obs["stage"].to_numpy()).predict_proba(table.X)[:, 1]
    tested = rows.set_index("case")["p_f4"]
    own = pd.Series(mine, index=table.obs["case"])
    assert np.allclose(tested, own[tested.index], atol=1e-9)
    metrics = pd.read_csv(tmp_path / "evaluation/metrics.csv")
    auc = metrics[(metrics["metric"] == "auc") & (metrics["unit"] == "patient")]
    assert set(auc["setting"]) == {"test", "external", "val"}
    assert auc["estimate"].min() > 0.8


def test_the_first_part_shown_is_the_test_set() -> None:
    assert [s.name for s in fixed_parts(STUDY, _table())] == ["test", "external", "val"]


def test_published_parts_are_taken_as_they_are() -> None:
    study = StudyConfig.parse({**TEXT, "evaluation": {"settings": ["fixed"]}}, where="study.yaml")
    table = _table()
    parts = np.where(np.arange(160) < 80, "train", "test")
    published = FeatureTable(table.X, table.obs.assign(split=parts))
    assert [(s.name, len(s.train), len(s.test)) for s in fixed_parts(study, published)] == [
        ("test", 80, 80)
    ]
    leaking = FeatureTable(table.X, table.obs.assign(split=np.resize(["train", "test"], 160)))
    with pytest.raises(SplitError, match="patients are in training and test"):
        fixed_parts(study, leaking)


@pytest.mark.parametrize("shares", [{}, {"parts": SHARES}])
def test_copies_in_two_given_parts_are_called_copies(tmp_path: Path, shares: dict) -> None:
    given = {"settings": ["fixed"], **shares, "n_boot": 100, "controls": False}
    study = StudyConfig.parse({**TEXT, "evaluation": given}, where="study.yaml")
    table = _table(images=1)
    parts = ["train"] * 40 + ["test"] * 40
    group = [{3: "g1", 60: "g1"}.get(k) for k in range(80)]
    rows = FeatureTable(table.X, table.obs.assign(split=parts, image_group=group))
    with pytest.raises(SplitError) as caught:
        fixed_parts(study, rows)
    told = str(caught.value)
    assert "copies of one picture" in told
    assert "case p03_3 of patient p03 in train" in told
    assert "case p60_60 of patient p60 in test" in told
    assert "column 'split'" in told
    [failure] = evaluate_step(study, rows, derive_scheme(["f0", "f4"]), RunFolder(tmp_path), "h",
                              silent)  # fmt: skip
    assert ")." not in failure.reason.split(" Next: ")[0].rstrip(".")[:-1]
    assert "case p03_3" in failure.reason


def test_copies_of_a_picture_stay_in_one_part() -> None:
    table = _table(images=1)
    group = [f"g{k % 20}" if k < 40 else None for k in range(80)]
    rows = FeatureTable(table.X, table.obs.assign(image_group=group))
    splits = fixed_parts(STUDY, rows)
    side = {row: s.name for s in splits for row in s.test.tolist()}
    assert all(side.get(k) == side.get(k + 20) for k in range(20))
    assert len(set(side.values())) == 3


def test_a_copy_moves_no_patient_into_a_given_part(tmp_path: Path) -> None:
    table = _table(images=1)
    # p13 and p14 have pictures of p60 and p61 (external), p15 one of p14.
    group = {13: "g1", 60: "g1", 14: "g2", 61: "g2", 15: "g2", 20: "g3", 21: "g3"}
    rows = FeatureTable(table.X, table.obs.assign(image_group=[group.get(k) for k in range(80)]))
    splits = {s.name: s for s in fixed_parts(STUDY, rows)}
    assert len(splits["external"].test) == 20
    used = {int(k) for s in splits.values() for k in (*s.train, *s.test)}
    assert set(range(80)) - used == {13, 14, 15}
    assert not set(training_rows(STUDY, rows).obs["patient"]) & {"p13", "p14", "p15"}
    [said] = left_out(STUDY, rows)
    assert "3 patients without a part share a picture with one of part 'external'" in said.doubt
    assert "p13, p14, p15 are left out of training" in said.doubt
    assert left_out(STUDY, table) == []
    scheme, folder = derive_scheme(["f0", "f4"]), RunFolder(tmp_path)
    assert evaluate_step(STUDY, rows, scheme, folder, "h", silent) == []
    tested = pd.read_csv(tmp_path / "predictions.csv").groupby("setting")["patient"].nunique()
    assert tested["external"] == 20


def test_a_patient_keeps_the_part_of_one_of_its_rows() -> None:
    table = _table()
    table.obs.loc[table.obs["case"] == "p60_121", "split"] = None
    assert len({s.name: s for s in fixed_parts(STUDY, table)}["external"].test) == 40
    assert left_out(STUDY, table) == []


@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=80),
    st.integers(0, 5),
)
def test_a_patient_is_in_one_part_and_parts_have_their_share(rows, seed) -> None:
    patients = [str(p) for p, _ in rows]
    parts = draw_parts(patients, [s for _, s in rows], SHARES, random_state=seed)
    of = dict(zip(patients, parts, strict=True))
    assert [of[p] for p in patients] == parts
    held = [list(of.values()).count(name) for name in SHARES]
    # Each of at most four stages is off by less than one patient.
    assert all(abs(n - share * len(of)) < 4 for n, share in zip(held, SHARES.values(), strict=True))
    again = draw_parts(patients[::-1], [s for _, s in rows][::-1], SHARES, random_state=seed)
    commonest_is_clear = len({p for p, _ in rows}) == len(set(rows))
    if commonest_is_clear:
        assert again[::-1] == parts


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"settings": ["cv"]}, "belongs to the setting 'fixed'"),
        ({"parts": {"val": 0.5, "test": 0.5}}, "must have a part 'train'"),
        ({"parts": {"train": 0.5, "test": 0.4}}, "add up to 1"),
    ],
)
def test_wrong_parts_are_refused(change: dict, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        StudyConfig.parse({**TEXT, "evaluation": {**TEXT["evaluation"], **change}}, where="s.yaml")


def test_shares_and_given_parts_that_cannot_be() -> None:
    with pytest.raises(SplitError, match="add up to 1"):
        draw_parts(["a"], [0], {"train": 0.5})
    with pytest.raises(SplitError, match=r"in two parts.*a"):
        draw_parts(["a", "a"], [0, 0], SHARES, given=["external", "train"])
