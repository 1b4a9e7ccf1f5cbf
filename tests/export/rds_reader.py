"""A reader of RDS files for the tests, from R Internals; it shares nothing with the writer."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Node:
    kind: str
    values: list[Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    is_object: bool = False


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data = gzip.decompress(data)
        self.at = 0
        self.symbols: list[str] = []

    def take(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize(form)
        values = struct.unpack(form, self.data[self.at : self.at + size])
        self.at += size
        return values

    def read(self) -> Node:
        assert self.take(">2s") == (b"X\n",)
        assert self.take(">3i")[0] == 2
        node = self.item()
        assert self.at == len(self.data), "bytes are left over"
        return node

    def item(self) -> Any:
        (flags,) = self.take(">i")
        kind = flags & 0xFF
        if kind == 254:
            return None
        if kind == 255:
            return self.symbols[(flags >> 8) - 1]
        if kind == 1:
            self.symbols.append(self.item())
            return self.symbols[-1]
        if kind == 9:
            (size,) = self.take(">i")
            if size == -1:
                return None
            (raw,) = self.take(f">{size}s")
            gp = flags >> 12
            assert (gp == 64) if raw.isascii() else (gp == 8), "encoding flag"
            return raw.decode("ascii" if gp == 64 else "utf-8")
        if kind == 2:
            return self.pairs(flags)
        (size,) = self.take(">i")
        if kind in (10, 13):
            numbers = self.take(f">{size}i")
            values: list[Any] = [None if v == -(2**31) else v for v in numbers]
        elif kind == 14:
            raw_bits = self.take(f">{size}Q")
            values = list(raw_bits)
        elif kind in (16, 19):
            values = [self.item() for _ in range(size)]
        else:
            raise AssertionError(f"type {kind}")
        names = {10: "logical", 13: "integer", 14: "double", 16: "character", 19: "list"}
        node = Node(names[kind], values, is_object=bool(flags & 256))
        if flags & 512:
            node.attributes = self.item()
        return node

    def pairs(self, flags: int) -> dict[str, Any]:
        result = {}
        while flags & 0xFF == 2:
            assert flags & 1024, "tag"
            name = self.item()
            result[name] = self.item()
            (flags,) = self.take(">i")
        assert flags == 254
        return result


def read_rds(data: bytes) -> Node:
    return Reader(data).read()


NA_REAL_BITS = 0x7FF00000000007A2


def bits(value: float) -> int:
    return int(struct.unpack(">Q", struct.pack(">d", value))[0])
