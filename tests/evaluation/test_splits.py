from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.errors import SplitError
from radiofib.evaluation import Split, check_no_leak, leave_one_scanner_out, patient_folds


@st.composite
def cohorts(draw):
    """Patients with one stage and one to four rows each; every stage has enough patients."""
    folds = draw(st.integers(2, 6))
    sizes = draw(st.lists(st.integers(folds, 12), min_size=2, max_size=4))
    stages = np.repeat([f"s{k}" for k in range(len(sizes))], sizes)
    repeats = draw(st.lists(st.integers(1, 4), min_size=len(stages), max_size=len(stages)))
    patients = np.repeat([f"p{i}" for i in range(len(stages))], repeats)
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(patients))
    return folds, patients[order], np.repeat(stages, repeats)[order]


@given(cohorts(), st.integers(0, 5))
def test_folds_keep_patients_together_and_stages_balanced(cohort, seed):
    folds, patients, stages = cohort
    splits = patient_folds(patients, stages, folds=folds, random_state=seed)
    tested = np.concatenate([s.test for s in splits])
    assert sorted(tested.tolist()) == list(range(len(patients)))
    assert [s.name for s in splits] == [str(k + 1) for k in range(folds)]
    for split in splits:
        assert not set(patients[split.train]) & set(patients[split.test])
        assert len(split.train) + len(split.test) == len(patients)
    for stage in [*np.unique(stages), None]:
        rows = np.ones(len(stages), bool) if stage is None else stages == stage
        counts = [len(set(patients[s.test][rows[s.test]])) for s in splits]
        assert max(counts) - min(counts) <= 1


@given(cohorts())
def test_folds_depend_on_patients_not_on_rows(cohort):
    folds, patients, stages = cohort
    splits = patient_folds(patients, stages, folds=folds)
    order = np.argsort(patients, kind="stable")
    again = patient_folds(patients[order], stages[order], folds=folds)
    assert [set(patients[s.test]) for s in splits] == [set(patients[order][s.test]) for s in again]
    tenfold = patient_folds(np.tile(patients, 10), np.tile(stages, 10), folds=folds)
    names = np.tile(patients, 10)
    assert [set(patients[s.test]) for s in splits] == [set(names[s.test]) for s in tenfold]


def test_seeds_differ():
    patients, stages = [f"p{i}" for i in range(40)], ["a", "b"] * 20
    first = patient_folds(patients, stages, random_state=0)[0].test.tolist()
    assert first != patient_folds(patients, stages, random_state=1)[0].test.tolist()


def test_rows_are_balanced_when_patients_differ_in_rows():
    repeats = [20, 20, 1, 1, 1, 1, 1, 1, 1, 1]
    patients = np.repeat([f"p{i}" for i in range(10)], repeats)
    splits = patient_folds(patients, np.repeat(["a"] * 10, repeats), folds=2)
    assert [len(s.test) for s in splits] == [24, 24]


def test_too_few_patients_says_what_to_do():
    stages = ["s1"] * 20 + ["s2"] * 3 + ["s3"] * 2
    patients = [*range(20), 20, 20, 20, 21, 22]
    with pytest.raises(
        SplitError,
        match=r"stage 's2' has too few patients for 5 folds \(2 stages have too few\) "
        r"\(expected at least 5 patients; found 1 patient\)\. Next: leave that stage out",
    ):
        patient_folds(patients, stages)
    with pytest.raises(SplitError, match=r"found 2 patients\)\. Next: ask for 2 folds"):
        patient_folds(range(8), ["a"] * 6 + ["b"] * 2, folds=3)
    with pytest.raises(SplitError, match="at least two folds"):
        patient_folds([1, 2], ["a", "b"], folds=1)


def test_missing_patient_or_stage_is_named():
    with pytest.raises(SplitError, match=r"row 2: patient is missing"):
        patient_folds(["a", None], ["s1", "s1"], folds=2)
    with pytest.raises(SplitError, match=r"row 1: stage is missing"):
        patient_folds(["a", "b"], [float("nan"), "s1"], folds=2)


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from(["A", "B", "C", None, ""])),
        min_size=2,
        max_size=60,
    ).filter(lambda rows: len({s for _, s in rows if s}) > 1)
)
def test_a_scanner_left_out_is_unseen(rows):
    patients, scanners = zip(*rows, strict=True)
    splits, excluded = leave_one_scanner_out(patients, scanners)
    names, machines = np.array(patients), np.array(scanners, dtype=object)
    assert [s.name for s in splits] == sorted({s for s in scanners if s})
    assert excluded.tolist() == [i for i, s in enumerate(scanners) if not s]
    tested = np.concatenate([s.test for s in splits])
    assert sorted([*tested, *excluded]) == list(range(len(rows)))
    for split in splits:
        assert set(machines[split.test]) == {split.name}
        assert split.name not in machines[split.train]
        assert not set(names[split.train]) & set(names[split.test])
        kept = set(split.train.tolist())
        for row in range(len(rows)):
            other = scanners[row] and scanners[row] != split.name
            assert (row in kept) == bool(other and names[row] not in names[split.test])


def test_one_scanner_cannot_be_left_out():
    with pytest.raises(SplitError, match=r"at least two scanners \(found A\)"):
        leave_one_scanner_out(["a", "b"], ["A", "A"])
    with pytest.raises(SplitError, match="no scanner at all"):
        leave_one_scanner_out(["a", "b"], [None, None])


def test_a_leak_is_refused():
    with pytest.raises(SplitError, match=r"split '2': .*found p1"):
        check_no_leak([Split("2", np.array([0, 1]), np.array([2]))], ["p0", "p1", "p1"])
    twice = [Split("1", np.array([0]), np.array([1])), Split("2", np.array([0]), np.array([1]))]
    with pytest.raises(SplitError, match=r"more than once \(found rows 2\)"):
        check_no_leak(twice, ["a", "b"])
