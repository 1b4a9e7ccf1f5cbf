"""How much memory there is, and a refusal before work that would not fit into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from radiofib.errors import EngineError

__all__ = ["available_bytes", "check_memory", "readable_size"]

#: Control groups, the limits of containers: limit and use, version 2 and version 1.
_GROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return how much memory can be had, or None where the system does not tell.

    It is what the system has left, or what is left below the limit of the container.

    Parameters
    ----------
    root : path
        Where ``proc`` and ``sys`` are.

    Examples
    --------
    >>> found = available_bytes()
    >>> found is None or found > 0
    True
    """
    return min(_known(root), default=None)


def _known(root: Path) -> Iterator[int]:
    with suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
    for limit, used in _GROUPS:
        with suppress(OSError, ValueError):  # no such group, or no limit ("max")
            folder = root / "sys/fs/cgroup"
            yield max(int((folder / limit).read_text()) - int((folder / used).read_text()), 0)
    if root == Path("/") and not (root / "proc/meminfo").exists():
        with suppress(OSError, ValueError, AttributeError):
            yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def readable_size(number: float) -> str:
    """Return a number of bytes as people read it.

    Examples
    --------
    >>> readable_size(3 * 2**30), readable_size(200 * 2**20)
    ('3 GiB', '200 MiB')
    """
    unit, size = ("GiB", 2**30) if number >= 2**30 else ("MiB", 2**20)
    return (
        f"{number / size:,.3g} {unit}" if number / size < 1000 else f"{number / size:,.0f} {unit}"
    )


def check_memory(needed: float, *, what: str, found: str, hint: str) -> None:
    """Refuse work that needs more memory than there is.

    Parameters
    ----------
    needed : float
        Estimate in bytes.
    what : str
        What would not fit, as the message's subject.
    found : str
        What makes it so large.
    hint : str
        What to do.

    Raises
    ------
    EngineError
        With the estimate and what there is.

    Examples
    --------
    >>> check_memory(1.0, what="the region", found="1 voxel", hint="use a coarser one")
    >>> check_memory(1e18, what="the region", found="many voxels", hint="use a coarser one")
    Traceback (most recent call last):
    radiofib.errors.EngineError: the region does not fit into memory (expected at most ...; found
    many voxels: about 931,322,575 GiB). Next: use a coarser one.
    """
    there = available_bytes()
    if there is None or needed <= there:
        return
    raise EngineError(
        f"{what} does not fit into memory",
        expected=f"at most {readable_size(there)}",
        found=f"{found}: about {readable_size(needed)}",
        hint=hint,
    )
