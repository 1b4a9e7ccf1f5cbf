"""Features of the liver as an organ, beside an engine's texture."""

from __future__ import annotations

from radiofib.engines import ExtractionConfig, RoiFeatures
from radiofib.registry import LIVER_FEATURES, FeatureSpec
from radiofib.roi import Roi

__all__ = ["liver_columns", "with_liver_features"]

_IMAGE = "original"


def liver_columns(config: ExtractionConfig, channel: str, ndim: int) -> list[str]:
    """Return the columns that section ``liver`` of a configuration adds for one channel.

    Examples
    --------
    >>> config = ExtractionConfig.parse({"liver": {"features": ["surface"]}}, where="example")
    >>> liver_columns(config, "ged4", 3)[0], liver_columns(config, "us", 2)
    ('ged4_original_surface_nodularity', [])
    """
    return [spec.column(channel, _IMAGE) for spec in _specs(config, ndim)]


def _specs(config: ExtractionConfig, ndim: int) -> list[FeatureSpec]:
    wanted = config.liver.features if config.liver else ()
    return [s for s in LIVER_FEATURES if s.family in wanted and s.applies_to(ndim)]


def with_liver_features(features: RoiFeatures, roi: Roi, config: ExtractionConfig) -> RoiFeatures:
    """Add what section ``liver`` asks for to an engine's features; a family that fails is missing.

    Parameters
    ----------
    features : RoiFeatures
        Of the engine.
    roi : Roi
        The region, as it was drawn on the image as it is or as texture is measured.
    config : ExtractionConfig
        What was asked for.
    """
    specs = _specs(config, roi.ndim)
    if not specs:
        return features
    values, missing, flags = dict(features.values), dict(features.missing), dict(features.flags)
    for family in dict.fromkeys(s.family for s in specs):
        members = {s.name: s.column(roi.channel, _IMAGE) for s in specs if s.family == family}
        try:
            found = _measure(family, roi)
        except Exception as error:  # a family that fails leaves the others alone
            reason = f"{family} failed: {str(error) or type(error).__name__}"
            values |= dict.fromkeys(members.values(), float("nan"))
            missing |= dict.fromkeys(members.values(), reason)
            continue
        values |= {column: found.values[name] for name, column in members.items()}
        missing |= {members[name]: reason for name, reason in found.missing.items()}
        flags |= {members[name]: remark for name, remark in found.flags.items()}
    return RoiFeatures(values, missing, flags)


def _measure(family: str, roi: Roi) -> RoiFeatures:
    """Measure a family; values, reasons and remarks by name of the feature."""
    if family == "surface":
        from radiofib.features.surface import surface_features

        outline = surface_features(roi)
        return RoiFeatures(outline.values, outline.missing, outline.flags)
    from radiofib.features.ucl import ucl_features

    found = ucl_features(roi, published=family == "uclpub")
    return RoiFeatures(found.values, found.missing)
