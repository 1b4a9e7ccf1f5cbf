from __future__ import annotations

import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import ModelError
from radiofib.staging import STAGERS, TRUSTED_TYPES, load_stager, make_stager, save_stager


def _stages(stager):
    levels = ["s1", "s1", "s4", "s4"] if stager == "FirthStager" else META["levels"]
    return np.repeat(levels, 10)


@pytest.fixture(params=list(STAGERS))
def trained(request):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(40, 4)), columns=list("abcd"))
    X.loc[3, "b"] = np.nan
    X["scanner"] = ["A", "B"] * 20
    trees = request.param in ("random_forest", "xgboost")
    small = {"n_estimators": 10} if trees else {}
    stager = make_stager(request.param, scanner_column="scanner", **small)
    return stager.fit(X, _stages(type(stager).__name__)), X


META = {"levels": ["s1", "s2", "s3", "s4"], "scheme": "lifs", "config_hash": "ab" * 32}


def _rewrite(path, name, change):
    with zipfile.ZipFile(path) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    members[name] = change(members[name])
    with zipfile.ZipFile(path, "w") as archive:
        for n, content in members.items():
            archive.writestr(n, content)


def test_round_trip(trained, tmp_path):
    stager, X = trained
    path = tmp_path / "model.skops"
    stored = save_stager(stager, path, metadata=META)
    model, metadata = load_stager(path)
    assert metadata == stored
    assert metadata["feature_columns"] == list("abcd")
    assert metadata["scanner_column"] == "scanner"
    assert metadata["levels"] == META["levels"]
    assert {"radiofib", "scikit-learn"} <= metadata["versions"].keys()
    assert type(model) is type(stager)
    assert model.get_params() == stager.get_params()
    assert (model.predict_proba(X[X.columns[::-1]]) == stager.predict_proba(X)).all()
    assert [p.name for p in tmp_path.iterdir()] == ["model.skops"]


def test_equal_models_are_equal_bytes(trained, tmp_path):
    stager, X = trained
    first, again = tmp_path / "a.skops", tmp_path / "b.skops"
    save_stager(stager, first, metadata=META)
    y = _stages(type(stager).__name__)
    save_stager(stager.__class__(**stager.get_params()).fit(X, y), again, metadata=META)
    assert first.read_bytes() == again.read_bytes()
    save_stager(load_stager(first)[0], again, metadata=META)
    assert (load_stager(again)[0].predict_proba(X) == stager.predict_proba(X)).all()


def test_no_pickle_inside(trained, tmp_path):
    path = tmp_path / "model.skops"
    save_stager(trained[0], path)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".npy"):
                with archive.open(name) as stream:
                    np.load(stream, allow_pickle=False)


@pytest.mark.parametrize("package", ["radiofib", "scikit-learn"])
def test_another_version_is_named(trained, tmp_path, package):
    path = tmp_path / "model.skops"
    save_stager(trained[0], path)

    def older(content):
        metadata = json.loads(content)
        metadata["versions"][package] = "0.0.9"
        return json.dumps(metadata).encode()

    _rewrite(path, "radiofib.json", older)
    with pytest.raises(ModelError, match=rf"another version.*found {package} 0\.0\.9.*train again"):
        load_stager(path)


def test_another_format_is_named(trained, tmp_path):
    path = tmp_path / "model.skops"
    save_stager(trained[0], path)
    _rewrite(path, "radiofib.json", lambda c: c.replace(b'"format":1', b'"format":99'))
    with pytest.raises(ModelError, match="another format"):
        load_stager(path)


def test_types_that_are_not_listed_are_refused(trained, tmp_path):
    path = tmp_path / "model.skops"
    save_stager(trained[0], path)

    def foreign(content):
        schema = json.loads(content)
        schema["content"]["content"]["intruder"] = {
            "__class__": "Popen",
            "__module__": "subprocess",
            "__loader__": "ObjectNode",
            "content": {
                "__class__": "dict",
                "__module__": "builtins",
                "__loader__": "DictNode",
                "content": {},
                "key_types": {
                    "__class__": "list",
                    "__module__": "builtins",
                    "__loader__": "ListNode",
                    "content": [],
                    "__id__": 900001,
                },
                "__id__": 900002,
            },
            "__id__": 900003,
        }
        return json.dumps(schema).encode()

    _rewrite(path, "schema.json", foreign)
    with pytest.raises(ModelError, match=r"not trusted.*subprocess\.Popen"):
        load_stager(path)


def test_every_trusted_type_exists_and_is_needed(tmp_path):
    import importlib

    for name in TRUSTED_TYPES:
        module, kind = name.rsplit(".", 1)
        assert hasattr(importlib.import_module(module), kind)


@pytest.mark.parametrize("content", [b"", b"not a zip", None])
def test_unusable_files_are_named(tmp_path, content):
    path = tmp_path / "model.skops"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="no such file" if content is None else "not a model"):
        load_stager(path)


def test_a_damaged_file_is_named(trained, tmp_path):
    path = tmp_path / "model.skops"
    save_stager(trained[0], path)
    _rewrite(path, "schema.json", lambda c: c[: len(c) // 2])
    with pytest.raises(ModelError, match="cannot be read"):
        load_stager(path)


def test_only_fitted_stagers_with_plain_metadata_are_stored(trained, tmp_path):
    with pytest.raises(ModelError, match="only a fitted stager"):
        save_stager(make_stager("logistic"), tmp_path / "m.skops")
    with pytest.raises(ModelError, match="plain values"):
        save_stager(trained[0], tmp_path / "m.skops", metadata={"levels": {1, 2}})
    assert list(tmp_path.iterdir()) == []
