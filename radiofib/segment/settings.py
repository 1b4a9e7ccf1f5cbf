"""Where liver masks come from: the settings of a study."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from radiofib.config import StrictModel
from radiofib.segment.localiser_settings import LocaliserSettings
from radiofib.segment.model_facts import ModelFacts

__all__ = ["MaskSettings"]


class MaskSettings(StrictModel):
    """Sources of liver masks, in the order they are asked: cohort, folder, model, localiser.

    Parameters
    ----------
    folder : Path, optional
        Masks by TotalSegmentator, nnU-Net, MONAI, or any other tool with `pattern`.
    pattern : str, optional
        Path of a mask below `folder`, such as ``{case}/mask_{channel}.nii.gz``.
    label : int, optional
        Number of the liver in the masks of `folder`.
    model : Path, optional
        A 3-D segmentation model, ONNX.
    model_facts : ModelFacts, optional
        What the model's metadata does not state.
    providers : tuple of str
        onnxruntime's execution providers for the model.
    localiser : bool
        Whether to fall back on the classical localiser, which is flagged wherever it was used.
    localiser_settings : LocaliserSettings
        Its settings.

    Examples
    --------
    >>> MaskSettings.parse({"folder": "masks", "label": 5}, where="study.yaml").label
    5
    >>> MaskSettings.parse({"label": 5}, where="study.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: study.yaml: pattern and label are about masks in a folder: give
    'folder'.
    """

    folder: Path | None = None
    pattern: str | None = None
    label: int | None = Field(default=None, ge=1)
    model: Path | None = None
    model_facts: ModelFacts | None = None
    providers: tuple[str, ...] = Field(default=("CPUExecutionProvider",), min_length=1)
    localiser: bool = False
    localiser_settings: LocaliserSettings = LocaliserSettings()

    @model_validator(mode="after")
    def _together(self) -> MaskSettings:
        if self.folder is None and (self.pattern is not None or self.label is not None):
            raise ValueError("pattern and label are about masks in a folder: give 'folder'")
        if self.model is None and self.model_facts is not None:
            raise ValueError("model_facts are about a model: give 'model'")
        return self
