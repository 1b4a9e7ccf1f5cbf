from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
from PIL import Image
from scipy import ndimage as ndi

from radiofib.slides import measure_slide
from radiofib.slides.polygons import Polygon, trace_polygons
from radiofib.slides.qupath.geojson import Annotation, to_geojson, to_wkt
from radiofib.slides.reader import Slide
from tests.slides import made
from tests.slides.qupath_rules import VERSIONS, check_qupath, problems, reads, writes

JTS = Path("/usr/share/java/jts-core.jar")


def annotations(mask: np.ndarray, **more: Any) -> list[Annotation]:
    return [
        Annotation(p, f"Tissue {i}", "Tissue", (0, 160, 60), {"Area mm2": 0.1 * i}, **more)
        for i, p in enumerate(trace_polygons(mask), start=1)
    ]


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


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_json_does_not_have_are_left_out(value: float) -> None:
    square = trace_polygons(np.ones((1, 1), dtype=bool))[0]
    note = Annotation(square, "a", "b", (1, 2, 3), {"x": value, "y": 1.5})
    document = check_qupath(to_geojson([note], key="k"))
    assert document["features"][0]["properties"]["measurements"] == {"y": 1.5}


BAD_FOR_QUPATH: list[tuple[str, Any, tuple[str, ...]]] = [
    # Path of what is put in, what is put in, versions that refuse it.
    ("properties.classification", {"name": "Tissue"}, VERSIONS),
    ("properties.classification.color", [0, 160], VERSIONS),
    ("properties.name", None, VERSIONS),
    ("properties.isLocked", "yes", VERSIONS),
    ("properties.measurements", {"Area mm2": "NaN"}, ("0.4",)),
    ("properties.measurements", {"Area mm2": "wide"}, VERSIONS),
    ("properties.measurements", {"Area mm2": None}, VERSIONS),
    ("geometry.coordinates", [[[0, 0], [1, 1], [0, 0]]], VERSIONS),
    ("geometry.type", "Ring", VERSIONS),
    ("type", "feature", VERSIONS),
    ("properties.classification", "Tissue", ()),
    ("properties.classification", {"name": "Tissue", "colorRGB": -16711936}, ()),
    ("properties.measurements", [{"name": "Area mm2", "value": 1.5}], ()),
]


@pytest.mark.parametrize(("place", "value", "refusing"), BAD_FOR_QUPATH)
def test_rules_find_what_each_version_refuses_and_ours_are_stricter(
    place: str, value: Any, refusing: tuple[str, ...]
) -> None:
    document = json.loads(to_geojson(annotations(np.ones((2, 2), dtype=bool)), key="k"))
    *way, last = place.split(".")
    part = document["features"][0]
    for name in way:
        part = part[name]
    part[last] = value
    assert tuple(v for v in VERSIONS if problems(document, reads(v))) == refusing
    assert problems(document, writes())


def test_outlines_are_counted_from_the_corner_of_the_scanned_area() -> None:
    pixels, _ = made.biopsy(um=8.0, length_um=1500.0)
    height, width = pixels.shape[:2]
    wide = np.full((height + 90, width + 70, 3), 243, np.uint8)
    wide[50 : 50 + height, 30 : 30 + width] = pixels

    class Bounded(openslide.ImageSlide):
        properties = {  # noqa: RUF012
            "openslide.bounds-x": "30",
            "openslide.bounds-y": "50",
            "openslide.bounds-width": str(width),
            "openslide.bounds-height": str(height),
        }

    texts = []
    for source in (openslide.ImageSlide(Image.fromarray(pixels)), Bounded(Image.fromarray(wide))):
        slide = Slide(source, Path("s.mrxs"), (8.0, 8.0), "given")
        texts.append(to_geojson(measure_slide(slide).annotations, key="k"))
    assert check_qupath(texts[0])["features"]
    assert texts[0] == texts[1]


def test_no_objects_are_an_empty_collection() -> None:
    assert check_qupath(to_geojson([], key="k"))["features"] == []


def jts_check(tools: Path, wkt: Path) -> dict[str, str]:
    """Run QuPath's reading step (JTS) over a WKT file; skip where Java or JTS is absent."""
    return jts_checks(tools, [wkt])[0]


def jts_checks(tools: Path, files: Sequence[Path]) -> list[dict[str, str]]:
    check = tools / "QuPathReadCheck.java"
    java = shutil.which("java")
    if java is None or not JTS.is_file() or not check.is_file():
        pytest.skip("needs java, libjts-java and QuPathReadCheck.java")
    command = [java, "-cp", str(JTS), str(check), *map(str, files)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=280)
    lines = result.stdout.splitlines()
    assert len(lines) == len(files)
    return [dict(part.split("=", 1) for part in line.split() if "=" in part) for line in lines]


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
def test_qupaths_reader_accepts_noisy_masks(external_data: Path, tmp_path: Path) -> None:
    polygons = [p for mask in noisy_masks() for p in trace_polygons(mask)]
    files = []
    for step in STEPS:
        files.append(tmp_path / f"{step:.4f}.wkt")
        files[-1].write_text(to_wkt([p.scaled(step, step) for p in polygons]))
    for step, found in zip(STEPS, jts_checks(external_data.parent / "tools", files), strict=True):
        assert int(found["n"]) == len(polygons) > 5000
        assert (found["exceptions"], found["empty"]) == ("0", "0")
        assert float(found["areaRatio"]) == pytest.approx(1.0, abs=1e-9)
        if step < 1:  # cells finer than a pixel are not what anyone asks for: 1.05e-5 there
            continue
        pixels = sum(p.area for p in polygons) * step**2
        area = sum(p.scaled(step, step).area for p in polygons)
        assert area / pixels == pytest.approx(1.0, abs=1e-9 if step.is_integer() else 1e-5)
