"""The set as published, with its faults: what their code did, on arrays in (x, y, z) order.

Their arrays came from nibabel, so the first axis is x: what they call plane xy has x fixed. What
is not stated is assumed: Hessians by central differences (skimage's `hessian_matrix` without
Gaussian derivatives, its default at the time), and floating-point grey values turned into 8 bit
modulo 256 after cutting off decimals, as compilers for x86 do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from skimage.feature import hessian_matrix, structure_tensor
from skimage.measure import marching_cubes

from radiofib.features._axes import with_border
from radiofib.features.ucl._eigen import coherence, hessian_anisotropy
from radiofib.features.ucl._glcm import contrast, summary
from radiofib.features.ucl._shape import inertia_ratio
from radiofib.features.ucl._statistics import Result, statistics
from radiofib.preprocess.crop import bounding_box

__all__ = ["derivatives", "glcm", "shape"]

Floats = NDArray[np.float32]
#: What they added to denominators.
ADDED = 1e-8
#: Voxels around the region that its filtered values depend on, and more.
_MARGIN = 8
_OFFSETS = ((0, 1), (1, 1), (1, 0), (1, -1))


def _around(mask: NDArray[np.bool_], margin: int) -> tuple[slice, ...]:
    return tuple(slice(max(s.start - margin, 0), s.stop + margin) for s in bounding_box(mask))


def shape(mask: NDArray[np.bool_]) -> Result:
    """Return the shape features in voxel units.

    The mesh is that of marching cubes at level 0 of a mask of 0 and 1: its corners are the
    centres of the voxels next to the region, a voxel too far out, while the volume counts
    voxels; where the region touches the end of the image the mesh is open. Spacing is not used.

    Parameters
    ----------
    mask : ndarray of bool, shape (x, y, z)
        The whole array.

    Examples
    --------
    >>> mask = np.zeros((9, 9, 9), dtype=bool)
    >>> mask[3:6, 3:6, 3:6] = True
    >>> found, _ = shape(mask)
    >>> found["volume_voxels"], round(found["solidity"], 2)
    (27.0, 0.6)
    """
    number = float(np.count_nonzero(mask))
    box = mask[_around(mask, 1)]
    found = dict.fromkeys(("surface_area", "sphericity", "convex_volume", "solidity"), float("nan"))
    why: dict[str, str] = {}
    try:
        corners, faces, _, _ = marching_cubes(box, level=0)
    except (ValueError, RuntimeError):
        why = dict.fromkeys(found, "marching cubes finds no surface, as in the published code")
    else:
        a, b, c = np.moveaxis(corners[faces].astype(np.float64), 1, 0)
        area = float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)
        found["surface_area"] = area
        found["sphericity"] = float(np.pi ** (1 / 3) * (6 * number) ** (2 / 3) / area)
        try:
            hull = float(ConvexHull(corners).volume)
        except QhullError:
            why = dict.fromkeys(("convex_volume", "solidity"), "the region is flat")
        else:
            found |= {"convex_volume": hull, "solidity": number / hull}
    elongation = inertia_ratio(with_border(mask[bounding_box(mask)]), np.ones(3))
    if not np.isfinite(elongation):
        why["elongation"] = "one voxel has no axes"
    values = {"volume_voxels": number, "vol_portion": number / mask.size, **found}
    return values | {"elongation": elongation}, why


def derivatives(pixels: Floats, mask: NDArray[np.bool_]) -> Result:
    """Return gradient statistics, coherence and Hessian anisotropy over voxel steps.

    Gradients are differences over two voxels divided by 2, structure tensors products of Sobel
    differences after a Gaussian of one voxel, Hessians central differences applied twice after
    a Gaussian of one voxel. All of them see what lies around the region, 0 beyond the image.

    Parameters
    ----------
    pixels, mask : ndarray, shape (x, y, z)
        Whole arrays.

    Examples
    --------
    >>> ramp = np.arange(12, dtype=np.float32) * np.ones((12, 12, 1), np.float32)
    >>> mask = np.zeros(ramp.shape, dtype=bool)
    >>> mask[5:7, 5:7, 5:7] = True
    >>> round(derivatives(ramp, mask)[0]["coherence_mean"], 6)
    1.0
    """
    part = _around(mask, _MARGIN)
    image, inside = pixels[part], mask[part]
    names = ("coherence", "hessian_aniso")
    if min(image.shape) < 2:
        found, _ = statistics(np.zeros(1), "grad")
        found |= dict.fromkeys((f"{n}_{s}" for n in names for s in ("mean", "std")), 0.0)
        nothing = dict.fromkeys(found, float("nan"))
        return nothing, dict.fromkeys(found, "one slice has no gradient across it")
    slopes = np.stack([np.gradient(image, axis=axis)[inside] for axis in range(3)])
    magnitude = np.sqrt(np.sum(np.square(slopes), axis=0))
    found, why = statistics(magnitude, "grad")
    tensor = structure_tensor(image, sigma=1, mode="constant", cval=0, order="rc")
    hessian = hessian_matrix(
        image, sigma=1, mode="constant", cval=0, order="rc", use_gaussian_derivatives=False
    )
    maps = {
        "coherence": coherence(np.stack([e[inside] for e in tensor], axis=1), ADDED),
        "hessian_aniso": hessian_anisotropy(np.stack([e[inside] for e in hessian], 1), ADDED),
    }
    for name, values in maps.items():
        found |= {f"{name}_mean": float(values.mean()), f"{name}_std": float(values.std())}
    return found, why


def glcm(pixels: Floats, mask: NDArray[np.bool_]) -> Result:
    """Return contrasts in three slices of the whole image through the centre of the region.

    Grey values lose their decimals and wrap around at 256; pairs are neighbours, and everything
    in the slice counts.

    Parameters
    ----------
    pixels, mask : ndarray, shape (x, y, z)
        Whole arrays.

    Examples
    --------
    >>> bright = np.full((4, 4, 4), 255, np.float32)
    >>> bright[::2] = 256
    >>> round(glcm(bright, bright > 0)[0]["glcm_xz_contrast_mean"])
    48769
    """
    box = bounding_box(mask)
    centre = [int(s.start + p.mean()) for s, p in zip(box, np.nonzero(mask[box]), strict=True)]
    found: dict[str, float] = {}
    why: dict[str, str] = {}
    for axis, plane in enumerate(("xy", "xz", "yz")):
        levels = np.take(pixels, centre[axis], axis).astype(np.int64).astype(np.uint8)
        values = [contrast(levels, offset) for offset in _OFFSETS]
        names = f"glcm_{plane}_contrast_mean", f"glcm_{plane}_anisotropy"
        # A GLCM without pairs is all zero, and so was its contrast.
        found |= dict(zip(names, summary(np.nan_to_num(values).tolist(), ADDED), strict=True))
    return found, why
