"""What the audit names and what it leaves alone, on tables whose problems were planted by hand.

Usage: python benchmarks/audit.py [--small] [--seeds 20] [--workers N] [--out benchmarks/results]

Every cohort is drawn anew for each seed. A problem counts as named when its check finds
something; pairs are counted one by one. "Specificity" is the share of tables in which no check
finds what was not planted (nor follows from what was). Limits were set beforehand, in
tests/reference/audit_claims.csv.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from radiofib.evaluation.audit import audit
from radiofib.parallel import map_pieces
from radiofib.provenance import environment
from radiofib.simulate import PLANTED, AuditPlants, PlantedCopies, simulate_audit_table
from radiofib.stats import wilson

#: The same problems, weaker and stronger, in a table of another shape.
OTHER = AuditPlants(
    scanner_mix={"X": (40.0, 25.0, 15.0, 10.0), "Y": (10.0, 15.0, 25.0, 40.0)},
    scanner_shift=0.3,
    geometry=0.7,
    copies=(
        PlantedCopies(pairs=1, splits="different", stages="different"),
        PlantedCopies(pairs=6, noise=0.02),
        PlantedCopies(pairs=2, noise=0.1, splits="different"),
    ),
    missing={"X": (0.5, 0.5, 0.05, 0.05), "Y": (0.3, 0.3, 0.02, 0.02)},
    id_column=True,
    id_step=7,
    split_patients=2,
)
#: A variant drawn up by another hand, before the audit was run on it: other seeds, the matrix
#: falls with the stage, a channel that three scanners lack but only one by stage.
VARIANT = AuditPlants(
    scanner_mix={
        "P": (30.0, 20.0, 10.0, 5.0),
        "Q": (5.0, 10.0, 20.0, 30.0),
        "R": (16.0, 16.0, 16.0, 16.0),
    },
    scanner_shift=0.25,
    geometry=-0.4,
    copies=(
        PlantedCopies(pairs=2, splits="different", stages="different"),
        PlantedCopies(pairs=3),
        PlantedCopies(pairs=5, noise=0.03),
    ),
    missing={
        "P": (0.3, 0.3, 0.3, 0.3),
        "Q": (0.3, 0.3, 0.3, 0.3),
        "R": (0.05, 0.05, 0.1, 0.7),
    },
    id_column=True,
    id_step=3,
    split_patients=4,
)
#: A second one, drawn up after the first had shown two weaknesses and before they were mended:
#: one scanner sees the stages in the middle and one those at the ends, a channel is missing by
#: halves of the scale.
SECOND = AuditPlants(
    scanner_mix={"M": (8.0, 30.0, 30.0, 8.0), "N": (30.0, 8.0, 8.0, 30.0)},
    scanner_shift=0.35,
    geometry=0.35,
    copies=(
        PlantedCopies(pairs=4),
        PlantedCopies(pairs=2, stages="different"),
        PlantedCopies(pairs=3, noise=0.08, splits="different"),
    ),
    missing={"M": (0.1, 0.1, 0.45, 0.45), "N": (0.2, 0.2, 0.2, 0.2)},
    id_column=True,
    id_step=11,
)
ALONE = {
    "scanner mix": AuditPlants(scanner_mix=PLANTED.scanner_mix),
    "scanner shift": AuditPlants(scanner_shift=0.5),
    "geometry": AuditPlants(geometry=0.5),
    "copies": AuditPlants(copies=PLANTED.copies),
    "missing": AuditPlants(missing={"A": (0.5, 0.5, 0.1, 0.1)}),
    "id column": AuditPlants(id_column=True),
}
#: cohort -> how it is made
COHORTS: dict[str, dict[str, Any]] = {
    "clean": {},
    "planted": {"plants": PLANTED},
    **{f"only {name}": {"plants": plants} for name, plants in ALONE.items()},
    "other": {
        "plants": OTHER,
        "n_patients": 280,
        "rows_per_patient": 2,
        "features_per_channel": 30,
        "stage_step": 0.9,
    },
    "other clean": {
        "n_patients": 120,
        "rows_per_patient": 3,
        "features_per_channel": 4,
        "stage_step": 1.2,
        "missing_everywhere": 0.2,
    },
    "null": {"stage_step": 0.0},
    "null planted": {"plants": PLANTED, "stage_step": 0.0},
    "variant": {
        "plants": VARIANT,
        "n_patients": 240,
        "rows_per_patient": 3,
        "features_per_channel": 20,
        "stage_step": 0.4,
    },
    "variant clean": {
        "n_patients": 150,
        "rows_per_patient": 2,
        "features_per_channel": 10,
        "stage_step": 0.3,
        "missing_everywhere": 0.35,
    },
    "variant null": {
        "n_patients": 200,
        "features_per_channel": 40,
        "stage_step": 0.0,
        "missing_everywhere": 0.1,
    },
    "variant null planted": {
        "plants": VARIANT,
        "n_patients": 240,
        "rows_per_patient": 3,
        "features_per_channel": 20,
        "stage_step": 0.0,
    },
    "second variant": {
        "plants": SECOND,
        "n_patients": 320,
        "features_per_channel": 12,
        "stage_step": 0.8,
    },
    "second variant clean": {
        "n_patients": 220,
        "rows_per_patient": 4,
        "features_per_channel": 6,
        "stage_step": 0.8,
        "missing_everywhere": 0.15,
    },
    "second variant null": {
        "n_patients": 90,
        "features_per_channel": 60,
        "stage_step": 0.0,
        "missing_everywhere": 0.25,
    },
}
#: Seeds of cohorts made with other effects are others, too.
FIRST_SEED = {"clean": 1000, "planted": 1000}
FIRST_SEED |= {name: 90_000 for name in COHORTS if name.startswith("variant")}
FIRST_SEED |= {name: 120_000 for name in COHORTS if name.startswith("second")}


def one(piece: tuple[str, int]) -> dict[str, Any]:
    """Audit one cohort; which checks found what they should, and should not."""
    cohort, seed = piece
    made = simulate_audit_table(seed=seed, **{"n_patients": 360, **COHORTS[cohort]})
    done = audit(made.table)
    found = set(done.found)
    pairs = done.evidence["duplicates"]
    named = {
        kind: {frozenset(p) for p in part[["case_a", "case_b"]].itertuples(index=False)}
        for kind, part in pairs.groupby("kind")
    }
    planted = {
        "exact": {frozenset((a, b)) for a, b, exact in made.copies if exact},
        "near": {frozenset((a, b)) for a, b, exact in made.copies if not exact},
    }
    # A near copy of one row is also near the other rows of its source: that is no false pair.
    patient = dict(zip(made.table.obs["case"], made.table.obs["patient"], strict=True))
    meant = {frozenset((patient[a], patient[b])) for a, b, _ in made.copies}
    every = {frozenset(map(patient.get, p)) for found_pairs in named.values() for p in found_pairs}
    blocks = done.evidence["missing"]
    missing = set(blocks.loc[blocks["p_adjusted"] < 0.001, "block"])
    columns = set(done.evidence["identifiers"]["column"])
    return {
        "cohort": cohort,
        "seed": seed,
        "wrong": sorted(made.wrong),
        "missed": sorted(made.wrong - found),
        "accused": sorted(found - made.wrong - made.follows),
        "exact": len(planted["exact"]),
        "exact_named": len(planted["exact"] & named.get("exact", set())),
        "near": len(planted["near"]),
        "near_named": len(planted["near"] & named.get("near", set())),
        "pairs_accused": len(every - meant),
        "channel": made.missing_channel in missing if made.missing_channel else True,
        "column": columns == ({made.id_column} if made.id_column else set()),
    }


def measure(cohorts: Sequence[str], seeds: int, workers: int | None = None) -> pd.DataFrame:
    """Return one row for each cohort, check and count: ``cohort, measure, hits, of, share``."""
    pieces = [(c, FIRST_SEED.get(c, 5000) + k) for c in cohorts for k in range(seeds)]
    done = dict(map_pieces(one, pieces, workers=workers, on_crash=_crashed))
    return summary([done[piece] for piece in pieces])


def summary(results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Count what :func:`one` found, by cohort."""
    rows: list[dict[str, Any]] = []
    for cohort in dict.fromkeys(r["cohort"] for r in results):
        own = [r for r in results if r["cohort"] == cohort]
        counts = {f"named: {c}": [c not in r["missed"] for r in own] for c in own[0]["wrong"]}
        counts["specificity"] = [not r["accused"] for r in own]
        counts["no unplanted pair"] = [r["pairs_accused"] == 0 for r in own]
        counts["right id columns"] = [r["column"] for r in own]
        if "informative_missing" in own[0]["wrong"]:
            counts["right channel"] = [r["channel"] for r in own]
        for name, hits in counts.items():
            rows.append({"cohort": cohort, "measure": name, "hits": sum(hits), "of": len(own)})
        for kind in ("exact", "near"):
            total = sum(r[kind] for r in own)
            if total:
                hits = sum(r[f"{kind}_named"] for r in own)
                named = {"measure": f"{kind} copies named", "hits": hits, "of": total}
                rows.append({"cohort": cohort, **named})
    frame = pd.DataFrame(rows)
    limits = [wilson(h, n) for h, n in zip(frame["hits"], frame["of"], strict=True)]
    frame["share"] = [e.value for e in limits]
    frame["ci_low"] = [round(e.low, 3) for e in limits]
    frame["ci_high"] = [round(e.high, 3) for e in limits]
    return frame


def _crashed(piece: tuple[str, int], error: Exception) -> dict[str, Any]:
    raise RuntimeError(f"{piece}: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="two cohorts, one seed")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    given = parser.parse_args()
    cohorts = ["clean", "planted"] if given.small else list(COHORTS)
    frame = measure(cohorts, 1 if given.small else given.seeds, given.workers)
    for name, version in environment(("numpy", "scipy", "pandas", "scikit-learn")).items():
        frame[name] = version
    given.out.mkdir(parents=True, exist_ok=True)
    frame.to_csv(given.out / "audit.csv", index=False, lineterminator="\n")
    print(frame[["cohort", "measure", "hits", "of", "share"]].to_string(index=False))


if __name__ == "__main__":
    main()
