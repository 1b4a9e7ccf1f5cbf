"""A small network trained on the spot to tell pictures with a lesion from those without."""

from __future__ import annotations

from typing import Any

import numpy as np


def small_net(torch: Any, seed: int) -> Any:
    """Return a network of four convolutions whose features are pooled by the mean.

    Made so that its map is where the object is: kernels that are the same when mirrored or turned
    by a right angle (none sees one side of a border alone), pooling in place of strides (cells
    lie evenly over the picture), reflected borders, 14 x 14 cells.
    """
    torch.manual_seed(seed)
    nn = torch.nn

    class Symmetric(nn.Module):
        def __init__(self, into: int, out: int) -> None:
            super().__init__()
            self.weight = nn.Conv2d(into, out, 3).weight

        def forward(self, x):
            kernel = self.weight
            kernel = kernel + kernel.flip(2)
            kernel = kernel + kernel.flip(3)
            kernel = (kernel + kernel.transpose(2, 3)) / 4
            return nn.functional.conv2d(nn.functional.pad(x, (1, 1, 1, 1), mode="reflect"), kernel)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers: list[Any] = [nn.AvgPool2d(4)]
            for into, out, pool in ((1, 16, 2), (16, 32, 2), (32, 48, 1), (48, 64, 1)):
                layers += [Symmetric(into, out), nn.BatchNorm2d(out), nn.ReLU(), nn.AvgPool2d(pool)]
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
