"""The ablation finds what was planted, in the planted order, and nothing where nothing was."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

from radiofib.simulate.ablations import simulate_ablation_table
from radiofib.study.ablate import ablate_study
from radiofib.study.config import StudyConfig
from tests.study.ablation_plants import (
    COHORTS,
    FIRST_OOD,
    N_PATIENTS,
    ORDER,
    SEEDS,
    STAGER,
    ablation,
)

pytestmark = [pytest.mark.proof, pytest.mark.timeout(3600)]

CLAIMS = Path(__file__).parent.parent / "reference" / "ablation_claims.csv"


def tell(figure: object) -> None:
    """Show a figure (pytest -s)."""
    sys.stdout.write(f"{figure}\n")


def limit(cohort: str, measure: str) -> float:
    claims = pd.read_csv(CLAIMS)
    [row] = claims[(claims["cohort"] == cohort) & claims["measure"].str.startswith(measure)].index
    return float(claims.loc[row, "value"])


def run(cohort: str, seed: int, folder: Path) -> pd.DataFrame:
    """Compare the choices in one cohort; return the effects on the mean AUC over targets."""
    made = simulate_ablation_table(N_PATIENTS, seed=seed, settings=COHORTS[cohort])
    made.table.to_parquet(folder / f"{cohort}{seed}.parquet")
    study = StudyConfig.parse(
        {
            "title": cohort,
            "stager": STAGER,
            "ablate": {**ablation(cohort), "features": f"{cohort}{seed}.parquet"},
        },
        where=cohort,
    )
    out = folder / f"{cohort}_{seed}"
    done = ablate_study(study, root=folder, out=out, workers=1)
    assert not done.failures
    effects = pd.read_csv(out / "ablation" / "effects.csv")
    effects = effects[(effects["target"] == "all") & (effects["metric"] == "auc")]
    return effects.assign(cohort=cohort, seed=seed)


@pytest.fixture(scope="module")
def effects(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("ablations")
    frame = pd.concat([run(c, s, folder) for c in COHORTS for s in SEEDS], ignore_index=True)
    frame["covers"] = (frame["ci_low"] <= 0) & (frame["ci_high"] >= 0)
    frame["size"] = frame["estimate"].abs()
    keys = ["cohort", "domain", "factor"]
    tell(frame.groupby(keys, sort=False)[["estimate", "size", "fold_sd", "covers"]].mean())
    return frame


def orders(effects: pd.DataFrame, cohort: str, domain: str) -> list[tuple[str, ...]]:
    """Return the factors of each seed, the largest effect first."""
    part = effects[(effects["cohort"] == cohort) & (effects["domain"] == domain)]
    ordered = part.sort_values(["seed", "size"], ascending=[True, False])
    return [tuple(own["factor"]) for _, own in ordered.groupby("seed")]


@pytest.mark.parametrize("cohort", ORDER)
def test_the_planted_order_comes_out(effects: pd.DataFrame, cohort: str) -> None:
    found = orders(effects, cohort, "ID")
    hits = sum(order == ORDER[cohort] for order in found)
    tell(f"{cohort}: {hits} of {len(found)} seeds")
    assert len(found) == len(SEEDS)
    assert hits >= limit(cohort, "seeds of 20 with the planted order")


@pytest.mark.parametrize("cohort", FIRST_OOD)
def test_the_sequence_set_comes_first_on_unseen_scanners(
    effects: pd.DataFrame, cohort: str
) -> None:
    hits = sum(order[0] == FIRST_OOD[cohort] for order in orders(effects, cohort, "OOD"))
    tell(f"{cohort}, unseen: {hits} of {len(SEEDS)} seeds")
    assert hits >= limit(cohort, "seeds of 20 in which the sequence set")


def test_intervals_of_a_choice_without_effect_cover_zero(effects: pd.DataFrame) -> None:
    own = effects[effects["cohort"].isin(list(ORDER)) & (effects["factor"] == "decoys")]
    tell(f"decoys: {int(own['covers'].sum())} of {len(own)} intervals cover 0")
    assert len(own) == 80
    assert own["covers"].mean() >= limit("planted and other", "share of intervals")


def test_nothing_is_claimed_where_nothing_was_planted(effects: pd.DataFrame) -> None:
    own = effects[effects["cohort"] == "null"]
    tell(f"null: {int(own['covers'].sum())} of {len(own)} intervals cover 0")
    assert len(own) == 160
    assert own["covers"].mean() >= limit("null", "share of all intervals")
    claimed = own[own["p_adjusted"] < 0.05].groupby("domain")["seed"].nunique()
    tell(f"null: seeds with a claim {claimed.to_dict()}")
    assert claimed.max() <= limit("null", "most seeds of 20") if len(claimed) else True
