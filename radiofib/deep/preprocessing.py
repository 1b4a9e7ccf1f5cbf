"""How an image becomes the input of a network: the part of a card that is about it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from radiofib.config import StrictModel
from radiofib.deep.intensity import Normalisation

__all__ = ["Preprocessing"]

_Finite = Annotated[float, Field(allow_inf_nan=False)]


class Preprocessing(StrictModel):
    """How a picture, a tile of a slide or a volume becomes the model's input.

    A picture is read as grey or RGB, brought to `size` by `resize`, its range (black 0 to white,
    255 of 8 bits) is mapped linearly onto `value_range`, and each channel becomes
    ``(v - mean) / sd``. A volume is normalised by `normalisation` in place of `value_range`, turned
    to `orientation`, resampled to `spacing_mm`, brought to `size`, and becomes
    ``(v - mean) / sd`` as well.

    Parameters
    ----------
    colour : {"grey", "rgb"}
        One channel or three; a grey picture given to an RGB model is repeated.
    size : tuple of int or None
        (height, width), or (depth, height, width) of a volume, in the order of the array;
        None where the model takes any.
    resize : {"stretch", "crop", "pad", "none"}
        ``stretch``: both sides to `size`; ``crop``: the shorter side to `shorter_side`, then the
        middle `size`; ``pad``: the longer side fits, then the rest is black on both sides;
        ``none``: the picture must have the size already. Of volumes: ``stretch`` the whole box,
        ``crop`` the middle `size`, filled up where it is short; ``pad`` fills up both ends.
    value_range : tuple of float
        What black and white become, before `mean` and `sd`.
    mean, sd : tuple of float
        One number for each channel.
    layout : {"NCHW", "NHWC", "NCDHW"}
        Order of the axes; NCDHW is for volumes alone.
    dtype : {"float32", "float16", "uint8"}
        Type of the input.
    interpolation : {"bilinear", "bicubic", "nearest"}
        For `resize`, as Pillow does it (with antialiasing); trilinear stands for bilinear in
        volumes.
    shorter_side : int, optional
        For ``crop``; the shorter side of `size` when not stated.
    um_per_px, tile : float, int, optional
        Of slide models: micrometres a pixel at the tile's resolution, side of a tile in pixels.
    spacing_mm : tuple of float, optional
        Of volumes: voxel size along x, y, z.
    orientation : str, optional
        Of volumes: where the axes x, y, z grow to, such as ``LPS``.
    normalisation : optional
        Of volumes: as for segmentation models (``none``, ``zscore``, ``window``, ``percentile``,
        ``fixed``).
    """

    colour: Literal["grey", "rgb"]
    size: tuple[int, int] | tuple[int, int, int] | None
    resize: Literal["stretch", "crop", "pad", "none"]
    value_range: tuple[_Finite, _Finite]
    mean: tuple[_Finite, ...] = Field(min_length=1, max_length=3)
    sd: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] = Field(
        min_length=1, max_length=3
    )
    layout: Literal["NCHW", "NHWC", "NCDHW"]
    dtype: Literal["float32", "float16", "uint8"]
    interpolation: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    shorter_side: int | None = Field(default=None, ge=1)
    um_per_px: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    tile: int | None = Field(default=None, ge=1)
    spacing_mm: tuple[float, float, float] | None = None
    orientation: str | None = Field(default=None, pattern="^[LRAPSI]{3}$")
    normalisation: Normalisation | None = None

    @model_validator(mode="after")
    def _possible(self) -> Preprocessing:
        if len(self.mean) != self.channels or len(self.sd) != self.channels:
            raise ValueError(f"mean and sd need {self.channels} numbers for {self.colour} input")
        if not self.value_range[0] < self.value_range[1]:
            raise ValueError("value_range must grow")
        if self.size is None and self.resize != "none":
            raise ValueError(f"resize {self.resize!r} needs a size")
        if self.size is not None and min(self.size) < 1:
            raise ValueError("size must be positive")
        wanted = 3 if self.layout == "NCDHW" else 2
        if self.size is not None and len(self.size) != wanted:
            raise ValueError(f"size needs {wanted} lengths for layout {self.layout}")
        if self.dtype == "uint8" and not self._plain_bytes:
            raise ValueError("uint8 input needs value_range [0, 255], mean 0 and sd 1")
        if self.shorter_side is not None:
            if self.resize != "crop" or self.size is None:
                raise ValueError("shorter_side belongs to resize 'crop'")
            if self.shorter_side < min(self.size):
                raise ValueError("shorter_side is less than the shorter side of size")
        if self.spacing_mm is not None and min(self.spacing_mm) <= 0:
            raise ValueError("spacing_mm must be positive")
        if (
            self.orientation is not None
            and len({"LRAPSI".index(c) // 2 for c in self.orientation}) < 3
        ):
            raise ValueError("orientation must name each of the three axes once, such as LPS")
        return self

    @property
    def channels(self) -> int:
        """Number of channels of the input."""
        return 1 if self.colour == "grey" else 3

    @property
    def _plain_bytes(self) -> bool:
        low, high = self.value_range
        plain = all(m == 0 for m in self.mean) and all(s == 1 for s in self.sd)
        return low == 0 and high == 255 and plain

    def bounds(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the least and the largest value each channel can take.

        Examples
        --------
        >>> how = Preprocessing(colour="grey", size=(8, 8), resize="stretch", value_range=(0, 1),
        ...                     mean=(0.5,), sd=(0.25,), layout="NCHW", dtype="float32")
        >>> how.bounds()
        ((-2.0,), (2.0,))
        """
        low, high = self.value_range
        pairs = list(zip(self.mean, self.sd, strict=True))
        return tuple((low - m) / s for m, s in pairs), tuple((high - m) / s for m, s in pairs)
