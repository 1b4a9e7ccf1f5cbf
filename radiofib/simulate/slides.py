"""Biopsy slides as pyramidal TIFF, with every polygon and pixel count known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from radiofib.config import StrictModel
from radiofib.simulate._deal import deal, run_pieces, stage_facts
from radiofib.simulate._files import new_folder, write_frame, write_json
from radiofib.simulate._random import child_rng
from radiofib.simulate._tiff import TiffWriter
from radiofib.simulate.laws import StageLaw
from radiofib.simulate.slide_artefacts import ARTEFACTS, ArtefactLaw, draw_artefacts
from radiofib.simulate.slide_geometry import (
    LABELS,
    BiopsyLaw,
    Shape,
    cut_again,
    draw_biopsy,
    draw_core,
    draw_inside,
)
from radiofib.simulate.slide_paint import SlidePainter, SlideScanner

__all__ = ["SLIDE_SCANNERS", "SlideSettings", "write_slide", "write_slide_cohort"]

LUDWIG = ("1", "2", "3", "4")

#: Three laboratories: other stain, white point and stage mix.
SLIDE_SCANNERS = (
    SlideScanner(name="H1", weight=2.0, stage_weights=(3, 3, 2, 2)),
    SlideScanner(
        name="H2", white=(238, 240, 245), haematoxylin=0.8, eosin=1.2, weight=2.0,
        stage_weights=(2, 2, 3, 3),
    ),
    SlideScanner(
        name="H3", white=(247, 245, 240), haematoxylin=1.2, eosin=0.85, jpeg_quality=88,
        weight=1.0, stage_weights=(1, 1, 1, 1),
    ),
)  # fmt: skip


class SlideSettings(StrictModel):
    """Everything slides are made with, besides number and seed.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns at level 0; up to 40,000 x 30,000 and beyond, memory stays bounded.
    mpp : float
        Micrometres per pixel: 0.5 is 20x, 0.25 is 40x.
    cores : tuple of int
        Fewest and most cores on a slide.
    levels : int
        Serial levels: each core lies on the slide this often, and counts once.
    pen, dust : float
        Chance of a pen mark on the glass, and mean number of dust specks.
    stages : tuple of str
        Labels in order, Ludwig by default.
    scanners, stage_law, biopsy_law
        The laws.
    artefacts : ArtefactLaw, optional
        Pen strokes over tissue, folds, regions out of focus and bubbles; none by default.
    """

    shape: tuple[int, int] = (4608, 8192)
    mpp: float = Field(default=0.5, gt=0)
    cores: tuple[int, int] = (1, 3)
    levels: int = Field(default=1, ge=1)
    pen: float = Field(default=0.2, ge=0, le=1)
    dust: float = Field(default=2.0, ge=0)
    stages: tuple[str, ...] = LUDWIG
    scanners: tuple[SlideScanner, ...] = SLIDE_SCANNERS
    stage_law: StageLaw = StageLaw()
    biopsy_law: BiopsyLaw = BiopsyLaw()
    artefacts: ArtefactLaw | None = None


@dataclass(frozen=True)
class _Plan:
    index: int
    case: str
    scanner: SlideScanner
    level: int


def write_slide(
    path: str | Path,
    *,
    trait: float,
    level: int,
    scanner: SlideScanner,
    settings: SlideSettings,
    rng: np.random.Generator,
    labels: str | Path | None = None,
) -> dict[str, Any]:
    """Write one slide and return its truth.

    Parameters
    ----------
    path : path
        The ``.tif``: tiled, JPEG, levels 1, 4, 16 ..., micrometres per pixel in its resolution
        tags; OpenSlide opens it as ``generic-tiff`` and reports ``openslide.mpp-x``.
    trait, level : float, int
        The patient's latent trait and stage level.
    scanner : SlideScanner
        Colours.
    settings : SlideSettings
        Sizes and laws.
    rng : Generator
        Source of everything random.
    labels : path, optional
        Where to write the exact labels of level 0, a tiled TIFF with the values of ``LABELS``:
        0 background, 1 lobule, 2 portal tract (septa included), 3 vein lumen, 4 vacuole, 5 pen,
        6 dust.

    Returns
    -------
    dict
        Pixel counts by label; tissue, tract and portal areas; cores with outline, centre line
        and length; tracts with polygon, pixels and whether they are complete. A tract's pixels are
        those of its polygon inside tissue, of which only the largest part counts where the
        border splits it: a tract is one region of the label picture. `tissue_px`
        counts the outlines whole: lobule, portal, vein and vacuole together. With artefacts,
        `artefact_px` has the tissue pixels under each kind, and `usable_px` those under none;
        the label picture does not show them.

    Examples
    --------
    >>> import tempfile
    >>> small = SlideSettings(shape=(800, 1600), cores=(1, 1),
    ...                       biopsy_law=BiopsyLaw(core_width_um=200, tract_area_um2=3000))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     truth = write_slide(folder + "/s.tif", trait=0.0, level=0, scanner=SLIDE_SCANNERS[0],
    ...                         settings=small, rng=np.random.default_rng(0))
    >>> truth["n_cores"], truth["tissue_px"] == sum(p["pixels"] for p in truth["pieces"])
    (1, True)
    """
    law, mpp = settings.biopsy_law, settings.mpp
    rows, columns = settings.shape
    number = int(rng.integers(settings.cores[0], settings.cores[1] + 1))
    steatosis = float(np.minimum(law.steatosis * rng.exponential(), 0.4))
    lane_um = rows * mpp / (number * settings.levels)
    insides = []
    for _ in range(number):
        length = columns * mpp * rng.uniform(0.75, 0.95)
        core = draw_core(length, law, rng, sway_um=min(0.01 * length, 0.06 * lane_um))
        insides.append(draw_inside(core, trait, level, steatosis, law, rng))
    again = partial(cut_again, law=law, rng=rng) if law.level_change else None
    shapes, cores = draw_biopsy(
        insides, levels=settings.levels, shape=settings.shape, mpp=mpp, again=again
    )
    shapes = shapes + _dirt(settings, rng)
    faults = settings.artefacts or ArtefactLaw()
    if settings.artefacts is not None:
        shapes = shapes + draw_artefacts(faults, cores, settings.shape, mpp, rng)
    painter = SlidePainter(shapes, settings.shape, mpp, scanner, rng, blur_um=faults.blur_um)
    with TiffWriter(Path(path), "rgb") as tiff:
        tiff.page(painter.tiles(), settings.shape, mpp=mpp)
        for step, (tiles, shape) in enumerate(painter.levels, start=1):
            tiff.page(tiles, shape, mpp=mpp * 4**step, reduced=True)
    if labels is not None:
        with TiffWriter(Path(labels), "labels") as tiff:
            tiff.page(painter.label_tiles, settings.shape, mpp=mpp)
    truth = _truth(shapes, cores, painter, mpp)
    if settings.artefacts is not None:
        truth["artefact_px"] = painter.artefact_pixels
        truth["usable_px"] = truth["tissue_px"] - painter.artefact_pixels["any"]
    truth["countable"] = level < law.septa_from_level
    return truth | {"trait": trait, "level": level, "n_cores": number, "steatosis": steatosis}


def _dirt(settings: SlideSettings, rng: np.random.Generator) -> list[Shape]:
    rows, columns = settings.shape
    shapes = []
    if rng.random() < settings.pen:
        x = np.linspace(0.02, 0.02 + rng.uniform(0.08, 0.2), 30) * columns
        y = rows * (0.04 + 0.02 * np.sin(np.linspace(0, rng.uniform(3, 9), 30)))
        half = rng.uniform(25, 45) / settings.mpp
        edge = np.concatenate(
            [np.column_stack([x, y - half]), np.column_stack([x, y + half])[::-1]]
        )
        shapes.append(Shape("pen", np.round(edge, 3)))
    for number in range(int(rng.poisson(settings.dust))):
        angle = np.arange(12) * 2 * np.pi / 12
        radius = rng.uniform(5, 20) / settings.mpp * rng.uniform(0.6, 1.4, 12)
        centre = rng.uniform(0, 1, 2) * (columns, rows)
        points = centre + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        shapes.append(Shape("dust", np.round(points, 3), number=number))
    return shapes


def _length(line: NDArray[np.float64]) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def _truth(
    shapes: list[Shape],
    cores: list[tuple[Shape, NDArray[np.float64]]],
    painter: SlidePainter,
    mpp: float,
) -> dict[str, Any]:
    label_px = {name: int(painter.label_counts[value]) for name, value in LABELS.items()}
    tissue = sum(label_px[n] for n in ("lobule", "portal", "vein", "vacuole"))
    tracts: list[dict[str, Any]] = [
        {
            "number": s.number,
            "core": s.core,
            "level": s.level,
            "fragment": s.fragment,
            "pixels": painter.tract_pixels[s.number],
            "area_um2": painter.tract_pixels[s.number] * mpp**2,
            "complete": painter.tract_clipped[s.number] == 0,
            "polygon": s.polygon,
        }
        for s in shapes
        if s.kind == "portal"
    ]
    pieces: list[dict[str, Any]] = [
        {
            "number": s.number,
            "core": s.core,
            "level": s.level,
            "fragment": s.fragment,
            "length_um": _length(line) * mpp,
            "pixels": painter.core_pixels[s.number],
            "mean_width_um": painter.core_pixels[s.number] * mpp / _length(line),
            "outline": s.polygon,
            "centre_line": line,
        }
        for s, line in cores
    ]
    first = [p for p in pieces if p["level"] == 0]
    return {
        "shape": painter.shape,
        "mpp": mpp,
        "label_px": label_px,
        "tissue_px": tissue,
        "tissue_mm2": tissue * mpp**2 / 1e6,
        "portal_px": label_px["portal"],
        "portal_fraction": label_px["portal"] / tissue,
        "n_tracts": sum(t["level"] == 0 for t in tracts),
        "n_complete_tracts": sum(t["level"] == 0 and t["complete"] for t in tracts),
        "length_mm": sum(p["length_um"] for p in first) / 1000,
        "pieces": pieces,
        "tracts": tracts,
        "others": [
            {"kind": s.kind, "number": s.number, "core": s.core, "polygon": s.polygon}
            for s in shapes
            if s.kind in ("septum", "vein", "pen", "dust", *ARTEFACTS)
        ],
        "n_vacuoles": sum(s.kind == "vacuole" for s in shapes),
    }


def write_slide_cohort(
    out: str | Path,
    *,
    n_patients: int = 6,
    seed: int = 0,
    settings: SlideSettings | None = None,
    save_labels: bool = True,
    workers: int | None = 1,
) -> Path:
    """Write a cohort of biopsy slides with known truth, one slide for each patient.

    Parameters
    ----------
    out : path
        Folder; gets ``cohort.csv``, ``slides/<case>.tif``, ``truth.csv``, ``truth.json`` and,
        for each case, ``truth/<case>.json`` (polygons) and ``truth/<case>_labels.tif``.
    n_patients : int
        Size. Patient k is the same whatever it is.
    seed : int
        Same seed, same bytes, for any number of workers.
    settings : SlideSettings, optional
        Sizes and laws.
    save_labels : bool
        Whether to write the label pictures.
    workers : int, optional
        Processes; None takes one per core.

    Returns
    -------
    Path
        ``cohort.csv`` with case, patient, channel ``wsi``, image, scanner and stage.

    Examples
    --------
    >>> import tempfile
    >>> small = SlideSettings(shape=(800, 1600), cores=(1, 1),
    ...                       biopsy_law=BiopsyLaw(core_width_um=200, tract_area_um2=3000))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_slide_cohort(folder + "/bx", n_patients=1, settings=small)
    ...     path.read_text().splitlines()
    ['case,patient,channel,image,scanner,stage', 'bx001,bx001,wsi,slides/bx001.tif,H1,1']
    """
    settings = settings or SlideSettings()
    plans = {
        f"bx{k + 1:03d}": _Plan(k, f"bx{k + 1:03d}", settings.scanners[scanner], level)
        for k, (scanner, level) in enumerate(deal(settings.scanners, settings.stages, n_patients))
    }
    out = new_folder(out)
    for folder in ("slides", "truth"):
        (out / folder).mkdir(exist_ok=True)
    make = partial(_write_case, out=out, settings=settings, seed=seed, save_labels=save_labels)
    done = run_pieces(make, plans, workers)
    write_frame(out / "truth.csv", list(done.values()))
    facts = {"kind": "slides", "seed": seed, "labels": LABELS}
    facts["settings"] = settings.model_dump(exclude_none=True)
    levels = (p.level for p in plans.values())
    counts = stage_facts(settings.stage_law, settings.stages, levels)
    write_json(out / "truth.json", facts | counts)
    write_frame(
        out / "cohort.csv",
        [
            {
                "case": p.case,
                "patient": p.case,
                "channel": "wsi",
                "image": f"slides/{p.case}.tif",
                "scanner": p.scanner.name,
                "stage": settings.stages[p.level],
            }
            for p in plans.values()
        ],
    )
    return out / "cohort.csv"


def _write_case(
    plan: _Plan, *, out: Path, settings: SlideSettings, seed: int, save_labels: bool
) -> dict[str, Any]:
    rng = child_rng(seed, "slide-patient", plan.index)
    truth = write_slide(
        out / "slides" / f"{plan.case}.tif",
        trait=settings.stage_law.draw(plan.level, rng),
        level=plan.level,
        scanner=plan.scanner,
        settings=settings,
        rng=rng,
        labels=out / "truth" / f"{plan.case}_labels.tif" if save_labels else None,
    )
    write_json(out / "truth" / f"{plan.case}.json", truth)
    columns = (
        "trait", "level", "countable", "n_cores", "n_tracts", "n_complete_tracts", "tissue_mm2",
        "portal_fraction", "length_mm", "tissue_px", "portal_px", "steatosis", "n_vacuoles",
    )  # fmt: skip
    return {"case": plan.case} | {c: truth[c] for c in columns}
