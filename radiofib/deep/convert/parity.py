"""How far a converted model is from its source, and when that is too far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.deep.card import Parity
from radiofib.deep.session import open_session
from radiofib.errors import ModelError

__all__ = [
    "BOUNDS",
    "Bounds",
    "check_parity",
    "check_repeats",
    "compare_outputs",
    "run_outputs",
    "seeded_pictures",
]

Outputs = Mapping[str, NDArray[Any]]
#: How far a source may be from itself, of its largest value: sums in another order, by threads.
_REPEATED = 1e-5


@dataclass(frozen=True)
class Bounds:
    """What a converted model may differ by.

    Parameters
    ----------
    relative : float, optional
        Largest absolute difference over the largest absolute value of the output.
    absolute : float, optional
        Largest absolute difference; where the output exceeds 1, times its largest value, since
        the arithmetic is in float32.
    labels : float, optional
        Share of labels that must be equal.
    """

    relative: float | None = None
    absolute: float | None = None
    labels: float | None = None


#: kind of model -> what it may differ by
BOUNDS = {
    "classifier": Bounds(relative=1e-4),
    "extractor": Bounds(relative=1e-4),
    "volume": Bounds(relative=1e-4),
    "segmenter": Bounds(absolute=1e-5, labels=0.9999),
}


def compare_outputs(reference: Outputs, found: Outputs, *, against: str) -> Parity:
    """Compare the outputs of a converted model with those of its source.

    Whole numbers are labels and count as equal or not; of floats the largest difference counts,
    absolute and over the largest absolute value of that output; of ``logits`` of shape
    (inputs, classes) the share with the same largest class, of ``embedding`` the smallest cosine.

    Parameters
    ----------
    reference, found : mapping of str to ndarray
        By name of the output; the first axis is that of the inputs.
    against : str
        What the reference was computed with.

    Raises
    ------
    ModelError
        When an output is absent, of another shape or not finite.

    Examples
    --------
    >>> a = {"logits": np.array([[1.0, 2.0]])}
    >>> parity = compare_outputs(a, {"logits": np.array([[1.0, 2.5]])}, against="torch")
    >>> parity.largest_absolute, parity.largest_relative, parity.equal_labels
    (0.5, 0.25, 1.0)
    """
    absolute = relative = 0.0
    equal: float | None = None
    cosine: float | None = None
    floats = False
    for name, wanted in reference.items():
        got = found.get(name)
        if got is None or got.shape != wanted.shape:
            raise ModelError(
                "the converted model has another output than its source",
                where=name,
                expected=str(wanted.shape),
                found="none" if got is None else str(got.shape),
            )
        if wanted.dtype.kind in "iub":
            equal = float((wanted == got).mean())
            continue
        a, b = wanted.astype(np.float64), got.astype(np.float64)
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise ModelError(
                "outputs are not finite, so source and conversion cannot be compared",
                where=name,
                hint="check the weights and the normalisation",
            )
        floats = True
        apart, size = float(np.abs(a - b).max()), float(np.abs(a).max())
        absolute = max(absolute, apart)
        relative = max(relative, apart / size if size > 0 else float(apart > 0))
        if name == "logits" and a.ndim == 2:
            equal = float((a.argmax(axis=1) == b.argmax(axis=1)).mean())
        if name == "embedding":
            lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
            cosines = (a * b).sum(axis=1) / np.where(lengths > 0, lengths, 1)
            cosine = float(np.clip(cosines, -1, 1).min())
    return Parity(
        against=against,
        inputs=len(next(iter(reference.values()))),
        largest_absolute=absolute if floats else None,
        largest_relative=relative if floats else None,
        equal_labels=equal,
        cosine=cosine,
    )


def check_parity(parity: Parity, bounds: Bounds, reference: Outputs, *, where: str) -> None:
    """Raise when a converted model differs from its source by more than is allowed.

    Raises
    ------
    ModelError
        With what was measured and what is allowed.

    Examples
    --------
    >>> a = {"embedding": np.array([[1.0, 2.0]])}
    >>> parity = compare_outputs(a, {"embedding": np.array([[1.0, 2.1]])}, against="torch")
    >>> check_parity(parity, BOUNDS["extractor"], a, where="net.pt")
    Traceback (most recent call last):
    radiofib.errors.ModelError: net.pt: the converted model is not its source (expected a largest
    relative difference of 0.0001; found 0.05 against torch on 1 inputs). Next: ...
    """
    floats = [np.abs(a).max() for a in reference.values() if a.dtype.kind == "f"]
    problems = []
    if bounds.relative is not None and (parity.largest_relative or 0) > bounds.relative:
        problems.append((f"relative difference of {bounds.relative:g}", parity.largest_relative))
    if bounds.absolute is not None:
        allowed = bounds.absolute * max(1.0, *(float(a) for a in floats), 0.0)
        if (parity.largest_absolute or 0) > allowed:
            problems.append((f"absolute difference of {allowed:.3g}", parity.largest_absolute))
    for name, measured in problems:
        raise ModelError(
            "the converted model is not its source",
            where=where,
            expected=f"a largest {name}",
            found=f"{measured:.3g} against {parity.against} on {parity.inputs} inputs",
            hint="nothing was written; check that the named architecture is that of the weights, "
            "or convert the model as 'generic'",
        )
    share = parity.equal_labels
    if bounds.labels is not None and share is not None and share < bounds.labels:
        raise ModelError(
            "the converted model gives other labels than its source",
            where=where,
            expected=f"{bounds.labels:.2%} equal",
            found=f"{share:.3%} against {parity.against} on {parity.inputs} inputs",
            hint="nothing was written; convert the model as 'generic'",
        )


def check_repeats(
    source: Callable[[NDArray[Any]], Outputs], inputs: NDArray[Any], *, where: str
) -> None:
    """Raise when a source gives other values for the same inputs, as with dropout left on.

    Parameters
    ----------
    source : callable
        From a batch to its outputs by name.
    inputs : ndarray
        A batch.
    where : str
        For messages.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> check_repeats(lambda x: {"embedding": x + rng.normal(size=x.shape)}, np.zeros((1, 2)),
    ...               where="net.ts")
    Traceback (most recent call last):
    radiofib.errors.ModelError: net.ts: the source gives other values for the same input when it is
    run again: dropout or other chance is left on (expected ...
    """
    first, again = source(inputs), source(inputs)
    for name, values in first.items():
        a, b = values.astype(np.float64), again[name].astype(np.float64)
        size = float(np.abs(a).max(initial=0.0))
        apart = float(np.abs(a - b).max(initial=0.0))
        if apart > _REPEATED * size:
            raise ModelError(
                "the source gives other values for the same input when it is run again: dropout or "
                "other chance is left on",
                where=where,
                expected=f"the same values of {name!r}",
                found=f"values of up to {size:.3g} that are up to {apart:.3g} apart",
                hint="was eval() called? Call it before the model is scripted or traced, and save "
                "it again; nothing was written",
            )


def run_outputs(path: str | Path, array: NDArray[Any], names: list[str]) -> dict[str, NDArray[Any]]:
    """Return the named outputs of a model with one input, on the CPU."""
    session = open_session(path)
    feed = {session.inputs[0].name: array}
    bound = session.run_bound(feed, outputs=names)
    return dict(bound.values)


def seeded_pictures(n: int, shape: tuple[int, ...], *, seed: int = 0) -> NDArray[np.uint8]:
    """Draw pictures with coarse and fine structure, flat and full-range parts, to compare on.

    Parameters
    ----------
    n : int
    shape : tuple of int
        (rows, columns) or (rows, columns, channels).

    Returns
    -------
    ndarray of uint8, shape (n, *shape)

    Examples
    --------
    >>> seeded_pictures(2, (64, 48, 3)).shape
    (2, 64, 48, 3)
    """
    rng = np.random.default_rng(seed)
    pictures = np.zeros((n, *shape))
    rest = shape[2:]
    for k in range(n):
        for cell, weight in ((32, 60.0), (8, 35.0), (1, 20.0)):
            counts = tuple(-(-side // cell) for side in shape[:2])
            coarse = rng.normal(size=(*counts, *rest)) * weight
            fine = coarse.repeat(cell, axis=0).repeat(cell, axis=1)
            pictures[k] += fine[: shape[0], : shape[1]]
        pictures[k] += rng.uniform(60, 200)
        pictures[k, : shape[0] // 8] = 0
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8)
