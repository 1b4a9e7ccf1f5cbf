"""Records of finished work: whole with their files, or not there."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from radiofib.errors import ExportError
from radiofib.store import folder_within, read_record, tidy, write_record


def test_a_record_whose_file_changed_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("liver")
    pieces = tmp_path / "pieces"
    tidy(pieces)
    write_record(pieces, "k", [1, None], home=tmp_path, files=["a.txt"])
    assert read_record(pieces, "k", home=tmp_path) == [1, None]
    (tmp_path / "a.txt").write_text("spleen")
    assert read_record(pieces, "k", home=tmp_path) is None
    (tmp_path / "a.txt").unlink()
    assert read_record(pieces, "k", home=tmp_path) is None


def test_a_damaged_record_is_not_found(tmp_path: Path) -> None:
    write_record(tmp_path, "k", {"x": 1})
    text = (tmp_path / "k.json").read_text()
    for damaged in (text[:-5], text.replace('"x":1', '"x":2'), "[]", "null", ""):
        (tmp_path / "k.json").write_text(damaged)
        assert read_record(tmp_path, "k") is None
    assert read_record(tmp_path, "absent") is None


def test_only_old_leftovers_are_removed(tmp_path: Path) -> None:
    old, new = tmp_path / ".k.1.part", tmp_path / ".k.2.part"
    for path in (old, new):
        path.write_text("half")
    hours_ago = time.time() - 7200
    os.utime(old, (hours_ago, hours_ago))
    tidy(tmp_path)
    assert not old.exists()
    assert new.exists()


def test_a_folder_that_is_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    home.mkdir()
    (elsewhere / "deep").mkdir(parents=True)
    (home / "c01").symlink_to(elsewhere)
    (home / "c02").symlink_to(home / "c03")
    for name in ("c01", "c01/deep", "../elsewhere"):
        with pytest.raises(ExportError, match="outside the output folder"):
            folder_within(home, name)
    (home / "c03").mkdir()
    assert folder_within(home, "c02").is_dir()
    (tmp_path / "linked").symlink_to(home)
    assert folder_within(tmp_path / "linked", "c04").is_dir()
    (home / "c05").write_text("a file")
    with pytest.raises(ExportError, match="cannot be made"):
        folder_within(home, "c05")
