"""How a run over many images is done, and where its time went."""

from __future__ import annotations

from dataclasses import dataclass, field

from radiofib.errors import UsageError

__all__ = ["RunSettings", "Timing"]


@dataclass(frozen=True)
class RunSettings:
    """How many images are worked on at once.

    Parameters
    ----------
    batch : int, optional
        Images at once; found on the first batches when not given.
    memory_mb : float
        Most memory that batches may take; bounds the search for `batch`.
    most : int
        Most images at once in that search.
    threads : int
        Threads that read and prepare images while the network computes.

    Raises
    ------
    UsageError
        When a number is not positive.
    """

    batch: int | None = None
    memory_mb: float = 1024.0
    most: int = 64
    threads: int = 2

    def __post_init__(self) -> None:
        for name in ("batch", "memory_mb", "most", "threads"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"{name} must be positive", found=f"{value:g}")


@dataclass
class Timing:
    """Where the time of a run went, in seconds; filled while it goes on.

    Parameters
    ----------
    decode_s : float
        Reading and preparing images, summed over threads.
    wait_s : float
        Waiting for images that were not ready.
    transfer_s, compute_s : float
        Copies to and from the device; the network.
    wall_s : float
        The whole run.
    images : int
        Images that went through the network.
    batch : int
        Images at once at the end.
    notes : list of str
        What was found out: a fixed batch, memory that did not do.
    """

    decode_s: float = 0.0
    wait_s: float = 0.0
    transfer_s: float = 0.0
    compute_s: float = 0.0
    wall_s: float = 0.0
    images: int = 0
    batch: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Images a second of the whole run."""
        return self.images / self.wall_s if self.wall_s else 0.0

    def shares(self) -> dict[str, float]:
        """Return the shares of decode, transfer and compute in the work done.

        Decoding runs beside computing, so these are shares of their sum and not of the wall time.

        Examples
        --------
        >>> Timing(decode_s=1.0, transfer_s=0.5, compute_s=2.5).shares()
        {'decode': 0.25, 'transfer': 0.125, 'compute': 0.625}
        """
        parts = {
            "decode": self.decode_s,
            "transfer": self.transfer_s,
            "compute": self.compute_s,
        }
        whole = sum(parts.values())
        return {name: value / whole if whole else 0.0 for name, value in parts.items()}
