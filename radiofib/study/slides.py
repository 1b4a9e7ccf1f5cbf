"""Slides inside a study: measured by slide, told apart by the cohort's cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from radiofib.cohort import Acquisition, Cohort
from radiofib.errors import Failure
from radiofib.extract.doubts import Doubt, doubts_entry
from radiofib.slides import SlideSettings, name_cases, run_slides, tract_features, tract_table
from radiofib.slides.measure import not_asked_for
from radiofib.slides.pieces import MAKER
from radiofib.slides.specs import column
from radiofib.slides.specs.artefacts import ARTEFACT_SPECS
from radiofib.study.config import SlidesConfig
from radiofib.study.progress import Progress
from radiofib.study.slide_tables import slide_labeller, write_slide_tables
from radiofib.table import FeatureTable

__all__ = ["slide_features"]

#: Facts of the file that a model could take for biology; shown to the negative control only.
#: The size of the scan is none of them: whoever scans draws it around the tissue.
_GEOMETRY = {"mpp_x_um": "geom_wsi_mpp_um"}


def slide_features(
    cohort: Cohort,
    out: Path,
    *,
    config: SlidesConfig,
    root: Path,
    workers: int | None,
    tell: Progress,
) -> tuple[FeatureTable, list[Failure]]:
    """Measure the slides of a cohort into `out`; one row for each case (and instance).

    Parameters
    ----------
    cohort : Cohort
        Acquisitions that are slides.
    out : path
        Folder for GeoJSON, pictures and finished pieces.
    config : SlidesConfig
        Pixel size of slides that do not say, model for portal tracts, settings.
    root : path
        Folder the model's path is relative to.
    workers : int, optional
        Processes.
    tell : callable
        Called with step, done, total.

    Returns
    -------
    FeatureTable, list of Failure
        Rows and failures under the cohort's names of cases; without what lies on the glass, which
        ``slides.csv`` has.
    """
    labeller = slide_labeller(
        None if config.model is None else root / config.model,
        None if config.card is None else root / config.card,
        config.labels,
    )
    by_path = {a.image.absolute(): a for a in cohort.acquisitions}
    owner = {name: by_path[path.absolute()] for name, path in name_cases(by_path).items()}
    table, failures = run_slides(
        list(by_path),
        out,
        mpp=config.mpp,
        workers=workers,
        progress=lambda done, total, _: tell("slides", done, total),
        settings=config.measures,
        labeller=labeller,
        tiles=lambda done, total: tell("tiles", done, total),
    )
    # What no slide of the study was asked for: a stager has no use for it.
    unasked = not_asked_for(config.measures or SlideSettings(), labelled=labeller is not None)
    named = _without(_renamed(table, cohort, owner), {column(key) for key in unasked})
    facts = table.obs[[*MAKER, "warnings"]]
    shown = replace(named, obs=pd.concat([named.obs, facts], axis=1))
    tracts = None if labeller is None else tract_features(tract_table(table, out), table)
    write_slide_tables(shown, out, None if tracts is None else _of_cases(tracts, owner))
    # Pen, dust and blur go with places and people, not with the disease: a stager never sees them.
    flaws = {column(spec.key) for spec in ARTEFACT_SPECS}
    return _without(named, flaws), [_named(f, owner) for f in failures]


def _of_cases(tracts: FeatureTable, owner: dict[str, Acquisition]) -> FeatureTable:
    """Return the table with the cohort's names of cases."""
    obs, missing = (
        frame.assign(case=[owner[name].case for name in frame["case"]])
        for frame in (tracts.obs, tracts.missing)
    )
    return replace(tracts, obs=obs, missing=missing)


def _named(failure: Failure, owner: dict[str, Acquisition]) -> Failure:
    a = owner[failure.case]
    return replace(failure, case=a.case, channel=a.channel, instance=a.instance)


def _without(table: FeatureTable, columns: set[str]) -> FeatureTable:
    """Leave columns out."""
    return FeatureTable(
        table.X.drop(columns=[c for c in table.X if c in columns]),
        table.obs,
        table.codebook[~table.codebook["column"].isin(columns)].reset_index(drop=True),
        table.missing[~table.missing["column"].isin(columns)].reset_index(drop=True),
        table.provenance,
    )


def _renamed(table: FeatureTable, cohort: Cohort, owner: dict[str, Acquisition]) -> FeatureTable:
    """Describe the rows as the cohort does, keeping what the slide files say as geometry."""
    acquisitions = [owner[name] for name in table.obs["case"]]
    keys = pd.DataFrame(
        {"case": [a.case for a in acquisitions], "instance": [a.instance for a in acquisitions]}
    )
    described = cohort.obs()
    on = [c for c in ("case", "instance") if c in described]
    obs = keys[on].merge(described, on=on, how="left", validate="one_to_one")
    geometry = table.obs[list(_GEOMETRY)].rename(columns=_GEOMETRY)
    geometry["geom_wsi_bytes"] = [float(a.image.stat().st_size) for a in acquisitions]
    missing = table.missing.assign(
        case=[owner[c].case for c in table.missing["case"]],
        instance=[owner[c].instance for c in table.missing["case"]],
    )
    provenance = {
        **{k: v for k, v in table.provenance.items() if k != "pieces"},
        "pieces": {owner[n].case: key for n, key in table.provenance["pieces"].items()},
        **doubts_entry(
            Doubt(a.case, a.instance, a.channel, text)
            for a, text in zip(acquisitions, table.obs["warnings"], strict=True)
            if text
        ),
    }
    stage = described["stage"].dtype if "stage" in described else None
    if stage is not None:
        obs["stage"] = obs["stage"].astype(stage)
    return FeatureTable(
        table.X, pd.concat([obs, geometry], axis=1), table.codebook, missing, provenance
    )
