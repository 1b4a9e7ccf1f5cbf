"""From a column name back to what it means: parts, labels and the codebook."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radiofib.errors import ConfigError
from radiofib.registry._deep import DEEP, deep_spec
from radiofib.registry._firstorder import FIRSTORDER
from radiofib.registry._functional import DELTA, FUNCTIONAL, delta_specs
from radiofib.registry._glcm import GLCM
from radiofib.registry._gldm import GLDM
from radiofib.registry._glrlm import GLRLM
from radiofib.registry._glszm import GLSZM
from radiofib.registry._ibsi import AGGREGATIONS
from radiofib.registry._ibsi_intensity import IBSI_INTENSITY
from radiofib.registry._ibsi_texture import IBSI_TEXTURE
from radiofib.registry._instances import INSTANCE, base_family, statistic_of, statistic_spec
from radiofib.registry._ngtdm import NGTDM
from radiofib.registry._shape import SHAPE, SHAPE_2D
from radiofib.registry._surface import SURFACE
from radiofib.registry._ucl import UCL, UCL_PUBLISHED
from radiofib.registry.names import aliases, image_label, image_name
from radiofib.registry.spec import IBSI_FAMILIES, FeatureSpec, Registry

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CODEBOOK_COLUMNS",
    "DELTA_FEATURES",
    "FAMILY_LABELS",
    "FEATURES",
    "FUNCTIONAL_FEATURES",
    "IBSI_FEATURES",
    "INSTANCE_FEATURES",
    "LIVER_FEATURES",
    "Column",
    "codebook_rows",
    "column_label",
    "parse_column",
]

#: Features of a region of interest, in the order of table columns.
FEATURES = Registry((*SHAPE, *SHAPE_2D, *FIRSTORDER, *GLCM, *GLRLM, *GLSZM, *GLDM, *NGTDM))

#: Features of profile ``ibsi`` under IBSI's own tags.
IBSI_FEATURES = Registry((*IBSI_INTENSITY, *IBSI_TEXTURE))

#: Indices of a whole case, from several channels or from organ masks.
FUNCTIONAL_FEATURES = Registry(FUNCTIONAL)

#: Changes of a feature between two phases of a case.
DELTA_FEATURES = Registry(delta_specs((*FEATURES, *IBSI_FEATURES)))

#: Features of the liver beyond texture, which no texture engine computes.
LIVER_FEATURES = Registry((*SURFACE, *UCL, *UCL_PUBLISHED))

#: Facts of the instances (slices, windows, patches) of a case.
INSTANCE_FEATURES = Registry(INSTANCE)
_EVERY = Registry(
    (
        *FEATURES,
        *IBSI_FEATURES,
        *FUNCTIONAL_FEATURES,
        *DELTA_FEATURES,
        *LIVER_FEATURES,
        *INSTANCE_FEATURES,
    )
)

#: Columns of a codebook, in order; all text.
CODEBOOK_COLUMNS = (
    "column",
    "label",
    "unit",
    "channel",
    "image",
    "family",
    "feature",
    "pyradiomics_name",
    "ibsi_code",
    "alias",
    "formula",
    "citation",
)

#: Longest label that Stata takes.
LABEL_LENGTH = 80
_TOKEN = re.compile(r"^[a-z][a-z0-9]{0,11}$")

FAMILY_LABELS = {
    "firstorder": "first order",
    "shape": "shape",
    "shape2d": "2-D shape",
    "morph": "morphology (IBSI)",
    "loc": "local intensity (IBSI)",
    "stat": "intensity (IBSI)",
    "ih": "histogram (IBSI)",
    "ivh": "intensity-volume (IBSI)",
    "cm": "GLCM (IBSI)",
    "rlm": "GLRLM (IBSI)",
    "szm": "GLSZM (IBSI)",
    "dzm": "GLDZM (IBSI)",
    "ngt": "NGTDM (IBSI)",
    "ngl": "NGLDM (IBSI)",
    "functional": "functional",
    "surface": "surface",
    "ucl": "UCL",
    "uclpub": "UCL as published",
    "instance": "instances",
    DEEP: "embedding",
}
FAMILY_LABELS |= {
    family: "delta " + FAMILY_LABELS.get(base := family.removeprefix(DELTA), base.upper())
    for family in DELTA_FEATURES.families
}


@dataclass(frozen=True)
class Column:
    """A column name taken apart.

    Parameters
    ----------
    channel, image : str
        Channel and image token (``ged4``, ``wllh``).
    spec : FeatureSpec
        The feature.

    Examples
    --------
    >>> parse_column("ged4_wllh_glszm_zone_entropy").pyradiomics_name
    'wavelet-LLH_glszm_ZoneEntropy'
    """

    channel: str
    image: str
    spec: FeatureSpec

    @property
    def name(self) -> str:
        """The column name."""
        return self.spec.column(self.channel, self.image)

    @property
    def pyradiomics_name(self) -> str:
        """The name pyradiomics gives the value; "" when it does not have the feature."""
        name = self.spec.pyradiomics_name
        return f"{image_name(self.image)}_{name}" if name else ""

    def image_label(self, images: Mapping[str, str] | None = None) -> str:
        """Return what a reader calls the image: from `images`, else by its token."""
        if images and self.image in images:
            return images[self.image]
        if _own_tokens(self.spec) and self.image != "original":
            return self.image
        return image_label(self.image)


def parse_column(column: str, registry: Registry = _EVERY) -> Column:
    """Take a column name apart: the inverse of :meth:`FeatureSpec.column`.

    Parameters
    ----------
    column : str
        ``<channel>_<image>_<family>_<feature>``.
    registry : Registry
        Where the feature is looked up.

    Raises
    ------
    ConfigError
        When the name has fewer than four parts, or its image or feature is not known.

    Examples
    --------
    >>> column = parse_column("t1_log3mm_glcm_joint_average")
    >>> column.channel, column.image, column.spec.family, column.spec.name
    ('t1', 'log3mm', 'glcm', 'joint_average')
    """
    parts = column.split("_", 2)
    if len(parts) < 3 or not all(parts):
        raise ConfigError(
            "not a feature column", expected="<channel>_<image>_<family>_<feature>", found=column
        )
    channel, image, feature = parts
    spec = _spec_of(feature, registry)
    # Filters of profile ibsi bring tokens of their own, which only the configuration explains.
    if not (_own_tokens(spec) and _TOKEN.match(image)):
        image_name(image)
    return Column(channel, image, spec)


def _spec_of(feature: str, registry: Registry) -> FeatureSpec:
    """Look a feature up; one that is not there may be a statistic of one that is."""
    statistic = None if _find(feature, registry) else statistic_of(feature)
    base = None if statistic is None else _find(feature[3:], registry)
    if statistic is None or base is None:
        return _find(feature, registry) or registry[feature]
    return statistic_spec(base, statistic)


def _find(feature: str, registry: Registry) -> FeatureSpec | None:
    """Return a feature, None when there is none; embeddings are known by their form alone."""
    if feature in registry:
        return registry[feature]
    return deep_spec(feature) if registry is _EVERY else None


def _own_tokens(spec: FeatureSpec) -> bool:
    """Tell whether the feature, or the one that it is made of, is of profile ibsi."""
    return spec.ibsi_profile or base_family(spec.family).removeprefix(DELTA) in IBSI_FAMILIES


def _family_label(family: str) -> str:
    base = base_family(family)
    label = FAMILY_LABELS.get(base, base.upper())
    return label if base == family else f"{label} of instances"


def column_label(column: Column, images: Mapping[str, str] | None = None) -> str:
    """Return a label of at most 80 characters, as Stata allows, for a column.

    `images` describes filters by their token; a description that is too long gives way to the
    token, and a label that is too long to the name of the column.

    Examples
    --------
    >>> column_label(parse_column("ged4_wllh_glszm_zone_entropy"))
    'GED4 wavelet LLH, GLSZM: zone entropy'
    """
    spec = column.spec
    family = _family_label(spec.family)
    start, end = column.channel.upper(), f"{family}: {spec.label}"
    for image in (column.image_label(images), column.image_label()):
        if len(label := f"{start} {image}, {end}") <= LABEL_LENGTH:
            return label
    return column.name


def codebook_rows(
    columns: Sequence[str],
    registry: Registry = _EVERY,
    *,
    images: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the codebook of feature columns: one row per column, in the order given.

    Parameters
    ----------
    columns : sequence of str
        Feature columns.
    registry : Registry
        Where the features are looked up.
    images : mapping, optional
        Image token to description, for filters whose token does not say all.

    Returns
    -------
    DataFrame
        Columns :data:`CODEBOOK_COLUMNS`, all text. In brackets after the formula: in what a
        value departs from its IBSI definition, how it was aggregated, and which filter was used
        before.

    Raises
    ------
    ConfigError
        When a column is not in the registry, or two would share one alias.

    Examples
    --------
    >>> row = codebook_rows(["t1_original_firstorder_mean"]).iloc[0]
    >>> row["label"], row["ibsi_code"], row["unit"]
    ('T1 original image, first order: mean', 'Q4LE', 'grey')
    >>> ", ".join(row.index)
    'column, label, unit, channel, image, family, feature, pyradiomics_name, ibsi_code, alias,
    formula, citation'
    """
    short = aliases(columns)
    records = [_record(parse_column(name, registry), short[name], images) for name in columns]
    import pandas as pd  # takes longer to import than all else an engine needs

    return pd.DataFrame(records, columns=list(CODEBOOK_COLUMNS), dtype="str")


def _record(column: Column, alias: str, images: Mapping[str, str] | None) -> dict[str, str]:
    spec = column.spec
    note = f" [IBSI: {spec.ibsi_note}]" if spec.ibsi_note else ""
    if spec.aggregation:
        note += " [aggregation: {}, IBSI {}]".format(*AGGREGATIONS[spec.aggregation])
    if images and column.image in images:
        note += f" [image: {images[column.image]}]"
    values: Iterable[str] = (
        column.name,
        column_label(column, images),
        spec.unit,
        column.channel,
        column.image,
        spec.family,
        spec.name,
        column.pyradiomics_name,
        spec.ibsi_code,
        alias,
        spec.formula + note,
        spec.citation,
    )
    return dict(zip(CODEBOOK_COLUMNS, values, strict=True))
