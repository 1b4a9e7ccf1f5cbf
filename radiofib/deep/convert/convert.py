"""Convert a network: write it as ONNX, compare it with its source, give it its card."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.deep.card import CARD_KEY, ModelCard, check_card, with_card
from radiofib.deep.card_fields import card_json
from radiofib.deep.convert.common import ConvertSettings, Made
from radiofib.deep.convert.facts import card_of, merge_facts
from radiofib.deep.convert.families import make
from radiofib.deep.convert.parity import (
    BOUNDS,
    check_parity,
    check_repeats,
    compare_outputs,
    run_outputs,
    seeded_pictures,
)
from radiofib.deep.convert.weights import WeightSource, read_source
from radiofib.deep.graph import read_graph
from radiofib.deep.inputs import picture_input, read_picture_input
from radiofib.deep.session import open_session
from radiofib.errors import ModelError, RadiofibError, UsageError

__all__ = ["convert_model"]

#: Most numbers in a batch that is compared at once.
_BATCH_NUMBERS = 4_000_000
#: What the graph is called before it has its card.
_PLAIN = "plain.onnx"


def convert_model(
    architecture: str,
    source: str | Path,
    out: str | Path,
    *,
    stated: Mapping[str, Any] | None = None,
    settings: ConvertSettings | None = None,
) -> ModelCard:
    """Write a network as an ONNX file that carries its model card.

    Source and conversion are run on the same inputs; when they differ by more than
    :data:`radiofib.deep.convert.parity.BOUNDS` allows, nothing is written.

    Parameters
    ----------
    architecture : str
        One of :data:`ARCHITECTURES`: ``resnet10``, ``resnet18``, ``resnet34``, ``resnet50`` (names
        of weights as torchvision's), the same with ``-3d`` (MedicalNet's), ``segformer-b0`` to
        ``segformer-b5`` (as in transformers), ``hotspot`` (its TorchScript), ``generic`` (any
        TorchScript or ONNX model; the card states all).
    source : path
        State dict, ``.safetensors``, TorchScript or ONNX.
    out : path
        File to write.
    stated : mapping, optional
        Facts for the card: licence, classes, preprocessing and whatever the weights do not tell.
        Of an ONNX model that has a card, what is stated here takes the place of what that says.
    settings : ConvertSettings, optional

    Returns
    -------
    ModelCard
        As written into the file, with the parity measured.

    Raises
    ------
    UsageError, ConfigError
        When facts are not stated, or TorchScript is not said to be trusted.
    ModelError
        When weights and architecture do not fit, the conversion is not its source, or outputs
        are not finite.
    """
    settings = settings or ConvertSettings()
    stated = dict(stated or {})
    out = Path(out)
    if not out.parent.is_dir():
        raise UsageError("no such folder", where=str(out.parent), hint="make it, or change --out")
    opened = read_source(source, trust_torchscript=settings.trust_torchscript)
    if opened.form == "onnx":
        stated = merge_facts(_own_card(opened), stated)
    with tempfile.TemporaryDirectory(prefix=".convert", dir=out.parent) as folder:
        plain = Path(folder) / _PLAIN
        with _named_as(opened.path.name, folder):
            made = make(architecture, opened, stated, settings, plain)
            card = card_of(made.known, stated, where=opened.path.name)
            if made.reference is not None:
                card = _compared(plain, card, made, settings, where=opened.path.name)
            else:
                _check_finite(plain, card, settings, where=opened.path.name)
            finished = with_card(plain, card, Path(folder) / "finished.onnx")
        finished.replace(out)
    return card


@contextmanager
def _named_as(given: str, folder: str) -> Iterator[None]:
    """Let errors name the file that was given, not the one that is being made of it."""
    made = re.compile(rf"(?:{re.escape(folder)}[\\/])?\b{re.escape(_PLAIN)}")
    try:
        yield
    except RadiofibError as error:
        for part in ("where", "expected", "found", "hint"):
            text = getattr(error, part)
            if text:
                setattr(error, part, made.sub(lambda _: given, text))
        raise


def _own_card(source: WeightSource) -> dict[str, Any]:
    """Return the facts that an ONNX model carries already; none without a card."""
    metadata = read_graph(source.path).metadata
    if CARD_KEY not in metadata:
        return {}
    where = f"{source.path.name}, metadata property {CARD_KEY!r}"
    return card_json(metadata[CARD_KEY], where=where)


def _compared(
    plain: Path, card: ModelCard, made: Made, settings: ConvertSettings, *, where: str
) -> ModelCard:
    """Return the card with the parity measured; raise when it is out of bounds."""
    assert made.reference is not None
    inputs = _inputs(card, settings)
    names = [output.name for output in card.outputs]
    step = max(1, min(len(inputs), _BATCH_NUMBERS // max(1, inputs[0].size)))
    wanted: dict[str, list[NDArray[Any]]] = {}
    found: dict[str, list[NDArray[Any]]] = {}
    for start in range(0, len(inputs), step):
        batch = inputs[start : start + step]
        theirs = made.reference(batch)
        ours = run_outputs(plain, batch, [n for n in names if n in theirs])
        for name, array in theirs.items():
            wanted.setdefault(name, []).append(array)
            found.setdefault(name, []).append(_as_large(ours.get(name), array))
    reference = {name: np.concatenate(parts) for name, parts in wanted.items()}
    parity = compare_outputs(
        reference,
        {name: np.concatenate(parts) for name, parts in found.items()},
        against=made.against,
    )
    try:
        check_parity(parity, BOUNDS[card.kind], reference, where=where)
    except ModelError:
        check_repeats(made.reference, inputs[:step], where=where)
        raise
    return card.model_copy(update={"parity": parity})


def _check_finite(plain: Path, card: ModelCard, settings: ConvertSettings, *, where: str) -> None:
    """Raise when an ONNX model, which has no source to compare with, gives what is no number."""
    session = open_session(plain)
    check_card(card, session.inputs, session.outputs, opset=session.opset, where=where)
    inputs = _inputs(card, settings)
    step = session.inputs[0].shape[0] or 1
    names = [output.name for output in card.outputs]
    for start in range(0, len(inputs) - step + 1, step):
        found = run_outputs(plain, inputs[start : start + step], names)
        for name, values in found.items():
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                kind = "a picture" if settings.images else "a seeded input"
                raise ModelError(
                    f"the model gives values that are not finite for {kind}",
                    where=where,
                    expected="numbers",
                    found=f"{int((~np.isfinite(values)).sum())} of {values.size} values of "
                    f"{name!r} are NaN or infinite",
                    hint="nothing was written; check value_range, mean and sd in the card, and "
                    "export the model again in float32",
                )


def _as_large(ours: NDArray[Any] | None, theirs: NDArray[Any]) -> NDArray[Any]:
    """Enlarge logits when the source gives them enlarged already."""
    if ours is None:
        return np.empty(0)
    if ours.ndim != 4 or theirs.ndim != 4 or ours.shape[2:] == theirs.shape[2:]:
        return ours
    from radiofib._extras import require

    torch = require("torch", purpose="comparing with the source")
    large: NDArray[Any] = torch.nn.functional.interpolate(
        torch.from_numpy(ours), size=theirs.shape[2:], mode="bilinear", align_corners=False
    ).numpy()
    return large


def _inputs(card: ModelCard, settings: ConvertSettings) -> NDArray[Any]:
    """Return what source and conversion are compared on, as the network is given it."""
    how = card.preprocessing
    if card.kind == "volume":
        if settings.images:
            raise UsageError("volumes are compared on seeded inputs", hint="leave the images out")
        rng = np.random.default_rng(0)
        shape = (max(2, settings.inputs // 4), how.channels, *(how.size or (32, 32, 32)))
        return rng.normal(size=shape).astype(how.dtype)
    if settings.images:
        return np.stack([read_picture_input(path, how) for path in settings.images])
    size = how.size or (224, 224)
    shape = (*size, 3) if how.colour == "rgb" else tuple(size)
    pictures = seeded_pictures(settings.inputs, shape)
    return np.stack([picture_input(picture, how) for picture in pictures])
