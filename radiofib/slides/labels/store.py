"""Labels of a slide on disk while they are made: a run that is killed goes on where it was."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import NO_ROOM, SlideError
from radiofib.provenance import canonical_json, hash_bytes

__all__ = ["LabelStore", "disk_explained", "tiles_done"]

Box = tuple[int, int, int, int]


@contextmanager
def disk_explained(where: str) -> Iterator[None]:
    """Turn a full disk into an error that says so.

    Raises
    ------
    SlideError
        When there is no room left.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise SlideError(
            "the disk is full",
            where=where,
            hint="make room and run again: finished tiles are kept",
        ) from error


@dataclass(frozen=True)
class _Done:
    """A line of the record: which group, how many tiles it had, checksum of its labels."""

    group: int
    tiles: int
    check: int


class LabelStore:
    """One raw file with a byte for each cell, row by row, and a record of the groups in it.

    The file is as long as the grid from the start but takes room only where labels were written
    (where the file system allows it). A group's labels are written first and its line in the
    record after, in the order of the groups. On opening, lines are taken as far as they are whole
    and their checksum is that of the labels; the rest is done again.

    Parameters
    ----------
    folder : path
        For ``<key>.labels`` and ``<key>.done``.
    key : str
        Hash of everything the labels depend on.
    shape : tuple of int
        Rows and columns of the grid.
    boxes : sequence of tuple of int
        Left, top, right and bottom of each group; they do not overlap.
    tiles : sequence of int
        Number of tiles of each group.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     with LabelStore(Path(name), "k", (2, 3), [(0, 0, 2, 2), (2, 0, 3, 2)], [4, 2]) as store:
    ...         store.write(0, np.ones((2, 2), np.uint8))
    ...     with LabelStore(Path(name), "k", (2, 3), [(0, 0, 2, 2), (2, 0, 3, 2)], [4, 2]) as store:
    ...         print(store.finished, store.labels().tolist())
    1 [[1, 1, 0], [1, 1, 0]]
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        shape: tuple[int, int],
        boxes: Sequence[Box],
        tiles: Sequence[int],
    ) -> None:
        self._shape, self._boxes, self._tiles = shape, boxes, tiles
        self._raw_path, self._record_path = _paths(folder, key)
        plan = hash_bytes(canonical_json([list(shape), list(boxes), list(tiles)]).encode())
        self._head = canonical_json({"key": key, "plan": plan, "tiles": sum(tiles)})
        self.finished = 0
        folder.mkdir(parents=True, exist_ok=True)
        with disk_explained(str(folder)):
            self._raw, self._record = self._open()

    def _open(self) -> tuple[IO[bytes], IO[bytes]]:
        size = self._shape[0] * self._shape[1]
        lines = _lines(self._record_path)
        known = bool(lines) and lines[0] == self._head and self._raw_path.is_file()
        if not known or self._raw_path.stat().st_size != size:
            lines = [self._head]
            self._raw_path.unlink(missing_ok=True)
            with self._raw_path.open("wb") as stream:
                stream.truncate(size)
        raw = self._raw_path.open("r+b", buffering=0)
        good = [lines[0]]
        for number, line in enumerate(lines[1 : len(self._boxes) + 1]):
            done = _parsed(line)
            if done is None or done != self._expected(raw, number):
                break
            good.append(line)
        self.finished = len(good) - 1
        whole = "".join(f"{line}\n" for line in good).encode()
        if not self._record_path.is_file() or self._record_path.read_bytes() != whole:
            temporary = self._record_path.with_suffix(".part")
            temporary.write_bytes(whole)
            temporary.replace(self._record_path)
        return raw, self._record_path.open("ab", buffering=0)

    def _expected(self, raw: IO[bytes], number: int) -> _Done:
        """Return the line that the labels in the file deserve."""
        check = 0
        left, top, right, bottom = self._boxes[number]
        for row in range(top, bottom):
            raw.seek(row * self._shape[1] + left)
            check = zlib.crc32(raw.read(right - left), check)
        return _Done(number, self._tiles[number], check)

    def write(self, number: int, labels: NDArray[np.uint8]) -> None:
        """Write the labels of the next group and note that it is done.

        Plain writes, not a mapped file: a full disk is then an error and not the death of the
        process.

        Raises
        ------
        SlideError
            When the disk is full.
        ValueError
            When another group is due, or the labels have another size.
        """
        left, top, right, bottom = self._boxes[number]
        if number != self.finished or labels.shape != (bottom - top, right - left):
            raise ValueError("groups are written in their order, each with its labels")
        with disk_explained(self._raw_path.name):
            for row, values in enumerate(labels, start=top):
                if values.any():  # zeros are there already
                    self._raw.seek(row * self._shape[1] + left)
                    _write_all(self._raw, values.tobytes())
            check = zlib.crc32(np.ascontiguousarray(labels).tobytes())
            line = json.dumps([number, self._tiles[number], check])
            _write_all(self._record, f"{line}\n".encode())
        self.finished += 1

    def labels(self) -> NDArray[np.uint8]:
        """Return the labels as a file mapped into memory."""
        return np.memmap(self._raw_path, dtype=np.uint8, mode="r", shape=self._shape)

    def _close(self) -> None:
        self._raw.close()
        self._record.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()


def tiles_done(folder: Path) -> dict[str, tuple[int, int]]:
    """Return how many tiles are done, and how many there are, of each slide under way.

    Examples
    --------
    >>> tiles_done(Path("no-such-folder"))
    {}
    """
    found: dict[str, tuple[int, int]] = {}
    for path in folder.glob("*.done"):
        lines = _lines(path)
        try:
            total = int(json.loads(lines[0])["tiles"])
            done = [_parsed(line) for line in lines[1:]]
        except (IndexError, KeyError, TypeError, ValueError):
            continue
        found[path.stem] = (sum(d.tiles for d in done if d is not None), total)
    return found


def _paths(folder: Path, key: str) -> tuple[Path, Path]:
    return folder / f"{key}.labels", folder / f"{key}.done"


def _lines(path: Path) -> list[str]:
    """Return the whole lines of a file; a last one without its end was cut off."""
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return text.split("\n")[:-1]


def _parsed(line: str) -> _Done | None:
    try:
        group, tiles, check = json.loads(line)
        return _Done(int(group), int(tiles), int(check))
    except (TypeError, ValueError):
        return None


def _write_all(stream: IO[bytes], data: bytes) -> None:
    """Write all of it: an unbuffered file may take only a part."""
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]
