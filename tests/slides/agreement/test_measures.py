"""Slides against readers: the values of R, what is compared with what, and what is said."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiofib import stats
from radiofib.errors import TableError
from radiofib.slides.agreement.measures import AGREEMENT_COLUMNS, read_slides, reader_agreement
from radiofib.slides.agreement.readings import Readings
from radiofib.slides.specs import column

COUNT, LENGTH, AREA = (
    "portal_tract_count",
    "morphometry_core_length_mm",
    "morphometry_tissue_area_mm2",
)


def rows(frame: pd.DataFrame, second: str, measure: str) -> pd.DataFrame:
    own = frame[(frame["second"] == second) & (frame["measure"] == measure)]
    return own.set_index("metric")


def test_values_are_those_of_r(repository: Path) -> None:
    reference = repository / "tests/reference"
    cases = pd.read_csv(reference / "r_small_cases.csv").dropna(subset=["m1", "m2", "k1", "k2"])
    cases.index = [f"c{i}" for i in range(len(cases))]
    theirs = pd.read_csv(reference / "r_small.csv").set_index(["name", "part"])["value"]
    slides = cases[["k1", "m1"]].set_axis([COUNT, LENGTH], axis=1).astype(float)
    reader = cases[["k2", "m2"]].set_axis([COUNT, LENGTH], axis=1).astype(float)
    frame = reader_agreement(slides, Readings({"R": reader}))
    icc = rows(frame, "R", LENGTH).loc["icc_a_1"]
    assert icc["n"] == len(cases)
    for name, key in (("estimate", "icc"), ("ci_low", "icc_low"), ("ci_high", "icc_high")):
        assert icc[name] == pytest.approx(theirs[key, 1], abs=1e-9)
    kappa = rows(frame, "R", COUNT).loc["quadratic_weighted_kappa"]
    assert kappa["estimate"] == pytest.approx(theirs["kappa_psych", 1], abs=1e-9)


def test_each_reader_is_compared_with_the_slides_and_with_the_others() -> None:
    rng = np.random.default_rng(4)
    index = [f"c{i}" for i in range(20)]
    stage = pd.Series(np.repeat([1.0, 2, 4, 4], 5), index)
    slides = pd.DataFrame(
        {
            COUNT: rng.integers(3, 20, 20).astype(float),
            AREA: rng.uniform(5, 20, 20),
            LENGTH: rng.uniform(8, 30, 20),
            "portal_area_percent": 3 * stage + rng.normal(0, 1, 20),
        },
        index,
    )
    first = slides[[COUNT, LENGTH]].assign(stage=stage)
    second = (slides[[COUNT, LENGTH]] + 1).iloc[:15].assign(stage=stage)
    frame = reader_agreement(slides, Readings({"A": first, "B": second}))
    assert tuple(frame) == AGREEMENT_COLUMNS
    pairs = frame[["first", "second"]].drop_duplicates().to_numpy().tolist()
    assert ["radiofib", "A"] in pairs
    assert ["A", "B"] in pairs
    assert rows(frame, "A", COUNT).loc["linear_weighted_kappa", "estimate"] == 1
    # First minus second.
    assert rows(frame[frame["first"] == "radiofib"], "B", COUNT).loc["bias", "estimate"] == -1
    assert rows(frame[frame["first"] == "A"], "B", COUNT).loc[
        "bias", ["estimate", "n"]
    ].tolist() == [
        -1,
        15,
    ]
    published = rows(frame, "A", f"{AREA} with {LENGTH}").loc["pearson"]
    assert published["estimate"] == pytest.approx(np.corrcoef(slides[AREA], slides[LENGTH])[0, 1])
    assert published["ci_low"] < published["estimate"] < published["ci_high"]
    by_stage = rows(frame, "A", "portal_area_percent with stage")
    # A stage that nobody has keeps its place between the others.
    percent = slides["portal_area_percent"]
    assert by_stage.loc["pearson", "estimate"] == pytest.approx(np.corrcoef(percent, stage)[0, 1])
    test = stats.jonckheere((stage - 1).astype(int), percent, 4)
    assert by_stage.loc["jonckheere", ["estimate", "p"]].tolist() == [test.statistic, test.p]
    assert "spearman" in by_stage.index


def test_too_few_cases_cost_their_own_rows() -> None:
    index = ["a", "b", "c", "d"]
    slides = pd.DataFrame({COUNT: [5, 6, math.nan, math.nan], LENGTH: [9.0, 12, 8, 20]}, index)
    frame = reader_agreement(slides, Readings({"A": slides + 1}))
    [count] = rows(frame, "A", COUNT).to_dict("records")
    assert math.isnan(count["estimate"])
    assert count["n"] == 2
    assert "three cases" in count["note"]
    assert rows(frame, "A", LENGTH).loc["bias", "estimate"] == -1


def test_tables_without_a_case_in_common_are_refused() -> None:
    slides = pd.DataFrame({COUNT: [5.0]}, ["bx1"])
    with pytest.raises(TableError, match=r"no case is in both .*bx1.*bx1\.svs"):
        reader_agreement(slides, Readings({"A": pd.DataFrame({COUNT: [5.0]}, ["bx1.svs"])}))


def test_slides_are_read_from_csv_or_folder_and_other_tables_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"case": ["007", "b"], "vendor": "aperio", "mpp_x_um": 0.5, column(COUNT): [5.0, None]}
    )
    frame.to_csv(tmp_path / "slides.csv", index=False)
    frame.to_parquet(tmp_path / "slides.parquet")
    for path in (tmp_path, tmp_path / "slides.csv"):
        found, name = read_slides(path)
        assert name == "radiofib"
        assert found.index.tolist() == ["007", "b"]
        assert found[COUNT].isna().tolist() == [False, True]
        assert found["mpp_x_um"].tolist() == [0.5, 0.5]
    frame.assign(segmentation_source="classical").to_csv(tmp_path / "c.csv", index=False)
    assert read_slides(tmp_path / "c.csv")[1] == "radiofib (classical)"
    frame[["case", "vendor"]].to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(TableError, match="not a table of slides"):
        read_slides(tmp_path / "other.csv")
    pd.concat([frame, frame]).to_csv(tmp_path / "twice.csv", index=False)
    with pytest.raises(TableError, match="two rows"):
        read_slides(tmp_path / "twice.csv")
