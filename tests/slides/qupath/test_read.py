"""GeoJSON of QuPath 0.2 to 0.7 is understood; damage is refused with its place."""

from __future__ import annotations

import contextlib
import copy
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import SlideError
from radiofib.slides.qupath.read import parse_geojson, read_geojson

RING = [[0, 0], [4, 0], [4, 3], [0, 3], [0, 0]]
FEATURE: dict[str, Any] = {
    "type": "Feature",
    "id": "f79eab95-6f3f-4f9f-9a1b-6f7b3a2c1d10",
    "geometry": {"type": "Polygon", "coordinates": [RING]},
    "properties": {
        "objectType": "annotation",
        "name": "Portal tract 1",
        "classification": {"name": "Portal tract", "color": [213, 94, 0]},
        "isLocked": True,
        "measurements": {"Area um2": 12.0},
    },
}


def feature(**properties: Any) -> dict[str, Any]:
    made = copy.deepcopy(FEATURE)
    made["properties"] |= properties
    return made


def parse(document: Any) -> Any:
    return parse_geojson(json.dumps(document).encode(), "s.geojson")


@pytest.mark.parametrize(
    "document",
    [
        {"type": "FeatureCollection", "features": [FEATURE]},
        {
            "type": "FeatureCollection",
            "features": [FEATURE],
            "properties": {},
            "bbox": [0, 0, 4, 3],
        },
        FEATURE,
        [FEATURE],
    ],
)
def test_collections_lists_and_single_features(document: Any) -> None:
    [one] = parse(document)
    assert (one.number, one.kind, one.name) == (1, "annotation", "Portal tract 1")
    assert (one.classification, one.color) == ("Portal tract", (213, 94, 0))
    [[ring]] = one.parts
    np.testing.assert_array_equal(ring, RING)
    assert ring.dtype == np.float64
    assert one.where == "s.geojson, feature 1 ('Portal tract 1')"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf"])
def test_files_gzip_or_not_with_or_without_byte_order_mark(
    packed: bool, head: bytes, tmp_path: Path
) -> None:
    content = head + json.dumps([FEATURE, FEATURE]).encode()
    path = tmp_path / ("s.geojson.gz" if packed else "s.geojson")
    path.write_bytes(gzip.compress(content) if packed else content)
    assert [one.number for one in read_geojson(path)] == [1, 2]


@pytest.mark.parametrize(
    ("value", "label", "color"),
    [
        (None, None, None),
        ({}, None, None),
        ("Tumor", "Tumor", None),
        ({"name": "Tissue", "color": [0, 160, 60, 128]}, "Tissue", (0, 160, 60)),
        ({"names": ["Tumor", "Positive"], "color": [1, 2, 3]}, "Tumor: Positive", (1, 2, 3)),
        ({"name": "Tumor", "colorRGB": -3670016}, "Tumor", (200, 0, 0)),
        ({"name": "Tumor"}, "Tumor", None),
    ],
)
def test_classes_new_and_old(value: Any, label: str | None, color: Any) -> None:
    [one] = parse(feature(classification=value))
    assert (one.classification, one.color) == (label, color)


def test_polygons_with_holes_in_several_parts_and_floats() -> None:
    hole = [[1.25, 1], [2, 1], [2, 2.5], [1.25, 1]]
    made = feature()
    made["geometry"] = {"type": "MultiPolygon", "coordinates": [[RING, hole], [RING]]}
    [one] = parse(made)
    assert [len(part) for part in one.parts] == [2, 1]
    np.testing.assert_array_equal(one.parts[0][1], hole)
    made["geometry"] = {
        "type": "GeometryCollection",
        "geometries": [FEATURE["geometry"], {"type": "Point", "coordinates": [1, 2]}],
    }
    assert len(parse(made)[0].parts) == 1


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {},
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "LineString", "coordinates": [[1, 2], [3, 4]]},
        {"type": "Polygon", "coordinates": []},
    ],
)
def test_objects_without_area_are_let_pass(geometry: Any) -> None:
    [one] = parse(FEATURE | {"geometry": geometry})
    assert one.parts == ()


def test_kinds_of_old_and_new_and_children_behind_their_parent() -> None:
    old = {k: v for k, v in FEATURE.items() if k != "properties"} | {"id": "PathDetectionObject"}
    assert parse(old)[0].kind == "detection"
    assert parse(feature() | {"properties": {"object_type": "tile"}})[0].kind == "tile"
    nested = feature(childObjects=[feature(objectType="detection", childObjects=[FEATURE])])
    found = parse([nested, FEATURE])
    assert [one.kind for one in found] == ["annotation", "detection", "annotation", "annotation"]
    assert [one.number for one in found] == [1, 2, 3, 4]
    assert [one.where.split(" (")[0] for one in found] == [
        "s.geojson, feature 1",
        "s.geojson, feature 1, child 1",
        "s.geojson, feature 1, child 1, child 1",
        "s.geojson, feature 2",
    ]


def test_bare_nan_of_qupath_0_4_is_let_pass() -> None:
    text = json.dumps(feature(measurements={"Length mm": float("nan")}))
    assert "NaN" in text
    assert len(parse_geojson(text.encode(), "s.geojson")) == 1


def broken(*way: Any, value: Any) -> Any:
    """Return two features of which the second has one value replaced."""
    made: Any = [FEATURE, copy.deepcopy(FEATURE)]
    part = made[1]
    for step in way[:-1]:
        part = part[step]
    part[way[-1]] = value
    return made


RINGS = ("geometry", "coordinates")
DAMAGE = [
    (broken("type", value="Polygon"), "not a feature"),
    (broken("properties", value=[1]), "properties are not an object"),
    (broken("properties", "classification", value={"color": [1, 2, 3]}), "class has no name"),
    (broken("properties", "classification", value=7), "class has no name"),
    (broken("properties", "classification", "color", value=[1, 2]), "colour of the class"),
    (broken("properties", "classification", "color", value=[1, 2, 999]), "colour of the class"),
    (broken("geometry", value="Polygon"), "geometry is not an object"),
    (broken("geometry", "type", value="Circle"), "unknown geometry.*found 'Circle'"),
    (broken("geometry", "type", value="MultiPolygon"), "point is damaged"),
    (broken(*RINGS, value={"x": 1}), "no list of rings"),
    (broken(*RINGS, 0, value=3), "no list of points"),
    (broken(*RINGS, 0, value=RING[:-1]), "ring is not closed"),
    (broken(*RINGS, 0, value=[[0, 0], [1, 1], [0, 0]]), "ring is not closed.*found 3 points"),
    (broken(*RINGS, 0, 1, value=[4]), "point is damaged.*found \\[4\\]"),
    (broken(*RINGS, 0, 1, value=[4, None]), "point is damaged"),
    (broken(*RINGS, 0, 1, value=[4, "0"]), "point is damaged"),
    (broken(*RINGS, 0, 1, value=[True, 0]), "point is damaged"),
    (broken(*RINGS, 0, 1, value=[4, float("nan")]), "point is damaged"),
    (broken(*RINGS, 0, 1, value=[1e300, 0]), "point is damaged"),
    (broken(*RINGS, 0, 1, value=[10**400, 0]), "point is damaged"),
]


@pytest.mark.parametrize(("document", "message"), DAMAGE)
def test_damage_is_refused_with_file_and_feature(document: Any, message: str) -> None:
    with pytest.raises(SlideError, match=rf"^s\.geojson, feature 2.*{message}"):
        parse(document)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not GeoJSON, or truncated.*line 1"),
        (json.dumps(FEATURE).encode()[:-9], "not GeoJSON, or truncated"),
        (b"\x89PNG\r\n", "not GeoJSON, or truncated"),
        (gzip.compress(json.dumps(FEATURE).encode())[:-12], "compressed file is truncated"),
        (b"[" * 100_000, "not GeoJSON, or truncated"),
        (b"{}", "expected a FeatureCollection"),
        (b"7", "expected a FeatureCollection"),
        (b'{"type":"FeatureCollection"}', "no list of features"),
    ],
)
def test_files_that_are_no_geojson_are_refused_with_their_name(
    content: bytes, message: str
) -> None:
    with pytest.raises(SlideError, match=rf"^s\.geojson: .*{message}"):
        parse_geojson(content, "s.geojson")


def test_a_folder_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SlideError, match="no such file"):
        read_geojson(tmp_path / "absent.geojson")
    with pytest.raises(SlideError, match="cannot be read"):
        read_geojson(tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_one_value_becomes_the_answer_is_objects_or_a_slide_error(
    data: st.DataObject,
) -> None:
    document: Any = copy.deepcopy([FEATURE, feature(childObjects=[FEATURE])])
    part, way = document, []
    while isinstance(part, dict | list) and part:
        keys = list(part) if isinstance(part, dict) else range(len(part))
        way.append(data.draw(st.sampled_from(list(keys))))
        if data.draw(st.integers(0, 3)) == 0:
            break
        part = part[way[-1]]
    part = document
    for step in way[:-1]:
        part = part[step]
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    part[way[-1]] = data.draw(
        st.recursive(plain, lambda v: st.lists(v) | st.dictionaries(st.text(), v))
    )
    with contextlib.suppress(SlideError):
        assert all(one.where.startswith("s.geojson") for one in parse(document))
