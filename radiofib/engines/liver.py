"""What is done besides texture: section ``liver`` of an extraction configuration."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import model_serializer, model_validator
from pydantic_core.core_schema import SerializerFunctionWrapHandler

from radiofib.config import StrictModel
from radiofib.features.functional import FunctionalSettings
from radiofib.preprocess.hygiene import RegionHygiene
from radiofib.preprocess.mri import MriPreprocessing

__all__ = ["LIVER_FAMILIES", "LiverSettings"]

#: Families beside an engine's texture, measured on the image as it is unless asked otherwise.
LIVER_FAMILIES = ("surface", "ucl", "uclpub")


class LiverSettings(StrictModel):
    """Preprocessing of MR volumes, cleaning of the region, and features of the liver as an organ.

    Parameters
    ----------
    preprocessing : MriPreprocessing, optional
        Spikes, bias field and normalisation, before texture.
    landmarks : str, optional
        Folder of landmark tables ``<channel>.json`` for normalisation by ``nyul``.
    hygiene : RegionHygiene, optional
        What is taken out of the region: lesions, vessels, the capsule.
    features : tuple of {"surface", "ucl", "uclpub"}
        Families besides texture: surface nodularity, and the 32 features of the UCL entry to LiFS,
        corrected (``ucl``) or as published (``uclpub``).
    features_on : {"drawn", "measured"}
        Whether these are measured on the image as it is, under the region as it was drawn, or
        where texture is: on the preprocessed image, under the cleaned region.
    functional : FunctionalSettings, optional
        Indices across the channels of a case, from intensities as they are in the files.
    delta : bool
        Also the change of texture from before contrast to the phases that `functional` names.

    Examples
    --------
    >>> LiverSettings(features=("surface",)).features
    ('surface',)
    """

    preprocessing: MriPreprocessing | None = None
    landmarks: str | None = None
    hygiene: RegionHygiene | None = None
    features: tuple[Literal["surface", "ucl", "uclpub"], ...] = ()
    features_on: Literal["drawn", "measured"] = "drawn"
    functional: FunctionalSettings | None = None
    delta: bool = False

    @model_serializer(mode="wrap")
    def _as_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what says nothing, so that hashes of settings without it stay."""
        content: dict[str, Any] = dump(self)
        if self.features_on == "drawn":
            content.pop("features_on", None)
        return content

    @model_validator(mode="after")
    def _delta(self) -> Self:
        if self.delta and self.functional is None:
            raise ValueError("delta needs 'functional', which names the phases")
        return self
