"""Checks of a cohort's rows: each alone, then what the rows of one case say together."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from radiofib._checks import alike_names, list_some
from radiofib.cohort import cells
from radiofib.cohort.columns import (
    CASE_COLUMNS,
    CHANNEL_FACTS,
    FACT_COLUMNS,
    FILE_COLUMNS,
    NUMBER_COLUMNS,
)
from radiofib.cohort.geometry import UNKNOWN_PIXEL, parse_pixel, pixel_text
from radiofib.datacard.schemes import StageScheme, derive_scheme, get_scheme, schemes_that_fit
from radiofib.errors import CohortError, ConfigError, Failure
from radiofib.registry import check_channel

__all__ = [
    "Draft",
    "Reading",
    "agree",
    "no_repeats",
    "note_scanners_and_splits",
    "note_varying",
    "parse_rows",
    "parse_stages",
]

_UNITS = {"field_t": "T"}


@dataclass(slots=True)
class Draft:
    """A row on its way to an acquisition."""

    position: int
    place: str
    case: str = ""
    channel: str = ""
    instance: str = ""
    cells: dict[str, Any] = field(default_factory=dict)
    image: Path | None = None
    mask: Path | None = None
    label: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Case, channel and instance."""
        return self.case, self.channel, self.instance


class Reading:
    """The rows still good, the failures so far, and the words for places in the source."""

    def __init__(self, source: str, drafts: list[Draft], failures: Sequence[Failure]) -> None:
        self.source = source
        self.notes: list[str] = []
        self.trimmed: dict[str, None] = {}
        self._drafts = drafts
        # What fails is marked and taken out at the next look, not one by one: a table whose
        # folder is wrong fails in every row.
        self._out: set[int] = set()
        self._out_cases: set[str] = set()
        self._failures: list[tuple[int, Failure]] = [(-1, f) for f in failures]

    def where(self, rows: Sequence[Draft], column: str = "") -> str:
        """Return file, rows and column, as a person sees them."""
        word = list_some(dict.fromkeys(d.place for d in rows), 6)
        if word.startswith("row ") and len(rows) > 1:
            word = f"rows {word.replace('row ', '')}"
        return f"{self.source}, {word}" + (f", column {column!r}" if column else "")

    def fail(
        self,
        rows: Sequence[Draft],
        error: CohortError | ConfigError,
        column: str,
        hint: str,
        *,
        whole_case: bool = False,
    ) -> None:
        """Leave rows out, or all rows of their case, saying where and what to do."""
        told = CohortError(
            error.problem,
            where=self.where(rows, column),
            expected=error.expected,
            found=error.found,
            hint=error.hint or hint,
        )
        first = rows[0]
        failure = Failure.from_error(
            told,
            case=first.case,
            step="read",
            channel="" if whole_case else first.channel,
            instance="" if whole_case else first.instance,
        )
        self._failures.append((first.position, failure))
        self._out.update(d.position for d in rows)
        if whole_case:
            self._out_cases.add(first.case)

    @property
    def good(self) -> list[Draft]:
        """Rows still good, in the order of the source."""
        if self._out or self._out_cases:
            self._drafts = [
                d
                for d in self._drafts
                if d.position not in self._out and d.case not in self._out_cases
            ]
            self._out, self._out_cases = set(), set()
        return self._drafts

    @property
    def failures(self) -> tuple[Failure, ...]:
        """All failures, in the order of the source."""
        return tuple(f for _, f in sorted(self._failures, key=lambda pair: pair[0]))

    def by(self, key: Callable[[Draft], Any]) -> list[list[Draft]]:
        """Return the good rows in groups of equal key."""
        groups: dict[Any, list[Draft]] = {}
        for draft in self.good:
            groups.setdefault(key(draft), []).append(draft)
        return list(groups.values())


def parse_rows(
    reading: Reading, shown: dict[str, str], root: Path | None, channel: str | None
) -> None:
    """Read each row's names, files and facts; a row that cannot be read fails.

    `shown` gives the source's own column names for messages; `channel` stands in for a missing
    channel column.
    """
    for draft in list(reading.good):
        row = draft.cells
        column = "case"
        try:
            draft.case = cells.parse_name(row["case"]) if not cells.is_empty(row["case"]) else ""
            for column in ("case", "image"):
                if cells.is_empty(row[column]):
                    raise CohortError(
                        "cell is empty", expected="a name" if column == "case" else "a path"
                    )
            column = "channel"
            if channel is not None:
                draft.channel = channel
            elif cells.is_empty(row["channel"]):
                raise CohortError("cell is empty", expected="a channel, such as us, t1 or ged4")
            else:
                draft.channel = check_channel(cells.text_of(row["channel"]))
            column = "instance"
            if not cells.is_empty(row.get("instance")):
                draft.instance = cells.parse_name(row["instance"])
            column = "mask_label"
            if not cells.is_empty(row.get("mask_label")):
                draft.label = cells.parse_label(row["mask_label"])
            column = "Label_channel"
            if not cells.is_empty(row.get(column)) and cells.text_of(row[column]) != "0":
                raise CohortError(
                    "masks with several channels are not read", expected="0, or nothing"
                )
            column = "image"
            draft.image = cells.parse_path(row["image"], root)
            column = "mask"
            if not cells.is_empty(row.get("mask")):
                draft.mask = cells.parse_path(row["mask"], root)
            given = row.get("scanner")
            if isinstance(given, str) and given.strip() not in ("", given):
                reading.trimmed[given] = None
            for column in ("patient", *FACT_COLUMNS):
                value = row.get(column)
                row[column] = None if value is None else _fact(column, value, root)
        except (CohortError, ConfigError) as error:
            reading.fail([draft], error, shown.get(column, column), "correct the cell")


def _fact(column: str, value: object, root: Path | None) -> Any:
    if cells.is_empty(value):
        return None
    if column in NUMBER_COLUMNS:
        return cells.parse_number(value, _UNITS.get(column, ""))
    if column == "intensities":
        return cells.parse_choice(value, ("raw", "normalised"))
    if column == "pixel_mm":
        text = cells.text_of(value)
        return text if text == UNKNOWN_PIXEL else pixel_text(parse_pixel(text))
    if column == "image_look":
        return _look(value)
    return cells.parse_path(value, root) if column in FILE_COLUMNS else cells.parse_name(value)


def _look(value: object) -> str:
    text = cells.text_of(value).lower()
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise CohortError(
            "not a hash of a picture",
            expected="64 hexadecimal digits, as 'radiofib ultrasound clean' writes them",
            found=repr(text[:20]),
        )
    return text


def parse_stages(
    reading: Reading,
    scheme: StageScheme | str | None,
    frame: pd.DataFrame,
    shown: dict[str, str],
    source: str,
) -> StageScheme | None:
    """Read the stages and return the scheme; a case with a stage outside it fails.

    Raises
    ------
    CohortError
        When no stage at all is one of the scheme, or labels cannot make a scheme.
    """
    if isinstance(scheme, str):
        scheme = get_scheme(scheme)
    given = [d for d in reading.good if not cells.is_empty(d.cells.get("stage"))]
    if not given:
        for draft in reading.good:
            draft.cells["stage"] = None
        return scheme
    values = [d.cells["stage"] for d in given]
    column = shown.get("stage", "stage")
    if scheme is None:
        dtype = frame["stage"].dtype
        order = (
            list(dtype.categories)
            if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered
            else None
        )
        try:
            scheme = derive_scheme(values, order=order)
        except CohortError as error:
            error.where = f"{source}, column {column!r}"
            raise
    # Each spelling once; True and 1 are equal but not the same label.
    spellings = {(type(v), v): v for v in values}
    fits = [n for n in schemes_that_fit(spellings.values()) if n != scheme.name]
    other = f"all stages of this table fit {list_some(fits)}; if that is the scale, name it"
    known = {key: scheme.find(v) for key, v in spellings.items()}
    found = [known[type(v), v] for v in values]
    if all(f is None for f in found):
        raise CohortError(
            f"no stage is one of the scheme {scheme.name!r}",
            where=f"{source}, column {column!r}",
            expected=list_some(scheme.labels[v] for v in scheme.levels),
            found=list_some(dict.fromkeys(cells.display(v) for v in values)),
            hint=f"{other} (scheme={fits[0]!r})" if fits else "name the scheme of these labels",
        )
    hint = other if fits else "correct the cell, or leave it empty when the stage is not known"
    bad: dict[str, list[Draft]] = {}
    levels = {id(d): f for d, f in zip(given, found, strict=True)}
    for draft in reading.good:
        level = levels.get(id(draft))
        if level is None and id(draft) in levels:
            bad.setdefault(draft.case, []).append(draft)
    for wrong in bad.values():
        try:
            scheme.parse(wrong[0].cells["stage"])
        except CohortError as error:
            reading.fail(wrong, error, column, hint, whole_case=True)
    for draft in reading.good:
        draft.cells["stage"] = levels.get(id(draft))
    return scheme


def agree(reading: Reading, shown: dict[str, str]) -> None:
    """Rows of a case must not contradict each other; what one row says holds for all."""
    for group in reading.by(lambda d: d.case):
        for name in CASE_COLUMNS:
            said: dict[Any, list[Draft]] = {}
            for draft in group:
                value = draft.cells.get(name)
                if value is not None:
                    said.setdefault(value, []).append(draft)
            if len(said) > 1:
                error = CohortError(
                    f"rows of one case disagree about {name}",
                    expected=f"one {name} for case {cells.display(group[0].case)}",
                    found=list_some((cells.display(v) for v in said), 4),
                )
                hint = "correct the rows, or give different cases different names"
                reading.fail(group, error, shown.get(name, name), hint, whole_case=True)
                break
            for draft in group:
                draft.cells[name] = next(iter(said), None)


def no_repeats(reading: Reading, batch: bool) -> None:
    """Let each case, channel and instance occur once.

    In a batch file, rows that differ only in their files get instances 1, 2 ...
    """
    for group in reading.by(lambda d: d.key):
        seen: dict[Any, Draft] = {}
        different: list[Draft] = []
        for draft in group:
            content = (draft.image, draft.mask, draft.label)
            if content in seen:
                error = CohortError(
                    "row repeats an earlier one",
                    expected="each case, channel and instance once",
                    found=f"the same as {seen[content].place}",
                )
                reading.fail([draft], error, "", "delete the row")
            else:
                seen[content] = draft
                different.append(draft)
        if len(different) > 1 and batch:
            for number, draft in enumerate(different, start=1):
                draft.instance = draft.instance or str(number)
        elif len(different) > 1:
            error = CohortError(
                "rows have the same case, channel and instance but different files",
                expected="each case, channel and instance once",
                found=f"case {cells.display(group[0].case)}, channel {group[0].channel!r}",
            )
            hint = "keep one, or tell them apart by a column 'instance' or 'channel'"
            reading.fail(different, error, "", hint)


def note_scanners_and_splits(reading: Reading) -> None:
    """Note cases without a scanner, names that are nearly equal, and patients in several splits."""
    scanners = {d.case: d.cells.get("scanner") for d in reading.good}
    lacking = [c for c, s in scanners.items() if s is None]
    if lacking and len(lacking) < len(scanners):
        reading.notes.append(
            f"{len(lacking)} case(s) without a scanner: {list_some(map(cells.display, lacking))}"
        )
    if reading.trimmed:
        reading.notes.append(
            "scanner names taken without the space around them: "
            f"{list_some(map(cells.display, reading.trimmed))}"
        )
    named: dict[str, list[str | None]] = {
        "case": [d.case for d in reading.good],
        "patient": [d.cells.get("patient") for d in reading.good],
        "scanner": list(scanners.values()),
    }
    for what, names in named.items():
        reading.notes += [
            f"{what} names that differ only in case or space, taken as different: "
            f"{list_some(map(cells.display, g))}"
            for g in alike_names(names)
        ]
    for group in reading.by(lambda d: d.cells.get("patient") or d.case):
        splits = list(dict.fromkeys(d.cells["split"] for d in group if d.cells.get("split")))
        if len(splits) > 1:
            patient = group[0].cells.get("patient") or group[0].case
            reading.notes.append(
                f"patient {cells.display(patient)} is in several splits: {list_some(splits)}"
            )


def note_varying(reading: Reading, covariates: tuple[str, ...]) -> None:
    """Note facts and covariates that differ between the channels of one case."""
    groups = reading.by(lambda d: (d.case, d.instance))
    for name in (*(c for c in FACT_COLUMNS if c not in CHANNEL_FACTS), *covariates):
        values = [{d.cells[name] for d in g if d.cells.get(name) is not None} for g in groups]
        varying = [g[0].case for g, v in zip(groups, values, strict=True) if len(v) > 1]
        if varying:
            reading.notes.append(
                f"{name} differs between rows of one case, so it is missing in the table of "
                f"cases: {list_some(map(cells.display, dict.fromkeys(varying)), 4)}"
            )
