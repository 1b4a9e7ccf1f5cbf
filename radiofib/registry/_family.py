"""One way to write down a family of features, and the works they come from."""

from __future__ import annotations

from typing import Literal, NamedTuple

from radiofib.registry.names import snake_case
from radiofib.registry.spec import FeatureSpec

__all__ = ["Row", "family"]

IBSI = "Zwanenburg et al., Radiology 2020;295:328-338, doi 10.1148/radiol.2020191145"
PYRADIOMICS = (
    "van Griethuysen et al., Cancer Res 2017;77:e104-e107, doi 10.1158/0008-5472.CAN-17-0339"
)
MESH = "Lorensen and Cline, SIGGRAPH Comput Graph 1987;21:163-169, doi 10.1145/37402.37422"
HARALICK = (
    "Haralick et al., IEEE Trans Syst Man Cybern 1973;3:610-621, doi 10.1109/TSMC.1973.4309314"
)
SOH = "Soh and Tsatsoulis, IEEE Trans Geosci Remote Sens 1999;37:780-795, doi 10.1109/36.752194"
CLAUSI = "Clausi, Can J Remote Sens 2002;28:45-62, doi 10.5589/m02-004"
GALLOWAY = "Galloway, Comput Graph Image Process 1975;4:172-179, doi 10.1016/S0146-664X(75)80008-6"
CHU = "Chu et al., Pattern Recognit Lett 1990;11:415-419, doi 10.1016/0167-8655(90)90112-F"
DASARATHY = (
    "Dasarathy and Holder, Pattern Recognit Lett 1991;12:497-502, doi 10.1016/0167-8655(91)80014-2"
)
THIBAULT = "Thibault et al., IEEE Trans Biomed Eng 2014;61:630-637, doi 10.1109/TBME.2013.2284600"
SUN = (
    "Sun and Wee, Comput Vis Graph Image Process 1983;23:341-352, doi 10.1016/0734-189X(83)90032-4"
)
AMADASUN = "Amadasun and King, IEEE Trans Syst Man Cybern 1989;19:1264-1274, doi 10.1109/21.44046"


class Row(NamedTuple):
    """One feature of a family; `scale` as in :class:`FeatureSpec`.

    Examples
    --------
    >>> Row("Mean", "Q4LE", "grey", "mean intensity", "sum(X) / N").ibsi
    'Q4LE'
    """

    name: str
    ibsi: str
    unit: str
    label: str
    formula: str
    citation: str = ""
    note: str = ""
    deprecated: bool = False
    scale: str = "1"


def family(
    pyradiomics_class: str,
    rows: tuple[Row, ...],
    *,
    citation: str,
    applies: Literal["2d", "3d", "both"] = "both",
) -> tuple[FeatureSpec, ...]:
    """Turn the rows of one pyradiomics class into specs, in the order given.

    Examples
    --------
    >>> [spec] = family("firstorder", (Row("Mean", "Q4LE", "grey", "mean intensity", "m"),),
    ...                 citation="IBSI")
    >>> spec.key, spec.pyradiomics_name
    ('firstorder_mean', 'firstorder_Mean')
    """
    return tuple(
        FeatureSpec(
            name=snake_case(row.name),
            family=pyradiomics_class.lower(),
            unit=row.unit,
            label=row.label,
            formula=row.formula,
            citation=row.citation or citation,
            ibsi_code=row.ibsi,
            pyradiomics_name=f"{pyradiomics_class}_{row.name}",
            applies=applies,
            ibsi_note=row.note,
            deprecated=row.deprecated,
            scale=row.scale,
        )
        for row in rows
    )
