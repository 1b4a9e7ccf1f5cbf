"""SegFormer-b0 for benchmarks of slides: seeded weights, the last layer fitted or not."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray

from radiofib.deep.convert import ConvertSettings, convert_model
from radiofib.deep.convert.graph import Weights
from radiofib.deep.convert.parity import seeded_pictures
from radiofib.deep.convert.seeded import seeded_segformer
from radiofib.deep.convert.segformer import SegFormerPlan
from radiofib.deep.convert.torch_nets import SegFormer, load_weights
from radiofib.simulate.slides import SLIDE_SCANNERS, SlideSettings, write_slide
from radiofib.slides.reader import open_slide

__all__ = ["write_fitted_model", "write_seeded_model"]

_PLAN = SegFormerPlan("segformer-b0", classes=3)
_TILE, _CELL = 256, 4
#: Class of each label of the simulation: veins and vacuoles belong to what is around them.
_CLASSES = np.array([0, 1, 2, 2, 1, 0, 0])
#: Of glass and lobule so many places in a hundred are enough to fit the last layer to.
_SHARE = 0.2


def write_seeded_model(folder: Path, *, script: bool = True) -> Path:
    """Write the network with seeded weights as ONNX and, for others, as TorchScript."""
    tiles = seeded_pictures(4, (_TILE, _TILE, 3), seed=1).transpose(0, 3, 1, 2)
    weights = seeded_segformer(_PLAN, tiles.astype(np.float32) / 255, seed=4)
    path = _convert(folder, weights)
    if script:
        net = load_weights(SegFormer(_PLAN), weights).eval()
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.trace(net, torch.rand(1, 3, _TILE, _TILE)).save(str(folder / "hotspot.pt"))
    return path


def write_fitted_model(folder: Path, *, small: bool = False) -> Path:
    """Write the network with its last layer fitted to simulated slides, as ONNX.

    What comes before is random, so it finds tracts about as often as there are some, not where
    they all are: good for costs, not for staging.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tiles, classes = _examples(folder, 1 if small else 6)
    weights = seeded_segformer(_PLAN, tiles[:4], seed=4)
    features = _features(weights, tiles)
    weight, bias = _fitted(features, torch.from_numpy(classes.ravel()))
    weights["decode_head.classifier.weight"] = weight[:, :, None, None]
    weights["decode_head.classifier.bias"] = bias
    return _convert(folder, weights)


def _convert(folder: Path, weights: Weights) -> Path:
    torch.save({n: torch.from_numpy(a) for n, a in weights.items()}, str(folder / "w.pt"))
    path = folder / "hotspot.onnx"
    convert_model("hotspot", folder / "w.pt", path, settings=ConvertSettings(inputs=3))
    return path


def _examples(folder: Path, count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return tiles of small slides, and the class of every fourth pixel."""
    settings = SlideSettings(shape=(3072, 6144), mpp=0.25, cores=(1, 1), pen=0.0)
    tiles, classes = [], []
    for number in range(count):
        path, truth = folder / "example.svs", folder / "truth.tif"
        write_slide(
            path,
            trait=0.0,
            level=number % 4,
            scanner=SLIDE_SCANNERS[number % len(SLIDE_SCANNERS)],
            settings=settings,
            rng=np.random.default_rng(number),
            labels=truth,
        )
        with open_slide(path) as slide:
            rgb = slide.read_all(slide.grid(1.0, exact=True))
        labels = _CLASSES[tifffile.imread(truth)[8::16, 8::16]]
        side = _TILE // _CELL
        for y in range(rgb.shape[0] // _TILE):
            for x in range(rgb.shape[1] // _TILE):
                tiles.append(rgb[y * _TILE : (y + 1) * _TILE, x * _TILE : (x + 1) * _TILE])
                classes.append(labels[y * side : (y + 1) * side, x * side : (x + 1) * side])
    return np.stack(tiles).transpose(0, 3, 1, 2).astype(np.float32) / 255, np.stack(classes)


def _features(weights: Weights, tiles: NDArray[np.float32]) -> Any:
    """Return what the last layer is given at every fourth pixel."""
    net = load_weights(SegFormer(_PLAN), weights).eval()
    [last] = [module for name, module in net.named_modules() if name.endswith("classifier")]
    found: list[Any] = []
    last.register_forward_pre_hook(
        lambda _, given: found.append(given[0].permute(0, 2, 3, 1).flatten(0, 2).half())
    )
    with torch.inference_mode():
        for first in range(0, len(tiles), 8):
            net(torch.from_numpy(tiles[first : first + 8]))
    return torch.cat(found)


def _fitted(features: Any, classes: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weight and bias of a multinomial logistic regression."""
    draw = torch.rand(len(classes), generator=torch.Generator().manual_seed(0))
    chosen = (classes == 2) | (draw < _SHARE)
    features, classes = features[chosen].float(), classes[chosen]
    mean, sd = features.mean(0), features.std(0) + 1e-3
    features = (features - mean) / sd
    weight = torch.zeros(3, features.shape[1], requires_grad=True)
    bias = torch.zeros(3, requires_grad=True)
    search = torch.optim.LBFGS([weight, bias], max_iter=60, history_size=10)

    def loss() -> Any:
        search.zero_grad()
        value = torch.nn.functional.cross_entropy(features @ weight.T + bias, classes)
        value = value + 1e-5 * (weight**2).sum()
        value.backward()
        return value

    search.step(loss)
    scaled = weight.detach() / sd
    return scaled.numpy(), (bias.detach() - scaled @ mean).numpy()
