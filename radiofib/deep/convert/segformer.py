"""SegFormer b0 to b5: its weights by name, in either generation of names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from radiofib._checks import check_known
from radiofib.deep.convert.graph import Weights
from radiofib.deep.convert.names import without_prefix
from radiofib.errors import ModelError

__all__ = [
    "SEGFORMERS",
    "SegFormerPlan",
    "is_segformer",
    "older_names",
    "segformer_plan",
    "segformer_shapes",
]

#: name -> (blocks of each stage, widths, width of the head); Xie et al., NeurIPS 2021, table 6
SEGFORMERS: dict[str, tuple[tuple[int, ...], tuple[int, ...], int]] = {
    "segformer-b0": ((2, 2, 2, 2), (32, 64, 160, 256), 256),
    "segformer-b1": ((2, 2, 2, 2), (64, 128, 320, 512), 256),
    "segformer-b2": ((3, 4, 6, 3), (64, 128, 320, 512), 768),
    "segformer-b3": ((3, 4, 18, 3), (64, 128, 320, 512), 768),
    "segformer-b4": ((3, 8, 27, 3), (64, 128, 320, 512), 768),
    "segformer-b5": ((3, 6, 40, 3), (64, 128, 320, 512), 768),
}
_ANCHOR = "segformer.encoder.patch_embeddings.0.proj.weight"

_STAGE = re.compile(r"(.*?)segformer\.stages\.(\d+)\.(patch_embeddings|layer_norm|blocks)\.(.+)")
_NEWER = {
    "layernorm_before.": "layer_norm_1.",
    "layernorm_after.": "layer_norm_2.",
    "attention.q_proj.": "attention.self.query.",
    "attention.k_proj.": "attention.self.key.",
    "attention.v_proj.": "attention.self.value.",
    "attention.o_proj.": "attention.output.dense.",
    "attention.sequence_reduction.sequence_reduction.": "attention.self.sr.",
    "attention.sequence_reduction.layer_norm.": "attention.self.layer_norm.",
    "mlp.fc1.": "mlp.dense1.",
    "mlp.fc2.": "mlp.dense2.",
}


@dataclass(frozen=True)
class SegFormerPlan:
    """A SegFormer with its all-MLP head (Xie et al., NeurIPS 2021), as its weights tell.

    Weights are named as in ``transformers`` before version 5 (``segformer.encoder.block.0.0...``,
    ``decode_head.linear_c.0...``); :func:`older_names` brings those of version 5 to them. Layer
    and batch norms add 1e-5 to the variance.

    Parameters
    ----------
    name : str
        One of :data:`SEGFORMERS`.
    classes : int
    channels : int
        Of the input.

    Examples
    --------
    >>> plan = SegFormerPlan("segformer-b0", classes=3)
    >>> plan.widths, plan.heads, plan.reductions
    ((32, 64, 160, 256), (1, 2, 5, 8), (8, 4, 2, 1))
    """

    name: str
    classes: int
    channels: int = 3

    heads = (1, 2, 5, 8)
    reductions = (8, 4, 2, 1)
    kernels = (7, 3, 3, 3)
    strides = (4, 2, 2, 2)
    expansion = 4

    @property
    def depths(self) -> tuple[int, ...]:
        """Blocks of each stage."""
        return SEGFORMERS[self.name][0]

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return SEGFORMERS[self.name][1]

    @property
    def head_width(self) -> int:
        """Channels of the decode head."""
        return SEGFORMERS[self.name][2]

    def blocks(self) -> Iterator[tuple[int, str]]:
        """Yield stage and prefix of each block."""
        for stage, count in enumerate(self.depths):
            for number in range(count):
                yield stage, f"segformer.encoder.block.{stage}.{number}"


def segformer_shapes(plan: SegFormerPlan) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every weight.

    Examples
    --------
    >>> shapes = segformer_shapes(SegFormerPlan("segformer-b0", classes=3))
    >>> shapes["decode_head.classifier.weight"], len(shapes)
    ((3, 256, 1, 1), 207)
    """
    shapes: dict[str, tuple[int, ...]] = {}

    def pair(name: str, *shape: int) -> None:
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = shape[:1]

    before = plan.channels
    encoder = "segformer.encoder"
    for stage, width in enumerate(plan.widths):
        side = plan.kernels[stage]
        pair(f"{encoder}.patch_embeddings.{stage}.proj", width, before, side, side)
        pair(f"{encoder}.patch_embeddings.{stage}.layer_norm", width)
        pair(f"{encoder}.layer_norm.{stage}", width)
        before = width
    for stage, at in plan.blocks():
        width, ratio = plan.widths[stage], plan.reductions[stage]
        wide = plan.expansion * width
        for norm in ("layer_norm_1", "layer_norm_2"):
            pair(f"{at}.{norm}", width)
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            pair(f"{at}.attention.{part}", width, width)
        if ratio > 1:
            pair(f"{at}.attention.self.sr", width, width, ratio, ratio)
            pair(f"{at}.attention.self.layer_norm", width)
        pair(f"{at}.mlp.dense1", wide, width)
        pair(f"{at}.mlp.dwconv.dwconv", wide, 1, 3, 3)
        pair(f"{at}.mlp.dense2", width, wide)
    d = plan.head_width
    for stage, width in enumerate(plan.widths):
        pair(f"decode_head.linear_c.{stage}.proj", d, width)
    shapes["decode_head.linear_fuse.weight"] = (d, d * len(plan.widths), 1, 1)
    pair("decode_head.batch_norm", d)
    shapes["decode_head.batch_norm.running_mean"] = (d,)
    shapes["decode_head.batch_norm.running_var"] = (d,)
    pair("decode_head.classifier", plan.classes, d, 1, 1)
    return shapes


def older_names(weights: Weights) -> Weights:
    """Bring names of transformers 5 to those before; any prefix is taken off.

    Examples
    --------
    >>> list(older_names({"model.segformer.stages.1.blocks.0.attention.q_proj.bias": 0,
    ...                   "model.segformer.stages.0.patch_embeddings.proj.weight": 0}))
    ['segformer.encoder.block.1.0.attention.self.query.bias',
     'segformer.encoder.patch_embeddings.0.proj.weight']
    """
    return without_prefix({_older(name): array for name, array in weights.items()}, _ANCHOR)


def _older(name: str) -> str:
    name = name.replace("decode_head.linear_projections.", "decode_head.linear_c.")
    match = _STAGE.fullmatch(name)
    if match is None:
        return name
    prefix, stage, part, rest = match.groups()
    prefix += "segformer.encoder."
    if part != "blocks":
        return f"{prefix}{part}.{stage}.{rest}"
    number, _, tail = rest.partition(".")
    for new, old in _NEWER.items():
        if tail.startswith(new):
            tail = old + tail[len(new) :]
            break
    return f"{prefix}block.{stage}.{number}.{tail}"


def is_segformer(weights: Weights) -> bool:
    """Tell whether names are those of a SegFormer with its head, whatever stands before them.

    Examples
    --------
    >>> is_segformer({"conv1.weight": 0})
    False
    """
    names = older_names(weights)
    return _ANCHOR in names and "decode_head.classifier.weight" in names


def segformer_plan(name: str, weights: Weights, *, where: str) -> SegFormerPlan:
    """Read the classes from weights, and check which SegFormer they are.

    Raises
    ------
    ModelError
        When they are none, or those of another size than named.
    """
    check_known(name, SEGFORMERS, what="architecture", error=ModelError)
    stem, head = weights.get(_ANCHOR), weights.get("decode_head.classifier.weight")
    if stem is None or head is None:
        missing = _ANCHOR if stem is None else "decode_head.classifier.weight"
        raise ModelError(
            "these are not the weights of a SegFormer for segmentation",
            where=where,
            expected=missing,
            found=f"{len(weights)} weights, the first {next(iter(weights), 'none')}",
            hint="use 'generic' with the model as TorchScript",
        )
    own = _which(weights)
    if own is not None and own != name:
        raise ModelError(
            f"these are the weights of {own}, not of {name}",
            where=where,
            hint=f"convert it as {own}",
        )
    if stem.shape[1] != 3:
        raise ModelError(
            "tiles of slides have three channels",
            where=where,
            expected=f"{_ANCHOR} for 3 channels",
            found=str(stem.shape[1]),
        )
    return SegFormerPlan(name, classes=int(head.shape[0]))


def _which(weights: Weights) -> str | None:
    """Return the SegFormer with these depths and widths, if there is one."""
    depths = tuple(
        len({n.split(".")[4] for n in weights if n.startswith(f"segformer.encoder.block.{stage}.")})
        for stage in range(4)
    )
    embeddings = [f"segformer.encoder.patch_embeddings.{s}.proj.weight" for s in range(4)]
    widths = tuple(int(weights[n].shape[0]) for n in embeddings if n in weights)
    fits = (k for k, (d, w, _) in SEGFORMERS.items() if d == depths and w == widths)
    return next(fits, None)
