"""Reading a cohort: columns, then each row, then what the rows of a case say together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from radiofib._checks import list_some
from radiofib.cohort import cells
from radiofib.cohort.columns import (
    BATCH_COLUMNS,
    FACT_COLUMNS,
    KNOWN_COLUMNS,
    NUMBER_COLUMNS,
    name_columns,
)
from radiofib.cohort.files import find_files
from radiofib.cohort.model import Acquisition, Cohort
from radiofib.cohort.rows import (
    Draft,
    Reading,
    agree,
    no_repeats,
    note_scanners_and_splits,
    note_varying,
    parse_rows,
    parse_stages,
)
from radiofib.datacard import DataCard, StageScheme, list_cards
from radiofib.errors import CohortError, DataCardError, Failure, TableError
from radiofib.registry import check_channel
from radiofib.table import read_frame

__all__ = ["card_to_cohort", "frame_to_cohort", "read_cohort"]

_HEADED = (".csv", ".tsv", ".txt", ".xlsx")


def read_cohort(
    path: str | Path,
    *,
    root: str | Path | None,
    scheme: StageScheme | str | None,
    label: str,
    channel: str | None = None,
    check_files: bool,
) -> Cohort:
    """Read a table or a card; see :meth:`radiofib.cohort.Cohort.read`."""
    path = Path(path)
    if path.suffix.lower() == ".md" or (str(path) in list_cards() and not path.is_file()):
        if root is None:
            raise DataCardError(
                "a data card does not say where the data is",
                where=path.name,
                hint="give the folder as root",
            )
        return card_to_cohort(path, root, channel)
    keep = (*(c for c in KNOWN_COLUMNS if c not in NUMBER_COLUMNS), *BATCH_COLUMNS, label)
    try:
        frame = read_frame(path, text=[*keep, "Patient", "Scanner"], keep_blank_rows=True)
    except TableError as error:
        raise CohortError(
            error.problem,
            where=error.where,
            expected=error.expected,
            found=error.found,
            hint=error.hint or "save the table as CSV (UTF-8), XLSX, SAV or Parquet",
        ) from error
    first = 2 if path.suffix.lower() in _HEADED else 1
    places = [f"row {i + first}" for i in range(len(frame))]
    return _build(
        frame,
        places,
        root=Path(root) if root is not None else path.parent,
        scheme=scheme,
        label=label,
        source=path.name,
        channel=channel,
        check_files=check_files,
    )


def frame_to_cohort(
    frame: pd.DataFrame,
    *,
    root: str | Path | None,
    scheme: StageScheme | str | None,
    label: str,
    source: str,
    check_files: bool,
) -> Cohort:
    """Make a cohort of a frame; see :meth:`radiofib.cohort.Cohort.from_frame`."""
    return _build(
        frame,
        [f"row {i + 1}" for i in range(len(frame))],
        root=Path(root) if root is not None else None,
        scheme=scheme,
        label=label,
        source=source,
        check_files=check_files,
    )


def card_to_cohort(
    card: DataCard | str | Path, root: str | Path, channel: str | None = None
) -> Cohort:
    """Load a folder as a card says; see :meth:`radiofib.cohort.Cohort.from_card`."""
    card = card if isinstance(card, DataCard) else DataCard.read(card)
    if card.table is not None:
        table = read_cohort(
            card.table_path(root),
            root=root,
            scheme=card.stage_scheme,
            label=card.label,
            channel=channel,
            check_files=True,
        )
        return replace(table, source=card.name)
    found = card.load(root)
    return _build(
        found.frame,
        list(found.places),
        root=Path(root),
        scheme=card.stage_scheme,
        label="stage",
        source=card.name,
        check_files=True,
        failures=found.failures,
        notes=found.notes,
    )


def _build(
    frame: pd.DataFrame,
    places: list[str],
    *,
    root: Path | None,
    scheme: StageScheme | str | None,
    label: str,
    source: str,
    check_files: bool,
    channel: str | None = None,
    failures: Sequence[Failure] = (),
    notes: Sequence[str] = (),
) -> Cohort:
    frame, positions, ignored = _tidy(frame, source)
    names, batch = name_columns(list(frame.columns), label=label, where=source)
    frame = frame.rename(columns=names)
    covariates = tuple(c for c in map(str, frame) if c not in KNOWN_COLUMNS)
    for name in covariates:
        frame[name] = pd.Series(cells.covariate(frame[name]), dtype=object)
    if batch and "case" not in frame:
        frame["case"] = _names_of_images(frame["image"])
    columns = list(frame.columns)
    drafts = [
        Draft(i, places[i], cells=dict(zip(columns, row, strict=True)))
        for i, row in zip(positions, frame.itertuples(index=False, name=None), strict=True)
    ]
    reading = Reading(source, drafts, failures)
    reading.notes = [*notes, *ignored]
    shown = {ours: theirs for theirs, ours in names.items()}
    parse_rows(reading, shown, root, _default_channel(frame, source, channel))
    scheme = parse_stages(reading, scheme, frame, shown, source)
    agree(reading, shown)
    no_repeats(reading, batch)
    if check_files:
        find_files(reading, shown, root)
    note_scanners_and_splits(reading)
    note_varying(reading, covariates)
    acquisitions = tuple(_finish(d, covariates) for d in reading.good)
    return Cohort(
        acquisitions, scheme, reading.failures, covariates, source, tuple(reading.notes), root
    )


def _tidy(frame: pd.DataFrame, source: str) -> tuple[pd.DataFrame, list[int], list[str]]:
    """Drop blank rows and nameless columns; return also the positions kept, and notes."""
    frame = frame.reset_index(drop=True).rename(columns=str)
    nameless = [c for c in map(str, frame) if c.startswith("Unnamed: ") or not c.strip()]
    used = [c for c in nameless if not frame[c].map(cells.is_empty).all()]
    notes = [f"{len(used)} column(s) without a name are ignored"] if used else []
    frame = frame.drop(columns=nameless)
    blank = [all(cells.is_empty(v) for v in row) for row in frame.itertuples(False, None)]
    if all(blank):
        raise CohortError("table has no rows", where=source)
    kept = [i for i, b in enumerate(blank) if not b]
    return frame.iloc[kept].reset_index(drop=True), kept, notes


def _names_of_images(images: pd.Series) -> list[str | None]:
    """Name cases of a batch file without ID: file name, with as many folders as tell apart."""
    paths = {str(v): str(v).replace("\\", "/").split("/") for v in images if not cells.is_empty(v)}
    names: dict[str, str] = {}
    for depth in range(1, max(map(len, paths.values()), default=0) + 1):
        tails = Counter(tuple(parts[-depth:]) for parts in paths.values())
        for text, parts in paths.items():
            if text not in names and tails[tuple(parts[-depth:])] == 1:
                stem = Path(parts[-1].removesuffix(".gz")).stem
                names[text] = "/".join([*parts[-depth:-1], stem])
    if len(set(names.values())) < len(names):
        names = {text: "/".join(parts) for text, parts in paths.items()}
    return [names.get(str(v)) for v in images]


def _default_channel(frame: pd.DataFrame, source: str, given: str | None) -> str | None:
    """Return the channel of all rows: what the caller says, else by the names of the files."""
    if "channel" in frame:
        return None
    if given is not None:
        return check_channel(given)
    kinds = {cells.image_kind(str(v)) for v in frame["image"] if not cells.is_empty(v)}
    if len(kinds) > 1:
        raise CohortError(
            "images are of several kinds, so the channel must be named",
            where=source,
            found=list_some(sorted(kinds)),
            hint="add a column 'channel' (us, t1, t2, dwi, ged1 ..., ct, wsi or any other)",
        )
    return kinds.pop() if kinds else "img"


def _finish(draft: Draft, covariates: tuple[str, ...]) -> Acquisition:
    assert draft.image is not None  # rows without an image have failed
    values = {name: draft.cells.get(name) for name in (*FACT_COLUMNS, *covariates)}
    return Acquisition(
        case=draft.case,
        patient=draft.cells.get("patient") or draft.case,
        channel=draft.channel,
        image=draft.image,
        mask=draft.mask,
        mask_label=draft.label,
        instance=draft.instance,
        stage=draft.cells.get("stage"),
        row=draft.position + 1,
        extra={name: value for name, value in values.items() if value is not None},
    )
