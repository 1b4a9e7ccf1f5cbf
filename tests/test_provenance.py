"""Hashes: equal for equal content, different for any change, blind to names of folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from radiofib.provenance import canonical_json, environment, hash_array, hash_file, hash_object

JSON = st.dictionaries(st.text(), st.integers() | st.floats(allow_nan=False) | st.text())


@given(JSON)
def test_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    assert hash_object(value) == hash_object(dict(reversed(value.items())))
    assert canonical_json(value) == canonical_json(dict(sorted(value.items())))


@given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4)))
def test_arrays_hash_by_type_shape_and_value(array: np.ndarray) -> None:
    assert hash_array(array) == hash_array(np.asfortranarray(array))
    assert hash_array(array) != hash_array(array.astype(np.float32))
    assert hash_array(array) != hash_array(array[None])


def test_folder_hash_sees_content_and_names_not_where_it_lies(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "a.dcm").write_bytes(b"a")
        (tmp_path / name / "b.dcm").write_bytes(b"b")
    first = hash_file(tmp_path / "one")
    assert hash_file(tmp_path / "two") == first
    (tmp_path / "two" / "b.dcm").rename(tmp_path / "two" / "c.dcm")
    assert hash_file(tmp_path / "two") != first
    (tmp_path / "one" / "b.dcm").write_bytes(b"B")
    assert hash_file(tmp_path / "one") != first


def test_environment_names_versions_alone() -> None:
    found = environment(("numpy",))
    assert found["numpy"] == np.__version__
    assert set(found) == {"python", "radiofib", "numpy"}
