"""Every index on the phantom worked out by hand, and on what must not be measured."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from radiofib.features.functional import (
    ChannelInput,
    FunctionalSettings,
    functional_columns,
    measure_case,
)
from radiofib.registry import FUNCTIONAL_FEATURES, parse_column
from tests.features.functional.phantom import (
    SETTINGS,
    TEXTURE,
    case,
    reference,
    rescaled,
    z_scored,
)

Case = dict[str, ChannelInput]
F = "functional"
RE4 = "ged4_original_functional_relative_enhancement"
CEI = "ged4_original_functional_contrast_enhancement_index"
LSR = "ged4_original_functional_liver_spleen_ratio"
HUI = "ged4_original_functional_uptake_index_ml"
AREA = "ged4_original_functional_enhancement_area_min"
CV = "ged4_original_functional_cv_whole_liver"
VOLUME = "ged4_original_functional_liver_volume_ml"
#: What a mask alone defines.
OF_MASKS = {
    "liver_volume_ml",
    "caudate_right_ratio_harbin",
    "caudate_right_ratio_awaya",
    "segmental_volume_ratio",
}


def test_every_value_is_the_one_worked_out_by_hand() -> None:
    table = reference()
    found = measure_case(case(), settings=SETTINGS, texture=TEXTURE)
    assert list(found.values) == functional_columns(SETTINGS, texture=TEXTURE)
    assert set(found.values) == set(table.index)
    assert found.missing == {}
    assert found.warnings == ()
    for column, row in table.iterrows():
        assert found.values[str(column)] == pytest.approx(row["value"], abs=row["tolerance"])
        assert len(row["source"]) > 10


def test_the_phantom_covers_the_registry() -> None:
    measured = {parse_column(c).spec.key for c in reference().index if f"_{F}_" in c}
    assert measured == {spec.key for spec in FUNCTIONAL_FEATURES}


def test_z_scored_phantom_gives_reasons_and_what_masks_define() -> None:
    normal = {name: z_scored(channel) for name, channel in case().items()}
    found = measure_case(normal, settings=SETTINGS, texture=TEXTURE)
    table = reference()
    for column, value in found.values.items():
        feature = parse_column(column).spec.name
        if feature in OF_MASKS:
            assert value == pytest.approx(table.loc[column, "value"], abs=1e-12)
        else:
            assert np.isnan(value)
            assert "normalised" in found.missing[column], column
    assert len(found.missing) == len(found.values) - len(OF_MASKS)
    assert found.warnings == ()


def test_one_normalised_channel_takes_only_its_own_indices() -> None:
    channels = case()
    channels["t1"] = z_scored(channels["t1"])
    found = measure_case(channels, settings=SETTINGS)
    assert LSR in found.values
    assert {LSR, HUI, CV, VOLUME} & set(found.missing) == set()
    assert {RE4, CEI, AREA} < set(found.missing)


def test_remarks_on_the_phantom_are_about_noise_only() -> None:
    found = measure_case(case(), settings=SETTINGS)
    assert set(found.flags) == {"ged4_original_functional_cv_four_rois_corrected"}


def _edit(name: str, **changes: object) -> Callable[[Case], Case]:
    return lambda channels: channels | {name: replace(channels[name], **changes)}  # type: ignore[arg-type]


def _without(name: str, tissue: str) -> Callable[[Case], Case]:
    def change(channels: Case) -> Case:
        kept = {k: v for k, v in channels[name].tissues.items() if k != tissue}
        return channels | {name: replace(channels[name], tissues=kept)}

    return change


def _empty(name: str, tissue: str) -> Callable[[Case], Case]:
    def change(channels: Case) -> Case:
        masks = dict(channels[name].tissues)
        masks[tissue] = np.zeros_like(masks[tissue])
        return channels | {name: replace(channels[name], tissues=masks)}

    return change


def _gone(name: str) -> Callable[[Case], Case]:
    return lambda channels: {k: v for k, v in channels.items() if k != name}


def _shift(name: str, by: float) -> Callable[[Case], Case]:
    return lambda channels: channels | {name: rescaled(channels[name], 1.0, by)}


def _both(a: Callable[[Case], Case], b: Callable[[Case], Case]) -> Callable[[Case], Case]:
    return lambda channels: b(a(channels))


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        (_gone("t1"), RE4, "channel t1 is missing"),
        (_edit("t1", raw=False), RE4, "intensities of t1 are normalised"),
        (_edit("t1", raw=False), CEI, "intensities of t1 are normalised"),
        (_edit("ged4", raw=False), RE4, "intensities of ged4 are normalised"),
        (_edit("ged4", raw=False), LSR, "intensities of ged4 are normalised"),
        (_gone("ged2"), AREA, "channel ged2 is missing"),
        (_gone("ged4"), VOLUME, "channel ged4 is missing"),
        (_edit("t1", registered="failed", registered_reason="NMI fell"), RE4,
         "registration of t1 failed: NMI fell"),
        (_edit("t1", registered="failed"), CEI, "registration of t1 failed"),
        (_both(_edit("t1", scale=(1.0, 0.0)), _edit("ged4", scale=(2.5, 0.0))), RE4,
         "scaled differently (slope 1 and 2.5"),
        (_edit("t1", commensurable=False), RE4, "scale of t1 is known to be its own"),
        (_both(_edit("t1", sequence="in-phase GRE"), _edit("ged4", sequence="VIBE")), RE4,
         "different sequences"),
        (_both(_edit("t1", sequence="in-phase GRE"), _edit("ged4", sequence="VIBE")), CEI,
         "different sequences"),
        (_edit("ged4", scale=(1.0, -1024.0)), LSR, "offset of -1024"),
        (_edit("ged4", scale=(1.0, 7.0)), CV, "offset of 7"),
        (_without("ged4", "spleen"), LSR, "no mask of spleen on ged4"),
        (_empty("ged4", "spleen"), HUI, "mask of spleen on ged4 is empty"),
        (_without("t1", "muscle"), CEI, "no mask of muscle on t1"),
        (_shift("t1", -500.0), RE4, "mean of liver on t1 is not above 0 (0)"),
        (_shift("t1", -600.0), RE4, "not above 0 (-100)"),
        (_shift("ged4", -950.0), CV, "not above 0 (-50)"),
        (_edit("ged2", minutes=4.0), AREA, "do not rise (ged1 0.5, ged2 4, ged3 3, ged4 20 min)"),
        (_without("ged4", "region_3"), "ged4_original_functional_cv_four_rois",
         "no mask of region 3"),
        (_without("ged4", "background"), "ged4_original_functional_cv_four_rois_corrected",
         "no mask of background"),
        (_edit("t1mappre", raw=False), "t1mappost_original_functional_t1_reduction_rate",
         "t1mappre is normalised"),
        (_without("ged4", "caudate_awaya"),
         "ged4_original_functional_caudate_right_ratio_awaya", "no mask of caudate awaya"),
    ],
)  # fmt: skip
def test_reasons(change: Callable[[Case], Case], column: str, reason: str) -> None:
    found = measure_case(change(case()), settings=SETTINGS)
    assert np.isnan(found.values[column])
    assert reason in found.missing[column]
    assert set(found.missing) == {c for c, v in found.values.items() if np.isnan(v)}
    assert not set(found.flags) & set(found.missing)


@pytest.mark.parametrize("scale", [(2.5, 0.0), (1.0, 0.0)])
def test_different_slopes_leave_what_stays_inside_an_image(scale: tuple[float, float]) -> None:
    channels = case()
    channels["t1"] = replace(channels["t1"], scale=(1.0, 0.0))
    channels["ged4"] = replace(channels["ged4"], scale=scale)
    found = measure_case(channels, settings=SETTINGS)
    assert not {LSR, HUI, CEI, CV, VOLUME} & set(found.missing)
    assert (RE4 in found.missing) == (scale[0] == 2.5)


def test_without_facts_the_default_compares_nothing_between_series() -> None:
    found = measure_case(case(), settings=FunctionalSettings())
    compared = {parse_column(c).spec.name for c in found.missing}
    assert compared == {
        "relative_enhancement",
        "contrast_enhancement_index",
        "wash_in_slope",
        "wash_out_slope",
        "enhancement_area_min",
    }
    assert all("commensurable" in reason for reason in found.missing.values())


def test_facts_in_the_channels_are_evidence() -> None:
    marked = {k: replace(v, commensurable=True) for k, v in case().items()}
    assert measure_case(marked, settings=FunctionalSettings()).missing == {}
    dicom = {k: replace(v, scale=(1.0, 0.0), sequence="VIBE") for k, v in case().items()}
    assert measure_case(dicom, settings=FunctionalSettings()).missing == {}
    scale_only = {k: replace(v, scale=(1.0, 0.0)) for k, v in case().items()}
    assert "one sequence" in measure_case(scale_only, settings=FunctionalSettings()).missing[RE4]


@pytest.mark.parametrize(
    ("rule", "missing"),
    [("declared", set()), ("same_sequence", {RE4}), ("never", {RE4, CEI}), (True, set()),
     (False, {RE4, CEI})],
)  # fmt: skip
def test_declarations(rule: object, missing: set[str]) -> None:
    settings = FunctionalSettings.parse({"commensurable": rule}, where="study.yaml")
    found = measure_case(case(), settings=settings)
    assert {RE4, CEI} & set(found.missing) == missing


def test_never_wins_over_channels_marked_as_comparable() -> None:
    marked = {k: replace(v, commensurable=True) for k, v in case().items()}
    found = measure_case(marked, settings=FunctionalSettings(commensurable="never"))
    assert "settings" in found.missing[RE4]
    assert CEI not in found.missing


def test_a_doubtful_registration_is_measured_and_said() -> None:
    channels = case()
    channels["t1"] = replace(channels["t1"], registered="look", registered_reason="overlap 61 %")
    found = measure_case(channels, settings=SETTINGS)
    assert found.values[RE4] == pytest.approx(0.8)
    assert found.flags[RE4] == "registration of t1 should be looked at: overlap 61 %"
    assert LSR not in found.flags


def test_nominal_times_are_said() -> None:
    channels = {k: replace(v, minutes=None) for k, v in case().items()}
    found = measure_case(channels, settings=SETTINGS)
    assert "nominal times: ged1 0.5 min, ged2 1.2 min" in found.flags[AREA]
    assert found.values["ged2_original_functional_wash_in_slope"] == pytest.approx(0.65 / 1.2)
    assert "time of ged4 unknown" in found.flags[HUI]
    given = SETTINGS.model_copy(update={"minutes": (0.5, 1.0, 3.0, 20.0)})
    assert measure_case(channels, settings=given).values[AREA] == pytest.approx(12.8975)
    assert AREA not in measure_case(channels, settings=given).flags


def test_a_late_hepatobiliary_phase_is_said() -> None:
    channels = case() | {"ged4": replace(case()["ged4"], minutes=60.0)}
    found = measure_case(channels, settings=SETTINGS)
    assert "ged4 at 60 min; the index is published at 20 min" in found.flags[HUI]


def test_swapped_phases_are_warned_of_where_they_matter() -> None:
    channels = case()
    channels["ged1"], channels["ged2"] = (
        replace(channels["ged2"], minutes=0.5),
        replace(channels["ged1"], minutes=1.0),
    )
    found = measure_case(channels, settings=SETTINGS)
    assert len(found.warnings) == 1
    assert re.match(r"ged1, ged2: .*arterial \(825\).*portal venous phase \(560\)",
                    found.warnings[0])  # fmt: skip
    marked = {parse_column(c).spec.name for c, r in found.flags.items() if "swapped" in r}
    assert marked == {
        "relative_enhancement", "wash_in_slope", "wash_out_slope", "enhancement_area_min",
    }  # fmt: skip
    assert RE4 not in found.flags
    # The warning needs no proof of one scale; proof of two scales silences it.
    assert measure_case(channels, settings=FunctionalSettings()).warnings == found.warnings
    apart = channels | {"ged1": replace(channels["ged1"], commensurable=False)}
    assert measure_case(apart, settings=SETTINGS).warnings == ()


def test_no_uptake_at_all_is_warned_of() -> None:
    channels = case() | {"ged4": rescaled(case()["ged4"], 0.5)}
    [warning] = measure_case(channels, settings=SETTINGS).warnings
    assert "not brighter in the hepatobiliary phase (450) than before contrast (500)" in warning


def test_median_ignores_a_spike() -> None:
    channels = case()
    pixels = channels["ged4"].roi.pixels.copy()
    pixels[0, 0, 0] = 25117.0
    channels["ged4"] = replace(channels["ged4"], roi=replace(channels["ged4"].roi, pixels=pixels))
    median = measure_case(channels, settings=SETTINGS.model_copy(update={"statistic": "median"}))
    assert median.values[RE4] == pytest.approx((920 - 500) / 500)
    mean = measure_case(channels, settings=SETTINGS)
    assert mean.values[RE4] == pytest.approx((900 + (25117 - 880) / 100 - 500) / 500)


def test_voxels_outside_the_image_are_left_out_or_refused() -> None:
    def hollow(share: int) -> Case:
        channels = case()
        pixels = channels["t1"].roi.pixels.copy()
        places = np.flatnonzero(channels["t1"].roi.mask)[:share]
        pixels.flat[places] = np.nan
        roi = replace(channels["t1"].roi, pixels=pixels)
        return channels | {"t1": replace(channels["t1"], roi=roi)}

    few = measure_case(hollow(4), settings=SETTINGS)
    assert few.values[RE4] == pytest.approx(0.8)
    assert "4 voxels of the liver outside t1" in few.flags[RE4]
    many = measure_case(hollow(30), settings=SETTINGS)
    assert "30% of the liver lie outside the image of t1" in many.missing[RE4]


def test_small_regions_are_refused() -> None:
    settings = SETTINGS.model_copy(update={"min_voxels": 41})
    found = measure_case(case(), settings=settings)
    assert "spleen has 40 voxels on ged4, and 41 are needed" in found.missing[LSR]
    assert RE4 not in found.missing


def test_volume_is_that_of_the_whole_organ_when_given() -> None:
    channels = case()
    tissues = dict(channels["ged4"].tissues)
    tissues["liver"] = np.ones_like(tissues["spleen"])
    channels["ged4"] = replace(channels["ged4"], tissues=tissues)
    found = measure_case(channels, settings=SETTINGS)
    assert found.values[VOLUME] == pytest.approx(960 * 0.04)
    assert found.values[HUI] == pytest.approx(960 * 0.04)
    assert found.values[CV] == pytest.approx(20 / 900)


def test_volume_needs_millimetres() -> None:
    channels = case()
    roi = replace(channels["ged4"].roi, spacing_known=False)
    channels["ged4"] = replace(channels["ged4"], roi=roi)
    found = measure_case(channels, settings=SETTINGS)
    assert "size of a voxel of ged4 unknown" in found.missing[VOLUME]
    assert HUI in found.missing


def test_lobes_on_several_slices_are_refused() -> None:
    channels = case()
    tissues = dict(channels["ged4"].tissues)
    tissues["caudate_harbin"] = np.roll(tissues["caudate_harbin"], 1, 0) | tissues["caudate_harbin"]
    channels["ged4"] = replace(channels["ged4"], tissues=tissues)
    found = measure_case(channels, settings=SETTINGS)
    column = "ged4_original_functional_caudate_right_ratio_harbin"
    assert "one axial slice (found caudate on 2, right lobe on 1)" in found.missing[column]


def test_lobes_follow_the_directions_of_the_image() -> None:
    """Stored with x slowest and z fastest, the ratio is the same."""
    first = case()["ged4"]
    turned = replace(
        first,
        roi=replace(
            first.roi,
            pixels=first.roi.pixels.transpose(2, 1, 0),
            mask=first.roi.mask.transpose(2, 1, 0),
            spacing_mm=first.roi.spacing_mm[::-1],
            direction=(0.0, 0.0, 1.0, 0.0, 1.0, 0.0, -1.0, 0.0, 0.0),
        ),
        tissues={k: v.transpose(2, 1, 0) for k, v in first.tissues.items()},
    )
    settings = SETTINGS.model_copy(update={"groups": ("lobes",)})
    assert (
        measure_case({"ged4": turned}, settings=settings).values
        == measure_case({"ged4": first}, settings=settings).values
    )
