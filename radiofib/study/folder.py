"""The run folder: files written whole or not at all, and the hashes that prove it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from radiofib.errors import Failure, UsageError
from radiofib.provenance import hash_file, hash_object, radiofib_version
from radiofib.table import guard_frame

__all__ = ["MANIFEST", "RunFolder", "verify_run", "write_failures"]

MANIFEST = "manifest.json"
_STEPS = "steps.json"
#: Working files: kept for restarts, no result.
_WORKING = (
    *("features/pieces/", "slides/pieces/", "masks/pieces/", "registration/pieces/"),
    *("ultrasound/pieces/", "ablation/pieces/"),
    *(_STEPS, MANIFEST),
)


class RunFolder:
    """A folder of results that can be stopped at any moment and continued.

    Parameters
    ----------
    root : path
        The folder; made when absent.

    Raises
    ------
    UsageError
        When `root` is a file or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = RunFolder(tempfile.mkdtemp())
    >>> folder.write_text("notes/a.txt", "liver").read_text()
    'liver'
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                "the output folder cannot be made",
                where=str(root),
                found=error.strerror,
                hint="choose another --out",
            ) from error

    def path(self, name: str) -> Path:
        """Return the path of a file in the folder, making its parent folder."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_text(self, name: str, text: str) -> Path:
        """Write a text file in one step: under a temporary name, then renamed."""
        path = self.path(name)
        # The process number keeps two runs into one folder out of each other's way.
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
        return path

    def write_json(self, name: str, value: Any) -> Path:
        """Write JSON with sorted keys, so that equal values give equal bytes."""
        text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
        return self.write_text(name, text + "\n")

    def write_frame(self, name: str, frame: pd.DataFrame) -> Path:
        """Write a CSV whose numbers read back to the last bit and whose texts are no formulas."""
        return self.write_text(name, guard_frame(frame).to_csv(index=False, lineterminator="\n"))

    def step(
        self, name: str, key: Mapping[str, Any], outputs: tuple[str, ...], work: Callable[[], None]
    ) -> bool:
        """Do a step unless its outputs are there, made from the same key and unchanged.

        Parameters
        ----------
        name : str
            Name of the step.
        key : mapping
            Everything the outputs depend on; the version of radiofib is added.
        outputs : tuple of str
            Files the step writes.
        work : callable
            Does the step.

        Returns
        -------
        bool
            True when the work was done, False when it was already there.
        """
        wanted = hash_object({"version": radiofib_version(), **key})
        steps = self._read_json(_STEPS)
        done = steps.get(name, {})
        if done.get("key") == wanted and done.get("files") == self._hashes(outputs):
            return False
        try:
            work()
        except BaseException:
            # What an earlier run left here would be taken for the result of this one.
            self.discard(*outputs)
            raise
        # Read again: the work may have recorded steps of its own.
        steps = self._read_json(_STEPS)
        steps[name] = {"key": wanted, "files": self._hashes(outputs)}
        self.write_json(_STEPS, steps)
        return True

    def discard(self, *names: str) -> None:
        """Remove files or folders that an earlier run left and this one does not make."""
        for name in names:
            path = self.root / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def write_manifest(self) -> Path:
        """List every result file with its SHA-256."""
        names = sorted(
            p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if p.is_file()
        )
        results = tuple(
            n for n in names if not n.startswith(_WORKING) and not Path(n).name.startswith(".")
        )
        return self.write_json(MANIFEST, self._hashes(results))

    def _hashes(self, names: tuple[str, ...]) -> dict[str, str | None]:
        return {n: hash_file(self.root / n) if (self.root / n).is_file() else None for n in names}

    def _read_json(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads((self.root / name).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return value if isinstance(value, dict) else {}


def verify_run(root: str | Path) -> pd.DataFrame:
    """Compare a run folder with its manifest.

    Returns
    -------
    DataFrame
        ``file, status`` with status ``ok``, ``changed``, ``missing`` or ``extra``.

    Raises
    ------
    UsageError
        When the folder has no manifest.

    Examples
    --------
    >>> import tempfile
    >>> folder = RunFolder(tempfile.mkdtemp())
    >>> path = folder.write_text("metrics.csv", "auc")
    >>> manifest = folder.write_manifest()
    >>> path.write_text("0.99") > 0
    True
    >>> verify_run(folder.root)["status"].tolist()
    ['changed']
    """
    root = Path(root)
    manifest = root / MANIFEST
    if not manifest.is_file():
        raise UsageError(
            "no manifest in this folder",
            where=str(root),
            expected=MANIFEST,
            hint="name the output folder of a finished 'radiofib run'",
        )
    recorded: dict[str, str] = json.loads(manifest.read_text(encoding="utf-8"))
    rows = []
    for name, digest in recorded.items():
        path = root / name
        status = "missing"
        if path.is_file():
            status = "ok" if hash_file(path) == digest else "changed"
        rows.append((name, status))
    present = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    extra = sorted(n for n in present - recorded.keys() if not n.startswith(_WORKING))
    rows += [(n, "extra") for n in extra]
    return pd.DataFrame(rows, columns=["file", "status"])


def write_failures(
    folder: RunFolder, failures: Sequence[Failure], name: str = "failures.csv"
) -> Path:
    """Write what failed as CSV (its header alone when nothing did)."""
    columns = list(Failure("", "", "").as_row())
    rows = [f.as_row() for f in failures]
    return folder.write_frame(name, pd.DataFrame(rows, columns=columns))
