"""One run of the optimiser from one start, through the resolutions."""

from __future__ import annotations

from math import prod

import SimpleITK as sitk

from radiofib.preprocess.register.settings import RegistrationSettings

__all__ = ["climb", "itk_seed"]

_SHARP_BINS = 32


def itk_seed(seed: int) -> int:
    """Return a seed for ITK, for which 0 would mean the clock.

    Examples
    --------
    >>> itk_seed(0), itk_seed(7)
    (1, 8)
    """
    return seed % (2**31 - 2) + 1


def climb(
    fixed: sitk.Image,
    moving: sitk.Image,
    region: sitk.Image | None,
    start: sitk.Transform,
    settings: RegistrationSettings,
    *,
    seed: int,
    samples: int,
    first_step_mm: float,
    sharp: bool = False,
) -> sitk.Transform:
    """Improve a transform at one resolution.

    Mattes mutual information (Mattes et al., IEEE TMI 2003) of a seeded random sample of voxels,
    gradient descent whose step halves at each turn.

    Parameters
    ----------
    fixed, moving : sitk.Image
        float32, of this resolution.
    region : sitk.Image, optional
        Where samples are taken, on any grid of the same frame.
    start : sitk.Transform
        Euler or affine, its centre within the body; left as it is.
    samples : int
        Most voxels to compare.
    first_step_mm : float
        Length of the first step.
    sharp : bool
        For the end: samples on a regular pattern, fewer bins, smaller steps. The metric
        is then smooth enough for neighbouring starts to end in one place.

    Raises
    ------
    RuntimeError
        From ITK, when samples fall outside the moving image or it is constant.
    """
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    bins = min(settings.bins, _SHARP_BINS) if sharp else settings.bins
    method.SetMetricAsMattesMutualInformation(bins)
    n = float(fixed.GetNumberOfPixels())
    if region is not None:
        method.SetMetricFixedMask(region)
        share = float(sitk.GetArrayViewFromImage(region).sum()) * prod(region.GetSpacing())
        n = max(share / prod(fixed.GetSpacing()), 1.0)
    if n > samples:
        random, regular = sitk.ImageRegistrationMethod.RANDOM, sitk.ImageRegistrationMethod.REGULAR
        method.SetMetricSamplingStrategy(regular if sharp else random)
        method.SetMetricSamplingPercentage(min(1.0, samples / n), itk_seed(seed))
    else:
        method.SetMetricSamplingStrategy(sitk.ImageRegistrationMethod.NONE)
    # Gradients where they are needed, by differences: a smoothed gradient of the whole moving
    # image takes most of the time and points beside the maximum of what is measured.
    method.MetricUseFixedImageGradientFilterOff()
    method.MetricUseMovingImageGradientFilterOff()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=first_step_mm,
        minStep=0.005 if sharp else 0.01,
        numberOfIterations=settings.iterations,
        relaxationFactor=0.6,
        gradientMagnitudeTolerance=1e-8,
    )
    method.SetOptimizerScales(scales(start))
    moved = type(start)(start)
    method.SetInitialTransform(moved, inPlace=True)
    method.Execute(fixed, moving)
    return moved


def scales(transform: sitk.Transform) -> list[float]:
    """Weigh angles and matrix entries so that a step of 1 moves the rim of the body by 1 mm.

    Examples
    --------
    >>> scales(sitk.Euler3DTransform())
    [6400.0, 6400.0, 6400.0, 1.0, 1.0, 1.0]
    """
    turning = len(transform.GetParameters()) - 3
    return [80.0**2] * turning + [1.0] * 3
