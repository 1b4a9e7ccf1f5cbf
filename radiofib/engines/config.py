"""What to extract: engine, image types, features and settings, from our YAML or pyradiomics'."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_serializer, model_validator
from pydantic_core.core_schema import SerializerFunctionWrapHandler

from radiofib.config import StrictModel, load_yaml
from radiofib.engines.embedding import EmbeddingSettings
from radiofib.engines.ibsi.settings import IbsiSettings
from radiofib.engines.liver import LiverSettings
from radiofib.engines.names import (
    IMAGE_TYPES,
    before_filters,
    check_feature_classes,
    check_image_types,
    never_computed,
)
from radiofib.engines.sections import check_sections
from radiofib.engines.settings import Settings, VoxelSettings
from radiofib.errors import ConfigError
from radiofib.features.ultrasound.settings import UltrasoundSettings
from radiofib.preprocess.instance_settings import InstanceSettings, WholeRegion
from radiofib.provenance import hash_object
from radiofib.registry import FEATURES, FeatureSpec

__all__ = ["ExtractionConfig"]

Statistic = Literal["mean", "sd", "q10", "q25", "q50", "q75", "q90", "count"]


class ExtractionConfig(StrictModel):
    """What to extract, independent of the order in which it is written down.

    Parameters
    ----------
    engine : str
        Who computes: ``native`` (default), or ``pyradiomics``, its reference.
    image_types : dict
        Image type to settings of its own (``{"LoG": {"sigma": [1, 3]}}``). In a pyradiomics
        parameter file: ``imageType``.
    feature_classes : dict, optional
        Feature class to feature names; None or an empty list for all of the class. Without
        it, every feature that applies to the region (2-D or 3-D shape). ``featureClass``.
    settings : Settings
        ``setting``.
    voxel_settings : VoxelSettings, optional
        ``voxelSetting``: windows of feature maps, without effect on the table of features.
    region_rules : {"radiofib", "pyradiomics"}
        ``radiofib`` leaves out, with the reason, what a region cannot carry: filters whose
        support is larger than the image, the shape of a region that is the whole picture,
        co-occurrence matrices beyond 1 GiB; and it refuses to resample an image that does not
        say how large a pixel is. ``pyradiomics`` takes whatever pyradiomics returns.
    profile : {"pyradiomics", "ibsi"}
        Whose definitions hold. ``ibsi`` is measured by the native engine under the settings of
        section ``ibsi`` and takes none of pyradiomics' sections.
    ibsi : IbsiSettings, optional
        Settings of profile ``ibsi``.
    liver : LiverSettings, optional
        Preprocessing, cleaning of the region, and features of the liver besides texture.
    embedding : EmbeddingSettings, optional
        A network whose embedding of the image is measured besides.
    ultrasound : UltrasoundSettings, optional
        Features of B-mode pictures besides texture, and what is known of the machines.
    instances : WholeRegion, Slices, MiddleSlices, Windows or Patches
        What a row of the table is: the whole region of a case (default), or each slice, window or
        patch of it; see :mod:`radiofib.preprocess.instance_settings`.
    aggregate : list of {"mean", "sd", "q10", "q25", "q50", "q75", "q90", "count"}
        Statistics that make one row for each case of its instances, see
        :func:`radiofib.table.aggregate_instances`; without any, rows are instances.
    texture : bool
        Whether the engine measures anything; false leaves the features of sections ``liver`` and
        ``ultrasound`` and ``embedding`` alone.

    Examples
    --------
    >>> config = ExtractionConfig.parse(
    ...     {"imageType": {"Original": {}}, "featureClass": {"glcm": ["Contrast"]}},
    ...     where="params.yaml")
    >>> [spec.key for spec in config.features(ndim=3)]
    ['glcm_contrast']
    >>> ExtractionConfig.parse({"imageType": {"Orginal": {}}}, where="params.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: params.yaml: 'imageType': unknown image type 'Orginal' (expected
    Original, LoG, ...); did you mean 'Original'?
    """

    engine: str = "native"
    image_types: dict[str, Settings] = Field(
        default_factory=lambda: {"Original": Settings()}, alias="imageType"
    )
    feature_classes: dict[str, list[str] | None] | None = Field(None, alias="featureClass")
    settings: Settings = Field(default_factory=Settings, alias="setting")
    voxel_settings: VoxelSettings | None = Field(None, alias="voxelSetting")
    region_rules: Literal["radiofib", "pyradiomics"] = "radiofib"
    profile: Literal["pyradiomics", "ibsi"] = "pyradiomics"
    ibsi: IbsiSettings | None = None
    liver: LiverSettings | None = None
    embedding: EmbeddingSettings | None = None
    ultrasound: UltrasoundSettings | None = None
    instances: InstanceSettings = WholeRegion()
    aggregate: tuple[Statistic, ...] = ()
    texture: bool = True

    @field_validator("image_types", mode="before")
    @classmethod
    def _image_types(cls, value: Any) -> Any:
        if value is None or value == {}:
            return {"Original": {}}
        check_image_types(value)
        return {name: {} if own is None else own for name, own in value.items()}

    @field_validator("feature_classes", mode="before")
    @classmethod
    def _feature_classes(cls, value: Any) -> Any:
        if value is None or value == {}:
            return None
        check_feature_classes(value)
        return value

    @field_validator("settings", mode="before")
    @classmethod
    def _settings(cls, value: Any) -> Any:
        return {} if value is None else value

    @model_validator(mode="after")
    def _one_profile(self) -> ExtractionConfig:
        if self.profile == "pyradiomics":
            if self.ibsi is not None:
                raise ValueError("section 'ibsi' has no effect without 'profile: ibsi'")
            return self
        if self.engine != "native":
            raise ValueError(f"profile ibsi is measured by engine native, not {self.engine!r}")
        foreign = {"image_types", "feature_classes", "settings", "voxel_settings", "region_rules"}
        given = sorted(foreign & self.model_fields_set)
        if given:
            names = ", ".join(type(self).model_fields[name].alias or name for name in given)
            raise ValueError(f"profile ibsi takes its settings from section 'ibsi', not {names}")
        return self

    @model_validator(mode="after")
    def _whole_organ(self) -> ExtractionConfig:
        check_sections(self)
        return self

    @model_validator(mode="after")
    def _sigma(self) -> ExtractionConfig:
        if "LoG" in self.image_types and not self.settings_for("LoG").sigma:
            raise ValueError("LoG needs 'sigma', a list of widths in mm: LoG: {sigma: [1.0, 3.0]}")
        return self

    @model_serializer(mode="wrap")
    def _as_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what says nothing, so that hashes of configurations without it stay."""
        content: dict[str, Any] = dump(self)
        for name in ("ultrasound", "embedding", "instances", "aggregate", "texture"):
            if getattr(self, name) == type(self).model_fields[name].default:
                content.pop(name, None)
        return content

    @classmethod
    def read(cls, path: str | Path) -> ExtractionConfig:
        """Read our YAML, or a pyradiomics parameter file (YAML or JSON) as it is.

        Raises
        ------
        ConfigError
            When the file is missing or something in it is not understood.
        """
        path = Path(path)
        content = _load_json(path) if path.suffix.lower() == ".json" else load_yaml(path) or {}
        config = cls.parse(content, where=path.name)
        if config.embedding is None:
            return config
        return config.model_copy(update={"embedding": config.embedding.found_from(path.parent)})

    def with_engine(self, engine: str) -> ExtractionConfig:
        """Return the configuration for another engine.

        Raises
        ------
        ConfigError
            When the engine does not measure the profile.

        Examples
        --------
        >>> ExtractionConfig().with_engine("pyradiomics").engine
        'pyradiomics'
        """
        if self.profile == "ibsi" and engine != "native":
            raise ConfigError(
                "profile ibsi is measured by engine native",
                found=engine,
                hint="leave out --engine, or use a configuration without 'profile: ibsi'",
            )
        return self.model_copy(update={"engine": engine})

    @property
    def ibsi_settings(self) -> IbsiSettings:
        """Settings of profile ``ibsi``, the defaults where none are given."""
        return self.ibsi or IbsiSettings()

    @property
    def image_labels(self) -> dict[str, str]:
        """Image token to description, for filters whose token does not say all."""
        if self.profile != "ibsi":
            return {}
        return {token: one.label for token, one in self.ibsi_settings.named_filters}

    @property
    def ordered_image_types(self) -> Iterator[tuple[str, Settings]]:
        """Image types in column order, each with the settings that hold for it."""
        for name in IMAGE_TYPES:
            if name in self.image_types:
                yield name, self.settings_for(name)

    def settings_for(self, image_type: str) -> Settings:
        """Return the settings that hold for one image type.

        Examples
        --------
        >>> config = ExtractionConfig.parse(
        ...     {"imageType": {"LoG": {"sigma": [3.0]}}, "setting": {"binCount": 32}}, where="doc")
        >>> config.settings_for("LoG").sigma, config.settings_for("LoG").bin_count
        ((3.0,), 32)
        """
        return self.settings.merged(self.image_types[image_type])

    def features(self, ndim: int) -> list[FeatureSpec]:
        """Return the features of a region with `ndim` axes, in column order.

        A feature that is asked for by name stays in the list even where it cannot be
        computed, so that a table has the columns its configuration promises.
        """
        if not self.texture:
            return []
        if self.profile == "ibsi":
            return self.ibsi_settings.specs(ndim)
        if self.feature_classes is None:
            return [s for s in FEATURES if s.applies_to(ndim) and not s.deprecated]
        return [s for s in FEATURES if self._wants(s)]

    def _wants(self, spec: FeatureSpec) -> bool:
        assert self.feature_classes is not None
        family, feature = spec.pyradiomics_name.split("_", 1)
        if family not in self.feature_classes:
            return False
        named = self.feature_classes[family]
        return feature in named if named else not spec.deprecated

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the configuration says that has no effect, in plain words.

        Examples
        --------
        >>> ExtractionConfig.parse({"featureClass": {"glcm": ["Homogeneity1", "Id"]}},
        ...                        where="p.yaml").remarks
        ('glcm_Homogeneity1 is not computed by pyradiomics: it equals glcm_Id',)
        """
        found = never_computed(self.feature_classes or {})
        found += before_filters(self.image_types)
        if self.voxel_settings is not None and self.voxel_settings.model_fields_set:
            found.append("voxelSetting acts on feature maps alone, which --maps writes")
        return tuple(found)

    def canonical(self) -> dict[str, Any]:
        """Return the configuration with defaults filled in, equal for equal meaning.

        Examples
        --------
        >>> a = ExtractionConfig.parse({"setting": {"binWidth": 25}}, where="a")
        >>> b = ExtractionConfig.parse({}, where="b")
        >>> a.canonical() == b.canonical()
        True
        """
        if self.profile == "ibsi":
            own = self.ibsi_settings.model_dump(mode="json")
            return {"engine": self.engine, "profile": self.profile, "ibsi": own, **self._others()}
        images = {
            name: _canonical_settings(settings) for name, settings in self.ordered_image_types
        }
        classes: dict[str, list[str]] | None = None
        if self.feature_classes is not None:
            classes = {family: [] for family in self.feature_classes}
            for spec in self.features(ndim=3):
                family, feature = spec.pyradiomics_name.split("_", 1)
                classes[family].append(feature)
        return {
            "engine": self.engine,
            "imageType": images,
            "featureClass": classes,
            "setting": _canonical_settings(self.settings),
            "region_rules": self.region_rules,
            **self._others(),
        }

    def _others(self) -> dict[str, Any]:
        """Return the sections that are only named where they say something else than nothing."""
        found: dict[str, Any] = {}
        if self.liver is not None:
            # The content of landmarks counts, and where they lie does not.
            found["liver"] = self.liver.model_dump(mode="json", exclude={"landmarks"})
        if self.embedding is not None:
            # The content of the model counts (it is in the key of a piece), not where it lies.
            found["embedding"] = self.embedding.model_dump(mode="json", exclude={"model"})
        if self.ultrasound is not None:
            found["ultrasound"] = self.ultrasound.model_dump(mode="json")
        if self.instances.kind != "whole":
            found["instances"] = self.instances.model_dump(mode="json")
        if self.aggregate:
            found["aggregate"] = list(self.aggregate)
        if not self.texture:
            found["texture"] = False
        return found

    @property
    def digest(self) -> str:
        """SHA-256 of :meth:`canonical`."""
        return hash_object(self.canonical())

    @property
    def measured(self) -> ExtractionConfig:
        """What is measured of an image: without what is made of the values afterwards."""
        return self.model_copy(update={"aggregate": ()}) if self.aggregate else self


def _canonical_settings(settings: Settings) -> dict[str, Any]:
    values = settings.as_pyradiomics()
    values["sigma"] = sorted(set(values["sigma"]))
    return values


def _load_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError("no such file", where=str(path), hint="check the path") from error
    except (ValueError, IsADirectoryError) as error:
        raise ConfigError("not valid JSON", where=path.name, found=str(error)) from error
