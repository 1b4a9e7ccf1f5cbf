"""The published table gives the published figures; own predictions go the same way."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import RadiofibError, TableError
from radiofib.evaluation.lifs import (
    aggregate_scores,
    beside_published,
    best_and_median,
    check_cells,
    compare_readers,
    contrast_gain,
    factor_scores,
    find_collapse,
    published_cells,
    published_methods,
    score_cells,
    with_domain,
    write_lifs,
)
from radiofib.evaluation.lifs.figures import figure_factor
from radiofib.stats import auc, delong_paired

REFERENCE = Path(__file__).parent.parent / "reference" / "lifs_factors.csv"


def _reference():
    with REFERENCE.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("row", _reference(), ids=lambda r: f"{r['measure']} {r['level']}")
def test_the_factors_of_the_paper_come_out(row):
    factor, measure = row["measure"].split()
    found = factor_scores(published_cells(), published_methods(), [factor]).set_index("level")
    tolerance = float(row["tolerance"])
    assert found.loc[row["level"], measure] == pytest.approx(float(row["value"]), abs=tolerance)


def test_standard_deviations_use_n_minus_one():
    found = factor_scores(published_cells(), published_methods(), ["registration", "fusion"])
    scores = aggregate_scores(published_cells()).set_index("reader")
    row = found.set_index("level").loc["registered"]
    own = scores.loc[["NCTST", "UCL", "UoN"], "ID"]
    assert row["ID_sd"] == pytest.approx(np.sqrt(((own - own.mean()) ** 2).sum() / 2))
    assert np.isnan(found.set_index("level").loc["early", "ID_sd"])


def test_collapse_of_decisions_and_of_ranks_are_two_findings():
    found = find_collapse(published_cells())
    suspected = found[found["decision_collapse"] == "suspected"]
    assert (suspected["reader"] == "NWU-CN").sum() == 8
    uon = found[(found["reader"] == "UoN") & (found["acc"] == 92.86)].set_index("auc")
    assert uon.loc[86.31, ["decision_collapse", "rank_collapse"]].tolist() == ["suspected", "no"]
    # The other way round: an accuracy of its own, and an interval that covers one half.
    other = found[(found["decision_collapse"] == "no") & (found["rank_collapse"] == "yes")]
    assert len(other) > 0
    assert set(found.loc[found["acc"].isna(), "decision_collapse"]) == {""}


def test_best_and_fifth_of_nine_and_the_gain_from_contrast():
    found = best_and_median(published_cells())
    assert len(found) == 8
    assert set(found["methods"]) == {9}
    cells = published_cells()
    for row in found.itertuples():
        part = cells[
            (cells["kind"] == "method")
            & (cells["metric"] == "AUC")
            & (cells["setting"] == row.setting)
            & (cells["domain"] == row.domain)
            & (cells["subtask"] == row.subtask)
        ]["percent"]
        assert (row.best_percent, row.median_percent) == (part.max(), part.median())
    gain = contrast_gain(cells)
    own = gain[(gain["kind"] == "method") & (gain["domain"] == "OOD")]
    own = own[own["subtask"] == "S4_vs_S1-3"].set_index("reader")["gain"].round(2)
    assert (own["NWU-CN"], own["HQU"]) == (17.86, -21.28)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    out = tmp_path_factory.mktemp("lifs")
    return out, write_lifs(published_cells(), out, methods=published_methods())


def test_accuracies_that_do_not_arise_are_listed_with_the_numbers_that_fit(published):
    cells = pd.read_csv(published[0] / "cells.csv", dtype=str, keep_default_na=False)
    own = cells[cells["metric"] == "ACC"]
    odd = {
        (r.reader, r.percent): r.denominators
        for r in own.itertuples()
        if r.n not in r.denominators.split()
    }
    assert odd == {
        ("UCL", "74.58"): "118",
        ("UCL", "63.71"): odd["UCL", "63.71"],
        ("UCL", "88.29"): odd["UCL", "88.29"],
        ("NCTST", "74.49"): "",
        ("NCTST", "73.11"): "119",
    }
    # UCL's two are figures of the other test set.
    assert all("70" not in odd["UCL", p].split() for p in ("63.71", "88.29"))


def test_figures_are_vectors_and_the_same_each_time(published, tmp_path):
    out, written = published
    figures = [p.name for p in written if p.suffix == ".svg"]
    assert figures == [
        "figure_3_readers.svg",
        "figure_4a_registration.svg",
        "figure_4b_dimension.svg",
        "figure_4c_fusion.svg",
        "figure_4d_contrast.svg",
    ]
    for name in figures:
        text = (out / name).read_text()
        assert "<svg" in text
        assert "<image" not in text
        assert "dc:date" not in text
    scores = factor_scores(published_cells(), published_methods(), ["fusion"])
    again = figure_factor(scores, "fusion", tmp_path / "again.svg")
    assert again.read_bytes() == (out / "figure_4c_fusion.svg").read_bytes()


def _predictions(seed=0, n=60):
    """Predictions of three methods in both settings; scanner C is out of distribution."""
    rng = np.random.default_rng(seed)
    stage = rng.integers(0, 4, n)
    rows = []
    for setting in ("Contrast", "NonContrast"):
        for method, strength in (("good", 2.0), ("weak", 0.7), ("flat", 0.0)):
            centre = strength * stage + rng.normal(size=n)
            logits = -((centre[:, None] - strength * np.arange(4)) ** 2)
            p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            if method == "flat":
                p = np.tile([0.1, 0.1, 0.1, 0.7], (n, 1))
            rows += [
                {
                    "case": f"c{i:03d}",
                    "y_true": f"s{stage[i] + 1}",
                    "model": f"{method} [{setting}]",
                    "channels": setting,
                    "scanner": "C" if i % 3 == 0 else "A",
                    **{f"p_s{k + 1}": p[i, k] for k in range(4)},
                }
                for i in range(n)
            ]
    return pd.DataFrame(rows)


def test_own_predictions_are_scored_by_the_same_protocol():
    frame = _predictions()
    cells = score_cells(frame, ood=["C"])
    assert len(cells) == 3 * 16
    assert set(cells["data"]) == {"other data"}
    key = ["reader", "setting", "domain", "subtask", "metric"]
    values = cells.set_index(key)["percent"]
    own = frame[(frame["model"] == "good [Contrast]") & (frame["scanner"] == "A")]
    positive = (own["y_true"] == "s4").to_numpy()
    score = own["p_s4"].to_numpy()
    area = values["good", "Contrast", "ID", "S4_vs_S1-3", "AUC"]
    assert area == pytest.approx(100 * auc(positive, score))
    right = values["good", "Contrast", "ID", "S4_vs_S1-3", "ACC"]
    assert right == pytest.approx(100 * np.mean((score >= 0.5) == positive))
    scores = aggregate_scores(cells).set_index("reader")
    assert scores.loc["good", "ID"] == pytest.approx(values["good"][:, "ID"].mean())
    found = find_collapse(cells).set_index("reader")
    assert set(found.loc["flat", "decision_collapse"]) == {"yes"}
    assert set(found.loc["flat", "rank_collapse"]) == {"yes"}
    assert "yes" not in set(found.loc["good", "decision_collapse"])
    both = beside_published(cells)
    assert set(both["data"]) == {"other data", "LiFS, as published"}
    assert len(both) == 48 + 192


def test_readers_beside_best_and_median_on_the_same_cases():
    frame = with_domain(_predictions(3, n=90), {"C"})
    rng = np.random.default_rng(1)
    stage = frame.drop_duplicates("case").set_index("case")["y_true"].str[1].astype(int)
    rows = []
    for reader, strength in (("junior", 0.3), ("senior", 3.0)):
        for setting in ("Contrast", "NonContrast"):
            for target, sign in (("S4_vs_S1-3", 1), ("S1_vs_S2-4", -1)):
                seen = np.clip(np.round(4 + sign * strength * (stage - 2.5)
                                        + rng.normal(size=len(stage))), 1, 7)  # fmt: skip
                rows += [
                    {"case": c, "reader": reader, "channels": setting, "target": target, "score": s}
                    for c, s in seen.items()
                ]
    readings = pd.DataFrame(rows)
    # One reader missed a case: it is left out for everybody.
    readings = readings.drop(index=readings.index[(readings["case"] == "c001").argmax()])
    found = compare_readers(frame, readings, n_boot=400)
    assert len(found) == 2 * 2 * 2 * 2 * 2
    first = found[(found["setting"] == "Contrast") & (found["domain"] == "ID")]
    first = first[(first["target"] == "S4_vs_S1-3") & (first["rank"] == "best")].iloc[0]
    part = frame[(frame["channels"] == "Contrast") & (frame["domain"] == "ID")]
    cases = sorted(set(part["case"]) - {"c001"})
    assert first["n"] == len(cases)
    own = part[part["model"] == first["model"]].set_index("case").loc[cases]
    score = (
        readings[
            (readings["reader"] == first["reader"])
            & (readings["channels"] == "Contrast")
            & (readings["target"] == "S4_vs_S1-3")
        ]
        .set_index("case")
        .loc[cases, "score"]
    )
    paired = delong_paired(own["y_true"] == "s4", score, own["p_s4"])
    assert (first["difference"], first["p"]) == pytest.approx((paired.difference, paired.p))
    assert (found["p_holm"] >= found["p"]).all()
    assert (found["p_max"] > 0).all()
    arrows = found.loc[found["p"] < 0.05, ["difference", "arrow"]]
    assert (np.where(arrows["difference"] > 0, "up", "down") == arrows["arrow"]).all()
    assert set(found["rank"]) == {"best", "median"}


def test_wrong_tables_are_refused():
    frame = _predictions(n=12)
    with pytest.raises(TableError, match=r"columns are missing .*expected channels"):
        score_cells(frame.drop(columns="channels"))
    with pytest.raises(TableError, match="unknown y_true 'f0'"):
        score_cells(frame.assign(y_true="f0"))
    with pytest.raises(TableError, match="a case is predicted twice"):
        score_cells(pd.concat([frame, frame.iloc[:1]]))
    cells = published_cells()
    with pytest.raises(TableError, match="row 2: not a percentage"):
        check_cells(cells.assign(percent=[120.0, *cells["percent"][1:]]))
    with pytest.raises(TableError, match="a cell is given twice"):
        check_cells(pd.concat([cells, cells.iloc[:1]]))
    with pytest.raises(RadiofibError, match="no method of the table has a score"):
        factor_scores(cells, pd.DataFrame({"method": ["nobody"], "fusion": ["late"]}))
    one = frame[frame["y_true"] != "s4"]
    lost = score_cells(one[one["channels"] == "Contrast"], ood=["C"])
    note = lost[(lost["subtask"] == "S4_vs_S1-3") & (lost["metric"] == "AUC")]
    assert set(note["note"]) == {"no AUC: one class is absent"}
    assert aggregate_scores(lost)["ID"].isna().all()


@pytest.mark.external
def test_the_packaged_figures_are_those_of_the_reference(external_data):
    reference = pd.read_csv(external_data.parent / "reference" / "lifs_published.csv")
    key = ["reader", "setting", "domain", "subtask", "metric"]
    ours = published_cells().set_index(key)["percent"]
    theirs = reference.set_index(key)["percent"]
    pd.testing.assert_series_equal(ours.sort_index(), theirs.sort_index())
