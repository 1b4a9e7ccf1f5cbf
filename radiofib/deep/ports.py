"""Inputs and outputs of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Port"]


@dataclass(frozen=True)
class Port:
    """An input or output of a model.

    Parameters
    ----------
    name : str
        As in the model.
    shape : tuple of int or None
        None where the model leaves the length open.
    type : str
        ONNX type, such as ``tensor(float)``.

    Examples
    --------
    >>> Port("image", (1, 1, None, 64, 64), "tensor(float)").describe()
    "'image' 1 x 1 x ? x 64 x 64 tensor(float)"
    """

    name: str
    shape: tuple[int | None, ...]
    type: str

    def describe(self) -> str:
        """Return name, shape and type as text; ``?`` is an open length."""
        lengths = " x ".join("?" if n is None else str(n) for n in self.shape)
        return f"{self.name!r} {lengths} {self.type}"

    def fits(self, shape: Sequence[int]) -> bool:
        """Tell whether an array of this shape can be given.

        Examples
        --------
        >>> Port("image", (1, None), "tensor(float)").fits((1, 7))
        True
        >>> Port("image", (1, None), "tensor(float)").fits((2, 7))
        False
        """
        return len(shape) == len(self.shape) and all(
            wanted is None or wanted == n for wanted, n in zip(self.shape, shape, strict=True)
        )
