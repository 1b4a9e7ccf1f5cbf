"""Profile ibsi on regions: equal to its parts called directly, undefined features with reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radiofib.engines import ExtractionConfig, RoiFeatures, get_engine
from radiofib.engines.columns import promised_columns
from radiofib.errors import EngineError
from radiofib.features.ibsi import intensity, texture
from radiofib.filters.ibsi import respond
from radiofib.roi import Roi


def parse(own: dict[str, Any]) -> ExtractionConfig:
    return ExtractionConfig.parse({"profile": "ibsi", "ibsi": own}, where="config.yaml")


def extract(roi: Roi, own: dict[str, Any]) -> RoiFeatures:
    found = get_engine("native").extract(roi, parse(own))
    assert list(found.values) == promised_columns(parse(own), roi.channel, roi.ndim)
    assert set(found.missing) == {c for c, v in found.values.items() if np.isnan(v)}
    assert all(found.missing.values())
    return found


def blob(shape: tuple[int, ...] = (9, 14, 16), seed: int = 1) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(*(np.linspace(-1.2, 1.2, n) for n in shape), indexing="ij")
    return rng.integers(-200, 300, shape).astype(np.int16), sum(g**2 for g in grid) < 1


def roi(pixels: NDArray[Any], mask: NDArray[Any], **more: Any) -> Roi:
    spacing = (3.0, 1.0, 1.0)[-pixels.ndim :]
    return Roi(pixels, mask, spacing, "ct", **more)


def test_an_ordinary_region_has_every_feature() -> None:
    found = extract(
        roi(*blob()), {"resegment_range": [-150, 250], "discretisation": {"bin_width": 25}}
    )
    assert not found.missing


def test_parts_called_directly_agree() -> None:
    pixels, mask = blob()
    own = {"discretisation": {"bin_count": 8}, "filters": [{"type": "mean", "size": 3}]}
    found = extract(roi(pixels, mask), own).values
    values = pixels[mask]
    assert found["ct_original_stat_kurt"] == intensity.compute(values)[0]["kurt"]
    low, high = values.min(), values.max()
    levels = np.minimum(np.floor(8 * (pixels - low) / (high - low)) + 1, 8).astype(int) * mask
    direct, _ = texture(levels, 8, "szm", "3d")
    assert found["ct_original_szm_lze_3d"] == direct["lze"]
    [chosen] = parse(own).ibsi_settings.filters
    response = respond(pixels.astype(float), (3.0, 1.0, 1.0), chosen)[mask]
    assert found["ct_mean3_stat_mean"] == pytest.approx(response.mean(), rel=1e-12)


def test_cutting_the_image_changes_nothing() -> None:
    pixels, mask = blob((14, 30, 33))
    small = np.zeros_like(mask)
    small[5:8, 12:17, 11:18] = mask[5:8, 12:17, 11:18]
    filters = [
        {"type": "mean", "size": 5},
        {"type": "log", "sigma_mm": 1.0},
        {"type": "laws", "kernel": "L5E5E5", "energy_distance": 3, "pooling": "max"},
        {"type": "wavelet", "family": "db3", "bands": "LLH", "pooling": "mean"},
    ]
    own = {"filters": filters, "features": ["stat", "loc"], "spacing_mm": [1.5, 1.5, 2.0]}
    cut = extract(roi(pixels, small), own).values
    # Simoncelli's filter needs the whole image, so that nothing is cut.
    whole = extract(roi(pixels, small), {**own, "filters": [*filters, {"type": "simoncelli"}]})
    for column, value in cut.items():
        assert value == pytest.approx(whole.values[column], rel=1e-9, abs=1e-9), column


@pytest.mark.parametrize(
    ("pixels", "mask"),
    [
        (np.full((4, 5, 6), 7), np.ones((4, 5, 6), bool)),
        (np.arange(120).reshape(4, 5, 6), np.arange(120).reshape(4, 5, 6) == 50),
        (np.arange(120).reshape(4, 5, 6), np.arange(120).reshape(4, 5, 6) // 6 == 7),
        (np.arange(30).reshape(1, 5, 6), np.ones((1, 5, 6), bool)),
        (np.arange(120).reshape(4, 5, 6) * 70_000, np.ones((4, 5, 6), bool)),
    ],
    ids=["constant", "one voxel", "one line", "one slice", "many levels"],
)
@pytest.mark.parametrize("dimension", ["2d", "3d"])
def test_undefined_features_are_missing_with_a_reason(
    pixels: NDArray[Any], mask: NDArray[Any], dimension: str
) -> None:
    found = extract(roi(pixels, mask), {"dimension": dimension})
    assert found.values["ct_original_stat_mean"] == pixels[mask].mean()
    if len(np.unique(pixels[mask])) == 1:
        assert "ct_original_stat_skew" in found.missing
        assert "fail" not in " ".join(found.missing.values())


def test_a_picture_takes_two_dimensional_aggregations() -> None:
    pixels, mask = blob((20, 24))
    found = extract(
        roi(pixels, mask), {"dimension": "2d", "filters": [{"type": "mean", "size": 3}]}
    )
    assert not found.missing
    assert not [c for c in found.values if "_3d" in c or "_2_5d" in c]


def test_nothing_left_is_a_reason_and_no_error() -> None:
    found = extract(roi(*blob()), {"resegment_range": [5000, 6000]})
    assert np.isnan(list(found.values.values())).all()
    [reason] = set(found.missing.values())
    assert "resegmentation" in reason


def test_a_filter_that_does_not_fit_leaves_the_others_alone() -> None:
    pixels, mask = blob((3, 14, 16))
    found = extract(roi(pixels, mask), {"filters": [{"type": "mean", "size": 9}]})
    assert found.missing["ct_mean9_stat_mean"].startswith("mean of 9 voxels")
    assert "ct_original_stat_mean" not in found.missing


def test_not_finite_images_are_refused() -> None:
    pixels, mask = blob()
    with pytest.raises(EngineError, match="NaN or infinite"):
        get_engine("native").extract(roi(np.where(mask, np.nan, pixels), mask), parse({}))


def test_unknown_spacing_is_flagged_and_not_interpolated() -> None:
    pixels, mask = blob((20, 24))
    region = roi(pixels, mask, spacing_known=False)
    with pytest.raises(EngineError, match="how large a pixel is"):
        get_engine("native").extract(region, parse({"dimension": "2d", "spacing_mm": [2, 2]}))
    filters = [{"type": "log", "sigma_mm": 2.0}, {"type": "mean", "size": 3}]
    flags = extract(region, {"dimension": "2d", "filters": filters}).flags
    assert {"ct_slog2s_stat_mean", "ct_original_loc_peak_loc"} <= set(flags)
    assert "ct_mean3s_stat_mean" not in flags
    assert "ct_original_stat_mean" not in flags
    volume = roi(*blob(), spacing_known=False)
    assert "in pixels" in extract(volume, {}).flags["ct_original_morph_volume"]
