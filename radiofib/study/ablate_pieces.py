"""The units of work of an ablation: one fold, one view of a table, stagers that begin alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import Failure, RadiofibError
from radiofib.evaluation import Split
from radiofib.provenance import canonical_json, hash_object, radiofib_version
from radiofib.staging.memo import remembered_steps
from radiofib.store import read_record, write_record
from radiofib.study.ablate_shared import Branch, Outcome, grow, step_key
from radiofib.study.ablate_tables import Bench, Cases, View
from radiofib.study.channel_sets import class_shares

__all__ = [
    "Leaf",
    "Piece",
    "Result",
    "crashed",
    "cut",
    "leaf_key",
    "missing_leaves",
    "read_leaf",
    "run_piece",
    "split_key",
]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Leaf:
    """One stager in one fold.

    Parameters
    ----------
    run : str
        The first combination of levels that comes down to it.
    setting : str
        ``cv`` or ``loso``.
    split : Split
        Positions of cases.
    view : View
        What it sees.
    branch : Branch
        The stager; its name is `key`.
    key : str
        Hash of everything the result depends on.
    """

    run: str
    setting: str
    split: Split
    view: View
    branch: Branch
    key: str

    @property
    def step(self) -> str:
        """What is named when it fails."""
        what = "scanner" if self.setting == "loso" else "fold"
        return f"ablate {self.run}, {what} {self.split.name}"


@dataclass(frozen=True, eq=False)
class Piece:
    """Leaves of one split and one view that begin with the same step.

    Parameters
    ----------
    leaves : tuple of Leaf
    bench : Bench
    levels : tuple of str
        Stages in order.
    folder : path
        Where results are kept.
    """

    leaves: tuple[Leaf, ...]
    bench: Bench
    levels: tuple[str, ...]
    folder: Path


@dataclass(frozen=True, eq=False)
class Result:
    """What a leaf found.

    Parameters
    ----------
    proba : ndarray of shape (n_cases, n_levels)
        Probabilities of the test cases of the split, in its order.
    prior : ndarray of bool
        Cases without any feature, which have the shares of the training rows.
    warnings : tuple of str
    """

    proba: FloatArray
    prior: NDArray[np.bool_]
    warnings: tuple[str, ...]


def split_key(cases: Cases, split: Split) -> str:
    """Return the hash of what a result depends on beside the table and the stager."""
    names = cases.frame["case"].to_numpy(dtype=str)
    return hash_object(
        {
            "version": radiofib_version(),
            "train": names[split.train].tolist(),
            "test": names[split.test].tolist(),
            "levels": list(cases.scheme.levels),
        }
    )


def leaf_key(split: str, view: str, digest: str, stager: str) -> str:
    """Return the hash of everything that a result depends on."""
    return hash_object({"split": split, "columns": view, "data": digest, "stager": stager})


def cut(
    leaves: Iterable[Leaf], benches: Mapping[str, Bench], levels: Sequence[str], folder: Path
) -> list[Piece]:
    """Cut work into pieces, the same whatever the number of workers; the largest first.

    A result that several combinations come down to is worked out once.
    """
    groups: dict[tuple[str, str, str, str], dict[str, Leaf]] = {}
    for leaf in leaves:
        place = (leaf.setting, leaf.split.name, leaf.view.key, leaf.branch.first)
        groups.setdefault(place, {}).setdefault(leaf.key, leaf)
    pieces = [
        Piece(
            tuple(found.values()),
            benches[next(iter(found.values())).view.table],
            tuple(levels),
            folder,
        )
        for found in groups.values()
    ]
    return sorted(pieces, key=lambda piece: -len(piece.leaves))


def run_piece(piece: Piece) -> list[tuple[str, Failure]]:
    """Work out the leaves of a piece and store each result as soon as it is there.

    Returns
    -------
    list of (key, Failure)
        Leaves that could not be worked out.
    """
    first = piece.leaves[0]
    bench, split = piece.bench, first.split
    train = np.flatnonzero(np.isin(bench.case_of, split.train))
    test = np.flatnonzero(np.isin(bench.case_of, split.test))
    columns = first.view.columns
    read = [c for leaf in piece.leaves for c in leaf.branch.context_columns]
    context = list(dict.fromkeys(read))
    X, unseen = bench.frame(columns, context, train), bench.frame(columns, context, test)
    y = bench.stages[train].astype(str)
    filled = unseen[list(columns)].notna().any(axis=1).to_numpy()
    by_key = {leaf.key: leaf for leaf in piece.leaves}
    failures: list[tuple[str, Failure]] = []
    prior = class_shares(y.tolist(), piece.levels)
    outcomes = grow([leaf.branch for leaf in piece.leaves], X, y, unseen)
    for outcome in _remembering(outcomes):
        leaf = by_key[outcome.name]
        error = outcome.error
        if outcome.proba is not None and not np.isfinite(outcome.proba).all():
            error = RadiofibError("the stager's probabilities are not numbers")
        if outcome.proba is None or error is not None:
            error = error or RadiofibError("no result")
            failures.append((leaf.key, Failure.from_error(error, case="", step=leaf.step)))
            continue
        wide = np.zeros((len(unseen), len(piece.levels)))
        wide[:, [piece.levels.index(c) for c in np.unique(y).tolist()]] = outcome.proba
        proba, bare = _by_case(wide, bench.case_of[test], split, filled, prior)
        content = {
            "proba": proba.tolist(),
            "prior": np.flatnonzero(bare).tolist(),
            "warnings": list(outcome.warnings),
        }
        write_record(piece.folder, leaf.key, content)
    return failures


def _remembering(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Let stagers with inner folds share what their steps learn there, too."""
    with remembered_steps(step_key):
        yield from outcomes


def _by_case(
    proba: FloatArray,
    case_of: NDArray[np.intp],
    split: Split,
    filled: NDArray[np.bool_],
    prior: FloatArray,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Average the rows of a case that have features; a case without any has the prior."""
    place = np.searchsorted(split.test, case_of[filled])
    count = np.bincount(place, minlength=len(split.test))
    total = np.zeros((len(split.test), proba.shape[1]))
    np.add.at(total, place, proba[filled])
    bare = count == 0
    mean = total / np.maximum(count, 1)[:, None]
    mean[bare] = prior
    return mean, bare


def read_leaf(folder: Path, key: str, n_cases: int) -> Result | None:
    """Return a stored result; None when it is not there, or not whole."""
    content: Any = read_record(folder, key)
    if content is None:
        return None
    prior = np.zeros(n_cases, dtype=np.bool_)
    prior[content["prior"]] = True
    proba = np.array(content["proba"], dtype=np.float64)
    return Result(proba, prior, tuple(content["warnings"])) if len(proba) == n_cases else None


def crashed(piece: Piece, error: Exception) -> list[tuple[str, Failure]]:
    """Return the leaves of a piece whose process died before they were stored."""
    known = RadiofibError(
        "the process died", found=canonical_json(type(error).__name__), hint="is memory short?"
    )
    return [
        (leaf.key, Failure.from_error(known, case="", step=leaf.step))
        for leaf in piece.leaves
        if read_record(piece.folder, leaf.key) is None
    ]


def missing_leaves(leaves: Iterable[Leaf], folder: Path) -> Iterator[Leaf]:
    """Yield the leaves that have no stored result, each key once."""
    seen: set[str] = set()
    for leaf in leaves:
        if leaf.key not in seen:
            seen.add(leaf.key)
            if read_leaf(folder, leaf.key, len(leaf.split.test)) is None:
                yield leaf
