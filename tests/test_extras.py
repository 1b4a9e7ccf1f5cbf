"""Optional parts: how to install them, and distributions that break each other."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from radiofib import _extras
from radiofib.errors import MissingExtraError


def test_missing_module_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_extras.EXTRAS, "no_such_module", ("onnx", "onnxruntime"))
    with pytest.raises(MissingExtraError, match=r"pip install 'radiofib\[onnx\]'"):
        _extras.require("no_such_module", purpose="this test")


def test_every_extra_is_one_of_setup_cfg(repository: Path) -> None:
    parser = configparser.ConfigParser()
    parser.read(repository / "setup.cfg", encoding="utf-8")
    extras = parser["options.extras_require"]
    for extra, distribution in _extras.EXTRAS.values():
        assert distribution in extras[extra]


@pytest.mark.parametrize(
    "pair", [("onnxruntime", "onnxruntime-gpu"), ("pyradiomics", "pyradiomics-cuda")]
)
def test_distributions_that_overwrite_each_other_are_found(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_extras, "_installed", lambda name: "1.0" if name in pair else None)
    problems = [f for f in _extras.diagnose() if f.status == "problem"]
    found = [f for f in problems if f.topic == " + ".join(pair)]
    assert len(found) == 1
    assert "pip uninstall" in found[0].text


def test_one_of_a_pair_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_extras, "_installed", lambda _name: None)
    assert all(f.status == "note" for f in _extras.diagnose())


def test_registered_but_gone_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_extras, "_installed", lambda _name: "1.0")
    monkeypatch.setattr(_extras, "is_available", lambda _module: False)
    texts = [f.text for f in _extras.diagnose() if f.topic == "shap"]
    assert texts
    assert "reinstall" in texts[0]
