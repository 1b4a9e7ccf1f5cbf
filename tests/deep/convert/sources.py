"""Files with seeded networks, and the facts of their cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from radiofib.deep.convert.parity import seeded_pictures
from radiofib.deep.convert.resnet import ResNetPlan
from radiofib.deep.convert.seeded import seeded_resnet, seeded_segformer
from radiofib.deep.convert.segformer import SegFormerPlan

GREY = {"resize": "stretch", "value_range": [0, 1], "mean": [0.5], "sd": [0.25]}
VOLUME = {
    "resize": "stretch",
    "value_range": [0, 1],
    "mean": [0],
    "sd": [1],
    "spacing_mm": [2, 2, 3],
    "orientation": "LPS",
    "normalisation": {"type": "zscore", "region": "nonzero"},
}


def stated(classes: int = 0, **changes: Any) -> dict[str, Any]:
    """Return what a grey network's weights do not tell."""
    facts: dict[str, Any] = {"licence": "CC0-1.0", "preprocessing": dict(GREY)}
    if classes:
        facts["classes"] = [{"name": f"f{k}"} for k in range(classes)]
    return facts | changes


def noise(plan: ResNetPlan, side: int, n: int = 2) -> np.ndarray:
    """Return inputs that set the batch norms."""
    shape = (n, plan.channels, *[side] * plan.axes)
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


def save(weights: dict[str, np.ndarray], path: Path, prefix: str = "") -> Path:
    """Write a state dict."""
    import torch

    torch.save({prefix + n: torch.from_numpy(a) for n, a in weights.items()}, str(path))
    return path


def resnet_file(path: Path, plan: ResNetPlan, side: int = 64, prefix: str = "") -> Path:
    """Write the state dict of a residual network."""
    return save(seeded_resnet(plan, noise(plan, side)), path, prefix)


def segformer_net(classes: int = 3) -> Any:
    """Return a SegFormer-b0 in torch."""
    from radiofib.deep.convert.torch_nets import SegFormer, load_weights

    plan = SegFormerPlan("segformer-b0", classes)
    return load_weights(SegFormer(plan), seeded_segformer(plan, tiles(), seed=4))


def tiles(n: int = 2, side: int = 64) -> np.ndarray:
    """Return tiles divided by 255."""
    pictures = seeded_pictures(n, (side, side, 3), seed=3)
    return pictures.transpose(0, 3, 1, 2).astype(np.float32) / 255
