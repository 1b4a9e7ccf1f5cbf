"""The documentation page of features says what the registry says."""

from __future__ import annotations

from radiofib.registry import FEATURES, FUNCTIONAL_FEATURES, IBSI_FEATURES
from radiofib.registry.page import PAGE, feature_page


def test_the_page_in_the_tree_is_the_page_of_the_registry() -> None:
    assert PAGE.read_text(encoding="utf-8") == feature_page(), (
        "run python -m radiofib.registry.page"
    )


def test_every_feature_is_on_the_page() -> None:
    lines = feature_page().splitlines()
    for spec in (*FEATURES, *IBSI_FEATURES, *FUNCTIONAL_FEATURES):
        name = spec.key.removesuffix(f"_{spec.aggregation}") if spec.aggregation else spec.key
        if spec.deprecated:
            assert any(f"`{name}`" in line for line in lines)
            continue
        [row] = [line for line in lines if line.startswith(f"| `{name}` |")]
        cells = [cell.strip() for cell in row.replace("\\|", "").split("|")[1:-1]]
        assert len(cells) == 7
        assert cells[2] == spec.unit
        assert cells[3] == (spec.ibsi_code or "-")
        assert all(cells)
