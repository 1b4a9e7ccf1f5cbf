"""One ultrasound file: its frames cleaned, regions found, all of it written and drawn."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from radiofib.cohort import Acquisition
from radiofib.cohort.failures import died_on, failure_of
from radiofib.cohort.geometry import UNKNOWN_PIXEL, parse_pixel, pixel_text
from radiofib.errors import Failure, MaskError, RadiofibError
from radiofib.images import hash_source
from radiofib.images.overlay import OUTLINE, fitted_size, nearest, outline_of, save_png
from radiofib.images.ultrasound import UltrasoundFrame, read_frames
from radiofib.prepare.ultrasound_config import UltrasoundPlan
from radiofib.prepare.ultrasound_region import OTHER_PANEL, Region, given_mask, regions_of
from radiofib.preprocess.ultrasound import CleanImage, clean_screen, fill_blanked
from radiofib.provenance import hash_object
from radiofib.store import folder_within, read_record, write_record

__all__ = ["ScreenDone", "ScreenRow", "ScreenTask", "ScreenWork", "crashed", "do_screen"]

#: Changes when the content of a finished piece changes its meaning.
SCREEN_SCHEMA = 5
#: Colours of the picture of what was taken.
_FRAME, _REMOVED = (80, 160, 255), (220, 40, 60)
_LONGEST = 900
_SIXTEEN_BITS = 65535.0


@dataclass(frozen=True)
class ScreenRow:
    """What became of one image on a screen: a row of ``ultrasound.csv``.

    Parameters
    ----------
    case, instance, channel : str
        Whose image; the instance tells frames, panels and patches apart.
    reason : str
        Why nothing of it is measured; "" when it is.
    kind : str
        ``convex, sector, linear, trapezoid`` or ``whole``.
    apex_y_px, apex_x_px, angle_left_deg, angle_right_deg, near_px, far_px, depth_px : float or None
        Its shape, in pixels of the written image; angles to the downward vertical.
    rows, columns : int
        Size of the written image.
    top, left : int
        Where it was cut from the screen.
    image_share, valid_share, graphics_share, colour_share : float or None
        Share of the screen that is image; of the image, what shows echo, what was blanked as
        text, graphics or colour, and what is coloured.
    pixel_y_mm, pixel_x_mm : float or None
        Size of a pixel.
    spacing_from : str
        ``calibration``, ``cohort``, ``study``, or "" when it is not known.
    region : str
        ``mask, polygons, patches`` or ``image``.
    region_px, patches : int
        Pixels and patches of the region.
    frame : int or None
        Frame of a film, from 0.
    notes : str
        What was done.
    doubt : str
        What a person should look at; "" for nothing.
    white_grey : float or None
        Grey that is white in an image of 16 bits whose file stored fewer.
    image_look : str
        Hash of what was seen before text and graphics were blanked, for telling copies.
    image, mask, valid, picture : str
        Files, relative to the folder.
    """

    case: str
    instance: str
    channel: str
    reason: str = ""
    kind: str = ""
    apex_y_px: float | None = None
    apex_x_px: float | None = None
    angle_left_deg: float | None = None
    angle_right_deg: float | None = None
    near_px: float | None = None
    far_px: float | None = None
    depth_px: float | None = None
    rows: int = 0
    columns: int = 0
    top: int = 0
    left: int = 0
    image_share: float | None = None
    valid_share: float | None = None
    graphics_share: float | None = None
    colour_share: float | None = None
    pixel_y_mm: float | None = None
    pixel_x_mm: float | None = None
    spacing_from: str = ""
    region: str = ""
    region_px: int = 0
    patches: int = 0
    frame: int | None = None
    notes: str = ""
    doubt: str = ""
    white_grey: float | None = None
    image_look: str = ""
    image: str = ""
    mask: str = ""
    valid: str = ""
    picture: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """Files that were written."""
        return tuple(filter(None, (self.image, self.mask, self.valid, self.picture)))


@dataclass(frozen=True)
class ScreenWork:
    """What every file needs to know: the plan, where to write, and versions."""

    plan: UltrasoundPlan
    folder: Path
    pieces: Path
    versions: str


@dataclass(frozen=True)
class ScreenTask:
    """One file, and the name of its results without suffix, relative to the folder."""

    acquisition: Acquisition
    stem: str


@dataclass(frozen=True)
class ScreenDone:
    """Rows and failures of one file."""

    rows: tuple[ScreenRow, ...] = ()
    failures: tuple[Failure, ...] = ()
    reused: bool = False


@dataclass
class _Page:
    """Where the results of one file gather."""

    rows: list[ScreenRow] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def do_screen(task: ScreenTask, *, work: ScreenWork) -> ScreenDone:
    """Clean one file unless it is done; never raise."""
    a = task.acquisition
    try:
        key = hash_object(
            {
                "schema": SCREEN_SCHEMA,
                "stem": task.stem,
                "key": a.key,
                "image": hash_source(a.image),
                "name": a.image.name,
                "mask": None if a.mask is None else hash_source(a.mask),
                "label": a.mask_label,
                "pixel_mm": a.extra.get("pixel_mm"),
                "plan": work.plan.model_dump(mode="json"),
                "versions": work.versions,
            }
        )
        found: Any = read_record(work.pieces, key, home=work.folder)
        if found is not None:
            rows = tuple(ScreenRow(**row) for row in found["rows"])
            failures = tuple(Failure(**row) for row in found["failures"])
            return ScreenDone(rows, failures, reused=True)
        folder_within(work.folder, Path(task.stem).parent.as_posix())
        page = _Page()
        for frame in read_frames(a.image, work.plan.frames):
            _do_frame(task, frame, work, page)
        content = {
            "rows": [asdict(r) for r in page.rows],
            "failures": [asdict(f) for f in page.failures],
        }
        files = dict.fromkeys(name for row in page.rows for name in row.files)
        write_record(work.pieces, key, content, home=work.folder, files=files)
        return ScreenDone(tuple(page.rows), tuple(page.failures))
    except Exception as error:  # one bad file never stops the others
        return ScreenDone(failures=(failure_of(a, error, "ultrasound"),))


def crashed(task: ScreenTask, error: Exception) -> ScreenDone:
    """Return what is said of a file whose process died."""
    died = died_on("cleaned this picture", error)
    return ScreenDone(failures=(failure_of(task.acquisition, died, "ultrasound"),))


def _do_frame(task: ScreenTask, frame: UltrasoundFrame, work: ScreenWork, page: _Page) -> None:
    a = task.acquisition
    plan = work.plan
    bare = replace(a, instance=_joined(a.instance, frame.name))
    try:
        images = clean_screen(frame.values, plan.clean, regions=frame.regions, where=a.image.name)
        given = None
        if a.mask is not None and plan.region.source in ("given", "given_or_patches"):
            number = frame.number if frame.frames > 1 else None
            given = given_mask(
                a.mask, a.image, frame.shape,
                label=a.mask_label, labels=plan.region.labels, frame=number,
            )  # fmt: skip
    except RadiofibError as error:
        page.failures.append(failure_of(bare, error, "ultrasound"))
        return
    for image in images:
        here = replace(bare, instance=_joined(bare.instance, image.panel))
        row, spacing = _described(here, frame, image, work)
        stem = _joined(task.stem, frame.name, image.panel)
        try:
            regions = regions_of(image, plan.region, given, spacing_mm=spacing)
        except MaskError as error:
            page.rows.append(replace(row, reason=str(error)))
            if error.problem != OTHER_PANEL:
                page.failures.append(failure_of(here, error, "ultrasound"))
            continue
        page.rows += _written(row, image, regions, stem, work)


def _joined(*parts: str) -> str:
    """Join what is not empty.

    >>> _joined("", "f003", "p1")
    'f003-p1'
    """
    return "-".join(part for part in parts if part)


def _described(
    a: Acquisition, frame: UltrasoundFrame, image: CleanImage, work: ScreenWork
) -> tuple[ScreenRow, tuple[float, float] | None]:
    """Return the row of an image without its region, and the size of a pixel."""
    spacing, source, said = _spacing(a, frame, image, work.plan)
    facts: dict[str, Any] = {name: round(value, 4) for name, value in image.frame.facts().items()}
    shares: dict[str, Any] = {
        f"{name}_share": round(value, 6) for name, value in image.shares.items()
    }
    row = ScreenRow(
        a.case, a.instance, a.channel,
        kind=image.frame.kind, **facts, **shares,
        rows=image.pixels.shape[0], columns=image.pixels.shape[1],
        top=image.box[0].start, left=image.box[1].start,
        pixel_y_mm=spacing[0] if spacing else None,
        pixel_x_mm=spacing[1] if spacing else None,
        spacing_from=source,
        frame=frame.number if frame.frames > 1 else None,
        notes="; ".join([*frame.notes, *image.notes, *said]),
        doubt="; ".join(image.doubts),
        white_grey=None if frame.white == _SIXTEEN_BITS else frame.white,
        image_look=image.look,
    )  # fmt: skip
    return row, spacing


def _spacing(
    a: Acquisition, frame: UltrasoundFrame, image: CleanImage, plan: UltrasoundPlan
) -> tuple[tuple[float, float] | None, str, list[str]]:
    """Return the size of a pixel, who says it, and a note when that is doubtful."""
    stated = image.spacing_mm or frame.spacing_mm
    told = a.extra.get("pixel_mm")
    given = None if told in (None, UNKNOWN_PIXEL) else parse_pixel(str(told))
    if stated is not None:
        notes = []
        if given and max(abs(g / s - 1) for g, s in zip(given, stated, strict=True)) > 0.01:
            notes.append(
                f"pixel_mm of the cohort ({pixel_text(given)}) is not the calibration of the file "
                f"({pixel_text(stated)}), which is used"
            )
        return stated, "calibration", notes
    if given is not None:
        return given, "cohort", []
    if plan.pixel_mm is not None:
        return (plan.pixel_mm, plan.pixel_mm), "study", []
    return None, "", ["size of a pixel is not known: features in mm are missing"]


def _written(
    row: ScreenRow, image: CleanImage, regions: list[Region], stem: str, work: ScreenWork
) -> list[ScreenRow]:
    """Write image, masks and picture; return a row for each region."""
    home = work.folder
    names: dict[str, Any] = {"image": f"{stem}.png", "valid": f"{stem}_valid.png"}
    inside = image.frame.mask(image.pixels.shape)
    save_png(fill_blanked(image.pixels, image.valid, inside), home / names["image"], effort=6)
    save_png(_white(image.valid), home / names["valid"], effort=6)
    if work.plan.pictures:
        names["picture"] = f"{stem}_taken.png"
        save_png(_taken(image, regions), home / names["picture"], effort=6)
    rows = []
    for region in regions:
        mask = f"{_joined(stem, region.name)}_mask.png"
        save_png(_white(region.mask), home / mask, effort=6)
        notes = "; ".join(filter(None, (row.notes, *region.notes)))
        doubt = "; ".join(filter(None, (row.doubt, *region.doubts)))
        rows.append(
            replace(
                row, instance=_joined(row.instance, region.name), region=region.source,
                region_px=int(np.count_nonzero(region.mask)), patches=region.patches,
                notes=notes, doubt=doubt, mask=mask, **names,
            )
        )  # fmt: skip
    return rows


def _white(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.where(mask, 255, 0).astype(np.uint8)


def _taken(image: CleanImage, regions: list[Region]) -> NDArray[np.uint8]:
    """Draw the image: its border in blue, what was blanked in red, the region's outline."""
    grey = image.grey
    shape = (grey.shape[0], grey.shape[1])
    height, width = fitted_size(shape, (1.0, 1.0), _LONGEST)
    shown = PIL.Image.fromarray(np.rint(grey).astype(np.uint8))
    shown = shown.resize((width, height), PIL.Image.Resampling.BILINEAR)
    picture = np.repeat(np.asarray(shown)[..., None], 3, axis=-1).copy()
    at = np.ix_(nearest(height, shape[0]), nearest(width, shape[1]))
    inside = image.frame.mask(shape)
    removed = (inside & ~image.valid)[at]
    picture[removed] = (0.5 * picture[removed] + 0.5 * np.array(_REMOVED)).astype(np.uint8)
    picture[outline_of(inside[at])] = _FRAME
    for region in regions:
        picture[outline_of(region.mask[at])] = OUTLINE
    return picture


ROW_NAMES = tuple(f.name for f in fields(ScreenRow))
