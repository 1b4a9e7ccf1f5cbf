"""IBSI 1: every consensus value of the texture families, digital phantom and CT phantom."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiofib.features.ibsi import TEXTURE_FAMILIES, IbsiTexture
from tests.features.ibsi import phantoms
from tests.features.ibsi.phantoms import Phantom, Reference

pytestmark = pytest.mark.external


def measured(phantom: Phantom, aggregations: tuple[str, ...]) -> dict[str, float]:
    found = IbsiTexture(phantom.levels, phantom.n_levels, phantom.mask)
    out = {}
    for family, all_hows in TEXTURE_FAMILIES.items():
        for how in all_hows:
            if how.startswith(aggregations):
                values, reasons = found.compute(family, how)
                assert not reasons
                out.update({f"{family}_{name}_{how}": value for name, value in values.items()})
    return out


def assert_conforms(ours: dict[str, float], rows: dict[str, Reference]) -> None:
    assert ours.keys() == rows.keys()
    off = [
        f"{tag}: {ours[tag]:.6g}, reference {row.value} within {row.tolerance}"
        for tag, row in rows.items()
        if not row.holds(ours[tag])
    ]
    assert not off, "\n".join(off)


def test_digital_phantom(external_data: Path) -> None:
    rows, blank = phantoms.references(external_data, "dig_phantom")
    assert blank == []
    assert len(rows) == 408
    assert_conforms(measured(phantoms.digital(external_data), ("2d", "2_5d", "3d")), rows)


@pytest.mark.parametrize(
    ("configuration", "aggregations", "n_rows"),
    [
        ("a", ("2d", "2_5d"), 272),
        ("b", ("2d", "2_5d"), 272),
        ("c", ("3d",), 136),
        ("d", ("3d",), 136),
    ],
)
def test_ct_phantom(
    external_data: Path, configuration: str, aggregations: tuple[str, ...], n_rows: int
) -> None:
    rows, blank = phantoms.references(external_data, f"chest_config_{configuration}")
    assert blank == []
    assert len(rows) == n_rows
    assert_conforms(measured(phantoms.chest(external_data, configuration), aggregations), rows)


def test_the_rule_of_three_digits_can_fail() -> None:
    assert Reference(0.0676, 0).holds(0.06764)
    assert not Reference(0.0676, 0).holds(0.06766)
    assert Reference(1490, 0).holds(1494)
    assert not Reference(1490, 0).holds(1496)
    assert not Reference(0, 0).holds(1e-12)
    assert not Reference(5.0, 0.1).holds(5.11)
