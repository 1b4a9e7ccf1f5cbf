"""From a column name back to what it means: parts, labels and the codebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from radiofib.errors import ConfigError
from radiofib.registry._firstorder import FIRSTORDER
from radiofib.registry._glcm import GLCM
from radiofib.registry._gldm import GLDM
from radiofib.registry._glrlm import GLRLM
from radiofib.registry._glszm import GLSZM
from radiofib.registry._ngtdm import NGTDM
from radiofib.registry._shape import SHAPE, SHAPE_2D
from radiofib.registry.names import aliases, image_label, image_name
from radiofib.registry.spec import FeatureSpec, Registry

__all__ = ["FEATURES", "Column", "codebook_rows", "column_label", "parse_column"]

#: Features of a region of interest, in the order of table columns.
FEATURES = Registry((*SHAPE, *SHAPE_2D, *FIRSTORDER, *GLCM, *GLRLM, *GLSZM, *GLDM, *NGTDM))

_FAMILY_LABELS = {"firstorder": "first order", "shape": "shape", "shape2d": "2-D shape"}


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


def parse_column(column: str, registry: Registry = FEATURES) -> Column:
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
    image_name(image)
    return Column(channel, image, registry[feature])


def column_label(column: Column) -> str:
    """Return a label of at most 80 characters, as Stata allows, for a column.

    Examples
    --------
    >>> column_label(parse_column("ged4_wllh_glszm_zone_entropy"))
    'GED4 wavelet LLH, GLSZM: zone entropy'
    """
    spec = column.spec
    family = _FAMILY_LABELS.get(spec.family, spec.family.upper())
    return f"{column.channel.upper()} {image_label(column.image)}, {family}: {spec.label}"


def codebook_rows(columns: Sequence[str], registry: Registry = FEATURES) -> pd.DataFrame:
    """Return the codebook of feature columns: one row per column, in the order given.

    Parameters
    ----------
    columns : sequence of str
        Feature columns.
    registry : Registry
        Where the features are looked up.

    Returns
    -------
    DataFrame
        Columns ``column, label, unit, channel, image, family, feature, pyradiomics_name,
        ibsi_code, alias, formula, citation``, all text. In what a value departs from its IBSI
        definition is said in brackets after the formula.

    Raises
    ------
    ConfigError
        When a column is not in the registry, or two would share one alias.

    Examples
    --------
    >>> row = codebook_rows(["t1_original_firstorder_mean"]).iloc[0]
    >>> row["label"], row["ibsi_code"], row["unit"]
    ('T1 original image, first order: mean', 'Q4LE', 'grey')
    """
    short = aliases(columns)
    records = [_record(parse_column(name, registry), short[name]) for name in columns]
    return pd.DataFrame(records, columns=list(_FIELDS), dtype="str")


_FIELDS = (
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


def _record(column: Column, alias: str) -> dict[str, str]:
    spec = column.spec
    note = f" [IBSI: {spec.ibsi_note}]" if spec.ibsi_note else ""
    values: Iterable[str] = (
        column.name,
        column_label(column),
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
    return dict(zip(_FIELDS, values, strict=True))
