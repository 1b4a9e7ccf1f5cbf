"""What QuPath 0.4 to 0.7 read from a GeoJSON file, as JSON schemas, and what radiofib writes.

Read off QuPath's own readers at the tags v0.4.4, v0.5.1, v0.6.0 and v0.7.0: classes
``QuPathTypeAdapters``, ``ROITypeAdapters`` and ``GsonTools`` of ``qupath-core``. Where they differ:

* 0.4 casts every measurement to a number, so that a text ("NaN") ends the whole import
  (qupath#1293); from 0.5 on, texts that Java reads as numbers are taken.
* from 0.6 on, coordinates are moved to a grid of 0.01 pixels, and what is then invalid is refused
  (checked with JTS itself in test_qupath).
"""

from __future__ import annotations

import json
import re
from typing import Any

from jsonschema import Draft202012Validator

VERSIONS = ("0.4", "0.5", "0.6", "0.7")

_POSITION = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3}
_RING = {"type": "array", "items": _POSITION, "minItems": 4}
_POLYGON = {"type": "array", "items": _RING, "minItems": 1}
_BYTE = {"type": "integer", "minimum": 0, "maximum": 255}
_COLOR = {"type": "array", "items": _BYTE, "minItems": 3, "maxItems": 4}


def _geometry(kind: str, coordinates: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"type": {"const": kind}, "coordinates": coordinates},
        "required": ["type", "coordinates"],
    }


def _classification() -> dict[str, Any]:
    named = {"properties": {"name": {"type": "string"}, "color": _COLOR}}
    nested = {"properties": {"names": {"type": "array", "items": {"type": "string"}}}}
    return {
        "anyOf": [
            {"type": ["null", "string"]},
            {"type": "object", **named, "required": ["name", "color"]},
            {"type": "object", **nested, "required": ["names", "color"]},
            # As before 0.4.
            {
                "type": "object",
                "properties": {"colorRGB": {"type": "integer"}},
                "required": ["colorRGB"],
            },
            {"type": "object", "maxProperties": 0},
        ]
    }


def reads(version: str) -> dict[str, Any]:
    """Return the schema of a feature collection that a version of QuPath reads."""
    number: dict[str, Any] = {"type": "number"}
    if version != "0.4":
        text = {"type": "string", "pattern": r"^([+-]?(NaN|Infinity|inf|[0-9.]+([eE][+-]?\d+)?))$"}
        number = {"anyOf": [number, text]}
    pair = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "value": {"type": "number"}},
        "required": ["name", "value"],
    }
    properties = {
        # A null name or type ends the import; null is not the same as nothing.
        "name": {"type": "string"},
        "objectType": {"type": "string"},
        "color": {"anyOf": [{"type": "integer"}, _COLOR]},
        "classification": _classification(),
        "isLocked": {"type": "boolean"},
        "measurements": {
            "anyOf": [
                {"type": "object", "additionalProperties": number},
                {"type": "array", "items": pair},
            ]
        },
    }
    feature = {
        "type": "object",
        "properties": {
            "type": {"const": "Feature"},
            "id": {"type": "string"},
            "geometry": {
                "anyOf": [
                    _geometry("Polygon", _POLYGON),
                    _geometry("MultiPolygon", {"type": "array", "items": _POLYGON}),
                    _geometry("Point", _POSITION),
                    _geometry("LineString", {"type": "array", "items": _POSITION, "minItems": 2}),
                ]
            },
            "properties": {"type": "object", "properties": properties},
        },
        "required": ["type", "geometry"],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "type": {"const": "FeatureCollection"},
            "features": {"type": "array", "items": feature},
        },
        "required": ["type", "features"],
    }


def writes() -> dict[str, Any]:
    """Return the schema of what radiofib writes: one form of each part, and nothing besides."""
    name_and_color = {
        "name": {"type": "string", "minLength": 1},
        "color": {**_COLOR, "maxItems": 3},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "type": {"const": "FeatureCollection"},
            "features": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "type": {"const": "Feature"},
                        "id": {"type": "string", "format": "uuid"},
                        "geometry": {
                            **_geometry("Polygon", _POLYGON),
                            "additionalProperties": False,
                        },
                        "properties": {
                            "type": "object",
                            "properties": {
                                "objectType": {"const": "annotation"},
                                "name": {"type": "string"},
                                "classification": {
                                    "type": "object",
                                    "properties": name_and_color,
                                    "required": ["name", "color"],
                                    "additionalProperties": False,
                                },
                                "isLocked": {"const": True},
                                "measurements": {
                                    "type": "object",
                                    "additionalProperties": {"type": "number"},
                                },
                            },
                            "required": ["objectType", "name", "classification", "measurements"],
                            "additionalProperties": False,
                        },
                    },
                    "required": ["type", "id", "geometry", "properties"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["type", "features"],
        "additionalProperties": False,
    }


def problems(document: Any, schema: dict[str, Any]) -> list[str]:
    """Return where a document breaks a schema."""
    checker = Draft202012Validator.FORMAT_CHECKER
    found = Draft202012Validator(schema, format_checker=checker).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in found]


def check_qupath(text: str) -> dict[str, Any]:
    """Assert that a file is as QuPath 0.4 to 0.7 ask; return it."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    document: dict[str, Any] = json.loads(text, parse_constant=refuse)
    for schema in (writes(), *(reads(version) for version in VERSIONS)):
        assert problems(document, schema) == []
    for feature in document["features"]:
        for ring in feature["geometry"]["coordinates"]:
            assert len(ring) >= 5
            assert ring[0] == ring[-1]
            assert all(v == round(v, 2) for point in ring for v in point)
    ids = [feature["id"] for feature in document["features"]]
    assert len(set(ids)) == len(ids)
    # Whole numbers without a point, others with at most two digits: no 33.300000000000004.
    assert re.search(r"\d\.\d{3,}[\],]", re.sub(r'"measurements":\{[^}]*\}', "", text)) is None
    return document
