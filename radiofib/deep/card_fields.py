"""What a model card states: the fields, and how a card is read from plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from radiofib._checks import list_some
from radiofib.config import StrictModel
from radiofib.deep.card_parts import (
    ClassLabel,
    Kind,
    Output,
    Parity,
    Precision,
    Role,
    Source,
    VariantParity,
)
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


class MissingFactsError(ConfigError):
    """A model does not state what must be known to use it, and nothing else does."""


_NEEDED: dict[str, tuple[Role, ...]] = {
    "classifier": ("logits",),
    "segmenter": ("label_map", "logits"),
    "volume": ("embedding",),
    "extractor": ("embedding",),
}


#: What the preprocessing of a volume states besides.
_OF_VOLUMES = ("spacing_mm", "orientation", "normalisation")
_MEANING = {
    "kind": "classifier, segmenter, volume or extractor",
    "architecture": "name of the network, such as resnet34",
    "source": "name and sha256 of the file the weights came from",
    "source.name": "name of the file the weights came from",
    "source.sha256": "SHA-256 of the file the weights came from",
    "licence": "licence of the weights",
    "opset": "version of the ONNX operator set",
    "classes": "of a classifier or segmenter: names of the classes in the order of the outputs",
    "preprocessing.colour": "grey or rgb",
    "preprocessing.size": "height and width of the input, or null where it is open",
    "preprocessing.resize": "stretch, crop, pad or none",
    "preprocessing.value_range": "what black and white become, such as [0, 1]",
    "preprocessing.mean": "number taken from each channel",
    "preprocessing.sd": "number each channel is divided by",
    "preprocessing.layout": "NCHW, NHWC or NCDHW",
    "preprocessing.dtype": "float32, float16 or uint8",
    "preprocessing.spacing_mm": "of a volume: voxel size along x, y, z",
    "preprocessing.orientation": "of a volume: where the axes grow to, such as LPS",
    "preprocessing.normalisation": "of a volume: none, zscore, window, percentile or fixed",
    "outputs": "name and role (logits, embedding, feature_map, label_map) of each output used",
}


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

    @field_validator("outputs", mode="before")
    @classmethod
    def _with_roles(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            known = get_args(Role)
            pairs = [(v, k) if k in known else (k, v) for k, v in value.items()]
        elif isinstance(value, list | tuple) and any(isinstance(v, str) for v in value):
            pairs = [(v, "logits") for v in value if isinstance(v, str)]
        else:
            return value
        shape = ", ".join(f"{{name: {name}, role: {role}}}" for name, role in pairs)
        raise ValueError(
            "each output is a mapping with its name in the graph and its role "
            f"({', '.join(get_args(Role))}): write outputs: [{shape}]"
        )

    @field_validator("classes", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            value = [v if isinstance(k, int) else k for k, v in value.items()]
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
        of_volumes = {name: getattr(how, name) for name in _OF_VOLUMES}
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
    """Return dotted names of all required facts that are absent.

    Those of the preprocessing are named one by one, and what a kind of model needs besides is
    named while the kind is not stated, so that nobody is asked again.
    """
    names = [
        name
        for name, field in ModelCard.model_fields.items()
        if field.is_required() and name not in data and name != "preprocessing"
    ]
    parts: tuple[tuple[str, type[StrictModel], Any], ...] = (
        ("source", Source, data.get("source")),
        ("preprocessing", Preprocessing, data.get("preprocessing", {})),
    )
    for name, model, part in parts:
        if isinstance(part, Mapping):
            fields = model.model_fields.items()
            names += [f"{name}.{k}" for k, f in fields if f.is_required() and k not in part]
    kind, how = data.get("kind"), data.get("preprocessing", {})
    if kind is None and isinstance(how, Mapping) and how.get("layout") == "NCDHW":
        kind = "volume"
    if kind in (None, "classifier", "segmenter") and not data.get("classes"):
        names.append("classes")
    if kind == "volume" and isinstance(how, Mapping):
        names += [f"preprocessing.{k}" for k in _OF_VOLUMES if how.get(k) is None]
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
