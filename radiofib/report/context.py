"""One place that answers "which model, which target, which number" for all sections."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from radiofib.report.folder import RunFolder
from radiofib.report.format import model_label, setting_label, shorten, target_label

__all__ = [
    "AUC_NAMES",
    "SETTINGS",
    "SPARSE_NOTE",
    "UNITS",
    "Context",
    "Metric",
    "is_control",
    "read_metric",
]

#: Settings in the order of tables: known patients first, those held out for choosing last.
SETTINGS = ("cv", "loso", "test", "external")
UNITS = ("patient", "row")
#: Names under which an area under the ROC curve is recorded, the preferred one first.
AUC_NAMES = ("auc", "macro_auc")
#: Below this number of patients in a class, an estimate is called sparse.
SPARSE = 10
#: What is said below tables that mark such estimates.
SPARSE_NOTE = (
    "† Sparse: fewer than ten on one side of the comparison. Of all stages together: fewer than "
    "ten patients of a stage; an interval by resampling within stages is then too narrow."
)
_SPARSE_STAGE = re.compile(r"sparse: (\d+) patients in the smallest stage")
_NUMBERS = ("estimate", "ci_low", "ci_high", "n", "n_pos", "n_patients")


#: Where the notes of the metrics name stages.
_STAGES_IN_NOTE = re.compile(r"(?:decision collapse: |only rows of )(.+?)(?= predicted for |$)")


def is_control(model: str) -> bool:
    """Tell whether a model is a negative control.

    Examples
    --------
    >>> is_control("control_geometry"), is_control("random_forest")
    (True, False)
    """
    return model.startswith("control")


@dataclass(frozen=True)
class Metric:
    """One line of the metrics table."""

    value: float
    low: float
    high: float
    n: float
    n_pos: float
    n_patients: float
    method: str
    note: str

    @property
    def has_interval(self) -> bool:
        """Tell whether both ends are known."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def fewest(self) -> float:
        """Size of the smaller side; of all stages the patients of the smallest, if they are few."""
        if math.isfinite(self.n) and math.isfinite(self.n_pos):
            return min(self.n_pos, self.n - self.n_pos)
        found = _SPARSE_STAGE.search(self.note)
        return float(found[1]) if found else math.nan

    @property
    def sparse(self) -> bool:
        """Tell whether a class or stage holds fewer than ten."""
        return self.fewest < SPARSE


def read_metric(row: Mapping[Any, Any]) -> Metric:
    """Return a line of the metrics table as numbers; what is absent is NaN or "".

    Examples
    --------
    >>> read_metric({"estimate": 0.8, "n": 40, "n_pos": 4}).sparse
    True
    >>> read_metric({"n": 11, "note": "sparse: 2 patients in the smallest stage"}).fewest
    2.0
    """
    value, low, high, n, n_pos, n_patients = (float(row.get(c, math.nan)) for c in _NUMBERS)
    texts = (str(row.get("method", "")), str(row.get("note", "")))
    return Metric(value, low, high, n, n_pos, n_patients, *texts)


class Context:
    """The run folder with the questions that sections ask of it.

    Parameters
    ----------
    folder : RunFolder
        What was read.
    prefix : str
        Put before every identifier, so that several runs fit on one page.
    share : float
        Share of the page's picture budget that this run may use.
    """

    def __init__(self, folder: RunFolder, *, prefix: str = "", share: float = 1.0) -> None:
        self.folder = folder
        self.prefix = prefix
        self.share = share
        self.levels: list[str] = folder.levels
        self.labels: Mapping[str, str] = folder.labels

    @cached_property
    def metrics(self) -> pd.DataFrame | None:
        """Metrics over all scanners; rows about a part (column ``subset``) are left out."""
        frame = self.folder.table("metrics")
        if frame is None or "subset" not in frame:
            return frame
        return frame[frame["subset"] == ""].reset_index(drop=True)

    @cached_property
    def _index(self) -> dict[tuple[str, str, str, str, str], Metric]:
        frame = self.metrics
        if frame is None:
            return {}
        found: dict[tuple[str, str, str, str, str], Metric] = {}
        for row in frame.to_dict(orient="records"):
            key = (row["model"], row["setting"], row["unit"], row["target"], row["metric"])
            found.setdefault(key, read_metric(row))
        return found

    def metric(self, model: str, setting: str, unit: str, target: str, name: str) -> Metric | None:
        """Return one number, or None when it was not computed."""
        return self._index.get((model, setting, unit, target, name))

    def auc(self, model: str, setting: str, unit: str, target: str) -> Metric | None:
        """Return the AUC under whichever name it is recorded."""
        for name in AUC_NAMES:
            found = self.metric(model, setting, unit, target, name)
            if found is not None:
                return found
        return None

    def _seen(self, column: str) -> list[str]:
        frame = self.metrics
        return [] if frame is None else [str(v) for v in dict.fromkeys(frame[column])]

    @cached_property
    def models(self) -> list[str]:
        """Stagers, the main one first, then negative controls."""
        seen = self._seen("model")
        stagers = [m for m in seen if not is_control(m)]
        stagers.sort(key=lambda m: m != self.main_model)
        return stagers + [m for m in seen if is_control(m)]

    @cached_property
    def settings(self) -> list[str]:
        """Validation settings that were run: known scanners first."""
        seen = self._seen("setting")
        return [s for s in SETTINGS if s in seen] + [s for s in seen if s not in SETTINGS]

    @property
    def inside(self) -> str:
        """The setting of patients like those of training: folds, else the test part."""
        return "test" if "test" in self.settings and "cv" not in self.settings else "cv"

    @property
    def outside(self) -> str:
        """The setting of patients from elsewhere: scanners left out, else the external part."""
        return "external" if "external" in self.settings and "loso" not in self.settings else "loso"

    @cached_property
    def units(self) -> list[str]:
        """Units of analysis that were evaluated: patients first."""
        seen = self._seen("unit")
        return [u for u in UNITS if u in seen] + [u for u in seen if u not in UNITS]

    @cached_property
    def targets(self) -> list[str]:
        """Targets with an AUC: the main one, other comparisons, all stages together."""
        with_auc = [
            t
            for t in self._seen("target")
            if any(k[3] == t and k[4] in AUC_NAMES for k in self._index)
        ]
        with_auc.sort(key=lambda t: (t != self.main_target, t == "stages"))
        return with_auc

    @cached_property
    def main_model(self) -> str:
        """The model named beforehand, else the first stager."""
        given = self.folder.mapping("main").get("model") or self.folder.text("stager")
        seen = self._seen("model")
        if isinstance(given, str) and given in seen:
            return given
        stagers = [m for m in seen if not is_control(m)]
        return (stagers or seen or [str(given or "")])[0]

    @cached_property
    def main_target(self) -> str:
        """The target named beforehand (in full or by its positive side), else the first."""
        given = self.folder.mapping("main").get("target")
        binary = list(dict.fromkeys(k[3] for k in self._index if k[4] == AUC_NAMES[0]))
        known = binary or list(dict.fromkeys(k[3] for k in self._index if k[4] in AUC_NAMES))
        for target in known:
            if given in (target, target.split("_vs_")[0]):
                return target
        return known[0] if known else str(given or "")

    @property
    def named_beforehand(self) -> bool:
        """Tell whether the study itself names the target of the headline."""
        given = self.folder.mapping("main").get("target")
        return bool(given) and given in (self.main_target, self.main_target.split("_vs_")[0])

    @cached_property
    def main_unit(self) -> str:
        """The unit that counts: patients where they were evaluated."""
        return self.units[0] if self.units else "patient"

    @cached_property
    def several_scanners(self) -> bool:
        """Tell whether the cohort names at least two scanners."""
        for name in ("cohort", "predictions"):
            frame = self.folder.table(name)
            if frame is not None and "scanner" in frame:
                return len(set(frame["scanner"]) - {""}) > 1
        return False

    def in_order(self, targets: Iterable[str]) -> list[str]:
        """Return targets, each once, in the order of :attr:`targets`; unknown ones come last."""
        order = {t: i for i, t in enumerate(self.targets)}
        return sorted(dict.fromkeys(targets), key=lambda t: order.get(t, len(order)))

    def setting_name(self, setting: str) -> str:
        """Return a setting's display name; "known scanners" only where there are several."""
        if setting == "cv" and not (self.several_scanners or "loso" in self.settings):
            return "cross-validation"
        return setting_label(setting)

    def target_title(self, target: str) -> str:
        """Return a target's display name for headings, beginning with a capital."""
        name = self.target_name(target)
        return f"{name[:1].upper()}{name[1:]}"

    def target_name(self, target: str) -> str:
        """Return a target's display name."""
        return target_label(target, self.levels, self.labels)

    def stage_name(self, value: str) -> str:
        """Return a stage's display label; other spellings of it are recognised."""
        if value in self.labels:
            return self.labels[value]
        return self.labels.get(value.lower(), value)

    def note_text(self, note: str) -> str:
        """Return a note of the metrics with stages under their display labels."""
        found = _STAGES_IN_NOTE.search(note)
        if found is None:
            return note
        names = ", ".join(self.stage_name(v) for v in found[1].split(", "))
        return f"{note[: found.start(1)]}{names}{note[found.end(1) :]}"

    def model_name(self, model: str) -> str:
        """Return a model's display name."""
        return model_label(model)

    @cached_property
    def _book(self) -> dict[str, tuple[str, str]]:
        """Channel and unit of every feature column that the codebook describes."""
        book = self.folder.table("codebook")
        if book is None:
            return {}
        parts = (book.get(c, pd.Series("", index=book.index)) for c in ("channel", "unit"))
        return dict(zip(book["column"], zip(*parts, strict=True), strict=True))

    def channel_of(self, column: str) -> str:
        """Return the channel of a feature column, "" when the codebook does not know it."""
        return self._book.get(column, ("", ""))[0]

    def unit_of(self, column: str) -> str:
        """Return the unit of a feature column, "" for a pure number."""
        unit = self._book.get(column, ("", ""))[1]
        return "" if unit == "1" else shorten(unit, 20)

    @cached_property
    def units_agree(self) -> bool:
        """Tell whether every patient has one row, so that both units are the same."""
        pairs = [
            (m.n, m.n_patients)
            for k, m in self._index.items()
            if k[2] == "row" and math.isfinite(m.n) and math.isfinite(m.n_patients)
        ]
        return bool(pairs) and all(n == patients for n, patients in pairs)
