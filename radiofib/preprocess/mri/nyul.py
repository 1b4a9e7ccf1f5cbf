"""Nyul's standard scale: landmarks learned from named cases, stored, and applied case by case."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from radiofib._checks import list_some
from radiofib.config import StrictModel
from radiofib.errors import ConfigError, ImageError
from radiofib.preprocess.mri.intensity import float_type
from radiofib.preprocess.mri.settings import MriPreprocessing

__all__ = ["NyulLandmarks", "apply_landmarks", "landmark_percentiles", "landmarks_of"]


class NyulLandmarks(StrictModel):
    """The standard scale that was learned, and from which cases.

    Parameters
    ----------
    format : str
        What the file is.
    channel : str
        Channel it belongs to.
    cases : tuple of str
        Training cases. A case among them is not unseen by this scale: see :meth:`among`.
    percentiles : tuple of float
        Percentiles that are landmarks.
    standard_scale : tuple of float
        Where they lie on the standard scale; the first at 0, the last at 1.
    preparation : MriPreprocessing
        What was done to the training images before, and where their landmarks were taken; the
        same is asked of an image that the scale is applied to.

    Examples
    --------
    >>> steps = MriPreprocessing.parse({"normalise": {"method": "nyul"}}, where="example")
    >>> scale = NyulLandmarks(channel="t1", cases=("c1", "c2"), percentiles=(1, 50, 99),
    ...                       standard_scale=(0, 0.4, 1), preparation=steps)
    >>> scale.among(["c2", "c9"])
    ('c2',)
    >>> NyulLandmarks.from_json(scale.to_json()) == scale
    True
    """

    format: Literal["radiofib nyul landmarks 1"] = "radiofib nyul landmarks 1"
    channel: str
    cases: tuple[str, ...] = Field(min_length=1)
    percentiles: tuple[float, ...] = Field(min_length=2)
    standard_scale: tuple[float, ...]
    preparation: MriPreprocessing

    @model_validator(mode="after")
    def _consistent(self) -> NyulLandmarks:
        if len(set(self.cases)) != len(self.cases):
            raise ValueError("a training case is named twice")
        if len(self.standard_scale) != len(self.percentiles):
            raise ValueError("there must be one position for each percentile")
        if not np.isfinite(self.standard_scale).all() or not np.isfinite(self.percentiles).all():
            raise ValueError("percentiles and positions must be finite")
        if (np.diff(self.percentiles) <= 0).any() or (np.diff(self.standard_scale) < 0).any():
            raise ValueError("percentiles must rise and positions must not fall")
        if self.percentiles[0] < 0 or self.percentiles[-1] > 100:
            raise ValueError("percentiles lie between 0 and 100")
        if (self.standard_scale[0], self.standard_scale[-1]) != (0.0, 1.0):
            raise ValueError("the standard scale runs from 0 to 1")
        ask = self.preparation.normalise
        if ask is None or ask.method != "nyul":
            raise ValueError("the preparation of landmarks has method nyul")
        return self

    def among(self, cases: Iterable[str]) -> tuple[str, ...]:
        """Return which cases the scale was learned from, for a warning beside test results."""
        own = set(self.cases)
        return tuple(dict.fromkeys(c for c in cases if c in own))

    def to_json(self) -> str:
        """Return plain JSON, the same text for the same landmarks, with a final line end."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str = "landmarks") -> Self:
        """Read :meth:`to_json` strictly: no unknown or repeated key, no NaN.

        Raises
        ------
        ConfigError
            With what is wrong and where.
        """
        try:
            data = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
        except ValueError as error:
            raise ConfigError("not a file of landmarks", where=where, found=str(error)) from error
        return cls.parse(data, where=where)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a file written from :meth:`to_json`.

        Raises
        ------
        ConfigError
            When the file is missing or not as it should be.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                "landmarks cannot be read",
                where=str(path),
                found=type(error).__name__,
                hint="check the path; landmarks are learned from named training cases first",
            ) from error
        return cls.from_json(text, where=path.name)


def landmark_percentiles(ends: tuple[float, float] = (1.0, 99.0)) -> tuple[float, ...]:
    """Return the percentiles that are landmarks: the ends and the deciles between them.

    Examples
    --------
    >>> landmark_percentiles()
    (1.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 99.0)
    """
    return (ends[0], *(float(p) for p in range(10, 100, 10)), ends[1])


def landmarks_of(
    pixels: NDArray[np.generic], inside: NDArray[np.bool_], percentiles: tuple[float, ...]
) -> NDArray[np.float64]:
    """Return the intensities at the percentiles of the voxels inside.

    Raises
    ------
    ImageError
        When there are no voxels, or first and last landmark are equal.

    Examples
    --------
    >>> landmarks_of(np.arange(101.0), np.ones(101, dtype=bool), (1, 50, 99))
    array([ 1., 50., 99.])
    """
    values = pixels[inside].astype(np.float64)
    if values.size == 0:
        raise ImageError("there are no voxels to take landmarks from", hint="check the mask")
    found = np.asarray(np.percentile(values, percentiles), dtype=np.float64)
    if not found[-1] > found[0]:
        raise ImageError(
            "landmarks are not defined: almost all voxels inside have the same intensity",
            found=f"{values.size} voxels, {percentiles[0]:g}th and {percentiles[-1]:g}th "
            f"percentile {found[0]:g}",
            hint="check the mask and the image",
        )
    return found


def apply_landmarks(
    pixels: NDArray[np.generic], own: ArrayLike, standard: ArrayLike, *, scale: float = 1.0
) -> NDArray[np.floating]:
    """Map an image piecewise linearly, from its own landmarks to the standard scale.

    Beyond the ends the outermost pieces go on straight. Where landmarks of the image coincide
    (many voxels of one intensity) they map to the mean of their standard positions.

    Parameters
    ----------
    pixels : ndarray
        The image.
    own, standard : array_like of one length
        Landmarks of the image, and their positions on the standard scale.
    scale : float
        Factor.

    References
    ----------
    Nyul, Udupa and Zhang, IEEE Trans Med Imaging 2000;19:143; landmarks at deciles: Shah et
    al., Med Image Anal 2011;15:267.

    Examples
    --------
    >>> apply_landmarks(np.array([0.0, 10, 15, 30, 50]), [10, 20, 40], [0, 0.5, 1])
    array([-0.5 ,  0.  ,  0.25,  0.75,  1.25])
    """
    x, group = np.unique(np.asarray(own, dtype=np.float64), return_inverse=True)
    y = np.bincount(group, weights=np.asarray(standard, dtype=np.float64)) / np.bincount(group)
    slopes = np.diff(y) / np.diff(x)
    values = pixels.astype(np.float64)
    mapped = np.interp(values, x, y)
    below, above = values < x[0], values > x[-1]
    mapped[below] = y[0] + (values[below] - x[0]) * slopes[0]
    mapped[above] = y[-1] + (values[above] - x[-1]) * slopes[-1]
    return np.asarray(mapped * scale, dtype=float_type(pixels))


def standard_scale(landmarks: Iterable[NDArray[np.float64]]) -> tuple[float, ...]:
    """Return the mean of landmarks, each set first stretched to 0 and 1.

    Examples
    --------
    >>> standard_scale([np.array([0.0, 2, 10]), np.array([100.0, 140, 200])])
    (0.0, 0.30000000000000004, 1.0)
    """
    stretched = np.stack([(own - own[0]) / (own[-1] - own[0]) for own in landmarks])
    mean = stretched.mean(axis=0)
    return (0.0, *(float(v) for v in mean[1:-1]), 1.0)


def check_preparation(landmarks: NyulLandmarks, settings: MriPreprocessing) -> None:
    """Raise unless an image is prepared as those the landmarks were learned from.

    Raises
    ------
    ConfigError
        Naming the settings that differ.
    """
    learned, asked = (_comparable(s) for s in (landmarks.preparation, settings))
    differ = [key for key in learned if learned[key] != asked[key]]
    if differ:
        raise ConfigError(
            f"landmarks of channel {landmarks.channel!r} were learned with other settings",
            expected=list_some(f"{key}: {learned[key]}" for key in differ),
            found=list_some(f"{key}: {asked[key]}" for key in differ),
            hint="learn the landmarks again with these settings",
        )


def _comparable(settings: MriPreprocessing) -> dict[str, Any]:
    dumped = settings.model_dump(mode="json")
    normalise = dumped.pop("normalise") or {}
    return dumped | {key: normalise.get(key) for key in ("inside", "percentiles")}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a number")
