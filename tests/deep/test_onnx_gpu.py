"""The benchmark of a GPU: what it says without one, and that its comparison can fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the package 'onnx'")

from benchmarks import onnx_gpu
from tests.deep import nets


def test_without_a_gpu_it_says_what_could_not_be_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    onnx_gpu.main(["--small", "--count", "4", "--out", str(tmp_path)])
    said = capsys.readouterr().out
    assert "could not be measured: parity on CUDA, images a second on CUDA" in said
    assert "built without it" in said
    table = pd.read_csv(tmp_path / "onnx_gpu.csv")
    assert table["provider"].tolist() == ["cpu", "cuda"]
    cpu, cuda = table.iloc[0], table.iloc[1]
    assert cpu["images"] == 4
    assert cpu["images_per_s"] > 0
    assert cpu["decode"] + cpu["transfer"] + cpu["compute"] == pytest.approx(1, abs=1e-3)
    assert cuda[["images_per_s", "times_cpu", "compute"]].isna().all()
    assert "built without it" in cuda["note"]


def test_with_a_second_provider_both_are_measured_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(onnx_gpu, "GPU", "CPUExecutionProvider")
    model = nets.extractor(tmp_path / "net.onnx", card=nets.facts())
    onnx_gpu.main(["--model", str(model), "--count", "4", "--out", str(tmp_path)])
    assert "could not" not in capsys.readouterr().out
    other = pd.read_csv(tmp_path / "onnx_gpu.csv").iloc[1]
    assert other["largest_relative"] == 0
    assert other["same_neighbour"] == 1
    assert other["times_cpu"] > 0


def test_outputs_that_differ_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(size=(4, 5))
    found = {onnx_gpu.CPU: rows, onnx_gpu.GPU: rows + 0.01}
    monkeypatch.setattr(
        onnx_gpu, "outputs_of", lambda _m, provider, _p: {"embedding": found[provider]}
    )
    with pytest.raises(SystemExit, match="outputs differ by"):
        onnx_gpu.parity(Path("m.onnx"), [Path("a")] * 4)
    found[onnx_gpu.GPU] = rows + 1e-6
    same = onnx_gpu.parity(Path("m.onnx"), [Path("a")] * 4)
    assert same["largest_absolute"] == pytest.approx(1e-6, rel=1e-3)
