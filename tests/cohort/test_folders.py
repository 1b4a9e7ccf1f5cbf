"""Folder names of cases never collide."""

from __future__ import annotations

from radiofib.cohort.folders import folder_names


def test_folder_names_never_collide() -> None:
    keys = [
        ("a", ""),
        ("A", ""),
        ("a__b", ""),
        ("a", "b"),
        ("x/y", ""),
        ("x:y", ""),
        ("n" * 300, ""),
    ]
    names = folder_names(keys)
    assert len({name.casefold() for name in names.values()}) == len(keys)
    assert all(len(name) <= 80 for name in names.values())
    assert folder_names([("a01", "")]) == {("a01", ""): "a01"}
