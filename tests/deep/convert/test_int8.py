"""Static int8 of a seeded ResNet34 tells unseen pictures apart as the float network does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from radiofib.deep.convert import convert_model
from radiofib.deep.convert.resnet import ResNetPlan
from radiofib.deep.convert.seeded import seeded_resnet
from radiofib.deep.precision import int8_variant
from radiofib.deep.session import open_session
from radiofib.simulate.lesion_images import simulate_varied_images
from tests.deep.convert import claims, sources

pytest.importorskip("torch")
pytestmark = pytest.mark.proof


def _write(folder: Path, pictures: np.ndarray) -> list[Path]:
    folder.mkdir()
    paths = []
    for k, pixels in enumerate(pictures):
        paths.append(folder / f"{k:03d}.png")
        PIL.Image.fromarray(pixels).save(paths[-1])
    return paths


def _inputs(pictures: np.ndarray) -> np.ndarray:
    return ((pictures.astype(np.float32) / 255 - 0.5) / 0.25)[:, None]


@pytest.mark.xfail(
    reason="mean cosine 0.987, least 0.960, same neighbour 0.755: 8 bits lose too much here",
    strict=True,
)
def test_int8_keeps_directions_and_neighbours(tmp_path: Path) -> None:
    seen = simulate_varied_images(**claims.INT8_CALIBRATION)
    unseen = simulate_varied_images(**claims.INT8_UNSEEN)
    plan = ResNetPlan("resnet34", channels=1)
    weights = seeded_resnet(plan, _inputs(seen[:32]))
    source = sources.save(weights, tmp_path / "w.pt")
    convert_model("resnet34", source, tmp_path / "fp32.onnx", stated=sources.stated())
    calibration, pictures = _write(tmp_path / "seen", seen), _write(tmp_path / "unseen", unseen)
    int8_variant(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", calibration, pictures)
    a, b = (
        np.concatenate(
            [
                open_session(tmp_path / name).run(
                    {"image": _inputs(unseen[k : k + 20])}, output="embedding"
                )
                for k in range(0, len(unseen), 20)
            ]
        ).astype(np.float64)
        for name in ("fp32.onnx", "int8.onnx")
    )
    mean = a.mean(axis=0)
    a, b = (x - mean for x in (a, b))
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    assert (a * b).sum(axis=1).min() >= claims.INT8_COSINE
    neighbours = []
    for x in (a, b):
        alike = x @ x.T
        np.fill_diagonal(alike, -2)
        neighbours.append(alike.argmax(axis=1))
    assert (neighbours[0] == neighbours[1]).mean() >= claims.INT8_NEIGHBOUR
