"""The columns of a cohort table: which are known, which are misspelt, which are covariates."""

from __future__ import annotations

import re
from collections.abc import Sequence

from radiofib._checks import check_no_duplicates, list_some
from radiofib.errors import CohortError

__all__ = [
    "BATCH_COLUMNS",
    "CASE_COLUMNS",
    "CHANNEL_FACTS",
    "FACT_COLUMNS",
    "FILE_COLUMNS",
    "FLAT_CHANNELS",
    "KIDNEY_COLUMN",
    "KNOWN_COLUMNS",
    "NUMBER_COLUMNS",
    "is_batch",
    "name_columns",
    "near_miss",
]

#: Facts that must be the same in all rows of a case.
CASE_COLUMNS = ("patient", "stage", "scanner", "vendor", "field_t", "site", "split")
#: Facts that are files: masks of lesions and of other organs, on the grid of the image or any
#: other that overlaps it (``lobe_mask``: Couinaud's segments I-VIII as labels 1-8).
FILE_COLUMNS = ("lesion_mask", "spleen_mask", "muscle_mask", "lobe_mask", "kidney_mask")
#: The renal cortex on an ultrasound picture.
KIDNEY_COLUMN = "kidney_mask"
#: Facts kept beside an acquisition (``stage`` and ``patient`` have fields of their own).
FACT_COLUMNS = (
    "scanner",
    "vendor",
    "field_t",
    "site",
    "split",
    "reference_method",
    "interval_days",
    *FILE_COLUMNS,
    "hbp_minutes",
    "quality",
    "mask_source",
    "registration",
    "intensities",
    "native_geometry",
    "pixel_mm",
    "apex_y_px",
    "apex_x_px",
    "blanked_share",
    "white_grey",
    "image_look",
)
#: Facts of one channel, which say nothing of the case as a whole.
CHANNEL_FACTS = (
    *FILE_COLUMNS,
    "registration",
    "intensities",
    "native_geometry",
    "pixel_mm",
    "apex_y_px",
    "apex_x_px",
    "blanked_share",
    "white_grey",
    "image_look",
)
#: Channels without a volume: no liver mask, nothing to align.
FLAT_CHANNELS = ("us", "wsi")
#: All columns with a meaning; any other is a covariate.
KNOWN_COLUMNS = (
    "case",
    "patient",
    "channel",
    "instance",
    "image",
    "mask",
    "mask_label",
    "stage",
    *FACT_COLUMNS,
)
NUMBER_COLUMNS = (
    *("field_t", "interval_days", "hbp_minutes"),
    *("apex_y_px", "apex_x_px", "blanked_share", "white_grey"),
)
#: pyradiomics batch name -> ours.
BATCH_COLUMNS = {"ID": "case", "Image": "image", "Mask": "mask", "Label": "mask_label"}

_RESERVED = re.compile(r"geom_")
_SYNONYMS = {
    "patientid": "patient",
    "subject": "patient",
    "subjectid": "patient",
    "pid": "patient",
    "id": "case",
    "caseid": "case",
    "sequence": "channel",
    "modality": "channel",
    "imagepath": "image",
    "imagefile": "image",
    "file": "image",
    "filename": "image",
    "path": "image",
    "maskpath": "mask",
    "maskfile": "mask",
    "segmentation": "mask",
    "fieldstrength": "field_t",
    "fibrosis": "stage",
    "fibrosisstage": "stage",
    "fold": "split",
}


def is_batch(columns: Sequence[str]) -> bool:
    """Tell whether a header is that of a pyradiomics batch file.

    Examples
    --------
    >>> is_batch(["ID", "Image", "Mask"]), is_batch(["case", "image", "mask"])
    (True, False)
    """
    return {"Image", "Mask"} <= set(columns) and "image" not in columns


def near_miss(column: str, present: Sequence[str]) -> str | None:
    """Return the known column that `column` was probably meant to be, or None.

    Equal but for case, space and punctuation is always a near miss. When the known column is
    absent, so is a usual other name for it (``patient_id``), and a slip of the pen: one letter
    added, lost, changed or swapped (two in a name of nine letters and more; in a name of four
    letters nothing changed, for ``race`` is not ``case``). A digit added is never a slip.

    Examples
    --------
    >>> near_miss("scaner", []), near_miss("Stage ", []), near_miss("patient_id", [])
    ('scanner', 'stage', 'patient')
    >>> near_miss("age", []), near_miss("race", []), near_miss("stage2", [])
    (None, None, None)
    """
    plain = _plain(column)
    for known in KNOWN_COLUMNS:
        if plain == _plain(known):
            return known
    absent = [k for k in KNOWN_COLUMNS if k not in present]
    if _SYNONYMS.get(plain) in absent:
        return _SYNONYMS[plain]
    for known in absent:
        target = _plain(known)
        allowed = 2 if len(target) >= 9 else 1
        if abs(len(plain) - len(target)) > allowed:
            continue
        distance, changed = _distance(plain, target)
        digits_kept = re.sub(r"\D", "", plain) == re.sub(r"\D", "", target)
        if distance <= allowed and digits_kept and not (len(target) < 5 and changed):
            return known
    return None


def name_columns(columns: Sequence[str], *, label: str, where: str) -> tuple[dict[str, str], bool]:
    """Map a table's columns to ours; covariates map to themselves.

    Parameters
    ----------
    columns : sequence of str
        The header.
    label : str
        Column that holds the stage or any other label.
    where : str
        File name, for messages.

    Returns
    -------
    tuple
        Column -> name, and whether the header is that of a pyradiomics batch file. In a batch
        file, whose names begin with a capital, ``Patient`` or ``Stage`` are taken for ours.

    Raises
    ------
    CohortError
        When a column is misspelt, ambiguous (``label``), repeated, reserved, or a required one is
        absent.

    Examples
    --------
    >>> name_columns(["case", "image", "age"], label="stage", where="cohort.csv")
    ({'case': 'case', 'image': 'image', 'age': 'age'}, False)
    >>> name_columns(["case", "image", "scaner"], label="stage", where="cohort.csv")
    Traceback (most recent call last):
    radiofib.errors.CohortError: cohort.csv, column 'scaner': is nearly a known column
    (expected 'scanner'). Next: rename it to 'scanner', or, if it is a covariate of its own,
    to something less alike.
    """
    check_no_duplicates(columns, what="column", where=where, error=CohortError)
    batch = is_batch(columns)
    names: dict[str, str] = {}
    for column in columns:
        names[column] = _name(column, columns, label=label, batch=batch, where=where)
    if label != "stage" and "stage" in columns:
        names["stage"] = "stage_in_table"
    taken = list(names.values())
    check_no_duplicates(taken, what="column", where=where, error=CohortError)
    if label not in columns and label != "stage":
        raise CohortError(
            f"no column {label!r} for the label", where=where, found=list_some(columns, 20)
        )
    missing = [c for c in ("case", "image") if c not in taken and not (batch and c == "case")]
    if missing:
        raise CohortError(
            f"no column {' and no column '.join(map(repr, missing))}",
            where=where,
            expected="at least case and image (or a pyradiomics batch file's Image and Mask)",
            found=list_some(columns, 20),
            hint="name the column that identifies a case 'case' and the one with files 'image'",
        )
    return names, batch


def _name(column: str, columns: Sequence[str], *, label: str, batch: bool, where: str) -> str:
    if column == label:
        return "stage"
    if column in KNOWN_COLUMNS:
        return column
    if batch and column in BATCH_COLUMNS and BATCH_COLUMNS[column] not in columns:
        return BATCH_COLUMNS[column]
    if not batch and _plain(column) == "label":
        raise CohortError(
            "may be the label of the mask or that of the case",
            where=f"{where}, column {column!r}",
            expected="'mask_label'",
            hint="rename it to 'mask_label' when it says which label of the mask is meant; when it "
            f"is the stage, say so (label={column!r}); else give it another name",
        )
    close = near_miss(column, [*columns, *(["stage"] if label in columns else [])])
    if batch and close and close not in columns and _plain(column) == _plain(close):
        return close
    if batch and column in {*BATCH_COLUMNS, "Label_channel"}:
        return column
    if close:
        raise CohortError(
            "is nearly a known column",
            where=f"{where}, column {column!r}",
            expected=repr(close),
            hint=f"rename it to {close!r}, or, if it is a covariate of its own, to something "
            "less alike",
        )
    if _RESERVED.match(column):
        raise CohortError(
            "is a name that radiofib gives to its own columns",
            where=f"{where}, column {column!r}",
            hint="rename it; names that begin with 'geom_' are reserved",
        )
    return column


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _distance(a: str, b: str) -> tuple[int, bool]:
    """Edit distance with swaps of neighbours, and whether the best way changes a letter."""
    far = len(a) + len(b)
    table = [[(far, False)] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            if not i or not j:
                table[i][j] = (i + j, False)
                continue
            (d, c), change = table[i - 1][j - 1], a[i - 1] != b[j - 1]
            ways = [(d + change, c or change)]
            ways += [(d + 1, c) for d, c in (table[i - 1][j], table[i][j - 1])]
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                d, c = table[i - 2][j - 2]
                ways.append((d + 1, c))
            table[i][j] = min(ways)
    return table[-1][-1]
