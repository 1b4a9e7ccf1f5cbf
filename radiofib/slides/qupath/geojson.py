"""Annotations as QuPath reads them (GeoJSON, 0.4 to 0.7), and as WKT lines for other readers."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from radiofib.slides.polygons import Polygon, Ring

__all__ = ["Annotation", "to_geojson", "to_wkt"]

#: Namespace of the deterministic object ids (uuid5).
_NAMESPACE = uuid.UUID("6d1f2c0e-6f0b-5c0a-9a55-7a6f1b0c9d21")


@dataclass(frozen=True, eq=False)
class Annotation:
    """One object for QuPath.

    Parameters
    ----------
    polygon : Polygon
        In level-0 pixels from the corner of the scanned area.
    name : str
        Shown in QuPath's object list.
    classification : str
        Class name.
    color : tuple of int
        Red, green, blue of the class; QuPath refuses a class without it.
    measurements : mapping
        Name -> number. What is not finite is left out: QuPath shows a missing measurement as
        NaN, and its versions before 0.5 refuse a whole file in which NaN stands as text.
    locked : bool
        Whether QuPath should guard it against editing.
    """

    polygon: Polygon
    name: str
    classification: str
    color: tuple[int, int, int]
    measurements: Mapping[str, float] = field(default_factory=dict)
    locked: bool = False


def to_geojson(annotations: Iterable[Annotation], *, key: str) -> str:
    """Write annotations as a GeoJSON FeatureCollection.

    Parameters
    ----------
    annotations : iterable of Annotation
        In the order wanted in the file.
    key : str
        Identifies slide and method; object ids are the UUID 5 of key and position, so that equal
        input gives equal bytes.

    Returns
    -------
    str
        One line per object.

    Examples
    --------
    >>> import numpy as np
    >>> square = Polygon(np.array([[0, 0], [16, 0], [16, 16], [0, 16], [0, 0]]))
    >>> note = Annotation(square, "Tissue 1", "Tissue", (0, 128, 0), {"Length mm": 12.5})
    >>> feature = json.loads(to_geojson([note], key="k"))["features"][0]
    >>> feature["geometry"]["coordinates"], feature["properties"]["measurements"]
    ([[[0, 0], [16, 0], [16, 16], [0, 16], [0, 0]]], {'Length mm': 12.5})
    """
    lines = [
        json.dumps(_feature(annotation, key, i), separators=(",", ":"), allow_nan=False)
        for i, annotation in enumerate(annotations)
    ]
    body = ",\n".join(lines)
    return f'{{"type":"FeatureCollection","features":[\n{body}\n]}}\n'


def _feature(annotation: Annotation, key: str, position: int) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "objectType": "annotation",
        "name": annotation.name,
        "classification": {"name": annotation.classification, "color": list(annotation.color)},
        "measurements": {k: v for k, v in annotation.measurements.items() if math.isfinite(v)},
    }
    if annotation.locked:
        properties["isLocked"] = True
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_NAMESPACE, f"{key}/{position}")),
        "geometry": {
            "type": "Polygon",
            "coordinates": [_points(ring) for ring in annotation.polygon.rings],
        },
        "properties": properties,
    }


def to_wkt(polygons: Sequence[Polygon]) -> str:
    r"""Write polygons as well-known text, one a line.

    Examples
    --------
    >>> import numpy as np
    >>> to_wkt([Polygon(np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]))])
    'POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))\n'
    """
    return "".join(f"POLYGON ({', '.join(map(_ring, p.rings))})\n" for p in polygons)


def _points(ring: Ring) -> list[list[int | float]]:
    """Return x, y as plain numbers: whole ones without a decimal point, others with two digits."""
    if ring.dtype.kind == "i":
        whole: list[list[int | float]] = ring.tolist()
        return whole
    return [[int(v) if v.is_integer() else round(v, 2) for v in point] for point in ring.tolist()]


def _ring(ring: Ring) -> str:
    return f"({', '.join(f'{x} {y}' for x, y in _points(ring))})"
