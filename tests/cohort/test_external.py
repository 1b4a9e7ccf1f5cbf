from __future__ import annotations

import pytest

from radiofib.cohort import Cohort
from radiofib.datacard import DataCard

pytestmark = pytest.mark.external


def test_byra_rois(external_data):
    root = external_data / "us" / "byra_rois"
    cohort = Cohort.from_card("byra_rois", root)
    assert not cohort.failures
    assert (len(cohort.acquisitions), len(cohort.patients)) == (550, 55)
    obs = cohort.obs()
    assert obs["stage"].cat.categories.tolist() == ["healthy", "steatosis"]
    patients = obs.drop_duplicates("patient")["stage"].value_counts()
    assert patients.to_dict() == {"steatosis": 38, "healthy": 17}
    assert (obs.groupby("patient").size() == 10).all()
    assert (obs.groupby("patient")["stage"].nunique() == 1).all()
    assert "ROI_08_5" in cohort.cases
    assert cohort.channels == ("us",)


def test_byra_rois_agree_with_their_card(external_data):
    report = DataCard.read("byra_rois").validate(external_data / "us" / "byra_rois")
    assert report.ok, report.render()
    assert report.traps.empty
    assert report.extra.empty
