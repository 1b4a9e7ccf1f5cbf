"""Shared fixtures: where the real data is, and a skip that says so when it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no reason for a property to fail.
settings.register_profile("radiofib", deadline=None)
settings.load_profile("radiofib")

_ROOT = Path(__file__).resolve().parent.parent


def _external_root() -> Path:
    return Path(os.environ.get("RADIOFIB_EXTERNAL_DATA", _ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def external_data() -> Path:
    """Folder of the shared real data; skips the test where it is absent."""
    root = _external_root()
    if not root.is_dir():
        pytest.skip("real data not found: set RADIOFIB_EXTERNAL_DATA to its folder")
    return root


@pytest.fixture(scope="session")
def repository() -> Path:
    """Top folder of the source tree."""
    return _ROOT
