"""Rules about patients, images, reference standard and regions."""

from __future__ import annotations

import re

from radiofib.report.checklists.evidence import CONFIG, Evidence
from radiofib.report.checklists.finding import (
    OPEN,
    Finding,
    met,
    not_applicable,
    opened,
    partly,
)
from radiofib.report.format import count, pluralise

__all__ = ["RULES"]

#: Columns of a cohort that describe the acquisition or the bookkeeping, not the patient.
_NO_COVARIATES = {
    *("case", "patient", "channel", "instance", "image", "mask", "mask_label", "stage"),
    *("scanner", "vendor", "field_t", "site", "split", "reference_method", "interval_days"),
    *("lesion_mask", "spleen_mask", "muscle_mask", "lobe_mask", "hbp_minutes", "quality"),
    *("mask_source", "registration", "intensities", "native_geometry", "pixel_mm"),
}
_CAUSES = re.compile(r"aetiology|etiology|cause|diagnosis|disease", re.IGNORECASE)
_BIOPSY = re.compile(r"biopsy|tract|fragment|core_length|specimen", re.IGNORECASE)


def _covariates(e: Evidence) -> list[str]:
    names = (str(c) for c in e.obs if str(c) not in _NO_COVARIATES)
    return [c for c in names if not c.startswith("geom_") and e.filled(c) > 0]


def person(_e: Evidence, reason: str) -> Finding:
    """Leave open what no file of a run can say, with the reason."""
    return opened(reason)


def data_source(e: Evidence, _: str) -> Finding:
    """Look for the data card with its licence."""
    card = e.folder.mapping("card")
    if card.get("name"):
        licence = f", licence {card['licence']}" if card.get("licence") else ""
        return partly(f"data card {card['name']}{licence}", "run.json: card")
    return opened("the study names no data card")


def centres(e: Evidence, _: str) -> Finding:
    """Look for several sites, or at least several scanners."""
    for column, found in (("site", met), ("scanner", partly)):
        n = len(set(e.obs[column]) - {""}) if column in e.obs else 0
        if n > 1:
            more = "" if column == "site" else "; sites are not recorded"
            return found(f"{pluralise(n, column)}{more}", f"cohort.csv: {column}")
    return opened("cohort.csv names neither two sites nor two scanners")


def imaging(e: Evidence, wanted: str) -> Finding:
    """Look for facts of the acquisition in the cohort table."""
    have = [c for c in wanted.split() if e.filled(c) > 0]
    if not have:
        return opened(f"cohort.csv has none of {', '.join(wanted.split())}")
    said = [f"{c} ({len(set(e.obs[c]) - {''})} different)" for c in have]
    return partly(", ".join(said), f"cohort.csv: {', '.join(have)}")


def covariates(e: Evidence, _: str) -> Finding:
    """Look for clinical covariates of the cohort table."""
    names = _covariates(e)
    if names:
        return partly(f"covariates kept: {', '.join(names[:12])}", "cohort.csv")
    return opened("cohort.csv has no clinical covariate")


def reference(e: Evidence, _: str) -> Finding:
    """Look for the scheme of stages, and whether each case says how it was staged."""
    scheme = e.folder.mapping("scheme").get("name")
    if not scheme:
        return opened("the study names no scheme of stages")
    said = f"stages of scheme {scheme}"
    if e.filled("reference_method") == 1:
        kinds = ", ".join(sorted(set(e.obs["reference_method"])))
        return partly(f"{said}; each by {kinds}", "run.json: scheme; cohort.csv: reference_method")
    return partly(said, "run.json: scheme")


def scheme(e: Evidence, _: str) -> Finding:
    """Look for the scheme of stages with its levels."""
    name = e.folder.mapping("scheme").get("name")
    if not name:
        return opened("the study names no scheme of stages")
    return met(f"{name}: {', '.join(e.context.labels.values())}", "run.json: scheme")


def column(e: Evidence, name: str) -> Finding:
    """Look for a column of the cohort table, filled for all or for some."""
    share = e.filled(name)
    if not share:
        return opened(f"cohort.csv has no column {name}")
    said = f"{name}: {', '.join(sorted(set(e.obs[name]) - {''})[:6])}"
    return (met if share == 1 else partly)(said, f"cohort.csv: {name}")


def interval(e: Evidence, _: str) -> Finding:
    """Look for days between image and reference standard."""
    share = e.filled("interval_days")
    if not share:
        return opened("cohort.csv has no column interval_days")
    have = round(share * len(e.obs))
    said = f"interval_days known for {count(have)} of {count(len(e.obs))} rows"
    return (met if share == 1 else partly)(said, "cohort.csv: interval_days")


def biopsy(e: Evidence, _: str) -> Finding:
    """Look for measures of the sample: from the cohort table or from slides."""
    names = [c for c in _covariates(e) if _BIOPSY.search(c)]
    if names:
        return partly(f"columns {', '.join(names[:6])}", "cohort.csv")
    book = e.book
    if book is not None and book["column"].str.contains("wsi_.*(?:length|tract)").any():
        return partly("length and area of each sample are measured on its slide", "slides/")
    return opened("neither cohort.csv nor slides measure the samples")


def causes(e: Evidence, _: str) -> Finding:
    """Look for cause of the liver disease."""
    names = [c for c in _covariates(e) if _CAUSES.search(c)]
    if names:
        return partly(f"columns {', '.join(names[:6])}", "cohort.csv")
    return opened("cohort.csv has no column on the cause of the disease")


def baseline(e: Evidence, _: str) -> Finding:
    """Look for the table of patients, by scanner and stage; age and sex when they are there."""
    if "stage" not in e.obs:
        return opened("cohort.csv has no stages")
    lower = {c.lower() for c in map(str, e.obs)}
    whole = {"age", "sex"} <= lower or {"age", "gender"} <= lower
    said = "patients by scanner and stage" + (
        "" if whole else "; age and sex are not in the cohort"
    )
    return (met if whole else partly)(said, "report.html: Cohort; cohort.csv")


def severity(e: Evidence, _: str) -> Finding:
    """Look for the number of patients of each stage."""
    if "stage" not in e.obs:
        return opened("cohort.csv has no stages")
    counts = e.obs[e.obs["stage"] != ""].groupby("stage")[_key(e)].nunique()
    said = ", ".join(f"{e.context.stage_name(str(k))} {n}" for k, n in counts.items())
    if not said:
        return opened("no case has a stage")
    return met(f"{_key(e)}s by stage: {said}", "cohort.csv: stage")


def _key(e: Evidence) -> str:
    return "patient" if "patient" in e.obs else "case"


def fairness(e: Evidence, _: str) -> Finding:
    """Look for columns by which fairness could be looked at."""
    groups = {"age", "sex", "gender", "ethnicity", "race"}
    names = [c for c in _covariates(e) if c.lower() in groups]
    if names:
        return opened(f"columns {', '.join(names)} are there; no result by them is in the run")
    return opened("cohort.csv has no column on sex, age or origin")


def flow(e: Evidence, _: str) -> Finding:
    """Look for the flow of cases from the cohort table on."""
    if e.table("cohort") is None or e.folder.table("failures") is None:
        return opened("cohort.csv or failures.csv is absent")
    said = "drawn from the cohort table to the analysis; who never came into it is not known"
    return partly(said, "report.html: Flow of cases; failures.csv")


def failures(e: Evidence, _: str) -> Finding:
    """Look for what could not be read or measured, with reasons."""
    frame = e.folder.table("failures")
    if frame is None:
        return opened("failures.csv is absent")
    said = f"{pluralise(len(frame), 'failure')}, each with its reason; the other cases went on"
    return met(said, "failures.csv")


def missing(e: Evidence, _: str) -> Finding:
    """Look for missing values with their reasons."""
    frame = e.folder.table("missing")
    where = "export/missing.csv"
    if frame is None and e.folder.features is not None:
        frame, where = e.folder.features.missing, "features/features.parquet: missing"
    if frame is None:
        return opened("export/missing.csv is absent")
    if not len(frame):
        return met("no feature value is missing", where)
    said = f"{pluralise(len(frame), 'entry', 'entries')}, each with its reason"
    return partly(f"{said}; say how the stager fills them", where)


def balance(e: Evidence, _: str) -> Finding:
    """Look for numbers of each stage, and weights if the study gives any."""
    found = severity(e, "")
    if found.status != "met":
        return found
    params = e.within(e.study, "stager", "params")
    weights = params.get("class_weight") if isinstance(params, dict) else None
    said = f"; class weights: {weights}" if weights else "; no weights or resampling in the study"
    return met(found.evidence + said, "cohort.csv: stage; study.yaml: stager.params")


def region(e: Evidence, _: str) -> Finding:
    """Look for what was imaged, by the channels."""
    if not e.channels:
        return opened("run.json names no channels")
    return partly(f"channels {', '.join(e.channels[:12])}", "run.json: channels")


def channels(e: Evidence, _: str) -> Finding:
    """Look for kinds of imaging, by the channels."""
    if not e.channels:
        return opened("run.json names no channels")
    kinds = f" ({', '.join(sorted(e.modalities))})" if e.modalities else ""
    said = f"channels {', '.join(e.channels[:12])}{kinds}"
    return (met if e.modalities else partly)(said, "run.json: channels")


def modality(e: Evidence, wanted: str) -> Finding:
    """Look for a kind of imaging: without it the line is not applicable, else for a person."""
    if e.modalities is not None and wanted not in e.modalities:
        return not_applicable(f"no {wanted} among the channels", "run.json: channels")
    return OPEN


def contrast(e: Evidence, _: str) -> Finding:
    """Look for a contrast agent, which slides do not have."""
    if e.modalities is not None and e.modalities <= {"WSI"}:
        return not_applicable("slides only", "run.json: channels")
    if any(c.startswith("ged") for c in e.channels):
        return partly("channels of a gadoxetate series", "run.json: channels")
    return OPEN


def contrast_time(e: Evidence, _: str) -> Finding:
    """Look for minutes to the hepatobiliary phase."""
    if e.filled("hbp_minutes"):
        return column(e, "hbp_minutes")
    return contrast(e, "") if e.modalities == {"WSI"} else OPEN


def field(e: Evidence, _: str) -> Finding:
    """Look for field strength of MRI."""
    found = modality(e, "MRI")
    return found if found.status == "not applicable" else column(e, "field_t")


def geometry(e: Evidence, _: str) -> Finding:
    """Look for sizes of pixels, read from every header."""
    names = [c for c in map(str, e.obs) if re.match(r"geom_\w+_(?:s[xyz]|mpp_um)$", c)]
    if not names:
        return opened("no spacing was recorded")
    return met(f"spacing of every image in {len(names)} columns geom_*", "export/features.csv")


def segmentation(e: Evidence, _: str) -> Finding:
    """Look for the origin of the regions."""
    if e.filled("mask_source"):
        kinds = ", ".join(sorted(set(e.obs["mask_source"]) - {""})[:6])
        return partly(f"source of each mask: {kinds}", "cohort.csv: mask_source")
    if isinstance(e.study.get("masks"), dict):
        return partly("rules for masks in the study", "study.yaml: masks")
    return opened("the run does not record how regions were drawn")


def automatic(e: Evidence, _: str) -> Finding:
    """Look for automatic regions, which only the study can ask for."""
    masks = e.study.get("masks")
    if isinstance(masks, dict) and (masks.get("model") or masks.get("localiser")):
        return partly("automatic liver masks by the study's settings", "study.yaml: masks")
    if e.study and masks is None:
        return not_applicable("the study makes no automatic masks", "study.yaml: masks")
    return OPEN


def one_source(e: Evidence, _: str) -> Finding:
    """Look for the one reader or tool that drew all regions."""
    sources = set(e.obs["mask_source"]) - {""} if "mask_source" in e.obs else set()
    if len(sources) == 1 and e.filled("mask_source") == 1:
        return met(f"all masks by {sources.pop()}", "cohort.csv: mask_source")
    return OPEN


def drawn_on(e: Evidence, _: str) -> Finding:
    """Look for the image on which the region was drawn when there are several channels."""
    if len(e.channels) == 1:
        return not_applicable("one channel", "run.json: channels")
    to = e.within(e.study, "registration", "to")
    if to:
        return partly(f"channels aligned to {to}", "study.yaml: registration.to")
    return OPEN


def index_test(e: Evidence, _: str) -> Finding:
    """Look for everything needed to repeat the test."""
    if not e.config or not e.study:
        return opened("study.yaml or the configuration of the extraction is absent")
    digest = e.folder.text("config_hash")[:12]
    return met(
        f"study, settings {digest} and versions", f"study.yaml; {CONFIG}; run.json: versions"
    )


#: Name in the tables of rules -> function.
RULES = {
    f.__name__: f
    for f in (
        *(person, data_source, centres, imaging, covariates, reference, scheme, column, interval),
        *(biopsy, causes, baseline, severity, fairness, flow, failures, missing, balance, region),
        *(channels, modality, contrast, contrast_time, field, geometry, segmentation, automatic),
        *(one_source, drawn_on, index_test),
    )
}
