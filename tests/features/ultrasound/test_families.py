"""Each family against a plain loop or scikit-image, in regions of any shape, and its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import local_binary_pattern
from skimage.filters import gabor_kernel as skimage_kernel

from radiofib.errors import ConfigError
from radiofib.features.ultrasound import (
    FAMILY_NAMES,
    LogCompression,
    Machine,
    UltrasoundSettings,
    ultrasound_features,
)
from radiofib.features.ultrasound._common import whole_windows
from radiofib.features.ultrasound.entropy import local_entropy
from radiofib.features.ultrasound.fractal import blanket_dimension, fbm_dimension, lacunarity
from radiofib.features.ultrasound.gabor import ANGLES, WAVELENGTHS, gabor_energy, gabor_kernel
from radiofib.features.ultrasound.hepatorenal import hepatorenal
from radiofib.features.ultrasound.homodyned import homodyned_k, xu_moments
from radiofib.features.ultrasound.laws import VECTORS, laws_energy
from radiofib.features.ultrasound.patterns import pattern_histogram
from radiofib.features.ultrasound.speckle import nakagami, signal_to_noise
from radiofib.registry import ULTRASOUND_FEATURES
from radiofib.roi import Roi
from radiofib.simulate.speckle import homodyned_k_envelope

Greys = NDArray[np.float64]
Mask = NDArray[np.bool_]
LOG = LogCompression(dynamic_range_db=60)
KNOWN = Machine(compression=LOG, frequency_mhz=3.5, flat_tgc=True)


def picture(seed: int = 0, shape: tuple[int, int] = (60, 70)) -> Greys:
    return np.random.default_rng(seed).integers(1, 255, shape).astype(np.float64)


def disc(shape: tuple[int, int] = (60, 70), radius: float = 27.0) -> Mask:
    y, x = np.indices(shape)
    inside = np.hypot(y - shape[0] / 2, x - shape[1] / 2) < radius
    inside[20:24, 30:40] = False  # a vessel, or text that was masked out
    return inside


def roi(greys: Greys, mask: Mask | None = None, mm: float = 0.3, known: bool = True) -> Roi:
    mask = np.ones(greys.shape, bool) if mask is None else mask
    return Roi(greys, mask, (mm, mm), "us", spacing_known=known)


small_pictures = hnp.arrays(np.float64, (12, 13), elements=st.integers(0, 9).map(float))
small_masks = hnp.arrays(np.bool_, (12, 13), elements=st.integers(0, 9).map(bool))


def test_names_are_those_of_the_registry_in_order() -> None:
    names = [f"{family}_{name}" for family, own in FAMILY_NAMES.items() for name in own]
    assert names == [spec.key for spec in ULTRASOUND_FEATURES]
    found = ultrasound_features(roi(picture()), KNOWN)
    assert list(found.values) == names


def test_moments_are_those_of_a_plain_loop() -> None:
    values = picture().ravel() / 255
    power = [v * v for v in values]
    mean = sum(power) / len(power)
    variance = sum((p - mean) ** 2 for p in power) / len(power)
    assert nakagami(values) == pytest.approx((mean**2 / variance, mean))
    centre = sum(values) / len(values)
    spread = math.sqrt(sum((v - centre) ** 2 for v in values) / len(values))
    assert signal_to_noise(values) == pytest.approx(centre / spread)


def test_a_log_image_without_its_law_has_only_the_pseudo_names() -> None:
    found = ultrasound_features(roi(picture()), Machine(frequency_mhz=3.5, flat_tgc=True))
    given = {n for n, v in found.values.items() if n.startswith("speckle") and np.isfinite(v)}
    assert given == {"speckle_pseudo_snr", "speckle_pseudo_nakagami_m"}
    assert "compression" in found.missing["speckle_nakagami_m"]
    assert "compression" in found.missing["depth_attenuation"]
    assert np.isfinite(found.values["depth_grey_depth_slope"])


def test_gain_changes_no_shape_and_the_top_level_only_omega() -> None:
    quiet = np.clip(picture() - 60, 20, 130)
    one = ultrasound_features(roi(quiet), KNOWN, families=["speckle"]).values
    louder = ultrasound_features(roi(quiet + 51), KNOWN, families=["speckle"]).values  # 12 dB
    for name in ("snr", "nakagami_m", "hk_k", "hk_alpha"):
        assert louder[f"speckle_{name}"] == pytest.approx(one[f"speckle_{name}"], rel=1e-4)
    assert louder["speckle_nakagami_omega"] == pytest.approx(
        one["speckle_nakagami_omega"] * 10**1.2
    )
    assert louder["speckle_pseudo_nakagami_m"] > 1.2 * one["speckle_pseudo_nakagami_m"]


@pytest.mark.parametrize("lacking", ["compression", "frequency_mhz", "flat_tgc", "size"])
def test_attenuation_needs_all_that_its_definition_needs(lacking: str) -> None:
    machine = KNOWN.model_copy(
        update={lacking: False if lacking == "flat_tgc" else None} if lacking != "size" else {}
    )
    found = ultrasound_features(roi(picture(), known=lacking != "size"), machine)
    assert np.isnan(found.values["depth_attenuation"])
    assert lacking in found.missing["depth_attenuation"]
    assert np.isfinite(found.values["depth_grey_depth_slope"]) == (lacking != "size")


def test_size_of_a_pixel_may_be_given_and_that_of_the_file_comes_first() -> None:
    given = KNOWN.model_copy(update={"pixel_mm": 0.6})
    file = ultrasound_features(roi(picture(), mm=0.3), given, families=["depth"]).values
    none = ultrasound_features(roi(picture(), known=False), given, families=["depth"]).values
    assert file["depth_attenuation"] == pytest.approx(2 * none["depth_attenuation"])


def test_depth_runs_along_the_beams_from_the_apex() -> None:
    y, x = np.indices((120, 120))
    apex = (-60.0, 60.0)
    cm = np.hypot(y - apex[0], x - apex[1]) * 0.03
    decibel = -2 * 0.6 * 3.5 * (cm - cm.min())
    greys = 255 + decibel * 255 / 60
    machine = KNOWN.model_copy(update={"apex_px": apex})
    found = ultrasound_features(roi(greys), machine, families=["depth"])
    assert found.values["depth_attenuation"] == pytest.approx(0.6, abs=1e-6)
    straight = ultrasound_features(roi(greys), KNOWN, families=["depth"])
    assert abs(straight.values["depth_attenuation"] - 0.6) > 0.01


def test_clipped_greys_are_named_and_too_many_are_refused() -> None:
    greys = picture()
    greys[0, :40] = 255
    some = ultrasound_features(roi(greys), KNOWN)
    assert "end of the grey scale" in some.flags["speckle_nakagami_m"]
    assert "end of the grey scale" in some.flags["depth_attenuation"]
    greys[:10] = 0
    many = ultrasound_features(roi(greys), KNOWN)
    assert "at most 5%" in many.missing["speckle_nakagami_m"]
    assert "grey_high" not in many.missing["speckle_nakagami_m"]
    assert np.isfinite(many.values["speckle_pseudo_nakagami_m"])


def test_greys_beyond_the_scale_say_what_to_state() -> None:
    deep = picture() * 257  # as 16 bits hold it
    found = ultrasound_features(roi(deep), KNOWN)
    assert "greys lie above 255" in found.missing["speckle_nakagami_m"]
    assert "'grey_high: 65535'" in found.missing["speckle_nakagami_m"]
    law = LogCompression(dynamic_range_db=60, grey_high=65535)
    stated = KNOWN.model_copy(update={"compression": law})
    same = ultrasound_features(roi(deep), stated).values["speckle_nakagami_m"]
    plain = ultrasound_features(roi(picture()), KNOWN).values["speckle_nakagami_m"]
    assert same == pytest.approx(plain)


@settings(max_examples=25)
@given(levels=small_pictures, mask=small_masks, reach=st.sampled_from([1, 2]))
def test_entropy_map_is_that_of_a_plain_loop(levels: Greys, mask: Mask, reach: int) -> None:
    found = local_entropy(levels.astype(np.uint8), mask, reach)
    expected = []
    for i in range(reach, 12 - reach):
        for j in range(reach, 13 - reach):
            window = (slice(i - reach, i + reach + 1), slice(j - reach, j + reach + 1))
            if mask[window].all():
                p = np.unique(levels[window], return_counts=True)[1] / (2 * reach + 1) ** 2
                expected.append(-(p * np.log2(p)).sum())
    assert found == pytest.approx(expected, abs=1e-12)


@settings(max_examples=25)
@given(mask=small_masks, reach=st.sampled_from([1, 2, 3, 7]))
def test_whole_windows_are_those_of_a_plain_loop(mask: Mask, reach: int) -> None:
    found = whole_windows(mask, reach)
    for i in range(12):
        for j in range(13):
            inside = reach <= i < 12 - reach and reach <= j < 13 - reach
            window = mask[i - reach : i + reach + 1, j - reach : j + reach + 1] if inside else mask
            assert found[i, j] == (inside and bool(window.all()))


@pytest.mark.parametrize("radius", [1, 2])
@pytest.mark.parametrize("top", [4, 255])
def test_patterns_are_those_of_scikit_image_where_the_circle_is_inside(
    radius: int, top: int
) -> None:
    greys, mask = np.floor(picture(1) * top / 255), disc()
    whole = local_binary_pattern(greys.astype(np.int32), 8, radius, "uniform")
    expected = np.bincount(whole[whole_windows(mask, radius)].astype(int), minlength=10)
    shares, number = pattern_histogram(greys, mask, radius)
    assert number == expected.sum()
    assert shares == pytest.approx(expected / number)
    assert shares.sum() == pytest.approx(1.0)


def test_patterns_of_radius_one_are_those_of_a_plain_loop() -> None:
    """Without interpolation the corners differ, so a picture whose corners decide nothing."""
    rng = np.random.default_rng(2)
    greys = np.kron(rng.permutation(64).reshape(8, 8), np.ones((4, 4)))
    counts = np.zeros(10)
    angles = np.arange(8) * np.pi / 4
    steps = [(-round(math.sin(a) * 1e5) / 1e5, round(math.cos(a) * 1e5) / 1e5) for a in angles]
    for i in range(1, 31):
        for j in range(1, 31):
            bits = []
            for dy, dx in steps:
                y, x = math.floor(i + dy), math.floor(j + dx)
                ty, tx = i + dy - y, j + dx - x
                value = sum(
                    w * greys[min(y + a, 31), min(x + b, 31)]
                    for a, b, w in (
                        (0, 0, (1 - ty) * (1 - tx)),
                        (0, 1, (1 - ty) * tx),
                        (1, 0, ty * (1 - tx)),
                        (1, 1, ty * tx),
                    )
                )
                bits.append(value - greys[i, j] >= -1e-9)
            changes = sum(bits[k] != bits[k - 1] for k in range(8))
            counts[sum(bits) if changes <= 2 else 9] += 1
    shares, number = pattern_histogram(greys, np.ones((32, 32), bool), 1)
    assert number == 900
    assert shares * 900 == pytest.approx(counts, abs=1e-9)


@pytest.mark.parametrize("wavelength", WAVELENGTHS)
@pytest.mark.parametrize("angle", ANGLES)
def test_gabor_kernel_is_that_of_scikit_image(wavelength: int, angle: int) -> None:
    own = gabor_kernel(wavelength, angle)
    other = skimage_kernel(1 / wavelength, math.radians(angle), bandwidth=1, n_stds=6)
    middle, reach = len(other) // 2, len(own) // 2
    part = slice(middle - reach, middle + reach + 1)
    assert own == pytest.approx(other[part, part], abs=1e-15)


def test_gabor_energy_is_that_of_direct_convolution() -> None:
    greys, mask = picture(3), disc()
    found = gabor_energy(greys, mask)
    centred = np.where(mask, greys - greys[mask].mean(), 0.0)
    for wavelength in WAVELENGTHS:
        for angle in ANGLES:
            kernel = gabor_kernel(wavelength, angle)
            parts = (
                ndimage.convolve(centred, k, mode="constant") for k in (kernel.real, kernel.imag)
            )
            squared = sum(part[mask] ** 2 for part in parts)
            power = np.abs(kernel) ** 2
            seen = ndimage.convolve(mask.astype(float), power, mode="constant")[mask]
            assert (seen >= 0.25 * power.sum()).all()
            expected = (squared / seen).mean() / greys[mask].var()
            assert found[wavelength, angle] == pytest.approx(expected, rel=1e-9)


def test_gabor_of_white_noise_is_one_in_a_region_of_any_shape() -> None:
    energies: dict[tuple[int, int], list[float]] = {}
    for seed in range(12):
        for key, value in gabor_energy(picture(seed), disc()).items():
            energies.setdefault(key, []).append(value)
    for key, values in energies.items():
        assert np.mean(values) == pytest.approx(1.0, abs=4 * np.std(values) / math.sqrt(12)), key


@settings(max_examples=20)
@given(greys=small_pictures, mask=small_masks)
def test_laws_is_that_of_a_plain_loop(greys: Greys, mask: Mask) -> None:
    energy, number = laws_energy(greys, mask)
    centres = np.argwhere(whole_windows(mask, 2))
    assert number == len(centres)
    for a, down in enumerate(VECTORS.values()):
        for b, across in enumerate(VECTORS.values()):
            kernel = np.outer(down, across)
            sums = [abs((kernel * greys[i - 2 : i + 3, j - 2 : j + 3]).sum()) for i, j in centres]
            assert energy[a, b] == pytest.approx(np.mean(sums) if sums else 0.0, abs=1e-9)


def test_dimensions_are_those_of_a_plain_loop() -> None:
    greys, mask = picture(4, (40, 44)), disc((40, 44), 25.0)
    logs, distances = [], []
    for lag in range(1, 9):
        for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
            steps = [
                abs(greys[i + dy * lag, j + dx * lag] - greys[i, j])
                for i in range(40)
                for j in range(44)
                if mask[i, j]
                and 0 <= i + dy * lag < 40
                and 0 <= j + dx * lag < 44
                and mask[i + dy * lag, j + dx * lag]
            ]
            logs.append(math.log(np.mean(steps)))
            distances.append(math.log(lag * math.hypot(dy, dx)))
    assert fbm_dimension(greys, mask) == pytest.approx(3 - np.polyfit(distances, logs, 1)[0])
    centres = np.argwhere(whole_windows(mask, 8))
    volume = {}
    for e in (1, 2, 3, 4, 6, 8):
        windows = [greys[i - e : i + e + 1, j - e : j + e + 1] for i, j in centres]
        volume[e] = np.mean([w.max() - w.min() for w in windows])
    rises = [math.log(volume[2 * e] - volume[e]) for e in (1, 2, 3, 4)]
    expected = 3 - np.polyfit(np.log([1, 2, 3, 4]), rises, 1)[0]
    if len(centres) >= 100:
        assert blanket_dimension(greys, mask) == pytest.approx(expected)
    whole = np.ones((40, 44), bool)
    windows = [greys[i : i + 4, j : j + 4].sum() for i in range(37) for j in range(41)]
    assert lacunarity(greys, whole, 4) == pytest.approx(
        np.mean(np.square(windows)) / np.mean(windows) ** 2
    )


def test_nothing_outside_the_region_counts() -> None:
    greys, mask = picture(5, (90, 90)), disc((90, 90), 40.0)
    other = np.where(mask, greys, 255 - greys)
    one = ultrasound_features(roi(greys, mask), KNOWN)
    two = ultrasound_features(roi(other, mask), KNOWN)
    assert one.values == pytest.approx(two.values, nan_ok=True, rel=1e-12)
    assert {n for n, v in one.values.items() if np.isnan(v)} == {
        "hepatorenal_amplitude_ratio",
        "hepatorenal_grey_ratio",
    }


def test_a_region_reads_the_same_wherever_it_lies() -> None:
    greys, mask = picture(6, (50, 50)), disc((50, 50), 24.0)
    wide, there = np.zeros((130, 120)), np.zeros((130, 120), bool)
    wide[60:110, 30:80], there[60:110, 30:80] = greys, mask
    one = ultrasound_features(roi(greys, mask), KNOWN).values
    two = ultrasound_features(roi(wide, there), KNOWN).values
    assert one == pytest.approx(two, nan_ok=True, rel=1e-9)


@pytest.mark.parametrize(
    ("side", "lost"),
    [(9, {"speckle_pseudo_snr", "laws_energy_e5e5", "lbp_r1_0", "entropy_map_mean"}),
     (16, {"gabor_energy_l16_a0", "entropy_map_mean", "fractal_blanket_dimension"})],
)  # fmt: skip
def test_small_regions_are_named(side: int, lost: set[str]) -> None:
    found = ultrasound_features(roi(picture(7, (side, side))), KNOWN)
    assert set(found.missing) >= lost
    for name in lost:
        assert "needed" in found.missing[name]
    assert list(found.missing) == [n for n, v in found.values.items() if np.isnan(v)]


def test_flat_and_foreign_regions_have_reasons() -> None:
    flat = ultrasound_features(roi(np.full((40, 40), 7.0)), KNOWN)
    assert {flat.missing[n] for n in ("speckle_snr", "laws_energy_e5e5", "gabor_energy_l4_a0")} == {
        "all pixels of the region are equal"
    }
    volume = Roi(np.ones((3, 4, 4)), np.ones((3, 4, 4), bool), (1.0, 1.0, 1.0), "us")
    assert set(ultrasound_features(volume).missing.values()) == {
        "defined for pictures, the region lies in a volume"
    }
    bad = picture()
    bad[5, 5] = np.nan
    assert "NaN" in ultrasound_features(roi(bad)).missing["lbp_r1_0"]
    assert len(ultrasound_features(roi(bad)).missing) == len(ULTRASOUND_FEATURES)
    below = ultrasound_features(roi(picture() - 100))
    assert below.missing["speckle_pseudo_snr"] == "greys below 0"
    assert "no mass" in below.missing["fractal_lacunarity_2"]


def test_kidney_at_the_same_depth() -> None:
    greys = np.full((60, 60), 60.0)
    greys[:, :30] = 90.0
    greys[:20, :30] = 250.0  # liver above the kidney does not count
    liver, kidney = np.zeros((2, 60, 60), bool)
    liver[:, :28] = kidney[20:40, 34:50] = True
    plain = hepatorenal(greys, liver, kidney, compression=None)
    assert plain.values["grey_ratio"] == pytest.approx(1.5)
    assert "gain" in plain.flags["grey_ratio"]
    assert "compression" in plain.missing["amplitude_ratio"]
    one = hepatorenal(greys, liver, kidney, compression=LOG).values
    louder = hepatorenal(greys + 40 * (greys < 200), liver, kidney, compression=LOG).values
    assert one["amplitude_ratio"] == pytest.approx(10 ** (30 * 60 / 255 / 20))
    assert louder["amplitude_ratio"] == pytest.approx(one["amplitude_ratio"])
    assert louder["grey_ratio"] != pytest.approx(one["grey_ratio"])
    deep = np.zeros_like(kidney)
    deep[20:40, 34:50] = True
    shallow = liver & (np.indices(liver.shape)[0] < 10)
    apart = hepatorenal(greys, shallow, deep, compression=LOG)
    assert "at the depth of the other" in apart.missing["grey_ratio"]
    assert "overlap" in hepatorenal(greys, liver, liver, compression=LOG).missing["grey_ratio"]
    assert "kidney_mask" in hepatorenal(greys, liver, None, compression=LOG).missing["grey_ratio"]


@pytest.mark.parametrize(("k", "alpha"), [(0.0, 0.7), (0.7, 1.5), (1.8, 8.0)])
def test_log_moments_are_those_of_a_large_sample(k: float, alpha: float) -> None:
    """By simulation and, without a coherent part, by the closed form of the K distribution."""
    power = homodyned_k_envelope((1000, 1000), np.random.default_rng(8), k=k, alpha=alpha) ** 2
    x, u = (float(m) for m in xu_moments(k, alpha))
    assert x == pytest.approx(
        (power * np.log(power)).mean() / power.mean() - np.log(power).mean(), abs=0.02
    )
    assert u == pytest.approx(np.log(power).mean() - np.log(power.mean()), abs=0.01)
    if k == 0:
        from scipy.special import digamma

        assert x == pytest.approx(1 + 1 / alpha, abs=1e-9)
        assert u == pytest.approx(digamma(1) + digamma(alpha) - math.log(alpha), abs=1e-9)


def test_fully_developed_speckle_is_at_the_border_and_says_so() -> None:
    rng = np.random.default_rng(9)
    found = homodyned_k(rng.rayleigh(1.0, 200_000))
    assert found.alpha > 20
    assert found.k < 0.5
    few = homodyned_k(np.sqrt(rng.gamma(30.0, 1.0, 5000)))  # m of 30: beyond any of these
    assert few.remark


def test_settings_are_strict_and_machines_go_by_scanner() -> None:
    with pytest.raises(ConfigError, match="did you mean 'frequency_mhz'"):
        UltrasoundSettings.parse({"machine": {"frequency": 3.5}}, where="test")
    with pytest.raises(ConfigError, match="grey_high must lie above"):
        LogCompression.parse({"dynamic_range_db": 60, "grey_low": 9, "grey_high": 9}, where="test")
    with pytest.raises(ConfigError, match="once"):
        UltrasoundSettings.parse({"features": ["depth", "depth"]}, where="test")
    own = UltrasoundSettings.parse({"machines": {"A": {"frequency_mhz": 2}}}, where="test")
    assert own.machine_of("A").frequency_mhz == 2
    assert own.machine_of("B") == Machine()
