"""The network that finds text can be trained again, in the layers that radiofib runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.text_network import restored
from radiofib.preprocess.ultrasound import text_network
from radiofib.preprocess.ultrasound.text_network import _layers, text_chances
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


@pytest.mark.bench
def test_what_is_run_is_what_was_trained() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra 'convert'")
    picture = np.random.default_rng(0).integers(0, 256, (96, 160)).astype(np.float64)
    net = restored(Path(text_network.__file__).with_suffix(".npz"))
    with torch.no_grad():
        given = torch.from_numpy(picture.astype(np.float32) / 128 - 1)[None, None]
        trained = torch.sigmoid(net(given))[0, 0].numpy()
    np.testing.assert_allclose(text_chances(picture)[::2, ::2], trained, atol=1e-4)
