"""How many images at once: found on the first batches, within a bound of memory."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["BatchSize", "PeakMemory"]


class PeakMemory:
    """How far the memory of this process has grown at its highest, in bytes.

    On Linux the peak is set back when asked to, so that earlier peaks do not count. Elsewhere
    the highest memory since the process began is taken, and growth below it is not seen. A
    system that takes back unused memory meanwhile hides as much of the growth.

    Examples
    --------
    >>> memory = PeakMemory()
    >>> block = bytearray(50_000_000)
    >>> 0 <= memory.growth() < 10**12
    True
    """

    def __init__(self) -> None:
        self._exact = _reset()
        self._start = _resident() if self._exact else _highest()

    def growth(self) -> int:
        """Return the highest memory since the start, less the memory at the start."""
        return max(0, _highest() - self._start)


def _reset() -> bool:
    """Set the peak of this process back to what it uses now; False where that is not possible."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _status(name: str) -> int | None:
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    line = next((n for n in text.splitlines() if n.startswith(f"{name}:")), None)
    return None if line is None else int(line.split()[1]) * 1024


def _resident() -> int:
    found = _status("VmRSS")
    return _highest() if found is None else found


def _highest() -> int:
    found = _status("VmHWM")
    if found is not None:
        return found
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class BatchSize:
    """The number of images of the next batch.

    It starts at one and doubles as long as the memory that was measured, carried on by what the
    last images took, stays within the bound; a device that runs out of memory halves it, and it
    grows no more. So nothing is assumed about a network: only what its first batches took counts.

    Parameters
    ----------
    bound : float
        Most memory in bytes.
    most : int
        Most images at once.
    fixed : int, optional
        This many from the start; only running out of memory changes it.

    Examples
    --------
    >>> batch = BatchSize(bound=1000, most=64)
    >>> for used in (100, 180, 340):  # 20 and 80 an image
    ...     batch.measured(used)
    >>> batch.size, batch.settled
    (8, False)
    >>> batch.measured(660)
    >>> batch.size, batch.settled  # 16 would take 1300
    (8, True)
    """

    def __init__(self, bound: float, most: int = 64, fixed: int | None = None) -> None:
        self.size = 1 if fixed is None else fixed
        self.settled = fixed is not None or most <= 1
        self.notes: tuple[str, ...] = ()
        self._bound, self._most = bound, most
        self._before: tuple[int, float] = (0, 0.0)

    def measured(self, used: float) -> None:
        """Take note of the memory (bytes) after a full batch of :attr:`size`, and grow or settle.

        Batches that are not full say too little and must not be reported.
        """
        if self.settled:
            return
        if used > self._bound:
            self._settle(max(1, self.size // 2))
            if self.size == 1:
                self.notes += (
                    f"one image alone takes {used / 1e6:.0f} MB, more than the "
                    f"{self._bound / 1e6:.0f} MB allowed",
                )
            return
        images, earlier = self._before
        each = max(0.0, used - earlier) / (self.size - images)
        self._before = (self.size, used)
        if 2 * self.size > self._most or used + self.size * each > self._bound:
            self._settle(self.size)
        else:
            self.size *= 2

    def out_of_memory(self) -> bool:
        """Halve the batch; False when it is one image already."""
        if self.size <= 1:
            return False
        self._settle(self.size // 2)
        self.notes += (f"out of memory: {self.size} images at once from then on",)
        return True

    def _settle(self, size: int) -> None:
        self.size, self.settled = size, True
