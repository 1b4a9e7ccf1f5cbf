"""Configuration: strict, frozen, safe."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from radiofib.config import StrictModel, load_yaml, parse_yaml
from radiofib.errors import ConfigError


class _Inner(StrictModel):
    width: float = 1.0


class _Outer(StrictModel):
    inner: _Inner = _Inner()
    many: tuple[_Inner, ...] = ()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(PLAIN)
def test_what_yaml_writes_is_read_back(value: object) -> None:
    assert parse_yaml(yaml.safe_dump(value)) == value


def test_objects_are_never_built() -> None:
    for text in ("!!python/object/apply:os.system ['true']", "!!python/name:os.system"):
        with pytest.raises(ConfigError, match="not valid YAML"):
            parse_yaml(text)


def test_unknown_key_inside_a_nested_model_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'inner.widht'.*did you mean 'width'"):
        _Outer.parse({"inner": {"widht": 1}}, where="c.yaml")
    with pytest.raises(ConfigError, match=r"many\.1\.x"):
        _Outer.parse({"many": [{}, {"x": 1}]}, where="c.yaml")


def test_wrong_type_is_named_with_what_was_found() -> None:
    with pytest.raises(ConfigError, match=r"inner.width.*'abc'"):
        _Outer.parse({"inner": {"width": "abc"}}, where="c.yaml")
    with pytest.raises(ConfigError, match="mapping"):
        _Outer.parse([1], where="c.yaml")


def test_models_are_frozen() -> None:
    with pytest.raises(ValidationError):
        _Outer().inner = _Inner()  # type: ignore[misc]


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent.yaml: no such file"):
        load_yaml(tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"title: \xe9\xff")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_yaml(tmp_path / "latin.yaml")
    with pytest.raises(ConfigError):
        load_yaml(tmp_path)
