"""Train the network that finds lines of text over tissue, on simulated frames alone.

Usage: python benchmarks/text_network.py [--small] [--batches 1400] [--fonts FOLDER] [--out FOLDER]
       python benchmarks/text_network.py --stage 2 --start FILE --batches 500 --frames 120
       (the same) --stage 3 --start FILE --batches 900 --stop 300 --frames 120

Each line goes on from the weights of the one before: the second with more tissue without text,
grainier, and more weight on tissue that is taken for text, the third with more small letters. The
weights in radiofib are of these three runs.

Needs torch (extra ``convert``). Frames are those of ``radiofib.simulate`` and bare speckle of other
laws and seeds than any test judges; letters are of fonts that no test uses: Liberation and URW
(Nimbus, P052, C059, Bookman, Gothic), as Linux distributions install them. A patch is stored like a
file, as PNG or as JPEG of quality 50 to 97. What is learnt is the box of each line, at half the
resolution; ``radiofib/preprocess/ultrasound/text_network.py`` is the network as it is run and reads
``text_network.npz``. The table has the loss of every hundred batches.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from scipy import ndimage

from radiofib.simulate.speckle import nakagami_envelope
from radiofib.simulate.ultrasound import log_compress, speckle_envelope
from radiofib.simulate.ultrasound_frames import FrameSettings, simulate_frame
from radiofib.simulate.ultrasound_text import written

PATCH = (96, 160)
FONTS = Path("/usr/share/fonts")
FAMILIES = ("Liberation", "Nimbus", "P052", "C059", "URWBookman", "URWGothic")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
MARKS = " ^,.-:/ "
#: Text that differs from the tissue around it by less is neither learnt nor held against.
FAINT = 12.0
#: Patches in a batch.
BATCH = 12


@dataclass(frozen=True)
class Stage:
    """How often there is text, small text, independent pixels, noise; what tissue weighs; rate."""

    seed: int
    text: float
    grainy: float
    noise: float
    tissue: float
    rate: float
    small: float = 0.0


STAGES = (
    Stage(31000, text=0.75, grainy=0.15, noise=0.0, tissue=1.0, rate=4e-3),
    Stage(32000, text=0.5, grainy=0.4, noise=0.4, tissue=2.0, rate=1e-3),
    Stage(33000, text=0.7, grainy=0.3, noise=0.3, tissue=1.5, rate=1.5e-3, small=0.5),
)


def tissues(rng: np.random.Generator, count: int, stage: Stage) -> list[np.ndarray]:
    """Return frames without text: whole ones, and bare speckle of several laws."""
    found = []
    for number in range(count):
        if number % 2:
            kind = ("convex", "sector", "linear")[number // 2 % 3]
            settings = FrameSettings.parse(
                {
                    "kind": kind, "gain_db": float(rng.uniform(-12, 10)),
                    "dynamic_range_db": float(rng.uniform(45, 90)),
                    "vessels": int(rng.integers(0, 9)), "shadows": int(rng.integers(0, 3)),
                    "shape": ((360, 480), (480, 640), (600, 800))[int(rng.integers(3))],
                },
                where="training",
            )  # fmt: skip
            found.append(simulate_frame(settings, stage.seed + number).grey)
            continue
        found.append(_speckle(rng, (320, 420), number // 2 % 4, stage))
    return found


def _speckle(
    rng: np.random.Generator, shape: tuple[int, int], law: int, stage: Stage
) -> np.ndarray:
    sigma = float(rng.uniform(0.4, 2.0))
    power = np.ones(shape)
    if rng.random() < 0.6:  # patches, bright and dark
        field = ndimage.gaussian_filter(rng.standard_normal(shape), rng.uniform(4, 40))
        power = np.exp(rng.uniform(0.3, 2.0) * field / field.std())
    if rng.random() < 0.3:
        power = power * np.linspace(rng.uniform(0.3, 3), 1, shape[0])[:, None]
    if rng.random() < stage.grainy:
        envelope = nakagami_envelope(shape, rng, m=float(rng.uniform(0.6, 2)))
        envelope = envelope * np.sqrt(power)
    else:
        envelope = speckle_envelope(power, sigma, sigma * float(rng.uniform(0.8, 2.2)), rng)
    mean = float(rng.uniform(30, 190))
    if law in (0, 1):
        grey = envelope * mean / envelope.mean()
    elif law == 2:
        decibel = float(rng.uniform(45, 80))
        grey = log_compress(envelope, gain_db=0, dynamic_range_db=decibel).astype(float)
        grey = grey + mean - grey.mean()
    else:  # what speckle reduction leaves
        spread, noise = float(rng.uniform(5, 25)), rng.standard_normal(shape)
        width = float(rng.uniform(0.3, 2))
        if not (stage.noise and rng.random() < stage.noise):
            noise = ndimage.gaussian_filter(noise, width) * float(rng.uniform(1, 4))
        grey = mean + spread * noise
    return np.asarray(np.rint(np.clip(grey, 0, 255)), dtype=np.uint8)


class Patches:
    """An endless supply of patches with and without text."""

    def __init__(
        self, frames: list[np.ndarray], fonts: list[Path], rng: np.random.Generator, stage: Stage
    ) -> None:
        self.frames, self.fonts, self.rng, self.stage = frames, fonts, rng, stage

    def batch(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return pictures (n, 1, y, x), and labels and weights at half the resolution."""
        made = [self._one() for _ in range(count)]
        pictures, labels, weights = (np.stack(part) for part in zip(*made, strict=True))
        return pictures[:, None], labels[:, None], weights[:, None]

    def _one(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = self.rng
        grey = self._tissue()
        label, known = np.zeros(PATCH, np.float32), np.ones(PATCH, np.float32)
        if rng.random() < self.stage.text:
            for _ in range(int(rng.integers(1, 4))):
                self._write(grey, label, known)
        if rng.random() < 0.15:
            self._draw(grey, known)
        picture = np.rint(np.clip(grey, 0, 255)).astype(np.uint8)
        if rng.random() < 0.65:
            file = io.BytesIO()
            PIL.Image.fromarray(picture).save(file, "JPEG", quality=int(rng.integers(50, 98)))
            picture = np.asarray(PIL.Image.open(file))
        half = (slice(None, None, 2), slice(None, None, 2))
        return picture.astype(np.float32) / 128 - 1, label[half], known[half]

    def _tissue(self) -> np.ndarray:
        """Return a crop of a frame, turned, stretched and with other contrast."""
        rng = self.rng
        frame = self.frames[int(rng.integers(len(self.frames)))]
        zoom = float(rng.uniform(0.75, 1.5)) if rng.random() < 0.5 else 1.0
        size = [min(int(np.ceil(n / zoom)), s) for n, s in zip(PATCH, frame.shape, strict=True)]
        top, left = (int(rng.integers(s - n + 1)) for s, n in zip(frame.shape, size, strict=True))
        part = frame[top : top + size[0], left : left + size[1]]
        if part.shape != PATCH:
            how = PIL.Image.Resampling.BILINEAR
            part = np.asarray(PIL.Image.fromarray(part).resize(PATCH[::-1], how))
        if rng.random() < 0.5:
            part = part[:, ::-1]
        if rng.random() < 0.3:
            part = part[::-1]
        grey = part.astype(np.float64)
        if rng.random() < 0.5:
            middle = grey.mean()
            grey = middle + rng.uniform(0.5, 1.3) * (grey - middle) + rng.uniform(-20, 30)
        if rng.random() < 0.1:
            grey = ndimage.median_filter(grey, 3)
        return np.asarray(np.rint(np.clip(grey, 0, 255)))

    def _write(self, grey: np.ndarray, label: np.ndarray, known: np.ndarray) -> None:
        """Write a line of text, and note the box that is to be found."""
        rng = self.rng
        ink = self._stamp()
        height, width = (min(n, p) for n, p in zip(ink.shape, PATCH, strict=True))
        first = int(rng.integers(ink.shape[1] - width + 1))
        ink = ink[:height, first : first + width]
        top, left = (int(rng.integers(p - n + 1)) for p, n in zip(PATCH, ink.shape, strict=True))
        here = (slice(top, top + height), slice(left, left + width))
        around = (
            slice(max(top - 5, 0), top + height + 5),
            slice(max(left - 5, 0), left + width + 5),
        )
        if label[around].any() or not known[around].all():
            return
        level = float(grey[here].mean())
        value = self._value(level)
        share = ink / 255.0 * (1.0 if rng.random() < 0.9 else rng.uniform(0.6, 1.0))
        if rng.random() < 0.08:  # a dark or bright rim around the letters
            rim = ndimage.maximum_filter(ink, 3) > 127
            grey[here][rim] = 0.0 if value > 128 else 255.0
        grey[here] = (1 - share) * grey[here] + share * value
        known[around] = 0.0
        known[here] = float(abs(value - level) >= FAINT)
        label[here] = known[here]

    def _value(self, level: float) -> float:
        rng = self.rng
        kind = rng.random()
        if kind < 0.2:
            return float(rng.integers(225, 256))
        if kind < 0.4:
            return float(rng.integers(0, 20))
        if kind < 0.6:
            return float(rng.integers(60, 230))
        return float(np.clip(level + rng.choice([-1, 1]) * rng.uniform(12, 70), 0, 255))

    def _stamp(self) -> np.ndarray:
        rng = self.rng
        length = int(rng.integers(4, 18))
        signs = [LETTERS[int(rng.integers(len(LETTERS)))] for _ in range(length)]
        case = rng.random()
        if case < 0.35:
            signs = [s.upper() for s in signs]
        elif case < 0.6:
            signs = [str(int(rng.integers(10))) for _ in signs]
        for _ in range(int(rng.integers(0, 3))):
            signs[int(rng.integers(1, length - 1))] = MARKS[int(rng.integers(len(MARKS)))]
        chosen = str(self.fonts[int(rng.integers(len(self.fonts)))])
        size = int(rng.integers(8, 27))
        if self.stage.small and rng.random() < self.stage.small:
            size = int(rng.integers(8, 15))
        font = PIL.ImageFont.truetype(chosen, size)
        return written("".join(signs), font, hard=bool(rng.random() < 0.3))

    def _draw(self, grey: np.ndarray, known: np.ndarray) -> None:
        """Draw a caliper or a dotted line, which other rules find: not to be learnt."""
        rng = self.rng
        sheet = PIL.Image.new("L", PATCH[::-1], 0)
        pen = PIL.ImageDraw.Draw(sheet)
        row, column = int(rng.integers(8, PATCH[0] - 8)), int(rng.integers(8, PATCH[1] - 8))
        pen.line((column - 6, row, column + 6, row), 255, 1)
        pen.line((column, row - 6, column, row + 6), 255, 1)
        for step in range(int(rng.integers(0, 12))):
            x, y = column + 7 * step, row + int(rng.integers(-1, 2))
            pen.rectangle((x, y, x + 1, y + 1), 255)
        ink = np.asarray(sheet) > 0
        grey[ink] = float(rng.integers(180, 256))
        known[ndimage.maximum_filter(ink, 9)] = 0.0


def network() -> Any:
    """Return the network to be trained; layers as in radiofib's own module."""
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()

            def layer(a: int, b: int, size: int, stride: int = 1, wide: int = 1) -> nn.Module:
                pad = wide * (size // 2)
                conv = nn.Conv2d(a, b, size, stride, pad, wide, bias=False)
                return nn.Sequential(conv, nn.BatchNorm2d(b), nn.ReLU())

            self.steps = nn.ModuleList(
                [
                    layer(1, 12, 5), layer(12, 16, 3, 2), layer(16, 24, 3), layer(24, 32, 3, 2),
                    layer(32, 32, 3), layer(32, 32, 3, 1, 2), layer(32, 32, 3, 1, 4),
                    layer(32, 32, 3, 1, 6), layer(32, 24, 1), layer(24, 16, 3),
                ]
            )  # fmt: skip
            self.last = nn.Conv2d(16, 1, 1)

        def forward(self, x: Any) -> Any:
            s = self.steps
            half = s[2](s[1](s[0](x)))
            deep = s[3](half)
            for step in (s[4], s[5], s[6], s[7]):
                deep = deep + step(deep)
            wide = nn.functional.interpolate(s[8](deep), scale_factor=2.0, mode="nearest")
            return self.last(s[9](half + wide))

    torch.manual_seed(STAGES[0].seed)
    return Net()


def folded(net: Any) -> dict[str, np.ndarray]:
    """Return kernels and offsets with the normalisation folded in, in half precision."""
    kept = {}
    for number, (conv, norm, _) in enumerate(net.steps):
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        kept[f"kernel{number}"] = conv.weight * scale[:, None, None, None]
        kept[f"offset{number}"] = norm.bias - norm.running_mean * scale
    kept["kernel10"], kept["offset10"] = net.last.weight, net.last.bias
    return {name: value.detach().numpy().astype(np.float16) for name, value in kept.items()}


def restored(start: Path) -> Any:
    """Return the network with stored weights; what was folded into them stays as it is."""
    import torch

    net = network()
    with np.load(start, allow_pickle=False) as stored, torch.no_grad():
        weights = {name: torch.from_numpy(stored[name].astype(np.float32)) for name in stored.files}
        for number, (conv, norm, _) in enumerate(net.steps):
            conv.weight.copy_(weights[f"kernel{number}"])
            norm.bias.copy_(weights[f"offset{number}"])
            norm.running_var.fill_(1 - norm.eps)
        net.last.weight.copy_(weights["kernel10"])
        net.last.bias.copy_(weights["offset10"])
    return net.eval()


def train(net: Any, patches: Patches, batches: int, size: int) -> Iterator[tuple[int, float, Any]]:
    """Train on so many batches, and yield what was done and the network now and then."""
    import torch

    stage = patches.stage
    steps = torch.optim.AdamW(net.parameters(), stage.rate, weight_decay=1e-4)
    losses: list[float] = []
    for number in range(batches):
        rate = stage.rate * min(1.0, number / 40) * (0.5 + 0.5 * np.cos(np.pi * number / batches))
        for group in steps.param_groups:
            group["lr"] = rate
        picture, label, known = (torch.from_numpy(part) for part in patches.batch(size))
        found = net(picture)
        each = torch.nn.functional.binary_cross_entropy_with_logits(found, label, reduction="none")
        share = torch.sigmoid(found) * known
        overlap = 1 - (2 * (share * label).sum() + 1) / (share.sum() + (label * known).sum() + 1)
        weight = known * (label + stage.tissue * (1 - label))
        loss = (each * weight).sum() / known.sum() + 0.2 * overlap
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(loss.item())
        if (number + 1) % 100 == 0 or number + 1 == batches:
            yield number + 1, float(np.mean(losses[-100:])), net


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--small", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--batches", type=int, default=1400)
    parser.add_argument("--frames", type=int, default=160)
    parser.add_argument("--stop", type=int, help="end after so many of the batches")
    parser.add_argument("--stage", type=int, choices=(1, 2, 3), default=1)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--fonts", type=Path, default=FONTS)
    parser.add_argument("--out", type=Path, default=Path())
    given = parser.parse_args()
    batches, frames = (2, 8) if given.small else (given.batches, given.frames)
    folder = Path(matplotlib.get_data_path()) if given.small else given.fonts
    fonts = {p.name: p for p in sorted(folder.rglob("*.?tf"))}
    families = ("DejaVu",) if given.small else FAMILIES
    chosen = [path for name, path in fonts.items() if name.startswith(families)]
    if not chosen:
        parser.error(f"no font of {', '.join(families)} below {folder}")
    stage = STAGES[given.stage - 1]
    net = restored(given.start) if given.start else network()
    rng = np.random.default_rng(stage.seed)
    patches = Patches(tissues(rng, frames, stage), chosen, rng, stage)
    rows = []
    for number, loss, trained in train(net, patches, batches, 2 if given.small else BATCH):
        print(f"{number} batches, loss {loss:.4f}", flush=True)
        rows.append({"batches": number, "loss": round(loss, 4)})
        np.savez(given.out / "text_network.npz", allow_pickle=False, **folded(trained))
        if number == given.stop:
            break
    table = pd.DataFrame(rows)
    table.to_csv(given.out / "text_network.csv", index=False)


if __name__ == "__main__":
    main()
