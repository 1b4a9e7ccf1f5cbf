"""Registry rows of the intensity families of IBSI 1: complete, described, once each."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from radiofib.features.ibsi import (
    histogram,
    intensity,
    local_intensity,
    morphology,
    volume_histogram,
)
from radiofib.registry import Registry, codebook_rows
from radiofib.registry._ibsi_intensity import IBSI_INTENSITY

CODES = Path(__file__).parent.parent / "reference" / "ibsi_codes.csv"
REGISTRY = Registry(IBSI_INTENSITY)


def test_names_are_those_of_the_features() -> None:
    families = {
        "morph": morphology.NAMES,
        "loc": local_intensity.NAMES,
        "stat": intensity.NAMES,
        "ih": histogram.NAMES,
        "ivh": volume_histogram.NAMES,
    }
    assert REGISTRY.families == tuple(families)
    assert [spec.key for spec in REGISTRY] == [
        f"{family}_{name}" for family, names in families.items() for name in names
    ]
    plane = {s.name for s in REGISTRY if s.family == "morph" and s.applies_to(2)}
    assert plane == set(morphology.PLANE_NAMES)
    assert all(s.applies_to(3) for s in REGISTRY)


def test_every_row_is_described() -> None:
    codes = [spec.ibsi_code for spec in REGISTRY]
    assert len(set(codes)) == len(codes) == 79
    labels = [(s.family, s.label) for s in REGISTRY]
    assert len(set(labels)) == len(labels)
    for spec in REGISTRY:
        assert re.fullmatch(r"[0-9A-Z]{4}", spec.ibsi_code), spec.key
        assert spec.formula, spec.key
        assert "doi 10." in spec.citation, spec.key
        for part in spec.scale.split("*"):
            assert re.fullmatch(r"1|(grey|levels|voxels|mm)(\^\d)?", part), spec.key


def test_codes_are_those_of_the_features_other_tables_have() -> None:
    table = pd.read_csv(CODES, dtype=str, keep_default_na=False)
    theirs = {
        (c, f): v for c, f, v in zip(table["class"], table["feature"], table["value"], strict=True)
    }
    for key, other in {
        "stat_mean": ("firstorder", "Mean"),
        "stat_rmad": ("firstorder", "RobustMeanAbsoluteDeviation"),
        "stat_p10": ("firstorder", "10Percentile"),
        "ih_entropy": ("firstorder", "Entropy"),
        "ih_uniformity": ("firstorder", "Uniformity"),
        "morph_volume": ("shape", "MeshVolume"),
        "morph_diam": ("shape", "Maximum3DDiameter"),
        "morph_pca_least_axis": ("shape", "LeastAxisLength"),
    }.items():
        assert REGISTRY[key].ibsi_code == theirs[other], key


def test_codebook() -> None:
    columns = [spec.column("ct", "original") for spec in REGISTRY]
    book = codebook_rows(columns, REGISTRY)
    assert list(book["column"]) == columns
    assert (book[["label", "unit", "formula", "citation", "alias"]] != "").all().all()
    assert book["label"].str.len().max() <= 80


@pytest.mark.external
def test_names_are_the_tags_of_the_reference_values(external_data: Path) -> None:
    folder = external_data / "ibsi" / "ibsi_1_reference_values"
    tags = pd.read_csv(folder / "ibsi_1_dig_phantom.csv", sep=";")["tag"]
    theirs = [t for t in tags if t.split("_", 1)[0] in REGISTRY.families]
    assert theirs == [spec.key for spec in REGISTRY]
