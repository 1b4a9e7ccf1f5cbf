from __future__ import annotations

import json
import math
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage as ndi

from radiofib.slides.polygons import Polygon, trace_polygons
from radiofib.slides.qupath import Annotation, to_geojson, to_wkt

JTS = Path("/usr/share/java/jts-core.jar")


def annotations(mask: np.ndarray, **more: Any) -> list[Annotation]:
    return [
        Annotation(p, f"Tissue {i}", "Tissue", (0, 160, 60), {"Area mm2": 0.1 * i}, **more)
        for i, p in enumerate(trace_polygons(mask), start=1)
    ]


def check_qupath(text: str) -> dict[str, Any]:
    """Assert what QuPath 0.4 to 0.7 ask of a GeoJSON file; return it."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    document = json.loads(text, parse_constant=refuse)
    assert set(document) == {"type", "features"}
    assert document["type"] == "FeatureCollection"
    for feature in document["features"]:
        assert set(feature) == {"type", "id", "geometry", "properties"}
        assert feature["type"] == "Feature"
        assert str(uuid.UUID(feature["id"])) == feature["id"]
        geometry, properties = feature["geometry"], feature["properties"]
        assert geometry["type"] == "Polygon"
        for ring in geometry["coordinates"]:
            assert len(ring) >= 5
            assert ring[0] == ring[-1]
            assert all(len(point) == 2 and all(type(v) is int for v in point) for point in ring)
        required = {"objectType", "name", "classification", "measurements"}
        assert required <= set(properties) <= required | {"isLocked"}
        assert properties["objectType"] == "annotation"
        assert properties.get("isLocked", True) is True
        assert set(properties["classification"]) == {"name", "color"}
        color = properties["classification"]["color"]
        assert len(color) == 3
        assert all(type(v) is int and 0 <= v <= 255 for v in color)
        assert all(
            isinstance(v, float | int) or v in ("NaN", "Infinity", "-Infinity")
            for v in properties["measurements"].values()
        )
    ids = [feature["id"] for feature in document["features"]]
    assert len(set(ids)) == len(ids)
    return document


def test_geojson_keeps_qupaths_rules_and_all_the_area() -> None:
    mask = ndi.gaussian_filter(np.random.default_rng(0).random((80, 90)), 2) > 0.5
    document = check_qupath(to_geojson(annotations(mask), key="k"))
    area = 0
    for feature in document["features"]:
        rings = [np.array(ring) for ring in feature["geometry"]["coordinates"]]
        area += Polygon(rings[0], tuple(rings[1:])).area
    assert area == mask.sum()
    assert len(document["features"]) == ndi.label(mask)[1]


def test_ids_depend_on_the_key_alone_and_locked_is_written_only_when_true() -> None:
    mask = np.eye(3, dtype=bool)
    text = to_geojson(annotations(mask), key="k")
    assert text == to_geojson(annotations(mask), key="k")
    assert "isLocked" not in text
    other = check_qupath(to_geojson(annotations(mask, locked=True), key="other"))
    assert other["features"][0]["properties"]["isLocked"] is True
    assert other["features"][0]["id"] not in text


@pytest.mark.parametrize(
    ("value", "written"),
    [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (1.5, 1.5)],
)
def test_numbers_json_does_not_have_are_text(value: float, written: float | str) -> None:
    square = trace_polygons(np.ones((1, 1), dtype=bool))[0]
    text = to_geojson([Annotation(square, "a", "b", (1, 2, 3), {"x": value})], key="k")
    assert check_qupath(text)["features"][0]["properties"]["measurements"] == {"x": written}


def test_no_objects_are_an_empty_collection() -> None:
    assert check_qupath(to_geojson([], key="k"))["features"] == []


def jts_check(tools: Path, wkt: Path) -> dict[str, str]:
    """Run QuPath's reading step (JTS) over a WKT file; skip where Java or JTS is absent."""
    check = tools / "QuPathReadCheck.java"
    java = shutil.which("java")
    if java is None or not JTS.is_file() or not check.is_file():
        pytest.skip("needs java, libjts-java and QuPathReadCheck.java")
    command = [java, "-cp", str(JTS), str(check), str(wkt)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    line = result.stdout.splitlines()[0]
    return dict(part.split("=", 1) for part in line.split() if "=" in part)


def noisy_masks() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    masks = []
    for size, smooth, part in [(300, 0.0, 0.5), (300, 0.7, 0.5), (700, 2.0, 0.48), (200, 0.0, 0.8)]:
        noise = ndi.gaussian_filter(rng.random((size, size)), smooth)
        masks.append(noise < np.quantile(noise, part))
    return masks


#: Whole steps, and those of 1 and 2 um on slides of 0.2526, 0.3 and 0.499 um (and coarser ones).
STEPS = [16.0, 4.0, 1 / 0.2526, 2 / 0.2526, 1 / 0.3, 2.0, 2 / 0.499, 8 / 0.499, 1 / 1.7, 0.25]


@pytest.mark.clients
@pytest.mark.external
@pytest.mark.parametrize("step", STEPS)
def test_qupaths_reader_accepts_noisy_masks(
    step: float, external_data: Path, tmp_path: Path
) -> None:
    polygons = [p for mask in noisy_masks() for p in trace_polygons(mask)]
    wkt = tmp_path / "noisy.wkt"
    wkt.write_text(to_wkt([p.scaled(step, step) for p in polygons]))
    found = jts_check(external_data.parent / "tools", wkt)
    assert int(found["n"]) == len(polygons) > 5000
    assert (found["exceptions"], found["empty"]) == ("0", "0")
    assert float(found["areaRatio"]) == pytest.approx(1.0, abs=1e-9)
    if step < 1:  # cells finer than a pixel are not what anyone asks for; 1e-5 is exceeded there
        return
    pixels = sum(p.area for p in polygons) * step**2
    area = sum(p.scaled(step, step).area for p in polygons)
    assert area / pixels == pytest.approx(1.0, abs=1e-9 if step.is_integer() else 1e-5)
