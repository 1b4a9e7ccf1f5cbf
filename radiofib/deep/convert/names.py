"""Weights fitted to an architecture by their names; what does not fit is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from radiofib._checks import list_some, nearest
from radiofib.deep.convert.graph import Weights
from radiofib.errors import ModelError

__all__ = ["fit_weights", "without_prefix"]

_COUNTERS = "num_batches_tracked"


def without_prefix(weights: Weights, anchor: str) -> Weights:
    """Take off what stands before every name, such as ``module.`` or ``model.``.

    Parameters
    ----------
    weights : dict
    anchor : str
        A name that every such network has; what stands before it is the prefix. Weights without
        it are kept as they are named.

    Examples
    --------
    >>> sorted(without_prefix({"module.conv1.weight": 1, "module.fc.bias": 2}, "conv1.weight"))
    ['conv1.weight', 'fc.bias']
    """
    ends = [n for n in weights if n == anchor or n.endswith("." + anchor)]
    if not ends:
        return dict(weights)
    prefix = min(ends, key=len)[: -len(anchor)]
    return {n.removeprefix(prefix): a for n, a in weights.items()}


def fit_weights(
    weights: Weights,
    shapes: Mapping[str, tuple[int, ...]],
    *,
    architecture: str,
    where: str,
    unused: Iterable[str] = (),
) -> Weights:
    """Return the weights an architecture has, in its order, checked one by one.

    Parameters
    ----------
    weights : dict of str to ndarray
    shapes : mapping of str to tuple of int
        Every name the architecture has, and its shape.
    architecture, where : str
        For the message.
    unused : iterable of str
        Beginnings of names that may be there and are not used, such as another head.

    Raises
    ------
    ModelError
        Naming missing, unexpected and mis-shaped weights, with the nearest names.

    Examples
    --------
    >>> import numpy as np
    >>> fit_weights({"fc.wieght": np.zeros(2)}, {"fc.weight": (2,)}, architecture="net",
    ...             where="w.pt")
    Traceback (most recent call last):
    radiofib.errors.ModelError: w.pt: the weights are not those of net (expected 1 missing:
    fc.weight (nearest there: fc.wieght); found 1 unexpected: fc.wieght). Next: ...
    """
    there = {
        n: a
        for n, a in weights.items()
        if not n.endswith(_COUNTERS) and not any(n.startswith(u) for u in unused)
    }
    missing = [n for n in shapes if n not in there]
    unexpected = [n for n in there if n not in shapes]
    odd = [n for n, shape in shapes.items() if n in there and there[n].shape != tuple(shape)]
    if not (missing or unexpected or odd):
        return {n: there[n] for n in shapes}
    wanted, found = [], []
    if missing:
        wanted.append(f"{len(missing)} missing: {list_some(_near(missing, unexpected), 5)}")
    if odd:
        pairs = (f"{n} {_size(shapes[n])}" for n in odd)
        wanted.append(f"{len(odd)} of another shape: {list_some(pairs, 5)}")
        found.append(list_some((f"{n} {_size(there[n].shape)}" for n in odd), 5))
    if unexpected:
        found.append(f"{len(unexpected)} unexpected: {list_some(unexpected, 5)}")
    raise ModelError(
        f"the weights are not those of {architecture}",
        where=where,
        expected="; ".join(wanted) or "no others",
        found="; ".join(found) or f"{len(there)} weights",
        hint="name the architecture the weights were made for, or use 'generic' with the model "
        "as TorchScript",
    )


def _near(missing: list[str], there: list[str]) -> list[str]:
    """Add the nearest name that is there to the first missing ones."""
    told = []
    for number, name in enumerate(missing):
        close = nearest(name, there) if number < 5 else None
        told.append(f"{name} (nearest there: {close})" if close else name)
    return told


def _size(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
