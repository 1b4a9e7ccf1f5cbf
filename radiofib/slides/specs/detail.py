"""Stain, nuclei and texture of the zones of a segmented slide."""

from __future__ import annotations

from radiofib.registry import FEATURES, FeatureSpec

__all__ = ["DETAIL_SPECS", "TEXTURES", "TRACT_DETAIL_SPECS"]

#: Texture of each zone, of the features of the grey level co-occurrence matrix.
TEXTURES = ("contrast", "correlation", "id", "joint_entropy")

_DECONVOLUTION = "Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291"
_NUCLEI = "radiofib slides.nuclei, thresholds of Bankhead et al. 2017, Sci Rep 7:16878"
_WHERE = {
    "portal": "inside the counted tracts",
    "interface": "in tissue at most the stated distance (25 um) outward from a tract",
    "lobule": "in the lobule beyond the interface zone",
}


def _spec(family: str, name: str, unit: str, label: str, formula: str, source: str) -> FeatureSpec:
    return FeatureSpec(name, family, unit, label, formula, source, applies="slide")


def _zone(zone: str) -> list[FeatureSpec]:
    where = _WHERE[zone]
    specs = []
    if zone == "interface":
        specs.append(
            _spec(
                zone,
                "area_mm2",
                "mm2",
                "interface area",
                f"cells {where} x area of a cell; zones of neighbours share the line between them",
                "radiofib slides.zones",
            )
        )
    for stain in ("haematoxylin", "eosin"):
        density = f"optical density of {stain}, pixels {where}"
        specs += [
            _spec(zone, f"{stain}_od_mean", "1", f"{zone}: mean {stain} optical density",
                  f"mean of the {density}", _DECONVOLUTION),
            _spec(zone, f"{stain}_od_sd", "1", f"{zone}: SD of {stain} optical density",
                  f"population SD of the {density}", _DECONVOLUTION),
        ]  # fmt: skip
    specs += [
        _spec(zone, "nuclei_count", "1", f"{zone}: number of nuclei",
              f"nuclei whose darkest pixel lies {where}", _NUCLEI),
        _spec(zone, "nuclei_per_mm2", "1/mm2", f"{zone}: nuclei per mm2",
              f"nuclei / area, {where}", _NUCLEI),
    ]  # fmt: skip
    for name in TEXTURES:
        base = FEATURES[f"glcm_{name}"]
        label = f"{zone}: {base.label} of haematoxylin"
        how = f"haematoxylin in 16 levels of 0.05, neighbouring pixels {where}"
        formula = f"{base.formula}; {how}, mean of 4 directions"
        specs.append(_spec(zone, f"glcm_{name}", base.unit, label, formula, base.citation))
    return specs


DETAIL_SPECS = tuple(spec for zone in _WHERE for spec in _zone(zone))

TRACT_DETAIL_SPECS = (
    _spec("tract", "haematoxylin_od_mean", "1", "mean haematoxylin optical density",
          "mean over the tract's pixels", _DECONVOLUTION),
    _spec("tract", "eosin_od_mean", "1", "mean eosin optical density",
          "mean over the tract's pixels", _DECONVOLUTION),
    _spec("tract", "nuclei_count", "1", "number of nuclei",
          "nuclei whose darkest pixel lies in the tract", _NUCLEI),
    _spec("tract", "nuclei_per_mm2", "1/mm2", "nuclei per mm2", "nuclei / area", _NUCLEI),
    _spec("tract", "interface_area_um2", "um2", "area of its interface zone",
          "tissue at most the stated distance outward and nearer to this tract than to another",
          "radiofib slides.zones"),
    _spec("tract", "interface_haematoxylin_od_mean", "1",
          "mean haematoxylin optical density of its interface zone", "mean over its pixels",
          _DECONVOLUTION),
    _spec("tract", "interface_nuclei_per_mm2", "1/mm2", "nuclei per mm2 of its interface zone",
          "nuclei / area", _NUCLEI),
)  # fmt: skip
