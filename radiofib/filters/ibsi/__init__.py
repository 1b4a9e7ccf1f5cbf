"""The convolutional filters of IBSI 2 (doi 10.48550/arXiv.2006.05470): settings and one door."""

from radiofib.filters.ibsi.columns import column_tokens
from radiofib.filters.ibsi.respond import respond, support
from radiofib.filters.ibsi.settings import (
    Boundary,
    Filter,
    FilterSettings,
    GaborFilter,
    LawsFilter,
    LogFilter,
    MeanFilter,
    Pooling,
    RadialWaveletFilter,
    RieszFilter,
    WaveletFilter,
)

__all__ = [
    "Boundary",
    "Filter",
    "FilterSettings",
    "GaborFilter",
    "LawsFilter",
    "LogFilter",
    "MeanFilter",
    "Pooling",
    "RadialWaveletFilter",
    "RieszFilter",
    "WaveletFilter",
    "column_tokens",
    "respond",
    "support",
]
