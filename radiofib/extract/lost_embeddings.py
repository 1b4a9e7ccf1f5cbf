"""Embeddings that could not be had, as failures of their cases."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from radiofib.engines import ExtractionConfig
from radiofib.errors import Failure
from radiofib.extract.embedding import FAILED, embedding_columns
from radiofib.table import FeatureTable

__all__ = ["embedding_failures"]


def embedding_failures(
    table: FeatureTable, config: ExtractionConfig, channels: Sequence[str]
) -> list[Failure]:
    """Return one failure for each row whose embedding could not be had.

    The row stays: what an engine measured there is good. The reason is that of the missing
    values, so that a run that was stopped and started again says the same.
    """
    columns = {channel: embedding_columns(config, channel) for channel in channels}
    found: dict[tuple[str, str, str], str] = {}
    for row in table.missing.itertuples(index=False):
        reason = str(row.reason)
        if not reason.startswith(FAILED):
            continue
        for channel, names in columns.items():
            if any(fnmatchcase(name, str(row.column)) for name in names):
                found.setdefault((str(row.case), channel, str(row.instance)), reason)
    return [
        Failure(case, "embedding", reason.removeprefix(FAILED), channel, instance, "ModelError")
        for (case, channel, instance), reason in found.items()
    ]
