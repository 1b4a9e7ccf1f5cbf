"""Rules about pre-processing and features."""

from __future__ import annotations

from typing import Any

from radiofib.report.checklists.evidence import CONFIG, Evidence
from radiofib.report.checklists.finding import (
    OPEN,
    Finding,
    met,
    not_applicable,
    opened,
    partly,
)
from radiofib.report.format import count, pluralise

__all__ = ["RULES"]

_UNKNOWN = "the feature file records no configuration"


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, list):
        return " x ".join(str(v) for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{k} {_shown(v)}" for k, v in value.items() if v is not None)
    return str(value)


def _setting(e: Evidence, *names: str) -> Finding:
    """Show settings with their values."""
    found = {n: e.setting(n) for n in names}
    if not e.config or (e.within(e.config, "setting") is None and e.ibsi):
        return opened(_UNKNOWN)
    said = ", ".join(f"{n}: {_shown(v)}" for n, v in found.items())
    return met(said, f"{CONFIG}.setting")


def _ibsi(e: Evidence, *names: str) -> Finding:
    said = ", ".join(f"{n}: {_shown(e.ibsi.get(n))}" for n in names)
    return met(said, f"{CONFIG}.ibsi")


def _liver(e: Evidence, *keys: str) -> Any:
    return e.within(e.config, "liver", *keys)


def preprocessing(e: Evidence, judged: str) -> Finding:
    """Look for all steps before features; whether they are fit a person must judge."""
    if not e.config:
        return opened(_UNKNOWN)
    said = [f"normalise: {_shown(e.setting('normalize'))}"] if not e.ibsi else ["profile ibsi"]
    parts = {n: _liver(e, n) for n in ("preprocessing", "hygiene")}
    said += [f"{name}: {_shown(own)}" for name, own in parts.items() if own]
    if judged:
        return partly(f"{'; '.join(said)}; say why this is fit", CONFIG)
    return met("; ".join(said), CONFIG)


def resampling(e: Evidence, _: str) -> Finding:
    """Look for new spacing and interpolator."""
    if e.ibsi:
        return _ibsi(e, "spacing_mm", "image_interpolation", "dimension")
    return _setting(e, "resampledPixelSpacing", "interpolator", "padDistance")


def grid(e: Evidence, _: str) -> Finding:
    """Look for the place of the new grid, which the engine decides."""
    if e.ibsi:
        return met("grids aligned by centre, as profile ibsi does", f"{CONFIG}.profile")
    if e.config and e.setting("resampledPixelSpacing") is None:
        return not_applicable("images are not resampled", f"{CONFIG}.setting")
    return _engine_rule(e)


def _engine_rule(e: Evidence) -> Finding:
    if not e.config:
        return opened(_UNKNOWN)
    engine = e.folder.text("engine")
    return partly(f"the rule of engine {engine}, which follows pyradiomics", "run.json: engine")


def rounding(e: Evidence, _: str) -> Finding:
    """Look for rounding of intensities after interpolation."""
    if e.ibsi:
        return _ibsi(e, "round_intensities")
    if e.modalities is not None and "CT" not in e.modalities:
        return not_applicable("no CT among the channels", "run.json: channels")
    return _engine_rule(e)


def mask_interpolation(e: Evidence, _: str) -> Finding:
    """Look for the way masks follow the image to its new grid."""
    if e.ibsi:
        return _ibsi(e, "mask_interpolation", "partial_volume")
    if e.config and e.setting("resampledPixelSpacing") is None:
        return not_applicable("masks are not resampled", f"{CONFIG}.setting")
    return _engine_rule(e)


def resegmentation(e: Evidence, _: str) -> Finding:
    """Look for limits of intensity inside the region."""
    if e.ibsi:
        return _ibsi(e, "resegment_range", "resegment_sigma")
    return _setting(e, "resegmentRange", "resegmentMode", "removeOutliers")


def discretisation(e: Evidence, _: str) -> Finding:
    """Look for number or width of bins."""
    if e.ibsi:
        return _ibsi(e, "discretisation", "filtered_discretisation")
    if e.config and e.setting("binCount") is not None:
        return _setting(e, "binCount")
    return _setting(e, "binWidth")


def image_types(e: Evidence, _: str) -> Finding:
    """Look for original image and filters."""
    if e.ibsi:
        return _ibsi(e, "original", "filters")
    types = e.config.get("imageType")
    if not isinstance(types, dict) or not types:
        return opened(_UNKNOWN)
    return met(", ".join(map(str, types)), f"{CONFIG}.imageType")


def engine(e: Evidence, _: str) -> Finding:
    """Look for software and version."""
    facts = e.folder.features
    said = str(facts.provenance.get("engine_version", "")) if facts is not None else ""
    version = e.folder.mapping("versions").get("radiofib")
    if not version:
        return opened("run.json names no version")
    said = said or e.folder.text("engine")
    return met(f"radiofib {version}, engine {said}", "run.json: versions, engine")


def standard_software(e: Evidence, _: str) -> Finding:
    """Look for a standard that the features follow."""
    book = e.book
    if book is None or "ibsi_code" not in book or not e.config:
        return opened("no codebook with IBSI codes")
    coded = f"{count((book['ibsi_code'] != '').sum())} of {pluralise(len(book), 'column')} coded"
    pointer = f"export/codebook.csv: ibsi_code; {CONFIG}.profile"
    if e.ibsi:
        return met(f"profile ibsi; {coded}", pointer)
    same = f"engine {e.folder.text('engine')} computes as pyradiomics does; {coded}"
    if e.setting("resampledPixelSpacing") is None:
        return met(same, pointer)
    return partly(f"{same}; after resampling pyradiomics departs from IBSI", pointer)


def families(e: Evidence, _: str) -> Finding:
    """Look for feature classes with their numbers."""
    book = e.book
    if book is None or "family" not in book:
        return opened("no codebook")
    counts = book["family"].value_counts().sort_index()
    said = ", ".join(f"{name} {n}" for name, n in counts.items())
    return met(said, "export/codebook.csv: family")


def feature_count(e: Evidence, _: str) -> Finding:
    """Look for number of feature columns."""
    facts = e.folder.features
    if facts is None:
        return opened("no feature file")
    said = f"{pluralise(len(facts.columns), 'feature')}, {pluralise(facts.n_rows, 'row')}"
    return met(said, "features/features.parquet")


def defaults(e: Evidence, _: str) -> Finding:
    """Look for all settings written out."""
    if not e.config:
        return opened(_UNKNOWN)
    return met("every setting is written out, defaults too", CONFIG)


def definitions(e: Evidence, _: str) -> Finding:
    """Look for formula and citation of every column."""
    book = e.book
    if book is None or "formula" not in book:
        return opened("no codebook with formulas")
    have = int((book["formula"] != "").sum())
    said = f"formula of {count(have)} of {pluralise(len(book), 'column')}, with source"
    return (met if have == len(book) else partly)(said, "export/codebook.csv: formula, citation")


def setting(e: Evidence, name: str) -> Finding:
    """Look for one setting of the texture matrices."""
    if e.ibsi:
        return met("as profile ibsi defines it", f"{CONFIG}.profile")
    return _setting(e, name)


def texture(e: Evidence, _: str) -> Finding:
    """Look for the way texture matrices are merged."""
    if e.ibsi:
        return _ibsi(e, "aggregations", "dimension")
    if not e.config:
        return opened(_UNKNOWN)
    weights = e.setting("weightingNorm")
    if weights is not None:
        said = f"directions merged with weights {weights}, as pyradiomics does"
    else:
        said = "a matrix for each direction, features averaged over them, as pyradiomics does"
    return met(said, f"{CONFIG}.setting.weightingNorm")


def linkage(e: Evidence, _: str) -> Finding:
    """Look for the neighbours that make a zone."""
    if e.ibsi:
        return met("as profile ibsi defines it", f"{CONFIG}.profile")
    if not e.config:
        return opened(_UNKNOWN)
    n = 8 if e.setting("force2D") else 26
    return met(f"Chebyshev distance 1: {n} neighbours", f"{CONFIG}.setting.force2D")


def distance_zones(e: Evidence, _: str) -> Finding:
    """Look for distance zones, which only profile ibsi measures."""
    if e.ibsi:
        return met("as profile ibsi defines it", f"{CONFIG}.profile")
    if not e.config:
        return opened(_UNKNOWN)
    return not_applicable("no distance zone matrix in this profile", f"{CONFIG}.featureClass")


def registration(e: Evidence, _: str) -> Finding:
    """Look for alignment of channels."""
    if isinstance(e.study.get("registration"), dict):
        return met(_shown(e.study["registration"]), "study.yaml: registration; registration.csv")
    if len(e.channels) == 1:
        return not_applicable("one channel", "run.json: channels")
    if e.study:
        return met("channels are not aligned", "study.yaml: registration")
    return OPEN


def antialiasing(e: Evidence, _: str) -> Finding:
    """Look for smoothing before sampling down."""
    if e.config and not e.ibsi and e.setting("resampledPixelSpacing") is None:
        return not_applicable("images are not resampled", f"{CONFIG}.setting")
    return OPEN


def noise(e: Evidence, _: str) -> Finding:
    """Look for clipping of spikes."""
    spikes = _liver(e, "preprocessing", "spikes")
    if spikes is not None:
        return met(f"isolated spikes clipped: {_shown(spikes)}", f"{CONFIG}.liver")
    return met("none", CONFIG) if e.config else opened(_UNKNOWN)


def bias_field(e: Evidence, _: str) -> Finding:
    """Look for correction of the bias field of MRI."""
    if e.modalities is not None and "MRI" not in e.modalities:
        return not_applicable("no MRI among the channels", "run.json: channels")
    if not e.config:
        return opened(_UNKNOWN)
    bias = _liver(e, "preprocessing", "bias")
    return met(f"N4: {_shown(bias)}" if bias is not None else "none", CONFIG)


def normalisation(e: Evidence, _: str) -> Finding:
    """Look for normalisation of intensities."""
    if not e.config:
        return opened(_UNKNOWN)
    own = _liver(e, "preprocessing", "normalise")
    if own is not None:
        return met(_shown(own), f"{CONFIG}.liver.preprocessing.normalise")
    return met("none", CONFIG) if e.ibsi else _setting(e, "normalize", "normalizeScale")


def feature_statistics(e: Evidence, _: str) -> Finding:
    """Look for importance of features."""
    if e.table("importance") is not None:
        return partly("importance of features", "evaluation/importance.csv")
    return opened("no statistic of single features is in the run")


#: Name in the tables of rules -> function.
RULES = {
    f.__name__: f
    for f in (
        *(preprocessing, resampling, grid, rounding, mask_interpolation, resegmentation),
        *(discretisation, image_types, engine, standard_software, families, feature_count),
        *(
            defaults,
            definitions,
            setting,
            texture,
            linkage,
            distance_zones,
            registration,
            antialiasing,
        ),
        *(noise, bias_field, normalisation, feature_statistics),
    )
}
