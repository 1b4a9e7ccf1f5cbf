"""The run folder: steps are redone exactly when something they depend on changed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radiofib.errors import UsageError
from radiofib.study.folder import RunFolder, verify_run
from radiofib.table import read_frame


def _counting_step(folder: RunFolder, key: dict[str, object], calls: list[int]) -> bool:
    def work() -> None:
        calls.append(1)
        folder.write_text("result.txt", str(key))

    return folder.step("s", key, ("result.txt",), work)


def test_step_is_done_once_for_equal_keys(tmp_path: Path) -> None:
    folder, calls = RunFolder(tmp_path), []
    assert _counting_step(folder, {"a": 1, "b": 2}, calls)
    assert not _counting_step(folder, {"b": 2, "a": 1}, calls)
    assert len(calls) == 1


@pytest.mark.parametrize("damage", ["changed", "deleted", "key", "steps"])
def test_step_is_redone_after_any_change(tmp_path: Path, damage: str) -> None:
    folder, calls = RunFolder(tmp_path), []
    _counting_step(folder, {"a": 1}, calls)
    key: dict[str, object] = {"a": 1}
    if damage == "changed":
        (tmp_path / "result.txt").write_text("other")
    elif damage == "deleted":
        (tmp_path / "result.txt").unlink()
    elif damage == "steps":
        (tmp_path / "steps.json").write_text("{ half")
    else:
        key = {"a": 2}
    assert _counting_step(folder, key, calls)
    assert len(calls) == 2


def test_a_step_that_fails_is_not_recorded(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)

    def fail() -> None:
        folder.write_text("result.txt", "half")
        raise UsageError("no")

    with pytest.raises(UsageError):
        folder.step("s", {}, ("result.txt",), fail)
    calls: list[int] = []
    assert _counting_step(folder, {}, calls)


def test_frames_read_back_to_the_last_bit(tmp_path: Path) -> None:
    values = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308]
    path = RunFolder(tmp_path).write_frame("f.csv", pd.DataFrame({"x": values}))
    back = read_frame(path)["x"].tolist()
    assert back == values


def test_verify_names_each_kind_of_change(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for name in ("same", "changed", "gone"):
        folder.write_text(f"{name}.txt", name)
    folder.write_text("features/pieces/x.json", "{}")
    folder.write_manifest()
    (tmp_path / "changed.txt").write_text("!")
    (tmp_path / "gone.txt").unlink()
    (tmp_path / "new.txt").write_text("?")
    status = verify_run(tmp_path).set_index("file")["status"].to_dict()
    assert status == {
        "same.txt": "ok",
        "changed.txt": "changed",
        "gone.txt": "missing",
        "new.txt": "extra",
    }


def test_a_file_where_the_folder_should_be_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="cannot be made"):
        RunFolder(tmp_path / "out")
