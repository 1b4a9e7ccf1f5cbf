"""A network with its card, run over many images: bounded memory, order kept, bad ones set apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from radiofib.deep.batching import BatchSize, PeakMemory
from radiofib.deep.card import ModelCard, Role, card_of_file
from radiofib.deep.inputs import check_range, read_picture_input
from radiofib.deep.providers import CPU, device_of
from radiofib.deep.run_settings import RunSettings, Timing
from radiofib.deep.session import OnnxSession, OutOfMemoryError, open_session
from radiofib.errors import ModelError
from radiofib.feed import Ready, in_order

__all__ = ["Found", "Network", "RunSettings", "Timing", "open_network", "run_many", "run_pictures"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Network:
    """An opened model whose card is complete and that of its graph; see :func:`open_network`.

    Parameters
    ----------
    session : OnnxSession
        The model.
    card : ModelCard
        What it must be given and what comes out.
    """

    session: OnnxSession
    card: ModelCard

    @property
    def fixed_batch(self) -> int | None:
        """How many images the graph takes at once; None where it takes any number."""
        return self.session.inputs[0].shape[0]

    def run(
        self, batch: NDArray[Any], roles: Sequence[Role]
    ) -> tuple[dict[Role, NDArray[Any]], float, float]:
        """Return the outputs of a batch by role, and the seconds of transfer and of computing.

        Raises
        ------
        ModelError
            When the card has no such output, or the model fails.
        """
        names = {role: self._output(role) for role in roles}
        port = self.session.inputs[0].name
        found = self.session.run_bound({port: batch}, outputs=list(names.values()))
        values = {role: found.values[name] for role, name in names.items()}
        return values, found.transfer_s, found.compute_s

    def _output(self, role: Role) -> str:
        output = self.card.output(role)
        if output is None:
            raise ModelError(
                f"the model has no output {role!r}",
                where=self.session.name,
                expected=", ".join(o.role for o in self.card.outputs),
                hint="convert the model again with this output",
            )
        return output.name


def open_network(
    path: str | Path,
    *,
    stated: Mapping[str, Any] | None = None,
    providers: Sequence[str] = (CPU,),
    threads: int = 1,
    memory_mb: float | None = None,
) -> Network:
    """Open a model and check its card against its graph.

    Parameters
    ----------
    path : path
        The ``.onnx`` file.
    stated : mapping, optional
        Facts the model's card does not state, or states otherwise.
    providers, threads
        As for :func:`radiofib.deep.open_session`.
    memory_mb : float, optional
        Most memory on a GPU.

    Raises
    ------
    MissingExtraError
        Without onnxruntime.
    ConfigError
        When a fact is stated nowhere.
    ModelError
        When the file is no usable model, or the card is not that of the graph.
    """
    session = open_session(path, providers=providers, threads=threads, gpu_memory_mb=memory_mb)
    card = card_of_file(path, session, stated)
    return Network(session, card)


class Found(NamedTuple, Generic[T]):
    """What came out for one item.

    Parameters
    ----------
    item : object
        As given.
    outputs : dict of ndarray or None
        By role, without the axis of the batch; None when it failed.
    error : Exception or None
        Why it failed.
    """

    item: T
    outputs: dict[Role, NDArray[Any]] | None
    error: Exception | None


def run_pictures(
    network: Network,
    paths: Sequence[str | Path],
    roles: Sequence[Role],
    *,
    settings: RunSettings | None = None,
    timing: Timing | None = None,
    white: float | None = None,
) -> Iterator[Found[str | Path]]:
    """Run a network over picture files: :func:`run_many` with the card's preprocessing.

    Raises
    ------
    ModelError
        When the network takes volumes.
    """
    how = network.card.preprocessing
    if network.card.kind == "volume":
        raise ModelError(
            "the model takes volumes, not pictures",
            where=network.session.name,
            hint="use it in section 'embedding' of an extraction, on a cohort of volumes",
        )

    def prepare(path: str | Path) -> NDArray[Any]:
        return read_picture_input(path, how, white=white)

    return run_many(
        network, paths, roles, prepare=prepare, name=str, settings=settings, timing=timing
    )


def run_many(
    network: Network,
    items: Sequence[T],
    roles: Sequence[Role],
    *,
    prepare: Callable[[T], NDArray[Any]],
    name: Callable[[T], str],
    settings: RunSettings | None = None,
    timing: Timing | None = None,
) -> Iterator[Found[T]]:
    """Run a network over items; yield each in the order given, whatever happens to others.

    Threads prepare items while the network computes. Items of one shape go in batches; the size
    of a batch is found on the first ones within the bound of memory, and halved when a device
    runs out of it. When a batch fails its items are run one by one, so that only the bad one is
    lost; an output that is not finite is an error of its item. A graph whose batch is fixed is
    given that many at once, the last batch filled up with zeros.

    The result does not depend on the number of threads. It does not depend on the batch either
    where the runtime computes each image by itself: onnxruntime's CPU provider does so for
    convolutions and pooling; a matrix product over the batch (a linear head, a transformer) may
    differ in the last bits between one image at once and several. State ``batch=1`` where bytes
    must not depend on it.

    Parameters
    ----------
    network : Network
        From :func:`open_network`.
    items : sequence
        What to run on.
    roles : sequence of {"logits", "embedding", "feature_map", "label_map"}
        Which outputs.
    prepare : callable
        Returns the input of one item, without the axis of the batch; values outside what the card
        allows are an error of that item.
    name : callable
        What to call an item in errors.
    settings : RunSettings, optional
        Batch, memory, threads.
    timing : Timing, optional
        Filled while the run goes on.

    Raises
    ------
    ModelError
        When the card has no output of a role.
    """
    settings = settings or RunSettings()
    for role in roles:
        network._output(role)
    how = network.card.preprocessing

    def checked(item: T) -> NDArray[Any]:
        array = prepare(item)
        check_range(array, how, where=name(item))
        return array

    return _Run(network, tuple(roles), name, settings, timing or Timing()).over(items, checked)


class _Run(Generic[T]):
    """One run over many items."""

    def __init__(
        self,
        network: Network,
        roles: tuple[Role, ...],
        name: Callable[[T], str],
        settings: RunSettings,
        timing: Timing,
    ) -> None:
        self._network, self._roles, self._name = network, roles, name
        self._settings, self._timing = settings, timing
        self._on_gpu = device_of(network.session.providers) == "cuda"
        self._memory: PeakMemory | None = None
        self._fixed = network.fixed_batch
        fixed = self._fixed or settings.batch
        self._batch = BatchSize(settings.memory_mb * 1e6, settings.most, fixed)
        if self._fixed is not None:
            text = "one image" if self._fixed == 1 else f"{self._fixed} images"
            timing.notes.append(f"the graph's batch is fixed: {text} at once")

    def over(self, items: Sequence[T], prepare: Callable[[T], NDArray[Any]]) -> Iterator[Found[T]]:
        timing, start = self._timing, time.perf_counter()
        self._memory = None if self._batch.settled or self._on_gpu else PeakMemory()
        ahead = 2 * max(self._batch.size, min(self._settings.most, 16))
        waiting: list[Ready[T, NDArray[Any]]] = []
        shape: tuple[int, ...] | None = None
        asked = time.perf_counter()
        for ready in in_order(items, prepare, threads=self._settings.threads, ahead=ahead):
            timing.wait_s += time.perf_counter() - asked
            timing.decode_s += ready.seconds
            if ready.value is not None:
                if shape is not None and ready.value.shape != shape:
                    yield from self._flush(waiting)
                    waiting = []
                shape = ready.value.shape
            waiting.append(ready)
            if sum(r.value is not None for r in waiting) >= self._batch.size:
                yield from self._flush(waiting)
                waiting, shape = [], None
            asked = time.perf_counter()
        yield from self._flush(waiting)
        timing.batch = self._batch.size
        timing.notes += self._batch.notes
        timing.wall_s += time.perf_counter() - start

    def _flush(self, waiting: list[Ready[T, NDArray[Any]]]) -> list[Found[T]]:
        """Run what is ready and return it in order, between the items that could not be read."""
        good = [r for r in waiting if r.value is not None]
        full = len(good) == self._batch.size
        done = iter(self._run(good))
        if full:
            # On a GPU the runtime itself keeps to the bound: growing ends where it says so.
            self._batch.measured(self._memory.growth() if self._memory else 0)
        return [
            next(done) if r.value is not None else Found(r.item, None, r.error) for r in waiting
        ]

    def _run(self, good: list[Ready[T, NDArray[Any]]]) -> list[Found[T]]:
        if not good:
            return []
        arrays = [r.value for r in good if r.value is not None]
        batch = np.stack(arrays)
        if self._fixed is not None and len(arrays) < self._fixed:
            filled = np.zeros((self._fixed, *batch.shape[1:]), batch.dtype)
            filled[: len(arrays)] = batch
            batch = filled
        try:
            values, transfer, compute = self._network.run(batch, self._roles)
        except OutOfMemoryError as error:
            if len(good) == 1 or self._fixed is not None or not self._batch.out_of_memory():
                return [Found(r.item, None, self._named(error, r.item)) for r in good]
            return self._apart(good)
        except ModelError as error:
            if len(good) == 1:
                return [Found(good[0].item, None, self._named(error, good[0].item))]
            return [found for r in good for found in self._run([r])]
        self._timing.transfer_s += transfer
        self._timing.compute_s += compute
        self._timing.images += len(good)
        for role, value in values.items():
            if value.ndim == 0 or value.shape[0] != batch.shape[0]:
                shape = ModelError(
                    f"output {role!r} has not one entry for each image",
                    where=self._network.session.name,
                    expected=str(batch.shape[0]),
                    found=str(value.shape),
                )
                return [Found(r.item, None, shape) for r in good]
        return [self._one(r.item, {k: v[i] for k, v in values.items()}) for i, r in enumerate(good)]

    def _apart(self, good: list[Ready[T, NDArray[Any]]]) -> list[Found[T]]:
        """Run in smaller batches, which may become smaller still on the way."""
        found: list[Found[T]] = []
        while len(found) < len(good):
            found += self._run(good[len(found) : len(found) + self._batch.size])
        return found

    def _one(self, item: T, outputs: dict[Role, NDArray[Any]]) -> Found[T]:
        """Return one item's outputs, or the error that they are not finite."""
        for role, value in outputs.items():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                error = ModelError(
                    f"the network's {role} is not finite",
                    where=self._name(item),
                    found=f"{int(np.count_nonzero(~np.isfinite(value)))} of {value.size} values",
                    hint="check this image, and that the card's preprocessing is the training's",
                )
                return Found(item, None, error)
        return Found(item, {k: np.ascontiguousarray(v) for k, v in outputs.items()}, None)

    def _named(self, error: ModelError, item: T) -> ModelError:
        return type(error)(
            error.problem,
            where=f"{self._network.session.name} on {self._name(item)}",
            expected=error.expected,
            found=error.found,
            hint=error.hint,
        )
