from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import UsageError
from radiofib.simulate._random import child_rng, even_flags, gaussian_field, quota_sequence
from radiofib.simulate.laws import StageLaw, auc_ceiling


@given(st.lists(st.integers(0, 100), min_size=1, max_size=5).filter(sum))
def test_quota_gives_integer_weights_exactly(weights):
    names = [str(i) for i in range(len(weights))]
    dealt = quota_sequence(dict(zip(names, weights, strict=True)), sum(weights))
    assert [dealt.count(n) for n in names] == weights


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(1, 60))
def test_quota_of_fewer_places_is_a_beginning(weights, n):
    pairs = {str(i): w for i, w in enumerate(weights)}
    assert quota_sequence(pairs, n) == quota_sequence(pairs, 100)[:n]


@given(st.integers(0, 50), st.integers(1, 50), st.floats(0, 0.999))
def test_even_flags_flags_exactly_the_rate(a, b, offset):
    a = min(a, b)
    assert sum(even_flags(a / b, 3 * b, offset)) == 3 * a


def test_bad_weights_and_rates_are_refused():
    with pytest.raises(UsageError, match="vanish"):
        quota_sequence({"a": 0.0}, 3)
    with pytest.raises(UsageError, match="rate"):
        even_flags(1.5, 3, 0.0)
    with pytest.raises(UsageError, match="seed"):
        child_rng(-1, "x")


def test_streams_and_keys_are_independent():
    draws = {
        (stream, key): child_rng(3, stream, *key).random()
        for stream in ("a", "b")
        for key in ((), (0,), (0, 1), (1, 0))
    }
    assert len(set(draws.values())) == len(draws)


def test_field_has_the_asked_correlation_length():
    field = gaussian_field((512, 512), (6.0, 3.0), np.random.default_rng(1))
    for axis, length in ((0, 6), (1, 3)):
        at_length = float((field * np.roll(field, length, axis)).mean())
        assert at_length == pytest.approx(np.exp(-0.5), abs=0.05)


def test_low_cut_takes_the_clouds_out():
    plain = gaussian_field((256, 256), (3, 3), np.random.default_rng(1))
    nodular = gaussian_field((256, 256), (3, 3), np.random.default_rng(1), low_cut=6.0)

    def power_below(field, cut):
        f = np.fft.fftfreq(256)
        low = np.hypot(*np.meshgrid(f, f)) < cut
        spectrum = np.abs(np.fft.fft2(field)) ** 2
        return spectrum[low].sum() / spectrum.sum()

    assert power_below(nodular, 0.02) < 0.3 * power_below(plain, 0.02)


@settings(max_examples=20)
@given(st.floats(0, 2), st.integers(1, 4))
def test_auc_ceiling_agrees_with_simulation(step, cut):
    law = StageLaw(step=step)
    rng = np.random.default_rng(7)
    levels = np.arange(2000) % 5
    z = law.step * levels + rng.standard_normal(2000)
    wins = (z[levels >= cut][:, None] > z[levels < cut][None, :]).mean()
    assert auc_ceiling(law, [1] * 5, range(cut, 5)) == pytest.approx(wins, abs=0.05)
