"""A run audits its table once and keeps the verdicts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from radiofib.datacard import make_scheme
from radiofib.evaluation.audit import CHECKS
from radiofib.simulate import AuditPlants, simulate_audit_table
from radiofib.study import RunFolder, StudyConfig
from radiofib.study.audit import audit_step


def test_the_step_writes_verdicts_once_and_discards_them_without_stages(tmp_path: Path) -> None:
    made = simulate_audit_table(
        60, seed=1, plants=AuditPlants(id_column=True), features_per_channel=4
    )
    study = StudyConfig(title="A study", cohort="cohort.csv")
    scheme = make_scheme("lifs", ("s1", "s2", "s3", "s4"), None, True)
    folder = RunFolder(tmp_path)
    steps: list[str] = []

    def tell(step: str, done: int, total: int) -> None:
        steps.append(step)

    assert audit_step(study, made.table, scheme, folder, "hash", tell) == []
    path = tmp_path / "audit" / "verdicts.csv"
    verdicts = pd.read_csv(path).set_index("check")["verdict"]
    assert verdicts.index.tolist() == list(CHECKS)
    assert verdicts["identifiers"] == "found"
    before = path.stat().st_mtime_ns
    assert audit_step(study, made.table, scheme, folder, "hash", tell) == []
    assert path.stat().st_mtime_ns == before
    one = made.table.subset((made.table.obs["stage"] == "s1").to_numpy())
    failed = audit_step(study, one, scheme, folder, "other", tell)
    assert [f.step for f in failed] == ["audit"]
    assert not path.exists()
    assert set(steps) == {"audit"}
