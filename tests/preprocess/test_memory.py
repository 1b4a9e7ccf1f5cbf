"""The estimate of memory: what the system tells, limits of containers, and systems that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiofib.errors import EngineError
from radiofib.preprocess import available_bytes, check_memory, memory


def system(root: Path, meminfo: str | None = None, **groups: str) -> Path:
    for folder in ("proc", "sys/fs/cgroup/memory"):
        (root / folder).mkdir(parents=True)
    if meminfo is not None:
        (root / "proc/meminfo").write_text(meminfo)
    for name, text in groups.items():
        (root / "sys/fs/cgroup" / name.replace("__", "/").replace("_", ".", 1)).write_text(text)
    return root


MEMINFO = "MemTotal:  4000 kB\nMemAvailable:  3000 kB\n"


def test_what_is_left_of_the_system(tmp_path: Path) -> None:
    assert available_bytes(system(tmp_path, MEMINFO)) == 3000 * 1024


def test_a_container_has_less(tmp_path: Path) -> None:
    root = system(tmp_path, MEMINFO, memory_max="1000000\n", memory_current="400000\n")
    assert available_bytes(root) == 600_000


def test_a_container_without_a_limit(tmp_path: Path) -> None:
    root = system(tmp_path, MEMINFO, memory_max="max\n", memory_current="400000\n")
    assert available_bytes(root) == 3000 * 1024


def test_a_container_of_the_first_version(tmp_path: Path) -> None:
    root = system(tmp_path, MEMINFO)
    folder = root / "sys/fs/cgroup/memory"
    (folder / "memory.limit_in_bytes").write_text("700")
    (folder / "memory.usage_in_bytes").write_text("900")
    assert available_bytes(root) == 0


@pytest.mark.parametrize("meminfo", [None, "MemAvailable:\n", "MemAvailable: many kB\n", ""])
def test_a_system_that_does_not_tell(tmp_path: Path, meminfo: str | None) -> None:
    assert available_bytes(system(tmp_path, meminfo)) is None


def test_nothing_is_refused_where_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    check_memory(1e30, what="it", found="much", hint="less")
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**30)
    check_memory(2**30, what="it", found="much", hint="less")
    with pytest.raises(EngineError, match=r"at most 1 GiB; found much: about 2.5 GiB\)"):
        check_memory(2.5 * 2**30, what="it", found="much", hint="less")
