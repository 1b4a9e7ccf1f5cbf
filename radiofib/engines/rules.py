"""What a region can carry: stated rules, each giving a reason or nothing.

A filter that reaches beyond the image on both sides of a pixel measures the boundary condition
and not the tissue, so an image must be at least as wide as the filter along every filtered axis.
"""

from __future__ import annotations

from math import ceil

import numpy as np
import pywt

from radiofib.engines.settings import Settings

__all__ = [
    "GLCM_LIMIT_BYTES",
    "WHOLE_PICTURE",
    "glcm_too_large",
    "log_support",
    "unsupported_image",
    "wavelet_support",
]

#: Largest co-occurrence matrix that is attempted; pyradiomics needs several times as much.
GLCM_LIMIT_BYTES = 2**30
WHOLE_PICTURE = "the region is the whole picture: its shape is the size of the picture"


def log_support(sigma: float, spacing: float) -> int:
    """Return the width in pixels of a Laplacian of Gaussian, taken to 3 sigma on both sides.

    Beyond 3 sigma lies 0.3 % of a Gaussian's weight.

    Examples
    --------
    >>> log_support(1.0, 1.0), log_support(3.0, 0.8)
    (7, 25)
    """
    return 2 * ceil(3 * sigma / spacing) + 1


def wavelet_support(wavelet: str, levels: int) -> int:
    """Return the width in pixels of a wavelet filter after a number of levels.

    pyradiomics repeats the first-level transform, so each level adds the filter length less
    one.

    Examples
    --------
    >>> wavelet_support("coif1", 1), wavelet_support("haar", 2)
    (6, 3)
    """
    length: int = pywt.Wavelet(wavelet).dec_len
    return levels * (length - 1) + 1


def _narrow(name: str, need: list[int], size: tuple[int, ...]) -> str | None:
    if all(n <= s for n, s in zip(need, size, strict=True)):
        return None
    shown = " x ".join(map(str, size))
    wanted = " x ".join(map(str, need))
    return f"{name} needs an image of {wanted} pixels or more, this one has {shown} (x, y, z)"


def unsupported_image(
    image_type: str, settings: Settings, size: tuple[int, ...], spacing: tuple[float, ...]
) -> str | None:
    """Return why a filter does not fit an image, or None.

    Parameters
    ----------
    image_type : str
        pyradiomics' name of the filter; for ``LoG`` the settings hold one sigma.
    settings : Settings
        Settings that hold for the image type.
    size, spacing : tuple
        Pixels and their distance in mm along x, y (and z).

    Examples
    --------
    >>> unsupported_image("LoG", Settings(sigma=[5]), (28, 28), (1.0, 1.0))
    'LoG 5 mm needs an image of 31 x 31 pixels or more, this one has 28 x 28 (x, y, z)'
    >>> unsupported_image("Wavelet", Settings(), (28, 28), (1.0, 1.0)) is None
    True
    """
    ndim = len(size)
    plane = [True] * ndim
    if settings.force_2d and ndim == 3:
        plane[2 - settings.force_2d_dimension] = False
    if image_type == "LBP3D" and ndim == 2:
        return "3-D local binary patterns need a 3-D image"
    if image_type == "LoG":
        [sigma] = settings.sigma
        need = [max(4, log_support(sigma, step)) for step in spacing]
        return _narrow(f"LoG {sigma:g} mm", need, size)
    if image_type == "Wavelet":
        width = wavelet_support(settings.wavelet, settings.start_level + settings.level)
        return _narrow(
            f"wavelet {settings.wavelet}", [width if used else 1 for used in plane], size
        )
    if image_type == "LBP2D":
        width = 2 * ceil(settings.lbp_2d_radius) + 1
        if ndim == 3:
            plane = [axis != 2 - settings.force_2d_dimension for axis in range(3)]
        return _narrow("2-D LBP", [width if used else 1 for used in plane], size)
    return None


def glcm_too_large(values: np.ndarray, settings: Settings, ndim: int) -> str | None:
    """Return why a co-occurrence matrix cannot be held in memory, or None.

    Parameters
    ----------
    values : ndarray
        Intensities in the region.
    settings : Settings
        Settings that hold for the image.
    ndim : int
        Number of axes.

    Examples
    --------
    >>> glcm_too_large(np.array([0.0, 641_000.0]), Settings(), 3)
    '25641 grey levels make a co-occurrence matrix of 64 GiB: use a larger binWidth, or binCount'
    >>> glcm_too_large(np.array([0.0, 641_000.0]), Settings(bin_count=32), 3) is None
    True
    """
    if settings.bin_count is not None:
        levels = settings.bin_count
    else:
        width = settings.bin_width
        levels = int(np.max(values) // width - np.min(values) // width) + 1
    flat = ndim == 2 or settings.force_2d
    size = levels**2 * (4 if flat else 13) * len(settings.distances) * 8
    if size <= GLCM_LIMIT_BYTES:
        return None
    return (
        f"{levels} grey levels make a co-occurrence matrix of {size / 2**30:.0f} GiB: "
        "use a larger binWidth, or binCount"
    )
