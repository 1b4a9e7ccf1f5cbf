"""The embedding of a network as features: section ``embedding`` of an extraction configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from radiofib.config import StrictModel
from radiofib.deep.intensity import Percentile, Window

__all__ = ["EmbeddingSettings"]

Intensity = Annotated[Window | Percentile, Field(discriminator="type")]


class EmbeddingSettings(StrictModel):
    """Which network, on which channels, and what of an image it is shown.

    The network sees what texture is measured on: a picture in grey (colour by the luma of ITU-R
    BT.601), three times the same for a network of RGB; it is resized and normalised as the
    network's card says. Nothing is aggregated: one image, one embedding.

    Parameters
    ----------
    model : str
        ONNX file with an output ``embedding``; a relative path starts from the folder of the
        configuration file, else from the current one.
    name : str
        Short name of the network in columns (``<channel>_original_deep_<name>_e001``).
    region : {"whole", "box"}
        What the network is shown: the whole picture (or slice, or volume) as it is, whatever the
        mask; or the smallest box around the mask, grown by `margin` and kept inside the picture.
        What lies in the box outside the mask is shown too.
    margin : float
        Share of the box's side that is added on either side of it, along each axis, rounded up
        to whole pixels; for ``box``.
    channels : tuple of str, optional
        Channels it is run on; all without it.
    slice : {"refuse", "largest"}
        A volume given to a network of pictures: not measured, or the slice that holds most of
        the region (the first of equals), across the axis the image was acquired along. With
        ``instances: {kind: slices}`` each slice is one row instead.
    intensity : Window or Percentile, optional
        What becomes black and white, for images whose file does not say it (MR, CT, DICOM); a
        percentile is taken over the whole slice. Not for networks of volumes, whose card says it.
    white : float, optional
        Value of white of pictures whose file does not say it (DICOM frames, 12 bits in 16).
    card : mapping, optional
        Facts the model's own card does not state.

    Examples
    --------
    >>> EmbeddingSettings(model="resnet34.onnx", name="resnet34", region="box").margin
    0.1
    """

    model: str = Field(min_length=1)
    name: str = Field(pattern="^[a-z][a-z0-9]{0,11}$")
    region: Literal["whole", "box"]
    margin: float = Field(default=0.1, ge=0, le=10)
    channels: tuple[str, ...] | None = Field(default=None, min_length=1)
    slice: Literal["refuse", "largest"] = "refuse"
    intensity: Intensity | None = None
    white: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    card: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _grey(self) -> EmbeddingSettings:
        grey = self.intensity
        if grey is not None and self.white is not None:
            raise ValueError("'white' is for pictures and 'intensity' for others: state one")
        if grey is not None and (grey.to_low, grey.to_high) != (0.0, 1.0):
            raise ValueError(
                "intensity says what black and white are: leave to_low and to_high out"
            )
        return self

    def found_from(self, folder: Path) -> EmbeddingSettings:
        """Return the settings with the model's path from a folder, when the model lies there."""
        beside = folder / self.model
        return self.model_copy(update={"model": str(beside)}) if beside.is_file() else self
