"""Nuclei with known places. The claims were written before the first run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import KDTree

from radiofib.slides import open_slide
from radiofib.slides.morphometry.detail import measure_detail
from radiofib.slides.morphometry.nuclei import find_nuclei
from radiofib.slides.morphometry.regions import find_regions
from radiofib.slides.morphometry.zones import Zones
from radiofib.slides.tissue.find import optical_density
from radiofib.slides.tissue.stain import separate
from tests.slides import made
from tests.slides.segmented import segmentation, tissue_of

#: Claims: nuclei apart from each other are all found, once; touching pairs nearly so.
APART_F1, APART_COUNT, PAIRS_COUNT = 0.98, 0.02, 0.10
WHITE = (243.0, 242.0, 243.0)


def scatter(rng, n: int, side_um: float, gap_um: float) -> NDArray[np.float64]:
    """Return n points at least `gap_um` apart and from the border."""
    points: list[NDArray[np.float64]] = []
    while len(points) < n:
        point = rng.uniform(gap_um, side_um - gap_um, 2)
        if not points or np.hypot(*(np.array(points) - point).T).min() >= gap_um:
            points.append(point)
    return np.array(points)


def paint(points, radius, side_um: float, um: float, seed: int) -> NDArray[np.uint8]:
    """Draw purple discs with soft edges on uneven pink."""
    rng = np.random.default_rng(seed)
    n = round(side_um / um)
    y, x = (np.mgrid[:n, :n] + 0.5) * um
    ground = 0.5 + 0.5 * np.sin(x / 35) * np.cos(y / 50)
    image = np.array(made.PINK) * (1 - 0.12 * ground[..., None])
    for (py, px), r in zip(points, radius, strict=True):
        near = tuple(
            slice(max(0, int((p - r - 2) / um)), int((p + r + 2) / um) + 1) for p in (py, px)
        )
        soft = np.clip((r - np.hypot(y[near] - py, x[near] - px)) / 0.8 + 0.5, 0, 1)[..., None]
        image[near] = image[near] * (1 - soft) + np.array(made.PURPLE) * soft
    return (image + rng.normal(0, 4, image.shape)).clip(0, 255).round().astype(np.uint8)


def haematoxylin(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    return separate(optical_density(rgb, WHITE))[..., 0]


@pytest.mark.parametrize("um", [0.5, 1.0])
def test_nuclei_apart_are_found_where_they_are(um) -> None:
    rng = np.random.default_rng(1)
    points = scatter(rng, 150, 300.0, 14.0)
    radius = rng.uniform(2.4, 4.5, len(points))
    found = find_nuclei(haematoxylin(paint(points, radius, 300.0, um, 2)), um)
    places = (np.column_stack([found.row, found.column]) + 0.5) * um
    near, which = KDTree(points).query(places)
    hits = np.unique(which[near <= 2.5]).size
    assert 2 * hits / (len(places) + len(points)) >= APART_F1
    assert abs(len(places) / len(points) - 1) <= APART_COUNT
    area = np.pi * radius[which] ** 2
    assert np.median(found.area_um2 / area) == pytest.approx(1, abs=0.25)


def test_touching_pairs_are_two() -> None:
    rng = np.random.default_rng(3)
    middles = scatter(rng, 60, 300.0, 24.0)
    turn = rng.uniform(0, np.pi, len(middles))
    away = 4.0 * np.column_stack([np.sin(turn), np.cos(turn)])
    points = np.concatenate([middles - away, middles + away])
    found = find_nuclei(haematoxylin(paint(points, np.full(len(points), 3.6), 300.0, 0.5, 4)), 0.5)
    assert abs(found.row.size / len(points) - 1) <= PAIRS_COUNT


def test_no_nuclei_in_plain_tissue_and_specks_and_pools_are_none() -> None:
    assert find_nuclei(haematoxylin(paint([], [], 200.0, 1.0, 5)), 1.0).row.size == 0
    image = paint([], [], 200.0, 0.5, 6)
    image[100:103, 100:103] = made.PURPLE
    image[200:300, 200:300] = made.PURPLE
    assert find_nuclei(haematoxylin(image), 0.5).row.size == 0


@pytest.fixture(scope="module")
def slide_with_zones(tmp_path_factory):
    """A slide at 0.5 um with one tract full of nuclei, and fewer in the lobule around it."""
    rng = np.random.default_rng(7)
    points = scatter(rng, 700, 600.0, 10.0)
    inside = (np.abs(points - 300) < 100).all(axis=1)
    sparse = ~inside & (rng.random(len(points)) < 0.25)
    points = points[inside | sparse]
    image = paint(points, np.full(len(points), 3.0), 600.0, 0.5, 8)
    path = made.write_png(tmp_path_factory.mktemp("zones") / "he.png", image)
    labels = np.full((600, 600), 1, np.uint8)
    labels[200:400, 200:400] = 2
    found = segmentation(labels, 1.0, 2.0)
    return (
        path,
        points,
        Zones(found, find_regions(found, "portal"), tissue_of(labels, 1.0, 2.0), 25.0),
    )


def detail(path: Path, zones: Zones, **more):
    with open_slide(path, mpp=0.5) as slide:
        return measure_detail(slide, zones, WHITE, **more)


def test_nuclei_and_stain_are_counted_by_zone(slide_with_zones) -> None:
    path, points, zones = slide_with_zones
    found = detail(path, zones, detail_um=0.5)
    code = zones.window(0, 0, 600, 600).code[tuple(points.astype(int).T)]
    for number, zone in enumerate(("portal", "interface", "lobule"), start=1):
        expected = int((code == number).sum())
        # A nucleus on the line between zones may count on its other side.
        assert found.values[f"{zone}_nuclei_count"] == pytest.approx(
            expected, abs=3 + 0.03 * expected
        )
    assert found.values["portal_nuclei_per_mm2"] == found.values["portal_nuclei_count"] / 0.04
    assert found.values["portal_haematoxylin_od_mean"] > found.values["lobule_haematoxylin_od_mean"]
    [row] = found.rows
    assert row["nuclei_count"] == found.values["portal_nuclei_count"]
    assert row["haematoxylin_od_mean"] == found.values["portal_haematoxylin_od_mean"]
    assert row["interface_area_um2"] == pytest.approx(found.values["interface_area_mm2"] * 1e6)
    assert found.values["portal_glcm_contrast"] > found.values["lobule_glcm_contrast"]


def test_blocks_hardly_change_anything(slide_with_zones) -> None:
    path, _, zones = slide_with_zones
    one, other = (detail(path, zones, detail_um=1.0, block_pixels=b) for b in (2048, 193))
    for key, value in one.values.items():
        if "count" in key or "area" in key or "per_mm2" in key:
            assert other.values[key] == value
        else:
            # Pillow reduces rows or columns first by the shape of a window, and rounds between.
            assert other.values[key] == pytest.approx(value, rel=1e-3)


def test_blocks_do_not_change_a_thing_where_pixels_are_not_reduced(slide_with_zones) -> None:
    path, _, zones = slide_with_zones
    one, other = (detail(path, zones, detail_um=0.5, block_pixels=b) for b in (2048, 386))
    assert other.values == pytest.approx(one.values, rel=1e-9)
    for row, again in zip(one.rows, other.rows, strict=True):
        assert again == pytest.approx(row, rel=1e-9)
