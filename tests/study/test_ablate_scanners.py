"""Ablations in which scanner and stage go together: what is not judged, what is not scored."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiofib.cli import main
from radiofib.datacard import derive_scheme
from radiofib.study.ablate import AblationResult, ablate_study
from radiofib.study.ablate_scanners import scanner_confounding
from radiofib.study.ablate_tables import Cases
from radiofib.study.config import StudyConfig
from radiofib.table import FeatureTable

STAGES = ["s1", "s2", "s3", "s4"]
FACTORS: dict[str, Any] = {
    "flag": {"blind": {}, "aware": {"scanner_flag": True}},
    "sequence": {"both": {}, "t1": {"channels": ["t1"]}},
}


def noise(scanners: dict[str, str] | None, n: int = 80) -> FeatureTable:
    """Return features without any signal; scanners by stage, or each with all stages."""
    rng = np.random.default_rng(1)
    names = [f"{c}_original_firstorder_f{k}" for c in ("t1", "ged4") for k in range(3)]
    stage = np.array(STAGES)[np.arange(n) % 4]
    obs = pd.DataFrame({"case": [f"c{k:02d}" for k in range(n)]})
    obs["stage"] = pd.Categorical(stage, categories=STAGES, ordered=True)
    mixed = np.array(["A", "B"])[np.arange(n) // 4 % 2]
    obs["scanner"] = mixed if scanners is None else [scanners[s] for s in stage]
    return FeatureTable(pd.DataFrame(rng.normal(size=(n, len(names))), columns=names), obs)


def run(root: Path, table: FeatureTable, **keys: Any) -> AblationResult:
    table.to_parquet(root / "f.parquet")
    ablate = {"factors": FACTORS, "features": "f.parquet", "folds": 5, **keys}
    data = {"title": "Noise", "stager": {"name": "logistic"}, "ablate": ablate}
    study = StudyConfig.parse(data, where="study")
    return ablate_study(study, root=root, out=root / "out", workers=1)


def words(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    body = text[text.index("<main") : text.index("</main>")]
    parts = [part.partition(">")[2] for part in body.split("<")]
    return html.unescape(" ".join(" ".join(parts).split()))


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> AblationResult:
    scanners = {"s1": "A", "s2": "A", "s3": "B", "s4": "C"}
    return run(tmp_path_factory.mktemp("nested"), noise(scanners))


def test_noise_with_nested_scanners_is_no_finding(nested: AblationResult) -> None:
    effects = pd.read_csv(nested.out / "ablation" / "effects.csv", keep_default_na=False)
    flag = effects[effects["factor"] == "flag"]
    row = flag[(flag["domain"] == "ID") & (flag["metric"] == "score")].iloc[0]
    # The numbers stay, and they alone would say that the flag helps.
    assert float(row["estimate"]) > 0.05
    assert float(row["p_adjusted"]) < 0.05
    assert flag["note"].str.contains("not judged: scanner and stage").all()
    other = effects[effects["factor"] == "sequence"]
    assert not other["note"].str.contains("not judged").any()
    order = pd.read_csv(nested.out / "ablation" / "order.csv")
    assert not order.loc[order["factor"] == "flag", "beyond_noise"].any()
    said = words(nested.page)
    assert "Scanner effects and harmonisation are not identifiable in this table" in said
    assert "scanners fall into groups that share no stage" in said
    assert "Not judged for that reason: flag;" in said
    assert "flag: aware against blind" not in said


def test_nothing_scored_on_unseen_scanners_is_said_and_listed(nested: AblationResult) -> None:
    (failure,) = nested.failures
    assert failure.step == "ablate loso"
    assert "nothing could be scored: no left-out scanner has patients on both" in failure.reason
    assert "B: s4_vs_s1-3, s1_vs_s2-4" in failure.reason
    rows = pd.read_csv(nested.out / "failures.csv", keep_default_na=False)
    assert rows["reason"].tolist() == [failure.reason]
    said = words(nested.page)
    assert "On unseen scanners (OOD), nothing could be scored: no left-out scanner" in said
    assert "left out in turn" not in said
    assert "Nothing failed" not in said


def test_the_command_leaves_with_three_when_nothing_was_scored(nested: AblationResult) -> None:
    root = nested.out.parent
    study = root / "study.yaml"
    study.write_text(
        "title: Noise\nstager: {name: logistic}\n"
        "ablate:\n  factors: {sequence: {both: {}, t1: {channels: [t1]}}}\n"
        "  features: f.parquet\n  folds: 5\n"
    )
    arguments = ["ablate", str(study), "--root", str(root), "--out", str(root / "cli")]
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--workers", "1"])
    assert left.value.code == 3


def test_scanners_with_every_stage_are_judged_and_scored(tmp_path: Path) -> None:
    found = run(tmp_path, noise(None, n=40), folds=3)
    assert not found.failures
    effects = pd.read_csv(found.out / "ablation" / "effects.csv", keep_default_na=False)
    assert not effects["note"].str.contains("not judged").any()
    said = words(found.page)
    assert "not identifiable" not in said
    assert "2 scanners left out in turn" in said


@pytest.mark.parametrize(
    ("single", "named", "whole"), [(0, False, False), (9, True, False), (10, True, True)]
)
def test_a_scanner_of_one_stage_counts_by_its_patients(
    single: int, named: bool, whole: bool
) -> None:
    table = noise(None, n=40).obs
    stages = [*table["stage"].astype(str), *["s4"] * single]
    names = [f"p{k}" for k in range(len(stages))]
    frame = pd.DataFrame({"case": names, "patient": names, "y_true": stages})
    frame["scanner"] = [*table["scanner"], *["Z"] * single]
    scheme = derive_scheme(pd.Series(pd.Categorical(STAGES, ordered=True)), name="stage")
    found = scanner_confounding(Cases(frame, scheme))
    assert found.words.startswith("Z: one stage only") is named
    assert found.whole is whole
