"""Filters of IBSI 2's reference values, doi 10.48550/arXiv.2006.05470.

Settings are those of the tables of phase 1 (maps) and phase 2 (feature values). What is not named
is what the filters take when nothing is given: mirrored borders (Simoncelli: periodic), LoG cut
at 4 sigma, Gabor's first angle 0 and its mean over angles, the first level of wavelets.
"""

from __future__ import annotations

from typing import Any

#: First phase, by reference map: phantom (voxels of 2 mm) and filter.
MAPS: dict[str, tuple[str, dict[str, Any]]] = {
    "1_a_1": ("checkerboard", {"type": "mean", "size": 15, "boundary": "zero"}),
    "2_a": ("impulse", {"type": "log", "sigma_mm": 3, "boundary": "zero"}),
    "2_b": ("checkerboard", {"type": "log", "sigma_mm": 5}),
    "2_c": ("checkerboard", {"type": "log", "sigma_mm": 5, "dimension": "2d"}),
    "5_a_1": ("impulse", {"type": "wavelet", "family": "db2", "bands": "LHL", "boundary": "zero"}),
    "6_a_1": (
        "sphere",
        {"type": "wavelet", "family": "coif1", "bands": "HHL", "boundary": "periodic"},
    ),
    "7_a_1": (
        "checkerboard",
        {"type": "wavelet", "family": "haar", "bands": "LLL", "level": 2, "pooling": "mean"},
    ),
}
#: Second phase, by number: filter of both configurations, of A alone (by slice), of B (3-D).
FILTERS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]] | None] = {
    "1": None,
    "2": ({"type": "mean", "size": 5}, {}, {}),
    "3": ({"type": "log", "sigma_mm": 1.5}, {}, {}),
    "4": (
        {"type": "laws", "energy_distance": 7, "pooling": "max"},
        {"kernel": "L5E5"},
        {"kernel": "L5E5E5"},
    ),
    "5": (
        {"type": "gabor", "sigma_mm": 5, "wavelength_mm": 2, "gamma": 1.5, "theta_step_deg": 22.5},
        {},
        {},
    ),
    "6": ({"type": "wavelet", "family": "db3", "pooling": "mean"}, {"bands": "LH"},
          {"bands": "LLH"}),
    "7": ({"type": "wavelet", "family": "db3", "level": 2, "pooling": "mean"}, {"bands": "HH"},
          {"bands": "HHH"}),
    "8": ({"type": "simoncelli", "level": 1}, {}, {}),
    "9": ({"type": "simoncelli", "level": 2}, {}, {}),
}  # fmt: skip
