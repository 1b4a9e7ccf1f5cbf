"""Objects that someone drew or corrected in QuPath, read back from GeoJSON.

Versions 0.2 to 0.7 are understood: feature collections, single features, plain lists and bare
geometries, gzip or not, classes as text, with ``color`` or with the old ``colorRGB``. What is
damaged is refused with file and number of the feature, never guessed at.
"""

from __future__ import annotations

import gzip
import itertools
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import SlideError

__all__ = ["Drawn", "parse_geojson", "read_geojson"]

Points = NDArray[np.float64]

_GZIP = b"\x1f\x8b"
#: Longest side of any slide in pixels, with room to spare; larger numbers are damage.
_FARTHEST = 1e8
#: Geometries without an area: they are let pass and measured by nobody.
_THIN = ("Point", "MultiPoint", "LineString", "MultiLineString")
_COLLECTIONS = ("Polygon", "MultiPolygon", "GeometryCollection", *_THIN)


@dataclass(frozen=True, eq=False)
class Drawn:
    """One object of a QuPath file.

    Parameters
    ----------
    number : int
        Its number among the objects of the file, children counted too, from 1.
    kind : str
        ``annotation``, ``detection``, ``cell``, ``tile`` ...
    classification : str, optional
        Name of its class; None where it has none.
    color : tuple of int, optional
        Red, green, blue of the class.
    name : str
        Its own name; often empty.
    parts : tuple of tuple of ndarray
        Polygons, each a closed ring of x, y in level-0 pixels and the rings of its holes. None
        for points and lines.
    where : str
        File, number and name, for messages.
    measured : frozenset of str
        Names of its measurements.
    """

    number: int
    kind: str
    classification: str | None
    color: tuple[int, int, int] | None
    name: str
    parts: tuple[tuple[Points, ...], ...]
    where: str
    measured: frozenset[str] = frozenset()


def read_geojson(path: str | Path) -> tuple[Drawn, ...]:
    """Read the objects of a QuPath GeoJSON file, gzip or not.

    Parameters
    ----------
    path : path
        ``.geojson``, ``.json``, each with or without ``.gz``.

    Returns
    -------
    tuple of Drawn
        In the order of the file; children follow their parent.

    Raises
    ------
    SlideError
        When the file is missing, not GeoJSON, or a feature is damaged.

    Examples
    --------
    >>> read_geojson("no-such.geojson")
    Traceback (most recent call last):
    radiofib.errors.SlideError: no-such.geojson: no such file. Next: check the path.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SlideError("no such file", where=path.name, hint="check the path") from error
    except OSError as error:
        raise SlideError("cannot be read", where=path.name, found=error.strerror) from error
    return parse_geojson(content, path.name)


def parse_geojson(content: bytes, where: str) -> tuple[Drawn, ...]:
    """Read the objects of a QuPath GeoJSON document.

    Parameters
    ----------
    content : bytes
        UTF-8 text, gzip or not.
    where : str
        Name of the file, for messages.

    Raises
    ------
    SlideError
        As :func:`read_geojson`.

    Examples
    --------
    >>> square = '{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,3],[0,3],[0,0]]]}'
    >>> text = '{"type":"Feature","geometry":%s,"properties":{"classification":"Tissue"}}'
    >>> [found] = parse_geojson((text % square).encode(), "s.geojson")
    >>> found.classification, found.kind, found.parts[0][0].shape
    ('Tissue', 'annotation', (5, 2))
    """
    running = itertools.count(1)
    features = enumerate(_features(_document(content, where), where), start=1)
    return tuple(
        one
        for number, feature in features
        for one in _drawn(feature, f"{where}, feature {number}", running)
    )


def _document(content: bytes, where: str) -> Any:
    try:
        if content[:2] == _GZIP:
            content = gzip.decompress(content)
        return json.loads(content.decode("utf-8-sig"))
    except (OSError, EOFError, zlib.error) as error:
        raise SlideError(
            "the compressed file is truncated or damaged", where=where, hint="export it again"
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        line = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else None
        raise SlideError(
            "not GeoJSON, or truncated",
            where=where,
            expected="JSON text in UTF-8",
            found=f"damage in {line}" if line else type(error).__name__,
            hint="export it again from QuPath",
        ) from error


def _features(document: Any, where: str) -> list[Any]:
    if isinstance(document, list):
        return document
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "FeatureCollection":
        features = document.get("features")
        if isinstance(features, list):
            return features
        raise SlideError("the collection has no list of features", where=where)
    if kind == "Feature":
        return [document]
    if kind in _COLLECTIONS:
        return [{"type": "Feature", "geometry": document}]
    raise SlideError(
        "not GeoJSON",
        where=where,
        expected="a FeatureCollection, a Feature or a list of them",
        found=f"type {kind!r}" if kind else type(document).__name__,
    )


def _drawn(feature: Any, place: str, running: Iterator[int]) -> Iterator[Drawn]:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        found = feature.get("type") if isinstance(feature, dict) else type(feature).__name__
        raise SlideError("not a feature", where=place, expected="type 'Feature'", found=repr(found))
    properties = feature.get("properties")
    if properties is None:
        properties = {}
    if not isinstance(properties, dict):
        raise SlideError("properties are not an object", where=place, found=repr(properties)[:40])
    name = properties.get("name")
    name = name if isinstance(name, str) else ""
    own = place
    if name:
        place += f" ({name!r})"
    label, color = _classification(properties.get("classification"), place)
    yield Drawn(
        next(running),
        _kind(feature, properties),
        label,
        color,
        name,
        tuple(_parts(feature.get("geometry"), place)),
        place,
        _measured(properties.get("measurements")),
    )
    children = properties.get("childObjects", properties.get("children", []))
    if isinstance(children, list):
        for number, child in enumerate(children, start=1):
            yield from _drawn(child, f"{own}, child {number}", running)


def _kind(feature: dict[str, Any], properties: dict[str, Any]) -> str:
    for key in ("objectType", "object_type", "type"):
        if isinstance(properties.get(key), str):
            return str(properties[key])
    # QuPath 0.2 kept the kind in the id: PathAnnotationObject, PathDetectionObject ...
    old = feature.get("id")
    if isinstance(old, str) and old.startswith("Path") and old.endswith("Object"):
        return old.removeprefix("Path").removesuffix("Object").lower()
    return "annotation"


def _classification(value: Any, place: str) -> tuple[str | None, tuple[int, int, int] | None]:
    if value is None or value == {}:
        return None, None
    if isinstance(value, str):
        return value, None
    if isinstance(value, dict):
        name, names = value.get("name"), value.get("names")
        if isinstance(name, str):
            return name, _color(value, place)
        if isinstance(names, list) and names and all(isinstance(n, str) for n in names):
            return ": ".join(names), _color(value, place)
    raise SlideError(
        "the class has no name",
        where=place,
        expected="classification {name, color}",
        found=repr(value)[:60],
    )


def _measured(value: Any) -> frozenset[str]:
    """Return the names of measurements: a dict, or in QuPath 0.2 and 0.3 a list."""
    if isinstance(value, list):
        value = {one.get("name"): one for one in value if isinstance(one, dict)}
    return (
        frozenset(k for k in value if isinstance(k, str))
        if isinstance(value, dict)
        else frozenset()
    )


def _color(value: dict[str, Any], place: str) -> tuple[int, int, int] | None:
    packed, color = value.get("colorRGB"), value.get("color")
    if isinstance(packed, int) and not isinstance(packed, bool):
        return (packed >> 16) & 255, (packed >> 8) & 255, packed & 255
    if color is None:
        return None
    bytes_only = isinstance(color, list) and all(_is_whole(c) and 0 <= c <= 255 for c in color)
    if not bytes_only or len(color) not in (3, 4):
        raise SlideError(
            "the colour of the class is damaged",
            where=place,
            expected="three numbers from 0 to 255",
            found=repr(color)[:60],
        )
    return color[0], color[1], color[2]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _parts(geometry: Any, place: str) -> Iterator[tuple[Points, ...]]:
    if geometry is None or geometry == {}:
        return
    if not isinstance(geometry, dict):
        raise SlideError("the geometry is not an object", where=place)
    kind = geometry.get("type")
    if kind in _THIN:
        return
    if kind == "GeometryCollection":
        for one in _list(geometry.get("geometries"), "geometries", place):
            yield from _parts(one, place)
        return
    coordinates = geometry.get("coordinates")
    if kind == "Polygon":
        yield from _polygon(coordinates, place)
    elif kind == "MultiPolygon":
        for one in _list(coordinates, "polygons", place):
            yield from _polygon(one, place)
    else:
        raise SlideError(
            "unknown geometry",
            where=place,
            expected="Polygon or MultiPolygon",
            found=repr(kind),
        )


def _list(value: Any, what: str, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise SlideError(f"no list of {what}", where=place, found=type(value).__name__)
    return value


def _polygon(coordinates: Any, place: str) -> Iterator[tuple[Points, ...]]:
    rings = _list(coordinates, "rings", place)
    if rings:  # an empty polygon has no area, and QuPath writes it as such
        yield tuple(_ring(ring, place) for ring in rings)


def _ring(ring: Any, place: str) -> Points:
    points = [_point(p, place) for p in _list(ring, "points", place)]
    if len(points) < 4 or points[0] != points[-1]:
        raise SlideError(
            "a ring is not closed",
            where=place,
            expected="four points or more, the last the same as the first",
            found=f"{len(points)} points",
            hint="export it again, or delete the object in QuPath",
        )
    return np.array(points, dtype=np.float64)


def _point(point: Any, place: str) -> tuple[float, float]:
    pair = point[:2] if isinstance(point, list) else []
    if len(pair) == 2 and all(isinstance(v, int | float) for v in pair):
        x, y = pair
        bad = isinstance(x, bool) or isinstance(y, bool)
        if not bad and all(abs(v) <= _FARTHEST for v in pair):  # NaN is not
            return float(x), float(y)
    raise SlideError(
        "a point is damaged",
        where=place,
        expected="two numbers: x and y in pixels",
        found=repr(point)[:40],
    )
