"""The step of a study that looks for what the stager could learn beside the disease."""

from __future__ import annotations

from radiofib.datacard import StageScheme
from radiofib.errors import Failure, RadiofibError
from radiofib.evaluation.audit import CHECKS, audit
from radiofib.study.config import StudyConfig
from radiofib.study.folder import RunFolder
from radiofib.study.model import SCANNER, labelled
from radiofib.study.progress import Progress
from radiofib.table import FeatureTable

__all__ = ["audit_step"]

_FILES = (
    "verdicts",
    "controls",
    "missing",
    "duplicates",
    "identifiers",
    "scanner_by_stage",
)
_OUTPUTS = tuple(f"audit/{name}.csv" for name in _FILES)


def audit_step(
    study: StudyConfig,
    table: FeatureTable,
    scheme: StageScheme | None,
    folder: RunFolder,
    features_hash: str,
    tell: Progress,
) -> list[Failure]:
    """Audit the labelled rows and write ``audit/``; a finding is a verdict, not a failure."""
    rows = labelled(table)
    if scheme is None or rows.n_rows == 0:
        folder.discard("audit")
        return []
    key = {"features": features_hash, "seed": study.seed, "folds": study.evaluation.folds}
    key |= {"checks": list(CHECKS)}

    def work() -> None:
        done = audit(rows, scanner=SCANNER, folds=study.evaluation.folds, random_state=study.seed)
        for name, frame in {"verdicts": done.verdicts, **done.evidence}.items():
            folder.write_frame(f"audit/{name}.csv", frame)

    tell("audit", 0, 1)
    try:
        folder.step("audit", key, _OUTPUTS, work)
    except RadiofibError as error:
        folder.discard("audit")
        return [Failure.from_error(error, case="", step="audit")]
    tell("audit", 1, 1)
    return []
