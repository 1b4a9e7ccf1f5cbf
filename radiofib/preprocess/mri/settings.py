"""Settings of the preprocessing of MR intensities, and why the defaults are what they are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from radiofib.config import StrictModel

__all__ = ["BiasField", "MriPreprocessing", "Normalisation", "SpikeClipping"]


class SpikeClipping(StrictModel):
    """Isolated voxels far above everything around them; see :func:`.spikes.find_spikes`.

    Parameters
    ----------
    contrast : float
        How far a voxel stands above all its neighbours to be a spike, as a share of the range
        of the image. 0.5: a vessel or cyst of a single voxel has neighbours that hold part of
        it, and half the range between air and the brightest tissue is more than any tissue
        rises above all of its neighbours at once.
    noise : float
        And at least this many standard deviations of noise. 8: above the largest of 26
        neighbours (2 deviations) that is 10 in all, which noise does not reach in 10^7 voxels.
    most_voxels : int
        Largest group of voxels, all brighter than anything extended, that is still a spike.
        8: a block of two voxels a side; a clip or a vessel end is larger and stays.

    Examples
    --------
    >>> SpikeClipping().contrast
    0.5
    """

    contrast: float = Field(default=0.5, gt=0)
    noise: float = Field(default=8.0, ge=0)
    most_voxels: int = Field(default=8, ge=1, le=64)


class BiasField(StrictModel):
    """N4: the slow change of sensitivity across the body; see :func:`.bias.log_bias_field`.

    Parameters
    ----------
    shrink_mm : float
        The field is estimated on an image of about this voxel size. 8: the field changes over
        100 mm and more, a volume of 320 x 260 x 72 takes 2 s on one core instead of minutes, and
        5 mm took three times as long for the same evenness of the liver.
    levels : int
        Levels of the spline, each with twice the control points. 3: the finest has 4 spans
        across the field of view, about 80 mm. With 4 levels (40 mm) the field begins to
        follow the liver itself and takes its difference from the neighbours away.
    iterations : int
        Most iterations of each level.

    Examples
    --------
    >>> BiasField(levels=2).shrink_mm
    8.0
    """

    shrink_mm: float = Field(default=8.0, gt=0)
    levels: int = Field(default=3, ge=1, le=6)
    iterations: int = Field(default=20, ge=1, le=500)


class Normalisation(StrictModel):
    """Intensities on a scale that scanners share.

    With mean m, population deviation s and percentiles q over the voxels of `inside`:

    ========================  ===============================================
    ``zscore``                ``scale (x - m) / s``
    ``percentile``            ``scale (x - q_low) / (q_high - q_low)``
    ``nyul``                  ``scale`` times the position on the standard scale of 0 to 1
    ``reference_tissue``      ``scale x / median``
    ========================  ===============================================

    Mind the bins of texture: 25 units wide, the default elsewhere, are far too wide for z-scores.
    Set `scale` to 100, as pyradiomics users do (``normalizeScale``), or a number of bins.

    Parameters
    ----------
    method : {"zscore", "percentile", "nyul", "reference_tissue"}
        How.
    inside : str
        Where statistics are taken: ``body`` (found by :func:`.body.body_mask`), ``region`` (the
        liver), or the name of a tissue mask such as ``spleen`` or ``muscle``. The whole image
        is mapped. `reference_tissue` needs a tissue.
    scale : float
        Factor.
    percentiles : tuple of two floats
        Ends of the range of `percentile` and of `nyul`. 1 and 99: beyond lie air, flow and
        what is left of artefacts.
    clip : bool
        Whether `percentile` cuts what lies beyond the range. False, because the mapped image
        would lose the brightest tissue.

    Examples
    --------
    >>> Normalisation(method="zscore").inside
    'body'
    >>> Normalisation.parse({"method": "reference_tissue"}, where="study.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: study.yaml: reference_tissue needs the name of a tissue as
    'inside', for instance spleen or muscle.
    """

    method: Literal["zscore", "percentile", "nyul", "reference_tissue"] = "zscore"
    inside: str = Field(default="body", min_length=1)
    scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    percentiles: tuple[float, float] = (1.0, 99.0)
    clip: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Normalisation:
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise ValueError("percentiles must be two rising numbers from 0 to 100")
        if self.method == "nyul" and not (low < 10 and high > 90):
            raise ValueError("nyul needs a lower percentile below 10 and an upper one above 90")
        if self.method == "reference_tissue" and self.inside == "body":
            raise ValueError(
                "reference_tissue needs the name of a tissue as 'inside', for instance spleen "
                "or muscle"
            )
        if self.clip and self.method != "percentile":
            raise ValueError("clip belongs to method percentile")
        return self


class MriPreprocessing(StrictModel):
    """What is done to the intensities of an MR volume, in this order; null leaves a step out.

    Parameters
    ----------
    spikes : SpikeClipping, optional
        On: a single voxel of 25,117 in a volume up to 1,500 stretches the range of the grey
        levels seventeen times, and nothing is lost where there are none.
    bias : BiasField, optional
        Off: it changes ratios between distant tissues, and every index of enhancement with it,
        and scanners correct it themselves more often than not.
    normalise : Normalisation, optional
        Off: enhancement needs the intensities as they were taken. Texture across scanners
        needs it.

    Examples
    --------
    >>> settings = MriPreprocessing()
    >>> settings.spikes is not None, settings.bias, settings.normalise
    (True, None, None)
    >>> MriPreprocessing.parse({"normalize": None}, where="study.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: study.yaml: 'normalize' is not a known key (expected spikes, bias,
    normalise). Next: did you mean 'normalise'?
    """

    spikes: SpikeClipping | None = SpikeClipping()
    bias: BiasField | None = None
    normalise: Normalisation | None = None
