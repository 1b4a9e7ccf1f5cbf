"""One way to write down a family of IBSI features, once for each aggregation."""

from __future__ import annotations

from typing import Literal, NamedTuple

from radiofib.registry._family import IBSI
from radiofib.registry.spec import FeatureSpec

__all__ = ["AGGREGATIONS", "IbsiRow", "ibsi_family"]

#: How values of directions and slices become one: label and IBSI code.
AGGREGATIONS = {
    "2d_avg": ("2-D, directions averaged", "BTW3"),
    "2d_comb": ("2-D, merged by slice", "SUJT"),
    "2_5d_avg": ("2.5-D, merged by direction", "JJUI"),
    "2_5d_comb": ("2.5-D, merged", "ZW7Z"),
    "3d_avg": ("3-D, directions averaged", "ITBB"),
    "3d_comb": ("3-D, merged", "IAZD"),
    "2d": ("2-D, slices averaged", "8QNN"),
    "2_5d": ("2.5-D, slices merged", "62GR"),
    "3d": ("3-D", "KOBO"),
}
#: Pairs and runs have directions; zones, tone differences and dependences have none.
Directions = Literal["directed", "undirected", "none"]
_CHOICES: dict[str, tuple[str, ...]] = {
    "directed": ("2d_avg", "2d_comb", "2_5d_avg", "2_5d_comb", "3d_avg", "3d_comb"),
    "undirected": ("2d", "2_5d", "3d"),
    "none": ("",),
}


class IbsiRow(NamedTuple):
    """One feature under its IBSI tag.

    Examples
    --------
    >>> IbsiRow("mean", "Q4LE", "grey", "mean", "sum(X) / N", scale="grey").ibsi
    'Q4LE'
    """

    name: str
    ibsi: str
    unit: str
    label: str
    formula: str
    citation: str = ""
    scale: str = "1"
    applies: Literal["2d", "3d", "both"] = "both"


def ibsi_family(
    tag: str, rows: tuple[IbsiRow, ...], *, kind: Directions = "none", citation: str = IBSI
) -> tuple[FeatureSpec, ...]:
    """Turn the rows of one IBSI family into specs: aggregations outside, rows inside.

    Parameters
    ----------
    tag : str
        IBSI's tag of the family (``morph, loc, stat, ih, ivh, cm, rlm, szm, dzm, ngt, ngl``).
    rows : tuple of IbsiRow
        Features under the names of IBSI's tags (``joint_max``).
    kind : {"directed", "undirected", "none"}
        Which aggregations the family has.
    citation : str
        Source of rows that name none.

    Examples
    --------
    >>> row = IbsiRow("joint_max", "GYBY", "1", "joint maximum", "max(p)")
    >>> [spec.key for spec in ibsi_family("cm", (row,), kind="directed")][-2:]
    ['cm_joint_max_3d_avg', 'cm_joint_max_3d_comb']
    """
    return tuple(
        FeatureSpec(
            name=f"{row.name}_{how}" if how else row.name,
            family=tag,
            unit=row.unit,
            label=f"{row.label} ({how.replace('_', '.', 1) if how[1:2] == '_' else how})"
            if how
            else row.label,
            formula=row.formula,
            citation=row.citation or citation,
            ibsi_code=row.ibsi,
            applies="3d" if how.startswith(("3d", "2_5d")) else row.applies,
            scale=row.scale,
            aggregation=how,
        )
        for how in _CHOICES[kind]
        for row in rows
    )
