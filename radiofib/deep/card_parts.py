"""Parts of a model card: where weights are from, classes, outputs, measured parity."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from radiofib.config import StrictModel

__all__ = [
    "ClassLabel",
    "Kind",
    "Output",
    "Parity",
    "Precision",
    "Role",
    "Source",
    "VariantParity",
]

Kind = Literal["classifier", "segmenter", "volume", "extractor"]
Role = Literal["logits", "embedding", "feature_map", "label_map"]
Precision = Literal["fp32", "fp16", "int8"]

_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Share = Annotated[float, Field(ge=0, le=1)]
_Cosine = Annotated[float, Field(ge=-1, le=1)]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Source(StrictModel):
    """The file the weights came from.

    Parameters
    ----------
    name : str
        File name, without a folder.
    sha256 : str
        Its SHA-256 in lower-case hexadecimal.
    """

    name: str = Field(min_length=1, max_length=200, pattern=r"^[^/\\]+$")
    sha256: _Sha256


class ClassLabel(StrictModel):
    """One class, in the order of the logits or of the labels.

    Parameters
    ----------
    name : str
        As shown.
    colour : str, optional
        ``#rrggbb``; needed for a segmenter.
    """

    name: str = Field(min_length=1, max_length=80)
    colour: str | None = Field(default=None, pattern="^#[0-9a-f]{6}$")


class Output(StrictModel):
    """An output of the model and what it is.

    Parameters
    ----------
    name : str
        As in the graph.
    role : {"logits", "embedding", "feature_map", "label_map"}
        ``logits``: (N, classes), of a segmenter (N, classes, h, w); ``embedding``: (N, D);
        ``feature_map``: (N, C, h, w), of a volume (N, C, d, h, w), whose mean over space is the
        embedding; ``label_map``: (N, h, w) or (N, 1, h, w), whole numbers from 0.
    """

    name: str = Field(min_length=1)
    role: Role


class Parity(StrictModel):
    """How far the ONNX model is from its source, measured when it was converted.

    Parameters
    ----------
    against : str
        What it was compared with, such as ``torch 2.8.0``.
    inputs : int
        How many inputs were compared.
    largest_absolute : float, optional
        Largest absolute difference of any output value.
    largest_relative : float, optional
        Largest absolute difference divided by the largest absolute value of that output.
    equal_labels : float, optional
        Share of equal labels (pixels, or pictures of a classifier).
    cosine : float, optional
        Smallest cosine of the embeddings of one input.
    """

    against: str = Field(min_length=1)
    inputs: int = Field(ge=1)
    largest_absolute: _Amount | None = None
    largest_relative: _Amount | None = None
    equal_labels: _Share | None = None
    cosine: _Cosine | None = None


class VariantParity(StrictModel):
    """How far a model of lower precision is from the float model, on given images.

    Parameters
    ----------
    float_sha256 : str
        SHA-256 of the float model.
    images : int
        How many images were compared.
    cosine : float
        Mean cosine of the two embeddings of an image, the mean embedding of the float model over
        the set taken from both.
    least_cosine : float
        Smallest such cosine.
    same_neighbour : float
        Share of images whose nearest other image is the same in both.
    calibration_images : int, optional
        How many images the quantisation was calibrated on.
    """

    float_sha256: _Sha256
    images: int = Field(ge=2)
    cosine: _Cosine
    least_cosine: _Cosine
    same_neighbour: _Share
    calibration_images: int | None = Field(default=None, ge=1)
