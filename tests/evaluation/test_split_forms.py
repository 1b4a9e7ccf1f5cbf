"""No function lets a row of a patient, or a copy of one, stand on both sides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import SplitError, TableError
from radiofib.evaluation import Split, cross_validate
from radiofib.evaluation.split_forms import (
    fixed_splits,
    id_ood_splits,
    leave_one_centre_out,
    link_copies,
    nested_folds,
    read_split_file,
    rows_of_pairs,
)
from radiofib.evaluation.splits import leave_one_scanner_out, patient_folds
from radiofib.staging import make_stager
from radiofib.table import FeatureTable
from tests.evaluation.conftest import make_table


@st.composite
def tables(draw):
    """Rows with patient, stage, scanner, centre and part, and a few copies between patients."""
    n = draw(st.integers(40, 70))
    repeats = draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    patients = np.repeat([f"p{i}" for i in range(n)], repeats)
    stages = np.repeat(np.arange(n) % 2, repeats)
    rows = len(patients)
    scanners = rng.choice(["A", "B", "C", ""], rows, p=[0.4, 0.4, 0.15, 0.05])
    centres = np.repeat(rng.choice(["x", "y", "z"], n), repeats)
    parts = np.repeat(rng.choice(["train", "val", "test", ""], n), repeats)
    pairs = [tuple(rng.integers(0, rows, 2)) for _ in range(draw(st.integers(0, 3)))]
    order = rng.permutation(rows)
    inverse = np.argsort(order)
    columns = [c[order] for c in (patients, stages, scanners, centres, parts)]
    return (*columns, [(int(inverse[a]), int(inverse[b])) for a, b in pairs])


def _apart(splits, groups):
    for split in splits:
        assert split.train.size
        assert split.test.size
        assert not set(groups[split.train]) & set(groups[split.test])


@settings(max_examples=25)
@given(tables())
def test_no_patient_and_no_copy_is_on_both_sides(table):
    patients, stages, scanners, centres, parts, pairs = table
    groups = np.array(link_copies(patients, pairs))
    for i, j in pairs:
        assert groups[i] == groups[j]
    for patient in set(patients):
        assert len(set(groups[patients == patient])) == 1
    for who in (patients, groups):
        _apart(patient_folds(who, stages, folds=3), who)
        for nested in nested_folds(who, stages, outer=3, inner=2):
            _apart([nested.outer, *nested.inner], who)
            assert not set(who[nested.outer.test]) & {
                name for i in nested.inner for name in who[np.r_[i.train, i.test]]
            }
            inside = np.sort(np.concatenate([i.test for i in nested.inner]))
            assert inside.tolist() == nested.outer.train.tolist()
        for splits, _ in (leave_one_scanner_out(who, scanners), leave_one_centre_out(who, centres)):
            for split in splits:
                assert not set(who[split.train]) & set(who[split.test])
        # A share of 1/3 needs three patients of a stage: there are more.
        try:
            splits, left = id_ood_splits(who, stages, scanners, ood=["C"], test_share=0.5)
        except SplitError:
            continue
        _apart(splits, who)
        assert splits[0].train.tolist() == splits[1].train.tolist()
        assert "C" not in scanners[splits[0].train]
        assert set(scanners[splits[1].test]) == {"C"}
        used = np.concatenate([splits[0].train, splits[0].test, splits[1].test, left])
        assert sorted(used.tolist()) == list(range(len(who)))
    if "train" in parts and set(parts) - {"train", ""}:
        _apart(fixed_splits(patients, parts), patients)


def test_a_torn_patient_is_refused_in_a_fixed_split(tmp_path):
    path = tmp_path / "splits.csv"
    path.write_text("case,split\na,train\nb,test\nb,test\nc,val\n")
    parts = read_split_file(path, ["a", "b", "c", "d"])
    assert parts == ["train", "test", "val", None]
    splits = fixed_splits(["1", "2", "3", "4"], parts)
    assert [(s.name, s.test.tolist()) for s in splits] == [("test", [1]), ("val", [2])]
    with pytest.raises(SplitError, match="patients are in training and test"):
        fixed_splits(["1", "1", "3", "4"], parts)
    with pytest.raises(SplitError, match="needs a training part and another"):
        fixed_splits(["1", "2"], ["test", None])
    path.write_text("case,split\na,train\na,test\n")
    with pytest.raises(TableError, match=r"row 3: a case is in two splits .*case 'a': 'train'"):
        read_split_file(path, ["a"])
    path.write_text("case,part\na,train\n")
    with pytest.raises(TableError, match="unknown column 'split'"):
        read_split_file(path, ["a"])
    path.write_text("case,split\na,train\n")
    with pytest.raises(TableError, match=r"no case of the table is named .*found a"):
        read_split_file(path, ["z"])


def test_wrong_use_is_refused():
    with pytest.raises(SplitError, match="unknown scanner 'Q'"):
        id_ood_splits(["a", "b"], [0, 1], ["A", "B"], ood=["Q"])
    with pytest.raises(SplitError, match="share of the test set"):
        id_ood_splits(["a", "b"], [0, 1], ["A", "B"], ood=["B"], test_share=0.9)
    with pytest.raises(SplitError, match="not there"):
        link_copies(["a", "b"], [(0, 2)])
    pairs = pd.DataFrame({"case_a": ["a", "q"], "case_b": ["c", "a"]})
    assert rows_of_pairs(pairs, ["a", "b", "c", "a"]) == [(0, 2)]


def test_any_split_can_be_predicted_through():
    table = make_table(n_patients=40, rows=2)
    centres = np.array(["x", "y"])[(np.arange(80) // 8) % 2]
    obs = table.obs.assign(site=centres)
    obs.loc[[0, 79], "stage"] = None
    table = FeatureTable(table.X, obs)
    splits, _ = leave_one_centre_out(obs["patient"], centres)
    stager = make_stager("logistic")
    found, failures = cross_validate(table, stager, setting="loco", splits=splits)
    assert set(found["setting"]) == {"loco"}
    assert len(found) == 78
    assert (found["fold"].to_numpy() == centres[1:79]).all()
    assert len(failures) == 2
    leaky = [Split("1", np.arange(40), np.arange(39, 80))]
    with pytest.raises(SplitError, match="patients are in training and test"):
        cross_validate(table, stager, splits=leaky)
