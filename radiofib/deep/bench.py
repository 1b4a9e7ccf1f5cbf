"""How fast a model is on this machine, and where the time goes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from radiofib.deep.card import Role
from radiofib.deep.network import Network, RunSettings, Timing, open_network, run_pictures
from radiofib.deep.providers import CPU, provider_name, short_name
from radiofib.deep.range_doubts import range_doubts
from radiofib.errors import ModelError, UsageError

__all__ = ["BenchRow", "bench_model", "find_pictures", "write_frames"]

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif")


@dataclass(frozen=True)
class BenchRow:
    """The speed of a model with one provider.

    Parameters
    ----------
    provider : str
        Short name.
    used : bool
        Whether it was in use; when not, nothing was measured.
    images, failed : int
        Images that gave what can be used, and those that did not.
    batch : int
        Images at once.
    images_per_s : float or None
        Of the whole run, reading included; None, as the shares, where no image went through.
    decode, transfer, compute : float or None
        Shares of the work: reading and preparing (summed over threads), copies to and from the
        device, the network.
    notes : tuple of str
        Why a provider was not in use, what of the card is in doubt, what was found about the
        batch, the first error.
    """

    provider: str
    used: bool
    images: int = 0
    failed: int = 0
    batch: int = 0
    images_per_s: float | None = None
    decode: float | None = None
    transfer: float | None = None
    compute: float | None = None
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return asdict(self) | {"notes": list(self.notes)}


def find_pictures(folder: str | Path) -> list[Path]:
    """Return the picture files below a folder, in order of their names.

    Raises
    ------
    UsageError
        When there is no such folder, or no picture in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError("no such folder of images", where=str(folder), hint="check the path")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file())
    if not found:
        raise UsageError(
            "no picture in this folder", where=str(folder), expected=", ".join(_SUFFIXES)
        )
    return found


def write_frames(folder: str | Path, count: int = 64, *, seed: int = 0) -> list[Path]:
    """Write simulated grey frames of 480 x 640 pixels as PNG: speckle that fades with depth.

    The envelope of complex Gaussian noise is Rayleigh distributed, as fully developed speckle is;
    it is compressed by a logarithm. Enough like an ultrasound frame to take as long to decode.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = write_frames(folder, 2)
    ...     [PIL.Image.open(p).size for p in paths]
    [(640, 480), (640, 480)]
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    depth = np.linspace(0, 40, 480)[:, None]
    paths = []
    for number in range(count):
        parts = random.normal(size=(2, 480, 640))
        decibel = 20 * np.log10(np.hypot(*parts) + 1e-3)
        grey = 150 + 4 * decibel - random.uniform(0.5, 1.5) * depth
        paths.append(folder / f"frame_{number:04d}.png")
        PIL.Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(paths[-1])
    return paths


def bench_model(
    path: str | Path,
    images: Sequence[str | Path],
    *,
    providers: Sequence[str] = (CPU,),
    settings: RunSettings | None = None,
    stated: Mapping[str, Any] | None = None,
    threads: int = 1,
) -> list[BenchRow]:
    """Measure a model over pictures, once with each provider.

    The first batch is run before the clock starts: it makes kernels and takes memory. Each
    picture is then read, prepared and run once.

    Parameters
    ----------
    path : path
        The model.
    images : sequence of path
        Pictures.
    providers : sequence of str
        As for :func:`radiofib.deep.open_session`, each by itself.
    settings : RunSettings, optional
        Batch, memory, threads that decode.
    stated : mapping, optional
        Facts the model's card does not state.
    threads : int
        Threads inside an operator on a CPU.

    Raises
    ------
    ConfigError, ModelError
        As :func:`radiofib.deep.network.open_network`.
    """
    settings = settings or RunSettings()
    rows = []
    for provider in dict.fromkeys(provider_name(p) for p in providers):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the row says it
            network = open_network(
                path,
                stated=stated,
                providers=[provider],
                threads=threads,
                memory_mb=settings.memory_mb,
            )
        if provider not in network.session.providers:
            rows.append(BenchRow(short_name(provider), used=False, notes=network.session.notes))
            continue
        rows.append(_measure(network, short_name(provider), images, settings))
    return rows


def _measure(
    network: Network, provider: str, images: Sequence[str | Path], settings: RunSettings
) -> BenchRow:
    roles: list[Role] = [output.role for output in network.card.outputs]
    if network.card.kind == "volume":
        raise ModelError(
            "the model takes volumes, and the bench gives it pictures",
            where=network.session.name,
        )
    first = settings.batch or 1
    for _ in run_pictures(network, images[:first], roles, settings=settings):
        pass
    timing, failed, error = Timing(), 0, ""
    for found in run_pictures(network, images, roles, settings=settings, timing=timing):
        if found.error is not None:
            failed += 1
            error = error or str(found.error)
    notes = [*range_doubts(network.card.preprocessing), *timing.notes]
    if error:
        notes.append(f"{failed} failed, first: {error}")
    row = BenchRow(
        provider,
        used=True,
        images=len(images) - failed,
        failed=failed,
        batch=timing.batch,
        notes=tuple(notes),
    )
    if not row.images:  # the speed of failing is no speed
        return row
    shares = timing.shares()
    return replace(
        row,
        images_per_s=row.images / timing.wall_s,
        decode=shares["decode"],
        transfer=shares["transfer"],
        compute=shares["compute"],
    )
