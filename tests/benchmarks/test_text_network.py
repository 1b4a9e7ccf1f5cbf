"""The network that finds text can be trained again, in the layers that radiofib runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiofib.preprocess.ultrasound.text_network import _layers
from tests.benchmarks.running import small_table


@pytest.mark.bench
def test_training_writes_the_layers_that_are_run(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'convert'")
    table = small_table(repository, "text_network", tmp_path)
    assert (table["loss"] > 0).all()
    with np.load(tmp_path / "text_network.npz", allow_pickle=False) as made:
        for number, layer in enumerate(_layers()):
            assert made[f"kernel{number}"].shape == layer.kernel.shape
            assert made[f"offset{number}"].shape == layer.offset.shape
