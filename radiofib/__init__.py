"""radiofib: staging liver fibrosis with classical machine learning and radiomics.

Public names are imported when they are first used, so that ``import radiofib`` stays quick.

Examples
--------
>>> import radiofib
>>> radiofib.Roi.__module__
'radiofib.roi'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from radiofib._lazy import lazy_names

if TYPE_CHECKING:
    from radiofib.cohort import Acquisition, Cohort
    from radiofib.datacard import DataCard
    from radiofib.engines import ExtractionConfig, get_engine
    from radiofib.errors import RadiofibError
    from radiofib.evaluation import cross_validate, evaluate
    from radiofib.export import export_table
    from radiofib.extract import extract_features
    from radiofib.images import load_roi, read_image
    from radiofib.registry import FeatureSpec
    from radiofib.report import write_report
    from radiofib.roi import Roi
    from radiofib.slides import run_slides
    from radiofib.staging import load_stager, make_stager, save_stager
    from radiofib.study import StudyConfig, run_study
    from radiofib.table import FeatureTable

    __version__: str

#: public name -> module that has it
_HOME = {
    "Acquisition": "cohort",
    "Cohort": "cohort",
    "DataCard": "datacard",
    "ExtractionConfig": "engines",
    "FeatureSpec": "registry",
    "FeatureTable": "table",
    "RadiofibError": "errors",
    "Roi": "roi",
    "StudyConfig": "study",
    "cross_validate": "evaluation",
    "evaluate": "evaluation",
    "export_table": "export",
    "extract_features": "extract",
    "get_engine": "engines",
    "load_roi": "images",
    "load_stager": "staging",
    "make_stager": "staging",
    "read_image": "images",
    "run_slides": "slides",
    "run_study": "study",
    "save_stager": "staging",
    "write_report": "report",
}

__all__ = [
    "Acquisition",
    "Cohort",
    "DataCard",
    "ExtractionConfig",
    "FeatureSpec",
    "FeatureTable",
    "RadiofibError",
    "Roi",
    "StudyConfig",
    "__version__",
    "cross_validate",
    "evaluate",
    "export_table",
    "extract_features",
    "get_engine",
    "load_roi",
    "load_stager",
    "make_stager",
    "read_image",
    "run_slides",
    "run_study",
    "save_stager",
    "write_report",
]


_find = lazy_names(__name__, _HOME)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from radiofib.provenance import radiofib_version

        return radiofib_version()
    return _find(name)


def __dir__() -> list[str]:
    return sorted(__all__)
