"""Commands before features load what they use: who aligns images waits for no stager."""

from __future__ import annotations

import subprocess
import sys

import pytest

import radiofib.study

_HEAVY = {"sklearn", "xgboost", "statsmodels", "matplotlib", "skops", "skimage", "pydicom"}


@pytest.mark.parametrize(
    ("name", "heavy"),
    [("register_files", _HEAVY | {"numba", "scipy.stats"}), ("extract_cohort", _HEAVY)],
)
def test_commands_before_features_import_little(name: str, heavy: set[str]) -> None:
    code = f"import sys, radiofib.study; radiofib.study.{name}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not heavy & set(run.stdout.split())


def test_every_public_name_of_studies_is_found() -> None:
    for name in radiofib.study.__all__:
        found = getattr(radiofib.study, name)
        assert isinstance(found, str) or found.__module__.startswith("radiofib.study.")
    assert set(radiofib.study.__all__) <= set(dir(radiofib.study))
