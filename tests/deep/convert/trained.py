"""A ResNet34 that has learned something, for claims about networks as people use them."""

from __future__ import annotations

import numpy as np

from radiofib.deep.convert.graph import Weights
from radiofib.deep.convert.resnet import ResNetPlan
from radiofib.deep.convert.seeded import seeded_resnet
from radiofib.simulate.lesion_images import simulate_varied_images

#: Six classes: three machines, with and without a lesion (what picture k is made with).
CLASSES = 6


def labels(n: int) -> np.ndarray:
    return np.arange(n) % CLASSES


def inputs(pictures: np.ndarray) -> np.ndarray:
    return ((pictures.astype(np.float32) / 255 - 0.5) / 0.25)[:, None]


def trained_resnet34(
    *, n: int, picture_seed: int, seed: int, steps: int, batch: int = 32, side: int = 128
) -> tuple[Weights, list[float]]:
    """Train on crops and mirror images with AdamW; return weights and the loss of each step."""
    import torch

    from radiofib.deep.convert.torch_nets import ResNet, load_weights

    pictures = inputs(simulate_varied_images(n, seed=picture_seed))
    plan = ResNetPlan("resnet34", channels=1, classes=CLASSES)
    net = load_weights(ResNet(plan), seeded_resnet(plan, pictures[:32], seed=seed)).train()
    net = net.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, total_steps=steps)
    rng = np.random.default_rng(seed)
    losses = []
    for _ in range(steps):
        chosen = rng.choice(n, batch, replace=False)
        tops = rng.integers(0, pictures.shape[2] - side + 1, (batch, 2))
        crops = np.stack(
            [
                pictures[k, :, y : y + side, x : x + side][..., :: rng.choice((-1, 1))]
                for k, (y, x) in zip(chosen, tops, strict=True)
            ]
        )
        x = torch.from_numpy(np.ascontiguousarray(crops)).contiguous(
            memory_format=torch.channels_last
        )
        loss = torch.nn.functional.cross_entropy(net(x)[0], torch.from_numpy(labels(n)[chosen]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return {k: v.numpy().copy() for k, v in net.state_dict().items()}, losses
