"""Bit operations that numba does not offer, for kernels."""

from __future__ import annotations

from typing import Any

from radiofib.preprocess._numba import (
    cache_folder,
    kernel,
)  # before numba: it chooses the cache folder

from llvmlite import ir  # type: ignore[import-untyped]  # isort: skip
from numba.core import types  # isort: skip
from numba.extending import intrinsic  # isort: skip

__all__ = ["cache_folder", "kernel", "lowest_bit", "popcount"]


def _bit_operation(typing: Any, value: Any, generate: Any) -> Any:  # noqa: ARG001
    return types.uint64(types.uint64), generate


def _popcount(typing: Any, value: Any) -> Any:
    """Return the number of set bits of an unsigned 64-bit integer (in kernels only)."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return _bit_operation(typing, value, generate)


def _lowest_bit(typing: Any, value: Any) -> Any:
    """Return the position of the lowest set bit of a non-zero 64-bit integer (in kernels only)."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return _bit_operation(typing, value, generate)


popcount: Any = intrinsic(_popcount)
lowest_bit: Any = intrinsic(_lowest_bit)
