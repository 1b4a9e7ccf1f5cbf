"""Variants of a network that compute with fewer bits, and how far they are from it."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib._extras import require
from radiofib.deep.card import ModelCard, Precision, Role, VariantParity, with_card
from radiofib.deep.graph import read_graph
from radiofib.deep.network import Network, RunSettings, open_network, run_pictures
from radiofib.deep.parity import EmbeddingParity, embedding_parity
from radiofib.deep.quantise import quantise
from radiofib.errors import ModelError, UsageError

__all__ = [
    "LEAST_COSINE",
    "LEAST_SAME_NEIGHBOUR",
    "EmbeddingParity",
    "embedding_parity",
    "fp16_variant",
    "int8_variant",
]

#: What a variant must keep on average to stand for the float network: directions of embeddings
#: about their mean, and which image is nearest to which.
LEAST_COSINE, LEAST_SAME_NEIGHBOUR = 0.99, 0.95
_Paths = Sequence[str | Path]


def fp16_variant(
    path: str | Path,
    out: str | Path,
    images: _Paths,
    *,
    stated: Mapping[str, Any] | None = None,
) -> ModelCard:
    """Write a variant that computes in float16, with the inputs and outputs of the original.

    Halves the file. Fast on GPUs; a CPU computes it in float32 between conversions, slower than
    the original.

    Parameters
    ----------
    path, out : path
        The float model and the file to write.
    images : sequence of path
        Pictures on which the variant is compared with the original, three or more.
    stated : mapping, optional
        Facts the model's card does not state.

    Returns
    -------
    ModelCard
        Of the variant, with its precision and parity.

    Raises
    ------
    MissingExtraError
        Without onnxruntime or onnx.
    ModelError
        When the model is not a float32 one with an embedding, an image cannot be read, or the
        variant's output is not finite (float16 ends at 65504).
    """
    onnx = require("onnx", purpose="a float16 variant")
    require("onnxruntime", purpose="a float16 variant")
    original = _original(path, stated)

    def write(plain: Path) -> None:
        convert = import_module("onnxruntime.transformers.float16").convert_float_to_float16
        with warnings.catch_warnings():
            # Says of each weight too small for float16 that it was cut off; parity shows if it
            # matters.
            warnings.simplefilter("ignore", UserWarning)
            model = convert(onnx.load(str(path)), keep_io_types=True)
        onnx.save(model, str(plain))

    return _variant(original, out, images, "fp16", None, write)


def int8_variant(
    path: str | Path,
    out: str | Path,
    calibration: _Paths,
    images: _Paths,
    *,
    stated: Mapping[str, Any] | None = None,
    method: Literal["minmax", "percentile"] = "percentile",
) -> ModelCard:
    """Write a variant that computes in 8 bits, with the inputs and outputs of the original.

    Static quantisation as QuantizeLinear and DequantizeLinear pairs (QDQ) [1]_: weights with a
    scale for each output channel, symmetric, 8 bits with sign; activations with one scale and
    zero point for each tensor, 8 bits without sign, from their range over the calibration images
    but for the largest values. The weights of a convolution are rounded together, by what it reads
    on the calibration images [3]_ (:func:`~radiofib.deep.rounding.round_together`). Sums of two
    computed tensors, as in residual networks, stay in float, and read what convolutions of 8 bits
    added up before it is rounded (:mod:`radiofib.deep.float_terms`).
    The first convolution, which reads the picture, stays in float, as does what follows the last
    convolution or matrix product before the embedding (the last sum, ReLU, pooling), and a head
    behind it, so that an embedding is a mean of many values and not of 256 steps. Rounding shifts
    the mean of each feature; the shift over the calibration images is taken back by one addition
    [2]_, on the feature map where its mean over space is the embedding (so that it stays so),
    else on the embedding.

    Parameters
    ----------
    path, out : path
        The float model and the file to write.
    calibration : sequence of path
        Pictures like those of later use; 50 to 500 do. Not those of `images`.
    images : sequence of path
        Pictures on which the variant is compared with the original, three or more.
    stated : mapping, optional
        Facts the model's card does not state.
    method : {"minmax", "percentile"}
        Range of activations: all values, or 99.999 % of them (larger ones are then cut off), which
        leaves finer steps for the rest.

    Returns
    -------
    ModelCard
        Of the variant, with its precision and parity.

    Raises
    ------
    MissingExtraError
        Without onnxruntime or onnx.
    UsageError
        When a calibration image is also one to compare on.
    ModelError
        When the model is not a float32 one with an embedding, or an image cannot be read.

    References
    ----------
    .. [1] B. Jacob et al., Quantization and training of neural networks for efficient
       integer-arithmetic-only inference, CVPR 2018, doi 10.1109/CVPR.2018.00286.
    .. [2] M. Nagel et al., Data-free quantization through weight equalization and bias
       correction, ICCV 2019, doi 10.1109/ICCV.2019.00141.
    .. [3] E. Frantar et al., GPTQ: accurate post-training quantization for generative pre-trained
       transformers, ICLR 2023, arXiv 2210.17323.
    """
    require("onnx", purpose="an int8 variant")
    require("onnxruntime", purpose="an int8 variant")
    original = _original(path, stated)
    if not calibration:
        raise UsageError("an int8 variant needs calibration images", found="none")
    both = {Path(p).resolve() for p in calibration} & {Path(p).resolve() for p in images}
    if both:
        raise UsageError(
            "images to compare on were used for calibration",
            found=list_some(sorted(p.name for p in both)),
            hint="keep other images to compare on",
        )

    def write(plain: Path) -> None:
        quantise(Path(path), plain, original.network, calibration, method)
        _take_back_shift(plain, original.network, calibration)

    return _variant(original, out, images, "int8", len(calibration), write)


@dataclass(frozen=True)
class _Original:
    """The float model."""

    path: Path
    network: Network


def _original(path: str | Path, stated: Mapping[str, Any] | None) -> _Original:
    network = open_network(path, stated=stated)
    card = network.card
    if card.precision != "fp32":
        raise ModelError(
            "a variant is made of the float model",
            where=network.session.name,
            expected="precision fp32",
            found=card.precision,
        )
    if card.output("embedding") is None or card.kind == "volume":
        raise ModelError(
            "variants are compared by the embeddings of pictures, and this model gives none",
            where=network.session.name,
            expected="an output with role embedding, and kind classifier or extractor",
            found=f"kind {card.kind}, {list_some(o.role for o in card.outputs)}",
        )
    return _Original(Path(path), network)


def _variant(
    original: _Original,
    out: str | Path,
    images: _Paths,
    precision: Precision,
    calibrated: int | None,
    write: Callable[[Path], None],
) -> ModelCard:
    """Make a variant beside its place, compare it, and put it there with its card."""
    reference = _embeddings(original.network, images)
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".variant", dir=out.parent) as folder:
        plain = Path(folder) / "plain.onnx"
        write(plain)
        opset = read_graph(plain).opset
        card = original.network.card
        stated = card.model_dump(mode="json", exclude={"variant"}) | {
            "precision": precision,
            "opset": opset,
        }
        found = embedding_parity(reference, _embeddings(open_network(plain, stated=stated), images))
        variant = VariantParity(
            float_sha256=original.network.session.source_hash,
            images=found.images,
            cosine=found.cosine,
            least_cosine=found.least_cosine,
            same_neighbour=found.same_neighbour,
            calibration_images=calibrated,
        )
        whole = ModelCard.parse(
            stated | {"variant": variant.model_dump()}, where=original.network.session.name
        )
        finished = with_card(plain, whole, Path(folder) / "finished.onnx")
        finished.replace(out)
    return whole


def _embeddings(network: Network, images: _Paths) -> NDArray[np.float64]:
    """Return the embeddings of the pictures that are compared."""
    if len(images) < 3:
        raise UsageError("a variant is compared on three images or more", found=str(len(images)))
    return _outputs(network, images, ["embedding"])["embedding"]


def _take_back_shift(plain: Path, original: Network, calibration: _Paths) -> None:
    """Add to each feature what the quantised network misses of its mean over the images."""
    onnx = require("onnx", purpose="an int8 variant")
    card = original.card
    embedding, feature_map = card.output("embedding"), card.output("feature_map")
    assert embedding is not None
    model = onnx.load(str(plain))
    opset = read_graph(plain).opset
    stated = card.model_dump(mode="json", exclude={"variant"}) | {"opset": opset}
    roles: list[Role] = ["embedding"] if feature_map is None else ["embedding", "feature_map"]
    floats = _outputs(original, calibration, roles)
    shift = (
        floats["embedding"]
        - _outputs(open_network(plain, stated=stated), calibration, roles[:1])["embedding"]
    ).mean(axis=0)
    name, shape = embedding.name, [1, shift.size]
    if feature_map is not None and _is_mean_of(floats["embedding"], floats["feature_map"]):
        name, shape = feature_map.name, [1, shift.size, 1, 1]
    constant = onnx.numpy_helper.from_array(
        shift.reshape(shape).astype(np.float32), f"{name}_shift"
    )
    at = next(i for i, node in enumerate(model.graph.node) if name in node.output)
    node = model.graph.node[at]
    node.output[list(node.output).index(name)] = f"{name}_shifted"
    model.graph.initializer.append(constant)
    model.graph.node.insert(
        at + 1, onnx.helper.make_node("Add", [f"{name}_shifted", constant.name], [name])
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(plain))


def _is_mean_of(embeddings: NDArray[np.float64], maps: NDArray[np.float64]) -> bool:
    """Tell whether embeddings are the means over space of the maps' means given here."""
    if maps.shape != embeddings.shape:
        return False
    return bool(np.allclose(maps, embeddings, rtol=1e-4, atol=1e-5 * np.abs(embeddings).max()))


def _outputs(
    network: Network, images: _Paths, roles: Sequence[Role]
) -> dict[Role, NDArray[np.float64]]:
    """Return outputs of pictures, maps as their mean over space; raise the first error."""
    rows: dict[Role, list[NDArray[np.float64]]] = {role: [] for role in roles}
    for found in run_pictures(network, images, roles, settings=RunSettings(batch=1)):
        if found.error is not None:
            raise found.error
        assert found.outputs is not None
        for role, value in found.outputs.items():
            numbers = value.astype(np.float64)
            mean = numbers.reshape(numbers.shape[0], -1).mean(axis=1)
            rows[role].append(mean if role == "feature_map" else numbers.ravel())
    return {role: np.stack(values) for role, values in rows.items()}
