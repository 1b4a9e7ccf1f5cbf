"""All settings a pyradiomics parameter file can hold, typed and checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pywt
from pydantic import BeforeValidator, Field, field_validator

from radiofib._checks import nearest
from radiofib.config import StrictModel

__all__ = ["INTERPOLATORS", "Settings", "VoxelSettings"]

#: SimpleITK's interpolators in the order of the numbers pyradiomics accepts for them (from 1).
INTERPOLATORS = (
    "sitkNearestNeighbor",
    "sitkLinear",
    "sitkBSpline",
    "sitkGaussian",
    "sitkLabelGaussian",
    "sitkHammingWindowedSinc",
    "sitkCosineWindowedSinc",
    "sitkWelchWindowedSinc",
    "sitkLanczosWindowedSinc",
    "sitkBlackmanWindowedSinc",
)


def _number(value: Any) -> Any:
    # YAML 1.1 reads 1e-3 as text, YAML 1.2 (pyradiomics) as a number; yes and true are no numbers.
    if isinstance(value, bool):
        raise ValueError("expected a number")
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise ValueError("expected a number") from None
    return value


def _whole(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("expected a whole number")
    return value


def _switch(value: Any) -> Any:
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Positive = Annotated[float, BeforeValidator(_number), Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, BeforeValidator(_number), Field(ge=0, allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[int, BeforeValidator(_whole), Field(gt=0)]
Index = Annotated[int, BeforeValidator(_whole), Field(ge=0)]
Switch = Annotated[bool, BeforeValidator(_switch)]


class VoxelSettings(StrictModel):
    """Settings of feature maps (``voxelSetting``), with pyradiomics' names and defaults.

    Parameters
    ----------
    kernel_radius : int
        A window holds (2 kernel_radius + 1) voxels along each axis.
    masked_kernel : bool
        Only voxels of the region count within a window.
    init_value : float
        Value outside the region; may be NaN.
    voxel_batch : int, optional
        Windows pyradiomics takes at a time; without effect here, where memory does not grow
        with their number.

    Examples
    --------
    >>> VoxelSettings.parse({"kernelRadius": 2}, where="params.yaml").masked_kernel
    True
    """

    kernel_radius: Count = Field(1, alias="kernelRadius")
    masked_kernel: Switch = Field(True, alias="maskedKernel")
    init_value: Annotated[float, BeforeValidator(_number)] = Field(0.0, alias="initValue")
    voxel_batch: Count | None = Field(None, alias="voxelBatch")


class Settings(StrictModel):
    """Settings under pyradiomics' names, with the defaults of its feature extractor.

    Every key works for the whole extraction and, inside an image type, for that image type
    alone. Keys about reading (`label`, `label_channel`, `correctMask`, `geometryTolerance`)
    matter where the mask is read, `additionalInfo` has no effect.

    Examples
    --------
    >>> Settings.parse({"binWidth": 10, "sigma": [1, 2.5]}, where="params.yaml").sigma
    (1.0, 2.5)
    >>> Settings.parse({"binwidth": 10}, where="params.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: params.yaml: 'binwidth' is not a known key (expected
    minimumROIDimensions, minimumROISize, ...). Next: did you mean 'binWidth'?
    """

    # The region and how it is read.
    minimum_roi_dimensions: Annotated[Whole, Field(ge=1, le=3)] = Field(
        2, alias="minimumROIDimensions"
    )
    minimum_roi_size: Count | None = Field(None, alias="minimumROISize")
    geometry_tolerance: Positive | None = Field(None, alias="geometryTolerance")
    correct_mask: Switch = Field(False, alias="correctMask")
    additional_info: Switch = Field(True, alias="additionalInfo")
    label: Count = Field(1, alias="label")
    label_channel: Index = Field(0, alias="label_channel")
    # Discretisation.
    bin_width: Positive = Field(25.0, alias="binWidth")
    bin_count: Count | None = Field(None, alias="binCount")
    # Before filtering.
    normalize: Switch = Field(False, alias="normalize")
    normalize_scale: Positive = Field(1.0, alias="normalizeScale")
    remove_outliers: Positive | None = Field(None, alias="removeOutliers")
    resampled_pixel_spacing: tuple[NotNegative, ...] | None = Field(
        None, alias="resampledPixelSpacing"
    )
    interpolator: str | None = Field("sitkBSpline", alias="interpolator")
    pad_distance: Index = Field(5, alias="padDistance")
    pre_crop: Switch = Field(False, alias="preCrop")
    resegment_range: tuple[Number, ...] | None = Field(None, alias="resegmentRange")
    resegment_mode: Literal["absolute", "relative", "sigma"] = Field(
        "absolute", alias="resegmentMode"
    )
    resegment_shape: Switch = Field(False, alias="resegmentShape")
    # Texture matrices and intensities.
    distances: tuple[Count, ...] = Field((1,), alias="distances")
    force_2d: Switch = Field(False, alias="force2D")
    force_2d_dimension: Annotated[Whole, Field(ge=0, le=2)] = Field(0, alias="force2Ddimension")
    voxel_array_shift: Whole = Field(0, alias="voxelArrayShift")
    symmetrical_glcm: Switch = Field(True, alias="symmetricalGLCM")
    weighting_norm: Literal["euclidean", "manhattan", "infinity", "no_weighting"] | None = Field(
        None, alias="weightingNorm"
    )
    gldm_a: Index = Field(0, alias="gldm_a")
    # Filters.
    sigma: tuple[Positive, ...] = Field((), alias="sigma")
    start_level: Index = Field(0, alias="start_level")
    level: Count = Field(1, alias="level")
    wavelet: str = Field("coif1", alias="wavelet")
    gradient_use_spacing: Switch = Field(True, alias="gradientUseSpacing")
    lbp_2d_radius: Positive = Field(1.0, alias="lbp2DRadius")
    lbp_2d_samples: Count = Field(8, alias="lbp2DSamples")
    lbp_2d_method: Literal["default", "ror", "uniform", "var"] = Field(
        "uniform", alias="lbp2DMethod"
    )
    lbp_3d_levels: Count = Field(2, alias="lbp3DLevels")
    lbp_3d_icosphere_radius: Positive = Field(1.0, alias="lbp3DIcosphereRadius")
    lbp_3d_icosphere_subdivision: Index = Field(1, alias="lbp3DIcosphereSubdivision")

    @field_validator("interpolator", mode="before")
    @classmethod
    def _interpolator(cls, value: Any) -> Any:
        if value is None or value in INTERPOLATORS:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            if 1 <= value <= len(INTERPOLATORS):
                return INTERPOLATORS[value - 1]
            raise ValueError(f"expected a number from 1 to {len(INTERPOLATORS)}")
        close = nearest(str(value), INTERPOLATORS)
        also = f"; did you mean {close!r}?" if close else ""
        raise ValueError(f"expected one of {', '.join(INTERPOLATORS)}{also}")

    @field_validator("wavelet")
    @classmethod
    def _wavelet(cls, value: str) -> str:
        known = pywt.wavelist(kind="discrete")
        if value in known:
            return value
        close = nearest(value, known)
        also = f"; did you mean {close!r}?" if close else ""
        raise ValueError(f"expected a discrete wavelet of PyWavelets such as coif1 or haar{also}")

    @field_validator("resampled_pixel_spacing")
    @classmethod
    def _spacing(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and len(value) not in (2, 3):
            raise ValueError("expected 3 numbers (x, y, z), or 2 for 2-D images")
        return value

    @field_validator("resegment_range")
    @classmethod
    def _range(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and len(value) not in (1, 2):
            raise ValueError("expected one lower threshold, or a lower and an upper one")
        return value

    @field_validator("distances")
    @classmethod
    def _distances(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise ValueError("expected at least one distance")
        return value

    def given(self) -> dict[str, Any]:
        """Return what was set explicitly, under pyradiomics' names.

        Examples
        --------
        >>> Settings(bin_width=10).given()
        {'binWidth': 10.0}
        """
        return self.model_dump(by_alias=True, exclude_unset=True, mode="json")

    def as_pyradiomics(self) -> dict[str, Any]:
        """Return all settings, defaults included, under pyradiomics' names.

        Examples
        --------
        >>> Settings().as_pyradiomics()["interpolator"]
        'sitkBSpline'
        """
        return self.model_dump(by_alias=True, mode="json")

    def merged(self, overrides: Settings) -> Settings:
        """Return these settings with what `overrides` sets explicitly on top.

        Examples
        --------
        >>> Settings(bin_width=10).merged(Settings(bin_count=8)).given()
        {'binWidth': 10.0, 'binCount': 8}
        """
        return Settings.model_validate({**self.given(), **overrides.given()})
