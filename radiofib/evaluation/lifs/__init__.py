"""The protocol of the LiFS benchmark: cells, aggregate scores, collapse, factors, readers."""

from radiofib.evaluation.lifs.cells import (
    CELL_COLUMNS,
    DOMAINS,
    LIFS_SETTINGS,
    SUBTASKS,
    check_cells,
    published_cells,
    published_methods,
    score_cells,
    with_domain,
)
from radiofib.evaluation.lifs.collapse import find_collapse
from radiofib.evaluation.lifs.readers import compare_readers
from radiofib.evaluation.lifs.summary import (
    aggregate_scores,
    best_and_median,
    contrast_gain,
    factor_scores,
)
from radiofib.evaluation.lifs.tables import beside_published, write_lifs

__all__ = [
    "CELL_COLUMNS",
    "DOMAINS",
    "LIFS_SETTINGS",
    "SUBTASKS",
    "aggregate_scores",
    "beside_published",
    "best_and_median",
    "check_cells",
    "compare_readers",
    "contrast_gain",
    "factor_scores",
    "find_collapse",
    "published_cells",
    "published_methods",
    "score_cells",
    "with_domain",
    "write_lifs",
]
