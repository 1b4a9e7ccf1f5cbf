"""Networks with seeded weights and sensible statistics: for trying things out, not for staging."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.deep.convert.graph import Weights
from radiofib.deep.convert.resnet import ResNetPlan, resnet_shapes
from radiofib.deep.convert.segformer import SegFormerPlan, segformer_shapes

__all__ = ["seeded_resnet", "seeded_segformer"]


def seeded_resnet(
    plan: ResNetPlan, inputs: NDArray[np.float32] | None = None, *, seed: int = 0
) -> Weights:
    """Draw weights of a residual network, its batch norms set by inputs that pass through.

    Convolutions are drawn by He et al. (ICCV 2015), ``sd = sqrt(2 / (out kernel))``; the gain of
    the last batch norm of a block is 0.5, of others 1, shifts are drawn with a deviation of 0.1.
    Running means and variances are those of the inputs, layer by layer, as after training.

    Parameters
    ----------
    plan : ResNetPlan
    inputs : ndarray of shape (n, channels, ...), optional
        Normalised inputs; without them running means are 0 and variances 1. Needs torch.
    seed : int

    Returns
    -------
    dict of str to ndarray of float32

    Examples
    --------
    >>> weights = seeded_resnet(ResNetPlan("resnet10", channels=1), seed=1)
    >>> weights["conv1.weight"].shape, float(weights["bn1.running_var"].mean())
    ((64, 1, 7, 7), 1.0)
    """
    rng = np.random.default_rng(seed)
    last = "bn3" if plan.deep_block else "bn2"
    weights: Weights = {}
    for name, shape in resnet_shapes(plan).items():
        leaf = name.rsplit(".", 1)[1]
        if len(shape) > 2:
            scale = np.sqrt(2 / (shape[0] * np.prod(shape[2:])))
        elif len(shape) == 2:
            scale = np.sqrt(1 / shape[1])
        else:
            scale = 0.1 if leaf == "bias" else 0.0
        drawn = rng.normal(size=shape) * scale
        if len(shape) == 1 and leaf in ("weight", "running_var"):
            drawn = np.full(shape, 0.5 if leaf == "weight" and f".{last}." in name else 1.0)
        weights[name] = drawn.astype(np.float32)
    return weights if inputs is None else _with_statistics(plan, weights, inputs)


def _with_statistics(plan: ResNetPlan, weights: Weights, inputs: NDArray[np.float32]) -> Weights:
    from radiofib.deep.convert.torch_nets import ResNet, load_weights, torch

    net: Any = load_weights(ResNet(plan), weights)
    norms = [m for m in net.modules() if hasattr(m, "running_var")]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0  # one batch sets them
    with torch.no_grad():
        net(torch.from_numpy(inputs))
    state = net.state_dict()
    return {name: state[name].numpy().copy() for name in weights}


def seeded_segformer(
    plan: SegFormerPlan, inputs: NDArray[np.float32] | None = None, *, seed: int = 0
) -> Weights:
    """Draw weights of a SegFormer: matrices with deviation 1 / sqrt(inputs), norms near 1.

    Parameters
    ----------
    plan : SegFormerPlan
    inputs : ndarray of shape (n, 3, side, side), optional
        Normalised tiles; the bias of each class is set so that its mean logit over them is 0,
        else one class may win everywhere. Needs torch.
    seed : int

    Returns
    -------
    dict of str to ndarray of float32

    Examples
    --------
    >>> weights = seeded_segformer(SegFormerPlan("segformer-b0", classes=3), seed=1)
    >>> weights["decode_head.classifier.weight"].shape
    (3, 256, 1, 1)
    """
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    for name, shape in segformer_shapes(plan).items():
        leaf = name.rsplit(".", 1)[1]
        if len(shape) > 1:
            drawn = rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))
        elif leaf == "running_var":
            drawn = rng.uniform(0.5, 1.5, shape)
        else:
            drawn = rng.normal(size=shape) * 0.1 + (leaf == "weight")
        weights[name] = drawn.astype(np.float32)
    if inputs is not None:
        from radiofib.deep.convert.torch_nets import SegFormer, load_weights, torch

        net = load_weights(SegFormer(plan), weights)
        with torch.inference_mode():
            logits = net(torch.from_numpy(inputs))
        weights["decode_head.classifier.bias"] -= logits.mean(dim=(0, 2, 3)).numpy()
    return weights
