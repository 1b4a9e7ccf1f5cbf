"""Regions to compare on: generated from numbers, and real ones from the shared data."""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from radiofib.engines import ExtractionConfig
from radiofib.images import load_roi
from radiofib.roi import Roi

__all__ = [
    "IMAGE_TYPES",
    "SETTINGS",
    "baseline_settings",
    "configuration",
    "drawn",
    "generated",
    "real_sets",
    "speckle",
]

IMAGE_TYPES: dict[str, dict[str, Any]] = {
    "Original": {},
    "LoG": {"sigma": [1.0, 3.0]},
    "Wavelet": {},
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
    "Gradient": {},
    # Patterns are small numbers: bins of one.
    "LBP2D": {"binWidth": 1},
    "LBP3D": {"binWidth": 1},
}
#: What pyradiomics' eight baseline settings change; a test compares this with its tables.
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {"interpolator": None, "minimumROIDimensions": 1},
    "2d": {"force2D": True},
    "FBN": {"binCount": 64},
    "combined": {"weightingNorm": "no_weighting"},
    "flatRegion": {"binWidth": 5000, "resegmentRange": [0]},
    "normalization": {"normalize": True, "normalizeScale": 100, "binWidth": 5},
    "resampling": {"resampledPixelSpacing": [2, 2, 2]},
    "resegmentation": {"resegmentMode": "sigma", "resegmentRange": [-3, 3]},
}
_COMMON: dict[str, Any] = {"voxelArrayShift": 2000, "binWidth": 25, "padDistance": 5}


def configuration(
    setting: dict[str, Any], types: dict[str, dict[str, Any]] | None = None
) -> ExtractionConfig:
    """Return a configuration that computes whatever pyradiomics computes."""
    types = IMAGE_TYPES if types is None else types
    if "binCount" in setting:  # it would win over the bins of one
        types = {k: {n: v for n, v in own.items() if n != "binWidth"} for k, own in types.items()}
    return ExtractionConfig.parse(
        {
            "imageType": types,
            "setting": {**_COMMON, **setting},
            "region_rules": "pyradiomics",
        },
        where="equality",
    )


def baseline_settings(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the settings in pyradiomics' baseline tables, by name."""
    with (folder / "pyradiomics" / "baseline" / "baseline_glcm.csv").open() as stream:
        rows = list(csv.reader(stream))
    [settings] = [row[1:] for row in rows if row[0] == "diagnostics_Configuration_Settings"]
    return {
        name.removeprefix("brain1").strip("_") or "default": ast.literal_eval(text)
        for name, text in zip(rows[0][1:], settings, strict=True)
        if name.startswith("brain1")
    }


# -- generated ---------------------------------------------------------------------------------

_DTYPES = ("uint8", "int16", "uint16", "int32", "float32", "float64")
_TEXTURES = ("noise", "smooth", "ramp", "spikes", "few")
_OUTLINES = ("all", "ragged", "sparse", "ball", "slab", "line", "corner")
#: Without lines, which most of the settings refuse.
_PLANES = tuple(outline for outline in _OUTLINES if outline != "line")


class Plan(NamedTuple):
    """A generated region in a few numbers."""

    seed: int
    shape: tuple[int, ...]
    texture: str
    outline: str
    dtype: str
    spacing: tuple[float, ...]

    def roi(self) -> Roi:
        """Make the region."""
        rng = np.random.default_rng(self.seed)
        pixels = _textured(self.texture, self.shape, rng)
        if self.dtype in ("uint8", "uint16"):
            pixels = np.clip(pixels + 100, 0, 255 if self.dtype == "uint8" else 65535)
        return Roi(
            pixels.astype(self.dtype), _outlined(self.outline, self.shape, rng), self.spacing, "x"
        )


def _textured(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(size=shape)
    if kind == "noise":
        return noise * 60 + 40
    if kind == "smooth":
        return gaussian_filter(noise, 1.2) * 200 + 120
    if kind == "ramp":
        return sum(np.indices(shape) * 9.0) + noise * 3
    if kind == "spikes":
        return np.where(rng.random(shape) < 0.05, 600 * rng.random(shape), noise * 5)
    return rng.integers(0, 3, shape) * 30.0


def _outlined(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    middle = tuple(n // 2 for n in shape)
    if kind == "all":
        mask[:] = True
    elif kind == "ragged":
        field = gaussian_filter(rng.normal(size=shape), 1.5)
        mask = field >= np.quantile(field, 0.5)
    elif kind == "sparse":
        mask = rng.random(shape) < 0.25
    elif kind == "ball":
        radius = max(1.5, min(n for n in shape if n > 1) / 2 - 1) if max(shape) > 1 else 1
        away = sum((i - m) ** 2 for i, m in zip(np.indices(shape), middle, strict=True))
        mask = away <= radius**2
    elif kind == "slab":
        mask[middle[0]] = True
    elif kind == "line":
        mask[(*middle[:-1], slice(None))] = True
    else:
        mask[tuple(slice(0, max(2, n // 2)) for n in shape)] = True
    mask[middle] = True
    # Two voxels side by side, so that the region is more than a point.
    mask[(*middle[:-1], max(middle[-1] - 1, 0))] = True
    return mask


def generated(number: int, *, seed: int = 20260301) -> Iterator[Plan]:
    """Yield the same regions every time: all outlines, textures and types in turn."""
    rng = np.random.default_rng(seed)
    for i in range(number):
        ndim = 2 if i % 4 == 3 else 3
        shape = tuple(int(n) for n in rng.integers(4, 22 if ndim == 2 else 13, ndim))
        steps = rng.choice([0.5, 0.7, 1.0, 1.2, 2.0, 3.0, 5.0], ndim)
        yield Plan(
            seed=int(rng.integers(2**32)),
            shape=shape,
            texture=_TEXTURES[i % len(_TEXTURES)],
            outline=_PLANES[i % len(_PLANES)],
            dtype=_DTYPES[i % len(_DTYPES)],
            spacing=tuple(float(s) for s in steps),
        )


@st.composite
def drawn(draw: Any) -> tuple[Plan, dict[str, Any], dict[str, dict[str, Any]]]:
    """Draw a region, settings and a few image types."""
    ndim = draw(st.sampled_from([2, 3, 3]))
    shape = tuple(draw(st.integers(1, 14 if ndim == 3 else 24)) for _ in range(ndim))
    shape = (*shape[:-1], max(2, shape[-1]))
    plan = Plan(
        seed=draw(st.integers(0, 2**32 - 1)),
        shape=shape,
        texture=draw(st.sampled_from(_TEXTURES)),
        outline=draw(st.sampled_from(_OUTLINES)),
        dtype=draw(st.sampled_from(_DTYPES)),
        spacing=tuple(draw(st.sampled_from([0.3, 0.7, 1.0, 1.2, 3.0])) for _ in range(ndim)),
    )
    setting: dict[str, Any] = draw(
        st.sampled_from(
            [{"binWidth": w} for w in (2.5, 10, 25)] + [{"binCount": n} for n in (1, 8, 32)]
        )
    )
    setting = setting | draw(
        st.fixed_dictionaries(
            {"minimumROIDimensions": st.just(1)},
            optional={
                "distances": st.sampled_from([[1], [2], [1, 2], [1, 3]]),
                "force2D": st.booleans(),
                "force2Ddimension": st.integers(0, 2),
                "weightingNorm": st.sampled_from(
                    [None, "euclidean", "manhattan", "infinity", "no_weighting"]
                ),
                "symmetricalGLCM": st.booleans(),
                "gldm_a": st.integers(0, 3),
                "voxelArrayShift": st.sampled_from([0, 300]),
            },
        )
    )
    names = draw(st.lists(st.sampled_from(list(IMAGE_TYPES)), min_size=2, max_size=4, unique=True))
    types = {name: IMAGE_TYPES[name] for name in names}
    if "LoG" in types:
        types["LoG"] = {"sigma": [draw(st.sampled_from([0.7, 1.0, 2.0]))]}
    if "Wavelet" in types:
        types["Wavelet"] = {"wavelet": draw(st.sampled_from(["coif1", "haar", "db3"]))}
    return plan, setting, types


def speckle(number: int, *, side: int = 40, seed: int = 20260302) -> Iterator[Roi]:
    """Yield discs and whole pictures of speckle, as ultrasound shows it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    for i in range(number):
        pixels = gaussian_filter(rng.rayleigh(40, (side, side)), (0.7, 1.5)).clip(0, 255)
        mask = x**2 + y**2 < 0.9 if i % 2 == 0 else np.ones((side, side), dtype=bool)
        yield Roi(pixels.astype(np.uint8), mask, (0.2, 0.2), "x")


# -- real --------------------------------------------------------------------------------------


def real_sets(
    folder: Path, *, ultrasound: int = 30, only: str | None = None
) -> Iterator[tuple[str, list[Roi]]]:
    """Yield the name and regions of every real data set, or of one alone."""
    tumours = folder / "mri" / "ibsi_sts"
    liver = folder / "mri" / "totalsegmentator"
    volumes: dict[str, tuple[Path, Path, int | None]] = {
        case: (
            folder / "pyradiomics" / f"{case}_image.nrrd",
            folder / "pyradiomics" / f"{case}_label.nrrd",
            None,
        )
        for case in ("brain1", "breast1")
    }
    volumes["MR liver"] = (liver / "example_mr_sm.nii.gz", liver / "example_seg_mr.nii.gz", 5)
    for patient in ("STS_002", "STS_003"):
        for channel in ("CT", "MR_T1"):
            image, mask = (tumours / patient / f"{channel}_{k}.nii.gz" for k in ("image", "mask"))
            volumes[f"{patient} {channel}"] = (image, mask, None)
    for name, (image, mask, label) in volumes.items():
        if only in (None, name):
            yield name, [load_roi(image, mask, mask_label=label, channel="x")]
    if only in (None, "byra ultrasound"):
        pictures = sorted((folder / "us" / "byra_rois" / "rois").glob("*.jpg"))
        chosen = pictures[:: max(1, len(pictures) // ultrasound)][:ultrasound]
        yield "byra ultrasound", [load_roi(path, channel="x") for path in chosen]
