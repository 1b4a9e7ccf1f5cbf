"""What is measured on a slide: one record per measure, in column order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from radiofib.registry import FeatureSpec, Registry, aliases
from radiofib.slides.specs.artefacts import ARTEFACT_SPECS
from radiofib.slides.specs.collagen import COLLAGEN_SPECS
from radiofib.slides.specs.detail import DETAIL_SPECS
from radiofib.slides.specs.levels import LEVEL_SPECS
from radiofib.slides.specs.portal import ADEQUACY_SPECS, PORTAL_SPECS
from radiofib.slides.specs.septa import SEPTA_SPECS
from radiofib.slides.specs.steatosis import LOBULE_STEATOSIS_SPECS, STEATOSIS_SPECS
from radiofib.table import CODEBOOK_COLUMNS

__all__ = [
    "CHANNEL",
    "CLASSICAL",
    "SLIDE_REGISTRY",
    "STAINS",
    "STAIN_PERCENTILES",
    "codebook",
    "codebook_of",
    "column",
    "of_labels",
]

CHANNEL = "wsi"
_IMAGE = "original"
STAINS = ("haematoxylin", "eosin")
STAIN_PERCENTILES = (5, 50, 95)

#: Added to the labels of measures where no network, but a pixel classifier labelled the slides.
CLASSICAL = " (classical segmentation)"
_LENGTH = "radiofib slides.centreline"
_AREA = "radiofib slides.tissue"
_DECONVOLUTION = "Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291"


def _morphometry(name: str, unit: str, label: str, formula: str, source: str) -> FeatureSpec:
    return FeatureSpec(name, "morphometry", unit, label, formula, source, applies="slide")


def _stain(name: str, label: str, formula: str) -> FeatureSpec:
    return FeatureSpec(name, "stain", "1", label, formula, _DECONVOLUTION, applies="slide")


def _stain_specs() -> list[FeatureSpec]:
    specs = []
    for stain in STAINS:
        density = f"optical density of {stain} over tissue pixels"
        specs += [
            _stain(f"{stain}_od_mean", f"mean {stain} optical density", f"mean of the {density}"),
            _stain(f"{stain}_od_sd", f"SD of {stain} optical density", f"population SD, {density}"),
        ]
        specs += [
            _stain(
                f"{stain}_od_p{p:02d}",
                f"{stain} optical density, percentile {p}",
                f"percentile {p} of the {density}, bins of 0.001",
            )
            for p in STAIN_PERCENTILES
        ]
    return [
        *specs,
        _stain(
            "residual_od_mean",
            "mean optical density in neither stain",
            "mean of the third component; far above the two stains where the slide is not H&E",
        ),
    ]


SLIDE_REGISTRY = Registry(
    [
        _morphometry(
            "tissue_area_mm2",
            "mm2",
            "tissue area",
            "tissue pixels x area of a pixel; artefacts, and gaps larger than the stated minimum, "
            "left out",
            _AREA,
        ),
        _morphometry(
            "fragment_count",
            "1",
            "number of tissue fragments",
            "4-connected pieces of at least the stated minimum area",
            _AREA,
        ),
        _morphometry(
            "wedge_count",
            "1",
            "fragments too wide for a core",
            "fragments in which a circle wider than the stated width fits",
            _AREA,
        ),
        _morphometry(
            "core_length_mm",
            "mm",
            "total core length",
            "sum of centre-line lengths of the core fragments; not of a wedge, nor of a field that "
            "the border of the picture cuts on all sides",
            _LENGTH,
        ),
        _morphometry(
            "longest_core_mm",
            "mm",
            "length of the longest core fragment",
            "largest centre-line length",
            _LENGTH,
        ),
        _morphometry(
            "core_width_mm",
            "mm",
            "mean core width",
            "area of the core fragments / their total length",
            _LENGTH,
        ),
        _morphometry(
            "edge_contact_mm",
            "mm",
            "tissue outline along the edge of the image",
            "length of tissue pixel edges on the image border; above 0, area and length are "
            "those of the visible part",
            _AREA,
        ),
        *_stain_specs(),
        *LEVEL_SPECS,
        *ARTEFACT_SPECS,
        *PORTAL_SPECS,
        *ADEQUACY_SPECS,
        *DETAIL_SPECS,
        *SEPTA_SPECS,
        *STEATOSIS_SPECS,
        *LOBULE_STEATOSIS_SPECS,
        *COLLAGEN_SPECS,
    ]
)


_OF_LABELS = {
    spec.key
    for specs in (PORTAL_SPECS, ADEQUACY_SPECS, DETAIL_SPECS, SEPTA_SPECS, LOBULE_STEATOSIS_SPECS)
    for spec in specs
}


def column(key: str) -> str:
    """Return the table column of a slide measure.

    Examples
    --------
    >>> column("morphometry_tissue_area_mm2")
    'wsi_original_morphometry_tissue_area_mm2'
    """
    return SLIDE_REGISTRY[key].column(CHANNEL, _IMAGE)


def of_labels(spec: FeatureSpec) -> bool:
    """Tell whether a measure of a slide comes from labels of its tissue.

    Examples
    --------
    >>> of_labels(SLIDE_REGISTRY["portal_tract_count"])
    True
    >>> of_labels(SLIDE_REGISTRY["morphometry_core_length_mm"])
    False
    """
    return spec.key in _OF_LABELS


def codebook(*, classical: bool = False) -> pd.DataFrame:
    """Return one row per slide measure, as feature tables carry it.

    Parameters
    ----------
    classical : bool
        Whether a pixel classifier labelled the slides: labels of what was measured on its labels
        say so, wherever the table goes.

    Examples
    --------
    >>> codebook().loc[0, ["column", "unit"]].tolist()
    ['wsi_original_morphometry_tissue_area_mm2', 'mm2']
    """
    return codebook_of(
        {column(spec.key): spec for spec in SLIDE_REGISTRY},
        lambda spec: CLASSICAL if classical and of_labels(spec) else "",
    )


def codebook_of(
    columns: Mapping[str, FeatureSpec], note: Callable[[FeatureSpec], str]
) -> pd.DataFrame:
    """Return one row per column, as feature tables carry it.

    Parameters
    ----------
    columns : mapping
        Name of each column to what it is.
    note : callable
        What is added to the label of a measure.

    Examples
    --------
    >>> spec = SLIDE_REGISTRY["portal_tract_count"]
    >>> codebook_of({"n": spec}, lambda _: " (!)").loc[0, ["column", "label"]].tolist()
    ['n', 'number of portal tracts (!)']
    """
    short = aliases(columns)
    rows = [
        {
            "column": name,
            "label": spec.label + note(spec),
            "unit": spec.unit,
            "channel": CHANNEL,
            "image": _IMAGE,
            "family": spec.family,
            "feature": spec.name,
            "pyradiomics_name": spec.pyradiomics_name,
            "ibsi_code": spec.ibsi_code,
            "alias": short[name],
            "formula": spec.formula,
            "citation": spec.citation,
        }
        for name, spec in columns.items()
    ]
    return pd.DataFrame(rows, columns=list(CODEBOOK_COLUMNS))
