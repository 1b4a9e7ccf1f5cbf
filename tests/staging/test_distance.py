"""The distance to training: rare on cases like those of training, common on others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib.errors import ModelError
from radiofib.simulate.cohorts import TableSettings, simulate_table
from radiofib.staging.distance import LIMIT, TrainingDistance, feature_blocks
from radiofib.staging.inputs import StagerInputError
from tests._examples import examples
from tests.evaluation import uncertainty_plan as plan


@parametrize_with_checks(
    [TrainingDistance()],
    expected_failed_checks=lambda _: {
        "check_dataframe_column_names_consistency": "columns are put in order by name",
    },
)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


def _parts(
    table_settings: TableSettings, seed: int, patients: int = plan.DISTANCE_PATIENTS
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return training rows of known scanners, new rows of them, and rows of scanner C."""
    table = simulate_table(patients, seed=seed, settings=table_settings).table
    frame = pd.concat([table.X, table.obs[["patient", "scanner"]].astype(str)], axis=1)
    known = frame[frame["scanner"] != "C"]
    owners = known["patient"].unique()
    train = known["patient"].isin(owners[: int(0.6 * len(owners))])
    return known[train], known[~train], frame[frame["scanner"] == "C"]


def _p(train: pd.DataFrame, *others: pd.DataFrame) -> list[np.ndarray]:
    distance = TrainingDistance(patient_column="patient")
    distance.fit(train.drop(columns=["patient", "scanner"]), context=train[["patient"]])
    return [
        distance.transform(other.drop(columns=["patient", "scanner"]), context=other[["patient"]])[
            "distance_p"
        ].to_numpy()
        for other in others
    ]


def _shares(table_settings: TableSettings, seeds: tuple[int, ...]) -> np.ndarray:
    """Return, for each seed, the share beyond the limit of new known cases and of scanner C."""
    found = []
    for seed in seeds:
        train, new, other = _parts(table_settings, seed)
        found.append([(p <= LIMIT).mean() for p in _p(train, new, other)])
    return np.array(found)


def test_a_moderate_shift_is_seen_and_new_cases_are_not_suspected():
    shares = _shares(plan.distance_settings(1.0), plan.DISTANCE_SEEDS[:4])
    assert abs(shares[:, 0].mean() - LIMIT) <= 0.04  # four seeds: twice the slack
    assert shares[:, 1].mean() >= plan.DETECTED[1.0]


@pytest.mark.slow
@pytest.mark.parametrize("shift", list(plan.DETECTED))
def test_a_shifted_scanner_is_seen(shift):
    shares = _shares(plan.distance_settings(shift), plan.DISTANCE_SEEDS)
    assert abs(shares[:, 0].mean() - LIMIT) <= plan.FALSE_ALARM_SLACK
    assert shares[:, 1].mean() >= plan.DETECTED[shift]


@pytest.mark.slow
@pytest.mark.parametrize(
    "table_settings",
    [
        plan.distance_settings(0.0),
        plan.distance_settings(0.0, missing=0.4),
        plan.distance_settings(0.5, missing=0.4),
        plan.distance_settings(0.5, rows_per_patient=3),
        plan.OTHER_SETTINGS,
    ],
    ids=["no shift", "no shift, DWI missing", "DWI missing", "three rows", "other numbers"],
)
def test_false_alarms_are_as_many_as_said(table_settings):
    shares = _shares(table_settings, plan.DISTANCE_SEEDS)
    assert abs(shares[:, 0].mean() - LIMIT) <= plan.FALSE_ALARM_SLACK
    if table_settings.shift_sd == 0:
        assert abs(shares[:, 1].mean() - LIMIT) <= plan.FALSE_ALARM_SLACK


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(80, 12))
    values += rng.normal(size=(80, 1))
    names = [f"{c}_original_x_{k}" for c in ("t1", "dwi", "ged4") for k in range(4)]
    return pd.DataFrame(values, columns=names)


def test_a_missing_channel_is_no_distance_and_its_fellows_still_count(frame):
    gaps = frame.copy()
    gaps.loc[:29, [c for c in frame if c.startswith("dwi")]] = np.nan
    distance = TrainingDistance().fit(gaps)
    new = gaps.iloc[[0, 40]].copy()
    found = distance.transform(new)
    assert np.isnan(found["dwi_distance_p"].tolist()).tolist() == [True, False]
    assert found["distance_p"].notna().all()
    new["t1_original_x_1"] = 40.0
    assert (distance.transform(new)["distance_p"] <= LIMIT).all()
    assert distance.transform(new * np.nan)["distance_p"].isna().all()


def test_channels_that_no_training_case_has_together_are_compared_one_by_one(frame):
    gaps = frame.copy()
    gaps.loc[:39, [c for c in frame if c.startswith("dwi")]] = np.nan
    gaps.loc[40:, [c for c in frame if c.startswith("t1")]] = np.nan
    distance = TrainingDistance().fit(gaps)
    assert distance.transform(frame)["distance_p"].between(0, 1).all()
    far = frame.assign(ged4_original_x_0=30.0)
    assert (distance.transform(far)["distance_p"] <= LIMIT).all()


def test_gaps_within_a_channel_do_not_make_a_case_strange(frame):
    holes = frame.copy()
    rng = np.random.default_rng(4)
    distance = TrainingDistance().fit(frame.head(60))
    holes = holes.mask(rng.random(holes.shape) < 0.3).tail(20)
    assert (distance.transform(holes)["distance_p"] <= LIMIT).mean() <= 0.25


def test_a_case_is_not_compared_with_a_plane_of_its_own(frame):
    """On 80 rows of 12 columns T2 of training rows is visibly smaller than that of new ones."""
    p = TrainingDistance(most_components=12).fit(frame).transform(frame)["distance_p"]
    assert p.mean() > 0.5


def test_rows_repeated_within_patients_change_nothing(frame):
    owner = pd.DataFrame({"patient": [f"p{i:02d}" for i in range(len(frame))]})
    once = TrainingDistance(patient_column="patient").fit(frame, context=owner)
    many = pd.concat([frame] * 3, ignore_index=True)
    thrice = TrainingDistance(patient_column="patient").fit(
        many, context=pd.concat([owner] * 3, ignore_index=True)
    )
    new = frame.head(10) + 0.3
    a, b = (
        d.transform(new, context=owner.head(10))["distance_p"].to_numpy() for d in (once, thrice)
    )
    # Only quantiles and the number of directions allowed may move a little.
    assert np.abs(a - b).max() < 0.15


def test_constant_and_empty_columns_are_left_out(frame):
    odd = frame.assign(t1_original_x_0=7.0, t1_original_x_1=np.nan)
    distance = TrainingDistance().fit(odd)
    assert distance.transform(odd.assign(t1_original_x_0=8.0))["distance_p"].notna().all()
    none = frame.copy()
    none[[c for c in frame if c.startswith("t1")]] = np.nan
    assert TrainingDistance().fit(none).blocks_ == ["dwi", "ged4"]


def test_columns_are_found_by_name_and_unknown_ones_refused(frame):
    distance = TrainingDistance().fit(frame)
    turned = frame[frame.columns[::-1]]
    assert np.array_equal(distance.transform(turned), distance.transform(frame))
    with pytest.raises(StagerInputError, match="t1_original_x_0"):
        distance.transform(frame.drop(columns="t1_original_x_0"))


def test_one_patient_is_too_few(frame):
    owner = pd.DataFrame({"patient": ["p"] * len(frame)})
    with pytest.raises(StagerInputError, match="at least two patients"):
        TrainingDistance(patient_column="patient").fit(frame, context=owner)
    with pytest.raises(StagerInputError, match="at least 2"):
        TrainingDistance(folds=1).fit(frame)


def test_equal_input_gives_equal_distances_and_survives_storage(frame):
    a, b = (clone(TrainingDistance(random_state=4)).fit(frame) for _ in range(2))
    for one, other in zip(a.state()[1].values(), b.state()[1].values(), strict=True):
        assert np.array_equal(one, other, equal_nan=True)
    again = TrainingDistance.from_state(*a.state())
    assert np.array_equal(again.transform(frame), a.transform(frame))
    stored = skops.io.dumps(a)
    trusted = ["radiofib.staging.distance.TrainingDistance"]
    assert set(skops.io.get_untrusted_types(data=stored)) == set(trusted)
    loaded = skops.io.loads(stored, trusted=trusted)
    assert np.array_equal(loaded.transform(frame), a.transform(frame))


def test_a_damaged_state_is_refused(frame):
    plain, arrays = TrainingDistance().fit(frame).state()
    for broken in (
        {**arrays, "plane0_components": arrays["plane0_components"][:, 1:]},
        {k: v for k, v in arrays.items() if k != "spread"},
    ):
        with pytest.raises(ModelError, match="cannot be read"):
            TrainingDistance.from_state(plain, broken)
    with pytest.raises(ModelError, match="cannot be read"):
        TrainingDistance.from_state({**plain, "parameters": {"unknown": 1}}, arrays)


@settings(max_examples=examples(12), deadline=None)
@given(
    st.integers(3, 12).flatmap(
        lambda n: st.lists(
            st.lists(st.one_of(st.none(), st.floats(-1e30, 1e30)), min_size=4, max_size=4),
            min_size=n,
            max_size=n,
        )
    )
)
def test_any_numbers_give_shares(rows):
    names = ["t1_a", "t1_b", "t2_a", "t2_b"]
    frame = pd.DataFrame(rows, columns=names, dtype=float)
    found = TrainingDistance(folds=3).fit(frame).transform(frame).to_numpy()
    known = found[~np.isnan(found)]
    assert ((known > 0) & (known <= 1)).all()


def test_single_columns_share_a_block():
    assert feature_blocks(["mean", "area"]) == ["other", "other"]
