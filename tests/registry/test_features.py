"""The registry against pyradiomics and IBSI: nothing missing, nothing orphaned."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radiofib.registry import FEATURES, codebook_rows, column_label, parse_column
from radiofib.table import CODEBOOK_COLUMNS

CODES = Path(__file__).parent.parent / "reference" / "ibsi_codes.csv"
# Listed by pyradiomics, never computed by it.
NEVER = {
    "glcm_Dissimilarity",
    "glcm_Homogeneity1",
    "glcm_Homogeneity2",
    "glcm_SumVariance",
    "gldm_GrayLevelNonUniformityNormalized",
    "gldm_DependencePercentage",
}


def test_registry_and_pyradiomics_have_the_same_features() -> None:
    radiomics = pytest.importorskip("radiomics")
    theirs = {
        f"{family}_{name}": deprecated
        for family, cls in radiomics.getFeatureClasses().items()
        for name, deprecated in cls.getFeatureNames().items()
    }
    ours = {spec.pyradiomics_name: spec.deprecated for spec in FEATURES}
    assert set(theirs) - set(ours) == NEVER
    assert set(ours) - set(theirs) == set()
    assert ours == {name: theirs[name] for name in ours}


def test_107_features_and_nine_of_shape_in_the_plane() -> None:
    default = [s for s in FEATURES if not s.deprecated]
    counts = pd.Series([s.family for s in default]).value_counts().to_dict()
    assert counts == {
        "shape": 14,
        "shape2d": 9,
        "firstorder": 18,
        "glcm": 24,
        "glrlm": 16,
        "glszm": 16,
        "gldm": 14,
        "ngtdm": 5,
    }
    assert len([s for s in default if s.family != "shape2d"]) == 107


def _codes(path: Path, column: str) -> dict[str, str]:
    frame = pd.read_csv(path, dtype="str", keep_default_na=False)
    return dict(zip(frame["class"] + "_" + frame["feature"], frame[column], strict=True))


def test_ibsi_codes_equal_the_reference() -> None:
    reference = _codes(CODES, "value")
    ours = {
        s.pyradiomics_name: s.ibsi_code
        for s in FEATURES
        if not s.deprecated and s.family != "shape2d"
    }
    assert len(reference) == 107
    assert ours == reference


def test_codes_are_unique() -> None:
    codes = [s.ibsi_code for s in FEATURES if s.ibsi_code]
    assert len(set(codes)) == len(codes)


@pytest.mark.external
def test_reference_equals_the_shared_one(external_data: Path) -> None:
    shared = external_data.parent / "reference" / "ibsi_pyradiomics_107.csv"
    if not shared.is_file():
        pytest.skip(f"no {shared.name}")
    assert _codes(CODES, "value") == _codes(shared, "ibsi_code")
    notes = _codes(shared, "note")
    for name, note in notes.items():
        if note and not note.startswith("no IBSI"):
            assert FEATURES.from_pyradiomics(name).ibsi_note, name


def test_every_feature_is_described() -> None:
    units = {"1", "bit", "grey", "grey2", "grey2 mm3", "mm", "mm2", "mm3", "1/mm"}
    for spec in FEATURES:
        assert spec.unit in units, spec.key
        assert spec.formula, spec.key
        assert "doi 10." in spec.citation, spec.key
        assert spec.label == spec.label.lower() or spec.label[0].isdigit(), spec.key
        assert spec.applies == {"shape": "3d", "shape2d": "2d"}.get(spec.family, "both")
    labels = [(s.family, s.label) for s in FEATURES]
    assert len(set(labels)) == len(labels)


def test_labels_fit_stata() -> None:
    for image in ("original", "w12llh", "log10p25mm", "lbp3k"):
        for spec in FEATURES:
            label = column_label(parse_column(spec.column("ged4", image)))
            assert len(label.encode()) <= 80, label


def test_codebook() -> None:
    columns = [s.column("ged4", "wllh") for s in FEATURES if s.family == "glszm"]
    book = codebook_rows(columns)
    assert tuple(book.columns) == CODEBOOK_COLUMNS
    assert list(book["column"]) == columns
    assert (book[["label", "unit", "formula", "citation", "alias"]] != "").all().all()
    row = book.set_index("column").loc["ged4_wllh_glszm_zone_entropy"]
    assert row["pyradiomics_name"] == "wavelet-LLH_glszm_ZoneEntropy"
    assert row["ibsi_code"] == "GU8N"
    kurtosis = codebook_rows(["t1_original_firstorder_kurtosis"]).iloc[0]
    assert "3 larger than IBSI" in kurtosis["formula"]


def test_empty_codebook_keeps_its_columns() -> None:
    assert tuple(codebook_rows([]).columns) == CODEBOOK_COLUMNS
