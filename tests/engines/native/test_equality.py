"""The native engine equals pyradiomics: matrices to the bit, features to 1e-9 of their scale."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from scipy.ndimage import gaussian_filter

pytest.importorskip("radiomics", reason="the reference is not installed")

from radiofib.engines import get_engine
from radiofib.engines.native import conventions
from radiofib.features.matrices import Matrices
from radiofib.registry import FEATURES, parse_column
from radiofib.roi import Roi
from tests._examples import examples
from tests.engines.rois import TEXTURE
from tests.equality.compare import Apart, compare, judge
from tests.equality.regions import (
    IMAGE_TYPES,
    SETTINGS,
    Plan,
    baseline_settings,
    configuration,
    drawn,
    generated,
    real_sets,
    speckle,
)
from tests.equality.watch import reference

SETS = (
    *("brain1", "breast1", "MR liver"),
    *("STS_002 CT", "STS_002 MR_T1", "STS_003 CT", "STS_003 MR_T1"),
    "byra ultrasound",
)


def assert_equal(found: dict[str, Apart]) -> None:
    assert {name: apart.wrong for name, apart in found.items() if apart.wrong} == {}
    assert sum(apart.bits + apart.bins for apart in found.values()) == 0


@pytest.mark.slow
def test_many_generated_regions() -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=examples(60),
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn())
    def run(example: Any) -> None:
        plan, setting, types = example
        seen.update(list(types))
        seen["regions"] += 1
        seen[f"{len(plan.shape)}-D"] += 1
        found = compare(plan.roi(), configuration(setting, types))
        seen["values"] += sum(apart.values for apart in found.values())
        assert_equal(found)

    run()
    assert seen["regions"] == examples(60)
    assert set(IMAGE_TYPES) <= set(seen)
    assert min(seen["2-D"], seen["3-D"]) >= examples(12)
    assert seen["values"] > 10_000


def _few_bright() -> Roi:
    pixels = np.ones((1, 4, 9))
    pixels[0, 1, 5:] = 8, 3, 1, 4
    return Roi(pixels, np.ones(pixels.shape, dtype=bool), (1.0, 1.0, 1.0), "x")


#: Regions whose sums are 0 but for rounding, so that the order of the terms shows.
ROUNDING: dict[str, tuple[Roi, dict[str, Any], str]] = {
    "IMC2 of independent levels": (
        Plan(77, (2, 7, 3), "few", "slab", "float64", (1.2, 0.7, 1.2)).roi(),
        {"binWidth": 10, "distances": [2], "weightingNorm": "no_weighting"},
        "Exponential",
    ),
    "correlation of one level": (_few_bright(), {"binWidth": 1, "distances": [2]}, "Original"),
}


@pytest.mark.parametrize("name", ROUNDING)
@pytest.mark.parametrize("symmetrical", [True, False])
def test_rounding_follows_pyradiomics(name: str, symmetrical: bool) -> None:
    roi, setting, image_type = ROUNDING[name]
    setting = {**setting, "symmetricalGLCM": symmetrical, "minimumROIDimensions": 1}
    assert_equal(compare(roi, configuration(setting, {image_type: {}})))


def test_flags_of_pairs_counted_one_way() -> None:
    """First voxels of one level, second voxels of two: no correlation, but information."""
    pixels = np.array([[10.0, 10.0, 60.0]])
    roi = Roi(pixels, np.ones(pixels.shape, dtype=bool), (1.0, 1.0), "x")
    setting = {"binWidth": 10, "symmetricalGLCM": False, "minimumROIDimensions": 1}
    config = configuration(setting, {"Original": {}})
    assert_equal(compare(roi, config))
    flags = get_engine("native").extract(roi, config).flags
    assert "1 by convention in 1 of 1 directions" in flags["x_original_glcm_correlation"]
    assert "x_original_glcm_imc1" not in flags


@pytest.mark.parametrize("name", SETTINGS)
def test_generated_regions_of_the_benchmark(name: str) -> None:
    """Every eighth of the regions, so that all are seen under one setting or another."""
    offset = list(SETTINGS).index(name)
    for plan in list(generated(40))[offset::8]:
        assert_equal(compare(plan.roi(), configuration(SETTINGS[name])))


def test_speckle() -> None:
    for roi in speckle(2):
        assert_equal(compare(roi, configuration(SETTINGS["default"])))


# -- the bound is no net with holes ------------------------------------------------------------


def ordinary() -> Iterator[Roi]:
    """Regions as they come: skewed intensities, some 16 to 64 levels, in 3-D and in 2-D."""
    rng = np.random.default_rng(3)
    for shape, spacing in (((9, 22, 24), (3.0, 1.1, 0.9)), ((44, 50), (0.4, 0.4))):
        texture = np.exp(gaussian_filter(rng.normal(size=shape), 1.0) * 2.5)
        outline = gaussian_filter(rng.normal(size=shape), 3.0)
        yield Roi(texture * 200, outline > np.quantile(outline, 0.6), spacing, "x")


@pytest.mark.parametrize("bins", [{"binWidth": 25}, {"binCount": 16}, {"binCount": 64}], ids=str)
def test_an_error_of_one_in_a_million_is_out_of_bound(bins: dict[str, Any]) -> None:
    features = {
        family: [
            spec.pyradiomics_name.split("_", 1)[1]
            for spec in FEATURES
            if spec.family == family.lower()
        ]
        for family in ("shape", "shape2D", *TEXTURE)
    }
    seen = set()
    for roi in ordinary():
        config = configuration(bins, {"Original": {}})
        config = config.model_copy(update={"feature_classes": features})
        theirs = reference(roi, config)
        for column, value in theirs.features.values.items():
            if np.isnan(value):
                continue
            apart = Apart()
            judge(apart, column, value * (1 + 1e-6), roi, theirs)
            assert len(apart.wrong) == 1, (column, value)
            seen.add(parse_column(column).spec.key)
    assert seen == {spec.key for spec in FEATURES}


def test_what_differs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong count, a wrong sum, a moved voxel and a wrong flag do not pass."""
    [roi, _] = ordinary()
    config = configuration({"binCount": 16}, {"Original": {}, "Square": {}})
    assert_equal(compare(roi, config))

    def one_more(self: Matrices, alpha: int) -> Any:
        counts = gldm(self, alpha)
        counts[0, 0] += 1
        return counts

    filters = importlib.import_module("radiofib.filters.filtered")
    gldm, ngtdm, pointwise = Matrices.gldm, Matrices.ngtdm, filters.pointwise
    with monkeypatch.context() as patched:
        patched.setattr(Matrices, "gldm", one_more)
        found = compare(roi, config)["Original"]
        assert found.bits == 1
        assert any("counts of gldm differ" in text for text in found.wrong)
    with monkeypatch.context() as patched:
        factors = np.array([1, 1 + 1e-11, 1])
        patched.setattr(Matrices, "ngtdm", lambda self: ngtdm(self) * factors)
        found = compare(roi, config)["Original"]
        assert found.ngtdm == pytest.approx(1e-11, rel=1e-3)
        assert any("ngtdm differs" in text for text in found.wrong)
    with monkeypatch.context() as patched:

        def shifted(*args: Any) -> Any:
            image = pointwise(*args)
            image[image.argmin() // image[0].size] *= 1.01
            return image

        patched.setattr(filters, "pointwise", shifted)
        found = compare(roi, config)["Square"]
        assert found.bins > 0
        assert found.image > 0
        assert len(found.wrong) > 10
    with monkeypatch.context() as patched:
        patched.setattr(conventions, "firstorder", lambda _: {"mean": "0 by convention"})
        assert "flags differ" in compare(roi, config)["Original"].wrong


# -- real regions ------------------------------------------------------------------------------


@pytest.mark.external
def test_settings_are_those_of_the_baseline(external_data: Path) -> None:
    tables = baseline_settings(external_data)
    assert set(tables) == set(SETTINGS)
    for name, setting in SETTINGS.items():
        ours = configuration(setting).settings.as_pyradiomics()
        for key, value in tables[name].items():
            mine = ours[key]
            assert (list(mine) if isinstance(mine, tuple) else mine) == value, (name, key)


@pytest.mark.external
@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", SETS)
def test_real_regions(external_data: Path, name: str, setting: str) -> None:
    sets = dict(real_sets(external_data, ultrasound=4, only=name))
    for roi in sets[name]:
        found = compare(roi, configuration(SETTINGS[setting]))
        assert_equal(found)
        assert found["Original"].matrices == 5
        assert sum(apart.values for apart in found.values()) > 500
