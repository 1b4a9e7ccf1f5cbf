"""How well serial levels are told from different cores on slides of full size.

Usage: python benchmarks/levels.py [PART ...] [--small] [--out FOLDER]

Parts: alike, different, variants, fragments, plain; all by default.

The slides are as wide as 40,000 pixels at 20x and 40x and painted on the tissue grid, see
benchmarks/_level_slides.py; sections of a core differ in place, course, edge and content. Those
of `plain` have a flat stain, few tracts and an even outline, see benchmarks/_plain_cores.py. Each
part is compared with the claims in tests/reference/level_claims.csv, which name the seeds and were
written before the results. Written to levels.csv and, but for --small, slide by slide to
levels_slides.csv.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage as ndi

from benchmarks._level_slides import FIELDS, Drawn, SectionLaw, draw_slide
from benchmarks._plain_cores import plain_slide
from radiofib.provenance import environment
from radiofib.simulate._random import child_rng
from radiofib.slides.tissue.level_pattern import stains
from radiofib.slides.tissue.level_profile import Profile, core_profile
from radiofib.slides.tissue.levels import Levels, group_profiles

RESULTS = Path(__file__).parent / "results"
CLAIMS = Path(__file__).parents[1] / "tests" / "reference" / "level_claims.csv"

ALIKE = range(19000, 19120)
DIFFERENT = range(19300, 19360)
FRAGMENTS = range(19500, 19560)
PLAIN = range(19600, 19900)
PLAIN_LEVELS = range(19900, 19960)
#: Slides that are put together from the cores of each seed.
SLIDES_OF_A_SEED = 10
#: Other laws than the one that limits were chosen with.
VARIANTS = {
    "torn": (range(19400, 19416), SectionLaw(broken=1.0)),
    "flipped": (range(19420, 19436), SectionLaw(flipped=1.0)),
    "shorter": (range(19440, 19456), SectionLaw(shorter=0.15)),
    "faded": (range(19460, 19476), SectionLaw(faded=0.5)),
}
#: Smaller parts of a section are crumbs, wherever they are counted.
_CRUMB_UM = 1500.0


def pieces(drawn: Drawn) -> tuple[list[Profile], list[tuple[int, int]]]:
    """Return the profiles of the pieces of a slide, and their true core and level."""
    labels, _ = ndi.label(drawn.mask)
    profiles, truth = [], []
    for label, place in enumerate(ndi.find_objects(labels), start=1):
        piece = labels[place] == label
        corner = (place[0].start, place[1].start)
        stain = stains(drawn.overview[place][piece])
        um = (drawn.um, drawn.um)
        profiles.append(core_profile(piece, um, corner=corner, widest_um=2500.0, stain=stain))
        row = (place[0].start + place[0].stop) // 2
        truth.append((int(drawn.core[row]), int(drawn.level[row])))
    return profiles, truth


def is_right(
    found: Levels, truth: Sequence[tuple[int, int]], profiles: Sequence[Profile], levels: int
) -> bool:
    """Tell whether number of levels and sections are right, crumbs left aside.

    The parts of two torn sections may be called two cores, as long as their levels are right.
    """
    large = [i for i, p in enumerate(profiles) if p.length_um >= _CRUMB_UM]
    sections = {((truth[i][0], found.level[i]), truth[i]) for i in large}
    mixed = {(found.core[i], truth[i][0]) for i in large}
    cores = {core for core, _ in mixed}
    return found.count == levels and _one_to_one(sections) and len(cores) == len(mixed)


def _one_to_one(pairs: set[tuple[Any, Any]]) -> bool:
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def slide_of(seed: int, law: SectionLaw) -> dict[str, Any]:
    """Make one slide with levels and look for them."""
    field = ("20x", "40x")[seed % 2]
    cores, levels = 1 + seed % 3, 2 + seed // 2 % 2
    rng = child_rng(seed, "levels")
    drawn = draw_slide(rng, field=FIELDS[field], cores=cores, levels=levels, law=law)
    start = time.process_time()
    profiles, truth = pieces(drawn)
    found = group_profiles(profiles)
    return {
        "seed": seed,
        "field": field,
        "cores": cores,
        "levels": levels,
        "pieces": len(profiles),
        "levels_found": found.count,
        "right": is_right(found, truth, profiles, levels),
        "seconds": round(time.process_time() - start, 2),
    }


def different_slides(seed: int) -> list[dict[str, Any]]:
    """Make eight cores of one needle, within 2 % as long as each other, and slides of 2 to 4."""
    field = ("20x", "40x")[seed % 2]
    rng = child_rng(seed, "levels")
    drawn = draw_slide(rng, field=FIELDS[field], cores=8, levels=1, law=SectionLaw(), alike=0.01)
    profiles, _ = pieces(drawn)
    rows = []
    for number in range(SLIDES_OF_A_SEED):
        cores = 2 + number % 3
        chosen: NDArray[np.int64] = rng.choice(len(profiles), cores, replace=False)
        found = group_profiles([profiles[i] for i in sorted(chosen)])
        rows.append(
            {
                "seed": seed,
                "field": field,
                "cores": cores,
                "levels": 1,
                "pieces": cores,
                "levels_found": found.count,
                "right": found.count == 1,
            }
        )
    return rows


def alike_findings(most: int | None) -> pd.DataFrame:
    """Return slides with one to three cores at two or three levels."""
    return pd.DataFrame([slide_of(seed, SectionLaw()) for seed in ALIKE[:most]]).assign(
        part="alike"
    )


def different_findings(most: int | None) -> pd.DataFrame:
    """Return slides with two to four different cores."""
    rows = [row for seed in DIFFERENT[:most] for row in different_slides(seed)]
    return pd.DataFrame(rows).assign(part="different")


def variant_findings(most: int | None) -> pd.DataFrame:
    """Return slides whose sections differ in other ways."""
    return pd.concat(
        pd.DataFrame([slide_of(seed, law) for seed in seeds[:most]]).assign(part=name)
        for name, (seeds, law) in VARIANTS.items()
    )


def fragment_findings(most: int | None) -> pd.DataFrame:
    """Return broken biopsies: five to ten different pieces, 2 to 6 mm long."""
    rows = []
    for seed in FRAGMENTS[:most]:
        rng = child_rng(seed, "levels")
        cores = int(rng.integers(5, 11))
        drawn = draw_slide(
            rng,
            field=FIELDS["40x"],
            cores=cores,
            levels=1,
            law=SectionLaw(),
            lengths_um=(2000.0, 6000.0),
        )
        profiles, _ = pieces(drawn)
        found = group_profiles(profiles)
        rows.append(
            {
                "seed": seed,
                "field": "40x",
                "cores": cores,
                "levels": 1,
                "pieces": len(profiles),
                "levels_found": found.count,
                "right": found.count == 1,
            }
        )
    return pd.DataFrame(rows).assign(part="fragments")


def plain_findings(most: int | None) -> pd.DataFrame:
    """Return slides whose cores hold little to be told by: different ones, and levels."""
    rows = []
    for part, seeds in (("plain different", PLAIN), ("plain levels", PLAIN_LEVELS)):
        for seed in seeds[:most]:
            levels = 1 if seeds is PLAIN else 2 + seed % 2
            drawn = plain_slide(child_rng(seed, "levels"), levels=levels)
            start = time.process_time()
            profiles, truth = pieces(drawn)
            found = group_profiles(profiles)
            right = found.count == 1 if levels == 1 else is_right(found, truth, profiles, levels)
            rows.append(
                {
                    "seed": seed,
                    "cores": len({core for core, _ in truth}),
                    "levels": levels,
                    "pieces": len(profiles),
                    "levels_found": found.count,
                    "right": right,
                    "seconds": round(time.process_time() - start, 2),
                    "part": part,
                }
            )
    return pd.DataFrame(rows)


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """Set the share of slides that are right beside the claim, part by part."""
    claims = pd.read_csv(CLAIMS).set_index("part")
    rows = []
    for part, slides in table.groupby("part", sort=False):
        share = float(slides["right"].mean())
        claim = float(claims.loc[part, "value"])
        rows.append(
            {
                "part": part,
                "slides": len(slides),
                "right": round(share, 4),
                "claimed": claim,
                "holds": share >= claim,
                "largest_seconds": slides["seconds"].max() if "seconds" in slides else np.nan,
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    makers: dict[str, Callable[[int | None], pd.DataFrame]] = {
        "alike": alike_findings,
        "different": different_findings,
        "variants": variant_findings,
        "fragments": fragment_findings,
        "plain": plain_findings,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(makers))
    parser.add_argument("--small", action="store_true", help="one seed of each part")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    most = 1 if given.small else None
    slides = pd.concat([makers[part](most) for part in given.parts])
    table = compared(slides)
    print(table.to_string(index=False))
    written = [(table, "levels.csv")] + ([] if given.small else [(slides, "levels_slides.csv")])
    for frame, name in written:
        for package, version in environment(("numpy", "scipy", "scikit-image")).items():
            frame[package] = version
        frame.to_csv(given.out / name, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
