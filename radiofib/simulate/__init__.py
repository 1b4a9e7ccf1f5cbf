"""Phantoms and cohorts with known truth.

Parameters are frozen models with documented defaults, written into ``truth.json`` beside the
data. Stage acts through one law (:mod:`radiofib.simulate.laws`) of moderate size.
"""

from radiofib.simulate.ablations import (
    AblationSettings,
    SimulatedAblation,
    simulate_ablation_table,
)
from radiofib.simulate.audits import (
    PLANTED,
    AuditPlants,
    PlantedCopies,
    SimulatedAudit,
    simulate_audit_table,
)
from radiofib.simulate.cohorts import (
    Shortcuts,
    SimulatedTable,
    TableScanner,
    TableSettings,
    simulate_table,
)
from radiofib.simulate.laws import StageLaw, auc_ceiling
from radiofib.simulate.mri import MotionLaw, MriSettings, write_mri_cohort
from radiofib.simulate.mri_anatomy import LiverLaw
from radiofib.simulate.mri_lifs import LifsTraps, write_lifs_folder
from radiofib.simulate.mri_scanner import MRI_SCANNERS, MriScanner
from radiofib.simulate.slide_geometry import LABELS, BiopsyLaw
from radiofib.simulate.slide_paint import SlideScanner
from radiofib.simulate.slides import (
    SLIDE_SCANNERS,
    SlideSettings,
    write_slide,
    write_slide_cohort,
)
from radiofib.simulate.ultrasound import (
    ULTRASOUND_SCANNERS,
    EchoLaw,
    UltrasoundScanner,
)
from radiofib.simulate.ultrasound_cohort import write_ultrasound_cohort

__all__ = [
    "LABELS",
    "MRI_SCANNERS",
    "PLANTED",
    "SLIDE_SCANNERS",
    "ULTRASOUND_SCANNERS",
    "AblationSettings",
    "AuditPlants",
    "BiopsyLaw",
    "EchoLaw",
    "LifsTraps",
    "LiverLaw",
    "MotionLaw",
    "MriScanner",
    "MriSettings",
    "PlantedCopies",
    "Shortcuts",
    "SimulatedAblation",
    "SimulatedAudit",
    "SimulatedTable",
    "SlideScanner",
    "SlideSettings",
    "StageLaw",
    "TableScanner",
    "TableSettings",
    "UltrasoundScanner",
    "auc_ceiling",
    "simulate_ablation_table",
    "simulate_audit_table",
    "simulate_table",
    "write_lifs_folder",
    "write_mri_cohort",
    "write_slide",
    "write_slide_cohort",
    "write_ultrasound_cohort",
]
