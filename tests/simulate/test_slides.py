from __future__ import annotations

import json

import numpy as np
import openslide
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from scipy import ndimage

from radiofib.errors import UsageError
from radiofib.provenance import hash_file
from radiofib.simulate._raster import largest_part, polygon_spans
from radiofib.simulate._tiff import TiffWriter
from radiofib.simulate.slide_artefacts import ARTEFACTS, ArtefactLaw
from radiofib.simulate.slide_geometry import LABELS, BiopsyLaw
from radiofib.simulate.slides import SLIDE_SCANNERS, SlideSettings, write_slide, write_slide_cohort

SMALL = SlideSettings(
    shape=(1500, 2800),
    cores=(2, 2),
    biopsy_law=BiopsyLaw(
        core_width_um=230, core_width_sd_um=10, tract_area_um2=5000, steatosis=0.03
    ),
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    out = tmp_path_factory.mktemp("slides") / "cohort"
    return write_slide_cohort(out, n_patients=5, seed=2, settings=SMALL)


@pytest.fixture(scope="module")
def slides(cohort):
    """Each case's truth and label picture."""
    found = {}
    for case in pd.read_csv(cohort)["case"]:
        truth = json.loads((cohort.parent / f"truth/{case}.json").read_text())
        found[case] = (truth, tifffile.imread(cohort.parent / f"truth/{case}_labels.tif"))
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 30))
def test_rasterised_polygon_is_the_pixels_whose_centre_it_holds(seed, n):
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, n))
    radius = rng.uniform(2, 18, n)
    polygon = np.round(20 + np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), 3)
    spans = polygon_spans(polygon)
    y, x = np.mgrid[:40, :40] + 0.5
    points = np.column_stack([x.ravel(), y.ravel()])
    expected = Outline(np.vstack([polygon, polygon[:1]]), closed=True).contains_points(points)
    window = spans.window(0, 0, 40, 40)
    # The other rasteriser breaks ties its own way: leave out centres that lie on an edge.
    differs = points[window.ravel() != expected]
    for point in differs:
        a, b = polygon, np.roll(polygon, -1, axis=0)
        along = np.clip(((point - a) * (b - a)).sum(1) / ((b - a) ** 2).sum(1).clip(1e-12), 0, 1)
        assert np.hypot(*(a + along[:, None] * (b - a) - point).T).min() < 1e-9
    assert spans.n_pixels == window.sum()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 5), st.integers(0, 5))
def test_windows_put_together_are_the_whole(height, width, top, left):
    polygon = np.array([[3.2, 1.1], [55.7, 20.4], [30.1, 61.9], [8.8, 40.2]])
    spans = polygon_spans(polygon)
    whole = spans.window(0, 0, 80, 80)
    part = spans.window(top, left, height, width)
    assert (part == whole[top : top + height, left : left + width]).all()


def test_openslide_opens_the_pyramid_and_knows_its_scale(cohort):
    slide = openslide.OpenSlide(str(cohort.parent / "slides/bx001.tif"))
    assert slide.properties["openslide.vendor"] == "generic-tiff"
    assert float(slide.properties["openslide.mpp-x"]) == 0.5
    assert slide.level_dimensions == ((2800, 1500), (700, 375))
    assert slide.level_downsamples == pytest.approx((1, 4), rel=0.01)
    first = np.asarray(slide.read_region((0, 0), 0, (2800, 1500)))[..., :3].astype(float)
    second = np.asarray(slide.read_region((0, 0), 1, (700, 375)))[..., :3].astype(float)
    reduced = first.reshape(375, 4, 700, 4, 3).mean(axis=(1, 3))
    # What differs is JPEG's rounding: no bias, and a shift by one pixel fits far worse.
    off = np.abs(reduced - second).mean()
    assert abs((reduced - second).mean()) < 0.2
    for shift in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        assert off < 0.6 * np.abs(reduced - np.roll(second, shift, (0, 1))).mean()


def test_truth_counts_are_those_of_the_label_picture(slides):
    for truth, labels in slides.values():
        assert labels.shape == tuple(truth["shape"])
        counts = {name: int((labels == value).sum()) for name, value in LABELS.items()}
        assert counts == truth["label_px"]
        assert truth["tissue_px"] == np.isin(labels, (1, 2, 3, 4)).sum()
        assert truth["portal_px"] == counts["portal"]
        assert sum(p["pixels"] for p in truth["pieces"]) == truth["tissue_px"]


def test_polygons_rasterise_to_their_counts(slides):
    for truth, labels in slides.values():
        rows, columns = labels.shape
        tissue = np.zeros(labels.shape, dtype=bool)
        for piece in truth["pieces"]:
            mask = polygon_spans(np.array(piece["outline"])).window(0, 0, rows, columns)
            assert mask.sum() == piece["pixels"]
            tissue |= mask
        for tract in truth["tracts"]:
            mask = polygon_spans(np.array(tract["polygon"])).window(0, 0, rows, columns)
            parts, _ = ndimage.label(mask & tissue)
            sizes = np.bincount(parts.ravel())[1:]
            assert sizes.max() == tract["pixels"]
            assert (mask.sum() == sizes.max()) == tract["complete"]
            assert (labels[parts == 1 + np.argmax(sizes)] == LABELS["portal"]).all()


def test_tracts_are_countable_until_septa_link_them(slides):
    seen = set()
    for truth, labels in slides.values():
        components = ndimage.label(labels == LABELS["portal"])[1]
        seen.add(truth["countable"])
        if truth["countable"]:
            assert components == truth["n_tracts"]
            assert sum(t["pixels"] for t in truth["tracts"]) == truth["portal_px"]
        else:
            assert components <= truth["n_tracts"]
    assert seen == {True, False}


def test_tract_split_by_the_border_stays_one_region():
    """A horseshoe whose bend lies outside tissue would otherwise count as two."""
    horseshoe = np.array(
        [[10, 10], [50, 10], [50, 40], [40, 40], [40, 20], [20, 20], [20, 45], [10, 45]],
        dtype=float,
    )
    tissue = polygon_spans(np.array([[0, 25], [60, 25], [60, 60], [0, 60]], dtype=float))
    part = largest_part(polygon_spans(horseshoe), [tissue])
    assert part.n_pixels == 10 * 20
    assert part.box == (25, 45, 10, 20)


def test_core_length_is_the_centre_line_from_tip_to_tip(slides):
    for truth, _ in slides.values():
        for piece in truth["pieces"]:
            outline, line = np.array(piece["outline"]), np.array(piece["centre_line"])
            tips = outline[:, 0].min(), outline[:, 0].max()
            assert (line[:, 0].min(), line[:, 0].max()) == pytest.approx(tips, abs=0.01)
            straight = np.hypot(*(line[-1] - line[0])) * 0.5
            assert straight <= piece["length_um"] < 1.1 * straight


def test_stain_tells_tissue_from_glass(cohort, slides):
    _, labels = slides["bx001"]
    slide = openslide.OpenSlide(str(cohort.parent / "slides/bx001.tif"))
    rgb = np.asarray(slide.read_region((0, 0), 0, slide.dimensions))[..., :3].astype(float)
    green = {name: rgb[labels == value, 1].mean() for name, value in LABELS.items() if value < 5}
    assert green["background"] > 235
    assert green["vacuole"] > 220
    assert green["lobule"] < green["portal"] < 220


def test_portal_area_grows_with_the_trait(tmp_path):
    law = BiopsyLaw(core_width_um=230, tract_area_um2=4000, tract_area_sd=0, edge_tracts=0)
    still = SMALL.model_copy(update={"biopsy_law": law})
    means = []
    for trait in (-1.0, 1.0):
        truth = write_slide(
            tmp_path / "s.tif",
            trait=trait,
            level=0,
            scanner=SLIDE_SCANNERS[0],
            settings=still,
            rng=np.random.default_rng(0),
        )
        means.append(np.mean([t["area_um2"] for t in truth["tracts"]]))
    assert means[1] / means[0] == pytest.approx(np.exp(2 * law.tract_area_per_z), rel=0.05)


def test_serial_levels_repeat_a_core_and_count_once(tmp_path):
    law = BiopsyLaw(core_width_um=180, core_width_sd_um=5, tract_area_um2=3000, fragments=0)
    three = SlideSettings(shape=(1800, 2400), cores=(1, 1), levels=3, pen=0, biopsy_law=law)
    truth = write_slide(
        tmp_path / "s.tif",
        trait=0.0,
        level=0,
        scanner=SLIDE_SCANNERS[0],
        settings=three,
        rng=np.random.default_rng(1),
    )
    assert [p["level"] for p in truth["pieces"]] == [0, 1, 2]
    lengths = [p["length_um"] for p in truth["pieces"]]
    assert lengths == pytest.approx([lengths[0]] * 3, rel=1e-4)
    assert len(truth["tracts"]) == 3 * truth["n_tracts"]
    assert truth["length_mm"] == pytest.approx(lengths[0] / 1000)


def test_same_seed_same_bytes_and_patients_do_not_depend_on_cohort_size(cohort, tmp_path):
    again = write_slide_cohort(tmp_path / "again", n_patients=2, seed=2, settings=SMALL)
    for name in ("slides/bx002.tif", "truth/bx002.json", "truth/bx002_labels.tif"):
        assert hash_file(again.parent / name) == hash_file(cohort.parent / name)
    pd.testing.assert_frame_equal(pd.read_csv(again), pd.read_csv(cohort).head(2))


@pytest.mark.slow
def test_artefacts_are_painted_where_the_truth_has_them(tmp_path):
    law = BiopsyLaw(core_width_um=230, tract_area_um2=5000)
    faults = ArtefactLaw(strokes=2, folds=2, blurs=2, bubbles=2)
    plain = SlideSettings(shape=(512, 6144), mpp=1.0, cores=(1, 1), pen=0, dust=0, biopsy_law=law)
    pictures, truths = [], []
    for one in (plain, plain.model_copy(update={"artefacts": faults})):
        truth = write_slide(
            tmp_path / "s.tif",
            trait=0.0,
            level=0,
            scanner=SLIDE_SCANNERS[0].model_copy(update={"jpeg_quality": 100}),
            settings=one,
            rng=np.random.default_rng(15),
            labels=tmp_path / "l.tif",
        )
        with openslide.OpenSlide(str(tmp_path / "s.tif")) as slide:
            pixels = slide.read_region((0, 0), 0, slide.dimensions)
        pictures.append(np.asarray(pixels)[..., :3].astype(int))
        truths.append(truth)
    clean, faulty = truths
    assert "artefact_px" not in clean
    assert faulty["label_px"] == clean["label_px"]
    labels = tifffile.imread(tmp_path / "l.tif")
    tissue = np.isin(labels, (1, 2, 3, 4))
    covered = np.zeros(labels.shape, dtype=bool)
    kinds = set()
    for other in faulty["others"]:
        if other["kind"] in ARTEFACTS:
            covered |= polygon_spans(np.array(other["polygon"])).window(0, 0, *labels.shape)
            kinds.add(other["kind"])
    assert kinds == set(ARTEFACTS)
    assert faulty["usable_px"] == (tissue & ~covered).sum()
    assert faulty["artefact_px"]["any"] == (tissue & covered).sum()
    # Outside nothing changes but the sheets of texture, which are drawn later.
    means = [picture[tissue & ~ndimage.binary_dilation(covered, iterations=9)].mean(0)
             for picture in pictures]  # fmt: skip
    assert means[0] == pytest.approx(means[1], abs=2)
    for other in faulty["others"]:
        mask = polygon_spans(np.array(other["polygon"])).window(0, 0, *labels.shape)
        before, after = (picture[mask & tissue] for picture in pictures)
        if other["kind"] == "fold":
            assert after.mean() < before.mean() - 20
        elif other["kind"] == "stroke":
            assert after.std(axis=0).max() < 0.7 * before.std(axis=0).max()


def test_levels_can_differ_a_little(tmp_path):
    law = BiopsyLaw(core_width_um=180, tract_area_um2=3000, fragments=0, level_change=1.0)
    settings = SlideSettings(shape=(1800, 2400), cores=(1, 1), levels=3, pen=0, biopsy_law=law)
    truth = write_slide(
        tmp_path / "s.tif",
        trait=0.0,
        level=0,
        scanner=SLIDE_SCANNERS[0],
        settings=settings,
        rng=np.random.default_rng(1),
    )
    lengths = [p["length_um"] for p in truth["pieces"]]
    assert len(set(lengths)) == 3
    assert min(lengths) > 0.95 * max(lengths)


def test_wrong_requests_are_refused(tmp_path, cohort):
    with pytest.raises(UsageError, match="already holds"):
        write_slide_cohort(cohort.parent, n_patients=1)
    with pytest.raises(UsageError, match="at least one patient"):
        write_slide_cohort(tmp_path / "x", n_patients=0)
    wide = SMALL.model_copy(update={"biopsy_law": BiopsyLaw(core_width_um=900)})
    with pytest.raises(UsageError, match="do not fit"):
        write_slide_cohort(tmp_path / "y", n_patients=1, settings=wide)
    assert not list((tmp_path / "y" / "slides").iterdir())


def test_broken_off_tiff_leaves_nothing(tmp_path):
    with (
        pytest.raises(UsageError, match="number of tiles"),
        TiffWriter(tmp_path / "a.tif", "rgb") as tiff,
    ):
        tiff.page([b"x"], (600, 600), mpp=0.5)
    assert not list(tmp_path.iterdir())
