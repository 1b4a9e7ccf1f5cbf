"""Registry rows of IBSI's texture families: tags, codes, labels and names."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from radiofib.features.ibsi import TEXTURE_FAMILIES
from radiofib.registry import Registry, codebook_rows, column_label, parse_column
from radiofib.registry._ibsi_texture import IBSI_TEXTURE
from tests.features.ibsi.phantoms import references

CODES = Path(__file__).parent.parent / "reference" / "ibsi_texture_codes.csv"
REGISTRY = Registry(IBSI_TEXTURE)
SCALE = re.compile(r"(1|(grey|levels|voxels|mm)(\^\d)?(\*(grey|levels|voxels|mm)(\^\d)?)*)")


def test_codes_are_those_of_the_manual() -> None:
    frame = pd.read_csv(CODES, dtype="str")
    manual = dict(zip(frame["tag"], frame["value"], strict=True))
    assert len(manual) == len(set(manual.values())) == 95
    ours: dict[str, set[str]] = {}
    for spec in IBSI_TEXTURE:
        ours.setdefault(spec.key.removesuffix(f"_{spec.aggregation}"), set()).add(spec.ibsi_code)
    assert ours == {tag: {code} for tag, code in manual.items()}


def test_every_family_has_its_aggregations() -> None:
    directed = ("2d_avg", "2d_comb", "2_5d_avg", "2_5d_comb", "3d_avg", "3d_comb")
    hows = dict.fromkeys(("szm", "dzm", "ngt", "ngl"), ("2d", "2_5d", "3d"))
    assert {"cm": directed, "rlm": directed, **hows} == TEXTURE_FAMILIES
    assert len(REGISTRY) == 408


@pytest.mark.external
def test_tags_are_those_of_the_reference_values(external_data: Path) -> None:
    rows, blank = references(external_data, "dig_phantom")
    assert {spec.key for spec in IBSI_TEXTURE} == {*rows, *blank}


def test_every_feature_is_described() -> None:
    for spec in IBSI_TEXTURE:
        assert spec.unit == ("bit" if "_entr" in spec.key else "1"), spec.key
        assert spec.formula, spec.key
        assert "doi 10." in spec.citation, spec.key
        assert SCALE.fullmatch(spec.scale), spec.key
        assert spec.applies == ("both" if spec.aggregation.startswith("2d") else "3d"), spec.key
        label = column_label(parse_column(spec.column("ged4", "w12llh"), REGISTRY))
        assert len(label.encode()) <= 80, label
    labels = [(spec.family, spec.label) for spec in IBSI_TEXTURE]
    assert len(set(labels)) == len(labels)


def test_columns_and_their_short_names_differ() -> None:
    columns = [s.column("ged4", "w12llh") for s in IBSI_TEXTURE]
    assert max(map(len, columns)) <= 63
    book = codebook_rows(columns, REGISTRY)
    assert book["alias"].is_unique
    assert book["ibsi_code"].str.fullmatch("[A-Z0-9]{4}").all()
