"""The benchmarks of slides run on small slides and leave their tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.running import small_table


@pytest.mark.bench
def test_benchmark_of_labelled_slides_runs(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'convert'")
    table = small_table(repository, "slides_segment", tmp_path).set_index("way")
    assert set(table.index) == {"radiofib", "wsinfer", "tiatoolbox"}
    assert table.loc["radiofib", "tissue_lost"] == 0
    assert table.loc["radiofib", "seconds"] > 0


@pytest.mark.bench
def test_benchmark_of_biopsies_a_minute_runs(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'convert'")
    [row] = small_table(repository, "slides_whole", tmp_path).to_dict("records")
    assert row["slides"] == 2
    assert row["per_minute"] == pytest.approx(60 * 2 / row["seconds"], rel=0.02)
    assert row["cpu_s_per_slide"] > 1
    assert 100 < row["peak_mb"] <= row["resident_mb"]
    assert row["tracts"] > 0
