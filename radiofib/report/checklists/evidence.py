"""Questions that the rules of the checklists ask of a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pandas as pd

from radiofib.report.context import Context

__all__ = ["CONFIG", "Evidence"]

#: Where the configuration of the extraction is kept.
CONFIG = "features/features.parquet: provenance.config"
_MODALITIES = {
    "MRI": ("t1", "t2", "dwi", "adc", "ged", "mr", "hbp", "art", "pv", "flair", "pre", "delay"),
    "US": ("us", "bmode", "swe"),
    "CT": ("ct",),
    "WSI": ("wsi", "he", "psr"),
    "PET": ("pet",),
}


class Evidence:
    """The run folder as the rules see it.

    Parameters
    ----------
    context : Context
        The run.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.folder = context.folder

    def has(self, name: str) -> bool:
        """Tell whether a file is there and not empty."""
        path = self.folder.root / name
        return path.is_file() and path.stat().st_size > 0

    def table(self, name: str) -> pd.DataFrame | None:
        """Return a table that has rows, else None."""
        frame = self.folder.table(name)
        return frame if frame is not None and len(frame) else None

    @cached_property
    def study(self) -> Mapping[str, Any]:
        """The study file; empty when absent or unreadable."""
        return self.folder.study()

    def within(self, value: object, *keys: str) -> Any:
        """Return what lies under keys of nested mappings, None where one is absent."""
        for key in keys:
            if not isinstance(value, Mapping):
                return None
            value = value.get(key)
        return value

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """Configuration of the extraction, every default written out; empty when unknown."""
        facts = self.folder.features
        value = facts.provenance.get("config") if facts is not None else None
        return value if isinstance(value, dict) else {}

    @cached_property
    def ibsi(self) -> Mapping[str, Any]:
        """Settings of profile ``ibsi``; empty under the other one."""
        value = self.config.get("ibsi")
        return value if isinstance(value, dict) else {}

    def setting(self, name: str) -> Any:
        """Return a setting of the extraction, None when it is not recorded."""
        value = self.within(self.config, "setting", name)
        if value is None:
            types = self.config.get("imageType")
            for own in types.values() if isinstance(types, dict) else ():
                value = self.within(own, name)
                if value is not None:
                    break
        return value

    @cached_property
    def book(self) -> pd.DataFrame | None:
        """Feature rows of the codebook, from the export or from the feature file."""
        book = self.table("codebook")
        facts = self.folder.features
        if book is None and facts is not None and "column" in facts.codebook:
            book = facts.codebook.astype(str)
        if book is not None and "role" in book:
            book = book[book["role"] == "feature"]
        return book if book is not None and len(book) else None

    @cached_property
    def channels(self) -> list[str]:
        """Channels of the cohort."""
        return self.folder.strings("channels")

    @cached_property
    def modalities(self) -> set[str] | None:
        """Kinds of imaging, None when a channel is of no known kind."""
        found = set()
        for channel in self.channels:
            kind = next(
                (m for m, heads in _MODALITIES.items() if channel.lower().startswith(heads)), None
            )
            if kind is None:
                return None
            found.add(kind)
            if channel.lower().startswith(("dwi", "adc")):
                found.add("DWI")
        return found or None

    @cached_property
    def obs(self) -> pd.DataFrame:
        """What is known of each case: the cohort table, else the feature file's."""
        cohort = self.table("cohort")
        facts = self.folder.features
        if facts is not None and len(facts.obs):
            wider = facts.obs.astype(object).where(facts.obs.notna(), "").astype(str)
            if cohort is None or set(cohort) <= set(wider):
                return wider
        return cohort if cohort is not None else pd.DataFrame()

    def filled(self, column: str) -> float:
        """Return the share of cases that have a value in a column; 0 when there is no such."""
        if column not in self.obs or not len(self.obs):
            return 0.0
        return float((self.obs[column] != "").mean())

    @cached_property
    def main_auc(self) -> pd.DataFrame:
        """Rows of the metrics with the AUC of the main model in the main unit."""
        frame = self.context.metrics
        if frame is None:
            return pd.DataFrame()
        return frame[
            (frame["model"] == self.context.main_model)
            & (frame["unit"] == self.context.main_unit)
            & frame["metric"].isin(("auc", "macro_auc"))
            & frame["estimate"].notna()
        ]

    def metric_rows(self, *names: str) -> pd.DataFrame:
        """Return rows of the metrics of the main model, whatever the part of the cohort."""
        frame = self.table("metrics")
        if frame is None:
            return pd.DataFrame()
        wanted = (frame["model"] == self.context.main_model) & frame["metric"].isin(names)
        return frame[wanted & frame["estimate"].notna()]
