"""Ultrasound features in the registry: names, labels, units, sources."""

from __future__ import annotations

from radiofib.registry import FEATURES, ULTRASOUND_FEATURES, codebook_rows, parse_column


def test_columns_fit_and_come_back() -> None:
    assert len(ULTRASOUND_FEATURES) == 7 + 2 + 4 + 20 + 15 + 14 + 6 + 2
    book = codebook_rows([s.column("us") for s in ULTRASOUND_FEATURES])
    for spec, label in zip(ULTRASOUND_FEATURES, book["label"], strict=True):
        assert len(spec.column("abcdefghij")) <= 63
        assert parse_column(spec.column("us")).spec is spec
        assert label.startswith("US original image, ")
        assert len(label) <= 80
        assert spec.applies == "2d"
        assert spec.unit
        assert "doi 10." in spec.citation or spec.citation == "radiofib"
    assert book["label"].is_unique
    assert not set(ULTRASOUND_FEATURES.families) & set(FEATURES.families)


def test_units_and_what_depends_on_gain() -> None:
    unit = {s.key: s.unit for s in ULTRASOUND_FEATURES}
    assert unit["depth_attenuation"] == "dB/(cm MHz)"
    assert unit["depth_grey_depth_slope"] == "grey/cm"
    assert unit["entropy_map_mean"] == "bit"
    for spec in ULTRASOUND_FEATURES:
        pseudo = spec.name.startswith("pseudo_")
        assert pseudo == ("in place of the amplitude" in spec.formula)
