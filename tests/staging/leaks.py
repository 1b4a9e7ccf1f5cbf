"""A stager that shows whether folds keep patients apart."""

from __future__ import annotations

import numpy as np

from radiofib.staging.meta import MetaStager


class Memory(MetaStager):
    """Remembers the stage of each name in a context column; even odds for names it never saw."""

    def __init__(self, column="patient", scanner_column=None, random_state=0):
        self.column = column
        self.scanner_column = scanner_column
        self.random_state = random_state

    patient_column = None

    @property
    def context_columns(self):
        return (self.column,)

    def _fit_rows(self, rows):
        names = rows.context[self.column].to_numpy(dtype=str)
        self.shares_ = {
            name: np.mean(rows.y[names == name][:, None] == self.classes_, axis=0)
            for name in sorted(set(names))
        }

    def _rows_proba(self, X, context):
        even = np.full(self.classes_.size, 1 / self.classes_.size)
        names = context[self.column].to_numpy(dtype=str)
        return np.array([self.shares_.get(name, even) for name in names])
