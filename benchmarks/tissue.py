"""How well artefacts, serial levels, area and length are found on simulated slides.

Usage: python benchmarks/tissue.py [artefacts] [levels] [full] [--small] [--out FOLDER]

Each part is compared with the claims in tests/reference/tissue_claims.csv, which name the seeds
and were written before the results; `full` makes slides of 30,000 x 40,000 pixels. Written to
tissue_PART.csv: subject, measure, value found, value claimed, whether it holds; the slides of full
size also one by one to tissue_slides.csv.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib.provenance import environment
from radiofib.simulate._random import child_rng
from radiofib.simulate._raster import polygon_spans
from radiofib.simulate.slide_artefacts import ArtefactLaw
from radiofib.simulate.slide_geometry import BiopsyLaw, Core, cut_again, draw_core
from radiofib.simulate.slides import SLIDE_SCANNERS, SlideSettings, write_slide
from radiofib.slides import open_slide
from radiofib.slides.reader import Grid
from radiofib.slides.tissue.clean import CleanTissue, artefact_values, clean_tissue
from radiofib.slides.tissue.fragments import find_fragments
from radiofib.slides.tissue.levels import Levels, group_levels
from radiofib.slides.tissue.settings import LevelSettings

Bools = NDArray[np.bool_]

RESULTS = Path(__file__).parent / "results"
CLAIMS = Path(__file__).parents[1] / "tests" / "reference" / "tissue_claims.csv"

FAULTY = SlideSettings(
    shape=(9000, 20000),
    cores=(1, 3),
    pen=1.0,
    dust=20.0,
    artefacts=ArtefactLaw(strokes=2, folds=3, blurs=2, bubbles=2),
)
CLEAN = SlideSettings(shape=(9000, 20000), cores=(1, 3), pen=0.0, dust=0.0)


@dataclass(frozen=True)
class Found:
    """What lies on a slide, and what was found."""

    truth: dict[str, Any]
    grid: Grid
    clean: CleanTissue


def slide(path: Path, seed: int, settings: SlideSettings) -> dict[str, Any]:
    return write_slide(
        path,
        trait=0.3,
        level=seed % 4,
        scanner=SLIDE_SCANNERS[seed % 3],
        settings=settings,
        rng=child_rng(seed, "artefacts"),
    )


def found_on(path: Path, seed: int, settings: SlideSettings) -> Found:
    truth = slide(path, seed, settings)
    with open_slide(path) as opened:
        clean = clean_tissue(opened)
    path.unlink()
    return Found(truth, clean.grid, clean)


def drawn(found: Found, *kinds: str) -> Bools:
    """Return where the truth has artefacts of some kinds, on the tissue grid."""
    polygons = [o["polygon"] for o in found.truth["others"] if o["kind"] in kinds]
    return raster(polygons, found.grid)


def tissue_of(found: Found) -> Bools:
    return raster([piece["outline"] for piece in found.truth["pieces"]], found.grid)


def raster(polygons: list[Any], grid: Grid) -> Bools:
    mask = np.zeros((grid.height, grid.width), dtype=bool)
    for polygon in polygons:
        cells = np.asarray(polygon) / (grid.step_x, grid.step_y)
        mask |= polygon_spans(cells).window(0, 0, grid.height, grid.width)
    return mask


def hits(found: Found) -> dict[str, tuple[float, float, float, float]]:
    """Return true and found, true, right and all found: cells, or specks for dust."""
    tissue = tissue_of(found)
    ink = drawn(found, "stroke") | (drawn(found, "pen") & ~tissue)
    counts = {"pen": _cells(ink, found.clean.artefacts.mask("pen"))}
    for kind in ("fold", "blur", "bubble"):
        here = tissue & ~ink
        counts[kind] = _cells(drawn(found, kind) & here, found.clean.artefacts.mask(kind) & here)
    counts["dust"] = _specks(found, tissue)
    return counts


def _cells(truth: Bools, mask: Bools) -> tuple[float, float, float, float]:
    both = float((truth & mask).sum())
    return both, float(truth.sum()), both, float(mask.sum())


def _specks(found: Found, tissue: Bools) -> tuple[float, float, float, float]:
    """Specks on glass; a true speck counts from 700 um2, a found one near any true one is right."""
    shape = (found.grid.height, found.grid.width)
    scale = (found.grid.step_x, found.grid.step_y)
    large, every = 0, np.zeros(shape, dtype=bool)
    seen = 0
    mask = found.clean.artefacts.mask("dust")
    hidden = tissue | drawn(found, "stroke", "pen", "bubble")
    for other in found.truth["others"]:
        if other["kind"] != "dust":
            continue
        x, y = (np.asarray(other["polygon"]) / scale).T
        area = abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))) / 2
        box = (slice(max(int(y.min()) - 1, 0), int(y.max()) + 2),
               slice(max(int(x.min()) - 1, 0), int(x.max()) + 2))  # fmt: skip
        every[box] = True
        if area * found.grid.cell_um2 >= 700 and every[box].size and not hidden[box].any():
            large += 1
            seen += bool(mask[box].any())
    specks, count = ndi.label(mask, structure=np.ones((3, 3)))
    right = len(set(np.unique(specks[every])) - {0})
    return float(seen), float(large), float(right), float(count)


def artefact_findings(folder: Path) -> dict[tuple[str, str], float]:
    """Return what the claims on artefacts are compared with, by subject and first words."""
    pooled = {kind: np.zeros(4) for kind in ("pen", "dust", "fold", "blur", "bubble")}
    errors, shares = [], []
    for seed in range(7101, 7107):
        found = found_on(folder / "s.tif", seed, FAULTY)
        for kind, counts in hits(found).items():
            pooled[kind] += counts
        true = found.truth["usable_px"] * found.truth["mpp"] ** 2
        errors.append(found.clean.tissue.mask.sum() * found.grid.cell_um2 / true - 1)
    for seed in range(7201, 7207):
        found = found_on(folder / "s.tif", seed, CLEAN)
        shares.append(artefact_values(found.clean)[0]["artefact_tissue_left_out_percent"] / 100)
    values = {("tissue", "largest error"): float(np.abs(errors).max())}
    values["clean", "largest share"] = max(shares)
    for kind, (hit, true, right, every) in pooled.items():
        values[kind, "share of findings"] = right / every
        first = {"pen": "ink", "dust": "specks", "fold": "folded", "blur": "blurred"}
        values[kind, f"share of {first.get(kind, 'tissue')}"] = hit / true
    return values


def lanes(cores: list[Core], um: float = 8.0) -> tuple[Bools, list[tuple[int, int]]]:
    """Rasterise cores one below the other, as a tissue mask; return a cell of each piece too."""
    outlines = [[core.outline(k) / um for k in range(len(core.pieces))] for core in cores]
    ends = [np.concatenate(parts) for parts in outlines]
    lane = max(float(np.ptp(points[:, 1])) for points in ends) + 40
    shape = (int(lane * len(cores)) + 1, int(max(np.ptp(p[:, 0]) for p in ends)) + 60)
    mask = np.zeros(shape, dtype=bool)
    cells = []
    for number, (parts, points) in enumerate(zip(outlines, ends, strict=True)):
        shift = np.array([30.0, lane * number + 20]) - points.min(axis=0)
        for part in parts:
            piece = polygon_spans(part + shift).window(0, 0, *shape)
            mask |= piece
            row, column = np.argwhere(piece)[0]
            cells.append((int(row), int(column)))
    return mask, cells


def count_levels(cores: list[Core]) -> Levels:
    """Group cores that lie on a slide."""
    mask, cells = lanes(cores)
    grid = Grid(mask.shape[1], mask.shape[0], 16, 16, 8.0, 8.0)
    return group_levels(mask, cells, grid)


def repeated(seed: int) -> list[Core]:
    """Return one to three cores, each cut at three levels."""
    rng = child_rng(seed, "levels")
    law = BiopsyLaw(level_change=1.0, fragments=0.0)
    cores = []
    for _ in range(int(rng.integers(1, 4))):
        length = rng.uniform(9000, 20000)
        core = draw_core(length, law, rng, sway_um=0.01 * length)
        cores += [core, cut_again(core, law, rng), cut_again(core, law, rng)]
    return cores


def different(seed: int) -> list[Core]:
    """Return two to four cores of one needle, about equally long."""
    rng = child_rng(seed, "levels")
    law = BiopsyLaw(fragments=0.0)
    length = rng.uniform(9000, 18000)
    return [
        draw_core(length * rng.uniform(0.9, 1.1), law, rng, sway_um=0.01 * length)
        for _ in range(int(rng.integers(2, 5)))
    ]


def broken(seed: int) -> list[Core]:
    """Return five to ten pieces, 1 to 6 mm long."""
    rng = child_rng(seed, "levels")
    law = BiopsyLaw(fragments=0.0)
    return [
        draw_core(rng.uniform(1000, 6000), law, rng, sway_um=60.0)
        for _ in range(int(rng.integers(5, 11)))
    ]


def level_findings(_: Path, most: int | None = None) -> dict[tuple[str, str], float]:
    """Return what the claims on serial levels are compared with, on `most` slides of each kind."""
    seen = [count_levels(repeated(seed)) for seed in range(8100, 8160)[:most]]
    two = [count_levels(different(seed)).count > 1 for seed in range(8200, 8400)[:most]]
    parts = [count_levels(broken(seed)).count > 1 for seed in range(8400, 8600)[:most]]
    right = [
        found.count == 3 and found.core == tuple(1 + i // 3 for i in range(len(found.core)))
        for found in seen
    ]
    return {
        ("levels", "share of slides with one to three cores"): float(np.mean(right)),
        ("levels", "share of slides with two to four"): float(np.mean(two)),
        ("levels", "share of fragmented"): float(np.mean(parts)),
    }


#: Seed, um per pixel, cores, levels.
FULL = ((6101, 0.25, 3, 1), (6102, 0.5, 3, 1), (6103, 0.25, 1, 3), (6104, 0.5, 1, 3))


def full_size(folder: Path, seed: int, mpp: float, cores: int, levels: int) -> dict[str, Any]:
    """Make and measure one slide of 30,000 x 40,000 pixels."""
    law = BiopsyLaw(level_change=1.0 if levels > 1 else 0.0)
    settings = SlideSettings(
        shape=(30_000, 40_000), mpp=mpp, cores=(cores, cores), levels=levels, biopsy_law=law
    )
    start = time.perf_counter()
    truth = slide(folder / "s.tif", seed, settings)
    made = time.perf_counter()
    with open_slide(folder / "s.tif") as opened:
        clean = clean_tissue(opened)
    grid = clean.grid
    fragments = find_fragments(clean.whole, grid, usable=clean.tissue.mask)
    corners = [f.first_cell for f in fragments]
    found = group_levels(clean.whole, corners, grid, overview=clean.overview)
    lengths = [f.length_mm for f in fragments]
    best = found.best(lengths, [f.area_mm2 for f in fragments])
    end = time.perf_counter()
    told = group_levels(clean.whole, corners, grid, settings=LevelSettings(levels=levels))
    first = told.best(lengths, [f.area_mm2 for f in fragments])
    length_told = sum(lengths[i] for i in told.pieces(first))
    (folder / "s.tif").unlink()
    true: dict[int, float] = {}
    for piece in truth["pieces"]:
        true[piece["level"]] = true.get(piece["level"], 0.0) + piece["length_um"] / 1000
    area = float(clean.tissue.mask.sum()) * grid.cell_um2 / 1e6
    length = sum(lengths[i] for i in found.pieces(best))
    per_level = len(truth["pieces"]) / levels
    return {
        "seed": seed,
        "mpp": mpp,
        "cores": cores,
        "levels": levels,
        "levels_found": found.count,
        "pieces_per_level": per_level,
        "pieces_per_level_found": len(found.pieces(best)),
        "area_mm2": round(truth["tissue_mm2"], 4),
        "area_error": round(area / truth["tissue_mm2"] - 1, 5),
        "length_mm": round(max(true.values()), 4),
        "length_error": round(length / max(true.values()) - 1, 5),
        "length_error_told": round(length_told / max(true.values()) - 1, 5),
        "seconds_simulating": round(made - start, 1),
        "seconds_measuring": round(end - made, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }


def full_findings(folder: Path, out: Path) -> dict[tuple[str, str], float]:
    """Return what the claims on size are compared with; the slides go to tissue_slides.csv."""
    table = pd.DataFrame([full_size(folder, *case) for case in FULL])
    print(table.T.to_string())
    for name, version in environment(("numpy", "scipy", "scikit-image")).items():
        table[name] = version
    table.to_csv(out / "tissue_slides.csv", index=False, lineterminator="\n")
    return {
        ("full size", "largest error of tissue area"): float(table["area_error"].abs().max()),
        ("full size", "largest error of core length"): float(table["length_error"].abs().max()),
    }


def compared(values: dict[tuple[str, str], float]) -> pd.DataFrame:
    """Set values beside their claims."""
    claims = pd.read_csv(CLAIMS)
    rows = []
    for (subject, words), value in values.items():
        fits = (claims["subject"] == subject) & claims["measure"].str.startswith(words)
        [claim] = claims[fits].to_dict("records")
        most = "largest" in claim["measure"] or "most allowed" in claim["source"]
        holds = value <= claim["value"] if most else value >= claim["value"]
        rows.append(
            {
                "subject": subject,
                "measure": claim["measure"],
                "value": round(value, 5),
                "claimed": claim["value"],
                "side": "at most" if most else "at least",
                "holds": holds,
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["artefacts", "levels", "full"])
    parser.add_argument("--small", action="store_true", help="three slides of levels only")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    makers: dict[str, Callable[[Path], dict[tuple[str, str], float]]] = {
        "artefacts": artefact_findings,
        "levels": partial(level_findings, most=1 if given.small else None),
        "full": partial(full_findings, out=given.out),
    }
    for part in ["levels"] if given.small else given.parts:
        with tempfile.TemporaryDirectory() as folder:
            table = compared(makers[part](Path(folder)))
        print(table.to_string(index=False))
        for name, version in environment(("numpy", "scipy", "scikit-image")).items():
            table[name] = version
        table.to_csv(given.out / f"tissue_{part}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
