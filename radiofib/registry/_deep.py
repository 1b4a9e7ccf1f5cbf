"""Embeddings of a network as features: one for each component, under the network's short name.

Which network a short name stands for is not in the registry: the provenance of a table gives its
SHA-256, architecture and licence.
"""

from __future__ import annotations

import re

from radiofib.registry.spec import FeatureSpec

__all__ = ["DEEP", "deep_feature", "deep_spec"]

#: Family of embeddings.
DEEP = "deep"
_KEY = re.compile(r"^deep_([a-z][a-z0-9]{0,11})_e(\d{3}|[1-9]\d{3,4})$")


def deep_feature(name: str, number: int) -> FeatureSpec:
    """Return component `number` (from 1) of the embedding of the network called `name`.

    Examples
    --------
    >>> deep_feature("resnet34", 7).column("us")
    'us_original_deep_resnet34_e007'
    """
    return FeatureSpec(
        f"{name}_e{number:03d}",
        DEEP,
        "1",
        f"{name}, component {number}",
        f"component {number} of the embedding of the network '{name}', whose SHA-256 is in the "
        "provenance of the table",
        "radiofib; the network's own source is in its card",
    )


def deep_spec(key: str) -> FeatureSpec | None:
    """Return the feature of a key, None when it is no embedding's.

    Examples
    --------
    >>> deep_spec("deep_resnet34_e512").label
    'resnet34, component 512'
    >>> deep_spec("deep_resnet34_e000") is deep_spec("glcm_contrast") is None
    True
    """
    match = _KEY.match(key)
    if match is None or int(match.group(2)) == 0:
        return None
    return deep_feature(match.group(1), int(match.group(2)))
