"""The networks in torch, for parity and for benchmarks; importing this module imports torch."""

from __future__ import annotations

from typing import Any

from radiofib._extras import require
from radiofib.deep.convert.graph import Weights
from radiofib.deep.convert.resnet import ResNetPlan
from radiofib.deep.convert.segformer import SegFormerPlan

__all__ = ["ResNet", "SegFormer", "SegFormerLabels", "load_weights"]

torch = require("torch", purpose="comparing a converted model with its source")
nn = torch.nn
functional = torch.nn.functional


def load_weights(module: Any, weights: Weights) -> Any:
    """Put arrays into a module by name, all of them, and return it ready for use."""
    state = {name: torch.from_numpy(array.copy()) for name, array in weights.items()}
    counters = [n for n in module.state_dict() if n.endswith("num_batches_tracked")]
    state.update({n: torch.tensor(0) for n in counters if n not in state})
    module.load_state_dict(state, strict=True)
    return module.eval()


class _Block(nn.Module):  # type: ignore[misc, name-defined]
    """Two or three convolutions with batch norms, and the way around them."""

    def __init__(self, plan: ResNetPlan, facts: tuple[int, int, int, int, int]) -> None:
        super().__init__()
        before, width, after, stride, dilation = facts
        conv, norm = (nn.Conv2d, nn.BatchNorm2d) if plan.axes == 2 else (nn.Conv3d, nn.BatchNorm3d)
        deep = plan.deep_block
        sides = (1, 3, 1) if deep else (3, 3)
        outs = (width, width, after) if deep else (width, width)
        into = before
        for number, (side, out) in enumerate(zip(sides, outs, strict=True)):
            reach = dilation if side == 3 else 1
            made = conv(
                into,
                out,
                side,
                stride=stride if number == (1 if deep else 0) else 1,
                padding=reach * (side // 2),
                dilation=reach,
                bias=False,
            )
            self.add_module(f"conv{number + 1}", made)
            self.add_module(f"bn{number + 1}", norm(out))
            into = out
        changes = stride > 1 or before != after
        self.downsample = None
        if changes and plan.shortcut == "B":
            self.downsample = nn.Sequential(
                conv(before, after, 1, stride=stride, bias=False), norm(after)
            )
        self.more = after - before if changes and plan.shortcut == "A" else 0
        self.stride = stride
        self.count = len(sides)

    def forward(self, x: Any) -> Any:
        y = x
        for number in range(1, self.count + 1):
            y = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(y))
            if number < self.count:
                y = functional.relu(y)
        if self.downsample is not None:
            x = self.downsample(x)
        elif self.more:
            step = (slice(None), slice(None), *[slice(None, None, self.stride)] * (x.ndim - 2))
            x = functional.pad(x[step], (0, 0) * (x.ndim - 2) + (0, self.more))
        return functional.relu(y + x)


class ResNet(nn.Module):  # type: ignore[misc, name-defined]
    """A residual network as :class:`ResNetPlan` describes; returns logits, embedding and map.

    Without a head, the logits are None.
    """

    def __init__(self, plan: ResNetPlan) -> None:
        super().__init__()
        two = plan.axes == 2
        conv, norm = (nn.Conv2d, nn.BatchNorm2d) if two else (nn.Conv3d, nn.BatchNorm3d)
        side, stride = plan.first
        self.axes = plan.axes
        self.conv1 = conv(plan.channels, 64, side, stride=stride, padding=side // 2, bias=False)
        self.bn1 = norm(64)
        stages: dict[str, list[Any]] = {}
        for at, *facts in plan.blocks():
            stages.setdefault(at.split(".")[0], []).append(_Block(plan, tuple(facts)))
        for name, blocks in stages.items():
            self.add_module(name, nn.Sequential(*blocks))
        self.fc = nn.Linear(plan.embedding, plan.classes) if plan.classes else None

    def forward(self, x: Any) -> Any:
        """Return logits, embedding and feature map of a batch."""
        pool = functional.max_pool2d if self.axes == 2 else functional.max_pool3d
        x = functional.relu(self.bn1(self.conv1(x)))
        x = pool(x, kernel_size=3, stride=2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        embedding = x.mean(dim=tuple(range(2, x.ndim)))
        return (None if self.fc is None else self.fc(embedding)), embedding, x


def _tree(parts: dict[str, Any]) -> Any:
    """Return modules nested as their dotted names say."""
    top = nn.Module()
    for name, module in parts.items():
        *path, leaf = name.split(".")
        at = top
        for step in path:
            if not hasattr(at, step):
                at.add_module(step, nn.Module())
            at = getattr(at, step)
        at.add_module(leaf, module)
    return top


class SegFormer(nn.Module):  # type: ignore[misc, name-defined]
    """A SegFormer as :class:`SegFormerPlan` describes; returns logits at a quarter of the side."""

    def __init__(self, plan: SegFormerPlan) -> None:
        super().__init__()
        self.plan = plan
        parts: dict[str, Any] = {}
        before = plan.channels
        for stage, width in enumerate(plan.widths):
            side = plan.kernels[stage]
            parts[f"encoder.patch_embeddings.{stage}.proj"] = nn.Conv2d(
                before, width, side, stride=plan.strides[stage], padding=side // 2
            )
            parts[f"encoder.patch_embeddings.{stage}.layer_norm"] = nn.LayerNorm(width)
            parts[f"encoder.layer_norm.{stage}"] = nn.LayerNorm(width)
            before = width
        for stage, at in plan.blocks():
            at = at.removeprefix("segformer.")
            width, ratio = plan.widths[stage], plan.reductions[stage]
            wide = width * plan.expansion
            for norm in ("layer_norm_1", "layer_norm_2"):
                parts[f"{at}.{norm}"] = nn.LayerNorm(width)
            for part in ("self.query", "self.key", "self.value", "output.dense"):
                parts[f"{at}.attention.{part}"] = nn.Linear(width, width)
            if ratio > 1:
                parts[f"{at}.attention.self.sr"] = nn.Conv2d(width, width, ratio, stride=ratio)
                parts[f"{at}.attention.self.layer_norm"] = nn.LayerNorm(width)
            parts[f"{at}.mlp.dense1"] = nn.Linear(width, wide)
            parts[f"{at}.mlp.dwconv.dwconv"] = nn.Conv2d(wide, wide, 3, padding=1, groups=wide)
            parts[f"{at}.mlp.dense2"] = nn.Linear(wide, width)
        self.segformer = _tree(parts)
        d = plan.head_width
        head: dict[str, Any] = {
            f"linear_c.{stage}.proj": nn.Linear(width, d) for stage, width in enumerate(plan.widths)
        }
        head["linear_fuse"] = nn.Conv2d(d * len(plan.widths), d, 1, bias=False)
        head["batch_norm"] = nn.BatchNorm2d(d)
        head["classifier"] = nn.Conv2d(d, plan.classes, 1)
        self.decode_head = _tree(head)

    def forward(self, x: Any) -> Any:
        """Return logits (batch, classes, side / 4, side / 4) of normalised pictures."""
        plan, encoder = self.plan, self.segformer.encoder
        levels = []
        for stage in range(len(plan.widths)):
            embed = getattr(encoder.patch_embeddings, str(stage))
            x = embed.proj(x)
            size = (x.shape[2], x.shape[3])
            tokens = embed.layer_norm(x.flatten(2).transpose(1, 2))
            blocks = getattr(encoder.block, str(stage))
            for number in range(plan.depths[stage]):
                block = getattr(blocks, str(number))
                tokens = tokens + self._attend(stage, block, block.layer_norm_1(tokens), size)
                tokens = tokens + self._mix(block.mlp, block.layer_norm_2(tokens), size)
            tokens = getattr(encoder.layer_norm, str(stage))(tokens)
            x = tokens.transpose(1, 2).reshape(tokens.shape[0], -1, *size)
            levels.append(x)
        return self._head(levels)

    def _attend(self, stage: int, block: Any, x: Any, size: tuple[int, int]) -> Any:
        own = block.attention.self
        heads = self.plan.heads[stage]
        n, places, width = x.shape
        reduced = x
        if self.plan.reductions[stage] > 1:
            square = x.transpose(1, 2).reshape(n, width, *size)
            reduced = own.layer_norm(own.sr(square).flatten(2).transpose(1, 2))
        q, k, v = (
            part(of).view(n, -1, heads, width // heads).transpose(1, 2)
            for part, of in ((own.query, x), (own.key, reduced), (own.value, reduced))
        )
        share = (q @ k.transpose(-1, -2) / (width // heads) ** 0.5).softmax(dim=-1)
        mixed = (share @ v).transpose(1, 2).reshape(n, places, width)
        return block.attention.output.dense(mixed)

    def _mix(self, mlp: Any, x: Any, size: tuple[int, int]) -> Any:
        x = mlp.dense1(x)
        square = x.transpose(1, 2).reshape(x.shape[0], -1, *size)
        square = mlp.dwconv.dwconv(square)
        return mlp.dense2(functional.gelu(square.flatten(2).transpose(1, 2)))

    def _head(self, levels: list[Any]) -> Any:
        head, size = self.decode_head, levels[0].shape[2:]
        wide = []
        for stage, level in enumerate(levels):
            proj = getattr(head.linear_c, str(stage)).proj
            tokens = proj(level.flatten(2).transpose(1, 2))
            square = tokens.transpose(1, 2).reshape(level.shape[0], -1, *level.shape[2:])
            wide.append(
                functional.interpolate(square, size=size, mode="bilinear", align_corners=False)
            )
        fused = head.batch_norm(head.linear_fuse(torch.cat(wide[::-1], dim=1)))
        return head.classifier(functional.relu(fused))


class SegFormerLabels(nn.Module):  # type: ignore[misc, name-defined]
    """A model of tiles from bytes to labels: what a converted one must equal.

    Parameters
    ----------
    model : module
        From normalised pictures (batch, 3, side, side) to logits of any side.
    mean, sd : sequence of float
        Taken off and divided by after the division by 255.
    nhwc : bool
        Whether the bytes come as (batch, side, side, 3).
    """

    def __init__(self, model: Any, mean: Any = None, sd: Any = None, nhwc: bool = True) -> None:
        super().__init__()
        self.model = model
        self.nhwc = nhwc
        channels = 3 if mean is None else len(mean)
        shape = (1, channels, 1, 1)
        self.register_buffer("mean", torch.tensor(mean or [0.0] * channels).reshape(shape))
        self.register_buffer("sd", torch.tensor(sd or [1.0] * channels).reshape(shape))

    def forward(self, tiles: Any) -> Any:
        """Return labels (batch, side, side) as bytes and the logits of the model."""
        x = tiles.permute(0, 3, 1, 2) if self.nhwc else tiles
        logits = self.model((x.float() / 255 - self.mean) / self.sd)
        size = (x.shape[2], x.shape[3])
        full = functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        return full.argmax(dim=1).to(torch.uint8), logits
