"""One volume through the steps that were asked for, with a record of what was done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.errors import ConfigError, ImageError, MaskError, RadiofibError, UsageError
from radiofib.images.image import Image
from radiofib.preprocess.mri.bias import log_bias_field
from radiofib.preprocess.mri.body import body_mask
from radiofib.preprocess.mri.intensity import (
    by_percentiles,
    by_reference,
    by_zscore,
    float_type,
)
from radiofib.preprocess.mri.nyul import (
    NyulLandmarks,
    apply_landmarks,
    check_preparation,
    landmark_percentiles,
    landmarks_of,
    standard_scale,
)
from radiofib.preprocess.mri.settings import MriPreprocessing, Normalisation
from radiofib.preprocess.mri.spikes import clip_spikes, find_spikes

__all__ = ["PreprocessRecord", "learn_landmarks", "preprocess_volume"]

_NO_TISSUES: Mapping[str, NDArray[np.bool_]] = {}


@dataclass(frozen=True)
class PreprocessRecord:
    """What was done to the intensities of a volume, for those who compute with them.

    Parameters
    ----------
    raw : bool
        Intensities are as they were taken, but for single spikes: they can be compared with
        those of another series of the same scaling (relative enhancement).
    steps : tuple of str
        Steps in order: ``spikes`` (only when voxels were changed), ``bias``,
        ``normalise:<method>``.

    Examples
    --------
    >>> PreprocessRecord(False, ("bias", "normalise:reference_tissue")).keeps_ratios
    True
    >>> PreprocessRecord(False, ("normalise:zscore",)).keeps_ratios
    False
    """

    raw: bool = True
    steps: tuple[str, ...] = ()

    @property
    def keeps_ratios(self) -> bool:
        """Whether a ratio of two tissues of the same volume still means what it did.

        Dividing by a field or a number keeps ratios (liver to spleen); subtracting does not.
        """
        return set(self.steps) <= {"spikes", "bias", "normalise:reference_tissue"}


def preprocess_volume(
    image: Image,
    settings: MriPreprocessing,
    *,
    region: NDArray[np.bool_] | None = None,
    tissues: Mapping[str, NDArray[np.bool_]] = _NO_TISSUES,
    landmarks: NyulLandmarks | None = None,
) -> tuple[Image, PreprocessRecord]:
    """Return the image after spike clipping, bias field correction and normalisation.

    The image keeps its type until something other than spikes is changed; then it is float32,
    or float64 where the type needs it. Each step adds to the image's notes what it did, with
    numbers. The result depends on nothing but the arguments: one thread, no random numbers.

    Parameters
    ----------
    image : Image
        The volume, as read.
    settings : MriPreprocessing
        Which steps, and how.
    region : ndarray of bool, optional
        The region of interest on the image's grid, for ``inside: region``.
    tissues : mapping of str to ndarray of bool
        Masks of tissues on the image's grid. One called ``body`` takes the place of the mask
        that :func:`.body.body_mask` finds.
    landmarks : NyulLandmarks, optional
        The standard scale, for method ``nyul``.

    Raises
    ------
    ImageError, MaskError
        When the volume cannot be preprocessed as asked: intensities that are not finite, a
        mask of another shape or an empty one, a constant region, a tissue without signal.
    ConfigError
        When landmarks are missing, or were learned with other settings.

    Examples
    --------
    >>> pixels = np.tile(np.arange(12, dtype=np.int16), (4, 12, 1)); pixels[2, 6, 6] = 25117
    >>> image = Image(pixels, (2.0, 1.0, 1.0), (0.0,) * 3, tuple(np.eye(3).ravel()))
    >>> clean, record = preprocess_volume(image, MriPreprocessing())
    >>> clean.notes, record
    (('1 voxel of 25,117 clipped to the median of its neighbours (more than 4.5 above all around
    it)',), PreprocessRecord(raw=True, steps=('spikes',)))
    """
    _check_input(image, region, tissues)
    _check_landmarks(settings, landmarks)
    masks = dict(tissues)
    pixels, notes, steps = _prepared(image, settings, masks)
    raw = "bias" not in steps
    if (ask := settings.normalise) is not None:
        found, note = _normalised(pixels, ask, region, masks, landmarks)
        pixels, raw = found, False
        notes.append(note)
        steps.append(f"normalise:{ask.method}")
    done = replace(image, pixels=pixels, notes=(*image.notes, *notes))
    return done, PreprocessRecord(raw, tuple(steps))


def learn_landmarks(
    images: Iterable[tuple[str, Image, NDArray[np.bool_] | None]],
    settings: MriPreprocessing,
    *,
    channel: str = "",
) -> NyulLandmarks:
    """Learn Nyul's standard scale from training cases.

    Each image goes through the same spike clipping and bias field correction as it will when
    the scale is applied. Its landmarks (ends and deciles of the voxels inside) are stretched to
    0 and 1, and the standard scale is their mean. Images are taken one by one, in the order of
    the case names' appearance; one image is held at a time.

    Parameters
    ----------
    images : iterable of (case, image, mask or None)
        Training cases. The mask is the region or tissue that ``inside`` names, or the body
        when it is to be used instead of the one found; None has the body found.
    settings : MriPreprocessing
        With ``normalise.method: nyul``.
    channel : str
        Name of the channel.

    Raises
    ------
    ConfigError
        When the method is another.
    UsageError
        When there is no case, or one comes twice.
    ImageError, MaskError
        When an image cannot be used, with the case's name.

    Examples
    --------
    >>> grid = ((1.0, 1.0, 1.0), (0.0,) * 3, tuple(np.eye(3).ravel()))
    >>> pixels = np.random.default_rng(0).normal(100, 9, (6, 8, 9))
    >>> settings = MriPreprocessing.parse(
    ...     {"normalise": {"method": "nyul", "inside": "region"}}, where="example")
    >>> whole = np.ones(pixels.shape, dtype=bool)
    >>> pairs = [("c1", Image(pixels, *grid), whole), ("c2", Image(3 * pixels, *grid), whole)]
    >>> scale = learn_landmarks(pairs, settings, channel="t1")
    >>> scale.cases, scale.standard_scale[0], scale.standard_scale[-1]
    (('c1', 'c2'), 0.0, 1.0)
    """
    ask = settings.normalise
    if ask is None or ask.method != "nyul":
        raise ConfigError(
            "landmarks are learned for normalise.method nyul",
            found="no normalisation" if ask is None else repr(ask.method),
        )
    percentiles = landmark_percentiles(ask.percentiles)
    cases: list[str] = []
    found: list[NDArray[np.float64]] = []
    for case, image, mask in images:
        if case in cases:
            raise UsageError("a training case comes twice", where=f"case {case}")
        masks = {} if mask is None or ask.inside == "region" else {ask.inside: mask}
        region = mask if ask.inside == "region" else None
        try:
            _check_input(image, region, masks)
            pixels, _, _ = _prepared(image, settings, masks)
            inside = _inside(ask, pixels, region, masks)
            found.append(landmarks_of(pixels, inside, percentiles))
        except RadiofibError as error:
            error.where = f"case {case}" + (f", {error.where}" if error.where else "")
            raise
        cases.append(case)
    if not cases:
        raise UsageError("there are no training cases to learn landmarks from")
    return NyulLandmarks(
        channel=channel,
        cases=tuple(cases),
        percentiles=percentiles,
        standard_scale=standard_scale(found),
        preparation=settings,
    )


def _check_input(
    image: Image, region: NDArray[np.bool_] | None, tissues: Mapping[str, NDArray[np.bool_]]
) -> None:
    pixels = image.pixels
    if pixels.dtype.kind not in "iuf":
        raise ImageError("intensities must be real numbers", found=str(pixels.dtype))
    if pixels.dtype.kind == "f":
        wrong = pixels.size - int(np.count_nonzero(np.isfinite(pixels)))
        if wrong:
            raise ImageError(
                "intensities must be finite",
                found=f"{wrong:,} of {pixels.size:,} voxels NaN or infinite",
                hint="set them to 0 where the image has no data",
            )
    for name, mask in {"region": region, **tissues}.items():
        if mask is not None and (mask.shape != pixels.shape or mask.dtype != np.bool_):
            raise MaskError(
                f"the mask of {name!r} does not fit the image",
                expected=f"bool, shape {pixels.shape}",
                found=f"{mask.dtype}, shape {mask.shape}",
                hint="carry the mask to the image's grid first",
            )


def _check_landmarks(settings: MriPreprocessing, landmarks: NyulLandmarks | None) -> None:
    if settings.normalise is None or settings.normalise.method != "nyul":
        return
    if landmarks is None:
        raise ConfigError(
            "normalise.method nyul needs landmarks",
            hint="learn them from named training cases (learn_landmarks) and store them",
        )
    check_preparation(landmarks, settings)


def _prepared(
    image: Image, settings: MriPreprocessing, masks: dict[str, NDArray[np.bool_]]
) -> tuple[NDArray[np.generic], list[str], list[str]]:
    """Return the pixels without spikes and bias, with notes and steps."""
    pixels, notes, steps = image.pixels, [], []
    if settings.spikes is not None:
        spikes = find_spikes(pixels, settings.spikes)
        if spikes.count:
            notes.append(_spike_note(pixels[spikes.where], spikes.step))
            pixels, _ = clip_spikes(pixels, spikes.where)
            steps.append("spikes")
        if spikes.left:
            notes.append(
                f"brighter than {_number(spikes.limit)} but larger than a spike, left as they "
                f"are: groups of {list_some(f'{n:,}' for n in spikes.left)} voxels"
            )
    if settings.bias is not None:
        if "body" not in masks:
            masks["body"] = body_mask(pixels)
        body = _filled("body", masks["body"])
        field = log_bias_field(replace(image, pixels=pixels), body, settings.bias)
        low, high = np.exp(np.percentile(field[body], (1, 99)))
        kind = float_type(pixels)
        pixels = (pixels.astype(kind) * np.exp(-field)).astype(kind, copy=False)
        notes.append(
            f"bias field corrected by N4: factor {low:.3f} to {high:.3f} in the body "
            "(1st and 99th percentile)"
        )
        steps.append("bias")
    return pixels, notes, steps


def _normalised(
    pixels: NDArray[np.generic],
    ask: Normalisation,
    region: NDArray[np.bool_] | None,
    masks: Mapping[str, NDArray[np.bool_]],
    landmarks: NyulLandmarks | None,
) -> tuple[NDArray[np.floating], str]:
    """Return the normalised image and what was done, in words."""
    inside = _inside(ask, pixels, region, masks)
    place = f"{ask.inside} ({np.count_nonzero(inside):,} voxels)"
    by = f", times {ask.scale:g}" if ask.scale != 1 else ""
    out: NDArray[np.floating]
    if ask.method == "zscore":
        out, mean, deviation = by_zscore(pixels, inside, scale=ask.scale)
        return out, f"z-score: mean {mean:.6g}, SD {deviation:.6g} inside {place}{by}"
    if ask.method == "percentile":
        out, low, high = by_percentiles(
            pixels, inside, percentiles=ask.percentiles, scale=ask.scale, clip=ask.clip
        )
        a, b = ask.percentiles
        cut = ", clipped" if ask.clip else ""
        return out, (
            f"{a:g}th to {b:g}th percentile of {place}, {low:.6g} to {high:.6g}, mapped to 0 "
            f"and {ask.scale:g}{cut}"
        )
    if ask.method == "reference_tissue":
        out, median = by_reference(pixels, inside, scale=ask.scale)
        return out, f"divided by {median:.6g}, the median of {place}{by}"
    assert landmarks is not None
    own = landmarks_of(pixels, inside, landmarks.percentiles)
    out = apply_landmarks(pixels, own, landmarks.standard_scale, scale=ask.scale)
    return out, (
        f"Nyul's standard scale of {len(landmarks.cases)} training cases: {own[0]:.6g} to "
        f"{own[-1]:.6g} of {place} mapped to 0 and {ask.scale:g}"
    )


def _inside(
    ask: Normalisation,
    pixels: NDArray[np.generic],
    region: NDArray[np.bool_] | None,
    masks: Mapping[str, NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    if ask.inside == "region":
        if region is None:
            raise MaskError(
                "normalisation inside the region needs its mask",
                hint="give the mask, or normalise inside the body",
            )
        return _filled("region", region)
    if ask.inside in masks:
        return _filled(ask.inside, masks[ask.inside])
    if ask.inside == "body":
        return body_mask(pixels)
    raise MaskError(
        f"normalisation needs a mask of {ask.inside!r}, and there is none",
        expected=ask.inside,
        found=list_some(sorted(masks)) or "no tissue masks",
        hint="give the mask, or normalise inside 'body' or 'region'",
    )


def _filled(name: str, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if not mask.any():
        raise MaskError(f"the mask of {name!r} is empty", hint="check the mask and its label")
    return mask


def _spike_note(values: NDArray[np.generic], step: float) -> str:
    low, high = _number(float(values.min())), _number(float(values.max()))
    above = f"more than {_number(step)} above all around"
    if values.size == 1:
        return f"1 voxel of {high} clipped to the median of its neighbours ({above} it)"
    reach = f"of {high}" if low == high else f"from {low} to {high}"
    return (
        f"{values.size:,} voxels {reach} clipped to the median of their neighbours ({above} them)"
    )


def _number(value: float) -> str:
    """Return a number as people write it.

    Examples
    --------
    >>> _number(4012.4), _number(16.4321), _number(0.012345)
    ('4,012', '16.4', '0.0123')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
