"""Surface and UCL features in the registry: names, labels, sources."""

from __future__ import annotations

from radiofib.registry import FEATURES, LIVER_FEATURES, codebook_rows, column_label, parse_column

MINE = [s for s in LIVER_FEATURES if s.family in ("surface", "ucl", "uclpub")]


def test_columns_fit_and_come_back() -> None:
    assert len(MINE) == 4 + 31 + 31
    for spec in MINE:
        column = spec.column("abcdefghij")
        assert len(column) <= 63
        assert parse_column(column).spec is spec
        assert len(column_label(parse_column(spec.column("ged4")))) <= 80
        assert column_label(parse_column(spec.column("ged4"))).startswith("GED4 original image, ")


def test_sources_and_dimension() -> None:
    for spec in MINE:
        assert spec.applies == "3d"
        assert ("Smith" if spec.family == "surface" else "arXiv 2605.25595") in spec.citation
        assert spec.unit
    assert not {s.family for s in MINE} & set(FEATURES.families)


def test_roughness_of_a_mask_is_never_called_nodularity() -> None:
    [rough] = [s for s in MINE if "roughness" in s.name]
    assert rough.name == "mask_roughness"
    assert "staircase" in rough.formula
    assert len(codebook_rows([s.column("t1") for s in MINE])) == len(MINE)
