"""Which columns a configuration promises: the same answer for every engine."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from radiofib.engines.config import ExtractionConfig
from radiofib.engines.ibsi.settings import UNFILTERED
from radiofib.engines.settings import Settings
from radiofib.registry import FeatureSpec, check_channel, column_name, image_token

__all__ = ["column_of", "ibsi_columns", "image_tokens", "is_shape", "promised_columns"]


def is_shape(spec: FeatureSpec) -> bool:
    """Tell whether a feature describes the outline, which no filter changes."""
    return spec.family in ("shape", "shape2d")


def column_of(spec: FeatureSpec, channel: str, image: str = "original") -> str:
    """Return :meth:`FeatureSpec.column`, made once for all regions.

    Examples
    --------
    >>> from radiofib.registry import FEATURES
    >>> column_of(FEATURES["shape_flatness"], "t1")
    't1_original_shape_flatness'
    """
    return _column(channel, image, spec.family, spec.name)


_column = lru_cache(maxsize=1 << 15)(column_name)


def image_tokens(image_type: str, settings: Settings, ndim: int) -> list[str]:
    """Return the tokens of the images one image type makes of a region with `ndim` axes.

    Examples
    --------
    >>> image_tokens("Wavelet", Settings(), 2)
    ['wlh', 'whl', 'whh', 'wll']
    >>> image_tokens("LoG", Settings(sigma=[3, 1.5]), 3)
    ['log1p5mm', 'log3mm']
    """
    if image_type == "LoG":
        return [image_token(log_name(sigma)) for sigma in sorted(set(settings.sigma))]
    if image_type == "Wavelet":
        return [image_token(name) for name in _wavelet_names(settings, ndim)]
    if image_type == "LBP3D":
        orders = [f"m{i + 1}" for i in range(settings.lbp_3d_levels)]
        return [image_token(f"lbp-3D-{order}") for order in (*orders, "k")]
    return [image_token({"LBP2D": "lbp-2D"}.get(image_type, image_type.lower()))]


def log_name(sigma: float) -> str:
    """Return pyradiomics' name of a LoG image.

    Examples
    --------
    >>> log_name(1.5)
    'log-sigma-1-5-mm-3D'
    """
    return f"log-sigma-{str(float(sigma)).replace('.', '-')}-mm-3D"


def _wavelet_names(settings: Settings, ndim: int) -> list[str]:
    axes = ndim - int(settings.force_2d and ndim == 3)
    bands = ["".join(letters) for letters in product("LH", repeat=axes)]
    names = [
        f"wavelet{level if level > 1 else ''}-{band}"
        for level in range(1, settings.level + 1)
        for band in bands[1:]
    ]
    return [*names, f"wavelet{settings.level if settings.level > 1 else ''}-{bands[0]}"]


def ibsi_columns(config: ExtractionConfig, ndim: int) -> list[tuple[str, FeatureSpec]]:
    """Return image token and feature of each column of profile ``ibsi``.

    Examples
    --------
    >>> config = ExtractionConfig.parse({"profile": "ibsi", "ibsi": {"features": ["loc"]}},
    ...                                 where="example")
    >>> [(token, spec.key) for token, spec in ibsi_columns(config, 3)]
    [('original', 'loc_peak_loc'), ('original', 'loc_peak_glob')]
    """
    return [
        (token, spec)
        for token in config.ibsi_settings.tokens
        for spec in config.features(ndim)
        if token == "original" or spec.family not in UNFILTERED
    ]


def promised_columns(config: ExtractionConfig, channel: str, ndim: int) -> list[str]:
    """Return the columns a configuration promises for one channel, in table order.

    Shape comes first and is named after the original image, as in pyradiomics.

    Parameters
    ----------
    config : ExtractionConfig
        What to extract.
    channel : str
        Channel name.
    ndim : int
        Number of axes of the region, 2 or 3.

    Raises
    ------
    ConfigError
        When a column would be longer than 63 characters: the channel name is too long.

    Examples
    --------
    >>> config = ExtractionConfig.parse({"featureClass": {"shape": ["MeshVolume"],
    ...     "firstorder": ["Mean"]}, "imageType": {"Original": {}, "LoG": {"sigma": [3]}}},
    ...     where="example")
    >>> promised_columns(config, "t1", 3)
    ['t1_original_shape_mesh_volume', 't1_original_firstorder_mean', 't1_log3mm_firstorder_mean']
    """
    channel = check_channel(channel)
    features = config.features(ndim)
    if config.profile == "ibsi":
        return [spec.column(channel, token) for token, spec in ibsi_columns(config, ndim)]
    columns = [column_of(spec, channel) for spec in features if is_shape(spec)]
    for image_type, settings in config.ordered_image_types:
        for token in image_tokens(image_type, settings, ndim):
            columns += [column_of(spec, channel, token) for spec in features if not is_shape(spec)]
    return columns
