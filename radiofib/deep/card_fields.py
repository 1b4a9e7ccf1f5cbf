"""What a model card states: the fields, and how a card is read from plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from radiofib._checks import list_some
from radiofib.config import StrictModel
from radiofib.deep.preprocessing import Preprocessing
from radiofib.errors import ConfigError
from radiofib.provenance import canonical_json

__all__ = [
    "CARD_KEY",
    "ClassLabel",
    "Kind",
    "MissingFactsError",
    "ModelCard",
    "Output",
    "Parity",
    "Precision",
    "Preprocessing",
    "Role",
    "Source",
    "VariantParity",
    "card_json",
    "complete_card",
]

#: Metadata property of an ONNX file that holds its card as a JSON object.
CARD_KEY = "radiofib_card"

Kind = Literal["classifier", "segmenter", "volume", "extractor"]
Role = Literal["logits", "embedding", "feature_map", "label_map"]
Precision = Literal["fp32", "fp16", "int8"]

_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Share = Annotated[float, Field(ge=0, le=1)]
_Cosine = Annotated[float, Field(ge=-1, le=1)]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class MissingFactsError(ConfigError):
    """A model does not state what must be known to use it, and nothing else does."""


_NEEDED: dict[str, tuple[Role, ...]] = {
    "classifier": ("logits",),
    "segmenter": ("label_map", "logits"),
    "volume": ("embedding",),
    "extractor": ("embedding",),
}


_MEANING = {
    "kind": "classifier, segmenter, volume or extractor",
    "architecture": "name of the network, such as resnet34",
    "source": "name and sha256 of the file the weights came from",
    "source.name": "name of the file the weights came from",
    "source.sha256": "SHA-256 of the file the weights came from",
    "licence": "licence of the weights",
    "opset": "version of the ONNX operator set",
    "classes": "names of the classes in the order of the outputs",
    "preprocessing": "how a picture becomes the input: colour, size, resize, value_range, mean, "
    "sd, layout",
    "preprocessing.colour": "grey or rgb",
    "preprocessing.size": "height and width of the input, or null where it is open",
    "preprocessing.resize": "stretch, crop, pad or none",
    "preprocessing.value_range": "what black and white become, such as [0, 1]",
    "preprocessing.mean": "number taken from each channel",
    "preprocessing.sd": "number each channel is divided by",
    "preprocessing.layout": "NCHW, NHWC or NCDHW",
    "preprocessing.dtype": "float32, float16 or uint8",
    "outputs": "name and role (logits, embedding, feature_map, label_map) of each output used",
}


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


class ModelCard(StrictModel):
    """All that must be known to use an ONNX model, kept in its metadata.

    Parameters
    ----------
    format : {1}
        Version of this card.
    kind : {"classifier", "segmenter", "volume", "extractor"}
        What it is for: one label a picture, one label a pixel, an embedding of a volume, an
        embedding of a picture.
    architecture : str
        Such as ``resnet34``.
    source : Source
        File the weights came from.
    licence : str
        Of the weights; an SPDX name where there is one.
    opset : int
        Of the default ONNX domain.
    preprocessing : Preprocessing
        How an image becomes the input.
    outputs : tuple of Output
        Outputs that are used, each role once.
    classes : tuple of ClassLabel
        In the order of the outputs; for a classifier two or more, for a segmenter with colours.
    training_data, citation : str, optional
        What it was trained on, what to cite.
    parity : Parity, optional
        With the source, at conversion.
    precision : {"fp32", "fp16", "int8"}
        Of the computation inside.
    variant : VariantParity, optional
        With the float model; for fp16 and int8.

    Examples
    --------
    >>> card = ModelCard.parse({
    ...     "kind": "extractor", "architecture": "resnet34", "licence": "BSD-3-Clause",
    ...     "source": {"name": "weights.pt", "sha256": "0" * 64}, "opset": 17,
    ...     "preprocessing": {"colour": "rgb", "size": [224, 224], "resize": "stretch",
    ...                       "value_range": [0, 1], "mean": [0.485, 0.456, 0.406],
    ...                       "sd": [0.229, 0.224, 0.225], "layout": "NCHW", "dtype": "float32"},
    ...     "outputs": [{"name": "embedding", "role": "embedding"}],
    ... }, where="card.yaml")
    >>> card.output("embedding").name
    'embedding'
    >>> ModelCard.from_json(card.to_json(), where="card") == card
    True
    """

    format: Literal[1] = 1
    kind: Kind
    architecture: str = Field(min_length=1, max_length=80)
    source: Source
    licence: str = Field(min_length=1)
    opset: int = Field(ge=1)
    preprocessing: Preprocessing
    outputs: tuple[Output, ...] = Field(min_length=1)
    classes: tuple[ClassLabel, ...] = ()
    training_data: str | None = None
    citation: str | None = None
    parity: Parity | None = None
    precision: Precision = "fp32"
    variant: VariantParity | None = None

    @field_validator("classes", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if isinstance(value, list | tuple) and any(isinstance(v, str | int) for v in value):
            shape = ", ".join(f"{{name: {v}}}" for v in value if isinstance(v, str | int))
            raise ValueError(
                f"each class is a mapping with its name: write classes: [{shape}], for a segmenter "
                "each with a colour such as '#d55e00' too"
            )
        return value

    @model_validator(mode="after")
    def _consistent(self) -> ModelCard:
        roles = [o.role for o in self.outputs]
        names = [o.name for o in self.outputs]
        if len({*roles}) < len(roles) or len({*names}) < len(names):
            raise ValueError("each output and each role may be named once")
        if not {*roles} & {*_NEEDED[self.kind]}:
            raise ValueError(f"a {self.kind} needs an output {' or '.join(_NEEDED[self.kind])}")
        labels = [c.name for c in self.classes]
        if len({*labels}) < len(labels):
            raise ValueError("two classes have the same name")
        if self.kind in ("classifier", "segmenter") and len(labels) < 2:
            raise ValueError(f"a {self.kind} needs two classes or more")
        if self.kind == "segmenter" and any(c.colour is None for c in self.classes):
            raise ValueError("each class of a segmenter needs a colour")
        how = self.preprocessing
        if (self.kind == "volume") != (how.layout == "NCDHW"):
            raise ValueError("layout NCDHW belongs to kind 'volume' and to no other")
        of_volumes = {
            "spacing_mm": how.spacing_mm,
            "orientation": how.orientation,
            "normalisation": how.normalisation,
        }
        if self.kind == "volume":
            absent = [name for name, value in of_volumes.items() if value is None]
            if absent:
                raise ValueError(
                    f"a volume model needs preprocessing.{', preprocessing.'.join(absent)}"
                )
            if how.colour != "grey" or how.dtype == "uint8":
                raise ValueError("a volume model takes grey values, float32 or float16")
        elif any(value is not None for value in of_volumes.values()):
            raise ValueError(f"{list_some(of_volumes)} belong to kind 'volume'")
        if self.variant is not None and self.precision == "fp32":
            raise ValueError("variant belongs to precision fp16 or int8")
        return self

    def output(self, role: Role) -> Output | None:
        """Return the output with this role, or None."""
        return next((o for o in self.outputs if o.role == role), None)

    def to_json(self) -> str:
        """Return the card as canonical JSON; what is not stated is left out.

        The format is always written.
        """
        data = self.model_dump(mode="json", exclude_none=True)
        if self.preprocessing.size is None:
            data["preprocessing"]["size"] = None
        return canonical_json(data)

    @classmethod
    def from_json(cls, text: str, *, where: str) -> ModelCard:
        """Read a card from JSON text.

        Raises
        ------
        ConfigError
            When the text is no JSON, or no complete card: the error names every absent fact.
        """
        return complete_card(card_json(text, where=where), where=where)


def card_json(text: str, *, where: str) -> dict[str, Any]:
    """Return a JSON object, or say what is wrong with the text.

    Raises
    ------
    ConfigError
        When the text is no JSON object.

    Examples
    --------
    >>> card_json('{"opset": 17}', where="card.json")
    {'opset': 17}
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError("the card is not JSON", where=where, found=str(error)) from error
    if not isinstance(data, dict):
        raise ConfigError("the card is no mapping", where=where, found=type(data).__name__)
    return data


def _missing(data: Mapping[str, Any]) -> list[str]:
    """Return dotted names of required facts that are absent, nested ones inside what is there."""
    names: list[str] = []
    for name, field in ModelCard.model_fields.items():
        if field.is_required() and name not in data:
            names.append(name)
    for name, model in (("source", Source), ("preprocessing", Preprocessing)):
        part = data.get(name)
        if isinstance(part, Mapping):
            fields = model.model_fields.items()
            names += [f"{name}.{k}" for k, f in fields if f.is_required() and k not in part]
    if data.get("kind") in ("classifier", "segmenter") and not data.get("classes"):
        names.append("classes")
    return names


def complete_card(data: dict[str, Any], *, where: str) -> ModelCard:
    """Return the card of these facts; absent ones are named all at once, misspelt ones before.

    Raises
    ------
    MissingFactsError
        When a fact is absent.
    ConfigError
        When one is not known, or not possible.

    Examples
    --------
    >>> complete_card({"kind": "extractor", "licence": "MIT", "opest": 17}, where="card.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: card.yaml: 'opest' is not a known key (expected format, ...
    """
    missing = _missing(data)
    if missing:
        _check_names(data, where)
        known = [name for name in data if name not in missing]
        raise MissingFactsError(
            "the model does not state what must be known to use it",
            where=where,
            expected="; ".join(f"{name} ({_MEANING[name]})" for name in missing),
            found=list_some(known) or "none of them",
            hint="take the facts from where the model was trained and state them in a YAML or "
            "JSON file given with --card, or write them into the model with "
            "radiofib.deep.with_card",
        )
    return ModelCard.parse(data, where=where)


def _check_names(data: Mapping[str, Any], where: str) -> None:
    """Raise for a key no card has, so that a misspelt fact is not called missing."""
    for place, model, part in (
        (where, ModelCard, data),
        (f"{where}, source", Source, data.get("source")),
        (f"{where}, preprocessing", Preprocessing, data.get("preprocessing")),
    ):
        if isinstance(part, Mapping) and any(k not in model.model_fields for k in part):
            model.parse(dict(part), where=place)
