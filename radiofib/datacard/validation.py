"""A folder against its card: what is missing, what is extra, how many, and which traps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from radiofib.datacard.empty import refuse_empty
from radiofib.datacard.layout import FoundImage, Scan, inside, scan
from radiofib.datacard.pattern import PathPattern
from radiofib.datacard.tables import read_rows
from radiofib.datacard.traps import TRAPS, find_traps
from radiofib.errors import DataCardError, Failure

if TYPE_CHECKING:
    from radiofib.datacard.card import DataCard
    from radiofib.datacard.keys import Expected

__all__ = ["CardReport", "validate"]


@dataclass(frozen=True)
class CardReport:
    """What :meth:`radiofib.datacard.DataCard.validate` found, as tidy frames.

    Parameters
    ----------
    card : str
        Name of the card.
    missing : DataFrame
        Files that should be there: ``case, what, path``.
    extra : DataFrame
        Files that fit nothing: ``path, why``.
    counts : DataFrame
        ``split, scanner, stage, cases, patients, images, masks``.
    missing_channels : DataFrame
        ``split, scanner, stage, channel, cases, missing``, where any is missing.
    traps : DataFrame
        ``trap, where, detail``.
    expected : DataFrame
        The card's counts beside those found: ``split, what, expected, found, agrees``.
    failures : tuple of Failure
        Cases that cannot be used.
    notes : tuple of str
        Remarks.
    """

    card: str
    missing: pd.DataFrame
    extra: pd.DataFrame
    counts: pd.DataFrame
    missing_channels: pd.DataFrame
    traps: pd.DataFrame
    expected: pd.DataFrame
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is missing or failed, and all counts agree with the card."""
        return not len(self.missing) and not self.failures and bool(self.expected["agrees"].all())

    def render(self) -> str:
        """Render the report for people."""
        state = "agrees with the folder" if self.ok else "does not agree with the folder"
        parts = [f"Card {self.card!r} {state}."]
        frames = (
            ("Cases by split, scanner and stage", self.counts),
            ("Counts in the card that do not agree", self.expected[~self.expected["agrees"]]),
            ("Missing channels", self.missing_channels),
            ("Missing files", self.missing),
            ("Files that fit nothing", self.extra),
        )
        for title, frame in frames:
            if len(frame):
                shown = frame.head(40).fillna("").to_string(index=False)
                rest = f"\n... and {len(frame) - 40} more" if len(frame) > 40 else ""
                parts.append(f"{title} ({len(frame)})\n{shown}{rest}")
        if len(self.traps):
            parts.append(_render_traps(self.traps))
        if self.failures:
            reasons = "\n".join(f.reason for f in self.failures[:40])
            parts.append(f"Cases that cannot be used ({len(self.failures)})\n{reasons}")
        return "\n\n".join([*parts, *self.notes]) + "\n"


def _render_traps(traps: pd.DataFrame) -> str:
    """List the traps by kind: how many, what it does to a study, and where."""
    lines = [f"Traps found ({len(traps)})"]
    for name, rows in traps.groupby("trap", sort=True):
        lines.append(f"{name} ({len(rows)}): {TRAPS[str(name)]}")
        places = zip(rows["where"].head(20), rows["detail"].head(20), strict=True)
        lines += [f"  {where}: {detail}" if where else f"  {detail}" for where, detail in places]
        lines += [f"  ... and {len(rows) - 20} more"] if len(rows) > 20 else []
    return "\n".join(lines)


def validate(
    card: DataCard,
    root: Path,
    *,
    contents: bool = True,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CardReport:
    """Compare a folder with its card.

    Parameters
    ----------
    card : DataCard
        The card.
    root : Path
        Folder in which its patterns begin.
    contents : bool
        Whether to look into the files (equal images, spikes, axes of length one) and not only
        at names.
    workers : int, optional
        Processes that read volumes; one per core by default.
    progress : callable, optional
        Called with volumes read and volumes in all.

    Raises
    ------
    DataCardError
        When the folder does not exist, no file in it fits a layout, or the card neither has a
        layout nor names a table.
    """
    if card.table is None and not card.layouts:
        raise DataCardError("card documents only, there is nothing to compare", where=card.name)
    if card.layouts:
        found = scan(card, root)
        refuse_empty(card, root, found)
    else:
        found = _scan_table(card, root)
    frame = _frame(card, found)
    found.failures.extend(_stage_failures(card, found.images))
    traps = find_traps(card, frame, root, contents=contents, workers=workers, progress=progress)
    return CardReport(
        card.name,
        pd.DataFrame(found.missing, columns=["case", "what", "path"]),
        pd.DataFrame(sorted(found.extra), columns=["path", "why"]),
        _counts(frame),
        missing_channels(card, frame),
        traps,
        _expected(card, frame),
        tuple(found.failures),
        tuple(found.notes),
    )


def missing_channels(card: DataCard, frame: pd.DataFrame) -> pd.DataFrame:
    """Count cases without each expected channel, by split, scanner and stage."""
    rows = []
    keys = ["split", "scanner", "stage"]
    for key, group in frame.groupby(keys, sort=True, dropna=False):
        have = group.groupby("channel")["case"].nunique()
        cases = group["case"].nunique()
        for name, channel in card.channels.items():
            lacking = cases - int(have.get(name, 0))
            if channel.expected and lacking:
                rows.append((*key, name, cases, lacking))
    return pd.DataFrame(rows, columns=[*keys, "channel", "cases", "missing"])


def _frame(card: DataCard, found: Scan) -> pd.DataFrame:
    scheme = card.stage_scheme
    rows = []
    for image in found.images:
        stage = image.columns.get("stage")
        level = scheme.find(stage) if scheme and stage is not None else stage
        rows.append(
            {
                "case": image.columns["case"],
                "patient": image.columns.get("patient") or image.columns["case"],
                "channel": image.columns["channel"],
                "scanner": image.columns.get("scanner") or "",
                "stage": level or "",
                "split": image.columns.get("split") or "",
                "image": image.path,
                "mask": image.mask or "",
                "misnamed": image.misnamed,
            }
        )
    names = ["case", "patient", "channel", "scanner", "stage", "split", "image", "mask", "misnamed"]
    return pd.DataFrame(rows, columns=names)


def _stage_failures(card: DataCard, images: Sequence[FoundImage]) -> list[Failure]:
    scheme = card.stage_scheme
    wrong: dict[str, Failure] = {}
    for image in images:
        stage, case = image.columns.get("stage"), image.columns["case"]
        if scheme and stage is not None and scheme.find(stage) is None and case not in wrong:
            expected = ", ".join(scheme.labels[v] for v in scheme.levels)
            error = DataCardError(
                f"stage is outside the scheme {scheme.name!r}",
                where=image.path,
                expected=expected,
                found=repr(stage)[:60],
            )
            wrong[case] = Failure.from_error(error, case=case, step="read")
    return list(wrong.values())


def _counts(frame: pd.DataFrame) -> pd.DataFrame:
    keys = ["split", "scanner", "stage"]
    grouped = frame.assign(masked=frame["mask"] != "").groupby(keys, sort=True)
    counts = grouped.agg(
        cases=("case", "nunique"),
        patients=("patient", "nunique"),
        images=("image", "nunique"),
        masks=("masked", "sum"),
    )
    return counts.reset_index()


def _expected(card: DataCard, frame: pd.DataFrame) -> pd.DataFrame:
    rows: list[tuple[str, str, int, int]] = []
    for block in card.expected:
        part = frame if block.split is None else frame[frame["split"] == block.split]
        if block.split is not None and part.empty:
            continue  # a split that is not here is not wrong: test sets are seldom published
        rows += [(block.split or "", *row) for row in _compare(block, part)]
    table = pd.DataFrame(rows, columns=["split", "what", "expected", "found"])
    return table.assign(agrees=(table["expected"] == table["found"]).astype(bool))


def _compare(block: Expected, part: pd.DataFrame) -> list[tuple[str, int, int]]:
    cases = part.drop_duplicates("case")
    people = part.drop_duplicates("patient")
    whole: dict[str, int] = {
        "cases": len(cases),
        "patients": len(people),
        "images": len(part),
        "masks": int((part["mask"] != "").sum()),
    }
    rows = [(k, getattr(block, k), n) for k, n in whole.items() if getattr(block, k) is not None]
    for stage, number in block.cases_by_stage.items():
        rows.append((f"cases {stage}", number, int((cases["stage"] == stage).sum())))
    for stage, number in block.patients_by_stage.items():
        rows.append((f"patients {stage}", number, int((people["stage"] == stage).sum())))
    for scanner, stages in block.cases_by_scanner.items():
        for stage, number in stages.items():
            here = (cases["scanner"] == scanner) & (cases["stage"] == stage)
            rows.append((f"cases {scanner} {stage}", number, int(here.sum())))
    for scanner, channels in block.missing_by_scanner.items():
        there = part[part["scanner"] == scanner]
        total = there["case"].nunique()
        for channel, number in channels.items():
            have = there.loc[there["channel"] == channel, "case"].nunique()
            rows.append((f"{scanner} without {channel}", number, total - have))
    return rows


def _scan_table(card: DataCard, root: Path) -> Scan:
    """Look at a card's cohort table as :func:`scan` looks at a folder."""
    path = card.table_path(root)
    if path.suffix.lower() != ".csv":
        raise DataCardError(
            "only a CSV table is compared with its folder",
            where=path.name,
            hint="load the cohort instead: it names the rows that cannot be used",
        )
    result = Scan()
    named: set[str] = {str(card.table)}
    real = root.resolve()
    for row in read_rows(path, columns=("case", "image")):
        columns: dict[str, Any] = {k: v for k, v in row.items() if v}
        columns["stage"] = row.get(card.label) or None
        columns.setdefault("channel", next(iter(card.channels), "img"))
        case = columns.setdefault("case", "")
        for what in ("image", "mask"):
            text = row.get(what) or ""
            if text:
                named.add(Path(text).as_posix())
            if text and not ((root / text).exists() and inside(root / text, real)):
                result.missing.append((case, what, text))
                columns.pop(what, None)
        if "image" in columns:
            result.images.append(
                FoundImage(columns.pop("image"), 0, columns, mask=columns.pop("mask", None))
            )
    ignored = [PathPattern.parse(p) for p in card.ignore]
    folders = sorted({(root / n).parent for n in named if (root / n).parent.is_dir()})
    for folder in folders:
        for file in sorted(folder.iterdir()):
            name = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
            spoken_for = name in named or any(p.match(name) for p in ignored)
            if file.is_file() and not spoken_for and not file.name.startswith("."):
                result.extra.append((name, "not in the cohort table"))
    return result
