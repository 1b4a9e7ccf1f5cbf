"""Registry rows of functional indices: source, unit, formula, and columns that parse back."""

from __future__ import annotations

import pytest

from radiofib.errors import ConfigError
from radiofib.registry import (
    DELTA_FEATURES,
    FEATURES,
    FUNCTIONAL_FEATURES,
    IBSI_FEATURES,
    codebook_rows,
    column_label,
    parse_column,
)
from radiofib.table import CODEBOOK_COLUMNS

#: Index to what its source and formula must say: the table of features beyond texture.
TABLE = {
    "relative_enhancement": ("Wu et al.", "(S - S0) / S0"),
    "liver_spleen_ratio": ("Yamada et al., Radiology 2011", "L / P"),
    "uptake_index_ml": ("Yamada et al., Radiology 2011", "(L / P - 1) V"),
    "contrast_enhancement_index": (
        "Watanabe et al., Radiology 2011",
        "(L / M in the hepatobiliary phase) / (L / M before contrast)",
    ),
    "cv_whole_liver": ("radiofib", "not the index of four regions"),
    "cv_four_rois": ("10.3349/ymj.2014.55.3.651 (erratum", "SD / mean"),
    "cv_four_rois_corrected": ("10.3349/ymj.2014.55.3.651 (erratum", "SD^2 - s^2"),
    "t1_reduction_rate": ("10.1038/s41598-018-32207-6", "(T1 before - T1 after"),
    "wash_in_slope": ("Radiographics 2007", "E / t"),
    "wash_out_slope": ("Radiographics 2007", "minutes between"),
    "enhancement_area_min": ("Radiographics 2007", "trapezoids"),
    "liver_volume_ml": ("radiofib", "/ 1000"),
    "caudate_right_ratio_harbin": ("Harbin et al., Radiology 1980", "> 0.65"),
    "caudate_right_ratio_awaya": ("Awaya et al., Radiology 2002", ">= 0.90"),
    "segmental_volume_ratio": ("10.1097/RCT.0000000000000389", "V(I-III) / V(IV-VIII)"),
}


def test_every_index_has_its_source_and_formula() -> None:
    assert [spec.name for spec in FUNCTIONAL_FEATURES] == list(TABLE)
    for spec in FUNCTIONAL_FEATURES:
        source, formula = TABLE[spec.name]
        assert source in spec.citation, spec.key
        assert formula in spec.formula, spec.key
        assert spec.applies == "case"
        assert not spec.applies_to(2)
        assert not spec.applies_to(3)
        end = spec.name.rsplit("_", 1)[-1]
        unit = {"ml": "ml", "min": "min", "slope": "1/min"}.get(end, "1")
        assert spec.unit == unit, spec.key


def test_changes_are_described_by_what_they_change() -> None:
    assert len(DELTA_FEATURES) == sum(
        s.family not in ("shape", "shape2d", "morph") for s in (*FEATURES, *IBSI_FEATURES)
    )
    spec = DELTA_FEATURES["dglcm_contrast"]
    base = FEATURES["glcm_contrast"]
    assert spec.unit == "1"
    assert spec.formula == f"(f - f0) / f0, f0 before contrast, f = {base.formula}"
    assert base.citation in spec.citation
    assert "10.1038/s41598-017-00665-z" in spec.citation
    assert (spec.ibsi_code, spec.pyradiomics_name) == ("", "")


@pytest.mark.parametrize("channel", ["t1", "ged4", "t1mappost", "abcdefghij"])
def test_functional_columns_fit_and_parse_back(channel: str) -> None:
    columns = [spec.column(channel) for spec in FUNCTIONAL_FEATURES]
    assert max(map(len, columns)) <= 63
    for spec, column in zip(FUNCTIONAL_FEATURES, columns, strict=True):
        parsed = parse_column(column)
        assert (parsed.channel, parsed.image, parsed.spec) == (channel, "original", spec)
        assert parsed.pyradiomics_name == ""
        assert len(column_label(parsed).encode()) <= 80


def test_delta_columns_fit_parse_back_and_have_a_codebook() -> None:
    columns = [spec.column("ged4") for spec in DELTA_FEATURES]
    columns += [FUNCTIONAL_FEATURES["functional_uptake_index_ml"].column("ged4")]
    assert max(map(len, columns)) <= 63
    book = codebook_rows(columns)
    assert tuple(book.columns) == CODEBOOK_COLUMNS
    assert list(book["column"]) == columns
    assert (book[["label", "unit", "formula", "citation", "alias"]] != "").all().all()
    assert book["label"].str.len().max() <= 80
    assert book["alias"].is_unique
    row = book.set_index("column").loc["ged4_original_dglcm_contrast"]
    assert row["label"] == "GED4 original image, delta GLCM: change of contrast"
    last = book.iloc[-1]
    assert (last["unit"], last["family"]) == ("ml", "functional")


def test_changes_of_profile_ibsi_take_its_image_tokens() -> None:
    assert parse_column("ged4_mean3_dstat_mean").image == "mean3"
    with pytest.raises(ConfigError, match="image token"):
        parse_column("ged4_mean3_dglcm_contrast")
