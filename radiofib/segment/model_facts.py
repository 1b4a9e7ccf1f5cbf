"""What a segmentation model needs to be told: nothing of it is ever guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from radiofib._checks import list_some
from radiofib.config import StrictModel
from radiofib.deep.intensity import (
    Fixed,
    Normalisation,
    Percentile,
    Unchanged,
    Window,
    ZScore,
    normalised,
)
from radiofib.errors import ConfigError

__all__ = [
    "METADATA_KEY",
    "Fixed",
    "ModelFacts",
    "Normalisation",
    "Percentile",
    "Unchanged",
    "Window",
    "ZScore",
    "facts_of_model",
    "normalised",
]

#: Metadata property of an ONNX file that may hold its facts as a JSON object.
METADATA_KEY = "radiofib"


_REQUIRED = {
    "spacing_mm": "voxel size the model was trained at, mm along x, y, z",
    "orientation": "where the patient axes of its array grow to, such as LPS or RAS",
    "axes": "order of its array axes, zyx or xyz",
    "normalisation": "how intensities are brought to its scale",
    "output": "argmax, sigmoid or probability",
    "label": "number of the liver among its output channels, from 0",
    "channels": "channels it was trained on, such as [ged4]",
}


class ModelFacts(StrictModel):
    """How images must be given to a model and its output be read.

    All but `overlap`, `threshold`, `output_name` and `window` must be stated, in the settings or
    in the model's own metadata (property ``radiofib``, a JSON object with these keys); `window`
    only when the model leaves its input size open.

    Parameters
    ----------
    spacing_mm : tuple of float
        Voxel size of the training along x, y, z.
    orientation : str
        Letters of the directions the axes x, y, z of the array grow to: ``LPS`` is DICOM's and
        ITK's, ``RAS`` that of nibabel and most MONAI pipelines.
    axes : {"zyx", "xyz"}
        Order of the spatial axes in the array: zyx for arrays of SimpleITK (nnU-Net), xyz for
        those of nibabel (MONAI).
    normalisation : Unchanged, ZScore, Window, Percentile or Fixed
        Applied to the image on its own grid, before resampling.
    output : {"argmax", "sigmoid", "probability"}
        ``argmax``: liver where its channel is the largest; ``sigmoid``: where the logistic of
        its channel reaches `threshold`; ``probability``: where its channel does.
    label : int
        Number of the liver among the output channels, from 0.
    channels : tuple of str
        Channels of the cohort the model may be used on, the best first.
    window : tuple of int, optional
        Input size in the order of `axes`.
    overlap : float
        Share by which neighbouring windows overlap.
    threshold : float
        Cut for ``sigmoid`` and ``probability``.
    output_name : str, optional
        Which output, when the model has several.
    """

    spacing_mm: tuple[float, float, float] | None = None
    orientation: str | None = Field(default=None, pattern="^[LRAPSI]{3}$")
    axes: Literal["zyx", "xyz"] | None = None
    normalisation: Normalisation | None = None
    output: Literal["argmax", "sigmoid", "probability"] | None = None
    label: int | None = Field(default=None, ge=0)
    channels: tuple[str, ...] | None = Field(default=None, min_length=1)
    window: tuple[int, int, int] | None = None
    overlap: float = Field(default=0.5, ge=0, lt=1)
    threshold: float = Field(default=0.5, gt=0, lt=1)
    output_name: str | None = None

    @model_validator(mode="after")
    def _possible(self) -> ModelFacts:
        if self.spacing_mm is not None and min(self.spacing_mm) <= 0:
            raise ValueError("spacing_mm must be positive")
        if self.window is not None and min(self.window) < 1:
            raise ValueError("window must be positive")
        if self.orientation is not None:
            axes = [_AXIS[letter] for letter in self.orientation]
            if sorted(axes) != [0, 1, 2]:
                raise ValueError("orientation must name each of the three axes once, such as LPS")
        return self

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the facts not yet stated (the window aside, which the model may fix).

        Examples
        --------
        >>> ModelFacts(axes="zyx", label=1, output="argmax", orientation="LPS").missing
        ('spacing_mm', 'normalisation', 'channels')
        """
        return tuple(name for name in _REQUIRED if getattr(self, name) is None)


_AXIS = {"L": 0, "R": 0, "A": 1, "P": 1, "S": 2, "I": 2}


def facts_of_model(
    metadata: Mapping[str, str], stated: ModelFacts | None, *, where: str
) -> ModelFacts:
    """Return the facts in a model's metadata, with those stated in settings taking their place.

    Raises
    ------
    ConfigError
        When the metadata cannot be understood, or a fact is stated nowhere: the error names
        every one.

    Examples
    --------
    >>> import json
    >>> text = json.dumps({"spacing_mm": [2, 2, 2], "axes": "zyx", "output": "argmax", "label": 1})
    >>> facts_of_model({"radiofib": text}, None, where="liver.onnx")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: liver.onnx: the model does not state what it needs to be given
    (expected orientation (where the patient axes of its array grow to, such as LPS or RAS);
    normalisation (how intensities are brought to its scale); channels (channels it was trained
    on, such as [ged4]); found spacing_mm, axes, output, label). Next: ...
    """
    own: dict[str, Any] = {}
    if METADATA_KEY in metadata:
        try:
            own = json.loads(metadata[METADATA_KEY])
        except json.JSONDecodeError as error:
            raise ConfigError(
                f"metadata property {METADATA_KEY!r} is not JSON", where=where, found=str(error)
            ) from error
        ModelFacts.parse(own, where=f"{where}, metadata property {METADATA_KEY!r}")
    given = stated.model_dump(exclude_unset=True) if stated is not None else {}
    facts = ModelFacts.parse(own | given, where=where)
    if facts.missing:
        known = [name for name in _REQUIRED if name not in facts.missing]
        raise ConfigError(
            "the model does not state what it needs to be given",
            where=where,
            expected="; ".join(f"{name} ({_REQUIRED[name]})" for name in facts.missing),
            found=list_some(known) or "none of them",
            hint="take them from the model's training configuration and state them under "
            f"'model_facts', or in the model's metadata property {METADATA_KEY!r}",
        )
    return facts
