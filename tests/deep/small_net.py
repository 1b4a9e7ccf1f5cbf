"""A small network trained on the spot to tell pictures with a lesion from those without."""

from __future__ import annotations

from typing import Any

import numpy as np


def small_net(torch: Any, seed: int) -> Any:
    """Return a network of four convolutions whose features are pooled by the mean."""
    torch.manual_seed(seed)
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers: list[Any] = [nn.AvgPool2d(4)]
            for into, out, stride in ((1, 16, 1), (16, 32, 2), (32, 48, 2), (48, 64, 2)):
                conv = nn.Conv2d(into, out, 3, stride=stride, padding=1, bias=False)
                layers += [conv, nn.BatchNorm2d(out), nn.ReLU()]
            self.body = nn.Sequential(*layers)
            self.fc = nn.Linear(64, 2)

        def forward(self, x):
            features = self.body(x)
            embedding = features.mean(dim=(2, 3))
            return self.fc(embedding), embedding, features

    return Net()


def prepared(pixels: np.ndarray) -> np.ndarray:
    """Return pictures as the network is given them: (grey / 255 - 0.5) / 0.25."""
    return ((pixels.astype(np.float32) / 255 - 0.5) / 0.25)[:, None]


def train(torch: Any, pixels: np.ndarray, present: np.ndarray, *, epochs: int, seed: int) -> Any:
    """Train with mirrored copies, weight decay and a falling learning rate."""
    net = small_net(torch, seed)
    rng = np.random.default_rng(seed)
    x, y = torch.from_numpy(prepared(pixels)), torch.from_numpy(present.astype(np.int64))
    batch = 20
    steps = epochs * len(x) // batch
    how = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    rate = torch.optim.lr_scheduler.OneCycleLR(how, 3e-3, total_steps=steps)
    for step in range(steps):
        if step % (len(x) // batch) == 0:
            order = rng.permutation(len(x))
        at = order[(step * batch) % len(x) :][:batch]
        part = x[at]
        if rng.random() < 0.5:
            part = part.flip(3)
        if rng.random() < 0.5:
            part = part.flip(2)
        loss = torch.nn.functional.cross_entropy(net(part)[0], y[at])
        how.zero_grad()
        loss.backward()
        how.step()
        rate.step()
    return net.eval()
